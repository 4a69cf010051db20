//! Disguised images whose key is known to the judge.

use crate::disguised::{Given, attack, texts};
use visard_attacks::{
    Exposure, Outcome, Rng, Set, Target,
    attacks::etc::{Layout, Scores},
};
use visard_core::{Array, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values};

/// Photographs by name.
pub(super) type Photos = [(String, image::RgbImage)];

/// The shorter side of the photographs that patches are cut from.
const SCALED: u32 = 480;

/// Shape of the patches, and of Fashion-M.
pub(super) const SMALL: Shape = Shape::new(32, 32, 3);

/// What a key does to the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Moved,
    /// Moved, and each in a state of its own.
    All,
}

/// Patches of the photographs, as large as the images of Fashion-M.
pub(super) fn patches(photos: &Photos, count: usize, seed: u64) -> anyhow::Result<Set> {
    crate::sets::patches(photos, SCALED, SMALL.width as u32, count, seed)
}

/// Independent uniform bytes.
pub(super) fn noise(shape: Shape, count: usize, rng: &mut Rng) -> anyhow::Result<Set> {
    let bytes = (0..count * shape.len()).map(|_| rng.next_u64() as u8);
    Ok(Set::bytes(shape, bytes.collect())?)
}

/// A random key for so many blocks as explicit material; `colour` if channels may be exchanged.
fn material(blocks: usize, colour: bool, change: Change, rng: &mut Rng) -> anyhow::Result<Material> {
    let order = match change {
        Change::Nothing => (0..blocks).collect(),
        _ => rng.permutation(blocks),
    };
    let order = order.into_iter().map(|place| place as i64).collect();
    let mut material = Material::new();
    let shape = vec![blocks];
    material.insert(
        "block_perm",
        Array {
            shape,
            values: Values::I64(order),
        },
    )?;
    // A code's choices, its steps, and the code that changes nothing (SPEC 6.8-2).
    for (name, choices, step, none) in [
        ("rotate", 4, 1, 3),
        ("flip", 2, 2, 2),
        ("negaposi", 2, 1, 1),
        ("channel", 6, 1, 0),
    ] {
        if name == "channel" && !colour {
            continue;
        }
        let code = |_| match change {
            Change::All => step * rng.below(choices) as u8,
            _ => none,
        };
        let values = Values::U8((0..blocks).map(code).collect());
        material.insert(
            name,
            Array {
                shape: vec![blocks],
                values,
            },
        )?;
    }
    Ok(material)
}

/// Images under a key of explicit material; the split of their names does not matter.
pub(super) fn under(
    scheme: &str,
    given: Given<'_>,
    plain: &Set,
    material: Option<&Material>,
) -> anyhow::Result<Set> {
    let secret = MasterSecret::new([7; 32]);
    let key = Key::new(
        scheme,
        &texts(given),
        Some(plain.shape()),
        secret,
        material.cloned(),
    )?;
    let disguise = key.disguise(plain.shape())?;
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    let ids = SampleId::numbered("train", 0, plain.len());
    disguise.apply(
        Samples::new(Salt([0; 16]), &ids),
        plain.as_bytes()?,
        pixels.view_mut(),
    )?;
    Ok(Set::new(output.shape, pixels, plain.labels().to_vec())?)
}

/// What an adversary sees, and where the blocks belong.
pub(super) struct Puzzle {
    pub(super) exposure: Exposure,
    pub(super) truth: Layout,
}

impl Puzzle {
    /// Images under one random key.
    pub(super) fn new(
        scheme: &str,
        block: usize,
        plain: &Set,
        change: Change,
        rng: &mut Rng,
    ) -> anyhow::Result<Self> {
        let side = block.to_string();
        let given = [("block", side.as_str())];
        let target = Target::new(scheme, &texts(&given), plain.shape())?;
        let output = target.scheme.output(plain.shape())?.shape;
        let blocks = output.height / block * (output.width / block);
        let material = material(blocks, output.channels == 3, change, rng)?;
        let disguised = under(scheme, &given, plain, Some(&material))?;
        let truth = Layout::from_material(&target, &material)?;
        Ok(Self {
            exposure: Exposure::new(target, disguised)?,
            truth,
        })
    }

    /// Images each under a random key of its own; the truth is that of the last one.
    pub(super) fn of_fresh_keys(block: usize, plain: &Set, rng: &mut Rng) -> anyhow::Result<Self> {
        let (mut pixels, mut last) = (Vec::new(), None);
        for image in plain.as_bytes()?.chunks_exact(plain.shape().len()) {
            let one = Set::bytes(plain.shape(), image.to_vec())?;
            let puzzle = Self::new("etc", block, &one, Change::All, rng)?;
            pixels.extend_from_slice(puzzle.exposure.disguised.as_bytes()?);
            last = Some(puzzle);
        }
        let Self { exposure, truth } = last.ok_or_else(|| anyhow::anyhow!("no images"))?;
        let disguised = Set::bytes(exposure.disguised.shape(), pixels)?;
        Ok(Self {
            exposure: Exposure::new(exposure.target, disguised)?,
            truth,
        })
    }

    /// What an attack makes of it, and how right that is.
    pub(super) fn solve(&self, name: &str, given: Given<'_>) -> anyhow::Result<(Outcome, Scores)> {
        let outcome = attack(name, &self.exposure, given)?;
        let target = &self.exposure.target;
        let found = Layout::from_material(target, &outcome.material)?;
        let scores = found.score_pictures(&self.truth, target, &self.exposure.disguised)?;
        Ok((outcome, scores))
    }
}

/// The mean of scores.
pub(super) fn mean(all: &[Scores]) -> Scores {
    let of = |part: fn(&Scores) -> f64| all.iter().map(part).sum::<f64>() / all.len() as f64;
    Scores {
        direct: of(|s| s.direct),
        neighbour: of(|s| s.neighbour),
        largest: of(|s| s.largest),
    }
}
