//! The format by hand, from its description; and what comes back of what was written.

use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::*;
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

const HEADER: &str = r#"{"version":1,"cluster":"c","job":"tiny","origin":{"kind":"csv","by":"hand"},"interval":15000,"context":{"jobId":"","vertices":[{"id":"v","name":"Source: a","parallelism":2,"slotGroup":"default"}],"edges":[],"cluster":{}}}"#;
const COLUMNS: &str = r#"[{"id":0,"field":"status"},{"id":1,"field":"parallelism","vertex":0},{"id":2,"series":"flink_taskmanager_job_task_numRecordsOut","taskName":"Source: a","agg":"sum","counter":true}]"#;
const END: &str = r#"{"rows":3,"blocks":1,"notes":0,"first":1736121600000,"last":1736121630000}"#;

/// The block of docs/recordings.md: three rows, 15 s apart.
const BLOCK: [u8; 46] = [
    3,  // rows
    10, // bytes of the times
    0x80, 0xa0, 0xca, 0x8e, 0x87, 0x65, // 1736121600000, doubled by the zigzag
    0xb0, 0xea, 0x01, // 15000 more
    0x00, // and the same step again
    3,    // columns
    0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, // status: the same in all rows, 0.0
    1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0x40, // parallelism: the same, 2.0
    2, 2, 5, // records: differences of differences, five bytes
    0xd0, 0x0f, // 1000
    0xb8, 0x17, // 1500 more
    0x00, // and again
    2, b'[', b']', // no events
];

/// Bit by bit, as every textbook has it: not the program's own.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut out = kind.to_vec();
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(payload);
    let sum = crc(&out);
    out.extend(sum.to_le_bytes());
    out
}

fn tiny() -> Vec<u8> {
    let mut bytes = b"\x93WKREC\r\n".to_vec();
    bytes.extend(chunk(b"HEAD", HEADER.as_bytes()));
    bytes.extend(chunk(b"COLS", COLUMNS.as_bytes()));
    bytes.extend(chunk(b"BLCK", &BLOCK));
    bytes.extend(chunk(b"END ", END.as_bytes()));
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<(i64, Event)>, Bad> {
    let mut rows = Rows::new(bytes)?;
    let mut out = Vec::new();
    while let Some(item) = rows.next()? {
        if let Item::Event(at, event) = item {
            out.push((at.0, event.clone()));
        }
    }
    Ok(out)
}

fn observation(event: &Event) -> &Observation {
    match event {
        Event::Observed(o) => o,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_written_by_hand_from_the_description_is_read() {
    let seen = read(&tiny()).expect("reads");
    let times: Vec<i64> = seen.iter().map(|s| s.0).collect();
    assert_eq!(times, [1_736_121_600_000, 1_736_121_615_000, 1_736_121_630_000]);
    let values: Vec<f64> = seen.iter().map(|s| observation(&s.1).samples[0].value).collect();
    assert_eq!(values, [1_000.0, 2_500.0, 4_000.0]);
    let o = observation(&seen[0].1);
    assert_eq!(*o.samples[0].key, SeriesKey::task(name::RECORDS_OUT, "Source: a", Agg::Sum));
    assert_eq!(o.graph.vertices[0].parallelism, Parallelism(2));
    assert_eq!((o.graph.vertices[0].max_parallelism, o.running_since, &o.checkpoints), (None, None, &None));
}

#[test]
fn the_writer_gives_the_bytes_that_are_described() {
    let header: Header = serde_json::from_str(HEADER).expect("parses");
    let mut o = header.context.observation(&header.key());
    let mut writer = Writer::new(Vec::new(), header).expect("writes");
    for (i, value) in [1_000.0, 2_500.0, 4_000.0].into_iter().enumerate() {
        let key = Arc::new(SeriesKey::task(name::RECORDS_OUT, "Source: a", Agg::Sum));
        o.samples = vec![Sample { key, value }];
        writer.observe(Timestamp(1_736_121_600_000 + 15_000 * i as i64), &o).expect("writes");
    }
    assert_eq!(writer.finish().expect("writes"), tiny());
}

#[test]
fn a_file_that_is_cut_off_anywhere_says_where_it_ends() {
    let whole = tiny();
    for n in 0..whole.len() {
        match read(&whole[..n]) {
            Err(Bad::CutOff { at }) => assert_eq!(at, n as u64),
            Err(Bad::NotARecording) => assert_eq!(n, 0),
            other => panic!("cut at {n}: {other:?}"),
        }
    }
}

#[test]
fn a_byte_that_is_changed_anywhere_is_found() {
    let whole = tiny();
    for n in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[n] ^= flip;
            assert!(read(&bytes).is_err(), "byte {n} changed by {flip:#x} and nothing was said");
        }
    }
    let error = |bytes: &[u8]| read(bytes).err().map(|e| e.to_string()).unwrap_or_default();
    let mut bytes = whole.clone();
    let begin = 8 + 12 + HEADER.len() + 12 + COLUMNS.len();
    bytes[begin + 20] ^= 1;
    assert!(error(&bytes).contains(&format!("in the chunk at byte {begin}")), "{}", error(&bytes));
    bytes = whole;
    bytes.push(0);
    assert!(error(&bytes).contains("something follows"), "{}", error(&bytes));
    assert!(error(b"apiVersion: x").contains("not a recording"));
}

#[test]
fn what_a_later_version_wrote_is_refused_by_name_and_unknown_small_chunks_are_passed_over() {
    let mut bytes = b"\x93WKREC\r\n".to_vec();
    bytes.extend(chunk(b"HEAD", br#"{"version":7,"what":"ever"}"#));
    assert!(matches!(read(&bytes), Err(Bad::Newer(7))));
    let mut bytes = tiny();
    let end = bytes.len() - 12 - END.len();
    let more = chunk(b"xtra", b"something else");
    bytes.splice(end..end, more);
    assert_eq!(read(&bytes).expect("reads").len(), 3);
}

/// Blocks that no writer makes, with checksums that fit.
#[test]
fn nonsense_with_a_right_checksum_is_refused_and_never_panics() {
    let mut seed = 7u64;
    for round in 0..4_000 {
        let mut block = BLOCK.to_vec();
        for _ in 0..=round % 3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (seed >> 33) as usize % block.len();
            block[place] = (seed >> 20) as u8;
        }
        let mut bytes = b"\x93WKREC\r\n".to_vec();
        bytes.extend(chunk(b"HEAD", HEADER.as_bytes()));
        bytes.extend(chunk(b"COLS", COLUMNS.as_bytes()));
        bytes.extend(chunk(b"BLCK", &block));
        bytes.extend(chunk(b"END ", END.as_bytes()));
        // Some changes only change a value; the others must be told of. Either way it ends.
        let _ = read(&bytes);
    }
    for block in [&[0xff; 9][..], &[1, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0, 0, 2, b'[', b']']] {
        let mut bytes = b"\x93WKREC\r\n".to_vec();
        bytes.extend(chunk(b"HEAD", HEADER.as_bytes()));
        bytes.extend(chunk(b"BLCK", block));
        assert!(matches!(read(&bytes), Err(Bad::Damaged { .. })));
    }
}

fn vertex(id: &str, p: u32) -> Vertex {
    Vertex {
        id: id.into(),
        name: format!("vertex {id}").into(),
        parallelism: Parallelism(p),
        max_parallelism: Some(Parallelism(128)),
        slot_group: "default".into(),
        partitions: (id == "a").then_some(8),
        running: Some(p),
    }
}

/// A job of two vertices through `n` readings in which everything that can change does.
fn life(n: u64) -> Vec<(Timestamp, Observation)> {
    (0..n).map(|i| (Timestamp(1_000_000 + 15_000 * i as i64 + (i % 7) as i64), reading(i))).collect()
}

fn reading(i: u64) -> Observation {
    let p = 2 + (i / 100) as u32;
    let graph = JobGraph {
        vertices: vec![vertex("a", p), vertex("b", p + 1)],
        edges: vec![Edge { from: 0, to: 1, ship: if i > 400 { Ship::Other("CUSTOM".into()) } else { Ship::Hash } }],
    };
    let mut samples = Vec::new();
    let mut put = |key: SeriesKey, value: f64| samples.push(Sample { key: Arc::new(key), value });
    put(SeriesKey::task(name::RECORDS_OUT, "vertex a", Agg::Sum), (i * 1_234) as f64);
    put(SeriesKey::task(name::BUSY_RATE, "vertex b", Agg::Avg), 1_000.0 / (1.0 + i as f64));
    if i.is_multiple_of(4) {
        let labels = vec![("tm_id".into(), "tm-1".into())];
        put(SeriesKey { labels, ..SeriesKey::job(name::HEAP_USED) }, 1e9 + i as f64);
    }
    Observation {
        job: JobKey { cluster: "c".into(), namespace: Some("ns".into()), name: "life".into() },
        job_id: if i < 300 { "1".into() } else { "2".into() },
        labels: BTreeMap::from([("tier".into(), "gold".into())]),
        graph: Arc::new(graph),
        status: if i % 50 == 49 { JobStatus::Restarting } else { JobStatus::Running },
        running_since: (i % 50 != 49).then_some(Timestamp(900_000)),
        scheduler: Some(Scheduler::Adaptive),
        slots: (i > 10).then_some(Slots {
            total: 16,
            free: 16 - p,
            max: Some(64),
            on_demand: true,
            per_taskmanager: None,
            taskmanagers: 4,
        }),
        requirements: (i % 100 != 3)
            .then(|| BTreeMap::from([("a".into(), Bounds { lower: Parallelism(1), upper: Parallelism(p) })])),
        checkpoints: (i > 5).then(|| Checkpoints {
            last_completed: Some(Timestamp(1_000_000 + 60_000 * (i / 4) as i64)),
            last_completed_id: Some(i / 4),
            last_duration: Some(Millis(300 + i % 11)),
            savepoint_in_progress: Some(i.is_multiple_of(90)),
            interval: Some(Millis::secs(60)),
            ..Checkpoints::default()
        }),
        failure: (i > 200).then(|| Failure {
            at: Timestamp(1_200_000),
            text: "java.io.IOException: disk".into(),
            dependency: None,
        }),
        facts: ClusterFacts { version: Some((2, 2)), buffer_debloat: Some(false), ..ClusterFacts::default() },
        samples,
        missing: if i.is_multiple_of(40) { vec!["slots: 503".into()] } else { Vec::new() },
    }
}

fn header(first: &Observation) -> Header {
    Header {
        version: VERSION,
        cluster: "c".into(),
        namespace: Some("ns".into()),
        job: "life".into(),
        origin: Origin { kind: "flink".into(), by: "test".into(), notes: vec![] },
        interval: 15_000,
        context: Context::of(first, true),
    }
}

fn written(life: &[(Timestamp, Observation)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), header(&life[0].1)).expect("writes");
    for (at, o) in life {
        writer.observe(*at, o).expect("writes");
    }
    writer.finish().expect("writes")
}

#[test]
fn every_observation_comes_back_as_it_was() {
    let life = life(700);
    let back = read(&written(&life)).expect("reads");
    assert_eq!(back.len(), life.len());
    for ((at, o), (seen_at, event)) in life.iter().zip(&back) {
        assert_eq!((at.0, o), (*seen_at, observation(event)));
    }
}

#[test]
fn rescales_failures_and_gaps_are_told_from_what_was_read() {
    let mut life = life(150);
    life.drain(20..40);
    let bytes = written(&life);
    let mut rows = Rows::new(&bytes[..]).expect("reads");
    let (mut rescales, mut gaps) = (Vec::new(), Vec::new());
    while let Some(item) = rows.next().expect("reads") {
        match item {
            Item::Note(Note { kind: NoteKind::Rescale { from, to, .. }, .. }) => {
                rescales.push((from.clone(), to.clone()))
            }
            Item::Note(Note { at, kind: NoteKind::Gap { until, .. }, .. }) => gaps.push((*at, *until)),
            _ => {}
        }
    }
    let sizes = |a: u32, b: u32| BTreeMap::from([("vertex a".to_owned(), a), ("vertex b".to_owned(), b)]);
    assert_eq!(rescales, [(sizes(2, 3), sizes(3, 4))]);
    assert_eq!(gaps, [(life[19].0.0, life[20].0.0)]);
}

#[test]
fn a_job_that_could_not_be_read_is_told_in_its_place() {
    let life = life(3);
    let mut writer = Writer::new(Vec::new(), header(&life[0].1)).expect("writes");
    writer.observe(life[0].0, &life[0].1).expect("writes");
    let unread = NoteKind::Unread { why: "503".into(), incomplete: true };
    writer.note(Timestamp(1_010_000), unread).expect("writes");
    writer.observe(life[1].0, &life[1].1).expect("writes");
    let back = read(&writer.finish().expect("writes")).expect("reads");
    let unread = Event::Unobserved { job: life[0].1.job.clone(), why: "503".into(), incomplete: true };
    assert_eq!((back.len(), &back[1]), (3, &(1_010_000, unread)));
}

#[test]
fn what_does_not_change_is_written_once() {
    let life = life(2);
    let mut context = Context::of(&life[0].1, true);
    context.vertices[0].operators = vec!["read".into(), "parse".into()];
    let mut writer = Writer::new(Vec::new(), Header { context, ..header(&life[0].1) }).expect("writes");
    for n in 0..200 {
        writer.observe(Timestamp(1_000_000 + 15_000 * n), &life[0].1).expect("writes");
    }
    let bytes = writer.finish().expect("writes");
    assert!(bytes.len() < 200 * 40, "{} bytes", bytes.len());
    let rows = Rows::new(&bytes[..]).expect("reads");
    assert_eq!(rows.context().vertices[0].operators, ["read", "parse"]);
}

#[test]
fn edges_that_are_not_known_stay_unknown() {
    let life = life(2);
    let context = Context::of(&life[0].1, false);
    let mut writer = Writer::new(Vec::new(), Header { context, ..header(&life[0].1) }).expect("writes");
    writer.observe(life[0].0, &life[0].1).expect("writes");
    let bytes = writer.finish().expect("writes");
    let rows = Rows::new(&bytes[..]).expect("reads");
    assert_eq!(rows.context().edges, None);
    assert_eq!(rows.context().vertices.len(), 2);
}
