//! Membership with so many pictures that a share of 0.1 % false positives can be told.

use super::{Section, Work};
use crate::plan::{Attack, Case, Column, PLAIN, Plan, Sizes, Source, rmt};

pub(super) static INFO: Section = Section {
    name: "low-fpr",
    title: "Membership at low false positive rates, Fashion-MNIST",
    work: Work::Cells(plan),
};

/// LiRA has more shadow models here than in the tables, since deviations decide at low rates.
const ATTACKS: [Attack; 4] = [
    Attack::new("mia-loss", &[]),
    Attack::new("lira", &[("shadows", "16")]),
    Attack::new("lira-offline", &[("shadows", "8")]),
    Attack::new("rmia", &[("shadows", "4")]),
];

fn plan() -> Plan {
    let [mlp, _] = PLAIN;
    let shorter = |case: Case| Case { epochs: 20, ..case };
    Plan {
        source: Source::Fashion,
        sizes: Sizes {
            members: 5000,
            others: 10_000,
            own: 5000,
            partners: 0,
            test: 2000,
            repeats: 1,
            inversions: 1,
            pairs: 20,
        },
        cases: [mlp, rmt("rmt", "RMT, blocks of 4", &[("block", "4")])]
            .map(shorter)
            .to_vec(),
        attacks: ATTACKS.to_vec(),
        columns: &[Column::Control, Column::Key],
    }
}
