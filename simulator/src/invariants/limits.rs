//! 12, 13, 14, 17 and 20: how much, how many at once, and within which bounds.

use super::Told;
use super::change::Change;
use super::facts::{Facts, JobFacts};
use super::history::{Done, History};
use weirkeeper_core::effect::Purpose;
use weirkeeper_core::job::Ship;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};

/// Demand that differs by less is the same; half of what the rule says, because what truly arrives is not what was
/// measured.
const SAME_DEMAND: f64 = 0.10;

fn counted(history: &History, since: Timestamp) -> impl Iterator<Item = &Done> {
    history.done.iter().filter(move |d| d.at > since && d.purpose != Purpose::Undo)
}

/// 12: at most so many per job and span. `history` holds the change already.
pub fn per_job(change: &Change, history: &History, policy: &Policy) -> Told {
    let limits = &policy.limits.per_job;
    if limits.is_empty() {
        return Some((12, "a change under a policy without a budget".to_owned()));
    }
    limits.iter().find_map(|limit| {
        let since = change.at.minus(limit.per);
        let all = counted(history, since).count() as u32;
        let downs = counted(history, since).filter(|d| d.purpose == Purpose::Down).count() as u32;
        let most = if limit.per == Millis(0) { 0 } else { limit.count };
        if all > most {
            return Some((12, format!("{all} changes of one job within {}, {most} are allowed", limit.per)));
        }
        let most = limit.downs.filter(|most| change.is_down() && downs > *most)?;
        Some((12, format!("{downs} scale-downs of one job within {}, {most} are allowed", limit.per)))
    })
}

/// The larger of a number and a percentage of the jobs.
fn larger(count: u32, percent: f64, jobs: usize) -> u32 {
    let share = (percent.clamp(0.0, 100.0) * jobs as f64 / 100.0) as u32;
    if percent.is_finite() { count.max(share) } else { count }
}

/// 13: and per fleet; a malformed budget is none.
pub fn per_fleet(change: &Change, all: &[History], policy: &Policy) -> Told {
    let limit = &policy.limits.per_fleet;
    let since = change.at.minus(limit.per);
    let used: usize = all.iter().map(|h| counted(h, since).count()).sum();
    let most = if limit.per == Millis(0) { 0 } else { larger(limit.count, limit.percent, all.len()) };
    let message = || format!("{used} changes of all jobs within {}, {most} are allowed", limit.per);
    (used as u32 > most).then(|| (13, message()))
}

/// 14: running and verifying actions count. `all` does not hold the change yet.
pub fn at_once(change: &Change, all: &[History], policy: &Policy) -> Told {
    let own = all[change.job].under_way();
    if own > 0 {
        return Some((14, format!("a change of a job while {own} of its runs are not over")));
    }
    let limit = &policy.limits.max_concurrent;
    let most = larger(limit.count, limit.percent, all.len()).min(limit.per_cluster);
    let now: usize = all.iter().map(History::under_way).sum();
    (now as u32 >= most).then(|| (14, format!("a change while {now} others are under way; {most} at once are allowed")))
}

/// 17: within step, minimum, maximum, key groups, partitions and slots, and equal across FORWARD edges.
pub fn bounds(change: &Change, history: &History, facts: &Facts, policy: &Policy) -> Told {
    let job = &facts.jobs[change.job];
    let odd = change.bounds.values().find(|b| b.lower.0 < 1 || b.lower > b.upper);
    if let Some(b) = odd {
        return Some((17, format!("bounds {} to {}", b.lower, b.upper)));
    }
    if change.vertices.is_empty() {
        return Some((17, "a change that changes nothing".to_owned()));
    }
    let vertex = change.vertices.iter().find_map(|v| of_vertex(*v, change, history, job, policy));
    vertex.or_else(|| forward(change, history, job)).or_else(|| slots(change, history, job, policy))
}

fn of_vertex(
    (v, now, then): (usize, u32, u32),
    change: &Change,
    history: &History,
    job: &JobFacts,
    policy: &Policy,
) -> Told {
    let vertex = &job.spec.vertices[v];
    let own = policy.scaling.vertex(&vertex.name);
    let scaling = &policy.scaling;
    let told = |what: String| Some((17, format!("{} from {now} to {then}: {what}", vertex.name)));
    let most = own.max_parallelism.or(scaling.max_parallelism).map_or(u32::MAX, |p| p.0).min(vertex.max_parallelism);
    let least = own.min_parallelism.unwrap_or(scaling.min_parallelism).0;
    if own.fixed {
        return told("the policy fixes it".to_owned());
    }
    if then > now && then > most {
        return told(format!("at most {most}"));
    }
    if then > now && vertex.partitions.is_some_and(|n| then > n) {
        return told(format!("it has {:?} partitions", vertex.partitions));
    }
    if then < now && then < least.min(most) {
        return told(format!("at least {least}"));
    }
    // A stop on the way to a size at which it has run is no leap.
    let ran = history.ran.range((v, 0)..=(v, then)).next().is_some();
    if change.is_down() && then < now.div_ceil(2) && !ran {
        return told("more than half at a step, and it has never run so small".to_owned());
    }
    None
}

fn forward(change: &Change, history: &History, job: &JobFacts) -> Told {
    let equal = |sizes: &[u32], (a, b): (usize, usize)| sizes[a] == sizes[b];
    let torn = job.forward().find(|pair| !equal(&change.target, *pair) && equal(&history.parallelism, *pair))?;
    let (a, b) = (&job.spec.vertices[torn.0].name, &job.spec.vertices[torn.1].name);
    Some((17, format!("{a} and {b} are joined by {:?}, and are to have different sizes", Ship::Forward)))
}

fn slots(change: &Change, history: &History, job: &JobFacts, policy: &Policy) -> Told {
    let (now, then) = (job.slots(&history.parallelism), job.slots(&change.target));
    if then <= now {
        return None;
    }
    if let Some(most) = policy.scaling.max_slots.filter(|most| then > *most) {
        return Some((17, format!("{then} slots, the policy allows {most}")));
    }
    let slots = history.slots?;
    let most = match (slots.on_demand, slots.max) {
        (false, _) => now + slots.free,
        (true, Some(max)) => max,
        (true, None) => return None,
    };
    (then > most).then(|| (17, format!("{then} slots are asked for, {most} are there")))
}

/// 20: up, down and up of one vertex within twice cooldown.down while demand stays is refused.
pub fn flapping(change: &Change, history: &History, facts: &Facts, policy: &Policy) -> Told {
    let within = policy.scaling.cooldown.down.times(2);
    let now = history.arriving(change.at, Millis::minutes(1));
    let rising = change.vertices.iter().filter(|(_, now, then)| then > now);
    rising.into_iter().find_map(|(v, ..)| {
        let steps = history.done.iter().filter(|d| d.purpose != Purpose::Undo && change.at.since(d.at) <= within);
        let steps: Vec<_> = steps.filter_map(|d| Some((d, d.vertices.iter().find(|x| x.0 == *v)?))).collect();
        let [.., (first, up), (_, down)] = steps.as_slice() else { return None };
        let same = (now - first.arriving).abs() < SAME_DEMAND * first.arriving;
        let name = &facts.jobs[change.job].spec.vertices[*v].name;
        let message = || format!("{name} went up at {}, down, and is to go up again on the same demand", first.at);
        (up.2 > up.1 && down.2 < down.1 && same).then(|| (20, message()))
    })
}
