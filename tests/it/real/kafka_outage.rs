//! Scenario 12: the broker does not answer any more, and then it is gone.

use super::controller::{Controller, Decision, policy_for};
use super::job::Job;
use super::kafka::Broker;
use super::stage::{INTERVAL, Stage};
use super::timeline::now_ms;
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// 60 % of what two subtasks do.
const LOAD: u32 = 600;
/// Its clients give up within seconds, so it fails and restarts for as long as the broker is away.
const QUICK: &str = "outage-quick";
/// Its clients wait for minutes: it looks healthy, its source idles, and its sink, which waits in a flush, looks busy.
const PATIENT: &str = "outage-patient";
/// Longer than the window (30 s), the warm-up (10 s) and the time a scale-down looks back over (15 s): a controller that
/// takes silence for calm would go down in it.
const LONG_ENOUGH: Duration = Duration::from_secs(50);

/// No rescale of any kind while it is away, and each job's standing decision names Kafka, or that its source idles where
/// nothing tells it from a quiet night. When the broker is back the jobs are judged again, and nothing is lost.
pub fn nothing_moves(stage: &Stage) -> Result<()> {
    let broker = Broker::start(&stage.cluster, &stage.timeline)?;
    let quick = quick(stage)?;
    let patient = patient(stage)?;
    let watches = [Watch::start(&quick, &stage.timeline), Watch::start(&patient, &stage.timeline)];
    quick.until_caught_up(LOAD, 1.0)?;
    patient.until_caught_up(LOAD, 1.0)?;
    let policy = policy_for(&[QUICK, PATIENT], "auto").replace("after: 30s", "after: 15s");
    let keeper = stage.controller_with(&policy, INTERVAL)?;
    keeper.until_read(QUICK)?;
    keeper.until_read(PATIENT)?;
    pause(25);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale: {:?}", stage.proxy.rescales());

    let frozen_at = broker.freeze()?;
    let seen = hold(stage, &keeper)?;
    told(stage, &keeper, "frozen", frozen_at)?;
    stage.timeline.figure("busiest sink while frozen", format!("{:.0} %", 100.0 * seen));
    ensure!(seen >= 0.9, "the sink looked only {seen:.2} busy: this is not the case it should be");

    let killed_at = broker.kill()?;
    hold(stage, &keeper)?;
    told(stage, &keeper, "killed", killed_at)?;
    says(&standing(&keeper, PATIENT)?, &["dependency-down"])?;

    let back_at = broker.start_again()?;
    for job in [QUICK, PATIENT] {
        let judged =
            |d: &Decision| codes(d).iter().all(|c| !AWAY.contains(&c.as_str()) && !NOT_JUDGED.contains(&c.as_str()));
        eventually("the job to be judged again", || Ok(judged(&standing(&keeper, job)?).then_some(())))?;
        stage.seconds(&format!("broker back, to {job} judged again"), back_at, now_ms());
    }
    drop((keeper, watches));
    for job in [&quick, &patient] {
        job.switch("cost-ms", "0.2")?;
        job.settle()?;
    }
    Ok(())
}

const AWAY: [&str; 2] = ["dependency-down", "source-idle"];
const NOT_JUDGED: [&str; 5] = ["not-running", "not-all-running", "warming-up", "too-few-samples", "missing"];

/// Two subtasks of 500 records/s each behind a source that sees a dead broker after 5 s.
fn quick(stage: &Stage) -> Result<Job> {
    let source = ["partition.discovery.interval.ms=2000", "default.api.timeout.ms=5000", "request.timeout.ms=2000"];
    let more = [&KAFKA[..], &["--kafka", QUICK]].concat();
    let more = source.iter().fold(more, |all, setting| [&all[..], &["--source-conf", setting]].concat());
    Job::submit(&stage.cluster, QUICK, LOAD, &more, &stage.timeline)
}

/// The same with the clients' own settings, and a sink that writes to Kafka.
fn patient(stage: &Stage) -> Result<Job> {
    let more = [&KAFKA[..], &["--kafka", PATIENT, "--sink", "kafka-alo"]].concat();
    Job::submit(&stage.cluster, PATIENT, LOAD, &more, &stage.timeline)
}

const KAFKA: [&str; 4] = ["--partitions", "4", "--parallelism", "source=1,enrich=2,sink=2"];

/// Looks on for long enough: nothing may be asked. Gives how busy the patient job's sink looked at most.
fn hold(stage: &Stage, keeper: &Controller) -> Result<f64> {
    let (end, mut busiest) = (Instant::now() + LONG_ENOUGH, 0.0f64);
    while Instant::now() < end {
        ensure!(stage.proxy.rescales().is_empty(), "rescaled without a broker: {:?}", stage.proxy.rescales());
        for job in [QUICK, PATIENT] {
            let now = standing(keeper, job)?;
            ensure!(!now.wants_rescale(), "{job} wants a rescale without a broker: {}", now.0);
        }
        busiest = busiest.max(sink_busy(keeper).unwrap_or(0.0));
        pause(1);
    }
    Ok(busiest)
}

/// What the sink looks like to Weirkeeper: share of its time.
fn sink_busy(keeper: &Controller) -> Option<f64> {
    let now = keeper.job(PATIENT).ok()?;
    let sink =
        now["vertices"].as_array()?.iter().find(|v| v["name"].as_str().is_some_and(|n| n.starts_with("out: ")))?;
    sink["busy"].as_f64()
}

/// Both standing decisions say why nothing is done.
fn told(stage: &Stage, keeper: &Controller, state: &str, since_ms: u64) -> Result<()> {
    let (quick, patient) = (standing(keeper, QUICK)?, standing(keeper, PATIENT)?);
    for (job, decision) in [(QUICK, &quick), (PATIENT, &patient)] {
        stage.timeline.figure(format!("{state}: {job} stands at"), codes(decision).join(", "));
    }
    let first =
        keeper.decisions(QUICK)?.into_iter().find(|d| d.at_ms() >= since_ms && d.reason("dependency-down").is_some());
    if let Some(first) = first {
        stage.seconds(&format!("{state}: to the first decision that names Kafka"), since_ms, first.at_ms());
    }
    says(&quick, &["dependency-down"])?;
    ensure!(quick.reason("dependency-down").is_some_and(|r| r["dependency"] == "Kafka"), "{}", quick.0);
    says(&patient, &AWAY)
}

fn says(decision: &Decision, any_of: &[&str]) -> Result<()> {
    ensure!(any_of.iter().any(|code| decision.reason(code).is_some()), "none of {any_of:?} in {}", decision.0);
    Ok(())
}

fn standing(keeper: &Controller, job: &str) -> Result<Decision> {
    Ok(Decision(keeper.job(job)?["standing"].clone()))
}

fn codes(decision: &Decision) -> Vec<String> {
    let details = decision.0["details"].as_array().into_iter().flatten();
    details.filter_map(|r| r["code"].as_str().map(str::to_owned)).collect()
}
