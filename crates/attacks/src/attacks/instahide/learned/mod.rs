//! InstaHide from the encodings alone, in no known order, by a similarity that is learned from public images
//! (ATTACKS, 6.1): clusters, assignment, coefficients and recovery.
//!
//! The order in which encodings are written tells which ones are of one sample. Nothing here uses it: encodings
//! are shuffled first. It only says, at the end, in which order the pictures are shown, and whether encodings
//! of one sample were found to belong together.

mod cores;
mod embedding;
mod imitation;
mod order;
mod pairs;
mod refine;

use super::{View, clusters::Wanted, labels::Labels, resolve::START, similarity::Similarity};
use crate::{
    AttackInfo, Budget, Evidence, Exposure, Level, Needs, Outcome, Progress, Result, Rng, Set, Verdict,
    attacks::{learned::public, unfit},
    score::{Ambiguity, Choose},
};
use embedding::{Course, Embedding, Scale, areas};
use imitation::{Imitator, Law};
use pairs::Pairs;
use refine::Scene;
use std::collections::BTreeMap;
use visard_core::params::{Kind, ParamSpec, Params};

pub use cores::{Assigned, assign, cores};

const NAME: &str = "instahide-learned";

/// Fewer public images teach no similarity.
const FEWEST_PUBLIC: usize = 16;

/// Public images that are kept back to judge the similarity by: an eighth, between these bounds.
const HELD: [usize; 2] = [4, 64];

/// Imitated encodings that it is judged by, for each image kept back and at most.
const JUDGED: [usize; 2] = [24, 512];

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: NAME,
    title: "InstaHide, learned similarity to recovery",
    paper: "Carlini et al., IEEE S&P 2021, arXiv 2011.05315 (all steps); one embedding of each encoding instead of \
            a network for pairs, cores of clusters and alternating least squares (this project)",
    summary: "encodes public images itself to learn which encodings share a private one, finds clusters in that \
              similarity, assigns every encoding to its images and recovers them, without using the order of the \
              encodings; soft labels, where they are given, part encodings and give the coefficients",
    level: Level::Disguised,
    applies: &["instahide"],
    needs: Needs::Public,
    params: &[
        ParamSpec {
            name: "steps",
            help: "steps of training; 0: one for every two encodings, 100 to 2,000",
            kind: Kind::Int { min: 0, max: 100_000 },
            default: "0",
        },
        ParamSpec {
            name: "width",
            help: "values that an encoding is turned into",
            kind: Kind::Int { min: 2, max: 2048 },
            default: "256",
        },
        ParamSpec {
            name: "rescore",
            help: "nearest encodings of each that a network for pairs looks at again, trained as long; it takes \
                   many times as long for a small gain, and is left out where it gains nothing",
            kind: Kind::Int { min: 0, max: 1000 },
            default: "0",
        },
        ParamSpec {
            name: "seeds",
            help: "runs of the greedy search for clusters, each from another encoding",
            kind: Kind::Int { min: 1, max: 100_000 },
            default: "2000",
        },
        ParamSpec {
            name: "rounds",
            help: "times that images are recovered, and between them coefficients and clusters found again",
            kind: Kind::Int { min: 1, max: 50 },
            default: "3",
        },
        ParamSpec {
            default: "public",
            ..START
        },
    ],
    helpers: None,
    trains: true,
    run: |exposure, params, budget, rng, progress| {
        Ok(unmix(exposure, params, budget, rng, progress)?.outcome())
    },
};

/// What each stage came to; what the time did not suffice for is missing.
#[derive(Debug)]
pub struct Unmixed {
    /// The learned similarity, over encodings in the order of `order`.
    pub similarity: Option<Similarity>,
    /// The encodings, by their numbers in the exposure, as they were shuffled.
    pub order: Vec<usize>,
    /// The encodings in the core of each cluster, by their numbers in the exposure.
    pub cores: Vec<Vec<usize>>,
    /// For each encoding of the exposure the clusters that it was assigned to, at the end.
    pub sets: Option<Vec<Vec<usize>>>,
    /// The private images, for each sample that of the cluster which most of its encodings are in.
    pub pictures: Option<Set>,
    /// Figures that need no truth.
    pub figures: BTreeMap<&'static str, f64>,
    /// That encodings of one sample are in one cluster, where no labels say so.
    pub evidence: Vec<Evidence>,
    /// Whether it came to its end.
    pub verdict: Verdict,
}

impl Unmixed {
    fn new(order: Vec<usize>) -> Self {
        Self {
            similarity: None,
            order,
            cores: Vec::new(),
            sets: None,
            pictures: None,
            figures: BTreeMap::new(),
            evidence: Vec::new(),
            verdict: Verdict::Complete,
        }
    }

    /// The same, ended before the last stage, and why.
    fn ended(mut self, why: impl Into<String>) -> Self {
        self.verdict = Verdict::Inconclusive(why.into());
        self
    }

    /// [`Similarity::auc_among`] of encodings by their numbers in the exposure; `None` without a similarity.
    pub fn auc_among(&self, alike: impl Fn(usize, usize) -> Option<bool> + Sync) -> Option<f64> {
        let similarity = self.similarity.as_ref()?;
        Some(similarity.auc_among(|a, b| alike(self.order[a], self.order[b])))
    }

    /// The outcome of the attack.
    fn outcome(self) -> Outcome {
        let outcome = Outcome {
            reconstructions: self.pictures,
            figures: self.figures,
            evidence: self.evidence,
            verdict: self.verdict,
            ..Outcome::nothing()
        };
        outcome.up_to(Ambiguity::NEGATIVE, Choose::Once)
    }
}

/// What is known before anything is learned.
struct Given<'a> {
    view: View,
    public: &'a Set,
    course: Course,
    wanted: Wanted,
    rescore: usize,
}

impl<'a> Given<'a> {
    fn read(exposure: &'a Exposure, params: &Params) -> Result<Self> {
        let view = View::read(NAME, exposure)?;
        if view.k < 2 {
            let problem = "a blend of one image needs no similarity; instahide-recovery opens it";
            return Err(unfit(NAME, &exposure.target, problem));
        }
        view.check_encodings(NAME, &exposure.target)?;
        let public = public(NAME, exposure, FEWEST_PUBLIC, "encodings")?;
        let int = |name| params.int(name) as usize;
        let course = Course {
            steps: match int("steps") {
                0 => (view.count() / 2).clamp(100, 2000),
                steps => steps,
            },
            batch: (view.count() / 2).clamp(64, 256),
            width: int("width"),
        };
        let wanted = Wanted {
            images: view.samples,
            each: view.inside,
            seeds: int("seeds"),
        };
        Ok(Self {
            view,
            public,
            course,
            wanted,
            rescore: int("rescore"),
        })
    }

    /// Bytes that everything takes, about.
    fn bytes(&self) -> u64 {
        let [count, len, images] =
            [self.view.count(), self.view.shape.len(), self.view.samples].map(|n| n as u64);
        let [width, batch] = [self.course.width, self.course.batch].map(|n| n as u64);
        let pairs = 4 * count * count;
        let labelled = if self.view.labels().is_some() { pairs } else { 0 };
        let magnitudes = 12 * count * len;
        let public = 4 * self.public.len() as u64 * len;
        // The first layer has 16 values for four pixels; its weights come with their gradients and moments.
        let network = 4 * batch * (8 * len + 16 * len) + 16 * 4 * len * width + 16 * batch * batch;
        let pairs_seen = 24 * count * self.rescore.min(self.view.count()) as u64;
        let recovery = 32 * images * images + 16 * images * len + 24 * count * images;
        let clusters = self.wanted.bytes(self.view.count());
        clusters + labelled + magnitudes + public + network + pairs_seen + recovery
    }
}

/// Runs all stages and gives what each came to, so that they can be judged by themselves. The parameters are those of
/// the attack.
///
/// # Errors
/// If the exposure is none of instahide, or lacks encodings or public images.
pub fn unmix(
    exposure: &Exposure,
    params: &Params,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Unmixed> {
    let mut given = Given::read(exposure, params)?;
    let (count, inside) = (given.view.count(), given.view.inside);
    given.view.check_samples()?;
    let mut found = Unmixed::new(rng.permutation(count));
    if let Some(why) = budget.lacks(given.bytes(), "similarities, networks and images") {
        return Ok(found.ended(why));
    }
    let soft = shuffle(&mut given.view, &found.order);
    let labels = soft.as_ref().map(|(classes, rows)| Labels::new(*classes, rows));
    let Some(similarity) = learn(&given, exposure, &mut found.figures, budget, rng, progress)? else {
        return Ok(found.ended("the time was up before the similarity was learned"));
    };
    progress(0.6, "clusters");
    let clusters = match labels {
        Some(labels) => {
            let mut parted = similarity.clone();
            parted.heed(&labels);
            cores(&parted, given.wanted, budget, rng)?
        }
        None => cores(&similarity, given.wanted, budget, rng)?,
    };
    let named = |core: &Vec<usize>| -> Vec<usize> { core.iter().map(|place| found.order[*place]).collect() };
    found.cores = clusters.iter().map(named).collect();
    found.figures.insert("clusters", clusters.len() as f64);
    found.figures.insert("images", given.view.samples as f64);
    let assigned = if clusters.len() < inside || budget.is_spent() {
        None
    } else {
        progress(0.7, "assignment");
        assign(&similarity, &clusters, inside, labels, budget)?
    };
    found.similarity = Some(similarity);
    let Some(assigned) = assigned else {
        let why = format!(
            "{} of {} clusters were found, and encodings were not assigned",
            clusters.len(),
            given.view.samples
        );
        return Ok(found.ended(why));
    };
    let scene = Scene {
        shape: given.view.shape,
        k: given.view.k,
        inside,
        largest: given.view.largest,
        magnitudes: &given.view.magnitudes,
        labels,
        images: clusters.len(),
    };
    let start = given.view.start(params.text("start"), Some(given.public));
    let rounds = params.int("rounds") as usize;
    let told = |share: f64, doing: &str| progress(0.75 + 0.25 * share, doing);
    let refined = scene.refine(assigned, start, rounds, budget, &told)?;
    let figures = &mut found.figures;
    figures.insert("rounds", refined.rounds as f64);
    figures.insert("residual", refined.residual);
    figures.insert("assignments_changed_last", refined.changed);
    let mut sets = vec![Vec::new(); count];
    for (place, set) in refined.sets.into_iter().enumerate() {
        sets[found.order[place]] = set;
    }
    let shown = order::of_samples(&sets, given.view.each, clusters.len(), budget)?;
    let len = given.view.shape.len();
    let images: Vec<f32> = shown
        .iter()
        .flat_map(|cluster| &refined.images[cluster * len..][..len])
        .copied()
        .collect();
    found.pictures = Some(given.view.norms[0].pictures(given.view.shape, &images)?);
    if labels.is_none() {
        found
            .evidence
            .extend(order::together(&sets, given.view.each, rng));
    }
    found.sets = Some(sets);
    if !refined.complete {
        let why = format!(
            "round {} of {rounds}, unexplained {:.3} of the magnitudes",
            refined.rounds, refined.residual
        );
        return Ok(found.ended(why));
    }
    Ok(found)
}

/// Puts the encodings into that order, and gives their soft labels in it, where there are any.
fn shuffle(view: &mut View, order: &[usize]) -> Option<(usize, Vec<f32>)> {
    let len = view.shape.len();
    let moved = order.iter().flat_map(|old| &view.magnitudes[old * len..][..len]);
    view.magnitudes = moved.copied().collect();
    let (labels, _) = view.labels()?;
    let rows: Vec<f32> = order.iter().flat_map(|old| labels.row(*old)).copied().collect();
    Some((rows.len() / order.len().max(1), rows))
}

/// Learns a similarity from public images and judges it by some of them that were kept back; `None` if the time is
/// up.
fn learn(
    given: &Given<'_>,
    exposure: &Exposure,
    figures: &mut BTreeMap<&'static str, f64>,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<Option<Similarity>> {
    let (view, course) = (&given.view, given.course);
    let law = Law::of(view, &exposure.target);
    let imitator = Imitator::new(law, view, given.public.to_floats());
    let scale = Scale::of(view.shape, &view.magnitudes);
    let order = rng.permutation(imitator.images());
    let held = (order.len() / 8).clamp(HELD[0], HELD[1]);
    let (held, players) = order.split_at(held);
    let part =
        |from: f64, to: f64| move |share: f64, doing: &str| progress(from + (to - from) * share, doing);
    let told = part(0.0, 0.5);
    let embedding = Embedding::train(&imitator, players, scale, course, budget, rng, &told)?;
    let Some(embedding) = embedding else {
        return Ok(None);
    };
    let number = (JUDGED[0] * held.len()).min(JUDGED[1]);
    let made = imitator.encode(held, number, rng);
    let Some(own) = embedding.similarity(&made.magnitudes, budget) else {
        return Ok(None);
    };
    let Some([learned, plain]) = areas(&made, &own, view.shape.len(), budget) else {
        return Ok(None);
    };
    figures.insert("steps", course.steps as f64);
    figures.insert("auc_own", learned);
    figures.insert("auc_own_correlation", plain);
    progress(0.5, "similarity of all pairs");
    let Some(similarity) = embedding.similarity(&view.magnitudes, budget) else {
        return Ok(None);
    };
    if given.rescore == 0 {
        return Ok(Some(similarity));
    }
    let size = (course.steps, course.batch);
    let told = part(0.5, 0.58);
    let Some(pairs) = Pairs::train(&imitator, players, &embedding, size, budget, rng, &told)? else {
        return Ok(None);
    };
    let told = part(0.58, 0.59);
    let own = pairs.correct(own, &made.magnitudes, given.rescore, budget, &told);
    let rescored = own.auc(|a, b| made.share(a, b));
    figures.insert("auc_own_rescored", rescored);
    // A network for pairs that does harm on the adversary's own encodings is not asked about others.
    let helps = rescored > learned;
    figures.insert("rescore_helps", f64::from(u8::from(helps)));
    if !helps {
        return Ok(Some(similarity));
    }
    let told = part(0.59, 0.6);
    let whole = pairs.correct(similarity, &view.magnitudes, given.rescore, budget, &told);
    Ok((!budget.is_spent()).then_some(whole))
}
