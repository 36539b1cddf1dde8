//! How the values of one column of one block are put into bytes. The writer tries every way and takes the shortest.

use super::bytes::{Cursor, put_signed, put_varint};

/// One value for all.
pub const SAME: u8 = 0;
/// Integers: the first, then differences.
pub const DELTA: u8 = 1;
/// Integers: the first, the first difference, then differences of differences.
pub const DELTA2: u8 = 2;
/// Bits of each value XORed with those of the one before, without the zero bytes at both ends.
pub const XOR: u8 = 3;
/// How often, and what.
pub const RUNS: u8 = 4;

/// Beyond this not every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The shortest encoding: its number and its bytes. There is at least one value.
pub fn encode(values: &[f64]) -> (u8, Vec<u8>) {
    let Some(first) = values.first() else { return (SAME, Vec::new()) };
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        return (SAME, first.to_le_bytes().to_vec());
    }
    let mut best = (XOR, xor(values));
    let mut offer = |tag: u8, bytes: Vec<u8>| {
        if bytes.len() < best.1.len() {
            best = (tag, bytes);
        }
    };
    offer(RUNS, runs(values));
    if let Some(whole) = integers(values) {
        offer(DELTA, delta(&whole));
        offer(DELTA2, delta2(&whole));
    }
    best
}

fn integers(values: &[f64]) -> Option<Vec<i64>> {
    // Minus zero would come back as zero.
    let whole =
        |v: &f64| (v.fract() == 0.0 && v.abs() < EXACT && !(*v == 0.0 && v.is_sign_negative())).then_some(*v as i64);
    values.iter().map(whole).collect()
}

fn delta(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 2);
    let mut before = 0;
    for v in values {
        put_signed(&mut out, v - before);
        before = *v;
    }
    out
}

/// Used for times too.
pub fn delta2(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 2);
    let (mut before, mut step) = (0i64, 0i64);
    for (i, v) in values.iter().enumerate() {
        let now = v.wrapping_sub(before);
        put_signed(&mut out, now.wrapping_sub(step));
        // The first value is no step.
        step = if i == 0 { 0 } else { now };
        before = *v;
    }
    out
}

fn xor(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 8);
    let mut before = 0u64;
    for v in values {
        let bits = v.to_bits() ^ before;
        before = v.to_bits();
        if bits == 0 {
            out.push(0);
            continue;
        }
        let low = bits.trailing_zeros() / 8;
        let kept = 8 - bits.leading_zeros() / 8 - low;
        out.push((low << 4 | kept) as u8);
        out.extend_from_slice(&(bits >> (8 * low)).to_le_bytes()[..kept as usize]);
    }
    out
}

fn runs(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::new();
    for run in values.chunk_by(|a, b| a.to_bits() == b.to_bits()) {
        put_varint(&mut out, run.len() as u64);
        out.extend_from_slice(&run[0].to_le_bytes());
    }
    out
}

/// `n` values back; `None` where the bytes cannot be right.
pub fn decode(tag: u8, bytes: &[u8], n: usize) -> Option<Vec<f64>> {
    let mut cursor = Cursor::new(bytes);
    let values = match tag {
        SAME => vec![f64::from_bits(cursor.eight()?); n],
        DELTA => undelta(&mut cursor, n)?,
        DELTA2 => integers_back(&mut cursor, n)?.into_iter().map(|v| v as f64).collect(),
        XOR => unxor(&mut cursor, n)?,
        RUNS => unruns(&mut cursor, n)?,
        _ => return None,
    };
    cursor.is_empty().then_some(values)
}

fn undelta(cursor: &mut Cursor<'_>, n: usize) -> Option<Vec<f64>> {
    let mut out = Vec::with_capacity(n);
    let mut before = 0i64;
    for _ in 0..n {
        before = before.wrapping_add(cursor.signed()?);
        out.push(before as f64);
    }
    Some(out)
}

/// Undoes [`delta2`].
pub fn integers_back(cursor: &mut Cursor<'_>, n: usize) -> Option<Vec<i64>> {
    let mut out = Vec::with_capacity(n);
    let (mut before, mut step) = (0i64, 0i64);
    for i in 0..n {
        let now = step.wrapping_add(cursor.signed()?);
        step = if i == 0 { 0 } else { now };
        before = before.wrapping_add(now);
        out.push(before);
    }
    Some(out)
}

fn unxor(cursor: &mut Cursor<'_>, n: usize) -> Option<Vec<f64>> {
    let mut out = Vec::with_capacity(n);
    let mut before = 0u64;
    for _ in 0..n {
        let control = cursor.byte()?;
        let (low, kept) = (u32::from(control >> 4), usize::from(control & 15));
        if kept > 0 {
            if low as usize + kept > 8 {
                return None;
            }
            let mut bits = [0u8; 8];
            bits[..kept].copy_from_slice(cursor.take(kept)?);
            before ^= u64::from_le_bytes(bits) << (8 * low);
        }
        out.push(f64::from_bits(before));
    }
    Some(out)
}

fn unruns(cursor: &mut Cursor<'_>, n: usize) -> Option<Vec<f64>> {
    let mut out = Vec::with_capacity(n);
    while out.len() < n {
        let count = usize::try_from(cursor.varint()?).ok()?;
        let value = f64::from_bits(cursor.eight()?);
        if count == 0 || count > n - out.len() {
            return None;
        }
        out.resize(out.len() + count, value);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: u8) {
        let (tag, bytes) = encode(values);
        assert_eq!(tag, expected, "{values:?}");
        let back = decode(tag, &bytes, values.len()).expect("decodes");
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
    }

    #[test]
    fn each_way_is_taken_where_it_is_the_shortest_and_comes_back_to_the_bit() {
        check(&[4.0; 100], SAME);
        check(&[f64::NAN; 3], SAME);
        check(&[1.0, 5.0, 2.0, 7.0, 3.0], DELTA);
        check(&[1_000.0, 401_000.0, 801_000.0, 1_201_000.0, 1_601_001.0], DELTA2);
        check(&[0.1, 0.2, 0.3, 0.1, 0.7], XOR);
        check(&[-0.0, 1.0], XOR);
        check(&[f64::INFINITY, 1.0, f64::MIN_POSITIVE], XOR);
        let mut runs = vec![0.1; 50];
        runs.extend([0.2; 50]);
        check(&runs, RUNS);
    }

    #[test]
    fn times_go_through_the_same_differences() {
        let times = [1_736_121_600_000, 1_736_121_615_000, 1_736_121_630_001, i64::MAX, i64::MIN];
        let bytes = delta2(&times);
        assert_eq!(integers_back(&mut Cursor::new(&bytes), times.len()).expect("decodes"), times);
    }

    #[test]
    fn bytes_that_cannot_be_are_refused() {
        let refused = [
            (SAME, vec![0; 7], 1),
            (SAME, vec![0; 9], 1),
            (DELTA, vec![0x80], 1),
            (XOR, vec![0x18, 0, 0, 0, 0, 0, 0, 0, 0], 1),
            (RUNS, [&[2][..], &[0; 8]].concat(), 1),
            (RUNS, [&[0][..], &[0; 8]].concat(), 1),
            (9, vec![], 1),
        ];
        for (tag, bytes, n) in refused {
            assert_eq!(decode(tag, &bytes, n), None, "{tag} {bytes:?}");
        }
    }
}
