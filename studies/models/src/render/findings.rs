//! What was found, in words that rules choose from the figures.

use super::{Shown, tables::table};
use crate::{
    plan::{Case, Plan},
    record::Found,
    verdict::{BEYOND, LITTLE, Row, Word},
};
use visard_attacks::model::{self, Aim};

/// What attacks are after, in the order of the page.
pub(super) const AIMS: [Aim; 4] = [Aim::Membership, Aim::Classes, Aim::Inversion, Aim::Extraction];

/// The aim in words, and what its figure is.
pub(super) fn words(aim: Aim) -> (&'static str, &'static str) {
    match aim {
        Aim::Membership => ("membership", "AUC"),
        Aim::Classes => ("class membership", "bits of mutual information"),
        Aim::Inversion => (
            "inversion",
            "correlation of inverted pictures with their class means, contrasts alone",
        ),
        Aim::Extraction => (
            "extraction",
            "share of test pictures that copy and model name alike",
        ),
    }
}

/// The attacks of a plan with that aim.
pub(super) fn attacks(plan: &Plan, aim: Aim) -> impl Iterator<Item = &'static str> {
    let has = move |name: &&str| model::find(name).is_ok_and(|info| info.aim == aim);
    plan.attacks.iter().map(|attack| attack.name).filter(has)
}

/// The disguises of a plan, each with its plain control.
pub(super) fn disguises(plan: &Plan) -> impl Iterator<Item = (&Case, &Case)> {
    let disguised = plan.cases.iter().filter(|case| case.scheme.is_some());
    disguised.filter_map(|case| Some((case, plan.control(case)?)))
}

/// One disguise and one aim: the attack that decides, and its figures.
struct Finding<'a> {
    set: &'a str,
    aim: Aim,
    case: &'a Case,
    attack: &'static str,
    row: Row<'a>,
}

impl Finding<'_> {
    /// How much decides: what an outsider has, or what the recovered key adds.
    fn weight(&self) -> f64 {
        let deciding = match self.row.word() {
            Word::UntilBroken => self.row.chain,
            _ => self.row.without_key(),
        };
        deciding.map_or(f64::NEG_INFINITY, Found::deviations)
    }

    fn bullet(&self) -> String {
        let (aim, what) = words(self.aim);
        let title = &self.case.title;
        let figures = figures(&self.row);
        let little = match self.row.word() {
            Word::FailsALittle => format!(
                "; this is less than {:.0} % of what the plain model tells",
                100.0 * LITTLE
            ),
            _ => String::new(),
        };
        format!(
            "- {}, {aim}, {title}: {what} {figures} (`{}`){little}.\n",
            self.set, self.attack
        )
    }
}

/// The figures that decide, in words.
fn figures(row: &Row<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(open) = row.without_key() {
        parts.push(format!(
            "{:.3} without the key ({:.3} ± {:.3} where nothing is told)",
            open.value, open.null, open.deviation
        ));
    }
    match (row.chain, row.no_chain, row.key) {
        (Some(chain), _, _) => parts.push(format!("{:.3} with the recovered key", chain.value)),
        (None, Some(why), Some(key)) if !row.keyless => {
            parts.push(format!("{why}, with the owner's it would be {:.3}", key.value));
        }
        _ => {}
    }
    if let Some(control) = row.control {
        parts.push(format!("{:.3} on the plain model", control.value));
    }
    parts.join(", ")
}

/// Everything that was found, in sections with their headings.
pub(super) fn told<'a>(sections: impl Iterator<Item = &'a Shown>) -> String {
    let sections: Vec<&Shown> = sections.collect();
    let found: Vec<Finding<'_>> = sections.iter().flat_map(|shown| findings(shown)).collect();
    if found.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## What was found\n\nA figure counts where it is more than {BEYOND} standard deviations above what it is \
         where nothing is told. For every disguise and aim stands the attack that gets the most.\n"
    );
    for (heading, group) in [
        (
            "Where it fails: an outsider without the key gets something",
            &[Word::Fails, Word::FailsALittle][..],
        ),
        (
            "Where it holds only while the key is unbroken",
            &[Word::UntilBroken][..],
        ),
        ("Where it holds against these attacks", &[Word::Holds][..]),
        ("Where nothing can be said", &[Word::Untold, Word::Unmeasured][..]),
    ] {
        let group: Vec<&Finding<'_>> = found.iter().filter(|f| group.contains(&f.row.word())).collect();
        if group.is_empty() {
            continue;
        }
        text += &format!("\n### {heading}\n\n");
        for finding in group {
            text += &finding.bullet();
        }
    }
    for shown in sections {
        text += &matrix(shown);
    }
    text
}

/// The deciding attack of every disguise and aim.
fn findings(shown: &Shown) -> Vec<Finding<'_>> {
    let (plan, record) = (&shown.plan, &shown.record);
    let mut found = Vec::new();
    for aim in AIMS {
        for (case, control) in disguises(plan) {
            let all = attacks(plan, aim).map(|attack| Finding {
                set: &record.title,
                aim,
                case,
                attack,
                row: Row::of(record, case, control.name, attack),
            });
            let measured = all.filter(|finding| finding.row.control.is_some());
            let more = |a: &Finding<'_>, b: &Finding<'_>| {
                let words = a.row.word().cmp(&b.row.word());
                words.then(a.weight().total_cmp(&b.weight()))
            };
            found.extend(measured.max_by(more));
        }
    }
    found
}

/// A word for every attack and disguise.
fn matrix(shown: &Shown) -> String {
    let (plan, record) = (&shown.plan, &shown.record);
    let cases: Vec<(&Case, &Case)> = disguises(plan).collect();
    let heads: Vec<&str> = ["attack"]
        .into_iter()
        .chain(cases.iter().map(|(case, _)| case.title))
        .collect();
    let mut rows = Vec::new();
    for aim in AIMS {
        for attack in attacks(plan, aim) {
            let word = |(case, control): &(&Case, &Case)| {
                let row = Row::of(record, case, control.name, attack);
                row.word().text().to_string()
            };
            let row = [format!("`{attack}`")].into_iter().chain(cases.iter().map(word));
            rows.push(row.collect());
        }
    }
    format!(
        "\n### The claim under each attack, {}\n{}\n`{}`\n",
        record.title,
        table(&heads, rows.into_iter()),
        record.command
    )
}
