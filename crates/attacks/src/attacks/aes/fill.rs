//! What to show where a code book says nothing.

use super::Frame;

/// Level where nothing near is known.
const GREY: u8 = 128;

/// Fills the unknown pixels of a padded image with what is usual there, or else with the mean of the
/// known ones of the same channel in the block and its eight neighbours, or of the whole image.
pub(super) fn fill(frame: &Frame, plane: &mut [u8], known: &[bool], usual: &[Option<u8>]) {
    let (grid, channels) = (frame.small, frame.channels());
    let (columns, positions) = (grid.columns(), grid.positions());
    let pixel = |position: usize, i: usize, channel: usize| {
        let (y, x) = (i / grid.block(), i % grid.block());
        grid.origin(position) + y * grid.padded().row() + x * channels + channel
    };
    let area = grid.block() * grid.block();
    for channel in 0..channels {
        let of = |position: usize| {
            let at = (0..area)
                .map(|i| pixel(position, i, channel))
                .filter(|at| known[*at]);
            at.fold((0u64, 0u64), |(sum, count), at| {
                (sum + u64::from(plane[at]), count + 1)
            })
        };
        let sums: Vec<(u64, u64)> = (0..positions).map(of).collect();
        let add = |a: (u64, u64), b: &(u64, u64)| (a.0 + b.0, a.1 + b.1);
        let whole = mean(sums.iter().fold((0, 0), add)).unwrap_or(GREY);
        for position in (0..positions).filter(|p| sums[*p].1 < area as u64) {
            let (row, column) = (position / columns, position % columns);
            let near = (row.saturating_sub(1)..=row + 1)
                .flat_map(|r| {
                    (column.saturating_sub(1)..(column + 2).min(columns)).map(move |c| r * columns + c)
                })
                .filter_map(|p| sums.get(p))
                .fold((0, 0), add);
            let level = mean(near).unwrap_or(whole);
            for at in (0..area).map(|i| pixel(position, i, channel)) {
                if !known[at] {
                    plane[at] = usual[at].unwrap_or(level);
                }
            }
        }
    }
}

fn mean((sum, count): (u64, u64)) -> Option<u8> {
    (count > 0).then(|| ((sum + count / 2) / count) as u8)
}
