//! The JSON Schema, the reader and the documentation say the same.

use super::*;
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(&schema::policy()).unwrap()
}

fn names(object: &Value) -> BTreeSet<String> {
    object["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn with_the_committed_file() {
    let committed = include_str!("../../../../policies/policy.schema.json");
    assert_eq!(committed, schema::policy() + "\n", "run: weirkeeper schema policy > policies/policy.schema.json");
}

#[test]
fn with_the_fields_that_are_read() {
    let schema = schema();
    let defined = [
        ("Metadata", known::METADATA),
        ("Match", known::MATCH),
        ("Scaling", known::SCALING),
        ("Jar", known::JAR),
        ("ScaleDown", known::SCALE_DOWN),
        ("Cooldown", known::COOLDOWN),
        ("Vertex", known::VERTEX),
        ("Async", known::ASYNC),
        ("Floor", known::FLOOR),
        ("Freeze", known::FREEZE),
        ("Limits", known::LIMITS),
        ("PerJob", known::PER_JOB),
        ("PerFleet", known::PER_FLEET),
        ("MaxConcurrent", known::MAX_CONCURRENT),
        ("Test", known::TEST),
        ("TestJob", known::TEST_JOB),
        ("TestVertex", known::TEST_VERTEX),
        ("TestSlots", known::TEST_SLOTS),
        ("Expect", known::EXPECT),
    ];
    let read = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&schema), read(known::POLICY));
    for (name, list) in defined {
        assert_eq!(names(&schema["$defs"][name]), read(list), "{name}");
        assert_eq!(schema["$defs"][name]["additionalProperties"], Value::Bool(false), "{name}");
    }
}

#[test]
fn every_field_is_described_and_in_the_documentation() {
    let schema = schema();
    let docs = include_str!("../../../../docs/policies.md");
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for (name, field) in objects.filter_map(|o| o["properties"].as_object()).flatten() {
        assert!(field["description"].is_string(), "{name} is not described");
        assert!(docs.contains(&format!("`{name}`")), "docs/policies.md does not speak of {name}");
    }
}

/// A policy that writes out every default of the schema is the policy that writes out nothing.
#[test]
fn with_the_defaults() {
    let schema = schema();
    let written = |name: &str| {
        let fields = schema["$defs"][name]["properties"].as_object().unwrap();
        let given = fields.iter().filter_map(|(k, f)| Some((k.clone(), f.get("default")?.clone())));
        given.collect::<serde_json::Map<_, _>>()
    };
    let mut scaling = written("Scaling");
    scaling.insert("scaleDown".to_owned(), written("ScaleDown").into());
    scaling.insert("cooldown".to_owned(), written("Cooldown").into());
    assert!(scaling.len() >= 12, "{scaling:?}");
    let body = serde_json::json!({ "scaling": scaling, "limits": written("Limits") });
    let body = serde_json::to_string(&body).unwrap();
    let text = format!(
        "{{\"apiVersion\": \"weirkeeper.dev/v1\", \"kind\": \"Policy\", \"metadata\": {{\"name\": \"p\"}}, {}",
        &body[1..]
    );
    let loaded = parse_all(&[("d.yaml", text.as_bytes())]);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    assert_eq!(loaded.policies[0], Policy { name: "p".to_owned(), ..Policy::default() });
}
