//! Dense layers over many tokens at once.
//!
//! Every sum starts at +0, takes its products in ascending order of the input, each rounded before it
//! is added, and the bias last. A tile of several tokens by many outputs is held in registers, so
//! that each weight that is loaded serves all its tokens and each input all its outputs. Tiles only
//! divide the work: the bits of a token do not depend on the tokens beside it.

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};
use zeroize::Zeroize;

/// Outputs that stand side by side in the weights.
const LANES: usize = 32;

/// Inputs that are worked off before the next ones: of so many, the tokens of a group and the weights
/// of one panel, 64 KiB, stay in the second cache.
const SPAN: usize = 512;

/// A dense layer of `f32` weights, wiped when dropped: token in, `weights * token + bias` out.
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    /// Panels of `LANES` outputs, each with a line for every input; lanes behind the last output are 0.
    lines: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl Drop for Dense {
    fn drop(&mut self) {
        self.lines.as_flattened_mut().zeroize();
        self.bias.zeroize();
    }
}

impl Dense {
    /// A layer whose weights, (outputs, inputs) row-major, and then bias, (outputs), come from `next`.
    pub(crate) fn new(inputs: usize, outputs: usize, mut next: impl FnMut() -> f32) -> Self {
        let mut lines = vec![[0.0; LANES]; outputs.div_ceil(LANES) * inputs];
        for output in 0..outputs {
            let panel = &mut lines[output / LANES * inputs..][..inputs];
            for line in panel {
                line[output % LANES] = next();
            }
        }
        let bias = (0..outputs).map(|_| next()).collect();
        Self {
            inputs,
            outputs,
            lines,
            bias,
        }
    }

    /// Values that a token has before the layer.
    pub(crate) const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Distance at which tokens of `inputs` values should lie: rows of one tile that begin 1 KiB apart
    /// (modulo 4 KiB) do not drive each other out of the first cache.
    pub(crate) const fn stride(inputs: usize) -> usize {
        let stride = inputs.next_multiple_of(256);
        if stride.is_multiple_of(512) {
            stride + 256
        } else {
            stride
        }
    }

    /// Applies the layer to the first `inputs` values of every `stride` values in `tokens`, and
    /// writes tokens of `outputs` values one after the other, as many as `out` has room for.
    pub(crate) fn apply(&self, tokens: &[f32], stride: usize, out: &mut [f32]) {
        dispatch_wide!(wide, fast, portable, (self, tokens, stride, out))
    }

    /// The work in the order in which it is done: all panels for a span of inputs, then the next span,
    /// so that this span of many tokens stays in the second cache.
    fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        (0..self.inputs).step_by(SPAN).flat_map(move |from| {
            let to = self.inputs.min(from + SPAN);
            let panels = self.lines.chunks_exact(self.inputs).zip(self.bias.chunks(LANES));
            panels.enumerate().map(move |(panel, (lines, bias))| Block {
                outputs: self.outputs,
                column: panel * LANES,
                from,
                bias: (to == self.inputs).then_some(bias),
                lines: &lines[from..to],
            })
        })
    }
}

/// One panel of outputs and one span of inputs.
struct Block<'a> {
    lines: &'a [[f32; LANES]],
    /// Outputs of the whole layer, and the first of this panel.
    outputs: usize,
    column: usize,
    /// First input of the span.
    from: usize,
    /// The panel's bias, in its last span.
    bias: Option<&'a [f32]>,
}

type Sums<const ROWS: usize> = [[f32; LANES]; ROWS];

impl Block<'_> {
    fn lanes(&self) -> usize {
        LANES.min(self.outputs - self.column)
    }

    /// The inputs of this span of `ROWS` tokens from `first` on.
    #[inline(always)]
    fn rows<'t, const ROWS: usize>(
        &self,
        tokens: &'t [f32],
        stride: usize,
        first: usize,
    ) -> [&'t [f32]; ROWS] {
        std::array::from_fn(|row| &tokens[(first + row) * stride + self.from..][..self.lines.len()])
    }

    /// What the spans before have added up for `ROWS` tokens from `first` on.
    #[inline(always)]
    fn begin<const ROWS: usize>(&self, out: &[f32], first: usize) -> Sums<ROWS> {
        let mut sums = [[0.0; LANES]; ROWS];
        if self.from > 0 {
            for (row, sums) in sums.iter_mut().enumerate() {
                let known = &out[(first + row) * self.outputs + self.column..][..self.lanes()];
                sums[..known.len()].copy_from_slice(known);
            }
        }
        sums
    }

    #[inline(always)]
    fn finish<const ROWS: usize>(&self, out: &mut [f32], first: usize, sums: &mut Sums<ROWS>) {
        for (row, sums) in sums.iter_mut().enumerate() {
            if let Some(bias) = self.bias {
                sums.iter_mut().zip(bias).for_each(|(sum, b)| *sum += b);
            }
            let room = &mut out[(first + row) * self.outputs + self.column..][..self.lanes()];
            room.copy_from_slice(&sums[..room.len()]);
        }
    }
}

/// A function that applies a layer with `$tile`, which adds the products of a span to the sums of as
/// many tokens as it is told; the numbers to try are in descending order.
macro_rules! layer {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $tile:ident, $($rows:literal)+) => {
        $(#[$attribute])*
        $visibility fn $name(layer: &Dense, tokens: &[f32], stride: usize, out: &mut [f32]) {
            let count = out.len() / layer.outputs;
            for block in layer.blocks() {
                let mut done = 0;
                $(while count - done >= $rows {
                    let mut sums = block.begin::<$rows>(out, done);
                    $tile(block.rows(tokens, stride, done), block.lines, &mut sums);
                    block.finish(out, done, &mut sums);
                    done += $rows;
                })+
            }
        }
    };
}

layer!(portable, portable_tile, 4 1);

#[inline(always)]
fn portable_tile<const ROWS: usize>(rows: [&[f32]; ROWS], lines: &[[f32; LANES]], sums: &mut Sums<ROWS>) {
    for (row, sums) in rows.iter().zip(sums) {
        for (x, line) in row.iter().zip(lines) {
            for (sum, weight) in sums.iter_mut().zip(line) {
                *sum += x * weight;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{fast, wide};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Dense, LANES, Sums};
    use bytemuck::must_cast;
    use std::arch::x86_64::*;

    layer!(
        #[target_feature(enable = "avx512f")]
        pub(super) wide, wide_tile, 8 4 2 1
    );
    layer!(
        #[target_feature(enable = "avx2")]
        pub(super) fast, fast_tile, 4 2 1
    );

    #[inline(always)]
    fn eight(line: &[f32; LANES], at: usize) -> __m256 {
        let mut lanes = [0.0; 8];
        lanes.copy_from_slice(&line[at..at + 8]);
        must_cast(lanes)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sixteen(line: &[f32; LANES], at: usize) -> __m512 {
        let low = _mm512_castps_pd(_mm512_castps256_ps512(eight(line, at)));
        let high = _mm256_castps_pd(eight(line, at + 8));
        _mm512_castpd_ps(_mm512_insertf64x4::<1>(low, high))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_sixteen(value: __m512, line: &mut [f32; LANES], at: usize) {
        let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(value));
        let halves: [[f32; 8]; 2] = [
            must_cast(_mm512_castps512_ps256(value)),
            must_cast(_mm256_castpd_ps(high)),
        ];
        line[at..at + 16].copy_from_slice(halves.as_flattened());
    }

    /// 8 tokens take 16 of the 32 registers.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn wide_tile<const ROWS: usize>(rows: [&[f32]; ROWS], lines: &[[f32; LANES]], sums: &mut Sums<ROWS>) {
        let rows = rows.map(|row| &row[..lines.len()]);
        let mut held = [[_mm512_setzero_ps(); 2]; ROWS];
        for (held, sums) in held.iter_mut().zip(&*sums) {
            *held = [sixteen(sums, 0), sixteen(sums, 16)];
        }
        for (k, line) in lines.iter().enumerate() {
            let weights = [sixteen(line, 0), sixteen(line, 16)];
            for (held, row) in held.iter_mut().zip(&rows) {
                let x = _mm512_set1_ps(row[k]);
                held[0] = _mm512_add_ps(held[0], _mm512_mul_ps(x, weights[0]));
                held[1] = _mm512_add_ps(held[1], _mm512_mul_ps(x, weights[1]));
            }
        }
        for (held, sums) in held.iter().zip(sums) {
            store_sixteen(held[0], sums, 0);
            store_sixteen(held[1], sums, 16);
        }
    }

    /// 4 tokens by half a line take 8 of the 16 registers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn fast_tile<const ROWS: usize>(rows: [&[f32]; ROWS], lines: &[[f32; LANES]], sums: &mut Sums<ROWS>) {
        let rows = rows.map(|row| &row[..lines.len()]);
        for half in [0, 16] {
            let mut held = [[_mm256_setzero_ps(); 2]; ROWS];
            for (held, sums) in held.iter_mut().zip(&*sums) {
                *held = [eight(sums, half), eight(sums, half + 8)];
            }
            for (k, line) in lines.iter().enumerate() {
                let weights = [eight(line, half), eight(line, half + 8)];
                for (held, row) in held.iter_mut().zip(&rows) {
                    let x = _mm256_set1_ps(row[k]);
                    held[0] = _mm256_add_ps(held[0], _mm256_mul_ps(x, weights[0]));
                    held[1] = _mm256_add_ps(held[1], _mm256_mul_ps(x, weights[1]));
                }
            }
            for (held, sums) in held.iter().zip(&mut *sums) {
                let lanes: [[f32; 8]; 2] = must_cast(*held);
                sums[half..half + 16].copy_from_slice(lanes.as_flattened());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::twins::*, *};
    use proptest::prelude::*;

    type Path = fn(&Dense, &[f32], usize, &mut [f32]);

    proptest! {
        #[test]
        fn layers_give_the_bits_of_the_formula_on_every_path(
            inputs in prop_oneof![1usize..20, 510usize..514, 1022usize..1027],
            outputs in 1usize..70,
            count in 0usize..20,
            spare in 0usize..3,
            seed: u64,
        ) {
            let weights: Vec<f32> = (0..(inputs + 1) * outputs).map(|i| value(seed, i)).collect();
            let (mut next, stride) = (weights.iter(), inputs + spare);
            let layer = Dense::new(inputs, outputs, || *next.next().unwrap());
            prop_assert!(next.next().is_none());
            let tokens: Vec<f32> = (0..count * stride).map(|i| value(!seed, i)).collect();
            let mut wanted = Vec::new();
            for token in tokens.chunks_exact(stride) {
                for output in 0..outputs {
                    let row = &weights[output * inputs..][..inputs];
                    let sum = token.iter().zip(row).fold(0f32, |sum, (x, w)| sum + x * w);
                    wanted.push(sum + weights[inputs * outputs + output]);
                }
            }
            let found: [Path; 2] = paths!(wide, fast, portable, (layer, tokens, stride, out));
            for path in found.into_iter().chain([portable as Path, Dense::apply as Path]) {
                let mut out = vec![f32::NAN; count * outputs];
                path(&layer, &tokens, stride, &mut out);
                prop_assert_eq!(bits(&out), bits(&wanted));
            }
        }
    }
}
