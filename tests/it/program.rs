//! The built program: where it is, running it to its end, and running it beside the test.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a trial that waits this long has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Path of the program: `WEIRKEEPER_BIN`, else built by cargo in the profile of this test binary.
pub fn path() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| find().map_err(|e| format!("{e:#}"))).clone().map_err(anyhow::Error::msg)
}

fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WEIRKEEPER_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe()?;
    let folder = this.parent().and_then(Path::parent).context("the test binary is not in target/PROFILE/deps")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        build(&cargo, folder.file_name() == Some(OsStr::new("release")))?;
    }
    let path = folder.join("weirkeeper");
    if !path.is_file() {
        bail!("{} is not there: run these tests with cargo, or set WEIRKEEPER_BIN", path.display());
    }
    Ok(path)
}

/// `cargo test` builds a package's program only for the integration tests of that same package, so it is asked for here.
fn build(cargo: &OsStr, release: bool) -> Result<()> {
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "weirkeeper", "--bin", "weirkeeper"]);
    command.args(release.then_some("--release")).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let status = command.status().context("cargo build")?;
    if status.success() { Ok(()) } else { bail!("cargo build -p weirkeeper: {status}") }
}

/// A command line of the program in a clean environment: no variable of ours, no colour, no input.
pub fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Result<Command> {
    let mut command = Command::new(path()?);
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("WEIRKEEPER_")) {
        command.env_remove(name);
    }
    command.args(args).env("NO_COLOR", "1").env_remove("RUST_LOG").stdin(Stdio::null());
    Ok(command)
}

/// What a run to the end gave.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; absent: killed by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the program to its end.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Result<Ended> {
    let mut running = Running::start(&mut command(args)?)?;
    running.wait(PATIENCE)
}

/// The program beside the test. Killed when dropped.
pub struct Running {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Running {
    /// Starts it and collects its output.
    pub fn start(command: &mut Command) -> Result<Running> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting weirkeeper")?;
        let mut readers = Vec::new();
        let stdout = collect(child.stdout.take(), &mut readers);
        let stderr = collect(child.stderr.take(), &mut readers);
        Ok(Running { child, readers, stdout, stderr })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().map(|s| s.clone()).unwrap_or_default()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|s| s.clone()).unwrap_or_default()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name (`TERM`, `INT`, `STOP`, `CONT`).
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status()?;
        if status.success() { Ok(()) } else { bail!("kill -{name}: {status}") }
    }

    /// Waits until `what` gives something, asking again and again.
    pub fn until<T>(&mut self, why: &str, mut what: impl FnMut(&Running) -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = what(self) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status} while waiting for {why}\n{}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("waited in vain for {why}\n{}", self.stderr())
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> Result<Ended> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.readers.drain(..).for_each(|reader| drop(reader.join()));
                return Ok(Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() });
            }
            if Instant::now() > end {
                bail!("did not end within {patience:?}\n{}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end on a thread of its own, so that the program never waits for the test.
fn collect(pipe: Option<impl Read + Send + 'static>, readers: &mut Vec<JoinHandle<()>>) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    if let Some(pipe) = pipe {
        readers.push(std::thread::spawn(move || copy_lines(pipe, &into)));
    }
    text
}

fn copy_lines(pipe: impl Read, into: &Mutex<String>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        if let Ok(mut text) = into.lock() {
            text.push_str(&String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}
