//! Encodings of InstaHide with the truth about them.

use super::{Given, texts};
use visard_core::{Gallery, Key, MasterSecret, PixelsMut, Salt, SampleId, Samples, Shape};

/// Private and public images; every private one is a class of its own, so that soft labels are the coefficients.
pub(crate) struct Images {
    pub(crate) shape: Shape,
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

impl Gallery for Images {
    fn len(&self) -> usize {
        self.private.len() / self.shape.len()
    }
    fn image(&self, place: usize) -> &[u8] {
        &self.private[place * self.shape.len()..][..self.shape.len()]
    }
    fn label(&self, place: usize) -> Option<u32> {
        Some(place as u32)
    }
    fn public_len(&self) -> usize {
        self.public.len() / self.shape.len()
    }
    fn public_image(&self, place: usize) -> &[u8] {
        &self.public[place * self.shape.len()..][..self.shape.len()]
    }
}

/// Encodings under a key of the test, and for each of them the coefficients of all private images.
pub(crate) fn encode(images: &Images, given: Given<'_>) -> (Vec<f32>, Vec<f32>) {
    let secret = MasterSecret::new([5; 32]);
    let key = Key::new("instahide", &texts(given), None, secret, None).unwrap();
    let disguise = key.disguise(images.shape).unwrap();
    let ids = SampleId::numbered("train", 0, images.len());
    let samples = Samples {
        gallery: Some(images),
        ..Samples::new(Salt([6; 16]), &ids)
    };
    let count = images.len() * key.scheme().encodings();
    let mut values = vec![0f32; count * images.shape.len()];
    disguise
        .apply(samples, &images.private, PixelsMut::F32(&mut values))
        .unwrap();
    let labels: Vec<u32> = (0..images.len() as u32).collect();
    let mut weights = vec![0f32; count * images.len()];
    disguise
        .soft_labels(samples, &labels, images.len(), &mut weights)
        .unwrap();
    (values, weights)
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 1e-12, 1e-12);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y);
    }
    ab / f64::sqrt(aa * bb)
}

/// Rows of `len` values less their mean row.
fn centred(rows: &[f32], len: usize) -> Vec<f32> {
    let count = rows.len() / len;
    let mean = |p: usize| (0..count).map(|i| rows[i * len + p]).sum::<f32>() / count as f32;
    let means: Vec<f32> = (0..len).map(mean).collect();
    rows.iter()
        .enumerate()
        .map(|(i, value)| value - means[i % len])
        .collect()
}

/// Mean correlation of pictures with the private images, both less their mean picture: 0 for an attack that gives
/// the mean for all of them.
pub(crate) fn likeness(found: &[f32], images: &Images) -> f64 {
    let len = images.shape.len();
    let truth: Vec<f32> = images.private.iter().map(|byte| f32::from(*byte)).collect();
    let (found, truth) = (centred(found, len), centred(&truth, len));
    let each = found.chunks(len).zip(truth.chunks(len));
    each.map(|(a, b)| correlation(a, b)).sum::<f64>() / images.len() as f64
}
