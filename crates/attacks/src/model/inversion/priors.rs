//! What pictures are like, whatever the model says: smooth, and like the adversary's own.

use super::span::Span;
use visard_core::Shape;

/// Penalties and corrections; pictures are standardised, (C, H, W).
#[derive(Debug)]
pub(super) struct Priors {
    /// Shape of a picture.
    pub(super) shape: Shape,
    /// Weight of the total variation: the sum of the absolute differences of neighbours below and to the
    /// right, divided by the number of values.
    pub(super) variation: f64,
    /// Weight of the mean squared distance from `centre`.
    pub(super) distance: f64,
    /// A picture that others are near to.
    pub(super) centre: Vec<f32>,
    /// Steps after which pictures are smoothed, and by what; 0 for never.
    pub(super) every: usize,
    /// Half of a symmetric kernel that sums to 1, from its middle on.
    pub(super) kernel: Vec<f32>,
    /// What pictures are combinations of.
    pub(super) span: Option<Span>,
}

impl Priors {
    /// None at all.
    pub(super) fn none(shape: Shape) -> Self {
        Self {
            shape,
            variation: 0.0,
            distance: 0.0,
            centre: Vec::new(),
            every: 0,
            kernel: Vec::new(),
            span: None,
        }
    }

    /// What a picture costs; adds the slope of it to a gradient.
    pub(super) fn add(&self, picture: &[f32], gradient: &mut [f32]) -> f64 {
        let mut cost = 0.0;
        if self.variation > 0.0 {
            cost += self.variation * self.variations(picture, gradient);
        }
        if self.distance > 0.0 {
            let weight = self.distance / picture.len() as f64;
            for ((value, centre), slope) in picture.iter().zip(&self.centre).zip(gradient) {
                let apart = f64::from(value - centre);
                cost += weight * apart * apart;
                *slope += (2.0 * weight * apart) as f32;
            }
        }
        cost
    }

    /// The total variation; its slope times the weight is added to the gradient.
    fn variations(&self, picture: &[f32], gradient: &mut [f32]) -> f64 {
        let Shape { height, width, .. } = self.shape;
        let slope = (self.variation / picture.len() as f64) as f32;
        let mut total = 0.0;
        let mut pair = |a: usize, b: usize| {
            let difference = picture[b] - picture[a];
            total += f64::from(difference.abs());
            // Equal neighbours pull at nothing.
            if difference != 0.0 {
                gradient[b] += slope.copysign(difference);
                gradient[a] -= slope.copysign(difference);
            }
        };
        for place in 0..picture.len() {
            let (row, column) = (place / width % height, place % width);
            if column + 1 < width {
                pair(place, place + 1);
            }
            if row + 1 < height {
                pair(place, place + width);
            }
        }
        total / picture.len() as f64
    }

    /// Corrects a picture after that many steps; whether it was smoothed.
    pub(super) fn process(&self, steps: usize, picture: &mut [f32]) -> bool {
        let smoothed = self.every > 0 && self.kernel.len() > 1 && steps.is_multiple_of(self.every);
        if smoothed {
            self.smooth(picture);
        }
        if let Some(span) = &self.span {
            span.project(picture);
        }
        smoothed
    }

    /// Convolves rows and columns with the kernel; pictures go on beyond their border as they end there.
    fn smooth(&self, picture: &mut [f32]) {
        let Shape { height, width, .. } = self.shape;
        for plane in picture.chunks_exact_mut(height * width) {
            for row in plane.chunks_exact_mut(width) {
                let line = row.to_vec();
                convolve(&self.kernel, &line, |place, value| row[place] = value);
            }
            for column in 0..width {
                let line: Vec<f32> = plane.iter().skip(column).step_by(width).copied().collect();
                convolve(&self.kernel, &line, |place, value| {
                    plane[place * width + column] = value
                });
            }
        }
    }
}

fn convolve(kernel: &[f32], line: &[f32], mut put: impl FnMut(usize, f32)) {
    let last = line.len() - 1;
    for place in 0..line.len() {
        let both = |(by, weight): (usize, &f32)| match by {
            0 => weight * line[place],
            by => weight * (line[place.saturating_sub(by)] + line[(place + by).min(last)]),
        };
        put(place, kernel.iter().enumerate().map(both).sum());
    }
}

/// Half of a Gaussian kernel of that standard deviation in pixels, cut off at three of them; the whole sums
/// to 1.
pub(super) fn gaussian(deviation: f64) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as usize;
    let height = |by: usize| (-0.5 * (by as f64 / deviation.max(1e-9)).powi(2)).exp();
    let total = 1.0 + 2.0 * (1..=reach).map(height).sum::<f64>();
    (0..=reach).map(|by| (height(by) / total) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn picture(len: usize) -> Vec<f32> {
        let mut rng = Rng::new(16);
        (0..len).map(|_| rng.unit() as f32 * 4.0 - 2.0).collect()
    }

    /// Central differences of the cost, and the variation of a picture worked out by hand.
    #[test]
    fn slopes_are_those_of_the_cost() {
        let shape = Shape::new(4, 5, 2);
        let priors = Priors {
            variation: 3.0,
            distance: 0.7,
            centre: vec![0.25; shape.len()],
            ..Priors::none(shape)
        };
        let picture = picture(shape.len());
        let mut gradient = vec![1.0; shape.len()];
        priors.add(&picture, &mut gradient);
        for place in 0..shape.len() {
            let cost = |by: f32| {
                let mut picture = picture.clone();
                picture[place] += by;
                priors.add(&picture, &mut vec![0.0; shape.len()])
            };
            let slope = (cost(1e-3) - cost(-1e-3)) / 2e-3;
            let found = f64::from(gradient[place]) - 1.0;
            assert!((slope - found).abs() < 1e-3, "{place}: {slope} {found}");
        }
        let small = Priors {
            variation: 2.0,
            ..Priors::none(Shape::new(2, 2, 1))
        };
        // Differences 1, 3, 5, 3.
        let cost = small.add(&[0.0, 1.0, 3.0, 6.0], &mut [0.0; 4]);
        assert!((cost - 2.0 * 12.0 / 4.0).abs() < 1e-9, "{cost}");
    }

    #[test]
    fn smoothing_keeps_constants_and_takes_variation() {
        let shape = Shape::new(6, 7, 2);
        let priors = Priors {
            every: 3,
            kernel: gaussian(0.8),
            ..Priors::none(shape)
        };
        let mut flat = vec![1.5; shape.len()];
        assert!(priors.process(3, &mut flat));
        assert!(flat.iter().all(|v| (v - 1.5).abs() < 1e-5));
        let measure = Priors {
            variation: 1.0,
            ..Priors::none(shape)
        };
        let variation = |picture: &[f32]| measure.add(picture, &mut vec![0.0; shape.len()]);
        let mut rough = picture(shape.len());
        let before = variation(&rough);
        assert!(!priors.process(4, &mut rough) && variation(&rough) == before);
        priors.process(6, &mut rough);
        assert!(variation(&rough) < 0.7 * before, "{} {before}", variation(&rough));
        // A point spreads alike to both sides.
        let mut point = vec![0.0; shape.len()];
        point[3 * 7 + 3] = 1.0;
        priors.process(3, &mut point);
        assert!((point[3 * 7 + 2] - point[3 * 7 + 4]).abs() < 1e-7 && point[3 * 7 + 2] > 0.05);
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{point:?}");
    }
}
