//! Alignment: a target is moved to a parallelism over which key groups or partitions spread better.
//!
//! `n` below is what is spread: the partitions of a source where they are known, else the key groups. Candidates are
//! looked for from the target upwards: when scaling up as far as `n` and the limits allow, when scaling down no
//! further than where the vertex stands.

/// `scaling.parallelism-alignment.mode`; the legacy two stand for the deprecated key of the same purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The first candidate that divides `n`, or that lowers a subtask's share below that at the target.
    Balanced,
    /// The first candidate that divides `n`.
    EvenlySpread,
    /// The target as it is.
    Off,
    /// As evenly spread; where nothing is found, downwards, and never against the direction of the change.
    LegacyEvenlySpread,
    /// As balanced, with the same way out.
    LegacyMaximizeUtilisation,
}

impl Mode {
    /// From its name.
    pub fn parse(word: &str) -> Option<Mode> {
        Some(match word {
            "BALANCED" => Mode::Balanced,
            "EVENLY_SPREAD" => Mode::EvenlySpread,
            "OFF" => Mode::Off,
            "LEGACY_EVENLY_SPREAD" => Mode::LegacyEvenlySpread,
            "LEGACY_MAXIMIZE_UTILISATION" => Mode::LegacyMaximizeUtilisation,
            _ => return None,
        })
    }

    fn takes_lighter(self) -> bool {
        matches!(self, Mode::Balanced | Mode::LegacyMaximizeUtilisation)
    }

    fn is_legacy(self) -> bool {
        matches!(self, Mode::LegacyEvenlySpread | Mode::LegacyMaximizeUtilisation)
    }
}

/// What is to be aligned.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What runs.
    pub current: u32,
    /// What is wanted, within the limits.
    pub wanted: u32,
    /// Partitions of a source; 0: none or not known.
    pub partitions: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// Lower limit.
    pub lower: u32,
    /// Upper limit.
    pub upper: u32,
    /// An input arrives by key.
    pub keyed: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The parallelism to take.
    pub parallelism: u32,
    /// The legacy modes say so when they had to leave the target for a lower one, or gave up.
    pub limited: bool,
}

impl Aligned {
    fn plain(parallelism: u32) -> Aligned {
        Aligned { parallelism, limited: false }
    }
}

impl Target {
    fn spread(&self) -> u32 {
        if self.partitions > 0 { self.partitions } else { self.max_parallelism }
    }

    fn goes_up(&self) -> bool {
        self.wanted > self.current
    }

    fn last_candidate(&self) -> u32 {
        let limit = self.spread().min(self.max_parallelism).min(self.upper);
        if self.goes_up() { limit } else { limit.min(self.current) }
    }

    /// The first candidate that is accepted.
    fn upwards(&self, takes_lighter: bool) -> Option<u32> {
        let n = self.spread();
        (self.wanted..=self.last_candidate())
            .find(|p| n.is_multiple_of(*p) || (takes_lighter && n / p < n / self.wanted))
    }

    /// The lowest parallelism that gives a subtask no more than at the target, or one below it that divides `n`.
    fn downwards(&self) -> u32 {
        let n = self.spread();
        let heavier = (1..=self.wanted).rev().find(|p| n / p > n / self.wanted);
        let found = heavier.map_or(0, |p| if n.is_multiple_of(p) { p } else { p + 1 });
        found.max(self.lower)
    }

    fn legacy_way_out(&self) -> Aligned {
        let found = self.downwards();
        let turns_round = if self.goes_up() { found <= self.current } else { found >= self.current };
        let parallelism = if turns_round { self.current } else { found };
        Aligned { parallelism, limited: turns_round || found != self.wanted }
    }
}

/// Aligns a target. Vertices that are neither keyed nor a source with known partitions are left alone.
pub fn align(target: &Target, mode: Mode) -> Aligned {
    let applies = target.partitions > 0 || target.keyed;
    if !applies || mode == Mode::Off || target.wanted == target.current || target.wanted == 0 {
        return Aligned::plain(target.wanted);
    }
    match target.upwards(mode.takes_lighter()) {
        Some(p) => Aligned::plain(p),
        None if mode.is_legacy() => target.legacy_way_out(),
        None => Aligned::plain(target.wanted),
    }
}
