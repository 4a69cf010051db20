//! Disguised images as planes of numbers, which networks take.

use crate::{Set, Target, attacks::span::Domain};
use visard_core::{Grid, Pixels, Shape};

/// Sides of planes are multiples of this, since networks halve them twice.
const GRAIN: usize = 4;
/// Images that means and deviations are taken from, at most, of each set.
const SURVEYED: usize = 1000;

/// Which number of a disguised image goes where. Every plane has mean 0 and deviation 1 over the images that
/// were surveyed; what lies beyond an image is 0.
///
/// Pixels that a scheme enlarges, and pictures that it puts side by side, become channels, so that a place of
/// the planes is the place of the plain image. Blocks that are moved stay where they were moved to.
#[derive(Debug)]
pub(super) struct Planes {
    domain: Domain,
    shape: Shape,
    canvas: [usize; 2],
    channels: usize,
    /// Place of the first number of each value; the others are in the following planes.
    at: Vec<u32>,
    /// Mean and what to multiply by, of each plane.
    normal: Vec<(f32, f32)>,
}

impl Planes {
    /// The planes of a target's disguised images, standardised over these sets of them.
    pub(super) fn new(target: &Target, domain: Domain, shape: Shape, surveyed: &[&Set]) -> Self {
        let plain = target.plain;
        let block = (target.scheme.params().int("block") as usize).max(1);
        let padded = Grid::new(plain, block).padded();
        // Side of the square that one plain pixel became.
        let scale = (shape.height / padded.height).max(1);
        let pictures = shape.width.div_ceil(scale * padded.width);
        let (rows, columns) = (
            shape.height.div_ceil(scale),
            shape.width.div_ceil(scale).div_ceil(pictures),
        );
        let canvas = [rows.max(plain.height), columns.max(plain.width)].map(|s| s.next_multiple_of(GRAIN));
        let (area, numbers) = (canvas[0] * canvas[1], domain.planes());
        let place = |i: usize| {
            let (y, x, channel) = (
                i / shape.row(),
                i % shape.row() / shape.channels,
                i % shape.channels,
            );
            let (row, column, picture) = (y / scale, x / scale % columns, x / scale / columns);
            let part = (picture * scale + y % scale) * scale + x % scale;
            let plane = (part * shape.channels + channel) * numbers;
            (plane * area + row * canvas[1] + column) as u32
        };
        let mut planes = Self {
            domain,
            shape,
            canvas,
            channels: pictures * scale * scale * shape.channels * numbers,
            at: (0..shape.len()).map(place).collect(),
            normal: Vec::new(),
        };
        planes.normal = planes.survey(surveyed);
        planes
    }

    /// Rows and columns.
    pub(super) fn canvas(&self) -> [usize; 2] {
        self.canvas
    }

    /// Number of planes.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Values of all planes of an image.
    pub(super) fn len(&self) -> usize {
        self.channels * self.canvas[0] * self.canvas[1]
    }

    fn survey(&self, sets: &[&Set]) -> Vec<(f32, f32)> {
        let area = self.canvas[0] * self.canvas[1];
        let mut sums = vec![[0f64; 3]; self.channels];
        for set in sets {
            for image in 0..set.len().min(SURVEYED) {
                self.each(set, image, |at, number| {
                    let sum = &mut sums[at / area];
                    sum[0] += 1.0;
                    sum[1] += number;
                    sum[2] += number * number;
                });
            }
        }
        let normal = |[count, sum, squares]: [f64; 3]| {
            let mean = sum / count.max(1.0);
            let deviation = (squares / count.max(1.0) - mean * mean).max(0.0).sqrt();
            // What rounding leaves of a plane that does not vary must not be blown up.
            let flat = deviation <= 1e-6 * (1.0 + mean.abs());
            (mean as f32, if flat { 0.0 } else { 1.0 / deviation as f32 })
        };
        sums.into_iter().map(normal).collect()
    }

    /// Calls `put` with the place and the number of everything that an image holds.
    fn each(&self, set: &Set, image: usize, mut put: impl FnMut(usize, f64)) {
        let (len, area) = (self.shape.len(), self.canvas[0] * self.canvas[1]);
        for (i, at) in self.at.iter().enumerate() {
            let value = match set.pixels() {
                Pixels::U8(v) => f32::from(v[image * len + i]),
                Pixels::F32(v) => v[image * len + i],
            };
            for plane in 0..self.domain.planes() {
                put(*at as usize + plane * area, self.domain.number(value, plane));
            }
        }
    }

    /// Writes the planes of an image, [`Planes::len`] values that were 0 before.
    pub(super) fn write(&self, set: &Set, image: usize, out: &mut [f32]) {
        let area = self.canvas[0] * self.canvas[1];
        self.each(set, image, |at, number| {
            let (mean, factor) = self.normal[at / area];
            out[at] = (number as f32 - mean) * factor;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(scheme: &str, given: &[(&str, &str)], plain: Shape) -> Target {
        let given = given.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        Target::new(scheme, &given.collect(), plain).unwrap()
    }

    fn planes(target: &Target, domain: Domain) -> (Planes, Set) {
        let shape = target.scheme.output(target.plain).unwrap().shape;
        let bytes = (0..3 * shape.len()).map(|i| (i * 7919 % 256) as u8).collect();
        let set = Set::bytes(shape, bytes).unwrap();
        (Planes::new(target, domain, shape, &[&set]), set)
    }

    /// Every value is at its own place, near the plain pixel that it is of.
    #[test]
    fn values_keep_their_places() {
        for (scheme, given, plain, canvas, channels) in [
            ("negpos", &[] as &[_], Shape::new(5, 7, 3), [8, 8], 3),
            ("skk", &[], Shape::new(9, 4, 1), [12, 4], 1),
            // Three pictures side by side.
            ("etc-gray", &[], Shape::new(16, 16, 3), [16, 16], 3),
            // One block of 2 x 2 pixels becomes 4 x 4.
            ("aes", &[("block", "2")], Shape::new(6, 6, 1), [8, 8], 4),
        ] {
            let target = target(scheme, given, plain);
            let (planes, _) = planes(&target, Domain::Values);
            assert_eq!(
                (planes.canvas(), planes.channels()),
                (canvas, channels),
                "{scheme}"
            );
            let mut places = planes.at.clone();
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), planes.shape.len(), "{scheme}");
            assert!(places.iter().all(|place| (*place as usize) < planes.len()));
        }
        let target = target("aes", &[("block", "2")], Shape::new(6, 6, 1));
        let (planes, _) = planes(&target, Domain::Values);
        // Row 5, column 9 of 12 x 12: the place of pixel (2, 4), in the plane of the lower right quarters.
        assert_eq!(planes.at[5 * 12 + 9], 3 * 64 + 2 * 8 + 4);
    }

    #[test]
    fn planes_are_standardised_and_nibbles_apart() {
        let target = target("tanaka", &[], Shape::new(8, 8, 3));
        let (planes, set) = planes(&target, Domain::Nibbles);
        assert_eq!(planes.channels(), 6);
        let mut sums = vec![(0.0, 0.0); 6];
        for image in 0..set.len() {
            let mut out = vec![0.0; planes.len()];
            planes.write(&set, image, &mut out);
            for (sum, plane) in sums.iter_mut().zip(out.chunks(64)) {
                sum.0 += plane.iter().sum::<f32>() / 192.0;
                sum.1 += plane.iter().map(|v| v * v).sum::<f32>() / 192.0;
            }
        }
        for (mean, square) in sums {
            assert!(
                mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3,
                "{mean} {square}"
            );
        }
        let mut out = vec![0.0; planes.len()];
        planes.write(&set, 0, &mut out);
        // The first value's low nibble is in the first plane, its high nibble in the second.
        let byte = set.as_bytes().unwrap()[0];
        for (plane, nibble) in [(0, byte & 15), (1, byte >> 4)] {
            let (mean, factor) = planes.normal[plane];
            assert_eq!(out[plane * 64], (f32::from(nibble) - mean) * factor);
        }
    }
}
