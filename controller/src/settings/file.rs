//! The configuration file, as written, with the position of every problem.

use super::Span;
use crate::args::LogFormat;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The configuration file of weirkeeper.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Weirkeeper configuration")]
pub struct File {
    /// The Flink clusters to watch.
    #[serde(default)]
    pub clusters: Vec<FileCluster>,
    /// How often jobs are read, as 15s.
    pub interval: Option<Span>,
    /// Folder of policy files.
    pub policies: Option<PathBuf>,
    /// The state file.
    pub state: Option<PathBuf>,
    /// Where to serve the API, as 127.0.0.1:8090.
    pub listen: Option<String>,
    /// The log.
    #[serde(default)]
    pub log: FileLog,
}

/// The log.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileLog {
    /// Its form.
    pub format: Option<LogFormat>,
    /// How much.
    pub level: Option<Level>,
}

/// How much to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Errors.
    Error,
    /// And warnings.
    Warn,
    /// And decisions.
    #[default]
    Info,
    /// And calls.
    Debug,
    /// Everything.
    Trace,
}

/// A Flink cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileCluster {
    /// Its REST API, as `https://flink.example.org/team-a`. Secrets do not belong here: see `auth`.
    pub url: String,
    /// What it is called in logs and policies' decisions; the URL where absent.
    pub name: Option<String>,
    /// A Prometheus that scrapes this cluster's reporter: figures come from it.
    pub prometheus: Option<String>,
    /// Who we are.
    #[serde(default)]
    pub auth: FileAuth,
    /// Whom we trust.
    #[serde(default)]
    pub tls: FileTls,
    /// Longest a call may take, as 10s.
    pub timeout: Option<Span>,
    /// Calls per second.
    pub requests_per_second: Option<u32>,
    /// Calls at once.
    pub max_concurrent: Option<u32>,
}

/// Who we are to a cluster: one of the two, or neither.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileAuth {
    /// User and password.
    pub basic: Option<FileBasic>,
    /// A token.
    pub bearer: Option<FileBearer>,
}

/// User and password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileBasic {
    /// The user.
    pub user: String,
    /// The file that holds the password.
    pub password_file: PathBuf,
}

/// A token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileBearer {
    /// The file that holds the token; read again when it changes.
    pub token_file: PathBuf,
}

/// Whom we trust, and our certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileTls {
    /// PEM file of the only authorities to trust; the system's where absent.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
}

/// A problem of the file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1.
    pub place: Option<(u64, u64)>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place.unwrap_or((1, 1));
        write!(f, "{}:{line}:{column}: config: {}", self.path.display(), self.message)
    }
}

/// Reads the file.
pub fn read(path: &Path) -> Result<File, Problem> {
    let problem = |place, message| Problem { path: path.to_owned(), place, message };
    let text = std::fs::read_to_string(path).map_err(|e| problem(None, format!("cannot be read: {e}")))?;
    parse(&text).map_err(|(place, message)| problem(place, message))
}

type Placed = (Option<(u64, u64)>, String);

fn parse(text: &str) -> Result<File, Placed> {
    if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(File::default());
    }
    serde_yaml::from_str(text).map_err(|e| {
        let place = e.location().map(|l| (l.line(), l.column()));
        (place, plain(&e.without_snippet().to_string()))
    })
}

/// The message without the place, which is told once, and on one line.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let cut = first.find(" at line ").unwrap_or(first.len());
    first[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file() {
        let file = parse(
            "clusters:\n- { url: http://a:1, name: prod, auth: { bearer: { tokenFile: t } }, tls: { ca: c }, timeout: 5s }\n\
             interval: 10s\nlisten: 127.0.0.1:1\nlog: { format: json, level: warn }\n",
        )
        .unwrap();
        assert_eq!(file.clusters[0].name.as_deref(), Some("prod"));
        assert_eq!(file.interval.unwrap().to_string(), "10s");
        assert_eq!((file.log.format, file.log.level), (Some(LogFormat::Json), Some(Level::Warn)));
        assert!(parse("# only a comment\n\n").unwrap().clusters.is_empty());
    }

    #[test]
    fn problems_have_line_and_column() {
        let cases = [
            ("interval: 15s\nintervall: 15s\n", 2, "intervall"),
            ("interval: soon\n", 1, "duration"),
            ("clusters:\n  - url: http://a\n    timeout: 5\n", 3, "duration"),
            ("log:\n  level: loud\n", 2, "loud"),
            ("clusters: [ {} ]\n", 1, "url"),
            ("interval: 15s\ninterval: 16s\n", 2, ""),
        ];
        for (text, line, word) in cases {
            let (place, message) = parse(text).unwrap_err();
            assert_eq!(place.map(|p| p.0), Some(line), "{text}: {message}");
            assert!(message.contains(word) && !message.contains('\n'), "{message}");
        }
    }
}
