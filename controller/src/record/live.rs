//! Live from Flink's REST API, with the reader that decides live.

use super::progress::Progress;
use super::{Reading, cluster, header, no_such, read_once};
use crate::args::{Global, RecordArgs};
use crate::cli::print;
use crate::clock;
use crate::exit::{OK, Stop};
use crate::recording_file::Recorder;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use weirkeeper_core::event::Event;
use weirkeeper_core::units::Timestamp;
use weirkeeper_simulator::recording::NoteKind;

/// A job that was never seen in so many readings is not coming.
const HOPELESS: u32 = 5;

/// Until told to stop (Ctrl-C, SIGTERM), or for as long as was asked.
pub async fn record(global: &Global, args: &RecordArgs) -> Result<u8, Stop> {
    let (mut cluster, interval) = cluster(args)?;
    let mut stop = signal(SignalKind::terminate()).map_err(Stop::broke)?;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let longest = args.record_for.map_or(Duration::MAX, |s| s.0);
    let progress = Progress::rows(global.quiet);
    let mut tape = Tape { args, interval, recorder: None, missed: 0, since: None };
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
            _ = stop.recv() => break,
        }
        if began.elapsed() >= longest {
            break;
        }
        // A reading is not broken off: what it has is worth the moment.
        let reading = read_once(&mut cluster, &args.job).await;
        tape.take(clock::now(), &cluster.name, reading)?;
        progress.at(tape.rows());
    }
    progress.done();
    tape.finish()
}

/// What is being written.
struct Tape<'a> {
    args: &'a RecordArgs,
    interval: Duration,
    recorder: Option<Recorder>,
    missed: u32,
    since: Option<Timestamp>,
}

impl Tape<'_> {
    fn rows(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::rows)
    }

    fn take(&mut self, at: Timestamp, place: &str, reading: Result<Reading, String>) -> Result<(), Stop> {
        let unread = |why: String, incomplete: bool| NoteKind::Unread { why, incomplete };
        let note = match reading {
            Ok(Reading { of_job: Some(Event::Observed(o)), .. }) => {
                self.since.get_or_insert(at);
                if self.recorder.is_none() {
                    let header = header(&o, "flink", self.interval, true, Vec::new());
                    self.recorder = Some(Recorder::create(&self.args.output, header)?);
                }
                return self.recorder.as_mut().map_or(Ok(()), |r| r.observe(at, &o));
            }
            Ok(Reading { of_job: Some(Event::Unobserved { why, incomplete, .. }), .. }) => unread(why, incomplete),
            Ok(Reading { jobs, .. }) if self.recorder.is_none() => {
                self.missed += 1;
                return if self.missed < HOPELESS { Ok(()) } else { Err(no_such(&self.args.job, place, &jobs)) };
            }
            Ok(_) => unread("the job was not in the list of jobs".to_owned(), false),
            Err(why) if self.recorder.is_none() => {
                self.missed += 1;
                return if self.missed < HOPELESS { Ok(()) } else { Err(Stop::cannot(format!("{place}: {why}"))) };
            }
            Err(why) => unread(why, false),
        };
        self.recorder.as_mut().map_or(Ok(()), |r| r.note(at, note))
    }

    fn finish(self) -> Result<u8, Stop> {
        let rows = self.rows();
        let Some(recorder) = self.recorder.filter(|_| rows > 0) else {
            return Err(Stop::cannot(format!("nothing was recorded: job {:?} was never read", self.args.job)));
        };
        let size = recorder.finish()?;
        print(&format!("{}: {rows} rows of {}, {size} bytes", self.args.output.display(), self.args.job))?;
        Ok(OK)
    }
}
