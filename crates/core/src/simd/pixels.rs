//! Loops over the values of pixels: inverting by a mask, exchanging the three values of each pixel,
//! and making the masks and exchanges from random bytes.
//!
//! An exchange is an array of *shifts*, one for each byte of an image of three channels: the byte at
//! place i takes the value from place i + shift, which never leaves the pixel. A shift is kept as a
//! byte, -2 as 254. So a vector anywhere in the image finds its control bytes at the same place.

use super::AVX2;
#[cfg(target_arch = "x86_64")]
use super::VBMI;

/// Bytes below this number are a multiple of six choices; colour keys are drawn from them.
const ACCEPTED: u8 = 252;

/// Source channel of each channel for the colour orders RGB, RBG, GRB, GBR, BRG, BGR.
const ORDERS: [[u8; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Shifts of the colour orders.
type Shifts = [[u8; 3]; 6];

const FORWARD: Shifts = shifts(false);
const BACKWARD: Shifts = shifts(true);

const fn shifts(inverse: bool) -> Shifts {
    let mut table = [[0; 3]; 6];
    let mut id = 0;
    while id < 6 {
        let mut channel = 0;
        while channel < 3 {
            let source = ORDERS[id][channel];
            if inverse {
                table[id][source as usize] = (channel as u8).wrapping_sub(source);
            } else {
                table[id][channel] = source.wrapping_sub(channel as u8);
            }
            channel += 1;
        }
        id += 1;
    }
    table
}

/// `to[i] = from[i] ^ mask[i]`; the three have one length.
pub(crate) fn invert(from: &[u8], mask: &[u8], to: &mut [u8]) {
    dispatch_wide!(wide::invert, avx2::invert, portable::invert, (from, mask, to))
}

/// Inverts by `mask`, then exchanges by `shifts`; all have one length, a multiple of three.
pub(crate) fn invert_exchange(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
    dispatch_wide!(
        wide::exchange::<true>,
        avx2::exchange::<true>,
        portable::exchange::<true>,
        (from, mask, shifts, to)
    )
}

/// Exchanges by `shifts`, then inverts by `mask`; all have one length, a multiple of three.
pub(crate) fn exchange_invert(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
    dispatch_wide!(
        wide::exchange::<false>,
        avx2::exchange::<false>,
        portable::exchange::<false>,
        (from, mask, shifts, to)
    )
}

/// `mask[8 * k + i]` becomes 255 where bit i of `bits[k]` is 1, else 0. There must be a bit for every
/// byte of `mask`.
pub(crate) fn expand_bits(bits: &[u8], mask: &mut [u8]) {
    dispatch_wide!(
        wide::expand_bits,
        avx2::expand_bits,
        portable::expand_bits,
        (bits, mask)
    )
}

/// Copies the bytes below 252 to the start of `room`, which is as long as `bytes`, and returns how
/// many they are. The rest of `room` is left in any state.
pub(crate) fn accept(bytes: &[u8], room: &mut [u8]) -> usize {
    dispatch!(avx2::accept, portable::accept, (bytes, room))
}

/// Shifts of the colour orders `byte mod 6`, three for each byte; with `inverse`, those that undo
/// them. The bytes must be below 252.
pub(crate) fn color_shifts(bytes: &[u8], inverse: bool, shifts: &mut [u8]) {
    let table = if inverse { &BACKWARD } else { &FORWARD };
    color_shifts_of(bytes, table, shifts);
}

fn color_shifts_of(bytes: &[u8], table: &Shifts, shifts: &mut [u8]) {
    dispatch!(avx2::color_shifts, portable::color_shifts, (bytes, table, shifts))
}

mod portable {
    use super::{ACCEPTED, Shifts};

    #[inline(always)]
    pub(super) fn invert(from: &[u8], mask: &[u8], to: &mut [u8]) {
        for ((t, f), m) in to.iter_mut().zip(from).zip(mask) {
            *t = f ^ m;
        }
    }

    #[inline(always)]
    pub(super) fn exchange<const FIRST: bool>(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
        let pixels = from.as_chunks::<3>().0.iter().zip(mask.as_chunks::<3>().0);
        let rooms = to
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .zip(shifts.as_chunks::<3>().0);
        for ((from, mask), (to, shifts)) in pixels.zip(rooms) {
            let before = |c: usize| if FIRST { from[c] ^ mask[c] } else { from[c] };
            let values = [before(0), before(1), before(2), 0];
            for c in 0..3 {
                let value = values[(c as u8).wrapping_add(shifts[c]) as usize % 4];
                to[c] = if FIRST { value } else { value ^ mask[c] };
            }
        }
    }

    #[inline(always)]
    pub(super) fn expand_bits(bits: &[u8], mask: &mut [u8]) {
        for (room, byte) in mask.chunks_mut(8).zip(bits) {
            for (i, value) in room.iter_mut().enumerate() {
                *value = 0u8.wrapping_sub(byte >> i & 1);
            }
        }
    }

    #[inline(always)]
    pub(super) fn accept(bytes: &[u8], room: &mut [u8]) -> usize {
        let mut count = 0;
        for byte in bytes {
            room[count] = *byte;
            count += usize::from(*byte < ACCEPTED);
        }
        count
    }

    #[inline(always)]
    pub(super) fn color_shifts(bytes: &[u8], table: &Shifts, shifts: &mut [u8]) {
        for (room, byte) in shifts.as_chunks_mut::<3>().0.iter_mut().zip(bytes) {
            *room = table[usize::from(byte % 6)];
        }
    }
}

/// Room for `N` bytes from `at` on; panics where there is none.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn room<const N: usize>(values: &mut [u8], at: usize) -> &mut [u8; N] {
    match values.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        Some(room) => room,
        None => super::outside(at),
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{super::window, ACCEPTED, Shifts, portable, room};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub(super) fn invert(from: &[u8], mask: &[u8], to: &mut [u8]) {
        portable::invert(from, mask, to);
    }

    /// Ten pixels: five at the start of each half.
    #[inline(always)]
    fn pixels(values: &[u8], at: usize) -> __m256i {
        must_cast([*window::<_, 16>(values, at), *window(values, at + 15)])
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn exchange<const FIRST: bool>(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
        let places = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ));
        let len = to.len();
        let mut at = 0;
        // The last byte of each half is no whole pixel: the next store overwrites it.
        while at + 31 <= len {
            let control = _mm256_add_epi8(pixels(shifts, at), places);
            let (mut x, mask) = (pixels(from, at), pixels(mask, at));
            if FIRST {
                x = _mm256_xor_si256(x, mask);
            }
            x = _mm256_shuffle_epi8(x, control);
            if !FIRST {
                x = _mm256_xor_si256(x, mask);
            }
            let halves: [[u8; 16]; 2] = must_cast(x);
            *room(to, at) = halves[0];
            *room(to, at + 15) = halves[1];
            at += 30;
        }
        portable::exchange::<FIRST>(&from[at..], &mask[at..], &shifts[at..], &mut to[at..]);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn expand_bits(bits: &[u8], mask: &mut [u8]) {
        let spread = _mm256_setr_epi8(
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, //
            2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
        );
        let each = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
        let (rooms, rest) = mask.as_chunks_mut::<32>();
        let (words, _) = bits.as_chunks::<4>();
        let done = rooms.len();
        for (room, word) in rooms.iter_mut().zip(words) {
            let word = _mm256_shuffle_epi8(_mm256_set1_epi32(i32::from_le_bytes(*word)), spread);
            *room = must_cast(_mm256_cmpeq_epi8(_mm256_and_si256(word, each), each));
        }
        portable::expand_bits(&bits[4 * done..], rest);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn accept(bytes: &[u8], to: &mut [u8]) -> usize {
        let limit = _mm256_set1_epi8(ACCEPTED as i8);
        let (mut at, mut count) = (0, 0);
        while at + 64 <= bytes.len() {
            let vector: __m256i = must_cast(*window::<_, 32>(bytes, at));
            *room(to, count) = must_cast::<_, [u8; 32]>(vector);
            let refused = _mm256_cmpeq_epi8(_mm256_max_epu8(vector, limit), vector);
            let mut refused = _mm256_movemask_epi8(refused) as u32;
            // What follows a refused byte is copied again, one place further to the left. The copy
            // runs past the 32 bytes; what it writes too much is overwritten.
            let mut gaps = 0;
            while refused != 0 {
                let place = refused.trailing_zeros() as usize;
                *room(to, count + place - gaps) = *window::<_, 32>(bytes, at + place + 1);
                gaps += 1;
                refused &= refused - 1;
            }
            count += 32 - gaps;
            at += 32;
        }
        count + portable::accept(&bytes[at..], &mut to[count..])
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn color_shifts(bytes: &[u8], table: &Shifts, shifts: &mut [u8]) {
        // A look-up by (order, channel) in two tables of 16: channels 0 and 1 in the halves of the
        // first, channel 2 in the second. An index above 127 finds 0.
        let mut tables = [[0u8; 16]; 2];
        for (id, shifts) in table.iter().enumerate() {
            (tables[0][id], tables[0][8 + id], tables[1][id]) = (shifts[0], shifts[1], shifts[2]);
        }
        let (first, second): (__m128i, __m128i) = (must_cast(tables[0]), must_cast(tables[1]));
        let threes: [__m128i; 3] = must_cast(std::array::from_fn::<u8, 48, _>(|i| i as u8 / 3));
        let in_first: [__m128i; 3] = must_cast(std::array::from_fn::<u8, 48, _>(|i| [0, 8, 128][i % 3]));
        let in_second: [__m128i; 3] = must_cast(std::array::from_fn::<u8, 48, _>(|i| [128, 128, 0][i % 3]));
        let (rooms, rest) = shifts.as_chunks_mut::<48>();
        let done = rooms.len();
        for (room, bytes) in rooms.iter_mut().zip(bytes.as_chunks::<16>().0) {
            let bytes = _mm256_cvtepu8_epi16(must_cast(*bytes));
            // 171 / 1024 is near enough to 1 / 6 for every byte.
            let sixths = _mm256_srli_epi16::<10>(_mm256_mullo_epi16(bytes, _mm256_set1_epi16(171)));
            let ids = _mm256_sub_epi16(bytes, _mm256_mullo_epi16(sixths, _mm256_set1_epi16(6)));
            let ids = _mm_packus_epi16(_mm256_castsi256_si128(ids), _mm256_extracti128_si256::<1>(ids));
            let parts: [__m128i; 3] = std::array::from_fn(|i| {
                let ids = _mm_shuffle_epi8(ids, threes[i]);
                _mm_or_si128(
                    _mm_shuffle_epi8(first, _mm_add_epi8(ids, in_first[i])),
                    _mm_shuffle_epi8(second, _mm_add_epi8(ids, in_second[i])),
                )
            });
            *room = must_cast(parts);
        }
        portable::color_shifts(&bytes[16 * done..], table, rest);
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{super::window, portable, room};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn invert(from: &[u8], mask: &[u8], to: &mut [u8]) {
        let (rooms, rest) = to.as_chunks_mut::<64>();
        let done = 64 * rooms.len();
        let sources = from.as_chunks::<64>().0.iter().zip(mask.as_chunks::<64>().0);
        for (room, (from, mask)) in rooms.iter_mut().zip(sources) {
            *room = store(_mm512_xor_si512(load(from), load(mask)));
        }
        portable::invert(&from[done..], &mask[done..], rest);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(bytes: &[u8; 64]) -> __m512i {
        let halves: [__m256i; 2] = must_cast(*bytes);
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(halves[0]), halves[1])
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(vector: __m512i) -> [u8; 64] {
        must_cast([
            _mm512_castsi512_si256(vector),
            _mm512_extracti64x4_epi64::<1>(vector),
        ])
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn exchange<const FIRST: bool>(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
        let places = load(&std::array::from_fn(|i| i as u8));
        // 21 pixels at a time. The last byte of a vector is no whole pixel and is overwritten.
        let mut step = |at: usize| {
            let control = _mm512_add_epi8(load(window(shifts, at)), places);
            let (mut x, mask) = (load(window(from, at)), load(window(mask, at)));
            if FIRST {
                x = _mm512_xor_si512(x, mask);
            }
            x = _mm512_permutexvar_epi8(control, x);
            if !FIRST {
                x = _mm512_xor_si512(x, mask);
            }
            *room(to, at) = store(x);
        };
        let len = from.len();
        let mut at = 0;
        while at + 64 <= len {
            step(at);
            at += 63;
        }
        // The rest overlaps what is done: all but the last pixel.
        if at < len && len >= 66 {
            step(len - 66);
            at = len - 3;
        }
        portable::exchange::<FIRST>(&from[at..], &mask[at..], &shifts[at..], &mut to[at..]);
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn expand_bits(bits: &[u8], mask: &mut [u8]) {
        let (rooms, rest) = mask.as_chunks_mut::<64>();
        let done = rooms.len();
        for (room, word) in rooms.iter_mut().zip(bits.as_chunks::<8>().0) {
            *room = store(_mm512_movm_epi8(u64::from_le_bytes(*word)));
        }
        portable::expand_bits(&bits[8 * done..], rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Exchange = fn(&[u8], &[u8], &[u8], &mut [u8]);

    fn avx2_exchange<const FIRST: bool>(from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
        dispatch!(
            avx2::exchange::<FIRST>,
            portable::exchange::<FIRST>,
            (from, mask, shifts, to)
        )
    }

    fn avx2_invert(from: &[u8], mask: &[u8], to: &mut [u8]) {
        dispatch!(avx2::invert, portable::invert, (from, mask, to))
    }

    fn avx2_expand_bits(bits: &[u8], mask: &mut [u8]) {
        dispatch!(avx2::expand_bits, portable::expand_bits, (bits, mask))
    }

    proptest! {
        #[test]
        fn every_path_exchanges_and_inverts_alike(
            pixels in proptest::collection::vec(any::<[u8; 3]>(), 0..300),
            bytes in proptest::collection::vec(0..ACCEPTED, 300),
            bits in proptest::collection::vec(any::<u8>(), 900 / 8 + 1),
        ) {
            let from = pixels.as_flattened();
            let [mut mask, mut forward, mut backward] = [(); 3].map(|()| vec![0; from.len()]);
            portable::expand_bits(&bits, &mut mask);
            portable::color_shifts(&bytes, &FORWARD, &mut forward);
            portable::color_shifts(&bytes, &BACKWARD, &mut backward);
            // From the definition, value by value.
            let expected: Vec<u8> = (0..from.len()).map(|i| {
                let source = i / 3 * 3 + usize::from(ORDERS[usize::from(bytes[i / 3] % 6)][i % 3]);
                from[source] ^ (255 * (bits[source / 8] >> (source % 8) & 1))
            }).collect();
            let there: [Exchange; 3] = [invert_exchange, avx2_exchange::<true>, portable::exchange::<true>];
            let back: [Exchange; 3] = [exchange_invert, avx2_exchange::<false>, portable::exchange::<false>];
            for (there, back) in there.into_iter().zip(back) {
                let (mut out, mut again) = (vec![1; from.len()], vec![1; from.len()]);
                there(from, &mask, &forward, &mut out);
                prop_assert_eq!(&out, &expected);
                back(&out, &mask, &backward, &mut again);
                prop_assert_eq!(&again, from);
            }
        }

        #[test]
        fn every_path_expands_and_inverts_alike(
            from in proptest::collection::vec(any::<u8>(), 0..300),
            bits in proptest::collection::vec(any::<u8>(), 40),
        ) {
            let expected: Vec<u8> = (0..from.len()).map(|i| 255 * (bits[i / 8] >> (i % 8) & 1)).collect();
            for expand in [expand_bits, avx2_expand_bits, portable::expand_bits] {
                let mut mask = vec![7; from.len()];
                expand(&bits[..from.len().div_ceil(8)], &mut mask);
                prop_assert_eq!(&mask, &expected);
            }
            for invert in [invert, avx2_invert, portable::invert] {
                let mut out = vec![7; from.len()];
                invert(&from, &expected, &mut out);
                prop_assert!(out.iter().zip(&from).zip(&expected).all(|((o, f), m)| o == &(f ^ m)));
            }
        }

        #[test]
        fn the_accepted_bytes_are_kept_in_order(
            bytes in proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => 250u8..], 0..400),
        ) {
            let expected: Vec<u8> = bytes.iter().copied().filter(|b| *b < ACCEPTED).collect();
            for accept in [accept, portable::accept] {
                let mut kept = vec![0; bytes.len()];
                let count = accept(&bytes, &mut kept);
                prop_assert_eq!(&kept[..count], &expected);
            }
        }
    }

    #[test]
    fn colour_orders_come_from_every_byte() {
        let bytes: Vec<u8> = (0..ACCEPTED).collect();
        for (inverse, table) in [(false, &FORWARD), (true, &BACKWARD)] {
            let (mut fast, mut slow) = (vec![0; 3 * bytes.len()], vec![0; 3 * bytes.len()]);
            color_shifts(&bytes, inverse, &mut fast);
            portable::color_shifts(&bytes, table, &mut slow);
            assert_eq!(fast, slow);
        }
    }
}
