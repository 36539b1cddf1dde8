//! What a job needed, minute by minute, in bounded memory.

/// Two days of minutes; longer runs are kept in bins of two minutes, then of four, and so on, each holding the most that
/// was needed in it: the plan made of them is one for the true load too, if not the very cheapest.
pub const MOST: usize = 2_880;

/// Needs over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    needs: Vec<u32>,
    width: u32,
    filled: u32,
}

impl Default for Bins {
    fn default() -> Bins {
        Bins { needs: Vec::new(), width: 1, filled: 0 }
    }
}

impl Bins {
    /// Adds a minute.
    pub fn add(&mut self, need: u32) {
        if self.filled == 0 {
            if self.needs.len() == MOST {
                self.halve();
            }
            self.needs.push(0);
        }
        if let Some(last) = self.needs.last_mut() {
            *last = need.max(*last);
        }
        self.filled = (self.filled + 1) % self.width;
    }

    fn halve(&mut self) {
        self.needs = self.needs.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
        self.width *= 2;
    }

    /// Minutes of a bin.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Needs, oldest first.
    pub fn needs(&self) -> &[u32] {
        &self.needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_days_are_kept_as_they_are_and_more_in_pairs() {
        let mut bins = Bins::default();
        (0..MOST as u32).for_each(|i| bins.add(i));
        assert_eq!((bins.width(), bins.needs().len()), (1, MOST));
        bins.add(7);
        bins.add(9);
        assert_eq!((bins.width(), bins.needs().len()), (2, MOST / 2 + 1));
        assert_eq!(bins.needs()[..2], [1, 3]);
        assert_eq!(bins.needs().last(), Some(&9));
    }

    #[test]
    fn memory_has_a_bound() {
        let mut bins = Bins::default();
        (0..500_000).for_each(|i| bins.add(i % 13));
        assert!(bins.needs().len() <= MOST);
        assert!(bins.needs().len() as u64 * u64::from(bins.width()) >= 500_000);
    }
}
