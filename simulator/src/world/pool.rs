//! TaskManagers and their slots: which there are, who has them, which are dead without being known to be.

use super::costs;
use crate::scenario;
use std::sync::Arc;

/// State of a TaskManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskManagerState {
    /// It registers at this time, ms since the epoch.
    Starting(i64),
    /// It is registered and lives.
    Up,
    /// It is dead, and counts as registered until this time.
    Dead(i64),
}

/// A TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskManager {
    /// Its id.
    pub id: Arc<str>,
    /// Its number; rises.
    pub number: u32,
    /// Its state.
    pub state: TaskManagerState,
    /// Its slots.
    pub slots: u32,
    /// Slots in use.
    pub used: u32,
    /// Heap that leaked, bytes.
    pub leaked: f64,
    idle_since: Option<i64>,
}

impl TaskManager {
    /// The JobManager knows it.
    pub fn registered(&self) -> bool {
        !matches!(self.state, TaskManagerState::Starting(_))
    }

    fn free(&self) -> u32 {
        if self.registered() { self.slots - self.used.min(self.slots) } else { 0 }
    }
}

/// Which slots a job has: TaskManager's number, and how many.
pub(super) type Placement = Vec<(u32, u32)>;

/// The TaskManagers of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub members: Vec<TaskManager>,
    per: u32,
    /// On demand: the most there may be.
    pub most: Option<u32>,
    start_up: i64,
    lost_after: i64,
    next: u32,
    /// None starts.
    pub stuck: bool,
    /// Rises whenever one joins or goes.
    pub version: u64,
}

impl Pool {
    pub fn new(cluster: &scenario::Cluster) -> Pool {
        let mut pool = Pool {
            members: Vec::new(),
            per: cluster.slots_per_task_manager.max(1),
            most: cluster.most_task_managers,
            start_up: cluster.start_up.0 as i64,
            lost_after: (cluster.heartbeat_timeout.0 as f64 * costs::LOST_AFTER) as i64,
            next: 1,
            stuck: false,
            version: 1,
        };
        (0..cluster.task_managers).for_each(|_| pool.add(TaskManagerState::Up));
        pool
    }

    fn add(&mut self, state: TaskManagerState) {
        let id = format!("tm-{}", self.next).into();
        let (number, slots) = (self.next, self.per);
        self.members.push(TaskManager { id, number, state, slots, used: 0, leaked: 0.0, idle_since: None });
        self.next += 1;
    }

    /// Slots that the JobManager knows of.
    pub fn total(&self) -> u32 {
        self.members.iter().filter(|t| t.registered()).map(|t| t.slots).sum()
    }

    /// Of those, not in use.
    pub fn free(&self) -> u32 {
        self.members.iter().map(TaskManager::free).sum()
    }

    /// TaskManagers that the JobManager knows of.
    pub fn count(&self) -> u32 {
        self.members.iter().filter(|t| t.registered()).count() as u32
    }

    /// Slots of each.
    pub fn per(&self) -> u32 {
        self.per
    }

    /// Time has come to `now`.
    pub fn advance(&mut self, now: i64) {
        let (mut joined, before) = (false, self.members.len());
        for tm in &mut self.members {
            if matches!(tm.state, TaskManagerState::Starting(at) if at <= now) && !self.stuck {
                tm.state = TaskManagerState::Up;
                joined = true;
            }
        }
        self.members.retain(|t| !matches!(t.state, TaskManagerState::Dead(until) if until <= now));
        self.version += u64::from(joined || self.members.len() != before);
    }

    /// Gives a job's slots back.
    pub fn release(&mut self, placement: &mut Placement) {
        for (number, slots) in placement.drain(..) {
            if let Some(tm) = self.members.iter_mut().find(|t| t.number == number) {
                tm.used = tm.used.saturating_sub(slots);
                tm.idle_since = None;
            }
        }
    }

    /// Takes slots, the oldest TaskManagers first. `Err` when one of them is dead, which the JobManager does not know.
    pub fn place(&mut self, mut slots: u32, placement: &mut Placement) -> Result<(), Arc<str>> {
        let mut dead = None;
        for tm in &mut self.members {
            let take = tm.free().min(slots);
            if take > 0 {
                tm.used += take;
                slots -= take;
                placement.push((tm.number, take));
                if matches!(tm.state, TaskManagerState::Dead(_)) {
                    dead.get_or_insert_with(|| tm.id.clone());
                }
            }
        }
        dead.map_or(Ok(()), Err)
    }

    /// TaskManagers that run a job's tasks.
    pub fn hosts<'a>(&'a self, placement: &'a Placement) -> impl Iterator<Item = &'a TaskManager> + 'a {
        self.members.iter().filter(|t| placement.iter().any(|(number, _)| *number == t.number))
    }

    /// Whether a job has lost a TaskManager.
    pub fn lost(&self, placement: &Placement) -> Option<Arc<str>> {
        let gone = |number: u32| match self.members.iter().find(|t| t.number == number) {
            Some(tm) => (tm.state != TaskManagerState::Up).then(|| tm.id.clone()),
            None => Some(format!("tm-{number}").into()),
        };
        placement.iter().find_map(|(number, _)| gone(*number))
    }

    /// `count` die at `now`, those that `first` names and those in use first; they come back after `back`, where given.
    pub fn kill(&mut self, count: u32, now: i64, back: Option<i64>, first: &[(u32, u32)]) {
        for _ in 0..count {
            let rank = |t: &&TaskManager| {
                let named = first.iter().any(|(number, _)| *number == t.number);
                (named, t.used > 0, std::cmp::Reverse(t.number))
            };
            let up = self.members.iter().filter(|t| t.state == TaskManagerState::Up);
            let Some(number) = up.max_by_key(rank).map(|t| t.number) else { return };
            self.kill_one(number, now, back);
        }
    }

    /// That one dies.
    pub fn kill_one(&mut self, number: u32, now: i64, back: Option<i64>) {
        let until = now + self.lost_after;
        if let Some(tm) = self.members.iter_mut().find(|t| t.number == number) {
            tm.state = TaskManagerState::Dead(until);
        }
        if let Some(back) = back {
            self.add(TaskManagerState::Starting(now + back));
        }
        self.version += 1;
    }

    /// On demand: as many as are needed for `slots` in all, and none that has been idle for long.
    pub fn provide(&mut self, slots: u32, now: i64) {
        let Some(most) = self.most else { return };
        let wanted = slots.div_ceil(self.per).min(most);
        let living = |t: &&TaskManager| !matches!(t.state, TaskManagerState::Dead(_));
        let have = self.members.iter().filter(living).count() as u32;
        (have..wanted).for_each(|_| self.add(TaskManagerState::Starting(now + self.start_up)));
        self.let_go(wanted, now);
    }

    fn let_go(&mut self, wanted: u32, now: i64) {
        let mut spare = (self.members.len() as u32).saturating_sub(wanted);
        for tm in &mut self.members {
            let idle = tm.used == 0 && tm.state == TaskManagerState::Up;
            tm.idle_since = if idle { tm.idle_since.or(Some(now)) } else { None };
        }
        let before = self.members.len();
        self.members.retain(|t| {
            let old = t.idle_since.is_some_and(|since| now - since >= costs::IDLE_TASK_MANAGER);
            let starting = matches!(t.state, TaskManagerState::Starting(_));
            let goes = spare > 0 && (old || starting);
            spare -= u32::from(goes);
            !goes
        });
        self.version += u64::from(self.members.len() != before);
    }

    /// Reactive mode: whoever scales sets the number of TaskManagers.
    pub fn resize(&mut self, count: u32, now: i64) {
        let living = |t: &&TaskManager| !matches!(t.state, TaskManagerState::Dead(_));
        let have = self.members.iter().filter(living).count() as u32;
        (have..count).for_each(|_| self.add(TaskManagerState::Starting(now + self.start_up)));
        let surplus = have.saturating_sub(count);
        for _ in 0..surplus {
            // The newest goes, as of a deployment that is scaled down; it is stopped in order and known to be gone.
            self.members.pop();
        }
        self.version += u64::from(surplus > 0);
    }
}

/// Slots for each slot-sharing group, when there may be fewer than they want; `None` when not each can have one.
pub(super) fn divide(wanted: &[u32], slots: u32) -> Option<Vec<u32>> {
    if wanted.iter().sum::<u32>() <= slots {
        return Some(wanted.to_vec());
    }
    if (wanted.len() as u32) > slots {
        return None;
    }
    let mut given = vec![1; wanted.len()];
    for _ in wanted.len() as u32..slots {
        // The one that has the smallest part of what it wants gets the next.
        let open = (0..wanted.len()).filter(|g| given[*g] < wanted[*g]);
        let poorest = open.min_by(|a, b| {
            (u64::from(given[*a]) * u64::from(wanted[*b])).cmp(&(u64::from(given[*b]) * u64::from(wanted[*a])))
        });
        given[poorest?] += 1;
    }
    Some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_do_not_suffice_are_divided_in_proportion() {
        assert_eq!(divide(&[4], 9), Some(vec![4]));
        assert_eq!(divide(&[16], 11), Some(vec![11]));
        assert_eq!(divide(&[8, 4], 6), Some(vec![4, 2]));
        assert_eq!(divide(&[2, 2, 2], 2), None);
    }

    fn pool(most: Option<u32>) -> Pool {
        Pool {
            members: Vec::new(),
            per: 4,
            most,
            start_up: 12_000,
            lost_after: 20_000,
            next: 1,
            stuck: false,
            version: 1,
        }
    }

    #[test]
    fn a_dead_task_manager_counts_until_it_is_known_to_be_dead() {
        let mut pool = pool(None);
        pool.add(TaskManagerState::Up);
        pool.add(TaskManagerState::Up);
        let mut placement = Vec::new();
        assert_eq!(pool.place(6, &mut placement), Ok(()));
        assert_eq!((placement.clone(), pool.free()), (vec![(1, 4), (2, 2)], 2));
        pool.kill(1, 1_000, None, &[]);
        assert_eq!(pool.lost(&placement).as_deref(), Some("tm-1"));
        assert_eq!(pool.total(), 8);
        pool.release(&mut placement);
        assert!(pool.place(4, &mut placement).is_err(), "it is tried on the dead one");
        pool.release(&mut placement);
        pool.advance(20_999);
        assert_eq!(pool.total(), 8);
        pool.advance(21_000);
        assert_eq!(pool.total(), 4);
    }

    #[test]
    fn on_demand_they_start_when_wanted_and_go_when_idle() {
        let mut pool = pool(Some(3));
        pool.provide(20, 0);
        assert_eq!((pool.members.len(), pool.total()), (3, 0), "no more than the most");
        pool.advance(12_000);
        assert_eq!(pool.total(), 12);
        let mut placement = Vec::new();
        assert_eq!(pool.place(4, &mut placement), Ok(()));
        pool.provide(4, 13_000);
        pool.provide(4, 42_999);
        assert_eq!(pool.total(), 12);
        pool.provide(4, 43_000);
        assert_eq!(pool.total(), 4);
    }
}
