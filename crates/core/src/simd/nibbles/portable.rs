//! The loop in plain Rust, for blocks of any size.

use super::{BYTE, HIGH, LANES, MAX_TABLES, NibblePlan, Picks, TURNED};

/// Nibbles of the largest block: for every 64 bytes the low ones, then the high ones.
type Nibbles = [u8; 2 * LANES * MAX_TABLES];

#[inline(always)]
pub(super) fn any(plan: &NibblePlan, from: &[u8], to: &mut [u8]) {
    let (bytes, tables) = (plan.keys.bytes, plan.keys.tables);
    let mut stage = [[0; LANES]; MAX_TABLES];
    let mut nibbles: Nibbles = [0; 2 * LANES * MAX_TABLES];
    for (from, to) in from.chunks_exact(plan.len).zip(to.chunks_exact_mut(plan.len)) {
        let blocks = plan.sources.iter().zip(plan.targets());
        for (position, (source, target)) in blocks.enumerate() {
            plan.load(from, *source, stage.as_flattened_mut());
            for (nibbles, bytes) in nibbles
                .as_chunks_mut::<{ 2 * LANES }>()
                .0
                .iter_mut()
                .zip(&stage[..tables])
            {
                for (lane, byte) in bytes.iter().enumerate() {
                    nibbles[lane] = byte & 15;
                    nibbles[LANES + lane] = byte >> 4;
                }
            }
            let (picks, chunks) = plan.keys.at(position);
            for (index, (room, picks)) in stage.iter_mut().zip(picks).enumerate() {
                let chunks = chunks.get(index).unwrap_or(&Picks::NONE);
                let lanes = LANES.min(bytes - index * LANES);
                pick(&nibbles, picks, chunks, &mut room[..lanes]);
            }
            plan.store(stage.as_flattened(), to, target);
        }
    }
}

/// Fills up to 64 bytes.
#[inline(always)]
fn pick(nibbles: &Nibbles, picks: &Picks, chunks: &Picks, room: &mut [u8]) {
    let nibble = |pick: u8, chunk: u8| {
        let place = usize::from(chunk) % MAX_TABLES * 2 * LANES + usize::from(pick & (BYTE | HIGH));
        nibbles[place]
    };
    let low = picks.low.iter().zip(&chunks.low);
    let high = picks.high.iter().zip(&chunks.high);
    for (byte, ((a, a_chunk), (b, b_chunk))) in room.iter_mut().zip(low.zip(high)) {
        *byte = nibble(*a, *a_chunk) | nibble(*b, *b_chunk) << 4;
    }
    for (byte, (a, b)) in room.iter_mut().zip(picks.low.iter().zip(&picks.high)) {
        *byte ^= (a / TURNED * 0x0F) | (b / TURNED * 0xF0);
    }
}
