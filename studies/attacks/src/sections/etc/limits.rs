//! What the jigsaw solver must solve at once, and what nothing can solve.

use super::{
    jigsaw::{photograph, states},
    puzzle::{Change, Photos, Puzzle, mean, noise},
};
use crate::{
    disguised::texts,
    record::{Cell, Table, figure},
};
use visard_attacks::{
    Rng,
    attacks::{
        self,
        etc::{Layout, Scores, doubt},
    },
};
use visard_core::{Shape, params::Params};

/// Side of the blocks of photographs.
const BLOCK: usize = 32;

/// Images of noise.
const NOISE: usize = 10;

fn wording(change: Change) -> &'static str {
    if change == Change::All {
        "96 states"
    } else {
        "one state"
    }
}

/// Photographs whose blocks were left where they are (ATTACKS 3.2).
pub(super) fn unmoved(photos: &Photos) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Jigsaw solver, photographs whose blocks were left where they are",
        &["states tried", "photographs", "with D_c = 1", "D_c", "N_c", "L_c"],
    );
    let mut lists = Vec::new();
    for change in [Change::Moved, Change::All] {
        let (mut scores, mut failed) = (Vec::new(), Vec::new());
        for (name, photo) in photos {
            let image = photograph(photo, false)?;
            let puzzle = Puzzle::new("etc", BLOCK, &image, Change::Nothing, &mut Rng::new(0))?;
            let (outcome, found) = puzzle.solve("etc-jigsaw", states(change))?;
            scores.push(found);
            if found.direct < 1.0 {
                let layout = Layout::from_material(&puzzle.exposure.target, &outcome.material)?;
                failed.push((name.as_str(), found, doubts(&puzzle, &layout, change)?));
            }
        }
        let all = mean(&scores);
        let whole = (scores.len() - failed.len()) as f64;
        let cells = [
            figure(scores.len() as f64, 0),
            figure(whole, 0),
            figure(all.direct, 3).at_least(1.0),
            figure(all.neighbour, 3),
            figure(all.largest, 3),
        ];
        table.row(wording(change), cells.map(Cell::from));
        lists.push(listed(&failed, change));
    }
    Ok(table
        .note(&format!(
            "Not whole, with what speaks against the layout found and against the true one (the sum over all joints that \
             the solver looks for the least of): {}",
            lists.join(" ")
        ))
        .note(
            "D_c = 1 was expected of images left as they are, and is right where blocks can be told apart. The sums show \
             that they cannot be here: blocks that are black or flat change places at no cost or nearly none, and in the \
             star field of hubble_deep_field the true joints fit no better than others (a sum near 0 or above, where \
             others have about -100), so that nothing leads the search there.",
        ))
}

/// How much speaks against the found and the true layout.
fn doubts(puzzle: &Puzzle, found: &Layout, change: Change) -> anyhow::Result<[f64; 2]> {
    let params = Params::resolve(attacks::find("etc-jigsaw")?.params, &texts(states(change)))?;
    let of = |layout: &Layout| doubt(&puzzle.exposure, layout, &params);
    Ok([of(found)?, of(&puzzle.truth)?])
}

fn listed(failed: &[(&str, Scores, [f64; 2])], change: Change) -> String {
    let each = failed.iter().map(|(name, scores, [found, truth])| {
        format!("{name} (D_c {:.2}, {found:.1} against {truth:.1})", scores.direct)
    });
    format!(
        "With {}: {}.",
        wording(change),
        each.collect::<Vec<_>>().join(", ")
    )
}

/// Share of the pairs of true neighbours that lie side by side, however they lie.
fn side_by_side(found: &Layout, truth: &Layout) -> f64 {
    let near = |layout: &Layout, a: usize, b: usize| {
        let (a, b) = (layout.places[a], layout.places[b]);
        a.row.abs_diff(b.row) + a.column.abs_diff(b.column) == 1
    };
    let count = truth.places.len();
    let pairs = (0..count).flat_map(|a| (0..a).map(move |b| (a, b)));
    let (mut all, mut kept) = (0, 0);
    for (a, b) in pairs.filter(|(a, b)| near(truth, *a, *b)) {
        all += 1;
        kept += usize::from(near(found, a, b));
    }
    f64::from(kept as u32) / f64::from(all)
}

/// Images of noise, in which nothing tells what belongs where (ATTACKS 3.2).
pub(super) fn noise_images() -> anyhow::Result<Table> {
    let mut table = Table::new(
        "Jigsaw solver, 10 images of noise in 64 blocks of 8x8",
        &["states", "true neighbours side by side", "N_c", "D_c", "L_c"],
    );
    for change in [Change::Moved, Change::All] {
        let mut rng = Rng::new(9);
        let (mut scores, mut beside) = (Vec::new(), 0.0);
        for _ in 0..NOISE {
            let image = noise(Shape::new(64, 64, 3), 1, &mut rng)?;
            let puzzle = Puzzle::new("etc", 8, &image, change, &mut rng)?;
            let (outcome, found) = puzzle.solve("etc-jigsaw", states(change))?;
            let layout = Layout::from_material(&puzzle.exposure.target, &outcome.material)?;
            beside += side_by_side(&layout, &puzzle.truth) / NOISE as f64;
            scores.push(found);
        }
        let all = mean(&scores);
        let cells = [
            figure(beside, 3).about(4.0 / 64.0, 0.05),
            figure(all.neighbour, 3).at_most(4.0 / 64.0),
            figure(all.direct, 3),
            figure(all.largest, 3),
        ];
        table.row(wording(change), cells.map(Cell::from));
    }
    Ok(table.note(
        "Chance is 4/n for blocks that come to lie side by side in any way (exactly 112 of 2016 pairs, 0.056); tolerance \
         0.05. N_c also wants them at the right sides and in the right states, so that its chance is about 1/n = 0.016 \
         for moved blocks and 96 times less with all states.",
    ))
}
