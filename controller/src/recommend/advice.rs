//! What `recommend` says: stable, and described in `docs/operations.md`. Fields are only ever added.

use crate::api::shapes::{ChangeShape, JobShape, VertexShape};
use crate::run::narrate::one_line;
use crate::show;
use serde::Serialize;
use std::collections::BTreeMap;
use weirkeeper_core::reason::Reason;

/// Everything it says.
#[derive(Debug, Serialize)]
pub struct Advice {
    /// The jobs that were read, by cluster and name.
    pub jobs: Vec<JobAdvice>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// About one job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobAdvice {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// By vertex.
    pub rescale: BTreeMap<String, ChangeShape>,
    /// Why, or why not.
    pub reasons: Vec<String>,
    /// The same, as data.
    pub details: Vec<Reason>,
    /// `recommend`, `gated`, `hold`, ...; absent where nothing was decided.
    pub verdict: Option<String>,
    /// What would hold it back.
    pub gates: Vec<String>,
    /// The cluster.
    pub cluster: String,
    /// The namespace, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `running`, `restarting` or `ended`.
    pub state: String,
    /// The policy for it.
    pub policy: Option<String>,
    /// Its vertices.
    pub vertices: Vec<VertexShape>,
    #[serde(skip)]
    shown: JobShape,
}

/// A cluster or a job that could not be read.
#[derive(Debug, Serialize)]
pub struct Unread {
    /// The cluster.
    pub cluster: String,
    /// The job; absent: the whole cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why.
    pub why: String,
}

impl Unread {
    /// For people.
    pub fn sentence(&self) -> String {
        let what = self.name.as_ref().map_or_else(String::new, |n| format!("job {n} on "));
        one_line(&format!("{what}{}: not read: {}", self.cluster, self.why))
    }
}

impl Advice {
    /// From what is known at the end.
    pub fn new(jobs: Vec<JobShape>, clusters: Vec<Unread>) -> Advice {
        let mut unread = clusters;
        let mut out = Vec::new();
        for job in jobs {
            match job.id.clone() {
                Some(id) => out.push(advice(job, id)),
                None => unread.push(Unread {
                    cluster: job.cluster,
                    name: Some(job.name),
                    why: job.unread.unwrap_or_default(),
                }),
            }
        }
        Advice { jobs: out, unread }
    }

    /// For people: job by job, vertex by vertex.
    pub fn text(&self) -> String {
        self.jobs.iter().map(JobAdvice::text).collect::<Vec<_>>().join("\n\n")
    }
}

/// What is said of a job about which nothing was decided.
const UNDECIDED: &str = "nothing was decided in the time it was watched";

fn advice(job: JobShape, id: String) -> JobAdvice {
    let standing = job.standing.clone();
    let decided = standing.is_some();
    let mut reasons = standing.as_ref().map(|d| d.reasons.clone()).unwrap_or_default();
    if !decided {
        reasons.push(job.unread.as_ref().map_or_else(|| UNDECIDED.to_owned(), |why| format!("not read: {why}")));
    }
    JobAdvice {
        name: job.name.clone(),
        id,
        rescale: standing.as_ref().map(|d| d.rescale.clone()).unwrap_or_default(),
        reasons,
        details: standing.as_ref().map(|d| d.details.clone()).unwrap_or_default(),
        verdict: standing.as_ref().map(|d| d.verdict.clone()),
        gates: standing.map(|d| d.gates).unwrap_or_default(),
        cluster: job.cluster.clone(),
        namespace: job.namespace.clone(),
        state: job.state.clone(),
        policy: job.policy.clone(),
        vertices: job.vertices.clone(),
        shown: job,
    }
}

impl JobAdvice {
    fn text(&self) -> String {
        let mut parts = vec![show::headline(&self.shown), show::indent(&show::vertices(&self.shown))];
        parts.push(match &self.shown.standing {
            Some(standing) => show::indent(&show::decision(standing)),
            None => show::indent(&show::clean_lines(&self.reasons)),
        });
        parts.extend(self.shown.missing.iter().map(|m| show::clean_lines(&[format!("  missing: {m}")])));
        parts.join("\n")
    }
}
