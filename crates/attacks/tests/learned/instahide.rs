//! InstaHide by a learned similarity, judged stage by stage with the truth.

use crate::support::{
    self, Given,
    blends::{self, Images},
    texts,
};
use std::time::Duration;
use visard_attacks::{
    Budget, Error, Exposure, Outcome, Result, Rng, Set, Verdict,
    attacks::{
        self,
        instahide::{
            learned::{Unmixed, unmix},
            similarity::Similarity,
        },
    },
};
use visard_core::{Pixels, Shape, params::Params};

const SHAPE: Shape = Shape::new(14, 14, 1);
const LEN: usize = SHAPE.len();

/// Private images, and encodings of each.
const IMAGES: usize = 12;
const EACH: usize = 25;

/// The first garments of that part, in half their size.
fn garments(part: &str, count: usize) -> Vec<u8> {
    let half = |image: &[u8]| -> Vec<u8> {
        let at = |y: usize, x: usize| u32::from(image[28 * y + x]);
        let mean = |(y, x): (usize, usize)| (at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1)) / 4;
        (0..LEN).map(|i| mean((i / 14 * 2, i % 14 * 2)) as u8).collect()
    };
    let whole = support::garments(part, count);
    whole
        .as_bytes()
        .unwrap()
        .chunks_exact(784)
        .flat_map(half)
        .collect()
}

/// What the adversary can get, none of it blended into the attacked encodings.
fn public(count: usize) -> Set {
    Set::bytes(SHAPE, garments("train", count)).unwrap()
}

/// Private images, and others to be blended in.
fn images() -> Images {
    let mut private = garments("t10k", 200);
    let public = private.split_off(IMAGES * LEN);
    Images {
        shape: SHAPE,
        private,
        public,
    }
}

/// Encodings, and for each the coefficients of all private images.
struct Encodings<'a> {
    given: Given<'a>,
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl<'a> Encodings<'a> {
    fn of(images: &Images, given: Given<'a>) -> Self {
        let (values, weights) = blends::encode(images, given);
        Self {
            given,
            values,
            weights,
        }
    }

    fn count(&self) -> usize {
        self.values.len() / LEN
    }

    fn exposure(&self) -> Exposure {
        let set = Set::new(SHAPE, Pixels::F32(self.values.clone()), Vec::new()).unwrap();
        support::exposure("instahide", self.given, SHAPE, set)
    }

    /// The same with soft labels, image i being of class i % 6.
    fn labelled(&self) -> Exposure {
        let mut rows = vec![0f32; self.count() * 6];
        for (row, weights) in rows.chunks_mut(6).zip(self.weights.chunks(IMAGES)) {
            weights
                .iter()
                .enumerate()
                .for_each(|(image, w)| row[image % 6] += w);
        }
        let exposure = self.exposure();
        let set = exposure.disguised.with_soft(6, rows).unwrap();
        Exposure::new(exposure.target, set).unwrap()
    }

    /// The private images in an encoding.
    fn held(&self, encoding: usize) -> Vec<usize> {
        let row = &self.weights[encoding * IMAGES..][..IMAGES];
        (0..IMAGES).filter(|image| row[*image] > 0.0).collect()
    }

    fn share(&self, a: usize, b: usize) -> bool {
        let held = self.held(b);
        self.held(a).iter().any(|image| held.contains(image))
    }

    /// The area under the curve of the correlation of magnitudes.
    fn plain_auc(&self) -> f64 {
        let magnitudes: Vec<f32> = self.values.iter().map(|value| value.abs()).collect();
        let similarity = Similarity::of(&magnitudes, LEN, &Budget::generous()).unwrap();
        similarity.auc(|a, b| self.share(a, b))
    }

    /// Share of the images in encodings that are in their sets, clusters being named by the image that their
    /// encodings have most of.
    fn right(&self, found: &Unmixed) -> f64 {
        let sets = found.sets.as_ref().unwrap();
        let mut sums = vec![[0f32; IMAGES]; found.cores.len()];
        for (encoding, set) in sets.iter().enumerate() {
            let row = &self.weights[encoding * IMAGES..][..IMAGES];
            for cluster in set {
                sums[*cluster]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, weight)| *sum += weight);
            }
        }
        let most = |sums: &[f32; IMAGES]| (0..IMAGES).max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap();
        let names: Vec<usize> = sums.iter().map(most).collect();
        let (mut right, mut all) = (0, 0);
        for (encoding, set) in sets.iter().enumerate() {
            let held = self.held(encoding);
            all += held.len();
            right += held
                .iter()
                .filter(|image| set.iter().any(|c| names[*c] == **image))
                .count();
        }
        right as f64 / all as f64
    }
}

/// How like the originals pictures are.
fn likeness(pictures: &Set, images: &Images) -> f64 {
    blends::likeness(&pictures.to_floats(), images)
}

fn params(given: Given<'_>) -> Params {
    let info = attacks::find("instahide-learned").unwrap();
    Params::resolve(info.params, &texts(given)).unwrap()
}

fn attack(exposure: Exposure, given: Given<'_>) -> Unmixed {
    let exposure = exposure.with_public(public(600)).unwrap();
    let found = unmix(
        &exposure,
        &params(given),
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )
    .unwrap();
    assert_eq!(found.verdict, Verdict::Complete);
    found
}

fn run(exposure: &Exposure, given: Given<'_>, budget: &Budget) -> Result<Outcome> {
    support::run("instahide-learned", exposure, given, budget, 1)
}

/// Blends of two private images.
const TWO: Given<'_> = &[("k", "2"), ("encodings", "25")];

/// Blends of two private images and two public ones.
const CROSS: Given<'_> = &[("k", "4"), ("cross", "true"), ("encodings", "25")];

#[test]
fn images_come_back_from_encodings_in_any_order() {
    let images = images();
    let mut encodings = Encodings::of(&images, TWO);
    let plain = encodings.plain_auc();
    let found = attack(encodings.exposure(), &[("steps", "300")]);
    let learned = found.auc_among(|a, b| Some(encodings.share(a, b))).unwrap();
    let right = encodings.right(&found);
    let like = likeness(found.pictures.as_ref().unwrap(), &images);
    let told = found.evidence[0].deviations();
    println!(
        "AUC {learned:.3}, of magnitudes {plain:.3}; {right:.3} right, likeness {like:.3}, {told:.1} deviations"
    );
    println!("{:?}", found.figures);
    assert!(learned > 0.85 && learned > plain + 0.05);
    // Two of twelve clusters at random are right in a sixth.
    assert!(right > 0.5 && like > 0.3 && told > 10.0);
    assert!(found.figures["auc_own"] > found.figures["auc_own_correlation"] + 0.05);

    // The same encodings, shuffled by whoever stores them: found as well, but nothing says which is whose.
    let order = Rng::new(8).permutation(encodings.count());
    let moved = |values: &[f32], len: usize| -> Vec<f32> {
        order
            .iter()
            .flat_map(|old| &values[old * len..][..len])
            .copied()
            .collect()
    };
    (encodings.values, encodings.weights) =
        (moved(&encodings.values, LEN), moved(&encodings.weights, IMAGES));
    let found = attack(encodings.exposure(), &[("steps", "300")]);
    let right = encodings.right(&found);
    let told = found.evidence[0].deviations();
    println!("shuffled: {right:.3} right, {told:.1} deviations");
    assert!(right > 0.5 && told.abs() < 4.0);
}

#[test]
fn nothing_is_found_where_nothing_is_shared() {
    let images = images();
    let mut encodings = Encodings::of(&images, TWO);
    let mut rng = Rng::new(6);
    encodings
        .values
        .iter_mut()
        .for_each(|value| *value = rng.unit() as f32 - 0.5);
    let exposure = encodings.exposure().with_public(public(600)).unwrap();
    let settings = params(&[("steps", "100")]);
    let found = unmix(
        &exposure,
        &settings,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )
    .unwrap();
    let learned = found.auc_among(|a, b| Some(encodings.share(a, b))).unwrap();
    println!(
        "AUC {learned:.3}, {} clusters, {:?}",
        found.cores.len(),
        found.evidence
    );
    assert!((learned - 0.5).abs() < 0.05);
    assert!(
        found
            .evidence
            .iter()
            .all(|evidence| evidence.deviations().abs() < 4.0)
    );
    if let Some(pictures) = &found.pictures {
        let like = likeness(pictures, &images);
        println!("likeness {like:.3}");
        assert!(like < 0.2);
    }
}

#[test]
fn soft_labels_help_where_public_images_are_blended_in() {
    let images = images();
    let encodings = Encodings::of(&images, CROSS);
    let plain = encodings.plain_auc();
    let blind = attack(encodings.exposure(), &[("steps", "300")]);
    let seeing = attack(encodings.labelled(), &[("steps", "300")]);
    let learned = blind.auc_among(|a, b| Some(encodings.share(a, b))).unwrap();
    let [(right, like), (seen, clear)] = [&blind, &seeing].map(|found| {
        let pictures = found.pictures.as_ref().unwrap();
        (encodings.right(found), likeness(pictures, &images))
    });
    println!("AUC {learned:.3}, of magnitudes {plain:.3}");
    println!("blind: {right:.3} right, likeness {like:.3}; with labels {seen:.3}, {clear:.3}");
    // Many coefficients are next to nothing, so no similarity can come near 1.
    assert!(learned > plain + 0.03);
    assert!(right > 0.42 && like > 0.3);
    assert!(seen > 0.6 && seen > right && clear > 0.35);
    assert!(!blind.evidence.is_empty() && seeing.evidence.is_empty());
}

#[test]
fn a_network_for_pairs_that_does_harm_is_left_out_and_the_same_seed_gives_the_same() {
    let images = images();
    let encodings = Encodings::of(&images, TWO);
    // With so few steps the embedding is better than the network for pairs.
    let with = |rescore| {
        let given = [("steps", "120"), ("rescore", rescore), ("rounds", "1")];
        attack(encodings.exposure(), &given)
    };
    let (looked_again, once) = (with("8"), with("0"));
    let figures = &looked_again.figures;
    println!("{figures:?}");
    assert!(figures["auc_own_rescored"] < figures["auc_own"]);
    assert_eq!(figures["rescore_helps"], 0.0);
    assert_eq!(figures["auc_own"], once.figures["auc_own"]);

    let again = || {
        attack(
            encodings.exposure(),
            &[("steps", "20"), ("width", "32"), ("rounds", "1")],
        )
    };
    let (one, other) = (again(), again());
    assert_eq!(
        (one.pictures, one.sets, one.figures),
        (other.pictures, other.sets, other.figures)
    );
}

#[test]
fn what_does_not_fit_is_refused_and_a_spent_budget_is_said() {
    let images = images();
    let all = Budget::generous();
    let encodings = Encodings::of(&images, TWO);
    let problem = |exposure: &Exposure| match run(exposure, &[], &all) {
        Err(Error::Exposure(problem)) => problem,
        other => panic!("{other:?}"),
    };
    let set = encodings.exposure();
    assert!(problem(&set).contains("public images of 14x14x1"));
    let small = Set::bytes(Shape::new(7, 14, 1), vec![0; 98 * 20]).unwrap();
    assert!(problem(&encodings.exposure().with_public(small).unwrap()).contains("7x14x1"));
    assert!(problem(&encodings.exposure().with_public(public(15)).unwrap()).contains("there are 15"));
    for given in [
        &[("k", "1"), ("encodings", "25")] as Given<'_>,
        &[("k", "2"), ("encodings", "3")],
    ] {
        let exposure = Encodings::of(&images, given)
            .exposure()
            .with_public(public(40))
            .unwrap();
        assert!(
            matches!(run(&exposure, &[], &all), Err(Error::Unfit { .. })),
            "{given:?}"
        );
    }
    let one = Encodings {
        values: encodings.values[..EACH * LEN].to_vec(),
        weights: Vec::new(),
        given: encodings.given,
    };
    assert!(problem(&one.exposure().with_public(public(40)).unwrap()).contains("samples"));

    let exposure = set.with_public(public(40)).unwrap();
    for budget in [
        Budget::new(Some(Duration::ZERO), 8 << 30),
        Budget::new(None, 1 << 16),
    ] {
        let outcome = run(&exposure, &[], &budget).unwrap();
        assert!(matches!(outcome.verdict, Verdict::Inconclusive(why) if why.len() > 10));
        assert!(outcome.reconstructions.is_none());
    }
    // Less time than the training takes.
    let brief = Budget::new(Some(Duration::from_millis(300)), 8 << 30);
    let outcome = run(&exposure, &[("steps", "100000")], &brief).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Inconclusive(_)));
}
