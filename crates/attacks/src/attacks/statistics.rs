//! Generic statistics of disguised bytes: sanity, no proof (ATTACKS, section 9).
//!
//! Good figures say nothing about the attacks beside this one. Bad ones show at once that a disguise leaves
//! the statistics of pictures in place, or that a change of one pixel stays where it is.

use crate::{
    AttackInfo, Budget, Error, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Target, Verdict,
    metrics,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use visard_core::{Pixels, Shape, params::Params};

pub(super) static INFO: AttackInfo = AttackInfo {
    name: "statistics",
    title: "Generic statistics (sanity, not proof)",
    paper: "folklore of image encryption: entropy, chi-square, correlation of neighbours, NPCR and UACI",
    summary: "counts values, compares neighbours, and where its helper images are given shows how far the \
              change of one pixel spreads; good figures prove no security, bad ones show what remains",
    level: Level::Disguised,
    applies: &["aes", "tanaka", "ele", "skk", "etc", "etc-gray", "shf", "negpos"],
    needs: Needs::Nothing,
    params: &[],
    helpers: Some(helpers),
    trains: false,
    run,
};

/// Images that are counted between two looks at the budget.
const CHUNK: usize = 512;

/// Names of the figures of channels.
static ENTROPY: [&str; Shape::MAX_CHANNELS] = [
    "entropy_0",
    "entropy_1",
    "entropy_2",
    "entropy_3",
    "entropy_4",
    "entropy_5",
    "entropy_6",
    "entropy_7",
    "entropy_8",
    "entropy_9",
    "entropy_10",
    "entropy_11",
    "entropy_12",
    "entropy_13",
    "entropy_14",
    "entropy_15",
];
static CHI_SQUARE: [&str; Shape::MAX_CHANNELS] = [
    "chi_square_0",
    "chi_square_1",
    "chi_square_2",
    "chi_square_3",
    "chi_square_4",
    "chi_square_5",
    "chi_square_6",
    "chi_square_7",
    "chi_square_8",
    "chi_square_9",
    "chi_square_10",
    "chi_square_11",
    "chi_square_12",
    "chi_square_13",
    "chi_square_14",
    "chi_square_15",
];

/// A texture, the texture with one pixel changed by one level in each channel, and the texture again.
fn helpers(target: &Target, _: &Params) -> Result<Set> {
    let shape = target.plain.check()?;
    // Any fixed picture with many values does; both sides of the oracle must make the same one.
    let mut rng = Rng::new(0x5374_6174);
    let base: Vec<u8> = (0..shape.len()).map(|_| rng.next_u64() as u8).collect();
    let mut changed = base.clone();
    let pixel = (shape.height / 2 * shape.width + shape.width / 2) * shape.channels;
    changed[pixel..][..shape.channels]
        .iter_mut()
        .for_each(|v| *v ^= 1);
    Set::bytes(shape, [&base[..], &changed, &base].concat())
}

/// Sums over pairs of values, for their correlation; exact, so that the order of adding does not matter.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: u64,
    a: u64,
    b: u64,
    aa: u64,
    bb: u64,
    ab: u64,
    equal: u64,
}

impl Moments {
    fn add(&mut self, a: u8, b: u8) {
        let (x, y) = (u64::from(a), u64::from(b));
        self.count += 1;
        self.a += x;
        self.b += y;
        self.aa += x * x;
        self.bb += y * y;
        self.ab += x * y;
        self.equal += u64::from(a == b);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.a += other.a;
        self.b += other.b;
        self.aa += other.aa;
        self.bb += other.bb;
        self.ab += other.ab;
        self.equal += other.equal;
    }

    fn correlation(&self) -> Option<f64> {
        let [n, a, b, aa, bb, ab] = [self.count, self.a, self.b, self.aa, self.bb, self.ab].map(i128::from);
        let (va, vb) = (n * aa - a * a, n * bb - b * b);
        (va > 0 && vb > 0).then(|| (n * ab - a * b) as f64 / (va as f64).sqrt() / (vb as f64).sqrt())
    }
}

/// Everything that is counted over a set.
struct Tally {
    /// How often each value occurs, by channel.
    counts: Vec<[u64; 256]>,
    /// Right, lower, lower right neighbours; neighbours one block to the right and one below.
    pairs: [Moments; 5],
    images: u64,
    /// Images whose every channel passes for uniform.
    uniform: u64,
}

impl Tally {
    fn new(channels: usize) -> Self {
        Self {
            counts: vec![[0; 256]; channels],
            pairs: Default::default(),
            images: 0,
            uniform: 0,
        }
    }

    /// The tally of one image; `lag` is the side of a block, if there are blocks.
    fn of(shape: Shape, lag: Option<usize>, image: &[u8]) -> Self {
        let channels = shape.channels;
        let mut tally = Self::new(channels);
        for (channel, counts) in tally.counts.iter_mut().enumerate() {
            *counts = metrics::counts(image.iter().skip(channel).step_by(channels).copied());
        }
        let steps = [
            Some((0, 1)),
            Some((1, 0)),
            Some((1, 1)),
            lag.map(|b| (0, b)),
            lag.map(|b| (b, 0)),
        ];
        for (pairs, step) in tally.pairs.iter_mut().zip(steps) {
            let Some((down, right)) = step.filter(|s| s.0 < shape.height && s.1 < shape.width) else {
                continue;
            };
            for row in 0..shape.height - down {
                let len = (shape.width - right) * channels;
                let upper = &image[row * shape.row()..][..len];
                let lower = &image[(row + down) * shape.row() + right * channels..][..len];
                upper.iter().zip(lower).for_each(|(a, b)| pairs.add(*a, *b));
            }
        }
        tally.images = 1;
        let passes = |counts| metrics::chi_square(counts) <= metrics::CHI_SQUARE_BOUND;
        tally.uniform = u64::from(tally.counts.iter().all(passes));
        tally
    }

    fn merge(mut self, other: Self) -> Self {
        for (a, b) in self
            .counts
            .iter_mut()
            .flatten()
            .zip(other.counts.iter().flatten())
        {
            *a += b;
        }
        self.pairs
            .iter_mut()
            .zip(&other.pairs)
            .for_each(|(a, b)| a.merge(b));
        self.images += other.images;
        self.uniform += other.uniform;
        self
    }

    fn figures(&self) -> BTreeMap<&'static str, f64> {
        let mut figures = BTreeMap::new();
        for (channel, counts) in self.counts.iter().enumerate().take(Shape::MAX_CHANNELS) {
            figures.insert(ENTROPY[channel], metrics::entropy(counts));
            figures.insert(CHI_SQUARE[channel], metrics::chi_square(counts));
        }
        let names = [
            "correlation_horizontal",
            "correlation_vertical",
            "correlation_diagonal",
            "correlation_block_right",
            "correlation_block_below",
        ];
        for (name, pairs) in names.into_iter().zip(&self.pairs) {
            if let Some(correlation) = pairs.correlation() {
                figures.insert(name, correlation);
            }
        }
        let [right, below, ..] = &self.pairs;
        if right.count + below.count > 0 {
            let equal = (right.equal + below.equal) as f64 / (right.count + below.count) as f64;
            figures.insert("equal_neighbours", equal);
        }
        figures.insert("images", self.images as f64);
        figures.insert("uniform_images", self.uniform as f64 / self.images as f64);
        figures
    }
}

fn run(
    exposure: &Exposure,
    _: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let set = &exposure.disguised;
    let Pixels::U8(bytes) = set.pixels() else {
        return Err(Error::Unfit {
            attack: INFO.name,
            target: exposure.target.describe(),
            problem: "values are counted, so it needs a scheme that makes bytes".into(),
        });
    };
    if set.is_empty() {
        return Err(Error::Exposure(
            "statistics needs at least one disguised image".into(),
        ));
    }
    let shape = set.shape();
    let block = exposure.target.scheme.params().int("block") as usize;
    let lag = Some(block).filter(|b| *b > 1);
    let mut outcome = Outcome::nothing();
    let mut total = Tally::new(shape.channels);
    for chunk in bytes.chunks(CHUNK * shape.len()) {
        if total.images > 0 && budget.is_spent() {
            let why = format!("{} of {} images were counted", total.images, set.len());
            outcome.verdict = Verdict::Inconclusive(why);
            break;
        }
        let tally = chunk
            .par_chunks_exact(shape.len())
            .map(|image| Tally::of(shape, lag, image))
            .reduce(|| Tally::new(shape.channels), Tally::merge);
        total = total.merge(tally);
        progress(
            total.images as f64 / set.len() as f64,
            "counting values and neighbours",
        );
    }
    outcome.figures = total.figures();
    if let Some(chosen) = &exposure.chosen {
        spread(exposure, &chosen.plain, &chosen.disguised, &mut outcome)?;
    }
    Ok(outcome)
}

/// What becomes of the helper images.
fn spread(exposure: &Exposure, plain: &Set, disguised: &Set, outcome: &mut Outcome) -> Result<()> {
    let expected = helpers(&exposure.target, &Params::default())?;
    let (len, bytes) = (disguised.shape().len(), disguised.as_bytes()?);
    let used = plain.len();
    if !(2..=expected.len()).contains(&used) || *plain.pixels() != *expected.first(used).pixels() {
        return Err(Error::Exposure(
            "the chosen images must be the helper images of statistics: two that differ in one pixel, and \
             the first again"
                .into(),
        ));
    }
    let image = |i: usize| &bytes[i * len..][..len];
    let figures = &mut outcome.figures;
    figures.insert("npcr", metrics::npcr(image(0), image(1)));
    figures.insert("uaci", metrics::uaci(image(0), image(1)));
    if used > 2 {
        figures.insert("repeats", 1.0 - metrics::npcr(image(0), image(2)));
    }
    Ok(())
}
