//! What the job did over time, gathered for charts in bounded memory; and which signals there were.

use super::judge::Judge;
use super::known::Known;
use super::player::Player;
use crate::report::{Chart, Line, Thin};
use crate::score::Scores;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Timestamp};

/// Other series that get a chart of their own; a recording with more is not a chart but a book.
const MAX_OTHERS: usize = 8;
/// Vertices that are drawn.
const MAX_DRAWN: usize = 24;

/// What a sample is to the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    In,
    Out,
    Busy,
    Idle,
    Held,
    InRate,
    OutRate,
    BusyRate,
    EmitLag,
    BrokerLag,
    Pending,
    Restarts,
    Memory,
    Other(usize),
}

/// Sums and counts that are exact, whatever the charts thin out.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The charts.
    pub charts: Vec<Chart>,
    /// Slots in use, as slot milliseconds (the widest vertex of each slot sharing group, while the job runs).
    pub slot_ms: f64,
    /// How long it did not run, ms.
    pub down_ms: u64,
    /// Restarts that its counter shows, rescales among them.
    pub restarts: Option<f64>,
    /// Checkpoints that completed.
    pub checkpoints: Option<u64>,
    /// Scores by lag, and over which share of the time it was known.
    pub scores: Option<(Scores, f64)>,
}

/// Gathers.
#[derive(Default)]
pub struct Gather {
    keys: Vec<Arc<SeriesKey>>,
    roles: Vec<Option<(Role, usize)>>,
    before: BTreeMap<(Role, usize), f64>,
    now: BTreeMap<(Role, usize), f64>,
    last: Option<Timestamp>,
    ran: bool,
    lines: BTreeMap<(Panel, usize), Thin>,
    names: Vec<Arc<str>>,
    others: Vec<(Arc<SeriesKey>, Thin)>,
    restarts: Option<(f64, f64)>,
    completed: Option<(u64, u64)>,
    known: Known,
    judge: Judge,
    sums: Gathered,
}

/// A chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Panel {
    Load,
    LagTime,
    LagRecords,
    Parallelism,
    Slots,
    Busy,
    Held,
    CheckpointTime,
    CheckpointSize,
}

impl Panel {
    const ALL: [(Panel, &'static str, &'static str); 9] = [
        (Panel::Load, "Load", "records/s"),
        (Panel::LagTime, "Lag in time", "s"),
        (Panel::LagRecords, "Lag in records", "records"),
        (Panel::Parallelism, "Parallelism", "subtasks"),
        (Panel::Slots, "Slots and TaskManagers", ""),
        (Panel::Busy, "Busy", "% of the time, mean over subtasks"),
        (Panel::Held, "Backpressured", "% of the time, mean over subtasks"),
        (Panel::CheckpointTime, "Checkpoints: duration", "s"),
        (Panel::CheckpointSize, "Checkpoints: size of the state", "bytes"),
    ];

    /// Names of its lines where they are not the vertices.
    fn line(self, i: usize, names: &[Arc<str>]) -> String {
        let vertex = || names.get(i).map_or_else(|| format!("vertex {i}"), ToString::to_string);
        match (self, i) {
            (Panel::Load, n) if n >= DEMAND => format!("{} (what arrives, as judged)", self.line(n - DEMAND, names)),
            (Panel::LagRecords, n) if n >= DEMAND => {
                format!("{} (waiting, as the source says)", self.line(n - DEMAND, names))
            }
            (Panel::Slots, 0) => "slots".into(),
            (Panel::Slots, 1) => "free".into(),
            (Panel::Slots, _) => "TaskManagers".into(),
            (Panel::CheckpointTime | Panel::CheckpointSize, _) => "last checkpoint".into(),
            _ => vertex(),
        }
    }

    fn steps(self) -> bool {
        matches!(self, Panel::Parallelism | Panel::Slots | Panel::CheckpointTime | Panel::CheckpointSize)
    }
}

/// Lines of judged demand stand beside those of the vertices.
const DEMAND: usize = 1_000;

impl Gather {
    /// Late is what lags beyond the objective.
    pub fn new(objective: Millis) -> Gather {
        Gather { judge: Judge::new(objective), ..Gather::default() }
    }

    /// Takes a look.
    pub fn look(&mut self, at: Timestamp, event: &Event, first: Option<&Player>) {
        let Event::Observed(o) = event else { return };
        self.names = o.graph.vertices.iter().map(|v| v.name.clone()).collect();
        self.read(o);
        self.count(at, o);
        self.figures(at, o);
        self.judged(at, o, first);
        self.learn(o);
        (self.last, self.ran) = (Some(at), o.status == JobStatus::Running && o.running_since.is_some());
    }

    /// Which samples are what changes seldom: it is worked out once per change.
    fn read(&mut self, o: &Observation) {
        let same =
            self.keys.len() == o.samples.len() && self.keys.iter().zip(&o.samples).all(|(k, s)| Arc::ptr_eq(k, &s.key));
        if !same {
            self.keys = o.samples.iter().map(|s| Arc::clone(&s.key)).collect();
            self.roles = o.samples.iter().map(|s| self.role(&s.key, o)).collect();
        }
        self.before = std::mem::take(&mut self.now);
        for (sample, role) in o.samples.iter().zip(&self.roles) {
            if let Some(role) = role {
                self.now.entry(*role).or_insert(sample.value);
            }
        }
    }

    fn role(&mut self, key: &Arc<SeriesKey>, o: &Observation) -> Option<(Role, usize)> {
        let vertex = key.task.as_ref().and_then(|t| o.graph.vertices.iter().position(|v| v.name == *t));
        let role = match (&*key.name, key.agg) {
            (name::RECORDS_IN, Some(Agg::Sum)) => Role::In,
            (name::RECORDS_OUT, Some(Agg::Sum)) => Role::Out,
            (name::BUSY_TOTAL, Some(Agg::Sum)) => Role::Busy,
            (name::IDLE_TOTAL, Some(Agg::Sum)) => Role::Idle,
            (name::BACKPRESSURED_TOTAL, Some(Agg::Sum)) => Role::Held,
            (name::RECORDS_IN_RATE, Some(Agg::Sum)) => Role::InRate,
            (name::RECORDS_OUT_RATE, Some(Agg::Sum)) => Role::OutRate,
            (name::BUSY_RATE, Some(Agg::Avg)) => Role::BusyRate,
            (name::EMIT_LAG, Some(Agg::Max)) => Role::EmitLag,
            (name::SOURCE_LAG_RECORDS, _) => Role::BrokerLag,
            (name::PENDING, Some(Agg::Sum | Agg::Avg)) => Role::Pending,
            (name::NUM_RESTARTS, _) => return Some((Role::Restarts, 0)),
            (name::HEAP_USED | name::GC_RATE, _) => return Some((Role::Memory, 0)),
            (other, _)
                if other.starts_with("flink_taskmanager_job_task_") || other.starts_with("flink_jobmanager_job_") =>
            {
                return None;
            }
            _ if !key.labels.iter().any(|l| &*l.0 == "tm_id") => return self.other(key),
            _ => return None,
        };
        Some((role, vertex?))
    }

    fn other(&mut self, key: &Arc<SeriesKey>) -> Option<(Role, usize)> {
        let place = self.others.iter().position(|o| o.0 == *key).or_else(|| {
            (self.others.len() < MAX_OTHERS).then(|| {
                self.others.push((Arc::clone(key), Thin::default()));
                self.others.len() - 1
            })
        })?;
        Some((Role::Other(place), place))
    }

    /// Exact sums: what was so at the last look is so until this one.
    fn count(&mut self, at: Timestamp, o: &Observation) {
        if let Some(last) = self.last {
            let span = at.since(last).0;
            match self.ran {
                true => self.sums.slot_ms += f64::from(slots_in_use(o)) * span as f64,
                false => self.sums.down_ms += span,
            }
        }
        if let Some(now) = self.now.get(&(Role::Restarts, 0)).copied() {
            let (before, sum) = self.restarts.unwrap_or((now, 0.0));
            self.restarts = Some((now, sum + (now - before).max(0.0)));
        }
        if let Some(now) = o.checkpoints.as_ref().and_then(|c| c.completed) {
            let (before, sum) = self.completed.unwrap_or((now, 0));
            self.completed = Some((now, sum + now.saturating_sub(before)));
        }
    }

    fn figures(&mut self, at: Timestamp, o: &Observation) {
        let span = self.last.map(|last| at.since(last).as_secs()).filter(|s| *s > 0.0);
        for v in 0..o.graph.vertices.len().min(MAX_DRAWN) {
            let source = o.graph.is_source(v);
            let (counter, rate) = if source { (Role::Out, Role::OutRate) } else { (Role::In, Role::InRate) };
            let load = self.rise(counter, v).zip(span).map(|(n, s)| n / s).or_else(|| self.value(rate, v));
            self.draw(Panel::Load, v, at, load);
            self.draw(Panel::Parallelism, v, at, Some(f64::from(o.graph.vertices[v].parallelism.0)));
            let (busy, held) = self.shares(v);
            self.draw(Panel::Busy, v, at, busy.or_else(|| self.value(Role::BusyRate, v).map(|b| b / 10.0)));
            self.draw(Panel::Held, v, at, held);
            if source {
                self.draw(Panel::LagTime, v, at, self.value(Role::EmitLag, v).map(|ms| ms / 1_000.0));
                self.draw(Panel::LagRecords, v, at, self.value(Role::BrokerLag, v));
                self.draw(Panel::LagRecords, DEMAND + v, at, self.value(Role::Pending, v));
            }
        }
        self.judge(at, o, span);
        let slots = o.slots.as_ref();
        self.draw(Panel::Slots, 0, at, slots.map(|s| f64::from(s.total)));
        self.draw(Panel::Slots, 1, at, slots.map(|s| f64::from(s.free)));
        self.draw(Panel::Slots, 2, at, slots.filter(|s| s.taskmanagers > 0).map(|s| f64::from(s.taskmanagers)));
        let checkpoints = o.checkpoints.as_ref();
        self.draw(Panel::CheckpointTime, 0, at, checkpoints.and_then(|c| c.last_duration).map(Millis::as_secs));
        self.draw(Panel::CheckpointSize, 0, at, checkpoints.and_then(|c| c.full_size).map(|n| n as f64));
        for (i, (_, thin)) in self.others.iter_mut().enumerate() {
            thin.push(at.0, self.now.get(&(Role::Other(i), i)).copied());
        }
    }

    /// The worst source counts; never a sum or a mean over sources.
    fn judge(&mut self, at: Timestamp, o: &Observation, span: Option<f64>) {
        let sources = || (0..o.graph.vertices.len()).filter(|v| o.graph.is_source(*v));
        let lag = sources().filter_map(|v| self.value(Role::EmitLag, v)).reduce(f64::max);
        let load = |v: usize| {
            let rose = self.rise(Role::Out, v).zip(span).map(|(n, s)| n / s);
            rose.or_else(|| self.value(Role::OutRate, v)).unwrap_or(0.0)
        };
        let load: f64 = sources().map(load).sum();
        let restarts = self.restarts.map_or(0.0, |r| r.1);
        self.judge.look(at, o, (lag, load, restarts), slots_in_use(o));
    }

    /// What the first contender made of it: demand of the sources.
    fn judged(&mut self, at: Timestamp, o: &Observation, first: Option<&Player>) {
        let Some(view) = first.and_then(Player::view) else { return };
        let demand = |v: usize| {
            let name = &o.graph.vertices[v].name;
            view.vertices.iter().find(|w| w.name == *name).and_then(|w| w.demand).map(|d| d.0)
        };
        let sources: Vec<(usize, Option<f64>)> = (0..o.graph.vertices.len().min(MAX_DRAWN))
            .filter(|v| o.graph.is_source(*v))
            .map(|v| (v, demand(v)))
            .collect();
        for (v, demand) in sources {
            self.draw(Panel::Load, DEMAND + v, at, demand);
        }
    }

    fn draw(&mut self, panel: Panel, line: usize, at: Timestamp, value: Option<f64>) {
        match self.lines.get_mut(&(panel, line)) {
            Some(thin) => thin.push(at.0, value),
            None if value.is_some() => {
                let mut thin = Thin::default();
                thin.push(at.0, value);
                self.lines.insert((panel, line), thin);
            }
            None => {}
        }
    }

    fn value(&self, role: Role, v: usize) -> Option<f64> {
        self.now.get(&(role, v)).copied()
    }

    /// How much a counter rose; not known where it began anew.
    fn rise(&self, role: Role, v: usize) -> Option<f64> {
        let rose = self.value(role, v)? - self.before.get(&(role, v))?;
        (rose >= 0.0).then_some(rose)
    }

    /// Busy and backpressured, by the vertex's own clock.
    fn shares(&self, v: usize) -> (Option<f64>, Option<f64>) {
        let all = [Role::Busy, Role::Idle, Role::Held].map(|r| self.rise(r, v));
        let [Some(busy), Some(idle), Some(held)] = all else { return (None, None) };
        let clock = busy + idle + held;
        let share = |part: f64| (clock > 0.0).then(|| 100.0 * part / clock);
        (share(busy), share(held))
    }

    fn learn(&mut self, o: &Observation) {
        let k = &mut self.known;
        k.running |= o.running_since.is_some();
        k.checkpoints |= o.checkpoints.as_ref().is_some_and(|c| c.last_completed.is_some());
        k.slots |= o.slots.is_some();
        k.scheduler |= o.scheduler.is_some() || o.requirements.is_some();
        let per = o.slots.and_then(|s| s.per_taskmanager);
        k.environment |= per.is_some() && o.facts.taskmanager_memory.is_some() && o.facts.buffer_debloat.is_some();
        k.memory |= self.now.contains_key(&(Role::Memory, 0));
        k.restarts |= self.now.contains_key(&(Role::Restarts, 0));
        for (i, v) in o.graph.vertices.iter().enumerate() {
            let has = |roles: &[Role]| roles.iter().any(|r| self.now.contains_key(&(*r, i)));
            let note = |set: &mut std::collections::BTreeSet<String>, yes: bool| {
                if yes && !set.contains(&*v.name) {
                    set.insert(v.name.to_string());
                }
            };
            note(&mut k.vertices, true);
            note(&mut k.busy, has(&[Role::Busy, Role::BusyRate]));
            note(&mut k.records, has(&[Role::In, Role::Out, Role::InRate, Role::OutRate]));
            let source = o.graph.is_source(i);
            note(&mut k.sources, source);
            note(&mut k.lag, source && has(&[Role::EmitLag, Role::BrokerLag]));
            note(&mut k.pending, source && has(&[Role::Pending]));
            note(&mut k.partitions, source && v.partitions.is_some());
        }
    }

    /// What the recording knows.
    pub fn known(&self, edges: bool) -> Known {
        Known { edges, ..self.known.clone() }
    }

    /// The charts, and the sums.
    pub fn done(self) -> Gathered {
        let mut charts = Vec::new();
        for (panel, title, unit) in Panel::ALL {
            let mine = self.lines.iter().filter(|((p, _), thin)| *p == panel && !thin.is_empty());
            let line = |((_, i), thin): (&(Panel, usize), &Thin)| Line {
                name: panel.line(*i, &self.names),
                steps: panel.steps(),
                points: thin.points(),
            };
            let lines: Vec<Line> = mine.map(line).collect();
            if !lines.is_empty() {
                charts.push(Chart { title: title.into(), unit: unit.into(), lines });
            }
        }
        for (key, thin) in self.others.iter().filter(|(_, thin)| !thin.is_empty()) {
            let line = Line { name: key.to_string(), steps: false, points: thin.points() };
            charts.push(Chart { title: key.name.to_string(), unit: String::new(), lines: vec![line] });
        }
        Gathered {
            charts,
            restarts: self.restarts.map(|r| r.1),
            checkpoints: self.completed.map(|c| c.1),
            scores: self.judge.finish(),
            ..self.sums
        }
    }
}

/// The widest vertex of each slot sharing group.
fn slots_in_use(o: &Observation) -> u32 {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for v in &o.graph.vertices {
        let widest = groups.entry(&v.slot_group).or_default();
        *widest = (*widest).max(v.parallelism.0);
    }
    groups.values().sum()
}
