//! What is asked of Flink for each vertex: read and changed.

use super::{Answer, Job, refused};
use crate::scenario::Mechanism;
use crate::world::World;
use crate::world::view::JobState;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::Parallelism;

/// `GET resource-requirements`.
pub(super) fn get(world: &World, job: Job, id: &str) -> Answer {
    if let Some(refusal) = unsupported(world) {
        return refusal;
    }
    let Some(state) = running(world, Some(job)).and_then(|index| world.job(index)) else {
        return refused::unknown_job(id);
    };
    let one = |(id, b): (&Arc<str>, &Bounds)| {
        (id.to_string(), json!({"parallelism": {"lowerBound": b.lower.0, "upperBound": b.upper.0}}))
    };
    Answer::ok(Value::Object(state.bounds.iter().map(one).collect::<Map<_, _>>()))
}

/// `PUT resource-requirements`: answered at once, whatever the job does.
pub(super) fn put(world: &mut World, job: Option<Job>, id: &str, body: &Value) -> Answer {
    let Some((index, state)) = running(world, job).and_then(|i| Some((i, world.job(i)?))) else {
        return refused::unknown_job(id);
    };
    if let Some(refusal) = unsupported(world) {
        return refusal;
    }
    let Some(bounds) = read(body) else {
        return refused::errors(400, &["Request did not match expected format JobResourceRequirementsBody."]);
    };
    let problems = problems(&state, &bounds);
    if !problems.is_empty() {
        return refused::handler(400, &problems.join("\n"));
    }
    match world.put_requirements(index, &bounds) {
        Ok(()) => Answer::ok(json!({})),
        Err(why) => refused::handler(400, &why),
    }
}

/// Only a job that has not ended has a JobManager of its own to ask.
fn running(world: &World, job: Option<Job>) -> Option<usize> {
    let Some(Job::Live(index)) = job else { return None };
    let (word, _) = world.standing(index)?;
    (!matches!(word, "FINISHED" | "CANCELED" | "FAILED")).then_some(index)
}

fn unsupported(world: &World) -> Option<Answer> {
    if world.scenario().cluster.mechanism == Mechanism::InPlace {
        return None;
    }
    let why = "java.lang.UnsupportedOperationException: The scheduler does not support resource requirements.";
    Some(refused::server(why))
}

fn read(body: &Value) -> Option<BTreeMap<Arc<str>, Bounds>> {
    let bound = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok()).map(Parallelism);
    let one = |(id, of): (&String, &Value)| {
        let of = &of["parallelism"];
        let bounds = Bounds { lower: bound(&of["lowerBound"])?, upper: bound(&of["upperBound"])? };
        Some((id.as_str().into(), bounds))
    };
    body.as_object()?.iter().map(one).collect()
}

/// All that is wrong, in Flink's words.
fn problems(state: &JobState, bounds: &BTreeMap<Arc<str>, Bounds>) -> Vec<String> {
    let mut out = Vec::new();
    for (id, b) in bounds {
        let Some(vertex) = state.vertices.iter().find(|v| v.id == *id) else {
            out.push(format!("Job vertex [{id}] was not found in the JobGraph."));
            continue;
        };
        let (lower, upper, most) = (b.lower, b.upper, vertex.max_parallelism);
        if lower > upper {
            out.push(format!(
                "The requested lower bound [{lower}] for job vertex [{id}] is higher than the upper bound [{upper}]."
            ));
        }
        if lower.0 == 0 || upper.0 == 0 {
            out.push(format!("The requested bounds for job vertex [{id}] must be greater than zero."));
        }
        if upper.0 > most {
            out.push(format!(
                "The newly requested parallelism {upper} for the job vertex {id} exceeds its maximum parallelism {most}."
            ));
        }
    }
    for vertex in state.vertices.iter().filter(|v| !bounds.contains_key(&v.id)) {
        out.push(format!("The request is incomplete, missing job vertex [{}] resource requirements.", vertex.id));
    }
    out
}
