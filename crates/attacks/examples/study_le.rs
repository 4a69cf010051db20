//! The measured figures of the attacks on tanaka, ele and shf, beside those that were expected.
//!
//!     cargo run --release -p visard-attacks --example study_le -- SETS [PART]
//!
//! SETS holds `fashion-m` (CIFAR-10 binary) and `photos` (PNG, JPEG). PART is `known`, `ele`,
//! `statistics`, `shf` or `layout`; all without it.

use image::imageops::FilterType;
use std::{collections::BTreeMap, error::Error, fs, path::Path, time::Instant};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Rng, Set, Target, attacks};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SHAPE: Shape = Shape::new(32, 32, 3);

/// Images `first..first + count` of a file in the CIFAR-10 binary layout.
fn cifar(file: &Path, first: usize, count: usize) -> Result<Set> {
    let bytes = fs::read(file)?;
    let images = bytes.chunks_exact(3073).skip(first).take(count);
    let pixels = images
        .flat_map(|image| (0..1024).flat_map(move |i| [image[1 + i], image[1025 + i], image[2049 + i]]));
    Ok(Set::bytes(SHAPE, pixels.collect())?)
}

/// The photographs, at most 720 pixels wide and high.
fn photos(folder: &Path) -> Result<Vec<image::RgbImage>> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|f| f.map(|f| f.path()))
        .collect::<std::result::Result<_, _>>()?;
    files.sort();
    files
        .iter()
        .map(|file| {
            Ok(image::open(file)?
                .resize(720, 720, FilterType::Lanczos3)
                .to_rgb8())
        })
        .collect()
}

/// Random patches of photographs.
fn patches(photos: &[image::RgbImage], count: usize, rng: &mut Rng) -> Result<Set> {
    let mut pixels = Vec::with_capacity(count * SHAPE.len());
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let x = rng.below(photo.width() as usize - 32) as u32;
        let y = rng.below(photo.height() as usize - 32) as u32;
        let patch = image::imageops::crop_imm(photo, x, y, 32, 32).to_image();
        pixels.extend_from_slice(patch.as_raw());
    }
    Ok(Set::bytes(SHAPE, pixels)?)
}

fn some(set: &Set, first: usize, count: usize) -> Result<Set> {
    let len = set.shape().len();
    Ok(Set::bytes(
        set.shape(),
        set.as_bytes()?[first * len..(first + count) * len].to_vec(),
    )?)
}

struct Case {
    scheme: &'static str,
    params: BTreeMap<String, String>,
    key: Key,
    shape: Shape,
}

impl Case {
    fn new(scheme: &'static str, block: usize, shape: Shape, seed: u8) -> Result<Self> {
        let params = BTreeMap::from([("block".to_string(), block.to_string())]);
        let secret = MasterSecret::new([seed; 32]);
        let key = Key::new(scheme, &params, Some(shape), secret, None)?;
        Ok(Self {
            scheme,
            params,
            key,
            shape,
        })
    }

    fn disguise(&self, plain: &Set) -> Result<Set> {
        let disguise = self.key.disguise(self.shape)?;
        let output = disguise.output();
        let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
        let ids = SampleId::numbered("train", 0, plain.len());
        let samples = Samples::new(Salt([0; 16]), &ids);
        disguise.apply(samples, plain.as_bytes()?, pixels.view_mut())?;
        Ok(Set::new(output.shape, pixels, Vec::new())?)
    }

    fn exposure(&self, plain: &Set) -> Result<Exposure> {
        let target = Target::new(self.scheme, &self.params, self.shape)?;
        Ok(Exposure::new(target, self.disguise(plain)?)?)
    }

    fn pairs(&self, plain: &Set) -> Result<Pairs> {
        Ok(Pairs::new(plain.clone(), self.disguise(plain)?)?)
    }

    /// P and F of the one key of tanaka.
    fn nibble_key(&self, slots: usize) -> (Vec<usize>, Vec<bool>) {
        let mut stream = self.key.schedule().stream("tanaka-key", &[]);
        (stream.permutation(slots), stream.bits(slots))
    }
}

fn run(name: &str, exposure: &Exposure) -> Result<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &BTreeMap::new())?;
    Ok((info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )?)
}

/// PSNR over all pixels, in dB.
fn psnr(plain: &Set, found: Option<&Set>) -> Result<f64> {
    let Some(found) = found else { return Ok(0.0) };
    let pairs = plain.as_bytes()?.iter().zip(found.as_bytes()?);
    let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    Ok(10.0 * (65_025.0 * plain.as_bytes()?.len() as f64 / sum).log10())
}

fn integers(outcome: &Outcome, name: &str, len: usize) -> Result<Vec<i64>> {
    Ok(outcome.material.integers(name, &[len])?.unwrap_or_default())
}

/// Share of the upper nibbles that are in their place, with the right sign and without it.
fn upper_rates(case: &Case, outcome: &Outcome) -> Result<(f64, f64, f64)> {
    let (perm, flip) = case.nibble_key(96);
    let (found, turned) = (integers(outcome, "perm", 96)?, integers(outcome, "flip", 96)?);
    let (mut exact, mut place, mut pixel) = (0.0, 0.0, 0.0);
    for j in (0..96).filter(|j| perm[*j] >= 48) {
        let right = found[j] == perm[j] as i64;
        exact += f64::from(u8::from(right && (turned[j] == 1) == flip[j]));
        place += f64::from(u8::from(right));
        pixel += f64::from(u8::from(found[j] >= 48 && found[j] / 3 == perm[j] as i64 / 3));
    }
    Ok((exact / 48.0, place / 48.0, pixel / 48.0))
}

struct Sources {
    fashion: Set,
    fashion_reference: Set,
    photos: Set,
    photo_reference: Set,
}

fn known(sources: &Sources) -> Result<()> {
    println!("\n## 2.3 tanaka, known pairs (expected: all 96 slots, PSNR infinite with 1 pair in 5 of 5)\n");
    println!("| set | pairs | trials with all slots right | least share of slots right | least PSNR |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, set) in [
        ("Fashion-M", &sources.fashion),
        ("photo patches", &sources.photos),
    ] {
        for pairs in [1, 2, 5, 10] {
            let (mut all, mut least, mut worst) = (0, 1.0f64, f64::INFINITY);
            for trial in 0..20 {
                let case = Case::new("tanaka", 4, SHAPE, trial as u8)?;
                let test = some(set, 900, 100)?;
                let exposure =
                    case.exposure(&test)?
                        .with_pairs(case.pairs(&some(set, trial * 10, pairs)?)?)?;
                let outcome = run("le-known", &exposure)?;
                let (perm, flip) = case.nibble_key(96);
                let (found, turned) = (integers(&outcome, "perm", 96)?, integers(&outcome, "flip", 96)?);
                let right = (0..96)
                    .filter(|j| found[*j] == perm[*j] as i64 && (turned[*j] == 1) == flip[*j])
                    .count();
                all += usize::from(right == 96);
                least = least.min(right as f64 / 96.0);
                worst = worst.min(psnr(&test, outcome.reconstructions.as_ref())?);
            }
            println!("| {name} | {pairs} | {all} of 20 | {least:.3} | {worst:.1} |");
        }
    }
    Ok(())
}

fn ele(sources: &Sources) -> Result<()> {
    println!("\n## 2.3 ele, known pairs: nibbles with a single candidate\n");
    println!(
        "| set | pairs | in the whole image | expected | in their block | blocks with one candidate | PSNR of others |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let expected = [
        (1, "-"),
        (2, "-"),
        (3, "9%"),
        (5, "72-79%"),
        (10, "96-98%"),
        (20, "99.9-100%"),
    ];
    for (name, set) in [
        ("Fashion-M", &sources.fashion),
        ("photo patches", &sources.photos),
        ("patches of the other photographs", &sources.photo_reference),
    ] {
        for (pairs, expected) in expected {
            let (mut single, mut inside, mut blocks, mut quality) = (0.0, 0.0, 0.0, 0.0);
            for trial in 0..3 {
                let case = Case::new("ele", 4, SHAPE, trial as u8)?;
                let test = some(set, 900, 100)?;
                let exposure =
                    case.exposure(&test)?
                        .with_pairs(case.pairs(&some(set, trial * 50, pairs)?)?)?;
                let outcome = run("ele-known", &exposure)?;
                let figure = |name: &str| outcome.figures[name];
                single += figure("slots_with_one_candidate") / figure("slots") / 3.0;
                inside += figure("slots_with_one_candidate_in_their_block") / figure("slots") / 3.0;
                blocks += figure("blocks_with_one_candidate") / figure("blocks") / 3.0;
                quality += psnr(&test, outcome.reconstructions.as_ref())? / 3.0;
            }
            let percent = |v: f64| format!("{:.1}%", 100.0 * v);
            println!(
                "| {name} | {pairs} | {} | {expected} | {} | {} | {quality:.1} |",
                percent(single),
                percent(inside),
                percent(blocks)
            );
        }
    }
    Ok(())
}

fn statistics(sources: &Sources) -> Result<()> {
    println!(
        "\n## 2.4 tanaka, ciphertext only: share of the 48 upper nibbles exact (places; pixels), PSNR\n"
    );
    println!("| target / reference | N | exact | place | pixel | PSNR | expected | seconds |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let cells = [
        (
            "Fashion-M / Fashion-M",
            &sources.fashion,
            &sources.fashion_reference,
            ["-", "1.00, 34.8", "1.00, 34.8", "1.00, 34.8"],
        ),
        (
            "Fashion-M / photographs",
            &sources.fashion,
            &sources.photo_reference,
            [
                "0.33 (pixels 1.00), 13.3",
                "0.33 (1.00), 13.3",
                "1.00, 34.7",
                "1.00, 34.7",
            ],
        ),
        (
            "photo patches / other photographs",
            &sources.photos,
            &sources.photo_reference,
            ["0.00", "pixels 1.00, negative", "1.00, 34.7", "1.00, 34.7"],
        ),
    ];
    for (name, set, reference, expected) in cells {
        for (images, expected) in [5, 20, 100, 1000].into_iter().zip(expected) {
            for trial in 0..if images < 1000 { 3 } else { 1 } {
                let case = Case::new("tanaka", 4, SHAPE, trial as u8)?;
                let test = some(set, trial * images, images)?;
                let exposure = case.exposure(&test)?.with_public(reference.clone())?;
                let start = Instant::now();
                let outcome = run("le-statistics", &exposure)?;
                let seconds = start.elapsed().as_secs_f64();
                let (exact, place, pixel) = upper_rates(&case, &outcome)?;
                let quality = psnr(&test, outcome.reconstructions.as_ref())?;
                println!(
                    "| {name} | {images} | {exact:.2} | {place:.2} | {pixel:.2} | {quality:.1} | {expected} | \
                     {seconds:.1} |"
                );
            }
        }
    }
    Ok(())
}

fn shf(sources: &Sources) -> Result<()> {
    println!("\n## shf and negpos, ciphertext only: share of the 48 places exact\n");
    println!("| target / reference | N | shf | PSNR | negpos | PSNR |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let cells = [
        (
            "Fashion-M / Fashion-M",
            &sources.fashion,
            &sources.fashion_reference,
        ),
        (
            "Fashion-M / photographs",
            &sources.fashion,
            &sources.photo_reference,
        ),
        (
            "photo patches / other photographs",
            &sources.photos,
            &sources.photo_reference,
        ),
    ];
    for (name, set, reference) in cells {
        for images in [5, 20, 100, 1000] {
            let test = some(set, 0, images)?;
            let case = Case::new("shf", 4, SHAPE, 7)?;
            let exposure = case.exposure(&test)?.with_public(reference.clone())?;
            let outcome = run("bytes-statistics", &exposure)?;
            let perm = case.key.schedule().stream("shf-key", &[]).permutation(48);
            let found = integers(&outcome, "perm", 48)?;
            let right = (0..48).filter(|j| found[*j] == perm[*j] as i64).count();
            let quality = psnr(&test, outcome.reconstructions.as_ref())?;
            let case = Case::new("negpos", 4, SHAPE, 7)?;
            let exposure = case.exposure(&test)?.with_public(reference.clone())?;
            let outcome = run("bytes-statistics", &exposure)?;
            let perm = case.key.schedule().stream("negpos-key", &[]).permutation(48);
            let found = integers(&outcome, "mask", 48)?;
            let masked = (0..48)
                .filter(|j| (found[*j] == 1) == (2 * perm[*j] > 48))
                .count();
            let sign = psnr(&test, outcome.reconstructions.as_ref())?;
            println!(
                "| {name} | {images} | {:.2} | {quality:.1} | {:.2} | {sign:.1} |",
                right as f64 / 48.0,
                masked as f64 / 48.0
            );
        }
    }
    Ok(())
}

/// Share of the pairs of blocks beside each other in the layout that lie beside each other in the images.
fn adjacency(order: &[i64], truth: &[usize], columns: usize) -> f64 {
    let n = truth.len();
    let mut block = vec![0; n];
    for (i, cell) in order.iter().enumerate() {
        block[*cell as usize] = i;
    }
    let (mut pairs, mut right) = (0, 0);
    for cell in 0..n {
        let below = (cell + columns < n).then_some(cell + columns);
        let beside = (cell % columns + 1 < columns).then_some(cell + 1);
        for other in [below, beside].into_iter().flatten() {
            let (a, b) = (truth[block[cell]], truth[block[other]]);
            let far = (a / columns).abs_diff(b / columns) + (a % columns).abs_diff(b % columns);
            pairs += 1;
            right += usize::from(far == 1);
        }
    }
    f64::from(right as u32) / f64::from(pairs)
}

fn layout(folder: &Path, pictures: &[image::RgbImage]) -> Result<()> {
    println!("\n## 2.5 ele, ciphertext only (expected: adjacency above 0.9 at N = 5,000 on Fashion-M)\n");
    println!(
        "| set | N | adjacency, no public images | with them | blocks placed | upper nibbles | PSNR | mean image | seconds |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let fashion = cifar(&folder.join("fashion-m/data_batch_1.bin"), 0, 5000)?;
    let reference = cifar(&folder.join("fashion-m/data_batch_2.bin"), 0, 5000)?;
    let photos = patches(pictures, 5000, &mut Rng::new(8))?;
    let others = patches(pictures, 5000, &mut Rng::new(9))?;
    for (name, set, public) in [
        ("Fashion-M", &fashion, &reference),
        (
            "photo patches, public ones of the same photographs",
            &photos,
            &others,
        ),
    ] {
        for images in [200, 500, 1000, 5000] {
            let case = Case::new("ele", 4, SHAPE, 3)?;
            let plain = set.first(images);
            let truth = case
                .key
                .schedule()
                .stream("block-permutation", &[])
                .permutation(64);
            let start = Instant::now();
            let alone = run("ele-layout", &case.exposure(&plain)?)?;
            let first = start.elapsed().as_secs_f64();
            let alone = adjacency(&integers(&alone, "block_perm", 64)?, &truth, 8);
            let start = Instant::now();
            let outcome = run("ele-layout", &case.exposure(&plain)?.with_public(public.clone())?)?;
            let seconds = start.elapsed().as_secs_f64();
            let order = integers(&outcome, "block_perm", 64)?;
            let placed = order
                .iter()
                .zip(&truth)
                .filter(|(a, b)| **a == **b as i64)
                .count();
            let perm = outcome.material.integers("perm", &[64, 96])?.unwrap_or_default();
            let flip = outcome.material.integers("flip", &[64, 96])?.unwrap_or_default();
            let mut right = 0u32;
            for cell in 0..64 {
                let mut stream = case.key.schedule().stream("ele-key", &[cell as u64]);
                let (p, f) = (stream.permutation(96), stream.bits(96));
                right += (0..96)
                    .filter(|j| p[*j] >= 48)
                    .filter(|j| perm[cell * 96 + j] == p[*j] as i64 && (flip[cell * 96 + j] == 1) == f[*j])
                    .count() as u32;
            }
            let quality = psnr(&plain, outcome.reconstructions.as_ref())?;
            let bytes = plain.as_bytes()?;
            let mean: Vec<u8> = (0..SHAPE.len())
                .map(|i| {
                    let sum: u64 = bytes
                        .iter()
                        .skip(i)
                        .step_by(SHAPE.len())
                        .map(|v| u64::from(*v))
                        .sum();
                    (sum / images as u64) as u8
                })
                .collect();
            let null = psnr(&plain, Some(&Set::bytes(SHAPE, mean.repeat(images))?))?;
            println!(
                "| {name} | {images} | {alone:.2} | {:.2} | {placed} of 64 | {:.2} | {quality:.1} | {null:.1} | {first:.1} + {seconds:.1} |",
                adjacency(&order, &truth, 8),
                f64::from(right) / 3072.0
            );
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(arguments.first().ok_or("usage: study_le SETS [PART]")?);
    let wanted = |part: &str| arguments.get(1).is_none_or(|p| p == part);
    let pictures = photos(&folder.join("photos"))?;
    if wanted("layout") {
        layout(folder, &pictures)?;
    }
    // Every other photograph, so that both halves hold all kinds.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (i, picture) in pictures.into_iter().enumerate() {
        if i % 2 == 0 {
            ours.push(picture)
        } else {
            theirs.push(picture)
        }
    }
    let mut rng = Rng::new(5);
    let sources = Sources {
        fashion: cifar(&folder.join("fashion-m/data_batch_1.bin"), 0, 1000)?,
        fashion_reference: cifar(&folder.join("fashion-m/test_batch.bin"), 0, 2000)?,
        photos: patches(&ours, 1000, &mut rng)?,
        photo_reference: patches(&theirs, 2000, &mut rng)?,
    };
    if wanted("known") {
        known(&sources)?;
    }
    if wanted("ele") {
        ele(&sources)?;
    }
    if wanted("statistics") {
        statistics(&sources)?;
    }
    if wanted("shf") {
        shf(&sources)?;
    }
    Ok(())
}
