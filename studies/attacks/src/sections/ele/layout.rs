//! Disguised images alone (2.5): the layout of the blocks.

use super::{BLOCKS, COLOR, SLOTS};
use crate::{
    disguised::{attack, disguise, exposure, integers, key, median, pictures, psnr},
    record::{Cell, Table, figure},
    sets::{Part, Sets, halves, patches, slice},
};
use std::time::Instant;
use visard_attacks::{Outcome, Set};
use visard_core::Key;

pub(super) fn table(sets: &Sets) -> anyhow::Result<Table> {
    let mut table = Table::new(
        "ele, disguised images alone (2.5): median of 3 keys and choices of images",
        &[
            "set",
            "images",
            "adjacency without public images",
            "with them",
            "blocks in their place, of 64",
            "upper nibbles right",
            "PSNR",
            "in the best of 8 poses",
            "of the mean image",
            "seconds without / with public images",
        ],
    );
    let photos = sets.photos()?;
    let (ours, theirs) = halves(&photos);
    let shots = patches(&ours, 480, 32, 7000, 8)?;
    for (name, set, public) in [
        (
            "Fashion-M",
            &sets.fashion_m(Part::Train, 7000)?,
            sets.fashion_m(Part::Test, 5000)?,
        ),
        (
            "photo patches, public ones of the same photographs",
            &shots,
            patches(&ours, 480, 32, 5000, 9)?,
        ),
        (
            "photo patches, public ones of other photographs",
            &shots,
            patches(&theirs, 480, 32, 5000, 9)?,
        ),
    ] {
        for count in [200, 1000, 5000] {
            let mut columns = [(); 9].map(|()| Vec::new());
            for i in 0..3 {
                let found = lay_out(&slice(set, 1000 * i, count)?, &public, 3 + i as u8)?;
                columns.iter_mut().zip(found).for_each(|(c, v)| c.push(v));
            }
            let [alone, with, placed, upper, quality, posed, mean, first, second] = columns.map(median);
            let (alone, with) = (figure(alone, 2), figure(with, 2));
            let (alone, with) = match (name, count) {
                ("Fashion-M", 5000) => (alone.at_least(0.9), with.at_least(0.9)),
                _ => (alone, with),
            };
            let cells = [
                Cell::from(figure(count as f64, 0)),
                alone.into(),
                with.into(),
                figure(placed, 0).into(),
                figure(upper, 2).into(),
                figure(quality, 1).into(),
                figure(posed, 1).into(),
                figure(mean, 1).into(),
                Cell::of([figure(first, 1), figure(second, 1)]),
            ];
            table.row(name, cells);
        }
    }
    Ok(table
        .note(
            "Tolerance: adjacency at least 0.9 at 5,000 images of Fashion-M; 200 give all neighbours. With public \
             images of the same kind the layout is carried on to the upper nibbles: 34.5 of 34.8 dB at 5,000.",
        )
        .note(
            "Patches at random places of photographs look alike in all eight poses, so that public ones tell the pose \
             of the layout only now and then: with 8 blocks in their place it is turned or mirrored, and so are the \
             pictures. An attacker sees that at a glance; up to the pose they come back as those of Fashion-M do.",
        ))
}

/// Adjacency without and with public images, blocks placed, share of the upper nibbles, PSNR, that in the best
/// pose, that of the mean image, seconds without and with public images.
fn lay_out(plain: &Set, public: &Set, secret: u8) -> anyhow::Result<[f64; 9]> {
    let key = key("ele", &[], COLOR, secret)?;
    let truth = key
        .schedule()
        .stream("block-permutation", &[])
        .permutation(BLOCKS);
    let exposed = exposure("ele", &[], COLOR, disguise(&key, plain, "train", 0)?)?;
    let started = Instant::now();
    let alone = attack("ele-layout", &exposed, &[])?;
    let first = started.elapsed().as_secs_f64();
    let exposed = exposed.with_public(public.clone())?;
    let started = Instant::now();
    let outcome = attack("ele-layout", &exposed, &[])?;
    let second = started.elapsed().as_secs_f64();
    let order = integers(&outcome, "block_perm", &[BLOCKS])?;
    let placed = order.iter().zip(&truth).filter(|(a, b)| **a == **b as i64);
    Ok([
        adjacency(&integers(&alone, "block_perm", &[BLOCKS])?, &truth),
        adjacency(&order, &truth),
        placed.count() as f64,
        upper(&outcome, &key)?,
        psnr(plain, pictures(&outcome)?)?,
        posed(plain, pictures(&outcome)?)?,
        psnr(plain, &mean_image(plain)?)?,
        first,
        second,
    ])
}

/// PSNR once all pictures are turned or mirrored alike, in the best of eight ways.
fn posed(plain: &Set, found: &Set) -> anyhow::Result<f64> {
    let (shape, bytes) = (found.shape(), found.as_bytes()?);
    let last = shape.width - 1;
    let mut best = f64::NEG_INFINITY;
    for pose in 0..8 {
        let mut turned = Vec::with_capacity(bytes.len());
        for image in bytes.chunks_exact(shape.len()) {
            for (row, column) in (0..=last).flat_map(|r| (0..=last).map(move |c| (r, c))) {
                let (row, column) = if pose & 4 == 0 {
                    (row, column)
                } else {
                    (column, row)
                };
                let row = if pose & 1 == 0 { row } else { last - row };
                let column = if pose & 2 == 0 { column } else { last - column };
                let at = row * shape.row() + column * shape.channels;
                turned.extend_from_slice(&image[at..at + shape.channels]);
            }
        }
        best = best.max(psnr(plain, &Set::bytes(shape, turned)?)?);
    }
    Ok(best)
}

/// Share of the pairs of blocks beside each other in the layout that lie beside each other in the images,
/// which turns and mirrors leave as it is.
fn adjacency(order: &[i64], truth: &[usize]) -> f64 {
    const COLUMNS: usize = 8;
    let mut block = vec![0; BLOCKS];
    for (i, cell) in order.iter().enumerate() {
        block[*cell as usize] = i;
    }
    let (mut pairs, mut right) = (0u32, 0u32);
    for cell in 0..BLOCKS {
        let below = (cell + COLUMNS < BLOCKS).then_some(cell + COLUMNS);
        let beside = (cell % COLUMNS + 1 < COLUMNS).then_some(cell + 1);
        for other in below.into_iter().chain(beside) {
            let (a, b) = (truth[block[cell]], truth[block[other]]);
            let far = (a / COLUMNS).abs_diff(b / COLUMNS) + (a % COLUMNS).abs_diff(b % COLUMNS);
            pairs += 1;
            right += u32::from(far == 1);
        }
    }
    f64::from(right) / f64::from(pairs)
}

/// Share of the upper nibbles whose place and sign are right.
fn upper(outcome: &Outcome, key: &Key) -> anyhow::Result<f64> {
    let perm = integers(outcome, "perm", &[BLOCKS, SLOTS])?;
    let flip = integers(outcome, "flip", &[BLOCKS, SLOTS])?;
    let mut right = 0u32;
    for cell in 0..BLOCKS {
        let mut stream = key.schedule().stream("ele-key", &[cell as u64]);
        let (from, turned) = (stream.permutation(SLOTS), stream.bits(SLOTS));
        for j in (0..SLOTS).filter(|j| from[*j] >= SLOTS / 2) {
            let at = cell * SLOTS + j;
            right += u32::from(perm[at] == from[j] as i64 && (flip[at] == 1) == turned[j]);
        }
    }
    Ok(f64::from(right) / (BLOCKS * SLOTS / 2) as f64)
}

/// As many copies of the mean image.
fn mean_image(plain: &Set) -> anyhow::Result<Set> {
    let len = plain.shape().len();
    let mut sums = vec![0u64; len];
    for image in plain.as_bytes()?.chunks_exact(len) {
        sums.iter_mut()
            .zip(image)
            .for_each(|(sum, v)| *sum += u64::from(*v));
    }
    let mean: Vec<u8> = sums.iter().map(|sum| (sum / plain.len() as u64) as u8).collect();
    Ok(Set::bytes(plain.shape(), mean.repeat(plain.len()))?)
}
