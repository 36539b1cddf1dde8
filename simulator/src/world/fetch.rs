//! What a Kafka consumer has fetched, and what it calls its lag.
//!
//! `records-lag` of a partition is the high watermark of its last fetch minus the position. The consumer hands out what
//! it has of one partition until that is used up, then of the next, and fetches from a partition again once it has
//! nothing of it left. So while a job is slow, `pendingRecords` walks down within each fetch, jumps with the next, and
//! shows a fraction of the truth (measured: 18 % typical, 3 % at worst).

/// Records that one fetch brings from a partition: 1 MB of small records (measured: about 13,000).
const FETCH: f64 = 13_000.0;
/// Less than this is nothing: what is left of rounding.
const NOTHING: f64 = 1e-6;

/// What was fetched of one partition and not handed out.
#[derive(Clone, Copy, Debug, Default)]
struct Chunk {
    high_watermark: f64,
    position: f64,
    end: f64,
}

/// All partitions of a source.
#[derive(Clone, Debug)]
pub(super) struct Fetches {
    chunks: Vec<Chunk>,
    /// Which is handed out.
    at: usize,
    /// Sum of the high watermarks.
    known: f64,
    /// Everything that has arrived was read: partitions need not be told apart.
    level: bool,
}

impl Fetches {
    pub fn new(partitions: u32) -> Fetches {
        Fetches { chunks: vec![Chunk::default(); partitions.max(1) as usize], at: 0, known: 0.0, level: true }
    }

    /// Begins anew at that position.
    pub fn reset(&mut self, position: f64) {
        (self.level, self.known) = (true, position);
    }

    /// `pendingRecords` at that position.
    pub fn pending(&self, position: f64) -> f64 {
        if self.level { 0.0 } else { (self.known - position).max(0.0) }
    }

    /// Reads `records` from `position` on, when `arrived` have arrived in all.
    pub fn read(&mut self, position: f64, mut records: f64, arrived: f64) {
        if arrived - position - records <= NOTHING {
            return self.reset(position + records);
        }
        if records <= 0.0 {
            return;
        }
        let each = arrived / self.chunks.len() as f64;
        if self.level {
            self.begin(position / self.chunks.len() as f64, each);
        }
        // A fetch brings all there is of a partition or FETCH of it: so many turns are enough.
        let turns = (2 + (records / FETCH) as usize) * self.chunks.len() + 2;
        for _ in 0..turns {
            let chunk = &mut self.chunks[self.at];
            let left = chunk.end - chunk.position;
            if records < left {
                chunk.position += records;
                return;
            }
            records -= left;
            self.known += each - chunk.high_watermark;
            *chunk = fetched(chunk.end, each);
            self.at = (self.at + 1) % self.chunks.len();
        }
    }

    /// The first fetches after all was read.
    fn begin(&mut self, position: f64, each: f64) {
        self.chunks.iter_mut().for_each(|c| *c = fetched(position, each));
        (self.level, self.at, self.known) = (false, 0, each * self.chunks.len() as f64);
    }
}

fn fetched(position: f64, high_watermark: f64) -> Chunk {
    Chunk { high_watermark, position, end: high_watermark.min(position + FETCH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2000/s arrive, 1000/s are read: `pendingRecords` after each second.
    fn overload(partitions: u32, secs: u32) -> Vec<f64> {
        let (mut fetches, mut position) = (Fetches::new(partitions), 0.0);
        let mut seen = Vec::new();
        for s in 1..=secs {
            fetches.read(position, 1_000.0, 2_000.0 * f64::from(s));
            position += 1_000.0;
            seen.push(fetches.pending(position));
        }
        seen
    }

    #[test]
    fn one_partition_walks_down_and_jumps() {
        let seen = overload(1, 36);
        // By hand: in second 1, 2000 are fetched and half of them read. They are used up after second 2, when 4000 have
        // arrived: 2000 are pending. Used up after second 4 (8000 arrived), 8 and 16.
        assert_eq!(&seen[..8], [1_000.0, 2_000.0, 1_000.0, 4_000.0, 3_000.0, 2_000.0, 1_000.0, 8_000.0]);
        assert_eq!(seen[15], 16_000.0);
        // That fetch brings only 13,000 of 16,000: after second 29 it is used up, with 32,000 - 29,000 still pending
        // before, and 58,000 - 29,000 after the next one.
        assert_eq!((seen[27], seen[28], seen[35]), (4_000.0, 29_000.0, 22_000.0));
    }

    #[test]
    fn partitions_take_turns() {
        // By hand, two partitions: second 1 uses up the first's 1000 (nothing new there); second 2 the second's, by when
        // both have 1000 more; then each second uses up one and fetches what arrived in it since.
        assert_eq!(overload(2, 4), [1_000.0, 2_000.0, 2_000.0, 3_000.0]);
        let seen = overload(8, 60);
        let truth = |s: usize| 1_000.0 * (s + 1) as f64;
        let least = (20..60).map(|s| seen[s] / truth(s)).fold(1.0, f64::min);
        assert!(least < 0.8 && seen.iter().enumerate().all(|(s, p)| *p <= truth(s) + 1e-6), "{seen:?}");
    }

    #[test]
    fn what_was_caught_up_is_not_pending() {
        let mut fetches = Fetches::new(4);
        fetches.read(0.0, 500.0, 2_000.0);
        assert_eq!(fetches.pending(500.0), 1_500.0);
        fetches.read(500.0, 2_500.0, 3_000.0);
        assert_eq!(fetches.pending(3_000.0), 0.0);
    }
}
