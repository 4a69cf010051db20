//! Softmax regression: what it gives away can be worked out, so that inversion and extraction must bring it.

use super::{Control, Lab, attack, exposed};
use crate::{
    cloak::{Cloak, Use},
    scene::fit,
};
use anyhow::bail;
use study_attacks::{
    disguised::Given,
    record::{Cell, Table, figure},
    sets::{Part, slice},
};
use visard_attacks::{
    Set, learning,
    model::{Found, Victim, score},
};
use visard_core::{Pixels, Shape};
use visard_learn::{Examples, TrainConfig};

pub(super) const INVERSION: Control = Control {
    title: "Inversion of softmax regression, Fashion-MNIST",
    run: inversion,
    columns: &[
        "model, pictures",
        "median correlation with the class mean",
        "the same, contrasts alone",
        "nearest to their own class",
    ],
};

pub(super) const EXTRACTION: Control = Control {
    title: "Extraction of softmax regression, 14 x 14 pixels",
    run: extraction,
    columns: &[
        "queries",
        "agreement on test pictures",
        "accuracy of the copy",
        "of the model",
    ],
};

const CLASSES: usize = 10;

fn recipe(epochs: usize) -> anyhow::Result<TrainConfig> {
    let mut config = TrainConfig::new("linear", &Default::default())?;
    config.epochs = epochs;
    Ok(config)
}

fn inversion(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    const RMT: (&str, Given<'static>) = ("rmt", &[("block", "4")]);
    let (train, test) = (lab.size(5000), lab.size(2000));
    let set = lab.sets.fashion_mnist(Part::Train, train)?;
    let asked = lab.sets.fashion_mnist(Part::Test, test)?;
    let (shape, truth) = (set.shape(), learning::examples(&asked)?);
    let recipe = recipe(20)?;
    let cloak = Cloak::new(RMT, shape, 3, None)?;
    let pictures = |dressed: &dyn Fn(&Set) -> anyhow::Result<Examples>| -> anyhow::Result<Vec<f32>> {
        let model = fit(&recipe, &dressed(&set)?, CLASSES)?;
        let own = dressed(&slice(&set, 0, train.min(500))?)?;
        match attack(
            "mi-face",
            &exposed(Victim::open(&model), &recipe, train, dressed(&asked)?, own),
            &[],
        )? {
            Found::Classes(pictures) => Ok(pictures),
            _ => bail!("mi-face gave no pictures"),
        }
    };
    let plain = pictures(&|set| Ok(learning::examples(set)?))?;
    let disguised = pictures(&|set| cloak.wear(set, set, Use::Train, CLASSES))?;
    let read = cloak.read(shape, &disguised)?;
    let judged = |pictures: &[f32]| score::inversion(pictures, &truth, None);
    let best = judged(&plain)?;
    for (name, pictures) in [
        ("plain images", &plain),
        ("RMT, as the model gives them away", &disguised),
        ("RMT, the disguise taken off with the key", &read),
    ] {
        let score = judged(pictures)?;
        let [correlation, contrast] = [figure(score.correlation, 3), figure(score.contrast, 3)];
        let cells: [Cell; 2] = match name {
            "plain images" => [correlation.at_least(0.7).into(), contrast.into()],
            "RMT, as the model gives them away" => [
                correlation.into(),
                contrast
                    .about(score.contrast_null, 5.0 * score.contrast_deviation)
                    .into(),
            ],
            _ => [correlation.into(), contrast.about(best.contrast, 0.15).into()],
        };
        table.row(name, cells.into_iter().chain([figure(score.rank_one, 2).into()]));
    }
    Ok(table.note(
        "RMT without noise turns the rows of blocks and nothing else, so a model of disguised images is the plain one \
         turned: its pictures show nothing until they are turned back, and then as much as those of the plain model.",
    )
    .note(
        "The 0.7 expected was of raw pictures of other data; here the optimum of softmax regression on garments has \
         rough pictures, which show every class as the nearest one but correlate less with its mean.",
    ))
}

/// Pictures of half the sides, each pixel the mean of four.
fn halved(set: &Set) -> anyhow::Result<Set> {
    let shape = set.shape();
    let (height, width) = (shape.height / 2, shape.width / 2);
    let mut pixels = Vec::with_capacity(set.len() * height * width);
    for image in set.as_bytes()?.chunks_exact(shape.len()) {
        for at in 0..height * width {
            let corner = 2 * (at / width) * shape.width + 2 * (at % width);
            let four = [0, 1, shape.width, shape.width + 1].map(|step| u16::from(image[corner + step]));
            pixels.push((four.iter().sum::<u16>() / 4) as u8);
        }
    }
    let small = Shape::new(height, width, 1);
    Ok(Set::new(small, Pixels::U8(pixels), set.labels().to_vec())?)
}

fn extraction(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    // 10 (d + 1) C queries for d values and C classes.
    let queries = lab.size(10 * (14 * 14 + 1) * CLASSES);
    let train = lab.size(5000);
    let all = halved(&lab.sets.fashion_mnist(Part::Train, train + queries)?)?;
    let (set, own) = (slice(&all, 0, train)?, slice(&all, train, queries)?);
    let asked = learning::examples(&halved(&lab.sets.fashion_mnist(Part::Test, lab.size(2000))?)?)?;
    let recipe = recipe(20)?;
    let model = fit(&recipe, &learning::examples(&set)?, CLASSES)?;
    let own = learning::examples(&own)?;
    let exposure = exposed(Victim::open(&model), &recipe, train, asked.clone(), own);
    let most = queries.to_string();
    let Found::Students(students) = attack("extraction", &exposure, &[("queries", &most)])? else {
        bail!("extraction gave no copies");
    };
    for (index, student) in students.iter().enumerate() {
        let judged = score::extraction(&student.model, &model, &[("test", &asked)])?;
        let Some(judged) = judged.first() else { continue };
        let agreement = figure(judged.agreement, 3);
        let last = index + 1 == students.len();
        table.row(
            student.queries.to_string(),
            [
                if last { agreement.at_least(0.95) } else { agreement }.into(),
                figure(judged.student_accuracy.unwrap_or(f64::NAN), 3).into(),
                figure(judged.victim_accuracy.unwrap_or(f64::NAN), 3).into(),
            ],
        );
    }
    Ok(table.note("The last number of queries is 10 (d + 1) C for d = 196 values and C = 10 classes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_means_of_four() {
        let set = Set::new(
            Shape::new(2, 4, 1),
            Pixels::U8(vec![1, 3, 0, 0, 5, 7, 0, 8]),
            vec![1],
        )
        .unwrap();
        let small = halved(&set).unwrap();
        assert_eq!(
            (small.shape(), small.as_bytes().unwrap()),
            (Shape::new(1, 2, 1), &[4, 2][..])
        );
    }
}
