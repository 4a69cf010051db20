//! The grid of pixels and spanning trees of its most trusted neighbours.

use pathfinding::undirected::kruskal::kruskal_indices;
use std::cmp::Reverse;

/// Pixels with edges to their neighbours: first all to the right, then all downwards, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) height: usize,
    pub(super) width: usize,
}

/// A step of a walk along a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) edge: usize,
}

impl Grid {
    fn rightward(&self) -> usize {
        self.height * (self.width - 1)
    }

    /// Number of edges.
    pub(super) fn edges(&self) -> usize {
        self.rightward() + (self.height - 1) * self.width
    }

    /// The two pixels of an edge, the smaller number first.
    pub(super) fn ends(&self, edge: usize) -> (usize, usize) {
        match edge.checked_sub(self.rightward()) {
            None => {
                let from = edge / (self.width - 1) * self.width + edge % (self.width - 1);
                (from, from + 1)
            }
            Some(from) => (from, from + self.width),
        }
    }

    /// Edges of a pixel, each with the pixel at its other end.
    pub(super) fn around(&self, pixel: usize) -> impl Iterator<Item = (usize, usize)> {
        let (width, rightward) = (self.width, self.rightward());
        let (row, column) = (pixel / width, pixel % width);
        let right = row * (width - 1) + column;
        let left = (column > 0).then(|| (right - 1, pixel - 1));
        let above = (row > 0).then(|| (rightward + pixel - width, pixel - width));
        let right = (column + 1 < width).then_some((right, pixel + 1));
        let below = (row + 1 < self.height).then_some((rightward + pixel, pixel + width));
        [above, left, right, below].into_iter().flatten()
    }

    /// The spanning tree of the largest `trust` (finite, not negative, one for each edge) as a walk
    /// from pixel 0; of equal ones the edge with the lower number goes first.
    pub(super) fn tree(&self, trust: &[f32]) -> Vec<Step> {
        let pixels = self.height * self.width;
        let edges: Vec<_> = (0..self.edges())
            .map(|edge| {
                let (from, to) = self.ends(edge);
                // The bits of numbers that are not negative are ordered as the numbers are.
                (from, to, (Reverse(trust[edge].to_bits()), edge as u32))
            })
            .collect();
        // A pixel has at most four neighbours.
        let mut near = vec![[(0, 0); 4]; pixels];
        let mut degree = vec![0u8; pixels];
        for (a, b, (_, edge)) in kruskal_indices(pixels, edges) {
            for (one, other) in [(a, b), (b, a)] {
                near[one][usize::from(degree[one])] = (other as u32, edge);
                degree[one] += 1;
            }
        }
        let mut walk: Vec<Step> = Vec::with_capacity(pixels - 1);
        let mut at = 0;
        let (mut pixel, mut parent) = (0, usize::MAX);
        loop {
            for (to, edge) in &near[pixel][..usize::from(degree[pixel])] {
                if *to as usize != parent {
                    walk.push(Step {
                        from: pixel,
                        to: *to as usize,
                        edge: *edge as usize,
                    });
                }
            }
            let Some(step) = walk.get(at) else {
                return walk;
            };
            (pixel, parent) = (step.to, step.from);
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_reach_every_pixel_over_the_trusted_edges() {
        let grid = Grid { height: 2, width: 3 };
        let ends: Vec<_> = (0..grid.edges()).map(|e| grid.ends(e)).collect();
        assert_eq!(ends, [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]);
        for pixel in 0..6 {
            let around: Vec<_> = grid.around(pixel).collect();
            let other = |(a, b): (usize, usize)| if a == pixel { b } else { a };
            assert!(around.iter().all(|(edge, near)| other(ends[*edge]) == *near));
            assert_eq!(around.len(), [2, 3, 2][pixel % 3]);
        }
        let walk = grid.tree(&[0.0, 5.0, 5.0, 0.5, 1.0, 2.0, 3.0]);
        let mut used: Vec<_> = walk.iter().map(|s| s.edge).collect();
        used.sort_unstable();
        assert_eq!(used, [1, 2, 4, 5, 6]);
        let mut seen = [true, false, false, false, false, false];
        for step in walk {
            assert!(seen[step.from] && !seen[step.to]);
            seen[step.to] = true;
        }
        assert!(Grid { height: 1, width: 1 }.tree(&[]).is_empty());
    }
}
