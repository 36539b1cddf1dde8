//! The operator's autoscaler against numbers restated from that project's own unit tests.
//!
//! `PEER_VECTORS=FILE cargo test -p weirkeeper-simulator peer_vectors` runs another file of the same form. How many
//! passed and failed is printed in any case.

mod decisions;
mod input;
mod measures;
mod surroundings;

use input::Input;
use serde_json::Value;
use std::io::Write;

/// What a restated function answers, or why it could not be asked.
type Answer = Result<Value, String>;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/peer-vectors.json");

fn ask(function: &str, input: &Input) -> Answer {
    let known = [decisions::ask, measures::ask, surroundings::ask];
    known.iter().find_map(|ask| ask(function, input)).unwrap_or_else(|| Err(format!("no function `{function}`")))
}

/// The project rounds what it stores to three decimals.
fn close(expected: f64, got: f64) -> bool {
    let both_odd = (expected.is_nan() && got.is_nan()) || expected == got;
    both_odd || (expected - got).abs() <= 0.000_6 + 1e-9 * expected.abs()
}

fn fits(expected: &Value, got: &Value) -> bool {
    if let (Some(e), Some(g)) = (input::number(expected), input::number(got)) {
        return close(e, g);
    }
    match (expected, got) {
        (Value::Object(e), Value::Object(g)) => e.iter().all(|(key, value)| match key.as_str() {
            "gt" => below(value, &g["equals"]),
            "lt" => below(&g["equals"], value),
            _ => g.get(key).is_some_and(|v| fits(value, v)),
        }),
        (Value::Array(e), Value::Array(g)) => e.len() == g.len() && e.iter().zip(g).all(|(e, g)| fits(e, g)),
        _ => expected == got,
    }
}

fn below(a: &Value, b: &Value) -> bool {
    matches!((input::number(a), input::number(b)), (Some(a), Some(b)) if a < b)
}

fn check(vector: &Value) -> Result<(), String> {
    let text = |key: &str| vector[key].as_str().unwrap_or("?").to_owned();
    let got = ask(&text("function"), &Input(&vector["inputs"])).map_err(|why| format!("{}: {why}", text("name")))?;
    let expected = &vector["expected"];
    if fits(expected, &got) { Ok(()) } else { Err(format!("{}: expected {expected}, got {got}", text("name"))) }
}

#[test]
fn peer_vectors() {
    let path = std::env::var("PEER_VECTORS").unwrap_or_else(|_| FIXTURE.to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let vectors = file["vectors"].as_array().unwrap_or_else(|| panic!("{path}: no `vectors`"));
    assert!(!vectors.is_empty(), "{path}: `vectors` is empty");
    let failures: Vec<String> = vectors.iter().filter_map(|v| check(v).err()).collect();
    // Not `println!`: the test harness would keep it to itself.
    let passed = vectors.len() - failures.len();
    let mut out = std::io::stdout();
    writeln!(out, "peer vectors: {passed} passed, {} failed", failures.len()).unwrap();
    for failure in &failures {
        writeln!(out, "  {failure}").unwrap();
    }
    assert!(failures.is_empty(), "{} of {} peer vectors failed", failures.len(), vectors.len());
}

#[test]
fn peer_vectors_that_are_wrong_fail() {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(FIXTURE).unwrap()).unwrap();
    for vector in file["vectors"].as_array().unwrap() {
        let mut wrong = vector.clone();
        spoil(&mut wrong["expected"]);
        assert!(check(&wrong).is_err(), "{}: a wrong expectation was taken", vector["name"]);
    }
}

/// Makes every value of an expectation wrong.
fn spoil(expected: &mut Value) {
    match expected {
        Value::Object(map) if map.contains_key("gt") => *expected = serde_json::json!({"gt": 1e9}),
        Value::Object(map) => map.values_mut().for_each(spoil),
        Value::Array(list) if list.is_empty() => list.push("another".into()),
        Value::Array(list) => list.iter_mut().for_each(spoil),
        Value::Bool(b) => *b = !*b,
        Value::Number(n) => *expected = serde_json::json!(n.as_f64().unwrap_or(0.0) + 7.0),
        _ => *expected = "another".into(),
    }
}
