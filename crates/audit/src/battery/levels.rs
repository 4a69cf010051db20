//! A verdict for each adversary.

use crate::{Access, Attacked, LevelRecord, ModelRecord, Verdict};

/// A verdict for each adversary that was played: the worst of all attacks that it, or one that it includes, can
/// run. Without a model there are none on models.
pub(super) fn levels(
    access: &[Access],
    attacked: &[Attacked],
    model: Option<&ModelRecord>,
) -> Vec<LevelRecord> {
    let images = access.iter().filter(|access| !access.is_on_model());
    let mut all: Vec<LevelRecord> = images.map(|access| of_images(*access, attacked)).collect();
    if let Some(model) = model {
        let models = access.iter().filter(|access| access.is_on_model());
        all.extend(models.map(|access| of_model(*access, model)));
    }
    all
}

fn of_images(access: Access, attacked: &[Attacked]) -> LevelRecord {
    let can = attacked.iter().filter(|attack| access.includes(attack.access));
    let of = |attack: &Attacked| {
        let inconclusive = attack
            .points
            .last()
            .is_some_and(|point| point.inconclusive.is_some());
        (attack.name.clone(), attack.verdict, inconclusive)
    };
    worst(access, can.map(of).collect())
}

fn of_model(access: Access, model: &ModelRecord) -> LevelRecord {
    let mut all = Vec::new();
    for attack in &model.attacks {
        let cells = attack.cells.iter();
        let can = cells.filter(|cell| cell.cell.access().is_some_and(|needs| access.includes(needs)));
        all.extend(can.map(|cell| (attack.name.clone(), cell.verdict, cell.inconclusive.is_some())));
    }
    let mut level = worst(access, all);
    if access == Access::Opened && model.key.is_none() {
        level.not_reached = Some(model.why_no_key.clone());
    }
    level
}

/// The worst of verdicts, with the names of the attacks that reached it and of those that were not done.
fn worst(access: Access, all: Vec<(String, Verdict, bool)>) -> LevelRecord {
    let verdict = all
        .iter()
        .map(|(_, verdict, _)| *verdict)
        .max()
        .unwrap_or_default();
    let names = |wanted: &dyn Fn(Verdict, bool) -> bool| {
        let mut found = Vec::new();
        for (name, verdict, inconclusive) in &all {
            if wanted(*verdict, *inconclusive) && !found.contains(name) {
                found.push(name.clone());
            }
        }
        found
    };
    LevelRecord {
        access,
        verdict,
        by: names(&|own, _| verdict > Verdict::NotBroken && own == verdict),
        inconclusive: names(&|_, inconclusive| inconclusive),
        not_reached: None,
    }
}
