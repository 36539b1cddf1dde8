//! Flags and environment before the file, the file before the default. All problems at once.

use super::file::{self, File, FileAuth, FileCluster, FileTls, Problem};
use super::{AuthSettings, ClusterSettings, Settings};
use crate::args::{RunArgs, WatchArgs};
use crate::flink::endpoint::Endpoint;
use crate::prometheus::Client;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(15);
/// Flink's metrics move at most once a second, and only where that is configured.
const SHORTEST: Duration = Duration::from_secs(1);
const LISTEN: &str = "127.0.0.1:8090";

/// Makes the configuration, with what the file says of the log; or gives every problem.
pub fn resolve(args: &RunArgs) -> Result<(Settings, file::FileLog), Vec<String>> {
    let watch = &args.watch;
    let file = match &watch.config {
        Some(path) => file::read(path).map_err(|problem| vec![problem.to_string()])?,
        None => File::default(),
    };
    let mut problems = Vec::new();
    let clusters = clusters(watch, &file, &mut problems);
    let interval = watch.interval.or(file.interval).map_or(INTERVAL, |s| s.0);
    if interval < SHORTEST {
        problems.push("the interval is shorter than 1s, and Flink's figures do not move that often".into());
    }
    let listen = args.listen.as_deref().or(file.listen.as_deref()).unwrap_or(LISTEN);
    let listen = address(listen).map_err(|p| problems.push(p)).ok();
    let state = args.state.clone().or_else(|| file.state.clone()).or_else(default_state);
    if state.is_none() {
        problems.push("there is no home folder for the state file: give one with --state FILE".into());
    }
    let policies = watch.policies.clone().or_else(|| file.policies.clone());
    match (listen, state, problems.is_empty()) {
        (Some(listen), Some(state), true) => Ok((Settings { clusters, interval, policies, state, listen }, file.log)),
        _ => Err(problems),
    }
}

/// `weirkeeper/state.redb` in `XDG_STATE_HOME`, else in `~/.local/state`.
pub fn default_state() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")))?;
    Some(base.join("weirkeeper/state.redb"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let bad = |why: String| format!("--listen {text}: {why}; it looks like {LISTEN}");
    let mut found = text.to_socket_addrs().map_err(|e| bad(e.to_string()))?;
    found.next().ok_or_else(|| bad("no such address".into()))
}

/// The clusters of the flags, where there are any, else those of the file.
fn clusters(watch: &WatchArgs, file: &File, problems: &mut Vec<String>) -> Vec<ClusterSettings> {
    let chosen: Vec<FileCluster> = match watch.flink.is_empty() {
        true => file.clusters.clone(),
        false => watch.flink.iter().map(|flag| named(flag, file)).collect(),
    };
    if chosen.is_empty() {
        problems.push("nothing to watch: give a cluster with --flink URL, or clusters in the file of --config".into());
    }
    let told = |c: FileCluster| FileCluster { prometheus: watch.prometheus.clone().or(c.prometheus), ..c };
    let made = chosen.into_iter().map(told).map(cluster).collect::<Vec<_>>();
    let mut out: Vec<ClusterSettings> = Vec::new();
    for result in made {
        match result {
            Ok(c) if out.iter().any(|o| o.name == c.name) => {
                problems.push(format!("two clusters are called {}", c.name))
            }
            Ok(c) => out.push(c),
            Err(problem) => problems.push(problem),
        }
    }
    out
}

/// A flag that is the name or the URL of a cluster in the file means that cluster, with its credentials.
fn named(flag: &str, file: &File) -> FileCluster {
    let is = |c: &&FileCluster| c.name.as_deref() == Some(flag) || c.url == flag;
    file.clusters.iter().find(is).cloned().unwrap_or_else(|| FileCluster {
        url: flag.to_owned(),
        name: None,
        prometheus: None,
        auth: FileAuth::default(),
        tls: FileTls::default(),
        timeout: None,
        requests_per_second: None,
        max_concurrent: None,
    })
}

fn cluster(c: FileCluster) -> Result<ClusterSettings, String> {
    let endpoint = Endpoint::parse(&c.url).map_err(|e| e.to_string())?;
    let name = c.name.unwrap_or_else(|| endpoint.name().to_owned());
    let identity = match (c.tls.certificate, c.tls.key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(format!("cluster {name}: tls needs certificate and key, or neither")),
    };
    if let Some(url) = &c.prometheus {
        Client::new(url).map_err(|why| format!("cluster {name}: {why}"))?;
    }
    let zero = |v: Option<u32>| v == Some(0);
    if zero(c.requests_per_second) || zero(c.max_concurrent) || c.timeout.is_some_and(|t| t.0.is_zero()) {
        return Err(format!("cluster {name}: timeout, requestsPerSecond and maxConcurrent must be above zero"));
    }
    Ok(ClusterSettings {
        auth: auth(&name, c.auth)?,
        name,
        url: c.url,
        prometheus: c.prometheus,
        ca: c.tls.ca,
        identity,
        timeout: c.timeout.map(|t| t.0),
        requests_per_second: c.requests_per_second,
        max_concurrent: c.max_concurrent,
    })
}

fn auth(name: &str, auth: FileAuth) -> Result<AuthSettings, String> {
    match (auth.basic, auth.bearer) {
        (None, None) => Ok(AuthSettings::None),
        (Some(basic), None) => Ok(AuthSettings::Basic(basic.user, basic.password_file)),
        (None, Some(bearer)) => Ok(AuthSettings::Bearer(bearer.token_file)),
        (Some(_), Some(_)) => Err(format!("cluster {name}: auth is basic or bearer, not both")),
    }
}

/// A problem of the file reads the same everywhere.
impl From<Problem> for String {
    fn from(problem: Problem) -> String {
        problem.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Span;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn args(config: Option<PathBuf>) -> RunArgs {
        RunArgs { watch: WatchArgs { config, ..WatchArgs::default() }, ..RunArgs::default() }
    }

    #[test]
    fn flag_before_file_before_default() {
        let (_dir, path) = file(
            "clusters: [ { url: 'http://a:1', name: prod } ]\ninterval: 20s\nlisten: 127.0.0.1:7\nstate: /f/s\npolicies: /f/p\n",
        );
        let from_file = resolve(&args(Some(path.clone()))).unwrap().0;
        assert_eq!((from_file.interval.as_secs(), from_file.listen.port()), (20, 7));
        assert_eq!((from_file.state.to_str(), from_file.policies.as_deref()), (Some("/f/s"), Some("/f/p".as_ref())));
        assert_eq!(from_file.clusters[0].name, "prod");

        let mut flags = args(Some(path));
        flags.watch.interval = Some(Span(Duration::from_secs(5)));
        flags.watch.flink = vec!["http://b:2/x/".into()];
        flags.watch.policies = Some("/p".into());
        (flags.state, flags.listen) = (Some("/s".into()), Some("127.0.0.1:9".into()));
        let from_flags = resolve(&flags).unwrap().0;
        assert_eq!((from_flags.interval.as_secs(), from_flags.listen.port()), (5, 9));
        assert_eq!((from_flags.state.to_str(), from_flags.policies.as_deref()), (Some("/s"), Some("/p".as_ref())));
        assert_eq!(from_flags.clusters.len(), 1);
        assert_eq!(from_flags.clusters[0].name, "http://b:2/x");

        let mut bare = args(None);
        (bare.watch.flink, bare.state) = (vec!["http://b:2".into()], Some("/s".into()));
        let default = resolve(&bare).unwrap().0;
        assert_eq!((default.interval.as_secs(), default.listen.to_string().as_str()), (15, LISTEN));
        assert_eq!(default.policies, None);
    }

    #[test]
    fn a_flag_may_name_a_cluster_of_the_file() {
        let (_dir, path) =
            file("clusters: [ { url: 'http://a:1', name: prod, auth: { bearer: { tokenFile: t } } } ]\n");
        let mut flags = args(Some(path));
        flags.watch.flink = vec!["prod".into()];
        let settings = resolve(&flags).unwrap().0;
        assert_eq!(settings.clusters[0].auth, AuthSettings::Bearer("t".into()));
    }

    #[test]
    fn all_problems_at_once_and_no_secret_in_them() {
        let mut flags = args(None);
        flags.watch.flink = vec!["ftp://ann:s3cret@a".into(), "http://b:1".into(), "http://b:1".into()];
        flags.watch.interval = Some(Span(Duration::from_millis(5)));
        flags.listen = Some("nonsense".into());
        flags.state = Some("/s".into());
        let problems = resolve(&flags).unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:#?}");
        assert!(!problems.join(" ").contains("s3cret"), "{problems:#?}");
        let nothing = resolve(&RunArgs { state: Some("/s".into()), ..args(None) }).unwrap_err();
        assert!(nothing[0].contains("--flink"), "{nothing:?}");
    }

    #[test]
    fn credentials_of_a_url_are_in_no_name_and_no_debug() {
        let mut flags = args(None);
        (flags.watch.flink, flags.state) = (vec!["http://ann:s3cret@a:1".into()], Some("/s".into()));
        let settings = resolve(&flags).unwrap().0;
        assert_eq!(settings.clusters[0].name, "http://a:1");
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
