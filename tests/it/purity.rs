//! The core is a function of its events. Its dependency list and its own clippy configuration keep it so; here is shown
//! that both bite.

use libtest_mimic::{Failed, Trial};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the core may depend on: arithmetic, time zones without a clock, and (de)serialisation.
const ALLOWED: [&str; 3] = ["jiff", "libm", "serde"];
/// One line each of what the core's clippy.toml must refuse.
const REFUSED: [(&str, &str); 8] = [
    ("a clock", "pub fn f() -> std::time::SystemTime { std::time::SystemTime::now() }"),
    ("a stopwatch", "pub fn f() { let _ = std::time::Instant::now(); }"),
    ("the environment", "pub fn f() -> bool { std::env::var(\"X\").is_ok() }"),
    ("a file", "pub fn f() -> bool { std::fs::read(\"x\").is_ok() }"),
    ("a thread", "pub fn f() { let _ = std::thread::spawn(|| ()); }"),
    ("an unordered map", "pub fn f() -> std::collections::HashMap<u8, u8> { Default::default() }"),
    ("the platform's pow", "pub fn f(x: f64) -> f64 { x.powf(0.9) }"),
    ("printing", "pub fn f() { println!(\"x\"); }"),
];

/// The trials.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("purity::the_dependency_list_is_closed", dependencies),
        Trial::test("purity::what_is_pure_passes", passes),
    ];
    trials.extend(REFUSED.map(|(what, code)| Trial::test(format!("purity::refuses {what}"), move || refuses(code))));
    trials
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../controller/core")
}

/// The names under `[dependencies]`, and no target-specific or build dependencies beside them.
fn dependencies() -> Result<(), Failed> {
    let manifest = std::fs::read_to_string(core().join("Cargo.toml"))?;
    let section = |line: &str| line.starts_with('[').then(|| line.trim().to_owned());
    let (mut current, mut found) = (String::new(), BTreeSet::new());
    for line in manifest.lines() {
        current = section(line).unwrap_or(current);
        if current.starts_with("[target") || current.starts_with("[build-dependencies") {
            return Err(format!("the core has {current}").into());
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or("");
        if current == "[dependencies]" && !name.is_empty() && !name.starts_with(['[', '#']) {
            found.insert(name.to_owned());
        }
    }
    let allowed: BTreeSet<String> = ALLOWED.iter().map(|s| (*s).to_owned()).collect();
    if found == allowed {
        Ok(())
    } else {
        Err(format!("the core depends on {found:?}, allowed are {allowed:?}").into())
    }
}

struct Linted {
    passed: bool,
    said: String,
}

/// Runs clippy with the core's own configuration over a crate of one line.
fn lints(code: &str) -> Result<Linted, Failed> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    std::fs::create_dir(at.join("src"))?;
    std::fs::copy(core().join("clippy.toml"), at.join("clippy.toml"))?;
    std::fs::write(at.join("src/lib.rs"), code)?;
    std::fs::write(at.join("Cargo.toml"), "[package]\nname = \"probe\"\nedition = \"2024\"\n[workspace]\n")?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["clippy", "--quiet", "--offline", "--", "-D", "warnings"])
        .current_dir(at)
        .env("CARGO_TARGET_DIR", at.join("target"))
        .output()?;
    Ok(Linted { passed: output.status.success(), said: String::from_utf8_lossy(&output.stderr).into_owned() })
}

fn passes() -> Result<(), Failed> {
    let linted = lints("pub fn f(x: f64) -> f64 { x * 2.0 }")?;
    if linted.passed { Ok(()) } else { Err(linted.said.into()) }
}

fn refuses(code: &str) -> Result<(), Failed> {
    let linted = lints(code)?;
    let disallowed = linted.said.contains("disallowed");
    if linted.passed || !disallowed { Err(format!("was let through: {code}\n{}", linted.said).into()) } else { Ok(()) }
}
