//! Measures the attacks that fit every scheme on whole data sets:
//! `study_common SETS [linkage|statistics|span]`.
//!
//! SETS holds `fashion-m` in the layout of CIFAR-10 and `fashion-mnist` in IDX. The tables are Markdown.

use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::Read,
    path::Path,
};
use visard_attacks::{
    Budget, Exposure, Outcome, Pairs, Rng, Set, Target,
    attacks::{self, linkage},
    metrics,
    score::{Options, quality, score},
};
use visard_core::{Key, MasterSecret, Pixels, Salt, SampleId, Samples, Shape, params::Params};

type Given<'a> = &'a [(&'a str, &'a str)];
type Done<T> = Result<T, Box<dyn Error>>;

fn texts(given: Given<'_>) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// The first images of a file of CIFAR-10: label, then three planes of 32x32.
fn planes(path: &Path, count: usize) -> Done<Set> {
    let shape = Shape::new(32, 32, 3);
    let bytes = fs::read(path)?;
    let (mut pixels, mut labels) = (Vec::with_capacity(count * shape.len()), Vec::new());
    for record in bytes.chunks_exact(1 + shape.len()).take(count) {
        labels.push(u32::from(record[0]));
        pixels.extend((0..shape.len()).map(|i| record[1 + i % 3 * 1024 + i / 3]));
    }
    Ok(Set::new(shape, Pixels::U8(pixels), labels)?)
}

/// The first images of a pair of IDX files.
fn idx(folder: &Path, split: &str, count: usize) -> Done<Set> {
    let shape = Shape::new(28, 28, 1);
    let read = |name: &str, header: usize, len: usize| -> Done<Vec<u8>> {
        let file = File::open(folder.join(format!("{split}-{name}-ubyte.gz")))?;
        let mut bytes = Vec::new();
        GzDecoder::new(file)
            .take((header + len) as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes.split_off(header))
    };
    let labels = read("labels-idx1", 8, count)?
        .into_iter()
        .map(u32::from)
        .collect();
    let pixels = read("images-idx3", 16, count * shape.len())?;
    Ok(Set::new(shape, Pixels::U8(pixels), labels)?)
}

fn disguise(plain: &Set, scheme: &str, given: Given<'_>, split: &str) -> Done<Set> {
    let key = Key::new(
        scheme,
        &texts(given),
        Some(plain.shape()),
        MasterSecret::new([11; 32]),
        None,
    )?;
    let disguise = key.disguise(plain.shape())?;
    let ids = SampleId::numbered(split, 0, plain.len());
    let output = disguise.output();
    let mut pixels = Pixels::zeros(output.dtype, plain.len() * output.shape.len());
    disguise.apply(
        Samples::new(Salt([9; 16]), &ids),
        plain.as_bytes()?,
        pixels.view_mut(),
    )?;
    Ok(Set::new(output.shape, pixels, plain.labels().to_vec())?)
}

fn run(name: &str, exposure: &Exposure, given: Given<'_>) -> Done<Outcome> {
    let info = attacks::find(name)?;
    let params = Params::resolve(info.params, &texts(given))?;
    Ok((info.run)(
        exposure,
        &params,
        &Budget::generous(),
        &mut Rng::new(1),
        &|_, _| {},
    )?)
}

fn exposure(plain: Shape, scheme: &str, given: Given<'_>, disguised: Set) -> Done<Exposure> {
    Ok(Exposure::new(
        Target::new(scheme, &texts(given), plain)?,
        disguised,
    )?)
}

fn words(scheme: &str, given: Given<'_>) -> String {
    given.iter().fold(scheme.to_string(), |text, (name, value)| {
        format!("{text} {name}={value}")
    })
}

const SCHEMES: [(&str, Given<'static>); 14] = [
    ("skk", &[]),
    ("skk", &[("image_key", "true")]),
    ("etc", &[]),
    ("etc-gray", &[]),
    ("shf", &[]),
    ("negpos", &[]),
    ("ffx", &[]),
    ("tanaka", &[]),
    ("ele", &[]),
    ("rmt", &[]),
    ("rmt", &[("noise", "25")]),
    ("rmt", &[("noise", "100")]),
    ("aes", &[]),
    ("aes", &[("per_position", "false")]),
];

fn study_linkage(name: &str, plain: &Set) -> Done<()> {
    println!("\n### linkage, {name}, {} images\n", plain.len());
    println!("| scheme | space | 1-NN accuracy | equal predictions | AUC | EER |\n|---|---|---|---|---|---|");
    let links = |set: &Set, space| linkage::measure(set, space, &Budget::generous(), &|_, _| {});
    let (values, nibbles) = (
        links(plain, linkage::Space::Values)?,
        links(plain, linkage::Space::Nibbles)?,
    );
    let line = |scheme: &str, space: &str, found: &linkage::Links, plain: &linkage::Links| {
        let same = metrics::key_rate(&found.nearest, &plain.nearest);
        let (auc, eer) = (found.auc.unwrap_or(f64::NAN), found.eer.unwrap_or(f64::NAN));
        println!(
            "| {scheme} | {space} | {:.4} | {same:.4} | {auc:.4} | {eer:.4} |",
            found.accuracy
        );
    };
    line("plain", "values", &values, &values);
    line("plain", "nibbles", &nibbles, &nibbles);
    for (scheme, given) in SCHEMES {
        let disguised = disguise(plain, scheme, given, "train")?;
        line(
            &words(scheme, given),
            "values",
            &links(&disguised, linkage::Space::Values)?,
            &values,
        );
        if matches!(scheme, "tanaka" | "ele") {
            line(
                scheme,
                "nibbles",
                &links(&disguised, linkage::Space::Nibbles)?,
                &nibbles,
            );
        }
    }
    Ok(())
}

fn study_statistics(name: &str, plain: &Set) -> Done<()> {
    println!("\n### statistics, {name}, {} images\n", plain.len());
    println!(
        "| scheme | entropy | uniform | right | below | diagonal | block | equal | NPCR | UACI | repeats |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let info = attacks::find("statistics")?;
    for (scheme, given) in SCHEMES
        .into_iter()
        .filter(|(scheme, _)| info.applies.contains(scheme))
    {
        let target = Target::new(scheme, &texts(given), plain.shape())?;
        let helpers = info.helpers.ok_or("statistics has helpers")?(&target, &Params::default())?;
        let answers = disguise(&helpers, scheme, given, "chosen")?;
        let disguised = disguise(plain, scheme, given, "train")?;
        let exposure = exposure(plain.shape(), scheme, given, disguised)?;
        let exposure = exposure.with_chosen(Pairs::new(helpers, answers)?)?;
        let figures = run("statistics", &exposure, &[])?.figures;
        let of = |name: &str| figures.get(name).map_or("-".into(), |v| format!("{v:.4}"));
        let columns = [
            "entropy_0",
            "uniform_images",
            "correlation_horizontal",
            "correlation_vertical",
            "correlation_diagonal",
            "correlation_block_right",
            "equal_neighbours",
            "npcr",
            "uaci",
            "repeats",
        ];
        println!("| {} | {} |", words(scheme, given), columns.map(of).join(" | "));
    }
    Ok(())
}

fn study_span(name: &str, known: &Set, rest: &Set) -> Done<()> {
    const COUNTS: [usize; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
    let null = score(rest, rest, &Options::default())?
        .mean
        .ok_or("one image has no mean")?
        .raw;
    println!(
        "\n### span, {name}, PSNR in dB of {} images against the number of pairs\n",
        rest.len()
    );
    println!(
        "Over all values (median over images; what leaving pieces out foretold). Mean image: {:.1}.\n",
        null.pooled_psnr
    );
    println!(
        "| scheme | own parameters | {} |",
        COUNTS.map(|k| k.to_string()).join(" | ")
    );
    println!("|---|---|{}", "---|".repeat(COUNTS.len()));
    let still: Given<'_> = &[("shuffle", "false")];
    let image: Given<'_> = &[("scope", "image")];
    let cases: [(&str, Given<'_>, Given<'_>); 22] = [
        ("rmt", still, &[]),
        ("rmt", &[("shuffle", "false"), ("noise", "25")], &[]),
        ("rmt", &[("shuffle", "false"), ("noise", "100")], &[]),
        ("rmt", &[], &[]),
        ("rmt", &[("noise", "25")], &[]),
        ("rmt", still, image),
        ("skk", &[], &[]),
        ("skk", &[], image),
        ("negpos", &[], &[]),
        ("shf", &[], &[]),
        ("shf", &[], image),
        ("ffx", &[], &[]),
        ("tanaka", &[], &[]),
        ("tanaka", &[], &[("domain", "values")]),
        ("tanaka", &[], image),
        ("etc", still, &[]),
        ("etc", &[], &[]),
        ("etc-gray", &[], &[]),
        ("ele", still, &[]),
        ("ele", &[], &[]),
        ("skk", &[("image_key", "true")], &[]),
        ("aes", still, &[]),
    ];
    for (scheme, given, own) in cases {
        let disguised = disguise(rest, scheme, given, "test")?;
        let all = disguise(known, scheme, given, "train")?;
        let mut cells = Vec::new();
        for count in COUNTS {
            let exposure = exposure(rest.shape(), scheme, given, disguised.clone())?
                .with_pairs(Pairs::new(known.first(count), all.first(count))?)?;
            // One pair is not enough for every scope.
            let Ok(outcome) = run("span", &exposure, own) else {
                cells.push("-".into());
                continue;
            };
            let guess = outcome.reconstructions.as_ref().ok_or("span makes pictures")?;
            let found = quality(rest, guess)?;
            let foretold = outcome.figures.get("left_out_psnr").copied().unwrap_or(f64::NAN);
            cells.push(format!(
                "{:.1} ({:.1}; {foretold:.0})",
                found.pooled_psnr, found.psnr.median
            ));
        }
        println!(
            "| {} | {} | {} |",
            words(scheme, given),
            words("", own),
            cells.join(" | ")
        );
    }
    Ok(())
}

fn main() -> Done<()> {
    let mut arguments = std::env::args().skip(1);
    let sets = arguments
        .next()
        .ok_or("usage: study_common SETS [linkage|statistics|span]")?;
    let only = arguments.next();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let (colors, grey) = (
        Path::new(&sets).join("fashion-m"),
        Path::new(&sets).join("fashion-mnist"),
    );
    let cifar = |name: &str, count| planes(&colors.join(name), count);
    if wanted("statistics") {
        study_statistics("Fashion-M", &cifar("test_batch.bin", 1000)?)?;
        study_statistics("Fashion-MNIST", &idx(&grey, "t10k", 1000)?)?;
    }
    if wanted("linkage") {
        study_linkage("Fashion-M", &cifar("test_batch.bin", 2000)?)?;
        study_linkage("Fashion-MNIST", &idx(&grey, "t10k", 4000)?)?;
    }
    if wanted("span") {
        study_span(
            "Fashion-MNIST",
            &idx(&grey, "train", 500)?,
            &idx(&grey, "t10k", 200)?,
        )?;
        study_span(
            "Fashion-M",
            &cifar("data_batch_1.bin", 500)?,
            &cifar("test_batch.bin", 200)?,
        )?;
    }
    Ok(())
}
