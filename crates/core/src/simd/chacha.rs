//! XChaCha20 key streams of many nonces at a time, a block in each lane. The `chacha20` crate takes one
//! nonce after the other, which is slow where every image asks for a few blocks only.

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use bytemuck::must_cast_ref;
use std::array::from_fn;
use zeroize::Zeroize;

/// Blocks that are worked on together.
const LANES: usize = 16;

/// Bytes of a block.
pub(crate) const CHACHA_BLOCK: usize = 64;

/// Words of as many blocks as there are lanes: word w of the block in lane l is `[w][l]`.
type State = [[u32; LANES]; 16];

/// Words of the same blocks, each block by itself, in fours.
type Blocks = [[[u32; 4]; 4]; LANES];

/// "expand 32-byte k", the first four words of every block.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Writes the beginnings of the XChaCha20 key streams under `key`, one for each nonce, one after the
/// other: `out.len() / nonces.len()` bytes of each, which must be a multiple of [`CHACHA_BLOCK`].
pub(crate) fn xchacha(key: &[u8; 32], nonces: &[[u8; 24]], out: &mut [u8], work: &mut ChachaRoom) {
    let share = out.len() / nonces.len().max(1);
    if share == 0 {
        return;
    }
    for (nonces, out) in nonces.chunks(LANES).zip(out.chunks_mut(LANES * share)) {
        work.derive(key, nonces);
        // Lanes take different nonces or successive blocks of one, whichever leaves fewer of them idle.
        let blocks = share / CHACHA_BLOCK;
        if blocks <= nonces.len() * blocks.div_ceil(LANES) {
            work.across_nonces(share, out);
        } else {
            work.along_each(share, out);
        }
    }
}

/// What blocks are made of and in, wiped when dropped, which takes as long as making a few blocks.
/// Aligned, for a vector that straddles cache lines loads at half speed.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct ChachaRoom {
    /// States before the rounds; every use sets the row of the block counter, 12.
    start: State,
    state: State,
    blocks: Blocks,
}

impl Drop for ChachaRoom {
    fn drop(&mut self) {
        self.start.zeroize();
        self.state.zeroize();
        self.blocks.zeroize();
    }
}

impl ChachaRoom {
    /// Takes the keys that HChaCha20 derives from the first 16 bytes of each nonce, and its last 8.
    fn derive(&mut self, key: &[u8; 32], nonces: &[[u8; 24]]) {
        let nonce = |word: usize| from_fn(|lane| nonces.get(lane).map_or(0, |n| word_at(n, word)));
        for (word, row) in self.state.iter_mut().enumerate() {
            *row = match word {
                0..4 => [CONSTANTS[word]; LANES],
                4..12 => [word_at(key, word - 4); LANES],
                _ => nonce(word - 12),
            };
        }
        permute(&mut self.state);
        for (word, row) in self.start.iter_mut().enumerate() {
            *row = match word {
                0..4 => [CONSTANTS[word]; LANES],
                4..8 => self.state[word - 4],
                8..12 => self.state[word + 4],
                12 | 13 => [0; LANES],
                _ => nonce(word - 10),
            };
        }
    }

    fn across_nonces(&mut self, share: usize, out: &mut [u8]) {
        for block in 0..share / CHACHA_BLOCK {
            self.start[12] = [block as u32; LANES];
            self.run();
            for (bytes, out) in self.blocks.iter().zip(out.chunks_exact_mut(share)) {
                let bytes: &[u8; CHACHA_BLOCK] = must_cast_ref(bytes);
                out[block * CHACHA_BLOCK..][..CHACHA_BLOCK].copy_from_slice(bytes);
            }
        }
    }

    fn along_each(&mut self, share: usize, out: &mut [u8]) {
        let mut lanes = self.start;
        for (lane, out) in out.chunks_exact_mut(share).enumerate() {
            for (row, lanes) in self.start.iter_mut().zip(&lanes) {
                *row = [lanes[lane]; LANES];
            }
            for (run, out) in out.chunks_mut(LANES * CHACHA_BLOCK).enumerate() {
                self.start[12] = from_fn(|lane| (run * LANES + lane) as u32);
                self.run();
                let bytes: &[u8; LANES * CHACHA_BLOCK] = must_cast_ref(&self.blocks);
                out.copy_from_slice(&bytes[..out.len()]);
            }
        }
        lanes.zeroize();
    }

    /// Makes the blocks that belong to the states in `start`.
    fn run(&mut self) {
        make_blocks(&self.start, &mut self.blocks);
    }
}

/// Number `word` of the little-endian words of `bytes`.
fn word_at(bytes: &[u8], word: usize) -> u32 {
    bytes
        .as_chunks::<4>()
        .0
        .get(word)
        .map_or(0, |word| u32::from_le_bytes(*word))
}

/// Makes the blocks of the states in `start`, the words of each lane together.
fn make_blocks(start: &State, blocks: &mut Blocks) {
    dispatch_wide!(
        avx512::make_blocks,
        avx2::make_blocks,
        portable_blocks,
        (start, blocks)
    )
}

fn portable_blocks(start: &State, blocks: &mut Blocks) {
    let mut state = *start;
    portable(&mut state);
    for (lane, block) in blocks.iter_mut().enumerate() {
        for (word, place) in block.as_flattened_mut().iter_mut().enumerate() {
            *place = state[word][lane].wrapping_add(start[word][lane]).to_le();
        }
    }
    state.zeroize();
}

/// The 20 rounds, in every lane.
fn permute(state: &mut State) {
    dispatch_wide!(avx512::permute, avx2::permute, portable, (state))
}

/// Column and diagonal rounds by turns, ten times, out of `quarter`, the quarter round of RFC 8439.
macro_rules! rounds {
    ($quarter:ident, $state:expr) => {
        for _ in 0..10 {
            $quarter($state, [0, 4, 8, 12]);
            $quarter($state, [1, 5, 9, 13]);
            $quarter($state, [2, 6, 10, 14]);
            $quarter($state, [3, 7, 11, 15]);
            $quarter($state, [0, 5, 10, 15]);
            $quarter($state, [1, 6, 11, 12]);
            $quarter($state, [2, 7, 8, 13]);
            $quarter($state, [3, 4, 9, 14]);
        }
    };
}

fn portable(state: &mut State) {
    fn quarter(state: &mut State, [a, b, c, d]: [usize; 4]) {
        step(state, a, b, d, 16);
        step(state, c, d, b, 12);
        step(state, a, b, d, 8);
        step(state, c, d, b, 7);
    }
    /// Adds row `by` to row `to`, and mixes the sum into row `mixed`.
    fn step(state: &mut State, to: usize, by: usize, mixed: usize, left: u32) {
        let sums: [u32; LANES] = from_fn(|lane| state[to][lane].wrapping_add(state[by][lane]));
        state[to] = sums;
        state[mixed] = from_fn(|lane| (state[mixed][lane] ^ sums[lane]).rotate_left(left));
    }
    rounds!(quarter, state);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Blocks, LANES, State};
    use bytemuck::must_cast;
    use std::{arch::x86_64::*, array::from_fn};

    #[target_feature(enable = "avx2")]
    pub(super) fn permute(state: &mut State) {
        for half in [0, LANES / 2] {
            let mut rows: [__m256i; 16] = from_fn(|word| eight(&state[word], half));
            rounds!(quarter, &mut rows);
            for (lanes, row) in state.iter_mut().zip(rows) {
                let row: [u32; LANES / 2] = must_cast(row);
                lanes[half..half + LANES / 2].copy_from_slice(&row);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn quarter(rows: &mut [__m256i; 16], [a, b, c, d]: [usize; 4]) {
        let by_two_bytes = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
        ));
        let by_one_byte = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
        ));
        rows[a] = _mm256_add_epi32(rows[a], rows[b]);
        rows[d] = _mm256_shuffle_epi8(_mm256_xor_si256(rows[d], rows[a]), by_two_bytes);
        rows[c] = _mm256_add_epi32(rows[c], rows[d]);
        rows[b] = rotated::<12, 20>(_mm256_xor_si256(rows[b], rows[c]));
        rows[a] = _mm256_add_epi32(rows[a], rows[b]);
        rows[d] = _mm256_shuffle_epi8(_mm256_xor_si256(rows[d], rows[a]), by_one_byte);
        rows[c] = _mm256_add_epi32(rows[c], rows[d]);
        rows[b] = rotated::<7, 25>(_mm256_xor_si256(rows[b], rows[c]));
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn make_blocks(start: &State, blocks: &mut Blocks) {
        for half in [0, LANES / 2] {
            let mut rows: [__m256i; 16] = from_fn(|word| eight(&start[word], half));
            rounds!(quarter, &mut rows);
            for (row, start) in rows.iter_mut().zip(start) {
                *row = _mm256_add_epi32(*row, eight(start, half));
            }
            for (four, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
                let [a, b, c, d] = *rows;
                let (t0, t1) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
                let (t2, t3) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
                let columns = [
                    _mm256_unpacklo_epi64(t0, t2),
                    _mm256_unpackhi_epi64(t0, t2),
                    _mm256_unpacklo_epi64(t1, t3),
                    _mm256_unpackhi_epi64(t1, t3),
                ];
                for (i, column) in columns.into_iter().enumerate() {
                    let [low, high]: [[u32; 4]; 2] = must_cast(column);
                    blocks[half + i][four] = low;
                    blocks[half + 4 + i][four] = high;
                }
            }
        }
    }

    #[inline(always)]
    fn eight(row: &[u32; LANES], at: usize) -> __m256i {
        let mut lanes = [0; LANES / 2];
        lanes.copy_from_slice(&row[at..at + LANES / 2]);
        must_cast(lanes)
    }

    /// Words rotated to the left by `LEFT`, which is 32 less `RIGHT`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotated<const LEFT: i32, const RIGHT: i32>(row: __m256i) -> __m256i {
        _mm256_or_si256(_mm256_slli_epi32::<LEFT>(row), _mm256_srli_epi32::<RIGHT>(row))
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Blocks, LANES, State};
    use bytemuck::must_cast;
    use std::{arch::x86_64::*, array::from_fn};

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn permute(state: &mut State) {
        let mut rows: [__m512i; 16] = from_fn(|word| join(&state[word]));
        rounds!(quarter, &mut rows);
        for (lanes, row) in state.iter_mut().zip(rows) {
            *lanes = must_cast(split(row));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn join(lanes: &[u32; LANES]) -> __m512i {
        let [low, high]: [__m256i; 2] = must_cast(*lanes);
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn split(row: __m512i) -> [__m256i; 2] {
        [_mm512_castsi512_si256(row), _mm512_extracti64x4_epi64::<1>(row)]
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn make_blocks(start: &State, blocks: &mut Blocks) {
        let mut rows: [__m512i; 16] = from_fn(|word| join(&start[word]));
        rounds!(quarter, &mut rows);
        for (row, start) in rows.iter_mut().zip(start) {
            *row = _mm512_add_epi32(*row, join(start));
        }
        // Four words of lane 4q + i lie in quarter q of `fours[..][i]`.
        let fours: [[__m512i; 4]; 4] = from_fn(|four| {
            let [a, b, c, d] = from_fn(|word| rows[4 * four + word]);
            let (t0, t1) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (t2, t3) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            [
                _mm512_unpacklo_epi64(t0, t2),
                _mm512_unpackhi_epi64(t0, t2),
                _mm512_unpacklo_epi64(t1, t3),
                _mm512_unpackhi_epi64(t1, t3),
            ]
        });
        for i in 0..4 {
            let [a, b, c, d] = fours.map(|four| four[i]);
            let (low, high) = (
                _mm512_shuffle_i32x4::<0x44>(a, b),
                _mm512_shuffle_i32x4::<0xEE>(a, b),
            );
            let (more, most) = (
                _mm512_shuffle_i32x4::<0x44>(c, d),
                _mm512_shuffle_i32x4::<0xEE>(c, d),
            );
            blocks[i] = must_cast(split(_mm512_shuffle_i32x4::<0x88>(low, more)));
            blocks[4 + i] = must_cast(split(_mm512_shuffle_i32x4::<0xDD>(low, more)));
            blocks[8 + i] = must_cast(split(_mm512_shuffle_i32x4::<0x88>(high, most)));
            blocks[12 + i] = must_cast(split(_mm512_shuffle_i32x4::<0xDD>(high, most)));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn quarter(rows: &mut [__m512i; 16], [a, b, c, d]: [usize; 4]) {
        rows[a] = _mm512_add_epi32(rows[a], rows[b]);
        rows[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(rows[d], rows[a]));
        rows[c] = _mm512_add_epi32(rows[c], rows[d]);
        rows[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(rows[b], rows[c]));
        rows[a] = _mm512_add_epi32(rows[a], rows[b]);
        rows[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(rows[d], rows[a]));
        rows[c] = _mm512_add_epi32(rows[c], rows[d]);
        rows[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(rows[b], rows[c]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::{
        XChaCha20,
        cipher::{KeyIvInit, StreamCipher},
    };
    use proptest::prelude::*;

    /// The processor's AVX2 path, also where a wider one would be chosen.
    fn narrow(state: &mut State) {
        dispatch!(avx2::permute, portable, (state))
    }

    fn narrow_blocks(start: &State, blocks: &mut Blocks) {
        dispatch!(avx2::make_blocks, portable_blocks, (start, blocks))
    }

    proptest! {
        #[test]
        fn streams_are_those_of_the_cipher(
            key: [u8; 32],
            nonces in proptest::collection::vec(any::<[u8; 24]>(), 1..40),
            blocks in 1usize..40,
        ) {
            let share = blocks * CHACHA_BLOCK;
            let mut found = vec![7; nonces.len() * share];
            xchacha(&key, &nonces, &mut found, &mut ChachaRoom::default());
            for (nonce, found) in nonces.iter().zip(found.chunks_exact(share)) {
                let mut expected = vec![0; share];
                XChaCha20::new(&key.into(), &(*nonce).into()).apply_keystream(&mut expected);
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn all_paths_permute_and_make_blocks_alike(words in proptest::collection::vec(any::<u32>(), 256)) {
            let state: State = from_fn(|word| from_fn(|lane| words[word * LANES + lane]));
            let mut states = [state; 3];
            portable(&mut states[0]);
            narrow(&mut states[1]);
            permute(&mut states[2]);
            prop_assert_eq!(states[0], states[1]);
            prop_assert_eq!(states[0], states[2]);
            let mut made = [[[[0; 4]; 4]; LANES]; 3];
            portable_blocks(&state, &mut made[0]);
            narrow_blocks(&state, &mut made[1]);
            make_blocks(&state, &mut made[2]);
            prop_assert_eq!(made[0], made[1]);
            prop_assert_eq!(made[0], made[2]);
        }
    }

    #[test]
    fn nothing_is_written_where_nothing_is_asked_for() {
        xchacha(&[1; 32], &[], &mut [], &mut ChachaRoom::default());
        xchacha(&[1; 32], &[[0; 24]], &mut [], &mut ChachaRoom::default());
    }
}
