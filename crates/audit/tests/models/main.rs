//! Level M: what models of disguised images give away, to whom, and how it is recorded and shown.
//!
//! Labels are drawn at random here, so that a model can only learn its images by heart: whoever can ask it in the
//! right form must be able to tell them from others, and whoever cannot must not.

#[path = "../common/mod.rs"]
mod common;
mod shown;
mod who;

use common::{GREY, audit_with, nothing, options, subjects};
use std::sync::OnceLock;
use visard_attacks::{Rng, Set};
use visard_audit::{
    Access, Cell, ModelAttacked, ModelRecord, ModelSettings, Options, Public, Report, Show, Subjects, Told,
    Training,
};
use visard_core::{Key, Shape};

/// The images with labels that say nothing of them.
fn relabelled(set: &Set, rng: &mut Rng) -> Set {
    let labels = (0..set.len()).map(|_| rng.below(10) as u32).collect();
    Set::new(set.shape(), set.pixels().clone(), labels).unwrap()
}

/// Bundled images of that shape with labels at random.
pub(crate) fn random(shape: Shape) -> Subjects {
    let (plain, mut rng) = (subjects(shape, 240), Rng::new(8));
    Subjects {
        attacked: relabelled(&plain.attacked, &mut rng),
        known: relabelled(&plain.known, &mut rng),
        public: plain.public.map(|public| Public {
            images: relabelled(&public.images, &mut rng),
            from: public.from,
        }),
        name: plain.name,
    }
}

/// Small networks that learn by heart, and these attacks on them.
pub(crate) fn training(attacks: &[&str]) -> Training {
    let params = [("hidden1", "128"), ("hidden2", "64"), ("dropout", "0")];
    Training {
        attacks: false,
        models: Some(ModelSettings {
            params: params
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .into(),
            epochs: 60,
            shadows: 2,
            attacks: attacks.iter().map(ToString::to_string).collect(),
            ..ModelSettings::default()
        }),
    }
}

/// An audit with level M, and of the images these adversaries.
pub(crate) fn audited(
    owner: &Key,
    subjects: &Subjects,
    images: &[Access],
    training: &Training,
    show: Show<'_>,
) -> Report {
    let options = Options {
        access: [images, &Access::MODELS].concat(),
        pairs: vec![8],
        ..options()
    };
    audit_with(training, owner, subjects, show, &options)
}

pub(crate) fn model(report: &Report) -> &ModelRecord {
    report.audit.model.as_ref().expect("level M was played")
}

pub(crate) fn attack<'a>(report: &'a Report, name: &str) -> &'a ModelAttacked {
    model(report)
        .attacks
        .iter()
        .find(|attack| attack.name == name)
        .unwrap()
}

/// Area under the curve of an attack on membership in a cell.
pub(crate) fn auc(report: &Report, name: &str, cell: Cell) -> f64 {
    match &attack(report, name).cell(cell).unwrap().told {
        Some(Told::Membership(told)) => told.auc,
        told => panic!("{name} in {cell:?}: {told:?}"),
    }
}

/// One audit of no disguise at all for several tests, of images with a hostile name.
pub(crate) fn open() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| {
        let mut images = random(GREY);
        images.name = "<script>alert(1)</script>".into();
        let training = training(&["mia-loss", "class-membership", "mi-face", "extraction"]);
        audited(&nothing(GREY), &images, &[], &training, Show::Originals)
    })
}
