//! Looks at a job all the time and writes down what changes.

use super::job::{Books, Job, Running};
use super::timeline::{Timeline, now_ms};
use super::wait::eventually;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What was seen of a job at one time.
#[derive(Clone, Debug)]
pub struct Look {
    /// When.
    pub at_ms: u64,
    /// What ran.
    pub running: Running,
}

/// The watcher; it stops when dropped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    looks: Arc<Mutex<Vec<Look>>>,
    threads: Vec<JoinHandle<()>>,
}

const LOOK_EVERY: Duration = Duration::from_millis(300);
const BOOKS_EVERY: Duration = Duration::from_millis(1500);
/// A line about the backlog in the timeline when it changed by this factor.
const NEWS: f64 = 2.0;
/// Below this many records nobody cares.
const FEW: f64 = 1000.0;

impl Watch {
    /// Begins.
    pub fn start(job: &Job, timeline: &Timeline) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let looks = Arc::default();
        let look = {
            let (job, timeline, stop, looks) = (job.clone(), timeline.clone(), Arc::clone(&stop), Arc::clone(&looks));
            std::thread::spawn(move || watch_running(&job, &timeline, &stop, &looks))
        };
        let books = {
            let (job, timeline, stop) = (job.clone(), timeline.clone(), Arc::clone(&stop));
            std::thread::spawn(move || watch_books(&job, &timeline, &stop))
        };
        Watch { stop, looks, threads: vec![look, books] }
    }

    /// Every change of what ran.
    pub fn looks(&self) -> Vec<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When `enrich` first ran whole at a parallelism that fits, at or after `from_ms`.
    pub fn reached(&self, from_ms: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let good = |l: &&Look| l.at_ms >= from_ms && l.running.is_whole() && width(&l.running).is_some_and(&fits);
        self.looks().iter().find(good).map(|l| l.at_ms)
    }

    /// The same, once it has been seen: the watcher looks a little later than whoever asked Flink.
    pub fn until_reached(&self, from_ms: u64, fits: impl Fn(u64) -> bool) -> Result<u64> {
        eventually("the watcher to see it", || Ok(self.reached(from_ms, &fits)))
    }

    /// The widths at which `enrich` ran whole, repeats left out.
    pub fn widths(&self) -> Vec<u64> {
        let mut all: Vec<_> =
            self.looks().iter().filter(|l| l.running.is_whole()).filter_map(|l| width(&l.running)).collect();
        all.dedup();
        all
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|t| drop(t.join()));
    }
}

fn width(running: &Running) -> Option<u64> {
    running.parallelism.get(super::job::ENRICH).copied()
}

fn watch_running(job: &Job, timeline: &Timeline, stop: &AtomicBool, looks: &Mutex<Vec<Look>>) {
    let mut last: Option<Running> = None;
    while !stop.load(Ordering::Relaxed) {
        if let Ok(now) = job.running()
            && last.as_ref() != Some(&now)
        {
            timeline.note("flink", describe(&now));
            let look = Look { at_ms: now_ms(), running: now.clone() };
            looks.lock().unwrap_or_else(PoisonError::into_inner).push(look);
            last = Some(now);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn describe(now: &Running) -> String {
    let count = |(name, p): (&String, &u64)| format!("{name} {}/{p}", now.running.get(name).unwrap_or(&0));
    format!("{}: {}", now.state, now.parallelism.iter().map(count).collect::<Vec<_>>().join(", "))
}

fn watch_books(job: &Job, timeline: &Timeline, stop: &AtomicBool) {
    let mut told = FEW;
    while !stop.load(Ordering::Relaxed) {
        let books = job.books().ok();
        if let Some(waiting) = books.and_then(waiting)
            && is_news(told, waiting)
        {
            timeline.note("books", format!("{waiting:.0} records wait"));
            told = waiting;
        }
        std::thread::sleep(BOOKS_EVERY);
    }
}

/// Records that wait, at least [`FEW`], so that small figures are all alike.
fn waiting(books: Books) -> Option<f64> {
    books.unprocessed.and_then(|n| i32::try_from(n).ok()).map(|n| f64::from(n).max(FEW))
}

fn is_news(told: f64, waiting: f64) -> bool {
    let (least, most) = (told / NEWS, told * NEWS);
    waiting >= most || waiting <= least
}
