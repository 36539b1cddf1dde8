//! What a comparison came to, as a page.

use std::fmt::Write;
use weirkeeper_simulator::score::Scores;
use weirkeeper_simulator::score::events::Kind;

/// A run simulated from another.
pub struct Cell {
    /// Learned of this run.
    pub fitted_on: String,
    /// Compared with this run.
    pub run: String,
    /// Its controller.
    pub controller: &'static str,
    /// Scores of the recording.
    pub real: Scores,
    /// Scores of the simulation.
    pub simulated: Scores,
}

/// One job.
pub struct Page {
    /// Its name.
    pub job: String,
    /// Every run that was scored.
    pub real: Vec<(String, &'static str, Scores)>,
    /// Every pair.
    pub cells: Vec<Cell>,
}

/// A score: its name, how it is read, and its decimals.
type Score = (&'static str, fn(&Scores) -> f64, usize);

const SCORES: [Score; 7] = [
    ("slot-hours", |s| s.slot_hours, 0),
    ("late %", |s| s.late_time * 100.0, 2),
    ("lag p95 s", |s| s.lag.p95, 1),
    ("lag max s", |s| s.lag.max, 0),
    ("rescales", |s| f64::from(s.rescales), 0),
    ("restarts", |s| f64::from(s.restarts), 0),
    ("down s", |s| s.downtime, 0),
];
/// The goal: so far from the real run, or inside the spread of the real runs of that controller.
const NEAR: f64 = 0.15;

/// The whole page.
pub fn page(pages: &[Page]) -> String {
    let mut out = String::from(HEAD);
    for p in pages {
        let _ = writeln!(out, "\n## {}\n", p.job);
        values(&mut out, p);
        order(&mut out, p);
        recovery(&mut out, p);
    }
    out
}

const HEAD: &str = "\
# Fidelity: the simulator beside real runs

Made by `weirkeeper fidelity DIR -o FILE`, where DIR holds one folder per job, and in it `input.csv.xz` and one folder per
run (`--mappings`, by default docs/examples, has the mapping of each job). What is learned of one run (`weirkeeper fit`)
simulates the controller of another, on the same input with failures at the same times, and both are scored in the same
way. Each pair is one line: real / simulated. `*` is a value within 15 % of the real run, or inside the spread of the real
runs of that controller.

Late is a lag of more than 60 s. Lag is what Kafka's consumer shows, the largest of the last minute, over what arrives; the
simulated lag is shown in the same way.
";

fn values(out: &mut String, p: &Page) {
    let names: Vec<&str> = SCORES.iter().map(|s| s.0).collect();
    let _ = writeln!(out, "| run | fitted on | {} |\n| --- | --- |{}", names.join(" | "), " --- |".repeat(names.len()));
    let (mut met, mut all) = (0, 0);
    for c in &p.cells {
        let _ = write!(out, "| {} | {} |", c.run, c.fitted_on);
        for (_, of, digits) in SCORES {
            let (real, simulated) = (of(&c.real), of(&c.simulated));
            let ok = is_near(p, c.controller, of, real, simulated);
            met += usize::from(ok);
            all += 1;
            let _ = write!(out, " {real:.digits$} / {simulated:.digits$}{} |", if ok { " *" } else { "" });
        }
        out.push('\n');
    }
    let _ = writeln!(out, "\n{met} of {all} values are within 15 % or inside the spread.");
}

fn is_near(p: &Page, controller: &str, of: fn(&Scores) -> f64, real: f64, simulated: f64) -> bool {
    let same = p.real.iter().filter(|r| r.1 == controller).map(|r| of(&r.2));
    let (low, high) = same.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    (simulated - real).abs() <= NEAR * real.abs() || (simulated >= low && simulated <= high)
}

/// Whether the controllers come out in the same order on each score, by the mean over their runs.
fn order(out: &mut String, p: &Page) {
    let mut controllers: Vec<&str> = p.real.iter().map(|r| r.1).collect();
    controllers.sort_unstable();
    controllers.dedup();
    if controllers.len() < 2 {
        return;
    }
    out.push_str("\n| score | order of the real runs | order of the simulated |\n| --- | --- | --- |\n");
    for (name, of, _) in SCORES {
        let real = |c: &str| mean(p.real.iter().filter(|r| r.1 == c).map(|r| of(&r.2)));
        let simulated = |c: &str| mean(p.cells.iter().filter(|x| x.controller == c).map(|x| of(&x.simulated)));
        let _ = writeln!(out, "| {name} | {} | {} |", sorted(&controllers, real), sorted(&controllers, simulated));
    }
}

fn sorted(controllers: &[&str], of: impl Fn(&str) -> f64) -> String {
    let mut all: Vec<&str> = controllers.to_vec();
    all.sort_by(|a, b| of(a).total_cmp(&of(b)));
    all.join(" < ")
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = values.collect();
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

/// Seconds until the job was as before, failure by failure.
fn recovery(out: &mut String, p: &Page) {
    out.push_str("\nRecovery after each failure, seconds (real / simulated; `-`: not within the run):\n\n");
    let mut errors = Vec::new();
    for c in &p.cells {
        let pairs: Vec<_> = of_faults(&c.real).into_iter().zip(of_faults(&c.simulated)).collect();
        let shown: Vec<String> = pairs.iter().map(|(a, b)| format!("{}/{}", show(*a), show(*b))).collect();
        let own: Vec<f64> =
            pairs.iter().filter_map(|(a, b)| Some((b.as_ref()? / a.filter(|a| *a > 0.0)? - 1.0).abs())).collect();
        errors.extend(own.iter().copied());
        let _ = writeln!(out, "- {} from {}: {}; median error {}", c.run, c.fitted_on, shown.join(", "), percent(own));
    }
    let _ = writeln!(out, "\nMedian error of all recovery times: {}.", percent(errors));
}

fn of_faults(s: &Scores) -> Vec<Option<f64>> {
    s.events.iter().filter(|e| e.kind == Kind::Fault).map(|e| e.recovery).collect()
}

fn show(v: Option<f64>) -> String {
    v.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}"))
}

fn percent(mut errors: Vec<f64>) -> String {
    errors.sort_unstable_by(f64::total_cmp);
    errors.get(errors.len() / 2).map_or_else(|| "unknown".to_owned(), |e| format!("{:.0} %", e * 100.0))
}
