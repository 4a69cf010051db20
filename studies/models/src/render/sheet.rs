//! The sheet of inverted pictures, from the strips that were kept.

use super::{
    Shown,
    findings::{attacks, disguises},
    strip,
    tables::table,
};
use crate::{plan::Column, record};
use image::{GrayImage, imageops};
use std::{fs, path::Path};
use visard_attacks::model::Aim;

/// White pixels between strips.
const GAP: u32 = 4;
/// How much pictures are enlarged.
const ZOOM: u32 = 2;

/// The strips in the order in which they are shown, with what they are.
fn rows(shown: &Shown) -> Vec<(String, String)> {
    let plan = &shown.plan;
    let mut rows = vec![(
        strip::MEANS.to_string(),
        "the mean picture of each class".to_string(),
    )];
    for attack in attacks(plan, Aim::Inversion) {
        let mut controls: Vec<&str> = Vec::new();
        for (case, control) in disguises(plan) {
            if !controls.contains(&control.name) {
                controls.push(control.name);
                let name = strip::name(control.name, Column::Control, attack);
                rows.push((name, format!("`{attack}`, {}", control.title)));
            }
            for (column, what) in [
                (Column::Outsider, "as the model gives it away"),
                (Column::Key, "with the owner's key"),
                (Column::Chain, "after the recovered key"),
            ] {
                // Whoever needs no key has none to take off.
                if column == Column::Key && case.breaks.is_none() {
                    continue;
                }
                let name = strip::name(case.name, column, attack);
                rows.push((name, format!("`{attack}`, {}, {what}", case.title)));
            }
        }
    }
    rows
}

/// The rows of the sheet as a table, and the sheet as PNG; none where no pictures were kept.
pub(super) fn sheet(shown: &Shown, root: &Path) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    let folder = record::pictures(root, &shown.record.section);
    let mut strips = Vec::new();
    for (name, what) in rows(shown) {
        let path = folder.join(name);
        if path.exists() {
            strips.push((what, strip::read(&fs::read(path)?)?));
        }
    }
    if strips.is_empty() {
        return Ok(None);
    }
    let width = strips.iter().map(|(_, strip)| strip.width()).max().unwrap_or(0) * ZOOM;
    let height: u32 = strips.iter().map(|(_, strip)| strip.height() * ZOOM + GAP).sum();
    let mut sheet = GrayImage::from_pixel(width + 2 * GAP, height + GAP, image::Luma([255]));
    let mut top = GAP;
    for (_, strip) in &strips {
        let (wide, high) = (strip.width() * ZOOM, strip.height() * ZOOM);
        let large = imageops::resize(strip, wide, high, imageops::FilterType::Nearest);
        imageops::replace(&mut sheet, &large, i64::from(GAP), i64::from(top));
        top += high + GAP;
    }
    let rows = strips.iter().enumerate();
    let mut text = table(
        &["row", "pictures"],
        rows.map(|(index, (what, _))| vec![(index + 1).to_string(), what.clone()]),
    );
    text += "\nEvery picture is stretched to its own range of grey levels. Of several repeats the first is shown.\n";
    Ok(Some((text, strip::encoded(&sheet.into())?)))
}
