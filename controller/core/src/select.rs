//! Which policy is for a job: the most specific one. Ties are refused when policies are loaded.

use crate::glob::Glob;
use crate::job::JobKey;
use crate::policy::{Match, Policy};
use std::collections::BTreeMap;

/// How closely one list of globs speaks of a name. Later is closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// The list is empty: it speaks of everything.
    Anything,
    /// A glob with this many literal characters.
    Glob(usize),
    /// The name itself.
    Exact,
}

impl Closeness {
    fn of(glob: &Glob) -> Closeness {
        if glob.is_exact() { Closeness::Exact } else { Closeness::Glob(glob.literals()) }
    }
}

/// Job name first, then labels, then namespace: the derived order is the precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    job: Closeness,
    labels: usize,
    namespace: Closeness,
}

/// The policy for `job`: the most specific that matches. Of equals (refused at load) the first by name.
pub fn select<'a>(policies: &'a [Policy], job: &JobKey, labels: &BTreeMap<String, String>) -> Option<&'a Policy> {
    let ranked = policies.iter().filter_map(|p| rank(&p.matches, job, labels).map(|rank| (rank, p)));
    ranked.min_by(|(a, p), (b, q)| b.cmp(a).then_with(|| p.name.cmp(&q.name))).map(|(_, p)| p)
}

/// Whether some job would be claimed by both with equal right. It looks at every pair of globs of equal rank, so it
/// also refuses a pair whose common names would all be claimed more closely by another glob of the same policy: that
/// is easier to explain than to depend on.
pub fn tie(a: &Match, b: &Match) -> bool {
    a.labels.len() == b.labels.len()
        && a.labels.iter().all(|(k, v)| b.labels.get(k).is_none_or(|w| v == w))
        && lists_tie(&a.jobs, &b.jobs)
        && lists_tie(&a.namespaces, &b.namespaces)
}

fn rank(matches: &Match, job: &JobKey, labels: &BTreeMap<String, String>) -> Option<Rank> {
    let all = matches.labels.iter().all(|(k, v)| labels.get(k) == Some(v));
    let job_rank = closeness(&matches.jobs, Some(&job.name))?;
    let namespace = closeness(&matches.namespaces, job.namespace.as_deref())?;
    all.then_some(Rank { job: job_rank, labels: matches.labels.len(), namespace })
}

/// The closest glob that matches; absent when none does.
fn closeness(globs: &[Glob], text: Option<&str>) -> Option<Closeness> {
    if globs.is_empty() {
        return Some(Closeness::Anything);
    }
    let text = text?;
    globs.iter().filter(|g| g.matches(text)).map(Closeness::of).max()
}

fn lists_tie(a: &[Glob], b: &[Glob]) -> bool {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => true,
        (false, false) => a.iter().any(|g| b.iter().any(|h| Closeness::of(g) == Closeness::of(h) && g.meets(h))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn globs(list: &[&str]) -> Vec<Glob> {
        list.iter().map(|g| Glob::from(*g)).collect()
    }

    fn matching(jobs: &[&str], labels: &[(&str, &str)], namespaces: &[&str]) -> Match {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Match { namespaces: globs(namespaces), jobs: globs(jobs), labels }
    }

    fn policy(name: &str, matches: Match) -> Policy {
        Policy { name: name.to_owned(), matches, ..Policy::default() }
    }

    fn job(name: &str, namespace: Option<&str>) -> JobKey {
        JobKey { cluster: "c".into(), namespace: namespace.map(Into::into), name: name.into() }
    }

    #[track_caller]
    fn check(policies: &[Policy], job: &JobKey, labels: &[(&str, &str)], expected: Option<&str>) {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(select(policies, job, &labels).map(|p| p.name.as_str()), expected);
    }

    #[test]
    fn name_beats_glob_beats_none_beats_nothing() {
        let all = [
            policy("none", matching(&[], &[], &[])),
            policy("star", matching(&["*"], &[], &[])),
            policy("short", matching(&["led*"], &[], &[])),
            policy("long", matching(&["ledger*"], &[], &[])),
            policy("exact", matching(&["ledger-eu", "x*"], &[], &[])),
        ];
        check(&all, &job("ledger-eu", None), &[], Some("exact"));
        check(&all, &job("ledger-us", None), &[], Some("long"));
        check(&all, &job("ledge", None), &[], Some("short"));
        check(&all, &job("other", None), &[], Some("star"));
        check(&all[..1], &job("other", None), &[], Some("none"));
        check(&all[2..4], &job("other", None), &[], None);
    }

    #[test]
    fn job_name_beats_labels_beats_namespace() {
        let all = [
            policy("glob", matching(&["a*"], &[], &[])),
            policy("label", matching(&[], &[("tier", "gold")], &[])),
            policy("labels", matching(&[], &[("tier", "gold"), ("x", "y")], &[])),
            policy("ns", matching(&[], &[], &["payments"])),
        ];
        check(&all, &job("ab", Some("payments")), &[("tier", "gold")], Some("glob"));
        check(&all, &job("b", Some("payments")), &[("tier", "gold")], Some("label"));
        check(&all, &job("b", Some("payments")), &[("tier", "gold"), ("x", "y")], Some("labels"));
        check(&all, &job("b", Some("payments")), &[("tier", "tin")], Some("ns"));
        check(&all, &job("b", None), &[], None);
    }

    #[track_caller]
    fn check_tie(a: Match, b: Match, expected: bool) {
        assert_eq!(tie(&a, &b), expected, "{a:?} and {b:?}");
        assert_eq!(tie(&b, &a), expected, "{b:?} and {a:?}");
    }

    #[test]
    fn equal_rank_that_can_meet_ties() {
        check_tie(matching(&["a*"], &[], &[]), matching(&["*b"], &[], &[]), true);
        check_tie(matching(&["a*"], &[], &[]), matching(&["b*"], &[], &[]), false);
        check_tie(matching(&["a*"], &[], &[]), matching(&["ab*"], &[], &[]), false);
        check_tie(matching(&["a"], &[], &[]), matching(&["a"], &[], &[]), true);
        check_tie(matching(&["a"], &[], &[]), matching(&["?"], &[], &[]), false);
        check_tie(matching(&[], &[], &[]), matching(&[], &[], &[]), true);
        check_tie(matching(&[], &[("t", "1")], &[]), matching(&[], &[("t", "2")], &[]), false);
        check_tie(matching(&[], &[("t", "1")], &[]), matching(&[], &[("u", "2")], &[]), true);
        check_tie(matching(&[], &[("t", "1")], &[]), matching(&[], &[], &[]), false);
        check_tie(matching(&[], &[], &["a*"]), matching(&[], &[], &["*b"]), true);
        check_tie(matching(&[], &[], &["a"]), matching(&[], &[], &["b"]), false);
    }

    prop_compose! {
        fn any_match()(
            jobs in prop::collection::vec("[ab*?]{1,3}", 0..3),
            namespaces in prop::collection::vec("[ab*]{1,2}", 0..2),
            labels in prop::collection::btree_map("[xy]", "[12]", 0..3),
        ) -> Match {
            Match { jobs: jobs.into_iter().map(Glob).collect(), namespaces: namespaces.into_iter().map(Glob).collect(), labels }
        }
    }

    proptest! {
        /// What is not refused at load never ties: no job has two policies of equal rank.
        #[test]
        fn no_tie_at_load_means_no_tie_ever(
            a in any_match(), b in any_match(), name in "[ab]{0,4}", namespace in "[ab]{1,2}",
            labels in prop::collection::btree_map("[xy]", "[12]", 0..3),
        ) {
            prop_assume!(!tie(&a, &b));
            let job = job(&name, Some(&namespace));
            if let (Some(one), Some(two)) = (rank(&a, &job, &labels), rank(&b, &job, &labels)) {
                prop_assert_ne!(one, two);
            }
        }

        #[test]
        fn order_of_policies_does_not_matter(a in any_match(), b in any_match(), name in "[ab]{0,4}") {
            let there = [policy("a", a), policy("b", b)];
            let back = [there[1].clone(), there[0].clone()];
            let job = job(&name, None);
            let labels = BTreeMap::new();
            prop_assert_eq!(
                select(&there, &job, &labels).map(|p| &p.name),
                select(&back, &job, &labels).map(|p| &p.name)
            );
        }
    }
}
