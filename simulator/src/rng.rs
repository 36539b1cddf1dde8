//! Numbers that look random and are the same on every machine: splitmix64 (Steele, Lea, Flood: "Fast splittable
//! pseudorandom number generators", OOPSLA 2014). A generator is split by a name, so that a further job, vertex or fault
//! does not change the noise of the others.

/// The golden ratio, as in the paper.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A seeded generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    /// Who it is; [`Rng::split`] and [`Rng::at`] depend on this alone.
    key: u64,
    state: u64,
}

impl Rng {
    /// From a seed.
    pub fn new(seed: u64) -> Rng {
        let key = mix(seed.wrapping_add(GAMMA));
        Rng { key, state: key }
    }

    /// Another generator, told apart by `name`; the same whatever was drawn of this one before.
    pub fn split(&self, name: &str) -> Rng {
        // FNV-1a over the name, begun with who splits.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64 ^ self.key, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Rng::new(hash)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// 64 bits that belong to `index`, whatever was drawn before.
    pub fn at(&self, index: u64) -> u64 {
        mix(self.key.wrapping_add(index.wrapping_add(1).wrapping_mul(GAMMA)))
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Uniform between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// A whole number below `n`; 0 for 0.
    pub fn below(&mut self, n: u64) -> u64 {
        // The multiply-shift of Lemire; its bias is below 2^-32 for the small numbers used here.
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Mean 0, standard deviation 1; see [`bell`].
    pub fn gauss(&mut self) -> f64 {
        bell(self.bits())
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 53 bits as a number in `[0, 1)`.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Nearly normal, from the sum of four uniform numbers of 16 bits: no logarithm, and never beyond 3.5 standard
/// deviations, so that one draw cannot make a world of its own.
pub fn bell(bits: u64) -> f64 {
    /// Standard deviation of the sum of four uniform numbers: the root of 4/12.
    const DEVIATION: f64 = 0.577_350_269_189_625_8;
    let part = |shift: u32| ((bits >> shift) & 0xffff) as f64;
    let sum = part(0) + part(16) + part(32) + part(48);
    ((sum + 2.0) / 65_536.0 - 2.0) / DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of splitmix64 from state 0, as its authors' reference gives them.
    #[test]
    fn it_is_splitmix64() {
        let mut rng = Rng { key: 0, state: 0 };
        assert_eq!(
            [rng.bits(), rng.bits(), rng.bits()],
            [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]
        );
    }

    #[test]
    fn a_split_depends_on_the_name_alone() {
        let fresh = Rng::new(7);
        let mut used = Rng::new(7);
        used.bits();
        assert_eq!(fresh.split("orders"), used.split("orders"));
        assert_ne!(fresh.split("orders"), fresh.split("clicks"));
        assert_ne!(fresh.split("orders"), Rng::new(8).split("orders"));
        assert_eq!(fresh.at(3), used.at(3));
        assert_ne!(fresh.at(3), fresh.at(4));
    }

    #[test]
    fn mean_and_spread_are_what_they_should_be() {
        let (mut rng, n) = (Rng::new(1), 100_000);
        let draws: Vec<f64> = (0..n).map(|_| rng.gauss()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(draws.iter().all(|d| d.abs() < 3.5));
        let uniform = (0..n).map(|_| rng.uniform()).sum::<f64>() / f64::from(n);
        assert!((uniform - 0.5).abs() < 0.005, "{uniform}");
        assert!((0..1_000).all(|_| rng.below(6) < 6) && rng.below(0) == 0);
    }
}
