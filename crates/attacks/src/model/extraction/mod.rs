//! Copies of a model, made by asking it (ATTACKS, section 8.4).

mod choice;

use super::{
    Aim, Found, ModelAttackInfo, ModelExposure, ModelOutcome, Reach, Student,
    classes::{asking, named},
};
use crate::{Budget, Error, Progress, Result, Rng, Verdict, learning};
use choice::uncertain;
use visard_core::params::{Kind, ParamSpec, Params};
use visard_learn::{ClassWeights, Examples, Model, Soft, TrainConfig};

const QUERIES: ParamSpec = ParamSpec {
    name: "queries",
    help: "most images that the model is asked about; no more than the adversary has",
    kind: Kind::Int {
        min: 2,
        max: 100_000_000,
    },
    default: "10000",
};
const FIRST: ParamSpec = ParamSpec {
    name: "first",
    help: "images that the model is asked about for the first copy; each copy after it has ten times as \
           many, the last one all",
    kind: Kind::Int {
        min: 2,
        max: 100_000_000,
    },
    default: "100",
};
const STUDENT: ParamSpec = ParamSpec {
    name: "student",
    help: "network of the copy: recipe, what the model is said to be, with its front and settings; or \
           another with its own defaults",
    kind: Kind::Choice(&["recipe", "linear", "mlp", "cnn"]),
    default: "recipe",
};
const STEPS: ParamSpec = ParamSpec {
    name: "steps",
    help: "least number of steps of a copy's training: few images are seen more often",
    kind: Kind::Int {
        min: 1,
        max: 1_000_000,
    },
    default: "500",
};

/// Random queries.
pub(super) static RANDOM: ModelAttackInfo = ModelAttackInfo {
    name: "extraction",
    title: "Model extraction by random queries",
    paper: "Tramer et al.: Stealing machine learning models via prediction APIs, USENIX Security 2016; \
            Orekondy, Schiele, Fritz: Knockoff nets, CVPR 2019",
    summary: "asks the model about the adversary's own pictures, drawn at random, and trains a copy on the \
              probabilities that it answers",
    aim: Aim::Extraction,
    reach: Reach::Answers,
    params: &[QUERIES, FIRST, STUDENT, STEPS],
    run: |exposure, params, budget, rng, progress| run(exposure, params, None, budget, rng, progress),
};

/// Queries that the copy so far is least certain of.
pub(super) static ADAPTIVE: ModelAttackInfo = ModelAttackInfo {
    name: "extraction-adaptive",
    title: "Model extraction by chosen queries",
    paper: "after Orekondy, Schiele, Fritz: Knockoff nets, CVPR 2019, and Pal et al.: ActiveThief, AAAI \
            2020; the choice by this project",
    summary: "as extraction, but asks round by round about the pictures that the copy so far is least \
              certain of, as many of each class that it names; pays where there are more pictures than \
              queries",
    aim: Aim::Extraction,
    reach: Reach::Answers,
    params: &[
        QUERIES,
        FIRST,
        STUDENT,
        STEPS,
        ParamSpec {
            name: "rounds",
            help: "choices between one copy and the next, each after a training",
            kind: Kind::Int { min: 1, max: 1000 },
            default: "4",
        },
    ],
    run: |exposure, params, budget, rng, progress| {
        let rounds = params.int("rounds") as usize;
        run(exposure, params, Some(rounds), budget, rng, progress)
    },
};

/// The adversary with what it was told.
struct Thief<'a> {
    exposure: &'a ModelExposure<'a>,
    budget: &'a Budget,
    /// How a copy is trained.
    config: TrainConfig,
    steps: usize,
    /// Pictures that were asked about, in the order of the questions.
    asked: Vec<usize>,
    /// Their answers, a row of probabilities each.
    answers: Vec<f32>,
}

/// Numbers of pictures after which a copy is kept.
fn sizes(first: usize, all: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut size = first.max(1);
    while size < all {
        sizes.push(size);
        size = size.saturating_mul(10);
    }
    sizes.push(all);
    sizes
}

fn run(
    exposure: &ModelExposure<'_>,
    params: &Params,
    rounds: Option<usize>,
    budget: &Budget,
    rng: &mut Rng,
    progress: Progress<'_>,
) -> Result<ModelOutcome> {
    exposure.check()?;
    let (pool, encodings) = (exposure.own.len(), exposure.own.query.encodings.max(1));
    // A training takes two images.
    let pictures = |name: &str| (params.int(name) as usize / encodings).max(2);
    let all = pictures("queries").min(pool);
    if all < 2 {
        return Err(Error::Exposure(
            "a copy is trained on at least 2 pictures of the adversary's own; give more".into(),
        ));
    }
    let classes = exposure.victim.classes();
    let images = &exposure.own.query;
    let bytes = 4 * (all * encodings * (images.shape.len() + 2 * classes)) as u64;
    if let Some(why) = budget.lacks(
        bytes + asking(images, classes),
        "pictures with the answers to them",
    ) {
        return Ok(ModelOutcome::inconclusive(why));
    }
    let mut thief = Thief {
        exposure,
        budget,
        config: config(exposure, params, rng)?,
        steps: params.int("steps") as usize,
        asked: Vec::new(),
        answers: Vec::new(),
    };
    let order = rng.permutation(pool);
    let sizes = sizes(pictures("first").min(all), all);
    let mut students: Vec<Student> = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        let told = |share: f64| progress((place as f64 + share) / sizes.len() as f64, "asking and copying");
        let student = match rounds {
            None => thief.random(&order[..*size])?,
            Some(rounds) => {
                let last = students.last().map(|student| &student.model);
                thief.adaptive(&order, *size, rounds, last, &told)?
            }
        };
        let Some(model) = student else { break };
        let queries = thief.asked.len() * encodings;
        students.push(Student { queries, model });
        told(1.0);
    }
    outcome(&thief, students, sizes.len())
}

/// What was found of so many copies, with figures of the last one.
fn outcome(thief: &Thief<'_>, students: Vec<Student>, wanted: usize) -> Result<ModelOutcome> {
    let (made, classes) = (students.len(), thief.exposure.victim.classes());
    let why = format!("the time ran out after {made} of {wanted} copies");
    let Some(last) = students.last() else {
        return Ok(ModelOutcome::inconclusive(why));
    };
    let learnt = thief.pictures(&thief.asked[..last.queries / thief.encodings()]);
    let copied = named(&last.model.log_probabilities(&learnt, learning::BATCH)?, classes);
    let same = copied.iter().zip(named(&thief.answers, classes));
    let same = same.filter(|(copied, told)| **copied == *told).count() as f64;
    let mut outcome = ModelOutcome::found(Found::Students(students));
    let queries = thief.asked.len() * thief.encodings();
    outcome.figures.insert("queries", queries as f64);
    outcome.figures.insert("copies", made as f64);
    // On what the copy was trained on; agreement elsewhere is for the score.
    outcome
        .figures
        .insert("agreement_on_queries", same / copied.len().max(1) as f64);
    if made < wanted {
        outcome.verdict = Verdict::Inconclusive(why);
    }
    Ok(outcome)
}

/// How a copy is trained: as the recipe says, on soft labels, with a seed of the attack's own.
fn config(exposure: &ModelExposure<'_>, params: &Params, rng: &mut Rng) -> Result<TrainConfig> {
    let mut config = match params.text("student") {
        "recipe" => exposure.recipe.clone(),
        name => TrainConfig::new(name, &Default::default())?,
    };
    config.seed = rng.next_u64();
    // Answers carry their own weights, and there are no images to stop early by.
    (config.class_weights, config.patience) = (ClassWeights::None, None);
    config.label_smoothing = 0.0;
    Ok(config)
}

impl Thief<'_> {
    fn encodings(&self) -> usize {
        self.exposure.own.query.encodings.max(1)
    }

    /// The pictures at these places without their labels, which the copy is not to learn from.
    fn pictures(&self, places: &[usize]) -> Examples {
        let mut pictures = learning::pick(&self.exposure.own.query, places);
        pictures.labels.clear();
        pictures.soft = None;
        pictures
    }

    /// Asks the model about pictures; whether there was time to ask about all.
    fn ask(&mut self, places: &[usize]) -> Result<bool> {
        for some in places.chunks(learning::BATCH) {
            if self.budget.is_spent() {
                return Ok(false);
            }
            let rows = self.exposure.victim.ask(&self.pictures(some))?;
            self.answers.extend(rows.into_iter().map(f32::exp));
            self.asked.extend(some);
        }
        Ok(true)
    }

    /// A copy from all answers so far, unless the time runs out.
    fn copy(&self) -> Result<Option<Model>> {
        let classes = self.exposure.victim.classes();
        let rows = self.answers.chunks_exact(classes);
        let weights = rows.flat_map(|row| row.repeat(self.encodings())).collect();
        let shown = self.pictures(&self.asked);
        let shown = shown.with_soft(Some(Soft { classes, weights }))?;
        let mut config = self.config.clone();
        let batches = shown.len().div_ceil(config.batch.max(1));
        config.epochs = config.epochs.max(self.steps.div_ceil(batches));
        learning::fit(&config, &shown, classes, self.budget)
    }

    /// A copy after questions about all of these pictures.
    fn random(&mut self, places: &[usize]) -> Result<Option<Model>> {
        match self.ask(&places[self.asked.len().min(places.len())..])? {
            true => self.copy(),
            false => Ok(None),
        }
    }

    /// A copy after `size` questions, the new ones of which are chosen in rounds with the copy so far.
    /// Without one the first tenth is asked in the given order.
    fn adaptive(
        &mut self,
        order: &[usize],
        size: usize,
        rounds: usize,
        last: Option<&Model>,
        told: &dyn Fn(f64),
    ) -> Result<Option<Model>> {
        let classes = self.exposure.victim.classes();
        let mut copy = last.cloned();
        if copy.is_none() {
            let some = (size / 10).max(classes).max(2).min(size);
            copy = self.random(&order[..some])?;
        }
        let begun = self.asked.len();
        for round in 1..=rounds {
            let Some(so_far) = &copy else { return Ok(None) };
            let wanted = (begun + (size - begun) * round / rounds) - self.asked.len();
            if wanted == 0 {
                continue;
            }
            let mut asked = vec![false; order.len()];
            self.asked.iter().for_each(|place| asked[*place] = true);
            let left: Vec<usize> = order.iter().copied().filter(|place| !asked[*place]).collect();
            let mut rows = Vec::with_capacity(left.len() * classes);
            for some in left.chunks(learning::BATCH) {
                if self.budget.is_spent() {
                    return Ok(None);
                }
                rows.extend(so_far.log_probabilities(&self.pictures(some), learning::BATCH)?);
            }
            let chosen: Vec<usize> = uncertain(&rows, classes, wanted)
                .into_iter()
                .map(|i| left[i])
                .collect();
            if !self.ask(&chosen)? {
                return Ok(None);
            }
            copy = self.copy()?;
            told(round as f64 / rounds as f64);
        }
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_ten_times_as_many_queries_each_and_the_last_all() {
        assert_eq!(sizes(100, 10_000), [100, 1000, 10_000]);
        assert_eq!(sizes(100, 3000), [100, 1000, 3000]);
        assert_eq!(sizes(40, 40), [40]);
        assert_eq!(sizes(2, 3), [2, 3]);
    }
}
