//! The real parts (Flink, Kafka): where they are, and what a trial does when they are not there.
//!
//! The cache is `WEIRKEEPER_CACHE`, else `weirkeeper` in `XDG_CACHE_HOME` or `~/.cache`: the same folder that
//! `tests/lab fetch` fills. A part counts once its marker file is there, which is written last.
//! `WEIRKEEPER_PARTS=required` makes a missing part a failure.

use libtest_mimic::{Completion, Failed, Trial};
use std::path::{Path, PathBuf};

const MARKER: &str = "COMPLETE";

/// Folder of the cache by the values of the three variables that say where it is.
fn cache_from(own: Option<PathBuf>, xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |p: &PathBuf| !p.as_os_str().is_empty();
    own.filter(set).or_else(|| Some(xdg.filter(set).or_else(|| Some(home?.join(".cache")))?.join("weirkeeper")))
}

/// Folder of the cache.
pub fn cache() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    cache_from(var("WEIRKEEPER_CACHE"), var("XDG_CACHE_HOME"), var("HOME"))
}

/// Those of `wanted` that are not in `cache`.
fn missing<'a>(cache: Option<&Path>, wanted: &[&'a str]) -> Vec<&'a str> {
    let there = |name: &str| cache.is_some_and(|c| c.join(name).join(MARKER).is_file());
    wanted.iter().copied().filter(|name| !there(name)).collect()
}

/// What to do about missing parts: go on, ignore with a hint, or fail.
fn verdict(missing: &[&str], required: bool) -> Result<Option<String>, String> {
    if missing.is_empty() {
        return Ok(None);
    }
    let hint = format!("not in the cache: {} (get it with: tests/run)", missing.join(", "));
    if required { Err(hint) } else { Ok(Some(hint)) }
}

/// A trial that needs parts, named as in the cache: `flink-2.2.1`, `flink-1.20.5`, ... It is ignored where one is missing.
#[allow(dead_code, reason = "for the areas that need real clusters")]
pub fn needing<F>(name: impl Into<String>, parts: &'static [&'static str], run: F) -> Trial
where
    F: FnOnce() -> Result<(), Failed> + Send + 'static,
{
    Trial::ignorable_test(name, move || {
        let required = std::env::var("WEIRKEEPER_PARTS").is_ok_and(|v| v == "required");
        match verdict(&missing(cache().as_deref(), parts), required)? {
            Some(hint) => Ok(Completion::ignored_with(hint)),
            None => run().map(|()| Completion::Completed),
        }
    })
}

/// A trial that needs parts and a program of the machine. It is ignored where one is missing.
pub fn needing_program<F>(
    name: impl Into<String>,
    parts: &'static [&'static str],
    program: &'static str,
    run: F,
) -> Trial
where
    F: FnOnce() -> Result<(), Failed> + Send + 'static,
{
    let there = move || {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|p| p.join(program).is_file())
    };
    Trial::ignorable_test(name, move || {
        let required = std::env::var("WEIRKEEPER_PARTS").is_ok_and(|v| v == "required");
        if let Some(hint) = verdict(&missing(cache().as_deref(), parts), required)? {
            return Ok(Completion::ignored_with(hint));
        }
        match (there(), required) {
            (true, _) => run().map(|()| Completion::Completed),
            (false, true) => Err(format!("no program {program}: install the package {program}").into()),
            (false, false) => {
                Ok(Completion::ignored_with(format!("no program {program}: install the package {program}")))
            }
        }
    })
}

/// Trials of this module itself.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("parts::cache_follows_the_same_variables_as_the_lab", cache_order),
        Trial::test("parts::a_part_without_its_marker_is_missing", marker),
        Trial::test("parts::missing_is_ignored_or_fails_when_required", required),
    ]
}

fn cache_order() -> Result<(), Failed> {
    let p = |s: &str| Some(PathBuf::from(s));
    assert_eq!(cache_from(p("/own"), p("/xdg"), p("/home")), p("/own"));
    assert_eq!(cache_from(p(""), p("/xdg"), p("/home")), p("/xdg/weirkeeper"));
    assert_eq!(cache_from(None, None, p("/home")), p("/home/.cache/weirkeeper"));
    assert_eq!(cache_from(None, None, None), None);
    Ok(())
}

fn marker() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    std::fs::create_dir(dir.path().join("flink-9.9"))?;
    assert_eq!(missing(Some(dir.path()), &["flink-9.9"]), ["flink-9.9"]);
    std::fs::write(dir.path().join("flink-9.9").join(MARKER), "")?;
    assert!(missing(Some(dir.path()), &["flink-9.9"]).is_empty());
    Ok(())
}

fn required() -> Result<(), Failed> {
    assert_eq!(verdict(&[], true), Ok(None));
    assert!(
        verdict(&["kafka"], false).is_ok_and(|h| h.is_some_and(|h| h.contains("kafka") && h.contains("tests/run")))
    );
    assert!(verdict(&["kafka"], true).is_err_and(|h| h.contains("kafka")));
    Ok(())
}
