//! Structural similarity.

use visard_core::Shape;

/// Side of the window in pixels.
const WINDOW: usize = 7;
/// (0.01 * 255)^2 and (0.03 * 255)^2.
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;

/// Sums over an area: both images, their squares together, their products.
#[derive(Clone, Copy, Default)]
struct Sums {
    x: u64,
    y: u64,
    squares: u64,
    product: u64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.x += other.x;
        self.y += other.y;
        self.squares += other.squares;
        self.product += other.product;
    }

    fn take(&mut self, other: Self) {
        self.x -= other.x;
        self.y -= other.y;
        self.squares -= other.squares;
        self.product -= other.product;
    }

    fn of(x: u8, y: u8) -> Self {
        let (x, y) = (u64::from(x), u64::from(y));
        Self {
            x,
            y,
            squares: x * x + y * y,
            product: x * y,
        }
    }

    /// Similarity of the two images in a window with these sums.
    fn similarity(self) -> f64 {
        let count = (WINDOW * WINDOW) as f64;
        let (x, y) = (self.x as f64 / count, self.y as f64 / count);
        // Sample covariances: one less in the divisor.
        let scale = count / (count - 1.0);
        let variances = scale * (self.squares as f64 / count - x * x - y * y);
        let covariance = scale * (self.product as f64 / count - x * y);
        (2.0 * x * y + C1) * (2.0 * covariance + C2) / ((x * x + y * y + C1) * (variances + C2))
    }
}

/// Structural similarity: uniform windows of 7x7 pixels that lie inside the image, sample covariances,
/// C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2, mean over windows and channels. `None` where a side is shorter
/// than 7 pixels. The time is proportional to the number of values.
pub fn ssim(shape: Shape, truth: &[u8], guess: &[u8]) -> Option<f64> {
    assert_eq!(
        (truth.len(), guess.len()),
        (shape.len(), shape.len()),
        "images are not of {shape}"
    );
    let Shape {
        height,
        width,
        channels,
    } = shape;
    if height < WINDOW || width < WINDOW {
        return None;
    }
    let mut total = 0.0;
    for channel in 0..channels {
        let at = |row: usize, column: usize| {
            let place = (row * width + column) * channels + channel;
            Sums::of(truth[place], guess[place])
        };
        let mut columns = vec![Sums::default(); width];
        for row in 0..height {
            for (column, sums) in columns.iter_mut().enumerate() {
                sums.add(at(row, column));
                if row >= WINDOW {
                    sums.take(at(row - WINDOW, column));
                }
            }
            if row + 1 < WINDOW {
                continue;
            }
            let mut window = Sums::default();
            for column in 0..width {
                window.add(columns[column]);
                if column >= WINDOW {
                    window.take(columns[column - WINDOW]);
                }
                if column + 1 >= WINDOW {
                    total += window.similarity();
                }
            }
        }
    }
    let windows = (height + 1 - WINDOW) * (width + 1 - WINDOW) * channels;
    Some(total / windows as f64)
}
