//! Grey levels of images as they are stored.

use visard_data::Stored;
use visard_learn::Examples;

/// A function from the place of a value to its grey level.
fn reader(examples: &Examples) -> impl Fn(usize) -> f32 {
    let code = |code: u16| examples.scale.map_or(f32::from(code), |scale| scale.decode(code));
    move |place| match &examples.pixels {
        Stored::U8(values) => code(u16::from(values[place])),
        Stored::U16(values) => code(values[place]),
        Stored::F32(values) => values[place],
    }
}

/// Grey levels of the images at these places, each (H, W, C), one after the other.
///
/// # Panics
/// If a place is beyond the end.
pub(in crate::model) fn levels(examples: &Examples, places: &[usize]) -> Vec<f32> {
    let (len, read) = (examples.shape.len(), reader(examples));
    let values = places.iter().flat_map(|place| place * len..(place + 1) * len);
    values.map(read).collect()
}

/// The lowest and the highest grey level of all images; infinite where there are none.
pub(in crate::model) fn range(examples: &Examples) -> (f32, f32) {
    let nothing = (f32::INFINITY, f32::NEG_INFINITY);
    let read = reader(examples);
    (0..examples.pixels.len())
        .map(read)
        .fold(nothing, |(low, high), v| (low.min(v), high.max(v)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::{Affine, Shape};

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
