//! Grey levels of images as they are stored.

use visard_learn::Examples;

/// Grey levels of the images at these places, each (H, W, C), one after the other.
///
/// # Panics
/// If a place is beyond the end.
pub(super) fn levels(examples: &Examples, places: &[usize]) -> Vec<f32> {
    let len = examples.shape.len();
    let mut levels = Vec::with_capacity(places.len() * len);
    for place in places {
        examples.levels(place * len..(place + 1) * len, |level| levels.push(level));
    }
    levels
}

/// The lowest and the highest grey level of all images; infinite where there are none.
pub(super) fn range(examples: &Examples) -> (f32, f32) {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    examples.levels(0..examples.pixels.len(), |level| {
        (low, high) = (low.min(level), high.max(level));
    });
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::{Affine, Shape};
    use visard_data::Stored;

    #[test]
    fn codes_are_read_as_what_they_stand_for() {
        let shape = Shape::new(1, 2, 1);
        let scale = Affine {
            low: -10.0,
            step: 0.5,
            max: 65_535,
        };
        let coded = Examples::new(shape, Stored::U16(vec![0, 20, 40, 60]), Some(scale), vec![]).unwrap();
        assert_eq!(levels(&coded, &[1, 0]), [10.0, 20.0, -10.0, 0.0]);
        assert_eq!(range(&coded), (-10.0, 20.0));
        let bytes = Examples::new(shape, Stored::U8(vec![7, 9]), None, vec![]).unwrap();
        assert_eq!(range(&bytes), (7.0, 9.0));
    }
}
