//! Reads one job into an observation, and remembers what need not be read again.

use super::answers::{CheckpointConfigAnswer, CheckpointsAnswer, ExceptionsAnswer, JobDetails, Metric, Requirements};
use super::attempt::{Attempt, VertexMemory, read_attempt};
use super::checkpoints::{self, CheckpointSettings};
use super::failure;
use super::graph;
use super::reading::{Cluster, Reader, Skip};
use super::series::{Keys, Owner, Samples};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::observation::{Bounds, Checkpoints, Failure, JobStatus, Observation, Scheduler};
use weirkeeper_core::series::name;
use weirkeeper_core::units::{Parallelism, Timestamp};

/// What is remembered of a job between two cycles.
pub struct JobMemory {
    pub key: JobKey,
    pub id: Arc<str>,
    /// It did not answer in time the last time.
    pub hung: bool,
    graph: Option<Arc<JobGraph>>,
    keys: Keys,
    attempt: Option<Attempt>,
    /// Cycles since the job was first seen, begun at a number of its own, so that what is read every n-th cycle spreads.
    turn: u64,
    restarts: Option<f64>,
    failure: Option<Failure>,
    failure_at: Option<f64>,
    requirements: Requirement,
    settings: Option<CheckpointSettings>,
    checkpoints: Option<Checkpoints>,
    checkpoint_marks: Vec<Option<f64>>,
}

/// What is known of the parallelism asked for.
#[derive(Clone, Debug, Default)]
struct Requirement {
    bounds: Option<BTreeMap<Arc<str>, Bounds>>,
    /// Flink said that the job's scheduler has none.
    unsupported: bool,
    asked: bool,
}

/// How often what seldom changes is read where calls are saved; in cycles.
const SELDOM: u64 = 4;
/// Clocks that differ by less are taken as one, so that figures stay as Flink gives them.
const SAME_CLOCK_MS: i64 = 2_000;

/// Metrics of a job, and the series each becomes. `numRestarts` comes first, the three marks of checkpoints next.
const JOB: [(&str, &str); 8] = [
    ("numRestarts", name::NUM_RESTARTS),
    ("numberOfCompletedCheckpoints", name::CHECKPOINTS_COMPLETED),
    ("numberOfFailedCheckpoints", name::CHECKPOINTS_FAILED),
    ("numberOfInProgressCheckpoints", name::CHECKPOINTS_IN_PROGRESS),
    ("numRescales", name::NUM_RESCALES),
    ("lastCheckpointDuration", name::CHECKPOINT_DURATION),
    ("lastCheckpointSize", name::CHECKPOINT_SIZE),
    ("lastCheckpointFullSize", name::CHECKPOINT_FULL_SIZE),
];

impl JobMemory {
    pub fn new(key: JobKey, id: Arc<str>) -> JobMemory {
        let turn = id.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))) % 1_000;
        JobMemory {
            key,
            id,
            turn,
            hung: false,
            graph: None,
            keys: Keys::default(),
            attempt: None,
            restarts: None,
            failure: None,
            failure_at: None,
            requirements: Requirement::default(),
            settings: None,
            checkpoints: None,
            checkpoint_marks: Vec::new(),
        }
    }

    /// What is asked of Flink may just have been changed: read it again.
    pub fn expect_change(&mut self) {
        self.requirements.asked = false;
    }

    /// Reads the job.
    pub async fn read(&mut self, cluster: &Cluster) -> Result<Observation, Skip> {
        self.turn += 1;
        let mut reader = Reader::new(cluster, self.id.clone(), self.hung);
        let details: JobDetails = reader.need("").await?;
        let status = check(&details)?;
        let vertices = details.vertices.as_deref().unwrap_or_default();
        let graph = self.take_graph(&details)?;
        let now = details.now.instant();
        let shift = shift(now, (cluster.clock)());
        let metrics = self.job_metrics(&mut reader).await?;
        self.take_attempt(&details, &metrics);
        let checkpoints = self.read_checkpoints(&mut reader, status, &metrics, shift).await?;
        self.read_requirements(&mut reader).await?;
        self.read_failure(&mut reader, status, shift).await?;
        let mut keys = std::mem::take(&mut self.keys);
        let mut attempt = self.attempt.take().unwrap_or_default();
        let mut samples = Samples::new(&mut keys, &graph);
        for (name, value) in JOB.iter().zip(&metrics).map(|((_, n), v)| (n, v)) {
            samples.push(name, Owner::Job, None, *value);
        }
        let read = read_attempt(&mut reader, &mut samples, &graph, &mut attempt, (vertices, now, self.turn)).await;
        let samples = samples.samples;
        let running_since = attempt.running_since.map(|t| Timestamp(t.0 + shift));
        let graph = with_partitions(graph, &attempt);
        (self.keys, self.attempt, self.graph) = (keys, Some(attempt), Some(graph.clone()));
        read?;
        Ok(Observation {
            job: self.key.clone(),
            job_id: self.id.clone(),
            labels: BTreeMap::new(),
            graph,
            status,
            running_since,
            scheduler: self.scheduler(cluster, &details),
            slots: cluster.slots,
            requirements: self.requirements.bounds.clone(),
            checkpoints,
            failure: self.failure.clone(),
            facts: cluster.facts.clone(),
            samples,
            missing: reader.missing,
        })
    }

    fn take_graph(&mut self, details: &JobDetails) -> Result<Arc<JobGraph>, Skip> {
        let known = self.graph.as_deref();
        let built = graph::build(details, known).map_err(Skip::because)?;
        let names = |g: &JobGraph| g.vertices.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
        match &self.graph {
            Some(old) if **old == built => Ok(old.clone()),
            Some(old) if names(old) == names(&built) => Ok(Arc::new(built)),
            _ => {
                self.keys.clear();
                Ok(Arc::new(built))
            }
        }
    }

    /// Begins a new attempt where Flink has: other start times, another parallelism, or one more restart (a region that
    /// restarts alone leaves the start times of most vertices as they are).
    fn take_attempt(&mut self, details: &JobDetails, metrics: &[Option<f64>]) {
        let vertices = details.vertices.as_deref().unwrap_or_default();
        let starts: Vec<_> = vertices.iter().map(|v| v.start_time.instant()).collect();
        let parallelism: Vec<_> = vertices.iter().map(|v| v.parallelism.small().unwrap_or(0)).collect();
        let restarts = metrics.first().copied().flatten();
        let restarted = matches!((self.restarts, restarts), (Some(a), Some(b)) if a != b);
        self.restarts = restarts.or(self.restarts);
        let same = self.attempt.as_ref().is_some_and(|a| a.starts == starts && a.parallelism == parallelism);
        if same && !restarted {
            return;
        }
        let first = self.attempt.is_none();
        let mut old = self.attempt.take().unwrap_or_default().vertices;
        old.resize_with(vertices.len(), VertexMemory::default);
        // How many partitions a source has does not change with an attempt, and just after it REST does not know.
        let keep = |m: VertexMemory| VertexMemory { partitions: m.partitions, ..VertexMemory::default() };
        let vertices = old.into_iter().map(keep).collect();
        self.attempt = Some(Attempt { starts, parallelism, vertices, seen_partial: !first, ..Attempt::default() });
        self.requirements.asked = false;
        self.settings = None;
    }

    async fn job_metrics(&self, reader: &mut Reader<'_>) -> Result<Vec<Option<f64>>, Skip> {
        let names: Vec<&str> = JOB.iter().map(|(n, _)| *n).collect();
        let path = format!("/metrics?get={}", names.join(","));
        let answer: Option<Vec<Metric>> = reader.want("metrics of the job", &path).await?;
        if answer.as_ref().is_some_and(Vec::is_empty) {
            reader.note("no metrics of the job");
        }
        let answer = answer.unwrap_or_default();
        Ok(names.iter().map(|n| answer.iter().find(|m| m.id == *n).and_then(|m| m.value.0)).collect())
    }

    /// Reads `/checkpoints` unless calls are saved and the job's metrics say that nothing happened since.
    async fn read_checkpoints(
        &mut self,
        reader: &mut Reader<'_>,
        status: JobStatus,
        metrics: &[Option<f64>],
        shift: i64,
    ) -> Result<Option<Checkpoints>, Skip> {
        let settings = self.read_settings(reader).await?;
        if settings.enabled == Some(false) {
            return Ok(Some(Checkpoints { enabled: Some(false), ..Checkpoints::default() }));
        }
        let marks = metrics.get(1..4).unwrap_or_default().to_vec();
        let quiet = marks == self.checkpoint_marks && marks.last() == Some(&Some(0.0));
        let may_skip = reader.cluster.thrifty && quiet && !self.turn.is_multiple_of(SELDOM);
        if may_skip && self.checkpoints.is_some() {
            return Ok(self.checkpoints.clone());
        }
        let answer: Option<CheckpointsAnswer> = reader.want("checkpoints", "/checkpoints").await?;
        let restarting = status == JobStatus::Restarting;
        self.checkpoints = answer.map(|a| checkpoints::read(a, settings, restarting, shift));
        self.checkpoint_marks = marks;
        Ok(self.checkpoints.clone())
    }

    async fn read_settings(&mut self, reader: &mut Reader<'_>) -> Result<CheckpointSettings, Skip> {
        if let Some(settings) = self.settings {
            return Ok(settings);
        }
        let answer = reader.attempt::<CheckpointConfigAnswer>("/checkpoints/config").await?;
        let settings = match answer {
            Ok(answer) => checkpoints::settings(&answer),
            Err(error) if checkpoints::is_disabled(&error) => {
                CheckpointSettings { enabled: Some(false), ..CheckpointSettings::default() }
            }
            Err(error) => {
                reader.note(format!("checkpoint settings: {error}"));
                return Ok(CheckpointSettings::default());
            }
        };
        self.settings = Some(settings);
        Ok(settings)
    }

    async fn read_requirements(&mut self, reader: &mut Reader<'_>) -> Result<(), Skip> {
        let due = !reader.cluster.thrifty || self.turn.is_multiple_of(SELDOM);
        if self.requirements.asked && (self.requirements.unsupported || !due) {
            return Ok(());
        }
        match reader.attempt::<Requirements>("/resource-requirements").await? {
            Ok(answer) => {
                let bounds = bounds(answer);
                if bounds.is_none() {
                    reader.note("resource requirements: not understood");
                }
                self.requirements = Requirement { bounds, unsupported: false, asked: true };
            }
            Err(error) => {
                let unsupported = says_unsupported(&error);
                if !unsupported {
                    reader.note(format!("resource requirements: {error}"));
                }
                self.requirements = Requirement { bounds: None, unsupported, asked: unsupported };
            }
        }
        Ok(())
    }

    /// The history of exceptions is read when there is one more restart than when it was last read, or while the job
    /// does not run.
    async fn read_failure(&mut self, reader: &mut Reader<'_>, status: JobStatus, shift: i64) -> Result<(), Skip> {
        let moved = self.restarts.is_some_and(|n| n > 0.0) && self.failure_at != self.restarts;
        if status == JobStatus::Running && !moved {
            return Ok(());
        }
        let answer: Option<ExceptionsAnswer> = reader.want("exceptions", "/exceptions?maxExceptions=1").await?;
        if let Some(answer) = answer {
            self.failure = failure::newest(answer).map(|f| Failure { at: Timestamp(f.at.0 + shift), ..f });
            self.failure_at = self.restarts;
        }
        Ok(())
    }

    /// Bounds that can be read prove the adaptive scheduler; Flink's refusal to give them, or the settings, another.
    fn scheduler(&self, cluster: &Cluster, details: &JobDetails) -> Option<Scheduler> {
        if details.job_type.as_deref() == Some("BATCH") {
            return Some(Scheduler::Other("batch".into()));
        }
        if self.requirements.bounds.is_some() {
            return Some(Scheduler::Adaptive);
        }
        match (&cluster.scheduler, self.requirements.unsupported) {
            (Some(Scheduler::Adaptive) | None, true) => Some(Scheduler::Other("not adaptive".into())),
            (told, _) => told.clone(),
        }
    }
}

/// What must be right before anything of the answer is used.
fn check(details: &JobDetails) -> Result<JobStatus, Skip> {
    let word = details.state.as_deref().unwrap_or("");
    let status = graph::status(word).ok_or_else(|| Skip::because(format!("the state {word:?} is not known")))?;
    let vertices = details.vertices.as_deref().unwrap_or_default();
    if let Some(v) = vertices.iter().find(|v| v.metrics.as_ref().is_some_and(|m| m.is_incomplete())) {
        let name = v.name.as_deref().unwrap_or(&v.id);
        return Err(Skip {
            incomplete: true,
            ..Skip::because(format!("Flink calls its figures of {name} incomplete"))
        });
    }
    Ok(status)
}

/// How far our clock is ahead of the JobManager's.
fn shift(now: Option<i64>, ours: Timestamp) -> i64 {
    let shift = now.map_or(0, |now| ours.0 - now);
    if shift.abs() > SAME_CLOCK_MS { shift } else { 0 }
}

fn says_unsupported(error: &super::FlinkError) -> bool {
    error.reason().is_some_and(|r| {
        let r = r.to_ascii_lowercase();
        r.contains("unsupportedoperation") || r.contains("not support") || r.contains("adaptive")
    })
}

/// All bounds, or none: half a map must not be sent back.
pub fn bounds(answer: Requirements) -> Option<BTreeMap<Arc<str>, Bounds>> {
    let one = |b: super::answers::BoundsAnswer| {
        Some(Bounds { lower: Parallelism(b.lower_bound.small()?), upper: Parallelism(b.upper_bound.small()?) })
    };
    answer.into_iter().map(|(id, r)| Some((id.into(), one(r.parallelism)?))).collect()
}

fn with_partitions(graph: Arc<JobGraph>, attempt: &Attempt) -> Arc<JobGraph> {
    let known = |i: usize| attempt.vertices.get(i).and_then(|m| m.partitions).or(graph.vertices[i].partitions);
    if (0..graph.vertices.len()).all(|i| graph.vertices[i].partitions == known(i)) {
        return graph;
    }
    let told: Vec<Option<u32>> = (0..graph.vertices.len()).map(known).collect();
    let mut graph = Arc::unwrap_or_clone(graph);
    graph.vertices.iter_mut().zip(told).for_each(|(v, n)| v.partitions = n);
    Arc::new(graph)
}
