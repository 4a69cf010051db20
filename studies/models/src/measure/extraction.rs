//! How well copies stand for the model, where the model is meant to be asked.

use super::Bench;
use crate::record::{Detail, Found, Step};
use anyhow::{Context, bail};
use visard_attacks::{
    learning,
    model::{Found as Outcome, score},
};

/// Sums over repeats for one number of queries.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    queries: usize,
    pictures: f64,
    agreeing: f64,
    chance: f64,
    right: f64,
    plain_right: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Found> {
    let (mut sums, mut unfinished): (Vec<Sum>, _) = (Vec::new(), None);
    for repeat in 0..bench.stage.plan.sizes.repeats {
        let played = bench.play(repeat)?;
        let test = &played.scene.split.test;
        let (found, why) = bench.run(&played, test, repeat)?;
        let Outcome::Students(students) = found else {
            bail!("no copies came back: {}", why.unwrap_or_default());
        };
        unfinished = unfinished.or(why);
        let (home, plain) = (played.victim.home_test()?, learning::examples(test)?);
        let sets = [("as trained", &home), ("plain", &plain)];
        sums.resize(sums.len().max(students.len()), Sum::default());
        for (sum, student) in sums.iter_mut().zip(&students) {
            let judged = score::extraction(&student.model, &played.victim.model, &sets)?;
            let [home, plain] = &judged[..] else {
                bail!("two sets were to be judged");
            };
            let count = home.n as f64;
            sum.queries = student.queries;
            sum.pictures += count;
            sum.agreeing += count * home.agreement;
            sum.chance += count * home.chance;
            sum.right += count * home.student_accuracy.unwrap_or(0.0);
            sum.plain_right += count * plain.student_accuracy.unwrap_or(0.0);
        }
    }
    let last = sums.last().context("no copy came back")?;
    let null = last.chance / last.pictures;
    let step = |sum: &Sum| Step {
        queries: sum.queries,
        pictures: sum.pictures as usize,
        agreement: sum.agreeing / sum.pictures,
        accuracy: sum.right / sum.pictures,
        plain_accuracy: sum.plain_right / sum.pictures,
    };
    Ok(Found {
        value: last.agreeing / last.pictures,
        null,
        // That of a single picture at least, lest copies and models of one answer find anything remarkable.
        deviation: (null * (1.0 - null) / last.pictures)
            .sqrt()
            .max(1.0 / last.pictures),
        unfinished,
        key_psnr: None,
        detail: Detail::Extraction(sums.iter().map(step).collect()),
    })
}
