//! The magnitudes as pictures: what the eye sees once the random signs are gone.

use super::{View, view::Norm};
use crate::{
    AttackInfo, Level, Needs, Outcome, Result, Set,
    score::{Ambiguity, Choose},
};
use visard_core::params::{Kind, ParamSpec};

const NAME: &str = "instahide-abs";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, magnitudes as pictures",
    paper: "Carlini et al., IEEE S&P 2021, arXiv 2011.05315 (first step)",
    summary: "drops the random signs, averages the magnitudes over the encodings of each sample, and shows \
              them",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Nothing,
    params: &[ParamSpec {
        name: "images",
        help: "how magnitudes become grey levels: stretched to 0..255, or as if all images were darker or \
               brighter than the mean that they were normalised by",
        kind: Kind::Choice(&["stretch", "dark", "bright"]),
        default: "stretch",
    }],
    helpers: None,
    trains: false,
    run: |exposure, params, _, _, progress| {
        let view = View::read(NAME, exposure)?;
        progress(0.5, "magnitudes");
        let templates = view.templates();
        let pictures = match params.text("images") {
            "dark" => signed(&view, &templates, -1.0)?,
            "bright" => signed(&view, &templates, 1.0)?,
            _ => Set::bytes(view.shape, stretch(&templates))?,
        };
        let mut outcome = Outcome::pictures(pictures);
        outcome.figures.insert("encodings", view.count() as f64);
        outcome.figures.insert("encodings_a_sample", view.each as f64);
        Ok(outcome.up_to(Ambiguity::NEGATIVE, Choose::Once))
    },
};

/// The magnitudes under one sign for all. A blend of k = 1 needs no more than this where all images
/// lie on one side of the mean.
fn signed(view: &View, templates: &[f32], sign: f32) -> Result<Set> {
    let values: Vec<f32> = templates.iter().map(|value| sign * value).collect();
    let norm: &Norm = &view.norms[0];
    norm.pictures(view.shape, &values)
}

/// Magnitudes as grey levels, the 0.995 quantile as white.
fn stretch(magnitudes: &[f32]) -> Vec<u8> {
    let mut order = magnitudes.to_vec();
    let place = (order.len() - 1) * 995 / 1000;
    let (_, white, _) = order.select_nth_unstable_by(place, f32::total_cmp);
    let factor = 255.0 / white.max(f32::MIN_POSITIVE);
    magnitudes
        .iter()
        .map(|value| (value * factor).round() as u8)
        .collect()
}
