//! Fixed statistics: those that the network has on smooth random pictures, which the key alone
//! decides, so that no image that is disguised plays a part in them.

use super::network::{Network, Norm};
use crate::{Shape, schedule::Schedule};

/// Most pictures that are looked at.
const PICTURES: usize = 64;

/// Patches that are enough for the statistics; images of more patches take fewer pictures.
const PATCHES: usize = 16_384;

/// Cells along one side of the grid of colours that a picture is drawn from.
const CELLS: usize = 3;

/// Scale and shift of every hidden layer, each found with the layers before it already fixed.
pub(super) fn norms(network: &Network, schedule: &Schedule) -> Vec<Norm> {
    let sizes = network.sizes();
    let shape = sizes.grid.padded();
    if sizes.depth == 0 {
        return Vec::new();
    }
    let pictures = (PATCHES / sizes.tokens()).clamp(1, PICTURES);
    let mut images = vec![0; pictures * shape.len()];
    for (number, image) in images.chunks_exact_mut(shape.len()).enumerate() {
        draw(schedule, number as u64, shape, image);
    }
    // The order of the tokens does not matter to anyone here.
    let order: Vec<u32> = (0..pictures).flat_map(|_| 0..sizes.tokens() as u32).collect();
    let mut tokens = vec![0.0; order.len() * sizes.width];
    network.norms(shape, &images, &order, &mut tokens)
}

/// A picture of random colours in a 3 x 3 grid, bilinearly interpolated.
fn draw(schedule: &Schedule, number: u64, shape: Shape, image: &mut [u8]) {
    let mut stream = schedule.stream("neuracrypt-calibration", &[number]);
    let channels = shape.channels;
    let colours: Vec<f64> = (0..CELLS * CELLS * channels)
        .map(|_| stream.below(256) as f64)
        .collect();
    for (row, pixels) in image.chunks_exact_mut(shape.row()).enumerate() {
        let (above, down) = cell(row, shape.height);
        for (column, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
            let (left, across) = cell(column, shape.width);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let colour = |row: usize, column: usize| colours[(row * CELLS + column) * channels + channel];
                let between = |from: f64, to: f64, part: f64| from + (to - from) * part;
                let top = between(colour(above, left), colour(above, left + 1), across);
                let bottom = between(colour(above + 1, left), colour(above + 1, left + 1), across);
                *value = (between(top, bottom, down) + 0.5) as u8;
            }
        }
    }
}

/// Cell before place `place` of `count`, and how far the place is on the way to the next cell.
fn cell(place: usize, count: usize) -> (usize, f64) {
    let at = place as f64 * 2.0 / (count - 1).max(1) as f64;
    let cell = (at as usize).min(CELLS - 2);
    (cell, at - cell as f64)
}
