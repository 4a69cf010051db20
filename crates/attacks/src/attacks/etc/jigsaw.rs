//! The jigsaw solver: blocks of disguised images are put together by what fits at their sides.

use super::{assembly::Assembly, costs::Costs, frame::Frame, layout::Layout, seams::add_images};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
};
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "etc-jigsaw";

pub(in super::super) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "Jigsaw solver for EtC",
    paper: "Chuman, Kurihara, Kiya 2018 (extended jigsaw solvers); compatibility of Gallagher, CVPR 2012",
    summary: "puts the blocks of one image, or of many under one key, together by what fits at their sides, in all \
              poses, polarities and orders of channels; the picture as a whole may come out turned or inverted",
    level: Level::Disguised,
    applies: &["etc", "etc-gray"],
    needs: Needs::Nothing,
    params: &[
        ParamSpec {
            name: "images",
            help: "images whose costs are added up, since they share one key; 1 solves every image by itself",
            kind: Kind::Int { min: 1, max: 100_000 },
            default: "100",
        },
        ParamSpec {
            name: "regularisation",
            help: "added to the diagonal of the covariance of gradients, in squared grey levels",
            kind: Kind::Float {
                min: 0.01,
                max: 1000.0,
            },
            default: "2",
        },
        ParamSpec {
            name: "states",
            help: "all: blocks may be turned, inverted and have their channels exchanged; moved: they are only moved",
            kind: Kind::Choice(&["all", "moved"]),
            default: "all",
        },
    ],
    helpers: None,
    run: |exposure, params, budget, _: &mut Rng, progress| run(exposure, params, budget, progress),
};

fn run(exposure: &Exposure, params: &Params, budget: &Budget, progress: Progress<'_>) -> Result<Outcome> {
    let frame = Frame::new(NAME, &exposure.target)?;
    let disguised = &exposure.disguised;
    check(NAME, exposure, &frame, 1)?;
    let images: Vec<&[u8]> = disguised
        .as_bytes()?
        .chunks_exact(disguised.shape().len())
        .collect();
    let together = (params.int("images") as usize).min(images.len());
    let mut outcome = Outcome::nothing();
    outcome.figures.insert("blocks", frame.pieces() as f64);
    outcome.figures.insert(
        "states",
        if params.text("states") == "all" {
            16.0 * frame.orders() as f64
        } else {
            1.0
        },
    );
    outcome.figures.insert("images", together as f64);
    if !allowed(&frame, budget) {
        outcome.verdict = lacking(&frame);
        return Ok(outcome);
    }
    let turned = params.text("states") == "all";
    let solve = |images: &[&[u8]]| {
        let mut costs = Costs::new(frame.pieces(), frame.channels(), turned);
        let used = add_images(&mut costs, &frame, images, params.float("regularisation"), budget);
        costs.raise(FLOOR * used as f32);
        let (layout, complete) = assemble(&costs, &frame, budget);
        (layout, complete && used == images.len())
    };
    if together > 1 || images.len() == 1 {
        progress(0.0, "comparing the sides of blocks");
        let (layout, complete) = solve(&images[..together]);
        if !complete {
            outcome.verdict = out_of_time();
        }
        finish(&mut outcome, &layout, &frame, disguised)?;
        progress(1.0, "done");
        return Ok(outcome);
    }
    let mut plain = Vec::with_capacity(images.len() * frame.plain().len());
    for (at, image) in images.iter().enumerate() {
        progress(at as f64 / images.len() as f64, "solving image by image");
        let (layout, complete) = solve(&[image]);
        let one = Set::bytes(disguised.shape(), image.to_vec())?;
        plain.extend_from_slice(layout.restore(&frame, &one)?.as_bytes()?);
        if !complete {
            outcome.verdict = out_of_time();
        }
    }
    let pixels = visard_core::Pixels::U8(plain);
    outcome.reconstructions = Some(Set::new(frame.plain(), pixels, disguised.labels().to_vec())?);
    Ok(outcome)
}

/// Cost of a joint that fits as well as can be, so that equal sides of flat blocks are no certainty.
const FLOOR: f32 = 0.3;

/// Refuses what is no puzzle.
pub(super) fn check(attack: &'static str, exposure: &Exposure, frame: &Frame, images: usize) -> Result<()> {
    if exposure.disguised.len() < images {
        return Err(Error::Exposure(format!(
            "{attack} needs at least {images} disguised images"
        )));
    }
    if frame.pieces() > 1 {
        return Ok(());
    }
    Err(Error::Unfit {
        attack,
        target: exposure.target.describe(),
        problem: "there is only one block".into(),
    })
}

/// Whether the costs of all joints fit into the budget.
pub(super) fn allowed(frame: &Frame, budget: &Budget) -> bool {
    budget.allows(Costs::bytes(frame.pieces(), frame.channels()))
}

/// Says that they do not.
pub(super) fn lacking(frame: &Frame) -> Verdict {
    let needed = Costs::bytes(frame.pieces(), frame.channels()) >> 20;
    Verdict::Inconclusive(format!("the costs of all joints need {needed} MiB of memory"))
}

/// Says that the picture was put together in haste.
pub(super) fn out_of_time() -> Verdict {
    Verdict::Inconclusive("the time ran out; blocks that were left are laid as they came".into())
}

/// Puts the blocks together; and whether the budget sufficed.
pub(super) fn assemble(costs: &Costs, frame: &Frame, budget: &Budget) -> (Layout, bool) {
    Assembly::new(costs, frame.size()).solve(budget)
}

/// Puts a layout into an outcome: material, and all images restored by it.
pub(super) fn finish(outcome: &mut Outcome, layout: &Layout, frame: &Frame, disguised: &Set) -> Result<()> {
    outcome.material = layout.material(frame.channels())?;
    outcome.reconstructions = Some(layout.restore(frame, disguised)?);
    Ok(())
}
