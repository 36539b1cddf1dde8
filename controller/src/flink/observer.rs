//! Polls one cluster: its list of jobs, its own figures, and each job, all jobs at once and none for longer than its
//! share of the interval.

use super::answers::{
    ConfigAnswer, ConfigLine, Entry, JobEntry, JobsOverview, Metric, OverviewAnswer, TaskManagersAnswer,
};
use super::client::{FlinkClient, Lane};
use super::cluster::{self, Settings};
use super::endpoint::is_safe_id;
use super::error::FlinkError;
use super::graph;
use super::job::JobMemory;
use super::reading::{Cluster, HostFigures, Skip};
use super::scrub;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{JobStatus, Slots};
use weirkeeper_core::units::{Millis, Timestamp};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What one poll did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollReport {
    /// Jobs that have not ended.
    pub jobs: usize,
    /// Of those, observed.
    pub observed: usize,
    /// Of those, not.
    pub unobserved: usize,
    /// Requests sent.
    pub requests: u64,
    /// How long it took.
    pub took: Duration,
    /// Why there is no list of jobs.
    pub error: Option<String>,
}

/// Watches one cluster.
pub struct Observer {
    client: Arc<FlinkClient>,
    cluster: Arc<str>,
    interval: Duration,
    clock: Clock,
    jobs: BTreeMap<Arc<str>, JobMemory>,
    settings: Option<Settings>,
    version: Option<(u32, u32)>,
    settings_read: Option<Instant>,
    settings_note: Option<String>,
    hosts_read: Option<Instant>,
    polled: Option<Instant>,
    woken: Option<Instant>,
    figures: bool,
    readers: Arc<Semaphore>,
    slow_readers: Arc<Semaphore>,
}

/// How long after a wake-up call Flink's own fetch of metrics has surely come back.
const FETCHED_AFTER: Duration = Duration::from_millis(700);
/// Settings are the cluster's for its life; this finds out a restarted or upgraded one.
const SETTINGS_AGE: Duration = Duration::from_secs(300);
/// Memory and garbage collection are judged over minutes.
const HOSTS_AGE: Duration = Duration::from_secs(60);
/// TaskManagers whose memory is read in one cycle.
const MAX_HOSTS: usize = 500;
/// From so many jobs on, less is read of each.
const MANY_JOBS: usize = 50;
/// Jobs read at once.
const READERS: usize = 32;
/// Jobs that hung are read two at a time, apart from the others.
const SLOW_READERS: usize = 2;
/// No job may take longer, however long the interval is.
const MAX_PATIENCE: Duration = Duration::from_secs(10);
const MIN_PATIENCE: Duration = Duration::from_secs(1);

const HOST_METRICS: [&str; 4] = [
    "Status.JVM.Memory.Heap.Used",
    "Status.JVM.Memory.Heap.Max",
    "Status.JVM.GarbageCollector.All.TimeMsPerSecond",
    "Status.Shuffle.Netty.TotalMemorySegments",
];

impl Observer {
    /// `cluster` names it in events ([`FlinkClient::name`] is the usual one); `interval` is how often it will be polled.
    pub fn new(client: Arc<FlinkClient>, cluster: Arc<str>, interval: Duration, clock: Clock) -> Observer {
        Observer {
            client,
            cluster,
            interval,
            clock,
            jobs: BTreeMap::new(),
            settings: None,
            version: None,
            settings_read: None,
            settings_note: None,
            hosts_read: None,
            polled: None,
            woken: None,
            figures: true,
            readers: Arc::new(Semaphore::new(READERS)),
            slow_readers: Arc::new(Semaphore::new(SLOW_READERS)),
        }
    }

    /// Reads state only: figures of vertices and TaskManagers come from elsewhere, and cost no calls here.
    pub fn without_figures(mut self) -> Observer {
        self.figures = false;
        self
    }

    /// The client it reads with; its [`FlinkClient::stats`] are for `/metrics`.
    pub fn client(&self) -> &Arc<FlinkClient> {
        &self.client
    }

    /// An action on this job was carried out: read again what it may have changed.
    pub fn expect_change(&mut self, job: &JobKey) {
        self.jobs.values_mut().filter(|m| m.key == *job).for_each(JobMemory::expect_change);
    }

    /// Reads the cluster once and sends an event for the list and for every job, each as soon as it is there.
    pub async fn poll(&mut self, mut send: impl FnMut(Event)) -> PollReport {
        let began = Instant::now();
        let before = self.client.stats().requests;
        let mut report = match self.client.get::<JobsOverview>(Lane::Poll, "/jobs/overview").await {
            Ok(list) => self.poll_jobs(list, &mut send).await,
            Err(error) => self.without_list(&error, &mut send),
        };
        self.polled = Some(Instant::now());
        report.took = began.elapsed();
        report.requests = self.client.stats().requests - before;
        report
    }

    /// A list that failed is not "no jobs": each job that was known is not observed.
    fn without_list(&mut self, error: &FlinkError, send: &mut impl FnMut(Event)) -> PollReport {
        let why = format!("the list of jobs: {error}");
        for memory in self.jobs.values() {
            send(Event::Unobserved { job: memory.key.clone(), why: why.clone(), incomplete: false });
        }
        PollReport { unobserved: self.jobs.len(), error: Some(why), ..PollReport::default() }
    }

    async fn poll_jobs(&mut self, list: JobsOverview, send: &mut impl FnMut(Event)) -> PollReport {
        let jobs = self.active(list);
        self.jobs.retain(|id, _| jobs.iter().any(|(known, _)| known == id));
        if jobs.is_empty() {
            return PollReport::default();
        }
        send(Event::Jobs { cluster: self.cluster.clone(), jobs: jobs.iter().map(|(_, k)| k.clone()).collect() });
        let mut report = PollReport { jobs: jobs.len(), ..PollReport::default() };
        let (unique, twins) = split_twins(jobs);
        for (key, count) in twins {
            let why = format!("{count} running jobs have this name; give each its own, or neither is looked at");
            report.unobserved += count;
            send(Event::Unobserved { job: key, why, incomplete: false });
        }
        self.wake(&unique).await;
        let cluster = Arc::new(self.read_cluster(unique.len() > MANY_JOBS).await);
        self.read_jobs(unique, cluster, &mut report, send).await;
        report
    }

    fn active(&self, list: JobsOverview) -> Vec<(Arc<str>, JobKey)> {
        let running = |j: &JobEntry| graph::status(&j.state) != Some(JobStatus::Ended) && is_safe_id(&j.jid);
        let jobs = list.jobs.into_iter().filter_map(Entry::good).filter(running);
        let key = |j: JobEntry| {
            let key = JobKey { cluster: self.cluster.clone(), namespace: None, name: j.name.into() };
            (Arc::from(j.jid), key)
        };
        jobs.map(key).collect()
    }

    /// Flink fetches metrics from TaskManagers only when asked, all of them at once, and answers with what it had: after
    /// a silence the first answer is old. So one cheap question goes first, and the reading starts when its fetch is
    /// done.
    async fn wake(&mut self, jobs: &[(Arc<str>, JobKey)]) {
        let fetch = Duration::from_millis(self.fetch_interval().0);
        let silent = self.polled.is_none_or(|t| t.elapsed() + Duration::from_secs(1) >= fetch);
        if !self.figures {
            return;
        }
        let hung = |id: &Arc<str>| self.jobs.get(id).is_some_and(|m| m.hung);
        let Some((id, _)) = jobs.iter().find(|(id, _)| !hung(id)).filter(|_| silent) else { return };
        // Asked a moment too early, Flink would not fetch: wait out the rest of its interval.
        if let Some(rest) = self.woken.and_then(|t| (fetch + Duration::from_millis(50)).checked_sub(t.elapsed()))
            && rest < Duration::from_secs(2)
        {
            tokio::time::sleep(rest).await;
        }
        // Whether it is answered does not matter: the reads that follow tell.
        let path = format!("/jobs/{id}/metrics?get=numRestarts");
        let _ = tokio::time::timeout(MIN_PATIENCE, self.client.get::<Vec<Metric>>(Lane::Poll, &path)).await;
        self.woken = Some(Instant::now());
        tokio::time::sleep(FETCHED_AFTER).await;
    }

    fn fetch_interval(&self) -> Millis {
        self.settings.as_ref().map_or(Millis::secs(10), Settings::fetch_interval)
    }

    async fn read_cluster(&mut self, thrifty: bool) -> Cluster {
        if self.settings_read.is_none_or(|t| t.elapsed() >= SETTINGS_AGE) {
            self.read_settings().await;
        }
        let mut notes: Vec<String> = self.settings_note.iter().cloned().collect();
        let managers = self.client.get::<TaskManagersAnswer>(Lane::Poll, "/taskmanagers").await;
        let slots = self.slots(&managers, &mut notes).await;
        let mut facts = self.settings.as_ref().map_or_else(Default::default, |s| s.facts(self.version));
        facts.version = self.version;
        if let Ok(answer) = &managers {
            facts.taskmanager_memory = cluster::common_memory(answer).or(facts.taskmanager_memory);
        }
        Cluster {
            client: self.client.clone(),
            clock: self.clock.clone(),
            scheduler: self.settings.as_ref().map(Settings::scheduler),
            facts,
            slots,
            hosts: self.read_hosts(managers.ok()).await,
            fetch_interval: self.fetch_interval(),
            thrifty,
            figures: self.figures,
            notes,
        }
    }

    async fn read_settings(&mut self) {
        let version = self.client.get::<ConfigAnswer>(Lane::Poll, "/config").await;
        let version = version.ok().and_then(|c| c.version).and_then(|v| cluster::version(&v));
        self.version = version.or(self.version);
        match self.client.get::<Vec<ConfigLine>>(Lane::Poll, "/jobmanager/config").await {
            Ok(lines) => (self.settings, self.settings_note) = (Some(Settings::new(lines)), None),
            Err(error) => self.settings_note = Some(format!("configuration of the cluster: {error}")),
        }
        let complete = self.version.is_some() && self.settings_note.is_none();
        // What failed is tried again in the next cycle; what was refused, with the usual patience.
        let refused = self.settings_note.as_deref().is_some_and(|n| n.contains(": 403 ") || n.contains(": 404 "));
        self.settings_read = (complete || refused).then(Instant::now);
    }

    async fn slots(&self, managers: &Result<TaskManagersAnswer, FlinkError>, notes: &mut Vec<String>) -> Option<Slots> {
        let settings = self.settings.as_ref();
        let told = managers.as_ref().ok().and_then(|a| cluster::slots_by_taskmanager(a, settings));
        if told.is_some() {
            return told;
        }
        match self.client.get::<OverviewAnswer>(Lane::Poll, "/overview").await {
            Ok(answer) => cluster::slots_by_overview(&answer, settings),
            Err(error) => {
                notes.push(format!("slots: {error}"));
                None
            }
        }
    }

    async fn read_hosts(&mut self, managers: Option<TaskManagersAnswer>) -> BTreeMap<Arc<str>, HostFigures> {
        let due = self.figures && self.hosts_read.is_none_or(|t| t.elapsed() >= HOSTS_AGE);
        let Some(managers) = managers.filter(|_| due) else { return BTreeMap::new() };
        self.hosts_read = Some(Instant::now());
        let ids = managers.taskmanagers.into_iter().map(|t| t.id).filter(|id| is_safe_id(id)).take(MAX_HOSTS);
        let mut reads = JoinSet::new();
        for id in ids {
            let client = self.client.clone();
            reads.spawn(async move {
                let path = format!("/taskmanagers/{id}/metrics?get={}", HOST_METRICS.join(","));
                let answer = client.get::<Vec<Metric>>(Lane::Poll, &path).await;
                answer.ok().map(|metrics| (Arc::from(id), figures(&metrics)))
            });
        }
        let patience = tokio::time::timeout(self.patience(), reads.join_all()).await;
        patience.unwrap_or_default().into_iter().flatten().collect()
    }

    /// A job gets no more than most of the interval, so that one that hangs does not delay the next cycle of the others.
    fn patience(&self) -> Duration {
        if self.polled.is_none() {
            return MAX_PATIENCE;
        }
        self.interval.mul_f64(0.8).clamp(MIN_PATIENCE, MAX_PATIENCE)
    }

    async fn read_jobs(
        &mut self,
        jobs: Vec<(Arc<str>, JobKey)>,
        cluster: Arc<Cluster>,
        report: &mut PollReport,
        send: &mut impl FnMut(Event),
    ) {
        let patience = self.patience();
        let mut reads = JoinSet::new();
        let mut under_way = BTreeMap::new();
        for (id, key) in jobs {
            let memory = self.jobs.remove(&id).filter(|m| m.key == key);
            let memory = memory.unwrap_or_else(|| JobMemory::new(key.clone(), id));
            let queue = if memory.hung { self.slow_readers.clone() } else { self.readers.clone() };
            let task = reads.spawn(read_one(memory, cluster.clone(), queue, patience));
            under_way.insert(task.id(), key);
        }
        while let Some(done) = reads.join_next_with_id().await {
            let event = match done {
                Ok((_, (memory, event))) => {
                    self.jobs.insert(memory.id.clone(), memory);
                    event
                }
                // A fault of ours in reading one job must not take the others along.
                Err(fault) => match under_way.remove(&fault.id()) {
                    Some(job) => {
                        Event::Unobserved { job, why: "reading it failed inside Weirkeeper".into(), incomplete: false }
                    }
                    None => continue,
                },
            };
            match event {
                Event::Observed(_) => report.observed += 1,
                _ => report.unobserved += 1,
            }
            send(event);
        }
    }
}

async fn read_one(
    mut memory: JobMemory,
    cluster: Arc<Cluster>,
    queue: Arc<Semaphore>,
    patience: Duration,
) -> (JobMemory, Event) {
    // The semaphore is never closed; without a permit it would only be read a little sooner.
    let _permit = queue.acquire().await.ok();
    let answer = tokio::time::timeout(patience, memory.read(&cluster)).await;
    let late = || Skip { hung: true, ..Skip::because(format!("not read within {} s", patience.as_secs_f64())) };
    let answer = answer.unwrap_or_else(|_| Err(late()));
    memory.hung = matches!(&answer, Err(skip) if skip.hung);
    let event = match answer {
        Ok(observation) => Event::Observed(Box::new(observation)),
        Err(skip) => Event::Unobserved { job: memory.key.clone(), why: skip.why, incomplete: skip.incomplete },
    };
    (memory, event)
}

fn figures(metrics: &[Metric]) -> HostFigures {
    let value = |name: &str| metrics.iter().find(|m| m.id == name).and_then(|m| m.value.0).filter(|v| *v >= 0.0);
    let [heap_used, heap_max, gc_rate, buffers] = HOST_METRICS.map(value);
    HostFigures { heap_used, heap_max, gc_rate, buffers }
}

type Named = Vec<(Arc<str>, JobKey)>;

/// Jobs whose name stands once, and names that stand more often.
fn split_twins(jobs: Named) -> (Named, Vec<(JobKey, usize)>) {
    let mut count: BTreeMap<JobKey, usize> = BTreeMap::new();
    jobs.iter().for_each(|(_, key)| *count.entry(key.clone()).or_default() += 1);
    let unique = jobs.into_iter().filter(|(_, key)| count.get(key) == Some(&1)).collect();
    (unique, count.into_iter().filter(|(_, n)| *n > 1).collect())
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observer({}, {} jobs)", scrub::line(&self.cluster, 200), self.jobs.len())
    }
}
