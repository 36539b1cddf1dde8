//! The least slot-hours for a load that is known beforehand, with at most so many changes of size.
//!
//! A plan cuts the time into at most `changes + 1` pieces; a piece costs its length times the largest size that is
//! needed within it. The first size is free to choose. Sizes are for full utilization, and changes take no time: no
//! controller can do better.
//!
//! Dynamic programming over pieces: `best[k][j] = min over i < j of best[k-1][i] + (x[j] - x[i]) * max(need[i..j])`.
//! Each layer is solved by halving: for `i` left and `j` right of the middle the largest need is either the left
//! part's or the right part's, and either way the minimum is over straight lines, which a convex hull answers in
//! amortized constant time. O(K n log n), after equal neighbours have been merged.

/// A straight line `slope * x + offset`.
#[derive(Clone, Copy, Debug)]
struct Line {
    slope: i64,
    offset: i64,
}

impl Line {
    fn at(self, x: i64) -> i64 {
        self.slope.saturating_mul(x).saturating_add(self.offset)
    }
}

/// Lower hull of lines that are added with falling slopes.
#[derive(Default)]
struct Hull {
    lines: Vec<Line>,
}

impl Hull {
    /// `b` is nowhere below both of its neighbours.
    fn is_useless(a: Line, b: Line, c: Line) -> bool {
        let wide = |l: Line| (i128::from(l.slope), i128::from(l.offset));
        let ((ma, ca), (mb, cb), (mc, cc)) = (wide(a), wide(b), wide(c));
        (cc - ca) * (ma - mb) <= (cb - ca) * (ma - mc)
    }

    fn add(&mut self, line: Line) {
        if let Some(last) = self.lines.last().copied().filter(|l| l.slope == line.slope) {
            if last.offset <= line.offset {
                return;
            }
            self.lines.pop();
        }
        while let [.., a, b] = self.lines[..] {
            if !Hull::is_useless(a, b, line) {
                break;
            }
            self.lines.pop();
        }
        self.lines.push(line);
    }

    /// The lowest value at `x`.
    fn lowest(&self, x: i64) -> Option<i64> {
        let (mut low, mut high) = (0, self.lines.len().checked_sub(1)?);
        while low < high {
            let middle = (low + high) / 2;
            if self.lines[middle].at(x) <= self.lines[middle + 1].at(x) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(self.lines[low].at(x))
    }
}

/// A load: needs over pieces of time, equal neighbours merged. `ends[i]` is where piece `i` ends.
struct Load {
    needs: Vec<i64>,
    ends: Vec<i64>,
}

impl Load {
    fn new(needs: &[u32]) -> Load {
        let mut load = Load { needs: Vec::new(), ends: Vec::new() };
        for (i, need) in needs.iter().enumerate() {
            if load.needs.last() != Some(&i64::from(*need)) {
                load.needs.push(i64::from(*need));
                load.ends.push(0);
            }
            if let Some(end) = load.ends.last_mut() {
                *end = i as i64 + 1;
            }
        }
        load
    }

    fn start(&self, piece: usize) -> i64 {
        if piece == 0 { 0 } else { self.ends[piece - 1] }
    }

    /// One piece more than `best` allows: improves `next[j]` for cuts `i < j` within `[from, to]`.
    fn layer(&self, best: &[Option<i64>], next: &mut [Option<i64>], from: usize, to: usize) {
        if to - from < 1 {
            return;
        }
        let middle = (from + to) / 2;
        self.layer(best, next, from, middle);
        self.layer(best, next, middle + 1, to);
        self.across(best, next, (from, middle, to));
    }

    /// Cuts `i` in `[from, middle]`, ends `j` in `[middle + 1, to]`.
    fn across(&self, best: &[Option<i64>], next: &mut [Option<i64>], (from, middle, to): (usize, usize, usize)) {
        let left = running_max((from..middle).rev().map(|i| self.needs[i]), middle - from + 1);
        let right = running_max((middle..to).map(|i| self.needs[i]), to - middle + 1);
        let max_left = |i: usize| left[middle - i];
        let max_right = |j: usize| right[j - middle];
        // The right part's need is the larger: lines over that need (negated), of cuts from the middle down.
        let (mut hull, mut i) = (Hull::default(), middle as i64);
        let mut by_right = vec![None; to - middle];
        for j in middle + 1..=to {
            while i >= from as i64 && max_left(i as usize) <= max_right(j) {
                if let Some(cost) = best[i as usize] {
                    hull.add(Line { slope: self.start(i as usize), offset: cost });
                }
                i -= 1;
            }
            let lowest = hull.lowest(-max_right(j));
            by_right[j - middle - 1] = lowest.map(|v| v + self.start(j) * max_right(j));
        }
        // The left part's need is the larger: lines over the end, of cuts from the far left in.
        let (mut hull, mut i) = (Hull::default(), from);
        for j in (middle + 1..=to).rev() {
            while i <= middle && max_left(i) > max_right(j) {
                if let Some(cost) = best[i] {
                    let need = max_left(i);
                    hull.add(Line { slope: need, offset: cost - self.start(i) * need });
                }
                i += 1;
            }
            let by_left = hull.lowest(self.start(j));
            let found = [by_left, by_right[j - middle - 1], next[j]].into_iter().flatten().min();
            next[j] = found;
        }
    }
}

/// `[0, max of the first, max of the first two, ...]`.
fn running_max(needs: impl Iterator<Item = i64>, length: usize) -> Vec<i64> {
    let mut all = Vec::with_capacity(length);
    let mut largest = 0;
    all.push(largest);
    for need in needs {
        largest = largest.max(need);
        all.push(largest);
    }
    all
}

/// The least sum of sizes over all steps of time, for `needs` (one per step) and at most `changes` changes of size.
pub fn least(needs: &[u32], changes: usize) -> u64 {
    let load = Load::new(needs);
    let n = load.needs.len();
    if n <= changes.saturating_add(1) {
        return needs.iter().map(|n| u64::from(*n)).sum();
    }
    let mut best: Vec<Option<i64>> = vec![None; n + 1];
    best[0] = Some(0);
    for _ in 0..=changes {
        let mut next = best.clone();
        load.layer(&best, &mut next, 0, n);
        best = next;
    }
    best[n].and_then(|b| u64::try_from(b).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(needs: &[u32], changes: usize) -> u64 {
        if needs.is_empty() {
            return 0;
        }
        let piece = |upto: usize| u64::from(needs[..upto].iter().copied().max().unwrap_or(0)) * upto as u64;
        if changes == 0 {
            return piece(needs.len());
        }
        let cut = |i: usize| piece(i) + brute(&needs[i..], changes - 1);
        (1..=needs.len()).map(cut).min().unwrap_or(0)
    }

    #[test]
    fn by_hand() {
        // One size: 4 * 6. One change: 1, 1, 1 then 4, 4, 2 at 4: 3 + 12. Two: 3 + 8 + 2.
        let needs = [1, 1, 1, 4, 4, 2];
        assert_eq!(least(&needs, 0), 24);
        assert_eq!(least(&needs, 1), 15);
        assert_eq!(least(&needs, 2), 13);
        assert_eq!(least(&needs, 9), 13);
        assert_eq!(least(&[], 3), 0);
        assert_eq!(least(&[0, 0, 5], 0), 15);
    }

    #[test]
    fn a_short_peak_is_worth_two_changes() {
        // 100 steps of 1 with a peak of 10 in the middle: all at 10 is 1000; one change 50 + 500 or so; two: 99 + 10.
        let mut needs = [1_u32; 100];
        needs[49] = 10;
        assert_eq!(least(&needs, 0), 1_000);
        assert_eq!(least(&needs, 1), 50 * 10 + 50);
        assert_eq!(least(&needs, 2), 109);
    }

    proptest! {
        #[test]
        fn as_good_as_trying_everything(needs in prop::collection::vec(0_u32..8, 0..11), changes in 0_usize..5) {
            prop_assert_eq!(least(&needs, changes), brute(&needs, changes));
        }

        #[test]
        fn more_changes_never_cost_more(needs in prop::collection::vec(0_u32..50, 1..200), changes in 0_usize..8) {
            let (fewer, more) = (least(&needs, changes), least(&needs, changes + 1));
            prop_assert!(more <= fewer);
            let floor: u64 = needs.iter().map(|n| u64::from(*n)).sum();
            prop_assert!(more >= floor);
        }
    }

    /// Fifty million pairs of cuts a layer, if it were quadratic.
    #[test]
    fn a_week_of_minutes() {
        let needs: Vec<u32> = (0..10_080_u32).map(|i| 1 + (i.wrapping_mul(2_654_435_761) >> 20) % 40).collect();
        let (some, more) = (least(&needs, 5), least(&needs, 20));
        assert!(more < some);
    }
}
