//! The leading-bit attack: folding every value at mid-grey undoes any negation without a key.

use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Result, Rng, Set, Verdict, attack::Progress,
};
use rayon::prelude::*;
use visard_core::{
    Shape,
    params::{Kind, ParamSpec, Params},
};

const NAME: &str = "skk-leading-bit";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "leading-bit attack (FR attack)",
    paper: "Chang, Li: Attacks on Image Encryption Schemes for Privacy-Preserving Deep Neural Networks, \
            2020, arXiv 2004.13263",
    summary: "replaces every value v by min(v, 255 - v), which is the plain image folded at mid-grey where \
              values were only negated, whatever the key",
    level: Level::Disguised,
    applies: &["skk", "tanaka", "ele", "etc", "etc-gray", "shf", "negpos"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "grey",
        help: "show the luminance of the folded colours in all three channels, which does not show the \
               wrong order of colours",
        kind: Kind::Bool,
        default: "false",
    }],
    helpers: None,
    trains: false,
    run,
};

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    if !INFO.applies.contains(&target.name()) {
        return Err(Error::Unfit {
            attack: NAME,
            target: target.describe(),
            problem: format!("it is for schemes that negate bytes: {}", INFO.applies.join(", ")),
        });
    }
    let (from, to) = (exposure.disguised.shape(), target.plain);
    let disguised = super::images(NAME, exposure, 1)?;
    progress(0.0, "folding values");
    let count = exposure.disguised.len();
    if !budget.allows((count * to.len()) as u64) {
        return Ok(Outcome {
            verdict: Verdict::Inconclusive(format!(
                "{count} images of {to} do not fit into the memory allowed"
            )),
            ..Outcome::nothing()
        });
    }
    let grey = params.bool("grey") && to.channels == 3;
    let mut plain = vec![0; count * to.len()];
    plain
        .par_chunks_exact_mut(to.len())
        .zip(disguised.par_chunks_exact(from.len()))
        .for_each(|(plain, disguised)| fold(from, disguised, to, plain, grey));
    Ok(Outcome::pictures(Set::bytes(to, plain)?))
}

/// Folds an image. A disguised image may be larger, and is cropped; where it has one channel for
/// three, as the greyscale images of EtC whose luminance is at the left, that stands for all.
fn fold(from: Shape, disguised: &[u8], to: Shape, plain: &mut [u8], grey: bool) {
    for (row, plain) in plain.chunks_exact_mut(to.row()).enumerate() {
        let disguised = &disguised[row * from.row()..][..to.width * from.channels];
        let pixels = disguised.chunks_exact(from.channels);
        for (pixel, plain) in pixels.zip(plain.chunks_exact_mut(to.channels)) {
            for (c, value) in plain.iter_mut().enumerate() {
                let v = pixel[c.min(from.channels - 1)];
                *value = v.min(255 - v);
            }
            if grey {
                let weights = plain.iter().zip([299, 587, 114]);
                let sum: u32 = weights.map(|(v, w)| u32::from(*v) * w).sum();
                plain.fill(((sum + 500) / 1000) as u8);
            }
        }
    }
}
