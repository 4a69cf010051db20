//! The definition of NeuraCrypt in plain loops.

use visard_core::{
    Grid,
    schedule::{Schedule, Stream},
};

/// A dense layer: weights (outputs, inputs) and bias.
pub(crate) struct Layer(pub(crate) Vec<f32>, pub(crate) Vec<f32>);

impl Layer {
    fn draw(mut stream: Stream, inputs: usize, outputs: usize) -> Self {
        let reach = 1.0 / (inputs as f64).sqrt();
        let mut next = || ((2.0 * stream.unit() - 1.0) * reach) as f32;
        let weights = (0..inputs * outputs).map(|_| next()).collect();
        Self(weights, (0..outputs).map(|_| next()).collect())
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.0.chunks_exact(x.len()).zip(&self.1);
        rows.map(|(row, bias)| {
            let mut sum = 0f32;
            for (x, weight) in x.iter().zip(row) {
                sum += x * weight;
            }
            sum + bias
        })
        .collect()
    }
}

/// Scale and shift of every feature.
pub(crate) type Norm = (Vec<f32>, Vec<f32>);

/// The definition, token by token.
pub(crate) struct Plain {
    pub(crate) grid: Grid,
    pub(crate) width: usize,
    pub(crate) patch: Layer,
    pub(crate) layers: Vec<Layer>,
    pub(crate) places: Vec<f32>,
    pub(crate) mix: Layer,
}

fn relu(values: &mut [f32]) {
    for v in values {
        *v = if *v > 0.0 { *v } else { 0.0 };
    }
}

impl Plain {
    /// The network that belongs to a secret.
    pub(crate) fn derive(schedule: &Schedule, grid: Grid, width: usize, depth: u64) -> Self {
        let layer = |l: u64| Layer::draw(schedule.stream("neuracrypt-layer", &[l]), width, width);
        let mut normals = schedule.stream("neuracrypt-position", &[]);
        let inputs = grid.block() * grid.block() * grid.image().channels;
        Self {
            grid,
            width,
            patch: Layer::draw(schedule.stream("neuracrypt-patch", &[]), inputs, width),
            layers: (0..depth).map(layer).collect(),
            places: (0..grid.positions() * width)
                .map(|_| normals.normal() as f32)
                .collect(),
            mix: Layer::draw(schedule.stream("neuracrypt-mix", &[]), width, width),
        }
    }

    /// Patches of a padded image, each channel by channel.
    fn patches(&self, image: &[f32]) -> Vec<Vec<f32>> {
        let (side, shape) = (self.grid.block(), self.grid.padded());
        let patch = |position: usize| {
            let mut values = Vec::new();
            for channel in 0..shape.channels {
                for row in 0..side {
                    for column in 0..side {
                        let pixel = self.grid.origin(position) + row * shape.row() + column * shape.channels;
                        values.push(image[pixel + channel]);
                    }
                }
            }
            values
        };
        (0..self.grid.positions()).map(patch).collect()
    }

    /// Tokens in the order of the patches, of padded images; statistics are measured where `norms`
    /// has none.
    pub(crate) fn tokens(&self, images: &[Vec<f32>], norms: &mut Vec<Norm>) -> Vec<Vec<f32>> {
        let patches = images.iter().flat_map(|image| self.patches(image));
        let mut tokens: Vec<Vec<f32>> = patches.map(|patch| self.patch.apply(&patch)).collect();
        tokens.iter_mut().for_each(|t| relu(t));
        for (l, layer) in self.layers.iter().enumerate() {
            tokens = tokens.iter().map(|t| layer.apply(t)).collect();
            if norms.len() == l {
                norms.push(self.measure(&tokens));
            }
            let (scale, shift) = &norms[l];
            for token in &mut tokens {
                for (i, t) in token.iter_mut().enumerate() {
                    *t = *t * scale[i] + shift[i];
                }
                relu(token);
            }
        }
        for (number, token) in tokens.iter_mut().enumerate() {
            let place = number % self.grid.positions() * self.width;
            for (t, code) in token.iter_mut().zip(&self.places[place..]) {
                *t += code;
            }
            relu(token);
        }
        tokens.iter().map(|t| self.mix.apply(t)).collect()
    }

    fn measure(&self, tokens: &[Vec<f32>]) -> Norm {
        let count = tokens.len() as f64;
        let norm = |i: usize| {
            let mean = tokens.iter().fold(0.0, |sum, t| sum + f64::from(t[i])) / count;
            let square = |t: &Vec<f32>| (f64::from(t[i]) - mean) * (f64::from(t[i]) - mean);
            let variance = tokens.iter().fold(0.0, |sum, t| sum + square(t)) / count;
            let spread = (variance + 1e-5).sqrt();
            ((1.0 / spread) as f32, (-mean / spread) as f32)
        };
        (0..self.width).map(norm).unzip()
    }

    /// The pictures that fixed statistics are measured on.
    pub(crate) fn calibration(&self, schedule: &Schedule) -> Vec<Vec<f32>> {
        let shape = self.grid.padded();
        let picture = |number: u64| {
            let mut stream = schedule.stream("neuracrypt-calibration", &[number]);
            let cells: Vec<f64> = (0..9 * shape.channels)
                .map(|_| stream.below(256) as f64)
                .collect();
            let mut image = Vec::new();
            for r in 0..shape.height {
                let y = r as f64 * 2.0 / (shape.height.max(2) - 1) as f64;
                let (up, dy) = if y < 1.0 { (0, y) } else { (1, y - 1.0) };
                for c in 0..shape.width {
                    let x = c as f64 * 2.0 / (shape.width.max(2) - 1) as f64;
                    let (left, dx) = if x < 1.0 { (0, x) } else { (1, x - 1.0) };
                    for channel in 0..shape.channels {
                        let cell = |r: usize, c: usize| cells[(r * 3 + c) * shape.channels + channel];
                        let top = cell(up, left) + (cell(up, left + 1) - cell(up, left)) * dx;
                        let bottom = cell(up + 1, left) + (cell(up + 1, left + 1) - cell(up + 1, left)) * dx;
                        image.push(value((top + (bottom - top) * dy + 0.5).floor() as u8));
                    }
                }
            }
            image
        };
        let count = (16_384 / self.grid.positions()).clamp(1, 64);
        (0..count as u64).map(picture).collect()
    }

    /// Images continued to whole patches, in 0..=1.
    pub(crate) fn padded(&self, plain: &[u8]) -> Vec<Vec<f32>> {
        let pad = |image| {
            let mut padded = vec![0.0; self.grid.padded().len()];
            self.grid.pad(image, &mut padded, value);
            padded
        };
        plain.chunks_exact(self.grid.image().len()).map(pad).collect()
    }
}

/// What a byte stands for.
pub(crate) fn value(byte: u8) -> f32 {
    f32::from(byte) * (1.0 / 255.0)
}
