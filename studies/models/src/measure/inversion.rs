//! What pictures that are taken out of models show, with the disguise taken off where there is a key.

use super::Bench;
use crate::{
    record::{Detail, Found, Inversion},
    render::strip,
};
use anyhow::bail;
use study_attacks::record::write;
use visard_attacks::{
    learning,
    model::{Found as Outcome, score},
};

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Found> {
    let sizes = &bench.stage.plan.sizes;
    let (shape, examiner) = (bench.stage.images.shape(), bench.stage.examiner()?);
    let (mut scores, mut unfinished) = (Vec::new(), None);
    for repeat in 0..sizes.inversions {
        let played = bench.play(repeat)?;
        let test = &played.scene.split.test;
        let (found, why) = bench.run(&played, test, repeat)?;
        let Outcome::Classes(pixels) = found else {
            bail!("no pictures came back: {}", why.unwrap_or_default());
        };
        unfinished = unfinished.or(why);
        let pixels = played.scene.read(bench.column, shape, &pixels, sizes.pairs)?;
        let truth = learning::examples(test)?;
        scores.push(score::inversion(&pixels, &truth, Some(examiner))?);
        if repeat == 0 {
            let folder = bench.pictures;
            let name = strip::name(bench.case.name, bench.column, bench.attack.name);
            write(&folder.join(name), strip::png(shape, &pixels)?)?;
            let means = strip::means(test, bench.stage.images.classes())?;
            write(&folder.join(strip::MEANS), strip::png(shape, &means)?)?;
        }
    }
    let repeats = scores.len().max(1) as f64;
    let mean = |of: fn(&score::InversionScore) -> f64| scores.iter().map(of).sum::<f64>() / repeats;
    let squares: f64 = scores.iter().map(|s| s.contrast_deviation.powi(2)).sum();
    Ok(Found {
        value: mean(|s| s.contrast_mean),
        null: mean(|s| s.contrast_null),
        deviation: squares.sqrt() / repeats,
        unfinished,
        key_psnr: None,
        detail: Detail::Inversion(Inversion {
            pictures: scores.iter().map(|s| s.classes.len()).sum(),
            nearest: mean(|s| s.rank_one),
            correlation: mean(|s| s.correlation),
            examiner: mean(|s| s.examiner.unwrap_or(0.0)),
        }),
    })
}
