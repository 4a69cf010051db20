//! Records as they are kept, and small ones for other tests.

use super::*;

/// A record with one cell of an attack for each column that is given.
pub(crate) fn record(cells: Vec<Cell>) -> Record {
    Record {
        section: "fashion-mnist".into(),
        title: "Fashion-MNIST".into(),
        command: "a command".into(),
        version: "0.1.0".into(),
        sizes: Sizes {
            members: 10,
            others: 10,
            own: 20,
            partners: 0,
            test: 10,
            repeats: 1,
            inversions: 1,
            pairs: 2,
        },
        classes: 10,
        victims: vec![Trained {
            case: "plain".into(),
            repeat: 0,
            network: "mlp".into(),
            members: 10,
            members_accuracy: 1.0,
            test_accuracy: 0.8,
            plain_accuracy: 0.8,
            seconds: 1.0,
        }],
        cells,
    }
}

/// A cell of membership inference.
pub(crate) fn cell(case: &str, column: Column, attack: &str, auc: f64) -> Cell {
    Cell {
        case: case.into(),
        column,
        attack: attack.into(),
        given: BTreeMap::new(),
        seconds: 2.0,
        result: Measured::Found(Found {
            value: auc,
            null: 0.5,
            deviation: 0.01,
            unfinished: None,
            key_psnr: None,
            detail: Detail::Membership(Membership {
                members: 10,
                others: 10,
                balanced_accuracy: auc,
                rates: vec![Rate {
                    fpr: 0.1,
                    tpr: auc,
                    interval: (auc - 0.1, auc + 0.1),
                }],
                roc: vec![(0.0, 0.0), (0.25, auc), (1.0, 1.0)],
            }),
        }),
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut written = record(vec![cell("plain", Column::Control, "lira", 0.75)]);
    written.put(Cell {
        result: Measured::Failed("\"cells\": []".into()),
        ..cell("rmt", Column::Chain, "lira", 0.5)
    });
    let text = written.text().unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), written);
    assert!(text.lines().any(|line| line.starts_with("{\"case\":\"rmt\"")));
    written.put(cell("rmt", Column::Chain, "lira", 0.5));
    assert_eq!(written.cells.len(), 2);
    assert!(written.found("rmt", Column::Chain, "lira").is_some());
    let bare = record(Vec::new());
    assert_eq!(
        serde_json::from_str::<Record>(&bare.text().unwrap()).unwrap(),
        bare
    );
}

#[test]
fn figures_that_are_no_numbers_are_refused() {
    let Measured::Found(found) = cell("plain", Column::Control, "lira", f64::NAN).result else {
        panic!("it has figures");
    };
    assert!(found.checked().is_err());
}
