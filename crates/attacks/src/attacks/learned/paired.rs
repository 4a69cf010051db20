//! What attacks with pairs that train a network have in common: stage 1, and what the network learns from.
//!
//! A network that corrects stage 1 must learn from pictures that stage 1 did not see, or it would be shown
//! better ones than it has to correct later. So each half of the pairs is read with the other half, and a
//! fifth of all pairs is kept back to judge both stages.

use super::{
    FEWEST,
    fit::Course,
    guess::{Lines, Shown, by_span},
    pick,
    planes::Planes,
    unet::Painter,
    view::View,
};
use crate::{
    Budget, Error, Exposure, Outcome, Pairs, Progress, Result, Rng, Set, Verdict,
    attacks::{
        span::{self, Domain},
        unfit,
    },
    metrics,
};
use std::borrow::Cow;
use visard_core::{
    Dtype, Pixels, Shape,
    params::{Kind, ParamSpec, Params},
};

/// Mean squared error in grey levels below which nothing is left to correct: rounding.
const EXACT: f64 = 0.25;
/// Smallest side of images for networks.
pub(super) const SIDE: usize = 4;

/// Whether images of this shape are too small for networks.
pub(super) fn small(shape: Shape) -> bool {
    shape.height < SIDE || shape.width < SIDE
}

pub(super) const FIRST: ParamSpec = ParamSpec {
    name: "first",
    help: "stage 1, whose pictures the network corrects: ridge, as the attack span; none: each value from \
           the one at its place, by one line for each channel",
    kind: Kind::Choice(&["ridge", "none"]),
    default: "ridge",
};

pub(super) const PLANES: ParamSpec = ParamSpec {
    name: "planes",
    help: "what is seen of a disguised byte: its value, its nibbles or its bits; auto: nibbles for schemes \
           on nibbles, else values",
    kind: Kind::Choice(&["auto", "values", "nibbles", "bits"]),
    default: "auto",
};

pub(super) const WIDTH: ParamSpec = ParamSpec {
    name: "width",
    help: "channels of the U-Net at full size; it has twice and four times as many below",
    kind: Kind::Int { min: 1, max: 512 },
    default: "16",
};

/// The domain that planes are in.
///
/// # Errors
/// If the scheme is none that the attack is for, or its values have no such parts.
pub(super) fn domain(attack: &'static str, exposure: &Exposure, params: &Params) -> Result<Domain> {
    let target = &exposure.target;
    if !span::APPLIES.contains(&target.name()) {
        let problem =
            "it needs one disguised image for each plain one, made of it alone, that is an image itself";
        return Err(unfit(attack, target, problem));
    }
    let floats = target.scheme.output(target.plain)?.dtype == Dtype::F32;
    Domain::of(attack, target, params.text("planes"), floats)
}

/// What a network learns from, and what it shall paint.
pub(super) struct Lesson<'a> {
    pub(super) view: View,
    pub(super) painter: Painter,
    pub(super) course: Course,
    /// Plain images, and their disguised forms with first guesses.
    pub(super) train: (Set, Shown<'a>),
    /// Likewise, to judge by.
    pub(super) held: (Set, Shown<'a>),
    /// The images under attack.
    pub(super) attacked: Shown<'a>,
    /// Mean squared error of the first guesses that were kept back, in grey levels.
    pub(super) before: f64,
}

impl Lesson<'_> {
    /// Mean squared error in grey levels of what was painted of the images that were kept back.
    pub(super) fn after(&self, painted: &Set) -> f64 {
        metrics::mse(&metrics::to_bytes(&self.held.0), &metrics::to_bytes(painted))
    }
}

/// Decibels of a mean squared error, finite where there is none.
pub(super) fn decibels(mse: f64) -> f64 {
    metrics::psnr_of(mse.max(1e-9))
}

/// Stage 1, and the lesson of stage 2 where there is something to learn. An outcome without a lesson is
/// final. `course` tells from the steps that are asked for and the number of examples how long stage 2 takes.
///
/// # Errors
/// If the scheme does not fit, or there are no pairs.
pub(super) fn prepare<'a>(
    attack: &'static str,
    exposure: &'a Exposure,
    params: &Params,
    course: fn(i64, usize) -> Course,
    (budget, rng): (&Budget, &mut Rng),
    progress: Progress<'_>,
) -> Result<(Outcome, Option<Lesson<'a>>)> {
    let (target, domain) = (&exposure.target, domain(attack, exposure, params)?);
    let pairs = exposure.pairs.as_ref().filter(|pairs| !pairs.plain.is_empty());
    let pairs = pairs.ok_or_else(|| Error::Exposure(format!("{attack} needs known pairs of images")))?;
    let ridge = params.text("first") == "ridge";
    let (plain, known, disguised) = (&pairs.plain, &pairs.disguised, &exposure.disguised);
    let read = |places: &[usize], unread: Set, from: f64, to: f64| {
        let some = Pairs::new(pick(plain, places)?, pick(known, places)?)?;
        let told = |share: f64, doing: &str| progress(from + share * (to - from), doing);
        by_span(attack, target, some, unread, domain, budget, &told)
    };
    let all: Vec<usize> = (0..plain.len()).collect();
    let mut outcome = match ridge {
        true => read(&all, disguised.clone(), 0.0, 0.1)?,
        false => Outcome::pictures(as_set(
            plain,
            disguised,
            &Lines::fit(plain, &[known]).apply(disguised),
        )?),
    };
    outcome.figures.insert("pairs", plain.len() as f64);
    let painter = Painter::of(params.text("network"), params.int("width"));
    if params.text("network") == "none"
        || plain.len() < FEWEST
        || small(plain.shape())
        || outcome.verdict != Verdict::Complete
        || disguised.is_empty()
    {
        return Ok((outcome, None));
    }
    let Some(guessed) = outcome.reconstructions.as_ref().map(Set::to_floats) else {
        return Ok((outcome, None));
    };
    let order = rng.permutation(plain.len());
    let (held, train) = order.split_at((plain.len() / 5).max(1));
    let [held_plain, held_known] = [pick(plain, held)?, pick(known, held)?];
    let [train_plain, train_known] = [pick(plain, train)?, pick(known, train)?];
    let guesses = match ridge {
        true => {
            let (one, other) = train.split_at(train.len() / 2);
            let parts = [
                read(train, held_known.clone(), 0.1, 0.2)?,
                read(other, pick(known, one)?, 0.2, 0.3)?,
                read(one, pick(known, other)?, 0.3, 0.4)?,
            ];
            let whole = parts.iter().all(|part| part.verdict == Verdict::Complete);
            let pictures = parts.map(|part| part.reconstructions.filter(|_| whole));
            let [Some(held), Some(one), Some(other)] = pictures else {
                let why = "the time was up while stage 1 was judged; these pictures are those of stage 1";
                outcome.verdict = Verdict::Inconclusive(why.into());
                return Ok((outcome, None));
            };
            [held.to_floats(), [one.to_floats(), other.to_floats()].concat()]
        }
        false => {
            let lines = Lines::fit(&train_plain, &[&train_known]);
            [lines.apply(&held_known), lines.apply(&train_known)]
        }
    };
    let before = metrics::mse(
        &metrics::to_bytes(&held_plain),
        &metrics::to_bytes(&as_set(plain, &held_known, &guesses[0])?),
    );
    outcome.figures.insert("held_out", held.len() as f64);
    let name = if ridge {
        "held_out_psnr_ridge"
    } else {
        "held_out_psnr_lines"
    };
    outcome.figures.insert(name, decibels(before));
    if ridge && before < EXACT {
        return Ok((outcome, None));
    }
    let planes = Planes::new(target, domain, known.shape(), &[&train_known]);
    let view = View::new(planes, &train_plain, true);
    let course = course(params.int("steps"), train.len());
    let pictures = 8 * (disguised.len() + plain.len()) * plain.shape().len();
    let bytes = view.plan().bytes(painter, course.batch) + pictures as u64;
    if let Some(why) = budget.lacks(bytes, "the network and its pictures") {
        outcome.verdict = Verdict::Inconclusive(format!("{why}; these pictures are those of stage 1"));
        return Ok((outcome, None));
    }
    let shown = |disguised, guess| Shown {
        disguised,
        guess: Some(guess),
    };
    let [held_guess, train_guess] = guesses;
    let lesson = Lesson {
        view,
        painter,
        course,
        train: (train_plain, shown(Cow::Owned(train_known), train_guess)),
        held: (held_plain, shown(Cow::Owned(held_known), held_guess)),
        attacked: shown(Cow::Borrowed(disguised), guessed),
        before,
    };
    Ok((outcome, Some(lesson)))
}

/// Grey levels as pictures like `plain`, with the labels of `disguised`.
fn as_set(plain: &Set, disguised: &Set, grey: &[f32]) -> Result<Set> {
    let bytes = grey.iter().map(|value| metrics::to_byte(*value)).collect();
    Set::new(plain.shape(), Pixels::U8(bytes), disguised.labels().to_vec())
}
