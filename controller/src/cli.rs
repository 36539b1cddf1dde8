//! From the command line to an exit code.

use crate::args::{Cli, Command, Global, ImportCommand, SchemaKind};
use crate::exit::{CANNOT, OK, Stop};
use crate::settings::Level;
use crate::{
    client, cmd_check, cmd_schema, cmd_test, demo, fit, import, logging, recommend, record, replay, run, serve,
    simulate,
};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::future::Future;
use std::io::{Write, stderr, stdout};

/// Runs the command line; gives the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    match Cli::try_parse_from(args) {
        Ok(cli) => finish(dispatch(&cli.global, cli.command)),
        Err(e) => {
            // A closed pipe is nobody to tell.
            let _ = e.print();
            if e.use_stderr() { CANNOT } else { OK }
        }
    }
}

fn finish(result: Result<u8, Stop>) -> u8 {
    match result {
        Ok(code) => code,
        Err(stop) => {
            for message in &stop.messages {
                let program = if stop.bare { "" } else { "weirkeeper: " };
                let _ = writeln!(stderr(), "{program}{message}");
            }
            stop.code
        }
    }
}

fn dispatch(global: &Global, command: Command) -> Result<u8, Stop> {
    match command {
        Command::Run(args) => block_on(run::command::run(global, &args)),
        Command::Recommend(args) => block_on(recommend::run(global, &args)),
        Command::Record(args) => block_on(record::run(global, &args)),
        Command::Replay(args) => {
            log(global);
            replay::run(global, &args)
        }
        Command::Serve(args) => block_on(serve::run(global, &args)),
        Command::Fit(args) => {
            log(global);
            fit::run(global, &args)
        }
        Command::Fidelity(args) => {
            log(global);
            fit::fidelity::run(&args)
        }
        Command::Import(ImportCommand::Csv(args)) => {
            log(global);
            import::csv(&args)
        }
        Command::Schema(args) => schema(args.kind),
        Command::Completions(args) => {
            clap_complete::generate(args.shell, &mut Cli::command(), "weirkeeper", &mut stdout());
            Ok(OK)
        }
        Command::Check(args) => Ok(cmd_check::run(&args.paths, &mut stdout(), &mut stderr())),
        Command::Test(args) => Ok(cmd_test::run(&args.paths, &mut stdout(), &mut stderr())),
        Command::Demo(args) => block_on(demo::run(global, &args)),
        Command::Simulate(args) => simulate::run(global, &args),
        Command::Explain(args) => block_on(client::explain::run(args)),
        Command::Actions(args) => block_on(client::actions::run(args)),
        Command::Pause(args) => block_on(client::pause::pause(args)),
        Command::Resume(args) => block_on(client::pause::resume(args)),
    }
}

/// Commands that only work through files log what a person should know, and nothing else unless asked.
fn log(global: &Global) {
    let format = global.log_format.unwrap_or_default();
    logging::start(logging::level(global, Some(Level::Warn)), format, global.color);
}

fn schema(kind: SchemaKind) -> Result<u8, Stop> {
    match kind {
        SchemaKind::Policy => Ok(cmd_schema::run("policy", &mut stdout(), &mut stderr())),
        SchemaKind::Scenario => Ok(cmd_schema::run("scenario", &mut stdout(), &mut stderr())),
        SchemaKind::Config => print(&crate::settings::schema()),
    }
}

/// Prints a result. A reader that has gone (`| head`) is no error.
pub fn print(text: &str) -> Result<u8, Stop> {
    match writeln!(stdout(), "{}", text.trim_end()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Stop::broke(e)),
        _ => Ok(OK),
    }
}

/// Two threads do: most of the time goes into waiting for answers, and the loop has a thread of its own.
const THREADS: usize = 2;

/// Runs a future to its end.
fn block_on<F: Future<Output = Result<u8, Stop>>>(future: F) -> Result<u8, Stop> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(THREADS).enable_all().build().map_err(Stop::broke)?.block_on(future)
}
