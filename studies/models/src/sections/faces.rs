//! 100 faces and 100 other pictures under the same disguises.

use super::{Section, Work, fashion::ATTACKS};
use crate::plan::{AES, Attack, Case, Column, INSTAHIDE, PLAIN, Plan, Sizes, Source, rmt};

pub(super) static INFO: Section = Section {
    name: "faces",
    title: "Faces",
    work: Work::Cells(plan),
};

/// A third of the pictures is trained on. So few tell little, so that several models are attacked: more for
/// inversion, of which a model of two classes gives a single choice each.
fn plan() -> Plan {
    let [mlp, cnn] = PLAIN;
    let longer = |case: Case| Case {
        // Few pictures make few steps.
        epochs: 2 * case.epochs,
        ..case
    };
    let cases = [
        mlp,
        rmt("rmt", "RMT, blocks of 4", &[("block", "4")]),
        rmt(
            "rmt-noise",
            "RMT, blocks of 8, noise of 100 grey levels",
            &[("block", "8"), ("noise", "100")],
        ),
        AES,
        cnn,
        INSTAHIDE,
    ];
    // The adversary has fewer pictures than these attacks ask about first.
    let fewer = |attack: Attack| match attack.name {
        "extraction" => Attack::new(attack.name, &[("first", "10")]),
        "extraction-adaptive" => Attack::new(attack.name, &[("first", "10"), ("queries", "40")]),
        _ => attack,
    };
    Plan {
        source: Source::Faces,
        sizes: Sizes {
            members: 66,
            others: 66,
            own: 68,
            partners: 0,
            test: 0,
            repeats: 4,
            inversions: 40,
            pairs: 20,
        },
        cases: cases.map(longer).to_vec(),
        attacks: ATTACKS.map(fewer).to_vec(),
        columns: &Column::ALL,
    }
}
