//! Policies that get in each other's way: two of one name, or two with equal right to a job.

use super::problem::{Code, Pos, Problem};
use super::reader::Reader;
use weirkeeper_core::policy::{Match, Policy};
use weirkeeper_core::select::tie;

/// What a policy claims, and where it says so.
pub struct Claim {
    name: String,
    matches: Match,
    name_at: Problem,
    /// Absent when it is not known what it claims.
    match_at: Option<Problem>,
}

impl Claim {
    /// Of a policy that has just been read.
    pub fn new(reader: &Reader<'_>, policy: &Policy, name_at: Pos, match_at: Option<Pos>) -> Claim {
        let name_at = reader.problem(name_at, Code::DuplicatePolicy, String::new(), String::new());
        let match_at = match_at.map(|at| reader.problem(at, Code::Overlap, String::new(), String::new()));
        Claim { name: policy.name.clone(), matches: policy.matches.clone(), name_at, match_at }
    }
}

/// What is wrong between them; each pair is told once, at the later of the two.
pub fn problems(claims: &[Claim]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, later) in claims.iter().enumerate() {
        for earlier in &claims[..i] {
            if later.name == earlier.name && !later.name.is_empty() {
                problems.push(same_name(earlier, later));
            } else if tie(&earlier.matches, &later.matches) {
                problems.extend(overlap(earlier, later));
            }
        }
    }
    problems
}

fn place(of: &Problem) -> String {
    format!("{}:{}:{}", of.path.display(), of.at.line, of.at.column)
}

fn same_name(earlier: &Claim, later: &Claim) -> Problem {
    let message = format!("a policy called {:?} is there already, at {}", later.name, place(&earlier.name_at));
    Problem { message, hint: "rename one of them".to_owned(), ..later.name_at.clone() }
}

fn overlap(earlier: &Claim, later: &Claim) -> Option<Problem> {
    let (there, here) = (earlier.match_at.as_ref()?, later.match_at.as_ref()?);
    let (name, other, place) = (&later.name, &earlier.name, place(there));
    let message = format!("policy {name:?} claims jobs with the same right as {other:?} at {place}");
    let hint = "make one of them more specific: a job's exact name beats a glob, a glob with more letters one with fewer, \
                then more labels, then a closer namespace";
    Some(Problem { message, hint: hint.to_owned(), ..here.clone() })
}
