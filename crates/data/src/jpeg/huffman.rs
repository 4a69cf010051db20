//! Huffman codes of JPEG (ITU-T T.81, Annexes C, F and K.2) and the bits that they are made of.

use std::cmp::Reverse;

/// A Huffman table: how many codes there are of each length from 1 to 16, and their symbols in the
/// order of the codes.
pub(super) struct Table {
    pub(super) lengths: [u8; 16],
    pub(super) symbols: Vec<u8>,
}

impl Table {
    /// The next symbol.
    pub(super) fn symbol(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        // Codes of one length follow each other; `first` is the least of them.
        let (mut code, mut first, mut before) = (0u32, 0u32, 0usize);
        for count in self.lengths {
            code = code << 1 | u32::from(bits.take(1)?);
            let within = code.checked_sub(first)?;
            if within < u32::from(count) {
                return self.symbols.get(before + within as usize).copied();
            }
            before += usize::from(count);
            first = (first + u32::from(count)) << 1;
        }
        None
    }

    /// Code and length of each symbol.
    pub(super) fn codes(&self) -> [(u16, u8); 256] {
        let mut codes = [(0, 0); 256];
        let (mut code, mut symbols) = (0u16, self.symbols.iter());
        for (length, count) in (1..).zip(self.lengths) {
            for symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(*symbol)] = (code, length);
                code = code.wrapping_add(1);
            }
            code = code.wrapping_shl(1);
        }
        codes
    }

    /// The best table for symbols of these frequencies with codes of at most 16 bits, none of which is
    /// all ones (Annex K.2).
    pub(super) fn optimal(counts: &[u64; 256]) -> Self {
        /// A symbol that never occurs: it takes the code of all ones.
        const RESERVED: usize = 256;
        let mut weights: Vec<(u64, Vec<usize>)> = (0..256)
            .filter(|i| counts[*i] > 0)
            .map(|i| (counts[i], vec![i]))
            .collect();
        weights.push((1, vec![RESERVED]));
        let mut depth = [0usize; 257];
        while weights.len() > 1 {
            // Ascending; of equals the one with the greatest symbol first, so that it is the deepest.
            weights.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            let Some((least, other)) = weights.pop().zip(weights.pop()) else {
                break;
            };
            let mut joined = least.1;
            joined.extend(other.1);
            joined.iter().for_each(|i| depth[*i] += 1);
            weights.push((least.0 + other.0, joined));
        }
        let longest = depth.iter().copied().max().unwrap_or(0).max(17);
        let mut lengths = vec![0usize; longest + 1];
        depth.iter().filter(|d| **d > 0).for_each(|d| lengths[*d] += 1);
        shorten(&mut lengths);
        // The last of the longest codes, all ones, is for the reserved symbol.
        if let Some(last) = lengths.iter().rposition(|n| *n > 0) {
            lengths[last] -= 1;
        }
        let mut symbols: Vec<u8> = (0..=255u8).filter(|s| depth[usize::from(*s)] > 0).collect();
        symbols.sort_by_key(|s| (Reverse(counts[usize::from(*s)]), *s));
        let mut table = Self {
            lengths: [0; 16],
            symbols,
        };
        for (to, from) in table.lengths.iter_mut().zip(&lengths[1..]) {
            *to = *from as u8;
        }
        table
    }
}

/// Moves codes longer than 16 bits up: two neighbours of the longest become one code that is a bit
/// shorter and one beside the next shorter code, which becomes a bit longer.
fn shorten(lengths: &mut [usize]) {
    for long in (17..lengths.len()).rev() {
        while lengths[long] > 0 {
            let Some(short) = (1..long - 1).rev().find(|i| lengths[*i] > 0) else {
                return;
            };
            lengths[long] -= 2;
            lengths[long - 1] += 1;
            lengths[short + 1] += 2;
            lengths[short] -= 1;
        }
    }
}

/// Bits, the most significant of each byte first.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    bits: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            held: 0,
            bits: 0,
        }
    }

    /// The next `count` bits, 16 at most; `None` at the end of the data.
    pub(super) fn take(&mut self, count: u8) -> Option<u16> {
        let count = u32::from(count);
        if count > 16 {
            return None;
        }
        while self.bits < count {
            self.held = self.held << 8 | u64::from(*self.bytes.get(self.at)?);
            self.at += 1;
            self.bits += 8;
        }
        self.bits -= count;
        Some((self.held >> self.bits & ((1 << count) - 1)) as u16)
    }
}

/// Bits into bytes, with a zero stuffed in behind each 0xFF.
pub(super) struct BitWriter {
    out: Vec<u8>,
    held: u64,
    bits: u32,
}

impl BitWriter {
    /// Appends to `out`.
    pub(super) fn new(out: Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            bits: 0,
        }
    }

    pub(super) fn put(&mut self, value: u16, count: u8) {
        self.held = self.held << count | u64::from(value);
        self.bits += u32::from(count);
        while self.bits >= 8 {
            self.bits -= 8;
            let byte = (self.held >> self.bits) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte with ones and ends the image.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            let missing = (8 - self.bits) as u8;
            self.put((1 << missing) - 1, missing);
        }
        self.out.extend([0xFF, 0xD9]);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_keep_to_16_bits_and_leave_all_ones_free(seed: u64, used in 1usize..=256, steep in 0u32..3) {
            let mut state = seed | 1;
            let mut counts = [0u64; 256];
            for (i, count) in counts.iter_mut().take(used).enumerate() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // From even to steeper than Fibonacci's numbers, which make the longest codes.
                *count = 1 + (state >> 40) % 9 + (1u64 << (i as u32 * steep).min(50));
            }
            let table = Table::optimal(&counts);
            let codes = table.codes();
            let room: f64 = table.lengths.iter().zip(1..).map(|(n, l)| f64::from(*n) * 0.5f64.powi(l)).sum();
            prop_assert!(room < 1.0, "some code is left");
            prop_assert_eq!(table.symbols.len(), used);
            for (symbol, (code, length)) in codes.iter().enumerate() {
                prop_assert_eq!(symbol < used, *length > 0);
                prop_assert!(*length == 0 || u32::from(*code) < (1 << *length) - 1);
            }
            // A more frequent symbol never has the longer code.
            for a in 0..used {
                for b in 0..used {
                    prop_assert!(counts[a] <= counts[b] || codes[a].1 <= codes[b].1);
                }
            }
        }
    }
}
