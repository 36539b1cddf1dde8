//! Vectors of what is measured: rates, thresholds, ratios, the window.

use crate::Answer;
use crate::input::{Input, write};
use serde_json::{Value, json};
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controllers::operator::capacity::{Demand, band};
use weirkeeper_simulator::controllers::operator::edges::{Counters, Flow};
use weirkeeper_simulator::controllers::operator::job::handed_down;
use weirkeeper_simulator::controllers::operator::options::{Aggregator, Options};
use weirkeeper_simulator::controllers::operator::rates;
use weirkeeper_simulator::controllers::operator::scalability::{Point, coefficient};
use weirkeeper_simulator::controllers::operator::window::Window;

pub fn ask(function: &str, input: &Input) -> Option<Answer> {
    Some(match function {
        "rate_thresholds" => thresholds(input),
        "is_processing_backlog" => backlog(input),
        "true_processing_rate" => true_rate(input),
        "busy_time_avg_ms" => busy_time(input),
        "rate_over_window" => Ok(json!({"rate": write(rates::rate(&input.series("samples")))})),
        "tpr_input_rate" => input_rate(input),
        "edge_output_ratio" => ratio(input),
        "target_and_catch_up_rates" => demands(input),
        "load_average" => load_average(input),
        "merge_metric" => merge(input),
        "observed_tpr_with_backpressure" => unhindered(input),
        "observed_tpr" => observed(input),
        "load" => load(input),
        "observed_scaling_coefficient" => scalability(input),
        "metric_window" => window(input),
        _ => return None,
    })
}

fn aggregator(input: &Input) -> Result<Aggregator, String> {
    match input.text("aggregator") {
        "AVG" => Ok(Aggregator::Avg),
        "MIN" => Ok(Aggregator::Min),
        "MAX" => Ok(Aggregator::Max),
        other => Err(format!("unknown aggregator `{other}`")),
    }
}

fn thresholds(input: &Input) -> Answer {
    let options = input.options()?;
    let demand = Demand { target: input.f64("target_data_rate")?, catch_up: input.f64("catch_up_data_rate")? };
    let restart = Millis::from_secs(input.f64("restart_time_s")?);
    let band = band(demand, &options, restart, input.flag("processing_backlog"));
    Ok(json!({"scale_up": write(band.scale_up), "scale_down": write(band.scale_down)}))
}

fn backlog(input: &Input) -> Answer {
    let options = Options { backlog_lag: Millis::from_secs(input.or("lag_threshold_s", 300.0)), ..Options::default() };
    let has = rates::has_backlog(input.maybe("latest_lag"), &input.series("num_records_in"), &options);
    Ok(json!({"processing_backlog": has}))
}

fn true_rate(input: &Input) -> Answer {
    let options = Options {
        observe_switch: input.or("switch_threshold", 0.15),
        observe_least: input.or("min_observations", 2.0) as usize,
        ..Options::default()
    };
    let seen = input.ticks("observed_tpr_samples");
    let rate = rates::true_rate(input.maybe("busy_ms_per_s"), input.maybe("input_rate"), &seen, &options);
    Ok(json!({"tpr": write(rate)}))
}

fn busy_time(input: &Input) -> Answer {
    let (load, busy) = (input.series("load"), input.series("accumulated_busy_ms"));
    let ms = rates::busy_time(&load, &busy, input.u32("parallelism")?, aggregator(input)?);
    Ok(json!({"busy_ms_per_s": write(ms)}))
}

fn input_rate(input: &Input) -> Answer {
    let gauge = input.ticks("num_records_in_per_second");
    let rate = rates::input_rate_for_busy(&input.series("num_records_in"), &gauge, aggregator(input)?);
    Ok(json!({"rate": write(rate)}))
}

fn ratio(input: &Input) -> Answer {
    let inputs = input.map("topology_inputs");
    let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let position = |name: &str| names.iter().position(|n| *n == name).ok_or(format!("no vertex `{name}`"));
    let mut flow = Flow::default();
    for (name, _) in &inputs {
        let from: Result<Vec<usize>, String> =
            input.get("topology_inputs").words(name).iter().map(|w| position(w)).collect();
        let rates = input.get("rates").get(name);
        flow.inputs.push(from?);
        flow.counters.push(Counters { records_in: rates.series("in"), records_out: rates.series("out") });
    }
    let edge = input.words("edge");
    let [from, to] = edge.as_slice() else { return Err("`edge` is not a pair".to_owned()) };
    Ok(json!({"ratio": write(flow.ratio(position(from)?, position(to)?))}))
}

fn demands(input: &Input) -> Answer {
    let options = Options { catch_up: Millis::from_secs(input.f64("catch_up_s")?), ..Options::default() };
    let (records, lag) = (input.series("source_records_in"), input.series("lag"));
    let latest = lag.last().map_or(f64::NAN, |(_, v)| *v);
    let source = rates::source_demand(&records, &lag, latest, &options);
    let counters = |records_in| Counters { records_in, records_out: Vec::new() };
    let flow = Flow {
        inputs: vec![vec![], vec![0]],
        counters: vec![counters(records), counters(input.series("sink_records_in"))],
    };
    let sink = handed_down(&flow, 1, &[source]);
    Ok(json!({
        "source_target": write(source.target), "source_catch_up": write(source.catch_up),
        "sink_target": write(sink.target), "sink_catch_up": write(sink.catch_up),
    }))
}

fn load_average(input: &Input) -> Answer {
    let mean =
        |key: &str| rates::busy_time(&input.ticks(key), &[], 1, aggregator(input).unwrap_or(Aggregator::Max)) / 1_000.0;
    Ok(json!({"source": write(mean("source_load")), "sink": write(mean("sink_load"))}))
}

fn merge(input: &Input) -> Answer {
    let (actual, incoming) = (input.numbers("actual"), input.numbers("incoming"));
    let at = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(f64::NAN);
    let merged = |i: usize| write(rates::merged(at(&actual, i), at(&incoming, i)));
    Ok(json!({"current": merged(0), "average": merged(1)}))
}

fn unhindered(input: &Input) -> Answer {
    let rate = rates::unhindered_rate(input.f64("records_in_per_s")?, input.f64("backpressure_ms_per_s")?);
    Ok(json!({"tpr": write(rate)}))
}

fn observed(input: &Input) -> Answer {
    let options = Options { observe_lag: Millis::from_secs(input.or("lag_threshold_s", 30.0)), ..Options::default() };
    let rate = rates::observed_rate(
        input.or("lag", 0.0),
        input.f64("records_in_per_s")?,
        input.maybe("backpressure_avg_ms_per_s"),
        input.maybe("previous_average"),
        &options,
    );
    Ok(json!({"observed_tpr": write(rate)}))
}

fn load(input: &Input) -> Answer {
    let busy = input.get("busy_time");
    let load = rates::load(busy.maybe("min"), busy.maybe("max"), busy.maybe("avg"), aggregator(input)?);
    Ok(json!({"load": write(load)}))
}

fn scalability(input: &Input) -> Answer {
    let mut history = Vec::new();
    for entry in input.list("history_oldest_first") {
        history.push(Point { parallelism: entry.u32("parallelism")?, rate: entry.f64("true_processing_rate")? });
    }
    let least = input.or("min_observations", 3.0) as usize;
    Ok(json!({"equals": write(coefficient(&history, least, input.or("coefficient_min", 0.5)))}))
}

fn window(input: &Input) -> Answer {
    let options = Options {
        stabilization: Millis(input.f64("stabilization_ms")? as u64),
        metrics_window: Millis(input.f64("window_ms")? as u64),
        ..Options::default()
    };
    // One time for all, or one for each collection.
    let starts = input.numbers("job_running_ts");
    let running = |i: usize| starts.get(i).copied().unwrap_or(input.or("job_running_ts", 0.0)) as i64;
    let mut window = Window::default();
    let sizes: Vec<Value> = input
        .numbers("collect_at_ms")
        .into_iter()
        .enumerate()
        .map(|(i, now)| {
            window.add(now as i64, running(i), (), &options);
            json!(window.samples().len())
        })
        .collect();
    Ok(json!({"history_sizes": sizes}))
}
