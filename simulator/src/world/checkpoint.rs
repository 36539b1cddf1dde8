//! Checkpoints of one job: triggered, travelling with their barriers, uploading; completed, failed or aborted.

use super::costs;
use super::flow::Net;
use crate::scenario;
use std::collections::VecDeque;

/// What Flink keeps (`web.checkpoints.history`).
const HISTORY: usize = 10;

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It completed.
    Completed,
    /// It failed: its time ran out, it was declined, or a restart aborted it.
    Failed,
}

/// One checkpoint or savepoint that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its number.
    pub id: u64,
    /// A savepoint.
    pub savepoint: bool,
    /// When it was triggered, ms since the epoch.
    pub triggered: i64,
    /// When it was over.
    pub ended: i64,
    /// What became of it.
    pub fate: Fate,
    /// Why it failed.
    pub why: &'static str,
    /// Bytes of the whole state.
    pub full: f64,
    /// Bytes it wrote.
    pub written: f64,
    /// Vertices that had acknowledged.
    pub acknowledged: u32,
}

const ABORTED: &str = "Checkpoint was aborted by a restart of the job.";

impl Checkpoint {
    /// One that wrote nothing.
    fn none(at: i64) -> Checkpoint {
        Checkpoint {
            id: 0,
            savepoint: false,
            triggered: at,
            ended: at,
            fate: Fate::Failed,
            why: "",
            full: 0.0,
            written: 0.0,
            acknowledged: 0,
        }
    }
}

/// From where a job goes on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Restore {
    pub id: u64,
    /// By source.
    pub positions: Vec<f64>,
    /// Bytes of state, results held back: by vertex.
    pub state: Vec<f64>,
    pub held: Vec<f64>,
}

/// One under way.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub id: u64,
    pub savepoint: bool,
    pub triggered: i64,
    pub acknowledged: u32,
    restore: Restore,
    /// Records before the barrier, by edge; absent: it has not come to that edge.
    ahead: Vec<Option<f64>>,
    passed: Vec<Option<i64>>,
    uploaded: Option<i64>,
    written: f64,
}

/// What a step of checkpointing has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Completed {
        savepoint: bool,
    },
    /// One failed, and more have in a row than are tolerated.
    TooMany(&'static str),
    Failed {
        savepoint: bool,
    },
}

/// Faults and sizes that bear on them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// TaskManagers that upload.
    pub task_managers: f64,
    /// They take this many times as long.
    pub slow: f64,
    /// They are declined.
    pub declined: bool,
}

/// Checkpoints of one job.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    pub current: Option<Current>,
    /// The newest that completed (savepoints are told apart: Flink does not count them as the latest).
    pub last: Option<Checkpoint>,
    pub restore: Option<Restore>,
    /// From which the present attempt was restored.
    pub restored: Option<u64>,
    pub completed: u32,
    pub failed: u32,
    /// Failed since one last completed.
    pub in_a_row: u32,
    pub history: VecDeque<Checkpoint>,
    next: i64,
    asked: bool,
    savepoint_asked: bool,
    next_id: u64,
    /// The next one writes everything: increments do not survive other key-group ranges.
    full: bool,
    /// Bytes of state in the newest that completed.
    before: f64,
}

impl Checkpoints {
    pub fn new() -> Checkpoints {
        Checkpoints {
            current: None,
            last: None,
            restore: None,
            restored: None,
            completed: 0,
            failed: 0,
            in_a_row: 0,
            history: VecDeque::new(),
            next: i64::MAX,
            asked: false,
            savepoint_asked: false,
            next_id: 1,
            full: true,
            before: 0.0,
        }
    }

    /// All tasks run from `at` on. After a rescale the first is a full one.
    pub fn begin(&mut self, settings: &scenario::Checkpoints, at: i64, rescaled: bool) {
        self.next = at.saturating_add(settings.interval.0 as i64);
        self.full |= rescaled;
        self.in_a_row = 0;
    }

    /// One more, as soon as none is under way.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// The number that the next one will have.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// A restart ends what is under way.
    pub fn abort(&mut self, at: i64) {
        self.asked = false;
        self.next = i64::MAX;
        if let Some(current) = self.current.take() {
            self.fail(current, at, ABORTED);
        }
        if std::mem::take(&mut self.savepoint_asked) {
            // It will never be taken, and its number is nobody else's.
            let nothing = Checkpoint { id: self.next_id, savepoint: true, why: ABORTED, ..Checkpoint::none(at) };
            self.next_id += 1;
            self.failed += 1;
            self.remember(nothing);
        }
    }

    /// Triggers a savepoint, as soon as none is under way: gives the number that it has or will have.
    pub fn savepoint(&mut self, net: &Net, at: i64) -> u64 {
        let id = self.next_id;
        match self.current {
            Some(_) => self.savepoint_asked = true,
            None => self.trigger(net, at, true, false),
        }
        id
    }

    /// Before a step from `from`: is one due?
    pub fn due(&mut self, net: &Net, settings: &scenario::Checkpoints, from: i64) {
        if self.current.is_some() || !(self.asked || self.savepoint_asked || from >= self.next) {
            return;
        }
        if std::mem::take(&mut self.savepoint_asked) {
            return self.trigger(net, from, true, false);
        }
        if from >= self.next {
            let interval = (settings.interval.0 as i64).max(1);
            // One that was due while another was under way follows it at once; then the old beat goes on.
            self.next += ((from - self.next) / interval + 1) * interval;
        }
        self.asked = false;
        self.trigger(net, from, false, settings.unaligned);
    }

    fn trigger(&mut self, net: &Net, at: i64, savepoint: bool, overtakes: bool) {
        let restore = Restore {
            id: self.next_id,
            positions: net.sources.iter().map(|s| s.position).collect(),
            state: net.nodes.iter().map(|n| n.state).collect(),
            held: net.nodes.iter().map(|n| n.held + n.bursting).collect(),
        };
        let mut current = Current {
            id: self.next_id,
            savepoint,
            triggered: at,
            acknowledged: 0,
            restore,
            ahead: vec![overtakes.then_some(0.0); net.links.len()],
            passed: vec![None; net.nodes.len()],
            uploaded: None,
            written: 0.0,
        };
        current.travel(net, at, at);
        self.next_id += 1;
        self.current = Some(current);
    }

    /// After a step from `from` to `to`.
    pub fn step(
        &mut self,
        net: &Net,
        settings: &scenario::Checkpoints,
        setting: Setting,
        (from, to): (i64, i64),
    ) -> Option<News> {
        let mut current = self.current.take()?;
        current.travel(net, from, to);
        if setting.declined {
            return Some(self.failed(current, settings, to, "Checkpoint was declined."));
        }
        if let (None, Some(passed)) = (current.uploaded, current.all_passed()) {
            let (uploaded, written) = self.upload(&current, net, settings, setting, passed);
            (current.uploaded, current.written) = (Some(uploaded), written);
        }
        let late = current.triggered.saturating_add(settings.timeout.0 as i64);
        match current.uploaded {
            Some(done) if done <= to.min(late) => Some(self.complete(current, done)),
            _ if late <= to => Some(self.failed(current, settings, late, "Checkpoint expired before completing.")),
            _ => {
                self.current = Some(current);
                None
            }
        }
    }

    /// When the upload will be done, and how much it writes.
    fn upload(
        &self,
        current: &Current,
        net: &Net,
        settings: &scenario::Checkpoints,
        setting: Setting,
        passed: i64,
    ) -> (i64, f64) {
        let full: f64 = current.restore.state.iter().sum();
        let grown = (full - self.before).max(settings.incremental * full);
        let mut written = if self.full || current.savepoint { full } else { grown.min(full) };
        if settings.unaligned {
            written += net.links.iter().map(|l| l.queue).sum::<f64>() * costs::RECORD_BYTES;
        }
        let rate = settings.upload * setting.task_managers.max(1.0);
        let secs = if rate > 0.0 { written / rate } else { 0.0 };
        let ms = (settings.base.0 as f64 + secs * 1_000.0) * setting.slow;
        (passed.saturating_add(ms as i64), written)
    }

    fn complete(&mut self, current: Current, at: i64) -> News {
        let full: f64 = current.restore.state.iter().sum();
        let savepoint = current.savepoint;
        let checkpoint = over(&current, at, Fate::Completed, "", full);
        self.in_a_row = 0;
        self.completed += 1;
        if !savepoint {
            (self.before, self.full) = (full, false);
            self.last = Some(checkpoint.clone());
        }
        self.restore = Some(current.restore);
        self.remember(checkpoint);
        News::Completed { savepoint }
    }

    fn failed(&mut self, current: Current, settings: &scenario::Checkpoints, at: i64, why: &'static str) -> News {
        let savepoint = current.savepoint;
        self.fail(current, at, why);
        if savepoint {
            return News::Failed { savepoint };
        }
        self.in_a_row += 1;
        if self.in_a_row > settings.tolerable_failures { News::TooMany(why) } else { News::Failed { savepoint } }
    }

    fn fail(&mut self, current: Current, at: i64, why: &'static str) {
        self.failed += 1;
        let full = current.restore.state.iter().sum();
        self.remember(over(&current, at, Fate::Failed, why, full));
    }

    fn remember(&mut self, checkpoint: Checkpoint) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(checkpoint);
    }

    /// A new submission begins from the savepoint, and counts anew; it writes everything once.
    pub fn submitted(&mut self) {
        (self.completed, self.failed, self.in_a_row, self.full) = (0, 0, 0, true);
        (self.current, self.last, self.savepoint_asked) = (None, None, false);
        self.history.clear();
    }

    /// What each source will never be asked for again.
    pub fn kept(&self, source: usize) -> f64 {
        self.restore.as_ref().and_then(|r| r.positions.get(source)).copied().unwrap_or(0.0)
    }
}

fn over(current: &Current, at: i64, fate: Fate, why: &'static str, full: f64) -> Checkpoint {
    Checkpoint {
        id: current.id,
        savepoint: current.savepoint,
        triggered: current.triggered,
        ended: at,
        fate,
        why,
        full,
        written: current.written,
        acknowledged: current.acknowledged,
    }
}

impl Current {
    /// Barriers move with the records before them. A vertex passes its own on when it has one of each input.
    fn travel(&mut self, net: &Net, from: i64, to: i64) {
        for &v in &net.order {
            if self.passed[v].is_some() {
                continue;
            }
            let Some(at) = self.arrival(net, v, from, to) else { continue };
            self.passed[v] = Some(at);
            self.acknowledged += 1;
            for &e in &net.outputs[v] {
                self.ahead[e].get_or_insert(net.links[e].queue);
            }
        }
    }

    /// When the last of its inputs has brought a barrier, if they have.
    fn arrival(&mut self, net: &Net, v: usize, from: i64, to: i64) -> Option<i64> {
        let mut latest = from;
        let mut all = true;
        for &e in &net.inputs[v] {
            let taken = if to > from { net.links[e].taken } else { 0.0 };
            match self.ahead[e].as_mut() {
                Some(ahead) if *ahead <= taken => {
                    let part = if taken > 0.0 { *ahead / taken } else { 0.0 };
                    *ahead = 0.0;
                    latest = latest.max(from + ((to - from) as f64 * part) as i64);
                }
                Some(ahead) => {
                    *ahead -= taken;
                    all = false;
                }
                None => all = false,
            }
        }
        all.then_some(latest)
    }

    /// Which vertices have acknowledged.
    pub fn acknowledged_by(&self) -> Vec<bool> {
        self.passed.iter().map(Option::is_some).collect()
    }

    fn all_passed(&self) -> Option<i64> {
        self.passed.iter().copied().collect::<Option<Vec<i64>>>()?.into_iter().max()
    }
}
