//! The jigsaw solver: blocks of disguised images are put together by what fits at their sides.

use super::{assembly::Assembly, costs::Costs, frame::Frame, layout::Layout, seams::add_images};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
    score::{Ambiguity, Choose},
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
    trains: false,
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
    if let Some(why) = lacking(&frame, budget, 0) {
        outcome.verdict = why;
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
        return Ok(outcome.up_to(Ambiguity::ALL, Choose::Once));
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
    Ok(outcome.up_to(Ambiguity::ALL, Choose::Each))
}

/// How much speaks against a layout of the first disguised image, over all joints and less what speaks for it:
/// what the solver, with these parameters, looks for the least of.
///
/// # Errors
/// If the target or the layout does not fit.
pub fn doubt(exposure: &Exposure, layout: &Layout, params: &Params) -> Result<f64> {
    let frame = Frame::new(NAME, &exposure.target)?;
    check(NAME, exposure, &frame, 1)?;
    if layout.places.len() != frame.pieces() {
        return Err(Error::Exposure(
            "the layout is of another number of blocks".into(),
        ));
    }
    let image = exposure.disguised.first(1);
    let turned = params.text("states") == "all";
    let mut costs = Costs::new(frame.pieces(), frame.channels(), turned);
    let image = [image.as_bytes()?];
    add_images(
        &mut costs,
        &frame,
        &image,
        params.float("regularisation"),
        &Budget::generous(),
    );
    costs.raise(FLOOR);
    Ok(f64::from(Assembly::new(&costs, frame.size()).judge(layout)))
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

/// Why the costs of all joints, and `more` bytes, do not fit into the budget, if they do not.
pub(super) fn lacking(frame: &Frame, budget: &Budget, more: u64) -> Option<Verdict> {
    let bytes = Costs::bytes(frame.pieces(), frame.channels()) + more;
    budget
        .lacks(bytes, "the costs of all joints")
        .map(Verdict::Inconclusive)
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
