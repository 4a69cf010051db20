//! Who learns what.

use crate::{
    attack, auc, audited,
    common::{COLOR, GREY, key, nothing, options, subjects},
    model, open, random, training,
};
use std::collections::BTreeMap;
use visard_attacks::Set;
use visard_audit::{Access, Cell, KeyOracle, Show, Verdict, page, run};
use visard_core::{Salt, Shape};

/// Without a disguise an outsider is as well off as the holder of the key and as in the control.
#[test]
fn no_disguise_protects_no_member() {
    let report = open();
    for trained in [&model(report).plain, &model(report).disguised] {
        assert!(trained.train_accuracy > 0.9, "{trained:?}");
    }
    for cell in [Cell::Outsider, Cell::Holder, Cell::Control, Cell::Crossed] {
        let auc = auc(report, "mia-loss", cell);
        assert!(auc > 0.85, "{cell:?}: {auc}");
        let record = attack(report, "mia-loss").cell(cell).unwrap();
        assert_eq!(record.verdict, Verdict::Leaks, "{record:?}");
    }
    let level = report
        .audit
        .levels
        .iter()
        .find(|level| level.access == Access::Model)
        .unwrap();
    assert!(level.verdict >= Verdict::Leaks, "{level:?}");
    assert_eq!(report.audit.verdict(Access::Model), Some(level.verdict));
    // Labels at random are not to be read from images that were not trained on.
    for record in &attack(report, "class-membership").cells {
        assert_eq!(record.verdict, Verdict::NotBroken, "{record:?}");
    }
}

/// What a cipher makes of an image has nothing to do with the image, so that plain queries find no member, but
/// the holder of the key finds them.
#[test]
fn a_cipher_protects_members_from_whoever_has_no_key() {
    let report = audited(
        &key("aes", &[], GREY, 3, None),
        &random(GREY),
        &[],
        &training(&["mia-loss", "rmia"]),
        Show::Nothing,
    );
    assert!(model(&report).disguised.train_accuracy > 0.9);
    assert!(auc(&report, "mia-loss", Cell::Holder) > 0.85);
    assert_eq!(report.audit.verdict(Access::Model), Some(Verdict::NotBroken));
    // Nobody recovered the key, which is neither a verdict nor worse or better than one.
    let level = report.audit.levels.last().unwrap();
    assert_eq!(level.access, Access::Opened);
    assert!(level.not_reached.as_ref().unwrap().contains("--levels 1,2,3,M"));
    assert_eq!(report.audit.verdict(Access::Opened), None);
    assert!(attack(&report, "mia-loss").cell(Cell::Chain).is_none());
    assert!(page::page(&report, false).unwrap().contains("not reached"));
}

/// The chain: pairs give the key of RMT away, and with it the members.
#[test]
fn whoever_recovers_the_key_is_as_well_off_as_its_holder() {
    let report = audited(
        &key("rmt", &[], COLOR, 3, None),
        &random(COLOR),
        &[Access::Pairs],
        &training(&["mia-loss"]),
        Show::Nothing,
    );
    let found = model(&report).key.as_ref().expect("a recovered key");
    assert_eq!(found.access, Access::Pairs);
    assert!(found.likeness > 0.99, "{found:?}");
    let [chain, holder] = [Cell::Chain, Cell::Holder].map(|cell| auc(&report, "mia-loss", cell));
    assert!(holder > 0.85 && (chain - holder).abs() < 0.02, "{chain} {holder}");
    let level = report.audit.levels.last().unwrap();
    assert_eq!((level.access, &level.not_reached), (Access::Opened, &None));
    assert_eq!(level.verdict, Verdict::Leaks);
    assert_eq!(level.by, ["mia-loss"]);
}

/// Where a disguise mixes images, outsiders disguise under a key of their own as well.
#[test]
fn mixed_images_are_asked_about_in_both_forms() {
    let report = audited(
        &key("instahide", &[], GREY, 3, None),
        &random(GREY),
        &[],
        &training(&["mia-loss"]),
        Show::Nothing,
    );
    let cells: Vec<Cell> = attack(&report, "mia-loss")
        .cells
        .iter()
        .map(|record| record.cell)
        .collect();
    let expected = [
        Cell::Outsider,
        Cell::Stranger,
        Cell::Holder,
        Cell::Control,
        Cell::Crossed,
    ];
    assert_eq!(cells, expected);
    let worst = attack(&report, "mia-loss").verdict(Access::Model);
    assert_eq!(report.audit.verdict(Access::Model), worst);
}

#[test]
fn every_attack_on_models_is_judged() {
    let mut quick = training(&[]);
    if let Some(models) = &mut quick.models {
        models.network = "linear".into();
        (models.params, models.epochs) = (BTreeMap::new(), 2);
    }
    let shape = Shape::new(8, 8, 1);
    let report = audited(&nothing(shape), &subjects(shape, 200), &[], &quick, Show::Nothing);
    let model = model(&report);
    assert_eq!(model.attacks.len(), visard_attacks::model::ALL.len());
    for attack in &model.attacks {
        assert!(attack.cells.len() >= 3, "{}", attack.name);
        for record in &attack.cells {
            assert!(record.told.is_some(), "{}: {record:?}", attack.name);
        }
    }
    assert!(report.examples.is_empty());
}

#[test]
fn what_cannot_be_played_is_said() {
    let mut images = random(GREY);
    let labelled = &images.attacked;
    images.attacked = Set::bytes(labelled.shape(), labelled.as_bytes().unwrap().to_vec()).unwrap();
    let owner = key("rmt", &[], GREY, 3, None);
    let audit = audited(&owner, &images, &[], &training(&["mia-loss"]), Show::Nothing).audit;
    assert!(audit.model.is_none() && audit.levels.is_empty());
    assert!(audit.not_run[0].why.contains("labels"), "{:?}", audit.not_run);
    // Without being asked nothing is trained, whatever the levels.
    let images = subjects(COLOR, 32);
    let owner = key("skk", &[], COLOR, 4, None);
    let oracle = KeyOracle::new(&owner, COLOR, Salt([1; 16]), None);
    let mut asked = options();
    asked.access = [&[Access::Disguised], &Access::MODELS[..]].concat();
    let report = run(&oracle, &oracle, &images, Show::Nothing, &asked, &|_| {}).unwrap();
    assert!(report.audit.model.is_none());
    assert_eq!(report.audit.levels.len(), 1);
    let page = page::page(&report, false).unwrap();
    assert!(page.contains("attacks on a trained model, are not part of this audit"));
}
