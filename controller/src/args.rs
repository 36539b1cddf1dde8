//! The command line, as typed. Nothing is decided here: [`crate::settings`] makes one configuration of it.

use crate::settings::{Output, Span};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Keeps Apache Flink jobs at the right size: reads them, decides by policy, rescales in place, verifies, undoes.
#[derive(Debug, Parser)]
#[command(name = "weirkeeper", version, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done; 1 problems were found, or the answer is no; 2 it could not be done.\n\
                        A flag comes before its environment variable, that before the file of --config, that before the default.")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Form of the log on standard error [default: text]
    #[arg(
        long,
        global = true,
        value_enum,
        env = "WEIRKEEPER_LOG_FORMAT",
        value_name = "FORM",
        help_heading = "Global options"
    )]
    pub log_format: Option<LogFormat>,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Say only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
    /// Colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    pub color: ColorWhen,
}

/// Form of the log.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch clusters and keep their jobs at the right size (by default it only recommends)
    Run(RunArgs),
    /// Watch for a while, and say what would be changed and why; nothing is touched
    Recommend(RecommendArgs),
    /// Find the problems of policy and scenario files
    Check(CheckArgs),
    /// Run the inline tests of policy files
    Test(PathsArgs),
    /// Show it at work on a simulated cluster, faster than the clock
    Demo(DemoArgs),
    /// Play scenarios on a simulated cluster, and say what came of them
    Simulate(SimulateArgs),
    /// Say why, or why not, with every number
    Explain(ExplainArgs),
    /// List, show, approve and reject rescales
    Actions(ActionsArgs),
    /// Stop acting, on one job or on all
    Pause(PauseArgs),
    /// Act again
    Resume(ResumeArgs),
    /// Record a job: live from Flink, or of any time from Prometheus
    Record(RecordArgs),
    /// Go through a recording: what would have been decided, when and why; nothing is touched
    Replay(ReplayArgs),
    /// Put Flink's REST API in front of a simulated cluster
    Serve(ServeArgs),
    /// Make a scenario out of a recording: what a simulated world must be like to behave as the recorded one did
    Fit(FitArgs),
    /// Hold the simulator to recorded runs: each simulated from what another of the same job tells
    Fidelity(FidelityArgs),
    /// Make Weirkeeper's own files out of others'
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print a JSON Schema for editors
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// What `run` and `recommend` share.
#[derive(Clone, Debug, Default, Args)]
pub struct WatchArgs {
    /// A Flink REST API, as http://host:8081, or the name of a cluster in the file of --config; may be repeated
    #[arg(long, env = "WEIRKEEPER_FLINK", hide_env_values = true, value_delimiter = ',', value_name = "URL")]
    pub flink: Vec<String>,
    /// A Prometheus that scrapes Flink's reporter: figures come from it, state and actions go through Flink
    #[arg(long, env = "WEIRKEEPER_PROMETHEUS", hide_env_values = true, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Folder of policy files [default: the built-in policy, which recommends]
    #[arg(long, env = "WEIRKEEPER_POLICIES", value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// How often jobs are read [default: 15s]
    #[arg(long, env = "WEIRKEEPER_INTERVAL", value_name = "DURATION")]
    pub interval: Option<Span>,
    /// A configuration file (YAML); `weirkeeper schema config` describes it
    #[arg(long, env = "WEIRKEEPER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Exit codes: 0 it was told to stop (SIGINT, SIGTERM); 2 it could not start.\n\
                        The kill switch is the file STATE.pause beside the state file: while it is there, nothing is done.")]
pub struct RunArgs {
    /// What to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// The state file, one per process [default: weirkeeper/state.redb in the user's state folder]
    #[arg(long, env = "WEIRKEEPER_STATE", value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Where to serve the API, health and figures [default: 127.0.0.1:8090]
    #[arg(long, env = "WEIRKEEPER_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
}

/// Options of `recommend`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 jobs were read, with advice or without; 2 nothing could be observed.\n\
                        Only the result is on standard output; log and progress are on standard error.")]
pub struct RecommendArgs {
    /// What to watch.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// How long to watch
    #[arg(long = "for", env = "WEIRKEEPER_FOR", value_name = "DURATION", default_value = "2m")]
    pub watch_for: Span,
    /// Form of the result
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: RecommendOutput,
}

/// Form of what `recommend` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecommendOutput {
    /// For people
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 all is well; 1 problems; 2 a path could not be read.")]
pub struct CheckArgs {
    /// Policy and scenario files, or folders of them [default: ./policies where it is there, else the built-in policies]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Files or folders.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 all is well; 1 problems or failing tests; 2 a path could not be read.")]
pub struct PathsArgs {
    /// Policy files, or folders of them [default: ./policies where it is there, else the built-in policies]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 it was ended with Ctrl-C; 2 it could not start.\n\
                        It needs no Flink and touches nothing: the cluster is simulated in this process.")]
pub struct DemoArgs {
    /// A scenario file [default: a rush hour, a restart loop, slow checkpoints and a hot key]
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Times as fast as the clock
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = speed)]
    pub speed: f64,
    /// Where to serve the API of `run`, on this machine
    #[arg(long, value_name = "PORT", default_value_t = 8088)]
    pub port: u16,
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| *n > 0.0 && *n <= 100_000.0);
    number.ok_or_else(|| "write a number above 0 and up to 100000".to_owned())
}

/// Options of `simulate`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 played to the end; 1 something happened that may never happen; 2 it could not be played.\n\
                        The same scenarios, policies and seeds give the same output, to the byte, on every machine."
)]
#[command(group(clap::ArgGroup::new("played").required(true).multiple(true).args(["scenarios", "chaos"])))]
pub struct SimulateArgs {
    /// Scenario files, or folders of them
    #[arg(value_name = "SCENARIO", conflicts_with = "chaos")]
    pub scenarios: Vec<PathBuf>,
    /// What arrives, instead of the scenario's own load: a CSV file with a column of times and one of records/s
    #[arg(long, value_name = "CSV")]
    pub trace: Option<PathBuf>,
    /// Scale the trace so that its highest is this many records/s
    #[arg(long, value_name = "N", requires = "trace")]
    pub trace_peak: Option<f64>,
    /// Everything that arrives, times this; and say whether each job holds it
    #[arg(long, value_name = "2x")]
    pub load: Option<Times>,
    /// Folder of policy files; modes recommend and approve count as auto [default: the built-in policy]
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// Who scales: weirkeeper, static, hpa, keda, ds2, operator
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "weirkeeper")]
    pub controller: Vec<String>,
    /// An option of a controller, as CONTROLLER.OPTION=VALUE; may be repeated
    #[arg(long, value_name = "OPTION")]
    pub set: Vec<String>,
    /// Seed of all noise [default: the scenario's own]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// So many seeds, counted up from that one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub seeds: u64,
    /// Random worlds and faults instead of scenarios, one per seed
    #[arg(long)]
    pub chaos: bool,
    /// How long each is played [default: as the scenario says]
    #[arg(long, value_name = "DURATION")]
    pub duration: Option<Span>,
    /// Threads; the output does not depend on them [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// A factor, as `2x` or `2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times(pub f64);

impl std::str::FromStr for Times {
    type Err = String;

    fn from_str(text: &str) -> Result<Times, String> {
        let number = text.strip_suffix(['x', 'X']).unwrap_or(text).parse::<f64>().ok();
        let good = number.filter(|n| n.is_finite() && *n > 0.0);
        good.map(Times).ok_or_else(|| "write a number above 0, as 2x or 1.5x".to_owned())
    }
}

/// How to reach a running `weirkeeper run`.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The running weirkeeper
    #[arg(long, env = "WEIRKEEPER_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8090")]
    pub server: String,
    /// The file with its token [default: STATE.token beside the state file]
    #[arg(long, env = "WEIRKEEPER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 explained; 1 there is no such job or action; 2 the server could not be asked.")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["job", "id"])))]
pub struct ExplainArgs {
    /// Name of a job
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// A run, as run-12, or a decision, by its number
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Decisions to show
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub last: usize,
    /// Form of the result
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Options of `actions`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done; 1 there is no such action, or it cannot be approved or rejected any more; 2 the server could not be asked."
)]
pub struct ActionsArgs {
    /// What; list when left out.
    #[command(subcommand)]
    pub what: Option<ActionsCommand>,
    /// Form of the result
    #[arg(short, long, global = true, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
    /// The server.
    #[command(flatten)]
    pub server: ActionsServerArgs,
}

/// As [`ServerArgs`], for every command below `actions`.
#[derive(Clone, Debug, Args)]
pub struct ActionsServerArgs {
    /// The running weirkeeper
    #[arg(long, global = true, env = "WEIRKEEPER_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8090")]
    pub server: String,
    /// The file with its token [default: STATE.token beside the state file]
    #[arg(long, global = true, env = "WEIRKEEPER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl From<ActionsServerArgs> for ServerArgs {
    fn from(args: ActionsServerArgs) -> ServerArgs {
        ServerArgs { server: args.server, token_file: args.token_file }
    }
}

/// What to do with actions.
#[derive(Clone, Debug, Subcommand)]
pub enum ActionsCommand {
    /// All that are under way or wait for a person, and the newest that ended
    List,
    /// One, with its plan and its reasons
    Show {
        /// Its id, as run-12
        id: String,
    },
    /// Have it done
    Approve {
        /// Its id, as run-12
        id: String,
        /// Hash of the plan that was looked at [default: the plan as it is now, which is printed]
        #[arg(long, value_name = "HASH")]
        plan_hash: Option<String>,
        /// Who approves [default: the user]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Have it not done
    Reject {
        /// Its id, as run-12
        id: String,
        /// Who rejects [default: the user]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

/// Which kinds of effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Scale-ups
    Up,
    /// Scale-downs
    Down,
    /// Everything that is not a rescale
    Remedies,
}

impl Only {
    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Only::Up => "up",
            Only::Down => "down",
            Only::Remedies => "remedies",
        }
    }
}

/// Options of `pause`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 paused; 1 refused; 2 the server could not be asked.\n\
                        Where the server does not answer, the kill switch does: touch STATE.pause beside its state file.")]
pub struct PauseArgs {
    /// Only this job [default: all]
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Only these effects [default: everything]
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,
    /// Until then: a duration from now (2h) or a time (2026-01-31T08:00:00Z) [default: until resumed]
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Why: shown wherever it holds something back
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who pauses [default: the user]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Options of `resume`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 resumed; 1 refused; 2 the server could not be asked.")]
pub struct ResumeArgs {
    /// Only this job [default: all, also those that were paused one by one]
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Only these effects [default: everything]
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,
    /// Why: goes into the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who resumes [default: the user]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// What to import.
#[derive(Clone, Debug, Subcommand)]
pub enum ImportCommand {
    /// Make a recording out of CSV files; a mapping says what their columns are
    Csv(ImportCsvArgs),
}

/// Options of `import csv`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 imported; 1 the mapping or a file has problems; 2 a file could not be read or written.\n\
                        docs/examples has mappings; docs/recordings.md describes them."
)]
pub struct ImportCsvArgs {
    /// The mapping file (YAML)
    #[arg(value_name = "MAPPING.yaml")]
    pub mapping: PathBuf,
    /// Folder that the mapping's files are seen from [default: the mapping's own]
    #[arg(long, value_name = "DIR")]
    pub input: Option<PathBuf>,
    /// Name of the job [default: the mapping's]
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// The recording to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Options of `record`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 recorded; 1 there is no such job, or nothing of it in that time; 2 a server could not be asked, or the file not written.\n\
                        Live, Ctrl-C or SIGTERM ends the recording, and the file is complete.\n\
                        Prometheus does not know the job graph: give --flink beside --prometheus, or nothing can be decided from the recording."
)]
#[command(group(clap::ArgGroup::new("from-where").required(true).multiple(true).args(["flink", "prometheus"])))]
pub struct RecordArgs {
    /// The Flink REST API, as http://host:8081, or the name of a cluster in the file of --config
    #[arg(long, env = "WEIRKEEPER_FLINK", hide_env_values = true, value_name = "URL")]
    pub flink: Option<String>,
    /// A Prometheus that scrapes Flink's reporter, as http://host:9090
    #[arg(long, env = "WEIRKEEPER_PROMETHEUS", hide_env_values = true, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Name of the job
    #[arg(long, value_name = "NAME")]
    pub job: String,
    /// From Prometheus: the first time (2026-01-31T08:00:00Z), or how long ago (24h)
    #[arg(long, value_name = "T", requires = "prometheus")]
    pub from: Option<String>,
    /// From Prometheus: the last time, or how long ago [default: now]
    #[arg(long, value_name = "T", requires = "prometheus")]
    pub to: Option<String>,
    /// How often the job is read, or the step from Prometheus [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub interval: Option<Span>,
    /// Live: for how long [default: until told to stop]
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "prometheus")]
    pub record_for: Option<Span>,
    /// A configuration file (YAML) with the cluster's credentials
    #[arg(long, env = "WEIRKEEPER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The recording to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Options of `replay`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 replayed, whatever was decided; 1 the recording is damaged or nothing can be decided from it; \
                        2 a file could not be read or written."
)]
pub struct ReplayArgs {
    /// The recording
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder of policy files [default: the built-in policy]
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// Folder of other policy files: both are replayed, side by side
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// How often the job is looked at [default: 15s, or as often as it was recorded where that is less often]
    #[arg(long, value_name = "DURATION")]
    pub interval: Option<Span>,
    /// Write a page with charts, the decisions, and what could not be judged
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it was told to stop (SIGINT, SIGTERM); 2 the scenario or the port could not be used.\n\
                        At speed N everything happens N times as fast, rates and all; clocks stay true."
)]
pub struct ServeArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Each job so many times, with as much more room
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub copies: u32,
    /// Times real time
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = speed)]
    pub speed: f64,
    /// The port; 0: any that is free
    #[arg(long, default_value_t = 8081, value_name = "PORT")]
    pub port: u16,
    /// The address: whoever reaches it can stop the simulated jobs
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDR")]
    pub bind: String,
    /// Seed of all noise [default: the scenario's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Options of `fit`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 written; 1 the recording is damaged or holds nothing; 2 a file could not be read or written.\n\
                        What the recording does not tell is a default, and is said to be one."
)]
pub struct FitArgs {
    /// The recording
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The scenario to write; its load goes into a CSV file beside it
    #[arg(short, long, value_name = "SCENARIO")]
    pub output: PathBuf,
}

/// Options of `fidelity`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 compared; 1 there is nothing to compare; 2 a file could not be read or written.")]
pub struct FidelityArgs {
    /// A folder of jobs, each with input.csv.xz and a folder per run (static*, reactive*, operator*; others are only fitted on)
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Folder of the mappings: JOB.yaml or demeter-JOB.yaml
    #[arg(long, value_name = "DIR", default_value = "docs/examples")]
    pub mappings: PathBuf,
    /// The page to write [default: printed]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `schema`.
#[derive(Clone, Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, value_name = "KIND")]
    pub kind: SchemaKind,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Policy files
    Policy,
    /// Scenario files
    Scenario,
    /// The file of --config
    Config,
}

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}
