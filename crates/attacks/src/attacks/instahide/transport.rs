//! Assignment with capacities: encodings to clusters at least cost, by min-cost flow.
//!
//! The network is source -> encoding (capacity `each`) -> cluster (capacity 1, cost) -> sink (capacity
//! `most`). There are few clusters and many encodings, so that shortest augmenting paths are sought
//! among the clusters alone: going from a to b means that the encoding that costs least to move from
//! a to b is moved. `pathfinding` has flows without costs and assignments without capacities.

use crate::{Budget, Error, Result};

/// Assigns every row of `costs` (row by row, `clusters` values each) to `each` different clusters, no
/// cluster to more than `most` rows, at least total cost. `None` if the time is up.
///
/// # Errors
/// If the clusters cannot hold so many.
pub fn assign(
    costs: &[f32],
    clusters: usize,
    each: usize,
    most: usize,
    budget: &Budget,
) -> Result<Option<Vec<Vec<usize>>>> {
    let rows = costs.len() / clusters.max(1);
    if clusters == 0 || each > clusters || rows * each > clusters * most {
        return Err(Error::Exposure(format!(
            "{clusters} clusters of at most {most} cannot take {rows} encodings, {each} times each"
        )));
    }
    let mut flow = Flow {
        costs,
        clusters,
        sets: vec![Vec::with_capacity(each); rows],
        members: vec![Vec::with_capacity(most); clusters],
        moves: vec![NEVER; clusters * clusters],
    };
    for row in 0..rows {
        if budget.is_spent() {
            return Ok(None);
        }
        for _ in 0..each {
            flow.augment(row, most);
        }
    }
    flow.sets.iter_mut().for_each(|set| set.sort_unstable());
    Ok(Some(flow.sets))
}

/// No row can be moved.
const NEVER: (f64, usize) = (f64::INFINITY, usize::MAX);

struct Flow<'a> {
    costs: &'a [f32],
    clusters: usize,
    /// Clusters of each row.
    sets: Vec<Vec<usize>>,
    /// Rows in each cluster.
    members: Vec<Vec<usize>>,
    /// For each pair of clusters the least cost of moving a row from one to the other, and the row.
    moves: Vec<(f64, usize)>,
}

impl Flow<'_> {
    fn cost(&self, row: usize, cluster: usize) -> f64 {
        f64::from(self.costs[row * self.clusters + cluster])
    }

    /// Adds one more cluster to the set of `row`.
    fn augment(&mut self, row: usize, most: usize) {
        let mut lengths = vec![f64::INFINITY; self.clusters];
        let mut before = vec![usize::MAX; self.clusters];
        let mut fresh: Vec<usize> = Vec::new();
        for (cluster, length) in lengths.iter_mut().enumerate() {
            if !self.sets[row].contains(&cluster) {
                *length = self.cost(row, cluster);
                fresh.push(cluster);
            }
        }
        // Bellman and Ford; moves may gain, but no cycle of them does, as the flow so far is optimal. Their
        // number bounds the rounds, should rounding make one.
        for _ in 0..self.clusters {
            let mut changed = vec![false; self.clusters];
            for from in std::mem::take(&mut fresh) {
                let start = lengths[from];
                let moves = &self.moves[from * self.clusters..][..self.clusters];
                for (to, (cost, _)) in moves.iter().enumerate() {
                    if start + cost < lengths[to] - 1e-9 {
                        (lengths[to], before[to]) = (start + cost, from);
                        changed[to] = true;
                    }
                }
            }
            fresh.extend((0..self.clusters).filter(|cluster| changed[*cluster]));
            if fresh.is_empty() {
                break;
            }
        }
        let open = (0..self.clusters).filter(|cluster| self.members[*cluster].len() < most);
        let Some(mut at) = open.min_by(|a, b| lengths[*a].total_cmp(&lengths[*b])) else {
            return;
        };
        let mut stale = Vec::new();
        for _ in 0..self.clusters {
            if before[at] == usize::MAX {
                break;
            }
            let from = before[at];
            let (_, moved) = self.moves[from * self.clusters + at];
            self.members[from].retain(|member| *member != moved);
            self.members[at].push(moved);
            self.sets[moved].retain(|cluster| *cluster != from);
            self.sets[moved].push(at);
            stale.extend(self.sets[moved].iter().copied().chain([from]));
            at = from;
        }
        self.members[at].push(row);
        self.sets[row].push(at);
        stale.extend(self.sets[row].iter().copied());
        stale.sort_unstable();
        stale.dedup();
        for cluster in stale {
            self.refresh(cluster);
        }
    }

    /// Finds the cheapest moves out of a cluster again.
    fn refresh(&mut self, from: usize) {
        let mut best = vec![NEVER; self.clusters];
        for row in &self.members[from] {
            let costs = &self.costs[row * self.clusters..][..self.clusters];
            let own = f64::from(costs[from]);
            for (to, (cost, best)) in costs.iter().zip(&mut best).enumerate() {
                let cost = f64::from(*cost) - own;
                if cost < best.0 && !self.sets[*row].contains(&to) {
                    *best = (cost, *row);
                }
            }
        }
        self.moves[from * self.clusters..][..self.clusters].copy_from_slice(&best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    /// The least cost over all assignments, by trying them.
    fn brute(costs: &[f32], clusters: usize, each: usize, room: &mut [usize], row: usize) -> f64 {
        if row * clusters == costs.len() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for set in 0u32..1 << clusters {
            let chosen: Vec<usize> = (0..clusters).filter(|c| set >> c & 1 == 1).collect();
            if chosen.len() != each || chosen.iter().any(|c| room[*c] == 0) {
                continue;
            }
            chosen.iter().for_each(|c| room[*c] -= 1);
            let own: f64 = chosen.iter().map(|c| f64::from(costs[row * clusters + c])).sum();
            best = best.min(own + brute(costs, clusters, each, room, row + 1));
            chosen.iter().for_each(|c| room[*c] += 1);
        }
        best
    }

    #[test]
    fn the_flow_costs_no_more_than_any_assignment() {
        let mut rng = Rng::new(4);
        for (rows, clusters, each, most) in [
            (5, 4, 2, 3),
            (6, 3, 1, 2),
            (4, 5, 2, 2),
            (6, 3, 2, 4),
            (5, 5, 3, 3),
        ] {
            for _ in 0..20 {
                let costs: Vec<f32> = (0..rows * clusters).map(|_| rng.unit() as f32).collect();
                let sets = assign(&costs, clusters, each, most, &Budget::generous());
                let sets = sets.unwrap().unwrap();
                let mut counts = vec![0; clusters];
                let mut total = 0.0;
                for (row, set) in sets.iter().enumerate() {
                    assert_eq!(set.len(), each);
                    assert!(set.windows(2).all(|pair| pair[0] < pair[1]));
                    for cluster in set {
                        counts[*cluster] += 1;
                        total += f64::from(costs[row * clusters + cluster]);
                    }
                }
                assert!(counts.iter().all(|count| *count <= most));
                let least = brute(&costs, clusters, each, &mut vec![most; clusters], 0);
                assert!((total - least).abs() < 1e-6, "{total} instead of {least}");
            }
        }
    }

    #[test]
    fn too_little_room_is_refused() {
        assert!(assign(&[0.0; 6], 2, 1, 1, &Budget::generous()).is_err());
        assert!(assign(&[0.0; 6], 2, 3, 9, &Budget::generous()).is_err());
    }
}
