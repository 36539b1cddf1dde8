//! Numbers as bytes: variable-length integers, and the checksum of chunks.

/// Appends an unsigned integer: seven bits a byte, the lowest first, the high bit says that more follow (LEB128).
pub fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a signed integer: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... (zigzag), so that small ones stay short.
pub fn put_signed(out: &mut Vec<u8>, n: i64) {
    put_varint(out, ((n << 1) ^ (n >> 63)) as u64);
}

/// Reads on in a slice; `None` where it ends too early.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the beginning.
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// See [`put_varint`]. More than 64 bits are refused.
    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            n |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    /// See [`put_signed`].
    #[inline]
    pub fn signed(&mut self) -> Option<i64> {
        let n = self.varint()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// Eight bytes, the lowest first.
    pub fn eight(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// CRC-32 as in zlib, PNG and Ethernet: reflected polynomial 0xEDB88320, begun with and ended by inversion.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = !0u32;
    for part in parts {
        let mut words = part.chunks_exact(8);
        for word in &mut words {
            crc = eight_bytes(crc, word);
        }
        for byte in words.remainder() {
            crc = (crc >> 8) ^ TABLES[0][usize::from((crc as u8) ^ byte)];
        }
    }
    !crc
}

/// Eight bytes at once by eight tables ("slicing by eight"): a gigabyte takes less than a second.
fn eight_bytes(crc: u32, word: &[u8]) -> u32 {
    let low = crc.to_le_bytes();
    let mixed = |i: usize| if i < 4 { word[i] ^ low[i] } else { word[i] };
    (0..8).fold(0, |acc, i| acc ^ TABLES[7 - i][usize::from(mixed(i))])
}

static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut all = [[0u32; 256]; 8];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        all[0][i] = crc;
        i += 1;
    }
    let mut t = 1;
    while t < 8 {
        let mut i = 0;
        while i < 256 {
            let before = all[t - 1][i];
            all[t][i] = (before >> 8) ^ all[0][(before & 0xff) as usize];
            i += 1;
        }
        t += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        // The check value of CRC-32/ISO-HDLC in every catalogue of checksums.
        assert_eq!(crc32(&[b"123456789"]), 0xCBF4_3926);
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xCBF4_3926);
        assert_eq!(crc32(&[b""]), 0);
        // A whole number of words, and its complement by hand: 32 zero bytes (RFC 3720's examples use another polynomial;
        // this is zlib's crc32(bytes(32))).
        assert_eq!(crc32(&[&[0u8; 32]]), 0x190A_55AD);
    }

    #[test]
    fn integers_come_back_and_have_the_bytes_that_are_documented() {
        let bytes = |n: i64| {
            let mut out = Vec::new();
            put_signed(&mut out, n);
            out
        };
        assert_eq!(
            [bytes(0), bytes(-1), bytes(1), bytes(-64), bytes(64)],
            [vec![0], vec![1], vec![2], vec![0x7f], vec![0x80, 0x01]]
        );
        for n in [0, 1, -1, 63, -65, 1 << 40, i64::MAX, i64::MIN] {
            assert_eq!(Cursor::new(&bytes(n)).signed(), Some(n));
        }
    }

    #[test]
    fn what_ends_too_early_or_is_too_long_is_no_number() {
        assert_eq!(Cursor::new(&[0x80]).varint(), None);
        assert_eq!(Cursor::new(&[0xff; 10]).varint(), None);
        assert_eq!(Cursor::new(&[0xff; 11]).varint(), None);
        assert_eq!(Cursor::new(&[1, 2, 3]).eight(), None);
    }
}
