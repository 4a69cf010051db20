//! Ciphertext only on tanaka: the upper nibbles by their statistics.

use super::{
    assign::{Match, Profile, assign},
    blocks::{self, Blocks, NibbleKey},
    correlate::Reader,
    helper,
};
use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target, Verdict,
    score::{Ambiguity, Choose},
};
use visard_core::params::Params;

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "le-statistics",
    title: "Statistics of nibbles against tanaka",
    paper: "this project; that ciphertexts alone suffice is claimed by Chang, Li, arXiv 2004.13263",
    summary: "tells upper nibbles from lower ones by their correlation with neighbouring blocks, and orders them so \
              that their correlations look like those of public images; the lower nibbles stay unknown",
    level: Level::Disguised,
    applies: &["tanaka"],
    needs: Needs::Public,
    params: &[],
    helpers: None,
    trains: false,
    run,
};

/// Public images of a similar kind, checked, and the readers of both sets.
pub(super) struct Inputs {
    pub(super) blocks: Blocks,
    pub(super) own: Reader,
    pub(super) reference: Reader,
    pub(super) public: Vec<u8>,
}

/// What both statistical attacks need of an exposure, or how they end where the memory does not suffice.
pub(super) fn inputs(
    attack: &'static str,
    exposure: &Exposure,
    nibbles: bool,
    budget: &Budget,
) -> Result<std::result::Result<Inputs, Outcome>> {
    let target = &exposure.target;
    let public = exposure.public.as_ref().filter(|p| !p.is_empty());
    let public =
        public.ok_or_else(|| Error::Exposure(format!("{attack} needs public images of a similar kind")))?;
    if exposure.disguised.len() < 2 {
        return Err(Error::Exposure(format!(
            "{attack} needs at least 2 disguised images, better 100; {} is given",
            exposure.disguised.len()
        )));
    }
    let blocks = Blocks::of(target);
    let reference = Blocks::new(target, public.shape());
    let (own, theirs) = (Reader::new(blocks, nibbles), Reader::new(reference, nibbles));
    for (reader, what) in [(own, "images"), (theirs, "public images")] {
        let (rows, columns) = reader.grid();
        if rows < 2 || columns < 2 {
            let problem =
                format!("the {what} need two whole blocks in each direction, they have {rows} x {columns}");
            return Err(blocks::unfit(attack, target, problem));
        }
    }
    // Three matrices of sums and as many for each of four chunks, and two sides with their copies.
    let slots = blocks.values() as u64;
    let bytes = slots * slots * 8 * 30 + 2 * public.len() as u64 * public.shape().len() as u64;
    if let Some(why) = budget.lacks(bytes, "correlations and public images") {
        return Ok(Err(Outcome::inconclusive(why)));
    }
    Ok(Ok(Inputs {
        public: reference.padded(public)?,
        blocks,
        own,
        reference: theirs,
    }))
}

/// The better of the two global signs.
pub(super) fn either_sign(
    own: &Profile,
    reference: &Profile,
    channels: usize,
    budget: &Budget,
) -> (Match, Vec<bool>, f64) {
    let turned = own.turned();
    let straight = assign(own, reference, channels, budget);
    let other = assign(&turned, reference, channels, budget);
    let margin = (straight.cost - other.cost).abs();
    if straight.cost <= other.cost {
        (straight, own.flip.clone(), margin)
    } else {
        (other, turned.flip, margin)
    }
}

/// The half of the slots that is most alike its neighbours, in order; and by how much it stands off.
fn upper(along: &[f64]) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..along.len()).collect();
    order.sort_by(|a, b| along[*b].total_cmp(&along[*a]));
    let half = along.len() / 2;
    let gap = along[order[half - 1]] - along[order[half]];
    let mut picks = order[..half].to_vec();
    picks.sort_unstable();
    (picks, gap)
}

fn run(
    exposure: &Exposure,
    _: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let target = &exposure.target;
    blocks::check(&INFO, target)?;
    let inputs = match inputs(INFO.name, exposure, true, budget)? {
        Ok(inputs) => inputs,
        Err(ended) => return Ok(ended),
    };
    let (disguised, values) = (exposure.disguised.as_bytes()?, inputs.blocks.values());
    progress(0.0, "levels of the nibbles");
    let survey = inputs.own.survey(disguised);
    let known = inputs.reference.survey(&inputs.public);
    let (picks, gap) = upper(&inputs.own.along(disguised, &survey));
    let plain: Vec<usize> = (values..2 * values).collect();
    progress(0.2, "correlations");
    let own = Profile::new(&inputs.own, disguised, &survey, &picks, 15.0, true)?;
    let reference = Profile::new(&inputs.reference, &inputs.public, &known, &plain, 15.0, true)?;
    progress(0.5, "ordering the upper nibbles");
    let (found, flips, margin) = either_sign(&own, &reference, target.plain.channels, budget);
    progress(0.9, "opening the images");
    let mut key = NibbleKey {
        perm: vec![usize::MAX; 2 * values],
        flip: vec![false; 2 * values],
    };
    for (i, slot) in picks.iter().enumerate() {
        key.perm[*slot] = values + found.at[i];
        key.flip[*slot] = flips[i] != reference.flip[found.at[i]];
    }
    // The lower nibbles are handed out in order: their places are unknown.
    let mut rest = 0..values;
    for place in key.perm.iter_mut().filter(|p| **p == usize::MAX) {
        *place = rest.next().unwrap_or(0);
    }
    let mut outcome = helper::open(&inputs.blocks, &key, &exposure.disguised)?;
    outcome.reconstructions = outcome
        .reconstructions
        .map(|set| middle(target, set))
        .transpose()?;
    outcome.figures.extend([
        ("upper_nibbles", values as f64),
        ("gap_between_upper_and_lower", gap),
        ("misfit", found.misfit),
        ("margin_of_the_sign", margin),
    ]);
    if budget.is_spent() {
        outcome.verdict = Verdict::Inconclusive("the order of the nibbles was still improving".into());
    }
    Ok(outcome.up_to(Ambiguity::COLORS, Choose::Once))
}

/// The same pictures with the lower nibbles in the middle of their range, 7.5 rounded.
fn middle(target: &Target, set: Set) -> Result<Set> {
    let pixels = set.as_bytes()?.iter().map(|v| v & 0xF0 | 8).collect();
    Set::bytes(target.plain, pixels)
}
