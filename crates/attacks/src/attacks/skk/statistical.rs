//! Ciphertext only, one key: values of neighbouring pixels are alike in most images, and go up and down
//! together from one to the next, and that shows how the pixels are turned against each other.

use super::{
    Keys, Layout,
    grid::Grid,
    prior::Prior,
    states::{self, COLORS, ORDERS, State},
    synchronise::{SIGNS, synchronise},
};
use crate::{
    AttackInfo, Budget, Exposure, Level, Needs, Outcome, Result, Rng, Set, Verdict,
    attack::Progress,
    score::{Ambiguity, Choose},
};
use rayon::prelude::*;
use visard_core::params::{Kind, ParamSpec, Params};

const NAME: &str = "skk-statistical";

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "neighbours compared over many images",
    paper: "this project; that it can be done: Sirichotedumrong, Kinoshita, Kiya, arXiv 1912.04746 (with a \
            network)",
    summary: "compares the values of neighbouring pixels over all images of one key, passes orders and \
              signs on along trees of the clearest cases, and turns all images alike to what looks most \
              like pictures; 20 to 30 images give every pixel back",
    level: Level::Disguised,
    applies: &["skk"],
    needs: Needs::Nothing,
    params: &[
        ParamSpec {
            name: "statistic",
            help: "what makes values of neighbours alike: their mean absolute difference (distance), which \
                   also uses values that are the same in all images, or their correlation",
            kind: Kind::Choice(&["distance", "correlation"]),
            default: "distance",
        },
        ParamSpec {
            name: "rank",
            help: "show the pictures that look like such the most (0), or the next (1), ... of the states \
                   that all images together can be turned to; the last is shown where there are fewer",
            kind: Kind::Int { min: 0, max: 47 },
            default: "0",
        },
    ],
    helpers: None,
    trains: false,
    run,
};

/// Images whose values are laid out as series at a time; products of that many fit into 32 bits.
const SERIES: usize = 4096;

fn run(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    _: &mut Rng,
    progress: Progress<'_>,
) -> Result<Outcome> {
    let layout = Layout::of(NAME, &exposure.target, Keys::Same)?;
    let statistic = match params.text("statistic") {
        "correlation" => Statistic::Correlation,
        _ => Statistic::Distance,
    };
    // Two points always lie on a line, so that two images correlate whatever they show.
    let least = if statistic == Statistic::Correlation { 3 } else { 2 };
    let disguised = super::images(NAME, exposure, least)?;
    let public = exposure.public.as_ref().map(Set::as_bytes).transpose()?;
    let len = layout.shape.len();
    let count = disguised.len() / len;
    // Sums, what edges say and trees of a pixel, and one byte for each value of a series.
    let fixed = (layout.pixels() * (width(layout) * 32 + 256) + len * 16) as u64;
    let room = budget.memory().saturating_sub(fixed) / len as u64;
    let at_once = count.min(SERIES).min(room as usize);
    if at_once < count.min(64) {
        return Ok(Outcome {
            verdict: Verdict::Inconclusive(format!(
                "comparing neighbours in images of {} takes {} bytes",
                layout.shape,
                fixed + (len * count.min(64)) as u64
            )),
            ..Outcome::nothing()
        });
    }
    let mut sums = Sums::new(layout, statistic);
    for chunk in disguised.chunks(at_once * len) {
        if sums.count > 0 && budget.is_spent() {
            break;
        }
        progress(0.9 * sums.count as f64 / count as f64, "comparing neighbours");
        sums.add(chunk);
    }
    progress(0.9, "growing trees of neighbours");
    let found = solve(&sums);
    let prior = Prior::new(layout, public);
    let ranked = prior.rank(&sample(layout, &found.states, disguised));
    let rank = (params.int("rank") as usize).min(ranked.len() - 1);
    let states: Vec<State> = found.states.iter().map(|s| ranked[rank].after(*s)).collect();
    let mut outcome = Outcome {
        material: states::material(layout, &states)?,
        ..Outcome::nothing()
    };
    outcome.figures.extend([
        ("images", sums.count as f64),
        ("agreeing_signs", found.agreeing_signs),
        ("states", layout.states() as f64),
        ("rank", rank as f64),
    ]);
    if layout.exchanges {
        outcome.figures.insert("agreeing_orders", found.agreeing_orders);
    }
    if sums.count < count {
        let why = format!("{} of {count} images were compared in time", sums.count);
        outcome.verdict = Verdict::Inconclusive(why);
    }
    if budget.allows(disguised.len() as u64) {
        let plain = states::undo(layout, &states, disguised);
        outcome.reconstructions = Some(Set::bytes(layout.shape, plain)?);
    } else {
        let why = "the key is found, the images do not fit into the memory allowed";
        outcome.verdict = Verdict::Inconclusive(why.into());
    }
    Ok(outcome.up_to(Ambiguity::COLORS, Choose::Once))
}

/// About 65,536 pixels with the disguise taken off, spread over all images.
fn sample(layout: Layout, states: &[State], disguised: &[u8]) -> Vec<u8> {
    let channels = layout.channels();
    let total = disguised.len() / channels;
    // An odd step walks over all columns, whatever the width.
    let step = (total >> 16) | 1;
    let mut pixels = vec![0; total.div_ceil(step) * channels];
    for (to, place) in pixels.chunks_exact_mut(channels).zip((0..total).step_by(step)) {
        let from = &disguised[place * channels..][..channels];
        states[place % layout.pixels()].undo(from, to);
    }
    pixels
}

/// Sums over images that tell how alike values of neighbours are.
struct Sums {
    layout: Layout,
    grid: Grid,
    statistic: Statistic,
    count: usize,
    /// Of each value from mid-grey, (H, W, C), and of its square, in half grey levels; for correlation.
    values: Vec<[i64; 2]>,
    /// For each edge, of all pairs of channels, the first pixel's first; without a colour step of each
    /// channel with itself. Two sums each, by statistic.
    pairs: Vec<[i64; 2]>,
}

/// What the sums of a pair of series are.
#[derive(Clone, Copy, PartialEq)]
enum Statistic {
    /// Absolute differences, with the second value kept and negated.
    Distance,
    /// Products of values from mid-grey in half grey levels, and nothing.
    Correlation,
}

/// Pairs of channels that are compared at an edge.
fn width(layout: Layout) -> usize {
    if layout.exchanges { 9 } else { layout.channels() }
}

impl Sums {
    fn new(layout: Layout, statistic: Statistic) -> Self {
        let grid = Grid {
            height: layout.shape.height,
            width: layout.shape.width,
        };
        Self {
            layout,
            grid,
            statistic,
            count: 0,
            values: vec![[0; 2]; layout.shape.len()],
            pairs: vec![[0; 2]; grid.edges() * width(layout)],
        }
    }

    /// Adds at most [`SERIES`] images.
    fn add(&mut self, images: &[u8]) {
        let (len, channels, pairs) = (
            self.layout.shape.len(),
            self.layout.channels(),
            width(self.layout),
        );
        let count = images.len() / len;
        let series = series(images, len);
        let of = |value: usize| &series[value * count..][..count];
        let (grid, exchanges, statistic) = (self.grid, self.layout.exchanges, self.statistic);
        if statistic == Statistic::Correlation {
            let sums = self.values.par_iter_mut().enumerate();
            sums.with_min_len(256).for_each(|(value, [sum, square])| {
                *sum += of(value).iter().map(|v| i64::from(centred(*v))).sum::<i64>();
                *square += product(of(value), of(value));
            });
        }
        let edges = self.pairs.par_chunks_exact_mut(pairs).enumerate();
        edges.with_min_len(64).for_each(|(edge, sums)| {
            let (from, to) = grid.ends(edge);
            for (i, sum) in sums.iter_mut().enumerate() {
                let (a, b) = if exchanges { (i / 3, i % 3) } else { (i, i) };
                let (a, b) = (of(from * channels + a), of(to * channels + b));
                let more = match statistic {
                    Statistic::Distance => distances(a, b),
                    Statistic::Correlation => [product(a, b), 0],
                };
                sum[0] += more[0];
                sum[1] += more[1];
            }
        });
        self.count += count;
    }

    /// Costs (smaller is more alike, and sums over edges say more than one) of taking channel `b` of the
    /// second pixel of an edge, kept and negated, for channel `a` of the first.
    fn costs(&self, edge: usize, a: usize, b: usize) -> [f32; 2] {
        let within = if self.layout.exchanges { 3 * a + b } else { a };
        let pair = self.pairs[edge * width(self.layout) + within];
        let count = self.count as f64;
        if self.statistic == Statistic::Distance {
            // Up to constants the likelihood of differences of exponential tails and unknown width,
            // which says nothing below one grey level.
            return pair.map(|sum| (sum as f64 / count + 1.0).ln() as f32);
        }
        let (from, to) = self.grid.ends(edge);
        let ends = [
            self.values[from * self.layout.channels() + a],
            self.values[to * self.layout.channels() + b],
        ];
        let [one, other] = ends.map(|[sum, square]| square as f64 * count - (sum as f64).powi(2));
        let both = pair[0] as f64 * count - ends[0][0] as f64 * ends[1][0] as f64;
        let scale = (one * other).sqrt();
        // A value that is the same in all images correlates with nothing.
        let correlation = if scale > 0.0 { both / scale } else { 0.0 };
        [-correlation as f32, correlation as f32]
    }
}

/// One value of all images after the other, (len, images).
fn series(images: &[u8], len: usize) -> Vec<u8> {
    const TILE: usize = 64;
    let count = images.len() / len;
    let mut series = vec![0; images.len()];
    series
        .par_chunks_mut(count * TILE)
        .enumerate()
        .for_each(|(tile, series)| {
            for (i, image) in images.chunks_exact(len).enumerate() {
                let values = image[tile * TILE..].iter();
                for (to, v) in series[i..].iter_mut().step_by(count).zip(values) {
                    *to = *v;
                }
            }
        });
    series
}

/// A value from mid-grey in half grey levels, so that taking it from 255 changes its sign.
fn centred(v: u8) -> i32 {
    2 * i32::from(v) - 255
}

/// Sum of products; the series are no longer than [`SERIES`].
fn product(a: &[u8], b: &[u8]) -> i64 {
    let products = a.iter().zip(b).map(|(a, b)| centred(*a) * centred(*b));
    i64::from(products.sum::<i32>())
}

/// Sums of the absolute differences of a from b and from 255 - b.
fn distances(a: &[u8], b: &[u8]) -> [i64; 2] {
    let sum = |mask: u8| -> u32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| u32::from(a.abs_diff(b ^ mask)))
            .sum()
    };
    [sum(0), sum(255)].map(i64::from)
}

/// What the edges gave.
struct Found {
    /// States up to one that all pixels have in common.
    states: Vec<State>,
    /// Share of the edges beyond the tree that say the order that its pixels got along it: 1/6 by chance.
    agreeing_orders: f64,
    /// The same for signs, over all channels: 1/2 by chance.
    agreeing_signs: f64,
}

/// Orders first: which value of a pixel is which value of its neighbour does not depend on signs. Then
/// each colour is a plane of its own with its own signs.
fn solve(sums: &Sums) -> Found {
    let (layout, grid) = (sums.layout, sums.grid);
    let mut states = vec![State::default(); layout.pixels()];
    let mut agreeing_orders = 1.0;
    if layout.exchanges {
        let edges = (0..grid.edges()).into_par_iter();
        let bonds: Vec<[f32; 6]> = edges.map(|edge| orders(sums, edge)).collect();
        let (orders, agreeing) = synchronise(grid, &COLORS, &bonds);
        agreeing_orders = agreeing;
        for (state, order) in states.iter_mut().zip(orders) {
            state.order = order;
        }
    }
    let planes: Vec<(Vec<u8>, f64)> = (0..layout.channels())
        .into_par_iter()
        .map(|c| {
            let source = |pixel: usize| states[pixel].source(c).0;
            let bonds: Vec<[f32; 2]> = (0..grid.edges())
                .map(|edge| {
                    let (from, to) = grid.ends(edge);
                    sums.costs(edge, source(from), source(to))
                })
                .collect();
            synchronise(grid, &SIGNS, &bonds)
        })
        .collect();
    for (c, (signs, _)) in planes.iter().enumerate() {
        for (state, sign) in states.iter_mut().zip(signs) {
            state.negated |= u16::from(*sign) << c;
        }
    }
    Found {
        states,
        agreeing_orders,
        agreeing_signs: planes.iter().map(|p| p.1).sum::<f64>() / planes.len() as f64,
    }
}

/// Costs of the orders that the second pixel of an edge may have against the first, with the better sign
/// for each channel.
fn orders(sums: &Sums, edge: usize) -> [f32; 6] {
    let costs: [[f32; 3]; 3] = std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            let [kept, negated] = sums.costs(edge, a, b);
            kept.min(negated)
        })
    });
    ORDERS.map(|order| order.iter().enumerate().map(|(a, b)| costs[a][*b]).sum())
}
