//! What answers tell of the classes of what was asked.

use super::Bench;
use crate::record::{Classes, Detail, Found};
use anyhow::bail;
use visard_attacks::model::{Found as Outcome, score};

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Found> {
    let (mut answers, mut truth, mut unfinished) = (Vec::new(), Vec::new(), None);
    for repeat in 0..bench.stage.plan.sizes.repeats {
        let played = bench.play(repeat)?;
        let test = &played.scene.split.test;
        let (found, why) = bench.run(&played, test, repeat)?;
        let Outcome::Answers(named) = found else {
            bail!("no answers came back: {}", why.unwrap_or_default());
        };
        answers.extend(named);
        truth.extend_from_slice(test.labels());
        unfinished = unfinished.or(why);
    }
    let leak = score::classes(&answers, &truth, bench.stage.images.classes())?;
    let seen: Vec<_> = leak.classes.iter().filter(|class| class.n > 0).collect();
    let mean = |sum: f64| sum / seen.len().max(1) as f64;
    Ok(Found {
        value: leak.mutual_information,
        null: leak.null,
        deviation: leak.deviation,
        unfinished,
        key_psnr: None,
        detail: Detail::Classes(Classes {
            pictures: answers.len(),
            accuracy: leak.accuracy,
            bijection: leak.bijection,
            chance: leak.chance,
            entropy: mean(seen.iter().map(|class| class.normalised_entropy).sum()),
            fano: mean(seen.iter().map(|class| class.fano).sum()),
        }),
    })
}
