//! Chosen plaintext: one image of the pixel (1, 2, 3) gives the whole key away.

use super::{Keys, Layout, bytes_of, states};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Result, Rng, Set, Target, Verdict,
    attack::Progress,
};
use states::{ORDERS, State};
use visard_core::params::Params;

const NAME: &str = "skk-helper";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "helper image under the same key",
    paper: "Chang, Li: Attacks on Image Encryption Schemes for Privacy-Preserving Deep Neural Networks, \
            2020, arXiv 2004.13263",
    summary: "has one image disguised whose pixels all are (1, 2, 3): a value above 127 shows a negation, \
              what it then is shows the order of colours, and every other image follows byte by byte",
    level: Level::Chosen,
    applies: &["skk"],
    needs: Needs::Helpers,
    params: &[],
    helpers: Some(helpers),
    trains: false,
    run,
};

fn helpers(target: &Target, _: &Params) -> Result<Set> {
    Layout::of(NAME, target, Keys::Same)?;
    let shape = target.plain;
    let values = 1..=shape.channels as u8;
    let pixels = values.cycle().take(shape.len());
    Set::bytes(shape, pixels.collect())
}

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let layout = Layout::of(NAME, &exposure.target, Keys::Same)?;
    let missing = "its helper image, all pixels (1, 2, 3), and the disguised form of it";
    let chosen = exposure.chosen.as_ref();
    let plain = bytes_of(NAME, missing, chosen.map(|pairs| &pairs.plain))?;
    let answers = bytes_of(NAME, missing, chosen.map(|pairs| &pairs.disguised))?;
    let disguised = super::images(NAME, exposure, 0)?;
    let helper = helpers(&exposure.target, params)?;
    let wanted = helper.as_bytes()?;
    let len = layout.shape.len();
    let (_, answer) = plain
        .chunks_exact(len)
        .zip(answers.chunks_exact(len))
        .find(|(plain, _)| *plain == wanted)
        .ok_or_else(|| Error::Exposure(format!("{NAME} needs {missing}")))?;
    progress(0.0, "reading the key off the helper");
    let states: Vec<State> = answer
        .chunks_exact(layout.channels())
        .enumerate()
        .map(|(place, pixel)| read(layout, pixel).ok_or_else(|| odd(layout, place, pixel)))
        .collect::<Result<_>>()?;
    let mut outcome = Outcome {
        material: states::material(layout, &states)?,
        ..Outcome::nothing()
    };
    outcome.figures.insert("decided_pixels", states.len() as f64);
    if budget.allows(disguised.len() as u64) {
        let plain = states::undo(layout, &states, disguised);
        outcome.reconstructions = Some(Set::bytes(layout.shape, plain)?);
    } else {
        outcome.verdict =
            Verdict::Inconclusive("the key is found, the images do not fit into the memory".into());
    }
    Ok(outcome)
}

/// The state of a pixel whose plain values are 1, 2, 3 ...; `None` if no state makes the disguised
/// ones of it.
fn read(layout: Layout, pixel: &[u8]) -> Option<State> {
    let number = |v: u8| usize::from(v.min(255 - v));
    let order = if layout.exchanges {
        // Where plain value c, which is c + 1, went.
        let mut order = [0; 3];
        for (c, place) in order.iter_mut().enumerate() {
            *place = pixel.iter().position(|v| number(*v) == c + 1)?;
        }
        ORDERS.iter().position(|o| *o == order)?
    } else {
        (pixel.iter().enumerate().all(|(c, v)| number(*v) == c + 1)).then_some(0)?
    };
    let mut state = State {
        order: order as u8,
        negated: 0,
    };
    for c in 0..layout.channels() {
        state.negated |= u16::from(pixel[state.source(c).0] > 127) << c;
    }
    Some(state)
}

fn odd(layout: Layout, place: usize, pixel: &[u8]) -> Error {
    let (row, column) = (place / layout.shape.width, place % layout.shape.width);
    Error::Exposure(format!(
        "the answer to the helper image holds {pixel:?} in row {row}, column {column}, which this scheme \
         does not make of it"
    ))
}
