//! Completes what Flink said of its jobs with their figures from Prometheus: a few queries for all jobs together.

use super::assemble::{Assembler, Feed};
use super::client::{Client, Series};
use super::queries::{Filter, Kind, all};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::series::name;
use weirkeeper_core::units::{Millis, Timestamp};

/// Figures older than this many intervals are not figures of now. Prometheus itself would serve them for five minutes.
const STALE_INTERVALS: u64 = 3;
/// ... but never less: scraping every half a minute is common.
const STALE_LEAST: Millis = Millis::secs(75);

/// Reads figures.
pub struct Live {
    client: Client,
    interval: Millis,
    /// By job id, with the graph they were made for.
    jobs: BTreeMap<Arc<str>, (String, Assembler)>,
    /// By job id and position of a source: the most partitions it was seen to own.
    partitions: BTreeMap<(Arc<str>, usize), u32>,
}

impl Live {
    /// Nothing is asked yet.
    pub fn new(client: Client, interval: Millis) -> Live {
        Live { client, interval, jobs: BTreeMap::new(), partitions: BTreeMap::new() }
    }

    /// The events of one reading, each observation with its figures; one whose figures are not there is not observed.
    pub async fn complete(&mut self, at: Timestamp, events: Vec<Event>) -> Vec<Event> {
        let ids: Vec<String> = events.iter().filter_map(observed).map(|o| o.job_id.to_string()).collect();
        if ids.is_empty() {
            return events;
        }
        self.jobs.retain(|id, _| ids.iter().any(|i| **i == **id));
        self.partitions.retain(|(id, _), _| ids.iter().any(|i| **i == **id));
        match self.fetch(at, ids).await {
            Ok(feeds) => events.into_iter().map(|e| self.add(at, e, &feeds)).collect(),
            Err(why) => events.into_iter().map(|e| without(e, &why)).collect(),
        }
    }

    /// All queries at once.
    async fn fetch(&self, at: Timestamp, ids: Vec<String>) -> Result<BTreeMap<String, Feed>, String> {
        let mut asked = JoinSet::new();
        for (kind, expr) in all(&Filter::Ids(ids)) {
            let client = self.client.clone();
            asked.spawn(async move { client.query(&expr, at).await.map(|found| (kind, found)) });
        }
        let answers: Result<Feed, String> = asked.join_all().await.into_iter().collect();
        Ok(by_job(answers?))
    }

    fn add(&mut self, at: Timestamp, event: Event, feeds: &BTreeMap<String, Feed>) -> Event {
        let Event::Observed(mut o) = event else { return event };
        let unobserved =
            |o: &Observation, why: String| Event::Unobserved { job: o.job.clone(), why, incomplete: false };
        let Some(feed) = feeds.get(&*o.job_id) else {
            // Between two attempts nobody reports, and Flink's word for it is enough.
            if o.running_since.is_none() {
                return Event::Observed(o);
            }
            let why = format!("{} has no figures of it: does it scrape this cluster's reporter?", self.client.shown());
            return unobserved(&o, why);
        };
        if let Some(age) = scraped(feed).map(|t| at.since(t)).filter(|age| *age > self.limit()) {
            return unobserved(&o, format!("its figures in {} are {age} old", self.client.shown()));
        }
        let (shape, assembler) = self.jobs.entry(o.job_id.clone()).or_insert_with(|| fresh(&o));
        if *shape != o.graph.fingerprint() {
            (*shape, *assembler) = fresh(&o);
        }
        o.samples = assembler.samples(feed, &o.job_id);
        self.own_partitions(&mut o);
        Event::Observed(o)
    }

    fn limit(&self) -> Millis {
        self.interval.times(STALE_INTERVALS).max(STALE_LEAST)
    }

    /// A source says how many partitions it owns; just after a rescale too few, so it is never believed to have shrunk.
    fn own_partitions(&mut self, o: &mut Observation) {
        let owned = |v: usize| {
            let task = &o.graph.vertices[v].name;
            let is = |s: &&weirkeeper_core::observation::Sample| {
                &*s.key.name == name::ASSIGNED_PARTITIONS && s.key.task.as_ref() == Some(task)
            };
            o.samples.iter().find(is).map(|s| s.value as u32).filter(|n| *n > 0)
        };
        let told: Vec<Option<u32>> = (0..o.graph.vertices.len()).map(owned).collect();
        for (v, told) in told.into_iter().enumerate() {
            let most =
                self.partitions.get(&(o.job_id.clone(), v)).copied().max(told).max(o.graph.vertices[v].partitions);
            let Some(most) = most else { continue };
            self.partitions.insert((o.job_id.clone(), v), most);
            if o.graph.vertices[v].partitions != Some(most) {
                Arc::make_mut(&mut o.graph).vertices[v].partitions = Some(most);
            }
        }
    }
}

fn fresh(o: &Observation) -> (String, Assembler) {
    (o.graph.fingerprint(), Assembler::new(Observation { samples: Vec::new(), ..o.clone() }))
}

fn observed(event: &Event) -> Option<&Observation> {
    match event {
        Event::Observed(o) => Some(o),
        _ => None,
    }
}

/// Without figures a running job is not observed; what Flink said of others stands.
fn without(event: Event, why: &str) -> Event {
    match event {
        Event::Observed(o) => Event::Unobserved { job: o.job.clone(), why: why.to_owned(), incomplete: false },
        other => other,
    }
}

fn scraped(feed: &Feed) -> Option<Timestamp> {
    let found = feed.iter().filter(|f| f.0 == Kind::Scraped).flat_map(|f| &f.1).flat_map(|s| &s.values);
    found.map(|v| Timestamp((v.1 * 1_000.0) as i64)).max()
}

/// Each job's part: its own series, and those of the TaskManagers that run it.
fn by_job(feed: Feed) -> BTreeMap<String, Feed> {
    let hosts = hosts(&feed);
    let mut out: BTreeMap<String, BTreeMap<Kind, Vec<Series>>> = BTreeMap::new();
    for (kind, all) in feed {
        for series in all {
            if let Some(job) = series.label("job_id").map(str::to_owned) {
                out.entry(job).or_default().entry(kind).or_default().push(series);
            } else if let Some(jobs) = series.label("tm_id").and_then(|tm| hosts.get(tm)) {
                for job in jobs {
                    out.entry(job.clone()).or_default().entry(kind).or_default().push(series.clone());
                }
            }
        }
    }
    out.into_iter().map(|(job, kinds)| (job, kinds.into_iter().collect())).collect()
}

/// Jobs by TaskManager.
fn hosts(feed: &Feed) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for series in feed.iter().filter(|f| f.0 == Kind::Hosts).flat_map(|f| &f.1) {
        if let (Some(tm), Some(job)) = (series.label("tm_id"), series.label("job_id")) {
            out.entry(tm.to_owned()).or_default().insert(job.to_owned());
        }
    }
    out
}
