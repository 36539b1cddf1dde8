//! The policies in `policies/`.

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

#[test]
fn the_folder_as_a_whole_loads() {
    let loaded = load(&[folder()]);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    let names: Vec<_> = loaded.policies.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["cost-first", "default", "latency-first"]);
}

#[test]
fn the_inline_tests_pass() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = crate::cmd_test::run(&[folder()], &mut out, &mut err);
    assert_eq!(code, 0, "{}{}", String::from_utf8_lossy(&err), String::from_utf8_lossy(&out));
    assert!(String::from_utf8_lossy(&out).ends_with(" passed, 0 failed\n"));
}

/// Each policy has a test that acts and one that refuses.
#[test]
fn each_has_tests_of_both_kinds() {
    for policy in load(&[folder()]).policies {
        let tests: Vec<_> = load(&[folder()]).tests.into_iter().filter(|t| t.policy.name == policy.name).collect();
        let acts = |t: &InlineTest| t.expect.iter().any(|e| e.rescale.as_ref().is_some_and(|r| !r.is_empty()));
        assert!(tests.iter().any(acts) && !tests.iter().all(acts), "{}", policy.name);
    }
}

#[test]
fn the_built_in_default_is_careful() {
    let policies = builtin();
    let [policy] = policies.as_slice() else { panic!("{}", load_builtin().report().join("\n")) };
    assert_eq!(policy.mode, Mode::Recommend);
    assert_eq!((&policy.scaling, &policy.limits), (&Scaling::default(), &Limits::default()));
    assert_eq!(policy.matches, Match::default());
}
