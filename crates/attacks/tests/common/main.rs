//! Metrics, scores, and the attacks that fit every scheme, on bundled images.

mod measures;
mod span;
mod statistics;

use flate2::read::GzDecoder;
use std::{collections::BTreeMap, fs::File, io::Read, path::PathBuf};
use visard_attacks::{AttackInfo, Budget, Exposure, Outcome, Rng, Set, Target, attacks};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape};

type Given<'a> = &'a [(&'a str, &'a str)];

fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(name)
}

fn idx(name: &str, header: usize, len: usize) -> Vec<u8> {
    let file = File::open(data("fashion-mnist-12k").join(name)).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(file)
        .take((header + len) as u64)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes.split_off(header)
}

/// The first images of Fashion-MNIST, 28x28x1, with their classes.
fn garments(count: usize) -> Set {
    let shape = Shape::new(28, 28, 1);
    let pixels = idx("train-images-idx3-ubyte.gz", 16, count * shape.len());
    let labels = idx("train-labels-idx1-ubyte.gz", 8, count);
    Set::new(
        shape,
        Pixels::U8(pixels),
        labels.into_iter().map(u32::from).collect(),
    )
    .unwrap()
}

/// Patches of the bundled photographs at random places.
fn patches(count: usize, side: usize) -> Set {
    let photos = ["astronaut.png", "chelsea.png", "coffee.png"];
    let photos = photos.map(|name| image::open(data("photos").join(name)).unwrap().into_rgb8());
    let mut rng = Rng::new(1);
    let mut pixels = Vec::new();
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let (left, top) = (
            rng.below(photo.width() as usize - side),
            rng.below(photo.height() as usize - side),
        );
        for i in 0..side * side {
            let pixel = photo.get_pixel((left + i % side) as u32, (top + i / side) as u32);
            pixels.extend(pixel.0);
        }
    }
    Set::bytes(Shape::new(side, side, 3), pixels).unwrap()
}

fn part(set: &Set, range: std::ops::Range<usize>) -> Set {
    let len = set.shape().len();
    let pixels = set.as_bytes().unwrap()[range.start * len..range.end * len].to_vec();
    let labels = set.labels().get(range).map(<[u32]>::to_vec).unwrap_or_default();
    Set::new(set.shape(), Pixels::U8(pixels), labels).unwrap()
}

/// The set disguised under the secret of that number; images are numbered from `first`.
fn disguise(plain: &Set, scheme: &str, given: Given<'_>, secret: u8, first: u64) -> Set {
    let key = Key::new(
        scheme,
        &texts(given),
        Some(plain.shape()),
        MasterSecret::new([secret; 32]),
        None,
    )
    .unwrap();
    let disguise = key.disguise(plain.shape()).unwrap();
    let ids = SampleId::numbered("train", first, plain.len());
    let samples = Samples::new(Salt([7; 16]), &ids);
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    disguise
        .apply(samples, plain.as_bytes().unwrap(), pixels.view_mut())
        .unwrap();
    Set::new(output.shape, pixels, plain.labels().to_vec()).unwrap()
}

fn exposure(plain: Shape, scheme: &str, given: Given<'_>, disguised: Set) -> Exposure {
    Exposure::new(Target::new(scheme, &texts(given), plain).unwrap(), disguised).unwrap()
}

fn run(name: &str, exposure: &Exposure, given: Given<'_>) -> visard_attacks::Result<Outcome> {
    run_within(name, exposure, given, &Budget::generous())
}

fn run_within(
    name: &str,
    exposure: &Exposure,
    given: Given<'_>,
    budget: &Budget,
) -> visard_attacks::Result<Outcome> {
    let info: &AttackInfo = attacks::find(name).unwrap();
    let params = visard_core::params::Params::resolve(info.params, &texts(given)).unwrap();
    (info.run)(exposure, &params, budget, &mut Rng::new(3), &|_, _| {})
}
