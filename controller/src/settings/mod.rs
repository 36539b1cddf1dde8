//! One configuration out of flags, environment, file and defaults. Everything after this sees only [`Settings`].

mod file;
mod resolve;
mod span;

pub use file::{File, Level, Problem};
pub use resolve::{default_state, resolve};
pub use span::Span;

use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// JSON
    Json,
}

/// Everything that is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to watch; at least one.
    pub clusters: Vec<ClusterSettings>,
    /// How often jobs are read.
    pub interval: Duration,
    /// Folder of policy files; absent: the built-in policy.
    pub policies: Option<PathBuf>,
    /// The state file.
    pub state: PathBuf,
    /// Where to serve the API.
    pub listen: SocketAddr,
}

/// A cluster to watch. Its `Debug` shows no secret: those are in files, or in a URL that is never shown whole.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// What it is called; the URL without credentials where nothing else is given.
    pub name: String,
    /// Its REST API, with credentials if they stand there.
    pub url: String,
    /// A Prometheus that its figures come from, with credentials if they stand there.
    pub prometheus: Option<String>,
    /// Who we are.
    pub auth: AuthSettings,
    /// Whom we trust.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Longest a call may take.
    pub timeout: Option<Duration>,
    /// Calls per second.
    pub requests_per_second: Option<u32>,
    /// Calls at once.
    pub max_concurrent: Option<u32>,
}

impl std::fmt::Debug for ClusterSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who we are to a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthSettings {
    /// Nobody, or whoever stands in the URL.
    #[default]
    None,
    /// User, and the file that holds the password.
    Basic(String, PathBuf),
    /// The file that holds the token.
    Bearer(PathBuf),
}

/// JSON Schema of the configuration file.
pub fn schema() -> String {
    let schema = schemars::schema_for!(File);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
