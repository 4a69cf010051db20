//! How the pixels of a grid are turned against each other, from what every edge says about its two.

use super::grid::{Grid, Step};

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

/// Rounds of turning branches and mending pixels; few are ever needed.
const ROUNDS: usize = 8;

/// Pixels of the largest branch that is turned as a whole, which bounds the work for large images.
const BRANCH: usize = 512;

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
/// clearest edges, and then with all neighbours of branches of the tree and of each pixel heard.
/// `bonds[edge][g]` is the cost of saying that the element of the edge's second pixel is that of its
/// first after g.
///
/// The second value is the share of the edges beyond the tree that agree with it before anything is fitted to
/// them: about 1 / G by chance, 1 where there are none.
pub(super) fn synchronise<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>]) -> (Vec<u8>, f64) {
    let trust: Vec<f32> = bonds.iter().map(|bond| best(bond).1).collect();
    let mut elements = vec![0; grid.height * grid.width];
    let walk = grid.tree(&trust);
    for step in &walk {
        let way = best(&bonds[step.edge]).0;
        let way = if step.from < step.to {
            way
        } else {
            group.inverse[usize::from(way)]
        };
        elements[step.to] = group.after(elements[step.from], way);
    }
    let agreeing = agreeing(grid, group, bonds, &elements);
    let branches = Branches::of(&walk, elements.len());
    for _ in 0..ROUNDS {
        let turned = branches.turn(grid, group, bonds, &mut elements);
        if !mend(grid, group, bonds, &mut elements) && !turned {
            break;
        }
    }
    (elements, agreeing)
}

/// The cost of these elements of two neighbours, each pixel with its element.
fn cost<const G: usize>(group: &Group<G>, bond: &Bond<G>, one: (usize, u8), other: (usize, u8)) -> f32 {
    let (first, second) = if one.0 < other.0 {
        (one, other)
    } else {
        (other, one)
    };
    bond[group.between(first.1, second.1)]
}

/// The branches of a tree of pixels: all that is reached over one edge.
struct Branches {
    /// Pixels so that each branch is a run.
    order: Vec<usize>,
    /// Place of each pixel in it.
    place: Vec<usize>,
    /// Pixels of the branch that starts at each pixel.
    size: Vec<usize>,
}

impl Branches {
    /// The branches of a walk from pixel 0.
    fn of(walk: &[Step], pixels: usize) -> Self {
        let mut size = vec![1; pixels];
        for step in walk.iter().rev() {
            size[step.from] += size[step.to];
        }
        let (mut place, mut next) = (vec![0; pixels], vec![1; pixels]);
        for step in walk {
            place[step.to] = next[step.from];
            next[step.from] += size[step.to];
            next[step.to] = place[step.to] + 1;
        }
        let mut order = vec![0; pixels];
        place
            .iter()
            .enumerate()
            .for_each(|(pixel, at)| order[*at] = pixel);
        Self { order, place, size }
    }

    /// Turns every branch by what the edges at its border speak for: a wrong edge of the tree turns all that
    /// hangs on it alike, so that its pixels agree with each other and none of them is mended alone. Whether
    /// any was turned.
    fn turn<const G: usize>(
        &self,
        grid: Grid,
        group: &Group<G>,
        bonds: &[Bond<G>],
        elements: &mut [u8],
    ) -> bool {
        let mut changed = false;
        for at in 1..self.order.len() {
            let size = self.size[self.order[at]];
            if size > BRANCH {
                continue;
            }
            let branch = at..at + size;
            let mut costs = [0.0; G];
            for pixel in &self.order[branch.clone()] {
                for (edge, other) in grid.around(*pixel) {
                    if branch.contains(&self.place[other]) {
                        continue;
                    }
                    for (turn, sum) in costs.iter_mut().enumerate() {
                        let element = group.after(turn as u8, elements[*pixel]);
                        *sum += cost(group, &bonds[edge], (*pixel, element), (other, elements[other]));
                    }
                }
            }
            let turn = best(&costs).0;
            if costs[usize::from(turn)] < costs[0] {
                for pixel in &self.order[branch] {
                    elements[*pixel] = group.after(turn, elements[*pixel]);
                }
                changed = true;
            }
        }
        changed
    }
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

/// Gives every pixel the element that its edges together speak for, until nothing changes. Whether any did.
fn mend<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>], elements: &mut [u8]) -> bool {
    let mut ever = false;
    for _ in 0..MENDING {
        let mut changed = false;
        for pixel in 0..elements.len() {
            let mut costs = [0.0; G];
            for (edge, other) in grid.around(pixel) {
                for (element, sum) in costs.iter_mut().enumerate() {
                    let own = (pixel, element as u8);
                    *sum += cost(group, &bonds[edge], own, (other, elements[other]));
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
            break;
        }
        ever = true;
    }
    ever
}

/// Share of the edges beyond a tree whose own best way is the one that the elements along it say.
fn agreeing<const G: usize>(grid: Grid, group: &Group<G>, bonds: &[Bond<G>], found: &[u8]) -> f64 {
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
        let (found, agreeing) = synchronise(grid, &COLORS, &bonds);
        let turn = COLORS.after(truth[0], COLORS.inverse[usize::from(found[0])]);
        assert!(
            found
                .iter()
                .zip(&truth)
                .all(|(f, t)| COLORS.after(turn, *f) == *t)
        );
        assert!(agreeing > 0.6);
        // A pixel that is wrong alone is mended.
        let mut spoilt = truth.clone();
        spoilt[40] = (spoilt[40] + 1) % 6;
        mend(grid, &COLORS, &bonds, &mut spoilt);
        assert_eq!(spoilt, truth);
    }

    #[test]
    fn a_branch_on_a_wrong_edge_is_turned_as_a_whole() {
        let grid = Grid { height: 6, width: 7 };
        let mut rng = Rng::new(9);
        let truth: Vec<u8> = (0..42).map(|_| rng.below(6) as u8).collect();
        // One of the four edges around the corner of 2x2 pixels is wrong, and the clearest of them.
        let bonds: Vec<Bond<6>> = (0..grid.edges())
            .map(|edge| {
                let (from, to) = grid.ends(edge);
                let right = COLORS.between(truth[from], truth[to]);
                let wrong = (from, to) == (1, 2);
                let said = if wrong { (right + 1) % 6 } else { right };
                std::array::from_fn(|g| match (g == said, wrong) {
                    (true, _) => 0.0,
                    (false, true) => 1.5,
                    (false, false) => 1.0,
                })
            })
            .collect();
        let (found, _) = synchronise(grid, &COLORS, &bonds);
        let turn = COLORS.after(truth[0], COLORS.inverse[usize::from(found[0])]);
        let right = found
            .iter()
            .zip(&truth)
            .filter(|(f, t)| COLORS.after(turn, **f) == **t);
        assert_eq!(right.count(), 42);
    }
}
