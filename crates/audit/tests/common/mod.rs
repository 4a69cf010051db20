//! Small audits for the tests.

#![allow(dead_code)]

use std::{collections::BTreeMap, sync::atomic::AtomicBool};
use visard_attacks::{Rng, Set, Target};
use visard_audit::{
    Access, KeyOracle, Options, Oracle, Report, Result, Show, Subjects, Training, Wanted, bundled, run_with,
};
use visard_core::{Array, Dtype, Key, MasterSecret, Material, Pixels, Salt, Shape, Values};

static STOP: AtomicBool = AtomicBool::new(false);

pub(crate) const GREY: Shape = Shape {
    height: 28,
    width: 28,
    channels: 1,
};
pub(crate) const COLOR: Shape = Shape {
    height: 32,
    width: 32,
    channels: 3,
};

pub(crate) fn options() -> Options {
    Options {
        access: Access::IMAGES.to_vec(),
        pairs: vec![1, 5],
        time: None,
        memory: 1 << 30,
        seed: 3,
        stop: &STOP,
        fingerprint: "00".repeat(16),
        command: "visard audit -k KEY -o report.html".into(),
    }
}

pub(crate) fn subjects(shape: Shape, attacked: usize) -> Subjects {
    let wanted = Wanted {
        attacked,
        known: 8,
        public: 64,
    };
    bundled::subjects(shape, wanted, 5).expect("bundled images")
}

pub(crate) fn key(
    scheme: &str,
    given: &[(&str, &str)],
    shape: Shape,
    secret: u8,
    material: Option<Material>,
) -> Key {
    let params: BTreeMap<String, String> = given
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    Key::new(
        scheme,
        &params,
        Some(shape),
        MasterSecret::new([secret; 32]),
        material,
    )
    .expect("a key")
}

/// A key that changes nothing: a mask that inverts nothing.
pub(crate) fn nothing(shape: Shape) -> Key {
    let (mut material, len) = (Material::new(), 16 * shape.channels);
    let mask = Array {
        shape: vec![len],
        values: Values::U8(vec![0; len]),
    };
    material.insert("mask", mask).expect("an array");
    key("negpos", &[], shape, 1, Some(material))
}

/// An audit that trains nothing.
pub(crate) fn audit(owner: &Key, subjects: &Subjects, show: Show<'_>) -> Report {
    audit_with(&Training::default(), owner, subjects, show, &options())
}

/// An audit with another key of the same scheme beside the owner's.
pub(crate) fn audit_with(
    training: &Training,
    owner: &Key,
    subjects: &Subjects,
    show: Show<'_>,
    options: &Options,
) -> Report {
    let shape = subjects.shape();
    let (name, params) = (owner.scheme().info().name, owner.scheme().params().texts());
    let other = Key::new(name, &params, Some(shape), MasterSecret::new([77; 32]), None).expect("a key");
    let public = subjects.public.as_ref().map(|public| &public.images);
    let owner = KeyOracle::new(owner, shape, Salt([1; 16]), public);
    let other = KeyOracle::new(&other, shape, Salt([2; 16]), public);
    run_with(training, &owner, &other, subjects, show, options, &|_| {}).expect("an audit")
}

/// Answers with noise, whatever it is asked; noise is what the scheme could have made.
pub(crate) struct Noise {
    pub(crate) scheme: &'static str,
    pub(crate) shape: Shape,
    pub(crate) seed: std::sync::atomic::AtomicU64,
}

impl Oracle for Noise {
    fn target(&self) -> Result<Target> {
        Ok(Target::new(self.scheme, &BTreeMap::new(), self.shape)?)
    }

    fn disguise(&self, plain: &Set, _: &str, _: u64) -> Result<Set> {
        let target = self.target()?;
        let output = target.scheme.output(self.shape)?;
        let seed = self.seed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut rng = Rng::new(seed << 20);
        // Some schemes have no bounds.
        let (low, high) = (output.range.0.max(-4.0), output.range.1.min(260.0));
        let count = plain.len() * target.scheme.encodings() * output.shape.len();
        let pixels = match output.dtype {
            Dtype::U8 => Pixels::U8((0..count).map(|_| rng.below(256) as u8).collect()),
            Dtype::F32 => Pixels::F32(
                (0..count)
                    .map(|_| low + (high - low) * rng.unit() as f32)
                    .collect(),
            ),
        };
        Ok(Set::new(output.shape, pixels, plain.labels().to_vec())?)
    }
}
