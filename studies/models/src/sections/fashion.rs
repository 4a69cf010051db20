//! Fashion-MNIST under every disguise of the study.

use super::{Section, Work};
use crate::plan::{AES, Attack, Column, INSTAHIDE, PLAIN, Plan, Sizes, Source, rmt};

pub(super) static INFO: Section = Section {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    work: Work::Cells(plan),
};

/// All attacks on models; the numbers of shadow models are what two cores train in minutes.
pub(super) const ATTACKS: [Attack; 10] = [
    Attack::new("mia-loss", &[]),
    Attack::new("mia-shadow", &[("shadows", "4")]),
    Attack::new("lira", &[("shadows", "8")]),
    Attack::new("lira-offline", &[("shadows", "8")]),
    Attack::new("rmia", &[("shadows", "4")]),
    Attack::new("class-membership", &[]),
    Attack::new("mi-face", &[]),
    Attack {
        // Neighbours are not alike in a disguised picture.
        disguised: &[("tv", "0"), ("smooth", "0")],
        ..Attack::new("mi-prior", &[])
    },
    Attack::new("extraction", &[("queries", "2000")]),
    // To choose, there must be more pictures than questions.
    Attack::new("extraction-adaptive", &[("queries", "1000")]),
];

fn plan() -> Plan {
    let [mlp, cnn] = PLAIN;
    Plan {
        source: Source::Fashion,
        sizes: Sizes {
            members: 1000,
            others: 1000,
            own: 2000,
            partners: 1000,
            test: 2000,
            repeats: 1,
            inversions: 3,
            pairs: 20,
        },
        cases: vec![
            mlp,
            rmt("rmt", "RMT, blocks of 4", &[("block", "4")]),
            // The setting of the authors' own test of class membership.
            rmt(
                "rmt-noise",
                "RMT, blocks of 7, noise of 100 grey levels",
                &[("block", "7"), ("noise", "100")],
            ),
            AES,
            cnn,
            INSTAHIDE,
        ],
        attacks: ATTACKS.to_vec(),
        columns: &Column::ALL,
    }
}
