//! Figures of the attacks on EtC, beside those of ATTACKS.md, as Markdown tables.
//!
//! Usage: `study_etc FOLDER [PART]`, where the folder holds `photos` (PNG, JPEG) and `fashion-m`
//! (CIFAR-10 layout), and the part is `edges`, `jigsaw` or `patches`; all without it.

use image::imageops::{FilterType, resize};
use std::{collections::BTreeMap, error::Error, path::Path, time::Instant};
use visard_attacks::{
    Budget, Exposure, Rng, Set, Target, attacks,
    attacks::etc::{Layout, Scores, neighbour_scores},
};
use visard_core::{
    Array, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values, params::Params,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: study_etc FOLDER [PART]")?;
    let part = arguments.next().unwrap_or_default();
    let folder = Path::new(&folder);
    let photos = photos(folder)?;
    let wanted = |name: &str| part.is_empty() || part == name;
    if wanted("edges") {
        edges(&photos, folder)?;
    }
    if wanted("patches") {
        patches_by_jigsaw(&photos)?;
    }
    if wanted("jigsaw") {
        whole_photos(&photos)?;
    }
    Ok(())
}

/// The photographs, shortened to at most 640 pixels along the longer side.
fn photos(folder: &Path) -> Outcome<Vec<image::RgbImage>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder.join("photos"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    let open = |path| -> Outcome<image::RgbImage> {
        let image = image::open(path)?.to_rgb8();
        let scale = 640.0 / f64::from(image.width().max(image.height()));
        let side = |length: u32| ((f64::from(length) * scale.min(1.0)).round() as u32).max(256);
        Ok(resize(
            &image,
            side(image.width()),
            side(image.height()),
            FilterType::Triangle,
        ))
    };
    paths.iter().map(open).collect()
}

fn patches(photos: &[image::RgbImage], count: usize, side: usize, rng: &mut Rng) -> Outcome<Set> {
    let mut pixels = Vec::new();
    for _ in 0..count {
        let photo = &photos[rng.below(photos.len())];
        let x = rng.below(photo.width() as usize - side + 1) as u32;
        let y = rng.below(photo.height() as usize - side + 1) as u32;
        pixels.extend(
            image::imageops::crop_imm(photo, x, y, side as u32, side as u32)
                .to_image()
                .into_raw(),
        );
    }
    Ok(Set::bytes(Shape::new(side, side, 3), pixels)?)
}

fn fashion_m(folder: &Path, count: usize) -> Outcome<Set> {
    let bytes = std::fs::read(folder.join("fashion-m/data_batch_1.bin"))?;
    let mut pixels = Vec::new();
    for record in bytes.chunks_exact(3073).take(count) {
        pixels.extend((0..3072).map(|at| record[1 + at % 3 * 1024 + at / 3]));
    }
    Ok(Set::bytes(Shape::new(32, 32, 3), pixels)?)
}

fn key(blocks: usize, moved: bool, states: bool, rng: &mut Rng) -> Outcome<Material> {
    let mut material = Material::new();
    let order = if moved {
        rng.permutation(blocks)
    } else {
        (0..blocks).collect()
    };
    let values = Values::I64(order.into_iter().map(|i| i as i64).collect());
    material.insert(
        "block_perm",
        Array {
            shape: vec![blocks],
            values,
        },
    )?;
    for (name, bound, none) in [
        ("rotate", 4, 3),
        ("flip", 2, 2),
        ("negaposi", 2, 1),
        ("channel", 6, 0),
    ] {
        let mut code = || match (states, name) {
            (false, _) => none,
            (true, "flip") => 2 * rng.below(2) as u8,
            (true, _) => rng.below(bound) as u8,
        };
        let values = Values::U8((0..blocks).map(|_| code()).collect());
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

fn exposure(plain: &Set, block: usize, material: &Material) -> Outcome<Exposure> {
    let params = BTreeMap::from([("block".to_string(), block.to_string())]);
    let target = Target::new("etc", &params, plain.shape())?;
    let secret = MasterSecret::new([1; 32]);
    let key = Key::new(
        "etc",
        &params,
        Some(plain.shape()),
        secret,
        Some(material.clone()),
    )?;
    let disguise = key.disguise(plain.shape())?;
    let output = disguise.output();
    let mut disguised = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    let ids = SampleId::numbered("train", 0, plain.len());
    disguise.apply(
        Samples::new(Salt([0; 16]), &ids),
        plain.as_bytes()?,
        disguised.view_mut(),
    )?;
    Ok(Exposure::new(
        target,
        Set::new(output.shape, disguised, Vec::new())?,
    )?)
}

/// Scores and seconds of an attack.
fn attack(
    name: &str,
    exposure: &Exposure,
    truth: &Material,
    params: &[(&str, &str)],
) -> Outcome<(Scores, f64)> {
    let info = attacks::find(name)?;
    let texts = params
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect();
    let params = Params::resolve(info.params, &texts)?;
    let start = Instant::now();
    let outcome = (info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let found = Layout::from_material(&exposure.target, &outcome.material)?;
    let truth = Layout::from_material(&exposure.target, truth)?;
    Ok((
        found.score_pictures(&truth, &exposure.target, &exposure.disguised)?,
        seconds,
    ))
}

/// Shares of blocks whose best partner is a neighbour, and of neighbours among the best partners.
fn partners(exposure: &Exposure, truth: &Material) -> Outcome<(f64, f64)> {
    let values = neighbour_scores(exposure, usize::MAX)?;
    let places = Layout::from_material(&exposure.target, truth)?.places;
    let near = |a: usize, b: usize| {
        places[a].row.abs_diff(places[b].row) + places[a].column.abs_diff(places[b].column) == 1
    };
    let (mut first, mut among, mut all) = (0, 0, 0);
    for a in 0..places.len() {
        let mut order: Vec<usize> = (0..places.len()).filter(|b| *b != a).collect();
        order.sort_by(|x, y| values[a * places.len() + y].total_cmp(&values[a * places.len() + x]));
        let degree = order.iter().filter(|b| near(a, **b)).count();
        first += usize::from(near(a, order[0]));
        among += order[..degree].iter().filter(|b| near(a, **b)).count();
        all += degree;
    }
    Ok((first as f64 / places.len() as f64, among as f64 / all as f64))
}

fn edges(photos: &[image::RgbImage], folder: &Path) -> Outcome<()> {
    println!("\n### 3.3 Edge correlation: 64 blocks of 4x4 in 32x32x3, all 96 states\n");
    println!("| images | N | best partner | (spec) | among top degree | (spec) | D_c | N_c | L_c | s |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let spec = [
        (
            "photo patches",
            [
                (5, "-", "-"),
                (10, "-", "-"),
                (20, "100%", "87%"),
                (100, "100%", "100%"),
                (1000, "100%", "100%"),
            ],
        ),
        (
            "Fashion-M",
            [
                (5, "-", "-"),
                (10, "-", "-"),
                (20, "91%", "68%"),
                (100, "100%", "85%"),
                (1000, "-", "90%"),
            ],
        ),
    ];
    for (name, rows) in spec {
        for (count, first_spec, among_spec) in rows {
            let mut rng = Rng::new(count as u64);
            let plain = match name {
                "Fashion-M" => fashion_m(folder, count)?,
                _ => patches(photos, count, 32, &mut rng)?,
            };
            let truth = key(64, true, true, &mut rng)?;
            let exposure = exposure(&plain, 4, &truth)?;
            let (first, among) = partners(&exposure, &truth)?;
            let (scores, seconds) = attack("etc-edges", &exposure, &truth, &[])?;
            println!(
                "| {name} | {count} | {:.0}% | {first_spec} | {:.0}% | {among_spec} | {} {seconds:.1} |",
                100.0 * first,
                100.0 * among,
                row(&scores)
            );
        }
    }
    Ok(())
}

fn row(scores: &Scores) -> String {
    format!(
        "{:.2} | {:.2} | {:.2} |",
        scores.direct, scores.neighbour, scores.largest
    )
}

fn patches_by_jigsaw(photos: &[image::RgbImage]) -> Outcome<()> {
    println!("\n### 3.2 Jigsaw on photo patches of 32x32x3 under one key, all 96 states\n");
    println!("| block | N | D_c | N_c | L_c | s |\n|---|---|---|---|---|---|");
    for block in [4, 8] {
        for count in [1, 10, 100] {
            let mut total = (Scores::default(), 0.0);
            let runs = if count == 100 { 1 } else { 5 };
            for run in 0..runs {
                let mut rng = Rng::new(100 * count as u64 + run);
                let plain = patches(photos, count, 32, &mut rng)?;
                let truth = key((32 / block) * (32 / block), true, true, &mut rng)?;
                let exposure = exposure(&plain, block, &truth)?;
                add(&mut total, attack("etc-jigsaw", &exposure, &truth, &[])?, runs);
            }
            println!("| {block} | {count} | {} {:.1} |", row(&total.0), total.1);
        }
    }
    Ok(())
}

fn add(total: &mut (Scores, f64), one: (Scores, f64), runs: u64) {
    let share = 1.0 / runs as f64;
    total.0.direct += one.0.direct * share;
    total.0.neighbour += one.0.neighbour * share;
    total.0.largest += one.0.largest * share;
    total.1 += one.1 * share;
}

fn whole_photos(photos: &[image::RgbImage]) -> Outcome<()> {
    println!("\n### 3.2 Jigsaw on single photographs of 256x256, the mean over every third one\n");
    println!("| block | pieces | states | D_c | N_c | L_c | s |\n|---|---|---|---|---|---|---|");
    for (block, states) in [(32, "moved"), (32, "all"), (16, "moved"), (16, "all")] {
        let mut total = (Scores::default(), 0.0);
        let chosen: Vec<_> = photos.iter().step_by(3).collect();
        let pieces = (256 / block) * (256 / block);
        for (at, photo) in chosen.iter().enumerate() {
            let shape = Shape::new(256, 256, 3);
            let pixels = image::imageops::crop_imm(*photo, 0, 0, 256, 256)
                .to_image()
                .into_raw();
            let truth = key(pieces, true, states == "all", &mut Rng::new(at as u64))?;
            let exposure = exposure(&Set::bytes(shape, pixels)?, block, &truth)?;
            let one = attack("etc-jigsaw", &exposure, &truth, &[("states", states)])?;
            eprintln!("{block} {states} {at} {one:?}");
            add(&mut total, one, chosen.len() as u64);
        }
        println!(
            "| {block} | {pieces} | {states} | {} {:.1} |",
            row(&total.0),
            total.1
        );
    }
    Ok(())
}
