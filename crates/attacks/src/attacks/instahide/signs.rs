//! The sign of every pixel: magnitudes leave it open, the same way for all images.

use super::recovery::around;
use pathfinding::undirected::kruskal::kruskal_indices;
use rayon::prelude::*;
use visard_core::Shape;

/// Flips whole pixels (`columns` holds for each pixel its value in each image) so that neighbours
/// agree: along the tree of strongest agreement, the product of neighbours summed over all images
/// becomes positive. The overall sign stays that of the larger part.
pub(super) fn settle(shape: Shape, columns: &mut [f64], images: usize) {
    let column = |pixel: usize| &columns[pixel * images..][..images];
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let powers: Vec<f64> = (0..shape.len()).map(|p| product(column(p), column(p))).collect();
    let edges: Vec<(usize, usize, f64)> = (0..shape.len())
        .into_par_iter()
        .flat_map_iter(|a| {
            let power = powers[a];
            let others = around(shape, a).filter(move |b| *b > a);
            others.map(move |b| (a, b, power)).collect::<Vec<_>>()
        })
        .map(|(a, b, power)| {
            let both = (power * powers[b]).sqrt().max(f64::MIN_POSITIVE);
            (a, b, product(column(a), column(b)) / both)
        })
        .collect();
    // Kruskal takes the cheapest first, and whole numbers.
    let cost = |agreement: f64| -((agreement.abs() * 1e9) as i64);
    let whole: Vec<(usize, usize, i64)> = edges.iter().map(|(a, b, g)| (*a, *b, cost(*g))).collect();
    let mut tree = vec![Vec::new(); shape.len()];
    for (a, b, _) in kruskal_indices(shape.len(), &whole) {
        tree[a].push(b);
        tree[b].push(a);
    }
    let flips = flips(&tree, |a, b| product(column(a), column(b)) < 0.0);
    let flipped: f64 = powers
        .iter()
        .zip(&flips)
        .map(|(p, flip)| if *flip { *p } else { 0.0 })
        .sum();
    let most = 2.0 * flipped > powers.iter().sum::<f64>();
    for (pixel, flip) in columns.chunks_mut(images).zip(flips) {
        if flip != most {
            pixel.iter_mut().for_each(|value| *value = -*value);
        }
    }
}

/// Which nodes of a tree differ from its first one, if `differ` tells it of neighbours.
fn flips(tree: &[Vec<usize>], differ: impl Fn(usize, usize) -> bool) -> Vec<bool> {
    let mut flips = vec![false; tree.len()];
    let mut seen = vec![false; tree.len()];
    let mut next = vec![0];
    seen[0] = true;
    while let Some(a) = next.pop() {
        for b in &tree[a] {
            if !std::mem::replace(&mut seen[*b], true) {
                flips[*b] = flips[a] != differ(a, *b);
                next.push(*b);
            }
        }
    }
    flips
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn smooth_images_get_their_signs_back() {
        let (shape, images) = (Shape::new(9, 8, 2), 6);
        let mut rng = Rng::new(2);
        let mut columns = Vec::new();
        for pixel in 0..shape.len() {
            let (x, y) = (pixel % shape.row() / 2, pixel / shape.row());
            let flip = if rng.below(3) == 0 { -1.0 } else { 1.0 };
            let value = |i: usize| ((x as f64 + i as f64) / 3.0).sin() + (y as f64 / 4.0 + i as f64).cos();
            columns.extend((0..images).map(|i| flip * value(i)));
        }
        settle(shape, &mut columns, images);
        let value = |pixel: usize, i: usize| {
            let (x, y) = (pixel % shape.row() / 2, pixel / shape.row());
            ((x as f64 + i as f64) / 3.0).sin() + (y as f64 / 4.0 + i as f64).cos()
        };
        for (i, found) in columns.iter().enumerate() {
            assert!((found - value(i / images, i % images)).abs() < 1e-12);
        }
    }
}
