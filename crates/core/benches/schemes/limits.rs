//! What the machine can do at best with the same bytes.

#![allow(unsafe_code)]

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use rayon::prelude::*;
use std::hint::black_box;
use visard_core::Shape;

/// Bytes that one task of a flat loop works on.
const CHUNK: usize = 64 * 1024;

/// A batch of images.
#[derive(Clone, Copy)]
pub(crate) struct Images {
    pub(crate) shape: Shape,
    pub(crate) count: usize,
}

impl Images {
    fn len(self) -> usize {
        self.shape.len() * self.count
    }

    pub(crate) fn pixels(self) -> Vec<u8> {
        (0..self.len())
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }
}

/// Something to measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn FnMut() + Send>,
}

pub(crate) fn case(name: &'static str, work: impl FnMut() + Send + 'static) -> Case {
    Case {
        name,
        work: Box::new(work),
    }
}

/// Copying the bytes.
pub(crate) fn memcpy(images: Images) -> Case {
    let (from, mut to) = (images.pixels(), vec![0u8; images.len()]);
    case("memcpy", move || {
        from.par_chunks(CHUNK)
            .zip(to.par_chunks_mut(CHUNK))
            .for_each(|(f, t)| t.copy_from_slice(f));
        black_box(&mut to);
    })
}

/// Making floats of the bytes.
pub(crate) fn conversion(images: Images) -> Case {
    let (from, mut to) = (images.pixels(), vec![0f32; images.len()]);
    case("u8 to f32", move || {
        from.par_chunks(CHUNK)
            .zip(to.par_chunks_mut(CHUNK))
            .for_each(|(f, t)| {
                t.iter_mut().zip(f).for_each(|(t, f)| *t = f32::from(*f));
            });
        black_box(&mut to);
    })
}

/// The `aes` crate on a flat buffer.
pub(crate) fn flat_aes(images: Images) -> Case {
    let cipher = Aes128::new(&Array([7; 16]));
    let mut buffer = images.pixels();
    case("flat AES", move || {
        buffer.par_chunks_mut(CHUNK).for_each(|bytes| {
            let blocks = Array::cast_slice_from_core_mut(bytes.as_chunks_mut::<16>().0);
            cipher.encrypt_blocks(blocks);
        });
        black_box(&mut buffer);
    })
}

/// Four images, weighted, added and normalised channel by channel, with nothing secret about it.
pub(crate) fn weighted_sum(images: Images) -> Case {
    let (from, mut to) = (images.pixels(), vec![0f32; images.len()]);
    let (len, count) = (images.shape.len(), images.count);
    case("weighted sum of 4", move || {
        to.par_chunks_mut(len).enumerate().for_each(|(i, out)| {
            let four = [i, (i * 7 + 1) % count, (i * 5 + 2) % count, (i * 3 + 3) % count];
            let four = four.map(|image| &from[image * len..][..len]);
            sum(four, [0.4, 0.3, 0.2, 0.1], out);
        });
        black_box(&mut to);
    })
}

fn sum(images: [&[u8]; 4], weights: [f32; 4], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has both features.
            return unsafe { sum_avx512(images, weights, out) };
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { sum_avx2(images, weights, out) };
        }
    }
    plain_sum(images, weights, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn sum_avx512(images: [&[u8]; 4], weights: [f32; 4], out: &mut [f32]) {
    plain_sum(images, weights, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(images: [&[u8]; 4], weights: [f32; 4], out: &mut [f32]) {
    plain_sum(images, weights, out);
}

/// Scale and shift of each channel, repeated for 16 pixels.
const NORMAL: [[f32; 48]; 2] = {
    let (scale, shift) = ([0.0194, 0.0197, 0.0195], [2.43, 2.42, 2.22]);
    let mut all = [[0.0; 48]; 2];
    let mut i = 0;
    while i < 48 {
        all[0][i] = scale[i % 3];
        all[1][i] = shift[i % 3];
        i += 1;
    }
    all
};

#[inline(always)]
fn plain_sum([a, b, c, d]: [&[u8]; 4], weights: [f32; 4], out: &mut [f32]) {
    let [a, b, c, d] = [a, b, c, d].map(|image| image.as_chunks::<48>().0);
    let values = a.iter().zip(b).zip(c).zip(d);
    for (out, (((a, b), c), d)) in out.as_chunks_mut::<48>().0.iter_mut().zip(values) {
        for i in 0..48 {
            let sum = f32::from(a[i]) * weights[0]
                + f32::from(b[i]) * weights[1]
                + f32::from(c[i]) * weights[2]
                + f32::from(d[i]) * weights[3];
            out[i] = sum * NORMAL[0][i] - NORMAL[1][i];
        }
    }
}
