//! Measures the attacks on pixel-based encryption on full image sets: `study_skk SETS` with the folders
//! `photos` (PNG, JPEG), `fashion-m` (CIFAR-10 layout) and `fashion-mnist` (IDX).

use flate2::read::GzDecoder;
use image::imageops::{FilterType, crop_imm, resize};
use std::{collections::BTreeMap, error::Error, fs, io::Read, path::Path, time::Instant};
use visard_attacks::{Budget, Exposure, Outcome, Pairs, Rng, Set, Target, attacks};
use visard_core::{Key, MasterSecret, PixelsMut, Salt, SampleId, Samples, Shape, params::Params};

type Any<T> = Result<T, Box<dyn Error>>;
type Given<'a> = &'a [(&'a str, &'a str)];

const COLOR: Shape = Shape::new(32, 32, 3);
const PE: Given<'static> = &[("color", "false"), ("image_key", "true")];
const SKK: Given<'static> = &[("image_key", "true")];
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect()
}

fn disguise(given: Given<'_>, secret: u8, plain: &Set) -> Any<Set> {
    let shape = plain.shape();
    let secret = MasterSecret::new([secret; 32]);
    let key = Key::new("skk", &texts(given), Some(shape), secret, None)?;
    let ids = SampleId::numbered("train", 0, plain.len());
    let mut made = vec![0; plain.len() * shape.len()];
    let samples = Samples::new(Salt([9; 16]), &ids);
    key.disguise(shape)?
        .apply(samples, plain.as_bytes()?, PixelsMut::U8(&mut made))?;
    Ok(Set::bytes(shape, made)?)
}

fn exposure(given: Given<'_>, disguised: Set) -> Any<Exposure> {
    let target = Target::new("skk", &texts(given), disguised.shape())?;
    Ok(Exposure::new(target, disguised)?)
}

fn attack(name: &str, given: Given<'_>, exposure: &Exposure) -> Any<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    Ok((info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| (),
    )?)
}

fn guess(name: &str, given: Given<'_>, exposure: &Exposure) -> Any<Vec<u8>> {
    let outcome = attack(name, given, exposure)?;
    Ok(outcome.reconstructions.ok_or("no pictures")?.as_bytes()?.to_vec())
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}

/// Structural similarity: 7x7 windows, sample covariance, mean over channels.
fn ssim(shape: Shape, a: &[u8], b: &[u8]) -> f64 {
    let (mut total, mut windows) = (0.0, 0.0);
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    for row in 0..shape.height - 6 {
        for column in 0..shape.width - 6 {
            for c in 0..shape.channels {
                let (mut sa, mut sb, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
                for i in 0..49 {
                    let at = ((row + i / 7) * shape.width + column + i % 7) * shape.channels + c;
                    let (x, y) = (f64::from(a[at]), f64::from(b[at]));
                    (sa, sb, aa, bb, ab) = (sa + x, sb + y, aa + x * x, bb + y * y, ab + x * y);
                }
                let (ma, mb) = (sa / 49.0, sb / 49.0);
                let (va, vb) = ((aa - sa * ma) / 48.0, (bb - sb * mb) / 48.0);
                let cov = (ab - sa * mb) / 48.0;
                total +=
                    (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
                windows += 1.0;
            }
        }
    }
    total / windows
}

/// Correlation of the gradient magnitudes of luminance.
fn edges(shape: Shape, a: &[u8], b: &[u8]) -> f64 {
    let gradients = |image: &[u8]| -> Vec<f64> {
        let grey: Vec<f64> = image
            .chunks(3)
            .map(|p| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]))
            .collect();
        let (h, w) = (shape.height, shape.width);
        let slope = |at: usize, i: usize, n: usize, step: usize| {
            let (low, high) = (
                if i > 0 { at - step } else { at },
                if i + 1 < n { at + step } else { at },
            );
            (grey[high] - grey[low]) / ((high - low) / step) as f64
        };
        let places = (0..h * w).map(|at| (at, at / w, at % w));
        places
            .map(|(at, r, c)| slope(at, c, w, 1).hypot(slope(at, r, h, w)))
            .collect()
    };
    let (x, y) = (gradients(a), gradients(b));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let pairs = x.iter().zip(&y).map(|(x, y)| (x - mx, y - my));
    let (xx, yy, xy) = pairs.fold((0.0, 0.0, 0.0), |s, (x, y)| {
        (s.0 + x * x, s.1 + y * y, s.2 + x * y)
    });
    xy / f64::sqrt(xx * yy)
}

fn turned(channels: usize, exchanges: bool, image: &[u8], state: usize) -> Vec<u8> {
    let value = |pixel: &[u8], c: usize| {
        let place = if exchanges {
            ORDERS[state >> channels][c]
        } else {
            c
        };
        if state >> c & 1 == 1 {
            255 - pixel[place]
        } else {
            pixel[place]
        }
    };
    let pixels = image.chunks(channels);
    pixels
        .flat_map(|p| (0..channels).map(|c| value(p, c)).collect::<Vec<_>>())
        .collect()
}

/// Shares of images and of pixels that are exactly right in the best global state.
fn exact(plain: &Set, exchanges: bool, guess: &[u8]) -> Any<(f64, f64)> {
    let (truth, shape) = (plain.as_bytes()?, plain.shape());
    let share = |size: usize, turned: &[u8]| {
        let pairs = turned.chunks(size).zip(guess.chunks(size));
        pairs.filter(|(a, b)| a == b).count() as f64 / (truth.len() / size) as f64
    };
    let states = (if exchanges { 6 } else { 1 }) << shape.channels;
    let best = (0..states).map(|state| {
        let turned = turned(shape.channels, exchanges, truth, state);
        (share(shape.len(), &turned), share(shape.channels, &turned))
    });
    Ok(best.fold((0.0, 0.0), |best, next| if next.1 > best.1 { next } else { best }))
}

fn same_pixels(a: &[u8], b: &[u8]) -> f64 {
    let pairs = a.chunks(3).zip(b.chunks(3));
    pairs.filter(|(a, b)| a == b).count() as f64 / (a.len() / 3) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The photographs, the longer sides cut to squares of at most 1024 pixels in the middle.
fn photos(sets: &Path) -> Any<Vec<(String, image::RgbImage)>> {
    let mut paths: Vec<_> = fs::read_dir(sets.join("photos"))?
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.sort();
    let mut photos = Vec::new();
    for path in paths {
        let Ok(photo) = image::open(&path) else { continue };
        let photo = photo.to_rgb8();
        let side = photo.width().min(photo.height());
        let (x, y) = ((photo.width() - side) / 2, (photo.height() - side) / 2);
        let square = crop_imm(&photo, x, y, side, side).to_image();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        photos.push((
            name,
            resize(&square, side.min(1024), side.min(1024), FilterType::Triangle),
        ));
    }
    Ok(photos)
}

fn scaled(photo: &image::RgbImage, side: u32) -> Any<Set> {
    let pixels = resize(photo, side, side, FilterType::Lanczos3).into_raw();
    Ok(Set::bytes(Shape::new(side as usize, side as usize, 3), pixels)?)
}

fn patches(photos: &[(String, image::RgbImage)], count: usize) -> Any<Set> {
    let mut rng = Rng::new(7);
    let mut pixels = Vec::new();
    // Half-size photographs: patches then show more than one surface.
    let halves: Vec<_> = photos
        .iter()
        .map(|(_, p)| resize(p, p.width() / 2, p.height() / 2, FilterType::Triangle))
        .collect();
    for i in 0..count {
        let photo = &halves[i % halves.len()];
        let x = rng.below(photo.width() as usize - 31) as u32;
        let y = rng.below(photo.height() as usize - 31) as u32;
        pixels.extend(crop_imm(photo, x, y, 32, 32).to_image().into_raw());
    }
    Ok(Set::bytes(COLOR, pixels)?)
}

fn fashion_m(sets: &Path, count: usize) -> Any<Set> {
    let records = fs::read(sets.join("fashion-m/test_batch.bin"))?;
    let mut pixels = Vec::new();
    for record in records.chunks_exact(3073).take(count) {
        pixels.extend((0..1024).flat_map(|i| [1, 1025, 2049].map(|plane| record[plane + i])));
    }
    Ok(Set::bytes(COLOR, pixels)?)
}

fn fashion_mnist(sets: &Path, count: usize) -> Any<Set> {
    let file = fs::File::open(sets.join("fashion-mnist/t10k-images-idx3-ubyte.gz"))?;
    let mut pixels = vec![0; 16 + count * 784];
    GzDecoder::new(file).read_exact(&mut pixels)?;
    Ok(Set::bytes(Shape::new(28, 28, 1), pixels.split_off(16))?)
}

/// Attacks on single images (ATTACKS 1.1, 1.2), medians over the photographs.
fn single_images(photos: &[(String, image::RgbImage)], side: u32) -> Any<()> {
    let mut rows: BTreeMap<&str, Vec<[f64; 4]>> = BTreeMap::new();
    for (_, photo) in photos {
        let plain = scaled(photo, side)?;
        let (truth, shape) = (plain.as_bytes()?, plain.shape());
        let judge = |guess: &[u8]| {
            let metrics = (
                psnr(truth, guess),
                ssim(shape, truth, guess),
                edges(shape, truth, guess),
            );
            [metrics.0, metrics.1, metrics.2, same_pixels(truth, guess)]
        };
        let made = disguise(SKK, 5, &plain)?;
        let mut add = |name, guess: &[u8]| rows.entry(name).or_default().push(judge(guess));
        add("a cipher, SKK", made.as_bytes()?);
        let negated = disguise(PE, 5, &plain)?;
        add("a cipher, PE", negated.as_bytes()?);
        add(
            "b leading bit, PE",
            &guess("skk-leading-bit", &[], &exposure(PE, negated)?)?,
        );
        let skk = exposure(SKK, made)?;
        add("b leading bit, SKK", &guess("skk-leading-bit", &[], &skk)?);
        add(
            "b leading bit, SKK, grey",
            &guess("skk-leading-bit", &[("grey", "true")], &skk)?,
        );
        let first: Vec<String> = truth[..3].iter().map(u8::to_string).collect();
        let seed = [
            ("seed", "value"),
            ("red", &*first[0]),
            ("green", &*first[1]),
            ("blue", &*first[2]),
        ];
        add(
            "c propagation, true seed",
            &guess("skk-propagation", &seed, &skk)?,
        );
        add("c propagation, grey", &guess("skk-propagation", &[], &skk)?);
        add(
            "c propagation, white",
            &guess("skk-propagation", &[("seed", "white")], &skk)?,
        );
        add(
            "c propagation, seed by prior",
            &guess("skk-propagation", &[("seed", "best")], &skk)?,
        );
        let best = |name, param, more: Given<'_>| -> Any<Vec<u8>> {
            let mut best = (f64::MIN, Vec::new());
            for state in 0..48 {
                let state = state.to_string();
                let given: Vec<_> = more.iter().copied().chain([(param, &*state)]).collect();
                let guess = guess(name, &given, &skk)?;
                let found = psnr(truth, &guess);
                if found > best.0 {
                    best = (found, guess);
                }
            }
            Ok(best.1)
        };
        add(
            "c propagation, best of 48",
            &best("skk-propagation", "state", &[("seed", "state")])?,
        );
        add("d graph, by prior", &guess("skk-graph", &[], &skk)?);
        add("d graph, best of 48", &best("skk-graph", "rank", &[])?);
    }
    println!(
        "\n## One image, {side}x{side}, medians over {} photographs\n",
        photos.len()
    );
    println!("| attack | PSNR dB | SSIM | edge correlation | exact pixels |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, values) in rows {
        let of = |i: usize| median(values.iter().map(|v| v[i]).collect());
        let rate = 100.0 * of(3);
        println!(
            "| {} | {:.1} | {:.2} | {:.2} | {rate:.1} % |",
            &name[2..],
            of(0),
            of(1),
            of(2)
        );
    }
    // [M] of single images: a bird of 96x96 and a horse of 32x32.
    let measured = match side {
        96 => [
            "PE 5.9 / 0.28 / 0.88, SKK 6.3 / 0.15 / 0.56",
            "12 % true seed, 5-6 % grey, white",
            "0.31 / 0.72",
        ],
        _ => [
            "PE 10.1 / 0.32 / 0.79, SKK 10.3 / 0.25 / 0.67",
            "7-8 %",
            "0.25 / 0.49",
        ],
    };
    println!(
        "\nATTACKS.md, one other image of this size: leading bit (PSNR / SSIM / edges) {};",
        measured[0]
    );
    println!(
        "propagation, exact pixels {}; graph (SSIM / edges) {}.",
        measured[1], measured[2]
    );
    Ok(())
}

/// The same-key attacks (1.3 to 1.5) on one set; `public` are other images of its kind.
fn same_key(name: &str, all: &Set, public: &Set) -> Any<()> {
    println!("\n## One key, {name}\n");
    println!("| images | statistic | exact images | exact pixels | state by prior | with public | seconds |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let exchanges = all.shape().channels == 3;
    let yes = |is: bool| if is { "right" } else { "wrong" };
    for count in [2, 5, 10, 20, 50, 100, 1000] {
        let plain = all.first(count);
        let disguised = disguise(&[], 6, &plain)?;
        for statistic in ["correlation", "distance"] {
            let given = [("statistic", statistic)];
            let skk = exposure(&[], disguised.clone())?;
            let start = Instant::now();
            let Ok(found) = guess("skk-statistical", &given, &skk) else {
                println!("| {count} | {statistic} | refused | | | | |");
                continue;
            };
            let seconds = start.elapsed().as_secs_f64();
            let (images, pixels) = exact(&plain, exchanges, &found)?;
            let raw = plain.as_bytes()? == found;
            let skk = skk.with_public(public.clone())?;
            let told = plain.as_bytes()? == guess("skk-statistical", &given, &skk)?;
            println!(
                "| {count} | {statistic} | {:.1} % | {:.2} % | {} | {} | {seconds:.3} |",
                100.0 * images,
                100.0 * pixels,
                yes(raw),
                yes(told)
            );
        }
    }
    let plain = all.first(200);
    let fresh = disguise(SKK, 6, &plain)?;
    let found = guess("skk-statistical", &[], &exposure(&[], fresh)?)?;
    println!(
        "\nFresh keys, 200 images: {:.2} % of pixels.",
        100.0 * exact(&plain, exchanges, &found)?.1
    );
    Ok(())
}

/// How many images the statistics need: shares of 20 draws that give every pixel back.
fn draws(name: &str, all: &Set) -> Any<()> {
    println!("\n## Draws of few images, {name}\n");
    println!("| images | statistic | draws exact | exact pixels, mean | least |");
    println!("| --- | --- | --- | --- | --- |");
    let (len, exchanges) = (all.shape().len(), all.shape().channels == 3);
    for count in [5, 10, 15, 20, 30, 50] {
        for statistic in ["correlation", "distance"] {
            let mut shares = Vec::new();
            for draw in 0..20 {
                let chosen = Rng::new(draw).permutation(all.len());
                let images = chosen[..count].iter().flat_map(|i| {
                    let image = all.as_bytes().into_iter().flat_map(move |b| &b[i * len..][..len]);
                    image.copied().collect::<Vec<_>>()
                });
                let plain = Set::bytes(all.shape(), images.collect())?;
                let skk = exposure(&[], disguise(&[], 20 + draw as u8, &plain)?)?;
                let found = guess("skk-statistical", &[("statistic", statistic)], &skk)?;
                shares.push(exact(&plain, exchanges, &found)?.1);
            }
            let (whole, mean) = (
                shares.iter().filter(|s| **s == 1.0).count(),
                shares.iter().sum::<f64>() / 20.0,
            );
            let least = shares.iter().copied().fold(1.0, f64::min);
            let (mean, least) = (100.0 * mean, 100.0 * least);
            println!("| {count} | {statistic} | {whole} of 20 | {mean:.2} % | {least:.2} % |");
        }
    }
    Ok(())
}

/// Known pairs (1.4) and the helper (1.3).
fn with_more(name: &str, all: &Set) -> Any<()> {
    println!("\n## Known pairs and helper, {name}\n");
    println!("| pairs | decided pixels | states left per pixel | held-out pixels right |");
    println!("| --- | --- | --- | --- |");
    let len = all.shape().len();
    let held_out = Set::bytes(
        all.shape(),
        all.as_bytes()?[all.as_bytes()?.len() - 200 * len..].to_vec(),
    )?;
    let disguised = disguise(&[], 6, &held_out)?;
    for count in [1, 2, 3, 5, 10, 50] {
        let known = all.first(count);
        let made = disguise(&[], 6, &known)?;
        let skk = exposure(&[], disguised.clone())?.with_pairs(Pairs::new(known, made)?)?;
        let outcome = attack("skk-known", &[], &skk)?;
        let found = outcome.reconstructions.ok_or("no pictures")?;
        println!(
            "| {count} | {:.1} % | {:.2} | {:.2} % |",
            100.0 * outcome.figures["decided_pixels"] / 1024.0,
            outcome.figures["mean_candidates"],
            100.0 * same_pixels(held_out.as_bytes()?, found.as_bytes()?)
        );
    }
    let skk = exposure(&[], disguised)?;
    let info = attacks::find("skk-helper")?;
    let helper = info.helpers.ok_or("no helpers")?(&skk.target, &Params::default())?;
    for (whose, secret) in [("the", 6), ("another", 7)] {
        let answer = disguise(&[], secret, &helper)?;
        let skk = exposure(&[], skk.disguised.clone())?.with_chosen(Pairs::new(helper.clone(), answer)?)?;
        let found = guess("skk-helper", &[], &skk)?;
        let rate = 100.0 * same_pixels(held_out.as_bytes()?, &found);
        println!("\nHelper under {whose} key: {rate:.2} % of held-out pixels.");
    }
    Ok(())
}

fn main() -> Any<()> {
    let sets = std::env::args().nth(1).ok_or("name the folder of image sets")?;
    let sets = Path::new(&sets);
    let photos = photos(sets)?;
    single_images(&photos, 96)?;
    single_images(&photos, 32)?;
    let (half, other) = photos.split_at(photos.len() / 2);
    let shots = patches(half, 1000)?;
    let clothes = fashion_m(sets, 2000)?;
    let last = Set::bytes(COLOR, clothes.as_bytes()?[1000 * COLOR.len()..].to_vec())?;
    same_key("patches of photographs 32x32x3", &shots, &patches(other, 500)?)?;
    same_key("Fashion-M 32x32x3", &clothes.first(1000), &last)?;
    let grey = fashion_mnist(sets, 2000)?;
    let late = Set::bytes(grey.shape(), grey.as_bytes()?[1000 * 784..].to_vec())?;
    same_key("Fashion-MNIST 28x28x1", &grey.first(1000), &late)?;
    draws("patches of photographs 32x32x3", &shots)?;
    draws("Fashion-M 32x32x3", &clothes)?;
    draws("Fashion-MNIST 28x28x1", &grey)?;
    with_more("patches of photographs 32x32x3", &shots)?;
    with_more("Fashion-M 32x32x3", &clothes.first(1000))
}
