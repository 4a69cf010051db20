//! Class membership: a plain model, labels that say nothing, and wrong labels that say all.

use super::{Control, Lab, attack, exposed};
use crate::{plan::Net, scene::fit};
use anyhow::bail;
use study_attacks::{
    record::{Table, figure},
    sets::{Part, slice},
};
use visard_attacks::{
    Rng, learning,
    model::{Found, Victim, score},
};

pub(super) const CLASSES: Control = Control {
    title: "Class membership: bits of 3.32",
    run: classes,
    columns: &[
        "answers",
        "mutual information",
        "accuracy",
        "after the best one-to-one map",
    ],
};

const NUMBER: usize = 10;

fn classes(lab: &Lab<'_>, mut table: Table) -> anyhow::Result<Table> {
    let (train, test) = (lab.size(4000), lab.size(2000));
    let set = lab.sets.fashion_mnist(Part::Train, train)?;
    let asked = lab.sets.fashion_mnist(Part::Test, test)?;
    let recipe = Net::Mlp.recipe(20, 1)?;
    let model = fit(&recipe, &learning::examples(&set)?, NUMBER)?;
    let exposure = exposed(
        Victim::answering(&model),
        &recipe,
        train,
        learning::examples(&asked)?,
        learning::examples(&slice(&set, 0, NUMBER)?)?,
    );
    let Found::Answers(answers) = attack("class-membership", &exposure, &[])? else {
        bail!("class-membership gave no answers");
    };
    let mut rng = Rng::new(3);
    let random: Vec<u32> = answers.iter().map(|_| rng.below(NUMBER) as u32).collect();
    let shifted: Vec<u32> = answers
        .iter()
        .map(|answer| (answer + 1) % NUMBER as u32)
        .collect();
    let plain = score::classes(&answers, asked.labels(), NUMBER)?;
    for (name, answers) in [
        ("plain model", &answers),
        ("random", &random),
        ("next class", &shifted),
    ] {
        let leak = score::classes(answers, asked.labels(), NUMBER)?;
        let (information, bijection) = (figure(leak.mutual_information, 3), figure(leak.bijection, 3));
        let (information, bijection) = match name {
            "plain model" => (information.at_least(least(plain.accuracy)), bijection),
            "random" => (information.at_most(2.0 * leak.bias), bijection.about(0.1, 0.05)),
            _ => (
                information.about(plain.mutual_information, 1e-9),
                bijection.about(plain.bijection, 0.02),
            ),
        };
        table.row(
            name,
            [
                information.into(),
                figure(leak.accuracy, 3).into(),
                bijection.into(),
            ],
        );
    }
    Ok(table.note(
        "With so many right answers a model cannot tell less than Fano's inequality says, which is the bound of the \
         first row; random answers must stay below twice the bias of counting; and a model that always names the next \
         class tells all that the right one tells.",
    ))
}

/// The least mutual information, in bits, of answers of which this share is right (Fano's inequality),
/// where all classes are as frequent.
fn least(accuracy: f64) -> f64 {
    let wrong = 1.0 - accuracy;
    let part = |share: f64| if share > 0.0 { -share * share.log2() } else { 0.0 };
    let others = (NUMBER as f64 - 1.0).log2();
    (NUMBER as f64).log2() - part(wrong) - part(accuracy) - wrong * others
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bound_is_all_for_right_answers_and_nothing_for_random_ones() {
        assert!((super::least(1.0) - 10f64.log2()).abs() < 1e-12);
        assert!(super::least(0.1).abs() < 1e-12);
        assert!(super::least(0.8) > 1.5);
    }
}
