use super::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use weirkeeper_core::decision::Verdict;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::memory::JobMemory;
use weirkeeper_core::state::{FleetMemory, STORED_VERSION};
use weirkeeper_core::units::Timestamp;

fn key(name: &str) -> JobKey {
    JobKey { cluster: "c".into(), namespace: None, name: name.into() }
}

fn fleet(next_id: u64) -> Stored {
    Stored::Fleet { version: STORED_VERSION, memory: FleetMemory { next_id, ..FleetMemory::default() } }
}

fn job(name: &str, version: u32) -> Stored {
    Stored::Job { version, job: key(name), memory: Box::new(JobMemory::default()) }
}

fn decision(id: u64, name: &str) -> Decision {
    Decision {
        id,
        at: Timestamp(1_000),
        job: key(name),
        policy: "p".into(),
        verdict: Verdict::Hold,
        rescale: BTreeMap::new(),
        gates: vec![],
        reasons: vec![],
        run: None,
        plan_hash: None,
    }
}

fn next_id(records: &[Stored]) -> Option<u64> {
    records.iter().find_map(|r| match r {
        Stored::Fleet { memory, .. } => Some(memory.next_id),
        Stored::Job { .. } => None,
    })
}

fn ids(decisions: &[Decision]) -> Vec<u64> {
    decisions.iter().map(|d| d.id).collect()
}

fn check_store(store: &dyn Store) {
    store.write(&[fleet(7), job("a", 1)], &[decision(1, "a"), decision(2, "b")]).unwrap();
    store.write(&[fleet(8), job("b", 1)], &[decision(3, "a")]).unwrap();
    let records = store.load().unwrap();
    assert_eq!(records.len(), 3, "a key is written over: {records:?}");
    assert_eq!(next_id(&records), Some(8));
    assert_eq!(ids(&store.decisions(None, 10).unwrap()), [3, 2, 1]);
    assert_eq!(ids(&store.decisions(Some("a"), 10).unwrap()), [3, 1]);
    assert_eq!(ids(&store.decisions(Some("a"), 1).unwrap()), [3]);
    assert!(store.decisions(Some("other"), 10).unwrap().is_empty());
}

fn check_bound(store: &dyn Store) {
    let many: Vec<_> = (0..MAX_DECISIONS + 5).map(|i| decision(i, "a")).collect();
    store.write(&[], &many).unwrap();
    store.write(&[], &[decision(99_999, "a")]).unwrap();
    let kept = ids(&store.decisions(None, usize::MAX).unwrap());
    assert_eq!(kept.len() as u64, MAX_DECISIONS);
    assert_eq!((kept[0], kept[kept.len() - 1]), (99_999, 6));
}

#[test]
fn both_stores_keep_what_they_are_given_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    check_store(&open(&dir.path().join("a"), Timestamp(0)).unwrap().store);
    check_bound(&open(&dir.path().join("b"), Timestamp(0)).unwrap().store);
    check_store(&MemoryStore::default());
    check_bound(&MemoryStore::default());
}

#[test]
fn what_was_written_is_there_after_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/folder/state.redb");
    drop(open(&path, Timestamp(0)).unwrap().store.write(&[fleet(5)], &[decision(4, "a")]));
    let opened = open(&path, Timestamp(0)).unwrap();
    assert!(opened.broken.is_none());
    assert_eq!(next_id(&opened.records), Some(5));
    assert_eq!(ids(&opened.store.decisions(None, 9).unwrap()), [4]);
}

#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(open(&path, Timestamp(0)).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_opening_is_refused_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let _first = open(&path, Timestamp(0)).unwrap();
    let Err(refused) = open(&path, Timestamp(0)) else { panic!("opened twice") };
    assert!(matches!(refused, StoreError::Locked(_)));
    let text = refused.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("--state"), "{text}");
}

/// The broken file is kept aside, and a new one takes its place. Gives the bytes before, and those kept.
fn check_broken(make: impl FnOnce(&Path), says: &str) -> (Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    make(&path);
    let bytes = std::fs::read(&path).unwrap();
    let opened = open(&path, Timestamp(42)).unwrap();
    let (why, aside) = opened.broken.unwrap();
    assert!(why.contains(says), "{why}");
    assert_eq!(aside, dir.path().join("s.broken-42"));
    assert!(opened.records.is_empty());
    opened.store.write(&[fleet(1)], &[]).unwrap();
    (bytes, std::fs::read(&aside).unwrap())
}

#[test]
fn bytes_that_are_no_state_file_are_kept_aside() {
    let (before, kept) = check_broken(|path| std::fs::write(path, "not a state file\n".repeat(1000)).unwrap(), "");
    assert_eq!(before, kept);
}

#[test]
fn a_damaged_state_file_is_kept_aside() {
    let damage = |path: &Path| {
        open(path, Timestamp(0)).unwrap().store.write(&[fleet(3), job("a", 1)], &[decision(1, "a")]).unwrap();
        let mut bytes = std::fs::read(path).unwrap();
        // Everything but the header page: no page's checksum holds any more.
        bytes[4096..].iter_mut().for_each(|b| *b ^= 0x5a);
        std::fs::write(path, bytes).unwrap();
    };
    let (_, kept) = check_broken(damage, "");
    assert!(kept.len() > 4096);
}

#[test]
fn a_record_of_a_newer_version_is_kept_aside() {
    let newer = |path: &Path| open(path, Timestamp(0)).unwrap().store.write(&[job("a", 99)], &[]).unwrap();
    let (_, kept) = check_broken(newer, "newer");
    assert!(String::from_utf8_lossy(&kept).contains("\"version\":99"), "what the newer one wrote is still there");
}

#[test]
fn a_folder_in_the_place_of_the_file_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let Err(e) = open(dir.path(), Timestamp(0)) else { panic!("opened a folder") };
    assert!(matches!(e, StoreError::Unusable { .. }), "{e}");
}

const CHILD_FILE: &str = "WEIRKEEPER_TEST_CRASH_FILE";

/// Not a test by itself: the process that `kill_9_...` kills. It says a number after the number is durable.
#[test]
fn crash_child() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    let opened = open(Path::new(&path), Timestamp(0)).unwrap();
    let first = next_id(&opened.records).unwrap_or(0) + 1;
    for n in first.. {
        opened.store.write(&[fleet(n), job("a", 1)], &[decision(n, "a")]).unwrap();
        println!("\nwrote {n}");
    }
}

/// Starts the child, reads what it says until `count` numbers, kills it; gives the last number said.
fn run_and_kill(path: &Path, count: usize) -> u64 {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash_child", "--nocapture"])
        .env(CHILD_FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = (&mut lines).filter_map(|l| l.strip_prefix("wrote ")?.parse().ok());
    let seen: Vec<u64> = (&mut said).take(count).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What was said before it died, and we had not read yet.
    said.last().or(seen.last().copied()).unwrap()
}

#[test]
fn t16_t36_kill_9_at_any_moment_loses_no_committed_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut before = 0;
    for round in 0..8 {
        let said = run_and_kill(&path, 1 + round * 3);
        let opened = open(&path, Timestamp(0)).unwrap();
        assert!(opened.broken.is_none(), "{:?}", opened.broken);
        let found = next_id(&opened.records).unwrap();
        // One more may have been durable before it could be said; never less.
        assert!(found == said || found == said + 1, "said {said}, found {found}");
        assert!(found > before);
        let newest = opened.store.decisions(None, 1).unwrap();
        assert_eq!(ids(&newest), [found], "record and decision are one transaction");
        before = found;
    }
}
