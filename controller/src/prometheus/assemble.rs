//! From series of Prometheus to observations of one job, mapped back through its graph.

use super::client::Series;
use super::names::mangle;
use super::queries::{ALL_RUNNING, CHECKPOINT_AT, CHECKPOINT_ID, Kind, SLOTS_FREE, SLOTS_TOTAL, TASKMANAGERS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weirkeeper_core::job::{JobGraph, Vertex};
use weirkeeper_core::observation::{Checkpoints, JobStatus, Observation, Sample, Slots};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

/// The answers of one reading, or of one chunk of a range.
pub type Feed = Vec<(Kind, Vec<Series>)>;

/// Two readings of the youngest subtask's age that differ by less belong to one attempt: clocks of subtasks are read at
/// different moments of a scrape.
const SAME_ATTEMPT_MS: i64 = 10_000;

/// What a series is.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Sample(usize, Option<Agg>),
    Subtasks(usize),
    Age(usize),
    AllRunning,
    CheckpointId,
    CheckpointAt,
    SlotsTotal,
    SlotsFree,
    Taskmanagers,
    Host(Arc<str>),
    HostSample(usize, Arc<str>),
}

/// A series, of which job, and how far it was read.
struct Stream<'a> {
    job: Option<&'a str>,
    target: Target,
    values: &'a [(Timestamp, f64)],
    next: usize,
}

/// Puts observations of one job together.
pub struct Assembler {
    template: Observation,
    /// Vertices are what Prometheus names, because no graph is known.
    discovers: bool,
    keys: Vec<Arc<SeriesKey>>,
    places: BTreeMap<SeriesKey, usize>,
    running_since: Option<Timestamp>,
    sizes: Vec<Parallelism>,
    completed: Option<(f64, Timestamp)>,
    completed_at: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Vertices of Prometheus that the graph does not have.
    pub strangers: BTreeSet<String>,
}

impl Assembler {
    /// With what is known of the job from elsewhere: its graph, its settings. Without a graph, vertices are what
    /// Prometheus names.
    pub fn new(template: Observation) -> Assembler {
        Assembler {
            discovers: template.graph.vertices.is_empty(),
            template,
            keys: Vec::new(),
            places: BTreeMap::new(),
            running_since: None,
            sizes: Vec::new(),
            completed: None,
            completed_at: None,
            last: None,
            strangers: BTreeSet::new(),
        }
    }

    /// The job as it is known without Prometheus, or by now.
    pub fn template(&self) -> &Observation {
        &self.template
    }

    /// All observations of the feed, at the times that stand in it.
    pub fn observations(&mut self, feed: &Feed) -> Vec<(Timestamp, Observation)> {
        if self.discovers {
            self.discover(feed);
        }
        let times: BTreeSet<Timestamp> =
            feed.iter().flat_map(|(_, all)| all).flat_map(|s| &s.values).map(|v| v.0).collect();
        let mut streams = self.streams(feed);
        times.into_iter().filter_map(|at| Some((at, self.observe(at, &mut streams)?))).collect()
    }

    /// The samples of one job at the newest time of the feed, for an observation that comes from elsewhere.
    pub fn samples(&mut self, feed: &Feed, job_id: &str) -> Vec<Sample> {
        let mut streams = self.streams(feed);
        let newest = feed.iter().flat_map(|(_, all)| all).flat_map(|s| &s.values).map(|v| v.0).max();
        let Some(at) = newest else { return Vec::new() };
        let values = take(&mut streams, at);
        let mine: Vec<&(Option<&str>, Target, f64)> =
            values.iter().filter(|v| v.0.is_none_or(|j| j == job_id)).collect();
        self.put_together(&mine)
    }

    fn discover(&mut self, feed: &Feed) {
        let mut graph = (*self.template.graph).clone();
        for series in feed.iter().filter(|f| f.0 == Kind::Subtasks).flat_map(|f| &f.1) {
            let (Some(id), Some(task)) = (series.label("task_id"), series.label("task_name")) else { continue };
            if !graph.vertices.iter().any(|v| *v.id == *id) {
                graph.vertices.push(Vertex {
                    id: id.into(),
                    name: task.into(),
                    parallelism: Parallelism(1),
                    max_parallelism: None,
                    slot_group: "default".into(),
                    partitions: None,
                    running: None,
                });
            }
        }
        self.template.graph = Arc::new(graph);
    }

    fn streams<'a>(&mut self, feed: &'a Feed) -> Vec<Stream<'a>> {
        let instances = instances(feed);
        let mut out = Vec::new();
        for (kind, series) in feed {
            for s in series {
                // Several clusters may be in one Prometheus: slots are those of the JobManager that runs the job.
                let elsewhere = s.label("__name__").is_some_and(|n| n.starts_with("flink_jobmanager_"))
                    && *kind == Kind::Cluster
                    && !instances.is_empty()
                    && !instances.contains(s.label("instance").unwrap_or(""));
                if elsewhere {
                    continue;
                }
                if let Some(target) = self.target(*kind, s) {
                    out.push(Stream { job: s.label("job_id"), target, values: &s.values, next: 0 });
                }
            }
        }
        out
    }

    fn target(&mut self, kind: Kind, s: &Series) -> Option<Target> {
        match kind {
            Kind::Task(agg) => {
                let v = self.vertex(s)?;
                let series = s.label("__name__")?;
                let partial = self.is_partial(v, series);
                (!partial).then(|| self.sample(series, Some(v), Some(agg)))
            }
            Kind::Subtasks => self.vertex(s).map(Target::Subtasks),
            Kind::Age => self.vertex(s).map(Target::Age),
            Kind::Job => Some(match s.label("__name__")? {
                CHECKPOINT_ID => Target::CheckpointId,
                CHECKPOINT_AT => Target::CheckpointAt,
                ALL_RUNNING => Target::AllRunning,
                series => self.sample(series, None, None),
            }),
            Kind::Cluster => Some(match s.label("__name__")? {
                SLOTS_TOTAL => Target::SlotsTotal,
                SLOTS_FREE => Target::SlotsFree,
                TASKMANAGERS => Target::Taskmanagers,
                series => {
                    let host: Arc<str> = s.label("tm_id")?.into();
                    let key = SeriesKey { labels: vec![("tm_id".into(), host.clone())], ..SeriesKey::job(series) };
                    Target::HostSample(self.place(key), host)
                }
            }),
            Kind::Scraped => None,
            Kind::Hosts => Some(Target::Host(s.label("tm_id")?.into())),
        }
    }

    /// A source receives nothing and a sink sends nothing: Flink shows 0, and means neither.
    fn is_partial(&self, v: usize, series: &str) -> bool {
        let graph = &self.template.graph;
        let (source, sink) = (graph.is_source(v), graph.outputs(v).next().is_none());
        let known = !self.discovers;
        known && (source && series == name::RECORDS_IN || sink && series == name::RECORDS_OUT)
    }

    /// By its id, which is never mangled; else by its name as the reporter writes it.
    fn vertex(&mut self, s: &Series) -> Option<usize> {
        let vertices = &self.template.graph.vertices;
        let by_id = s.label("task_id").and_then(|id| vertices.iter().position(|v| *v.id == *id));
        let told = s.label("task_name").unwrap_or("");
        let found = by_id.or_else(|| vertices.iter().position(|v| *v.name == *told || mangle(&v.name) == told));
        if found.is_none() && !told.is_empty() && self.strangers.len() < 20 {
            self.strangers.insert(told.to_owned());
        }
        found
    }

    fn sample(&mut self, series: &str, v: Option<usize>, agg: Option<Agg>) -> Target {
        let task = v.map(|v| self.template.graph.vertices[v].name.clone());
        let place = self.place(SeriesKey { task, agg, ..SeriesKey::job(series) });
        Target::Sample(place, agg)
    }

    fn place(&mut self, key: SeriesKey) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.keys.push(Arc::new(key.clone()));
        self.places.insert(key, self.keys.len() - 1);
        self.keys.len() - 1
    }

    fn observe(&mut self, at: Timestamp, streams: &mut [Stream<'_>]) -> Option<Observation> {
        let values = take(streams, at);
        let job = self.job_of(&values)?;
        let mine: Vec<&(Option<&str>, Target, f64)> = values.iter().filter(|v| v.0.is_none_or(|j| j == job)).collect();
        let mut o = Observation { job_id: job.into(), ..self.template.clone() };
        o.samples = self.put_together(&mine);
        self.size(&mut o, &mine);
        self.run(at, &mut o, &mine);
        o.slots = slots(&self.template, &mine);
        self.checkpoints(at, &mut o, &mine);
        self.last = Some(at);
        Some(o)
    }

    /// Of several jobs of the name, the one most of whose vertices report.
    fn job_of<'a>(&self, values: &[(Option<&'a str>, Target, f64)]) -> Option<&'a str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (job, target, _) in values {
            let weight = if matches!(target, Target::Subtasks(_)) { 1_000 } else { 1 };
            if let Some(job) = job {
                *counts.entry(job).or_default() += weight;
            }
        }
        counts.into_iter().max_by_key(|c| c.1).map(|c| c.0)
    }

    fn put_together(&self, values: &[&(Option<&str>, Target, f64)]) -> Vec<Sample> {
        let hosts: BTreeSet<&str> =
            values.iter().filter_map(|v| if let Target::Host(h) = &v.1 { Some(&**h) } else { None }).collect();
        let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
        for (_, target, value) in values {
            let (place, agg) = match target {
                Target::Sample(place, agg) => (*place, *agg),
                Target::HostSample(place, host) if hosts.contains(&**host) => (*place, None),
                _ => continue,
            };
            let sum = sums.get(&place).map_or(*value, |before| combine(agg, *before, *value));
            sums.insert(place, sum);
        }
        let usable = |v: &f64| v.is_finite() && *v >= 0.0;
        sums.into_iter()
            .filter(|(_, v)| usable(v))
            .map(|(place, value)| Sample { key: Arc::clone(&self.keys[place]), value })
            .collect()
    }

    /// Parallelism as the number of subtasks that report; partitions as the source says that it owns.
    fn size(&self, o: &mut Observation, values: &[&(Option<&str>, Target, f64)]) {
        let mut graph = (*o.graph).clone();
        let told = |v: usize| values.iter().find(|x| x.1 == Target::Subtasks(v)).map(|x| x.2 as u32);
        let partitions = |graph: &JobGraph, v: usize| {
            let is = |s: &&Sample| {
                &*s.key.name == name::ASSIGNED_PARTITIONS && s.key.task.as_deref() == Some(&*graph.vertices[v].name)
            };
            o.samples.iter().find(is).filter(|s| s.value >= 1.0).map(|s| s.value as u32)
        };
        for v in 0..graph.vertices.len() {
            let (running, owned) = (told(v), partitions(&graph, v));
            let before = self.sizes.get(v).copied();
            let vertex = &mut graph.vertices[v];
            vertex.partitions = vertex.partitions.max(owned);
            vertex.running = Some(running.unwrap_or(0));
            let told = running.filter(|n| *n > 0).map(Parallelism).or(before);
            vertex.parallelism = told.unwrap_or(vertex.parallelism);
        }
        o.graph = Arc::new(graph);
    }

    /// All vertices report: it runs, since Flink says that all subtasks do, else since the youngest subtask began.
    fn run(&mut self, at: Timestamp, o: &mut Observation, values: &[&(Option<&str>, Target, f64)]) {
        let sizes: Vec<Parallelism> = o.graph.vertices.iter().map(|v| v.parallelism).collect();
        let resized = !self.sizes.is_empty() && self.sizes != sizes;
        self.sizes = sizes;
        let all = o.graph.vertices.iter().all(|v| v.running.is_some_and(|n| n > 0));
        o.status = if all { JobStatus::Running } else { JobStatus::Restarting };
        let since = age(values).map(|age| Timestamp(at.0 - age as i64)).filter(|_| all);
        self.running_since = match (self.running_since, since) {
            (Some(before), Some(now)) if !resized && (now.0 - before.0).abs() < SAME_ATTEMPT_MS => Some(before),
            (_, now) => now,
        };
        o.running_since = self.running_since;
    }

    fn checkpoints(&mut self, at: Timestamp, o: &mut Observation, values: &[&(Option<&str>, Target, f64)]) {
        let find = |series: &str| o.samples.iter().find(|s| &*s.key.name == series).map(|s| s.value);
        let told = |target: &Target| values.iter().find(|v| v.1 == *target).map(|v| v.2).filter(|v| *v >= 0.0);
        let completed = find(name::CHECKPOINTS_COMPLETED);
        let Some(count) = completed else { return };
        let rose = self.completed.is_some_and(|(before, _)| count > before);
        // Somewhen since the last reading: the earlier end, so that a checkpoint is never taken for younger than it is.
        if rose {
            self.completed_at = self.completed.map(|c| c.1);
        }
        self.completed = Some((count, at));
        let whole = |v: f64| v as u64;
        let known = o.checkpoints.take().unwrap_or_default();
        o.checkpoints = Some(Checkpoints {
            last_completed: told(&Target::CheckpointAt).map(|v| Timestamp(v as i64)).or(self.completed_at),
            last_completed_id: told(&Target::CheckpointId).map(whole),
            last_duration: find(name::CHECKPOINT_DURATION).map(|v| Millis(v as u64)),
            full_size: find(name::CHECKPOINT_FULL_SIZE).map(whole),
            written: find(name::CHECKPOINT_SIZE).map(whole),
            completed: Some(whole(count)),
            failed: find(name::CHECKPOINTS_FAILED).map(whole),
            checkpoint_in_progress: find(name::CHECKPOINTS_IN_PROGRESS).map(|v| v > 0.0),
            savepoint_in_progress: None,
            ..known
        });
    }
}

/// How long all subtasks have run, ms.
fn age(values: &[&(Option<&str>, Target, f64)]) -> Option<f64> {
    match values.iter().find(|v| v.1 == Target::AllRunning).map(|v| v.2) {
        Some(told) if told > 0.0 => Some(told),
        Some(_) => None,
        None => {
            values.iter().filter(|v| matches!(v.1, Target::Age(_))).map(|v| v.2).filter(|a| *a >= 0.0).reduce(f64::min)
        }
    }
}

/// The values at exactly that time.
fn take<'a>(streams: &mut [Stream<'a>], at: Timestamp) -> Vec<(Option<&'a str>, Target, f64)> {
    let mut out = Vec::new();
    for s in streams {
        while s.values.get(s.next).is_some_and(|v| v.0 < at) {
            s.next += 1;
        }
        if let Some((_, value)) = s.values.get(s.next).filter(|v| v.0 == at && v.1.is_finite()) {
            out.push((s.job, s.target.clone(), *value));
        }
    }
    out
}

fn combine(agg: Option<Agg>, a: f64, b: f64) -> f64 {
    match agg {
        Some(Agg::Sum) => a + b,
        Some(Agg::Min) => a.min(b),
        Some(Agg::Max | Agg::Avg | Agg::Skew) => a.max(b),
        None => a,
    }
}

/// Scrape targets of the JobManagers that run the job.
fn instances(feed: &Feed) -> BTreeSet<&str> {
    let jobs = feed.iter().filter(|f| f.0 == Kind::Job).flat_map(|f| &f.1);
    jobs.filter_map(|s| s.label("instance")).collect()
}

/// Slots as Prometheus tells them; what it cannot tell (on demand, most) as it is known from elsewhere, or not at all.
fn slots(template: &Observation, values: &[&(Option<&str>, Target, f64)]) -> Option<Slots> {
    let told = |target: &Target| {
        let mut all = values.iter().filter(|v| v.1 == *target);
        // Two clusters' slots are nobody's.
        let one = all.next().map(|v| v.2);
        if all.next().is_some() { None } else { one }
    };
    let known = template.slots?;
    let (total, free) = (told(&Target::SlotsTotal)? as u32, told(&Target::SlotsFree)? as u32);
    let taskmanagers = told(&Target::Taskmanagers).map_or(0, |n| n as u32);
    let even = taskmanagers > 0 && total.is_multiple_of(taskmanagers);
    Some(Slots { total, free, taskmanagers, per_taskmanager: even.then(|| total / taskmanagers), ..known })
}
