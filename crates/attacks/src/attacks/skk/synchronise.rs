//! How the pixels of a grid are turned against each other, from what every edge says about its two.

use super::grid::Grid;

/// A finite group by its tables.
pub(super) struct Group<const G: usize> {
    /// `after[a][b]`: first b, then a.
    pub(super) after: [[u8; G]; G],
    pub(super) inverse: [u8; G],
}

/// The group of two signs.
pub(super) const SIGNS: Group<2> = Group {
    after: [[0, 1], [1, 0]],
    inverse: [0, 1],
};

/// Costs of the ways in which the second pixel of an edge may be turned against the first.
pub(super) type Bond<const G: usize> = [f32; G];

/// Walks over the grid to mend what single edges got wrong; few are ever needed.
const MENDING: usize = 16;

/// The cheapest way, and how much more the next one costs.
fn best<const G: usize>(bond: &Bond<G>) -> (u8, f32) {
    let (mut best, mut next) = ((0, f32::INFINITY), f32::INFINITY);
    for (way, cost) in bond.iter().enumerate() {
        if *cost < best.1 {
            next = best.1;
            best = (way as u8, *cost);
        } else {
            next = next.min(*cost);
        }
    }
    (best.0, next - best.1)
}

/// An element of the group for each pixel, up to one that all have in common: along the tree of the
/// clearest edges, and then with all neighbours of each pixel heard. `bonds[edge][g]` is the cost of
/// saying that the element of the edge's second pixel is that of its first after g.
pub(super) fn synchronise<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>]) -> Vec<u8> {
    let trust: Vec<f32> = bonds.iter().map(|bond| best(bond).1).collect();
    let mut elements = vec![0; grid.height * grid.width];
    for step in grid.tree(&trust) {
        let way = best(&bonds[step.edge]).0;
        let way = if step.from < step.to {
            way
        } else {
            group.inverse[usize::from(way)]
        };
        elements[step.to] = group.after(elements[step.from], way);
    }
    mend(grid, group, bonds, &mut elements);
    elements
}

impl<const G: usize> Group<G> {
    fn after(&self, a: u8, b: u8) -> u8 {
        self.after[usize::from(a)][usize::from(b)]
    }

    /// What takes `a` to `b`.
    fn between(&self, a: u8, b: u8) -> usize {
        usize::from(self.after(self.inverse[usize::from(a)], b))
    }
}

/// Gives every pixel the element that its edges together speak for, until nothing changes.
fn mend<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>], elements: &mut [u8]) {
    for _ in 0..MENDING {
        let mut changed = false;
        for pixel in 0..elements.len() {
            let mut costs = [0.0; G];
            for (edge, other) in grid.around(pixel) {
                let near = elements[other];
                for (element, cost) in costs.iter_mut().enumerate() {
                    let element = element as u8;
                    *cost += bonds[edge][if other < pixel {
                        group.between(near, element)
                    } else {
                        group.between(element, near)
                    }];
                }
            }
            let element = best(&costs).0;
            let own = usize::from(elements[pixel]);
            // What is as cheap as the best stays.
            if costs[usize::from(element)] < costs[own] {
                elements[pixel] = element;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Share of the edges beyond a tree whose own best way is the one that the elements of its pixels say,
/// about 1 / G by chance; 1 where there are none.
pub(super) fn agreeing<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>], found: &[u8]) -> f64 {
    let agrees = |edge: &usize| {
        let (from, to) = grid.ends(*edge);
        group.between(found[from], found[to]) == usize::from(best(&bonds[*edge]).0)
    };
    let good = (0..bonds.len()).filter(agrees).count();
    let tree = found.len() - 1;
    match bonds.len() - tree {
        0 => 1.0,
        beyond => good.saturating_sub(tree) as f64 / beyond as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::states::COLORS, *};
    use crate::Rng;

    #[test]
    fn clear_edges_carry_and_many_edges_mend() {
        let grid = Grid { height: 12, width: 9 };
        let mut rng = Rng::new(4);
        let truth: Vec<u8> = (0..108).map(|_| rng.below(6) as u8).collect();
        let bonds: Vec<Bond<6>> = (0..grid.edges())
            .map(|edge| {
                let (from, to) = grid.ends(edge);
                let right = COLORS.between(truth[from], truth[to]);
                // Every seventh edge says something else, not clearly.
                let (said, clear) = if edge % 7 == 3 {
                    (rng.below(6), 0.4)
                } else {
                    (right, 1.0)
                };
                std::array::from_fn(|g| if g == said { 0.0 } else { clear })
            })
            .collect();
        let found = synchronise(grid, &COLORS, &bonds);
        let turn = COLORS.after(truth[0], COLORS.inverse[usize::from(found[0])]);
        assert!(
            found
                .iter()
                .zip(&truth)
                .all(|(f, t)| COLORS.after(turn, *f) == *t)
        );
        assert!(agreeing(grid, &COLORS, &bonds, &found) > 0.6);
        // A pixel that is wrong alone is mended.
        let mut spoilt = truth.clone();
        spoilt[40] = (spoilt[40] + 1) % 6;
        mend(grid, &COLORS, &bonds, &mut spoilt);
        assert_eq!(spoilt, truth);
    }
}
