//! Pictures as PNG within the page.

use super::role_text;
use crate::{Cell, Error, Example, ModelAttacked, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{Markup, html};
use visard_core::Shape;

/// Least side at which a picture is shown, in CSS pixels.
const LEAST: usize = 112;

/// Most pixels of a picture's side in the page; larger ones are shown smaller by the browser.
const MOST: usize = 224;

/// The examples of an attack: original, disguised, recovered.
pub(super) fn figures(example: &Example) -> Result<Markup> {
    let mut rows = Vec::new();
    for picture in &example.pictures {
        let role = role_text(picture.role);
        let mut cells = vec![
            ("original", Some(&picture.plain)),
            ("disguised", picture.disguised.as_ref()),
        ];
        cells.push(("recovered", Some(&picture.recovered)));
        let cells = cells
            .into_iter()
            .filter_map(|(what, pixels)| pixels.map(|pixels| (what, pixels)))
            .map(|(what, pixels)| {
                let alt = format!("{what}, {role} of {}", example.attack);
                Ok((what, image(example.shape, pixels, &alt)?))
            })
            .collect::<Result<Vec<_>>>()?;
        rows.push((role, cells));
    }
    Ok(html! {
        @for (role, cells) in rows {
            figure.pictures {
                figcaption { "The " (role) " of what came back with " (example.count) "." }
                div.row { @for (what, image) in cells { div.cell { (image) span.small { (what) } } } }
            }
        }
    })
}

/// Classes as an attack on a model makes them out in each cell, beside the means of the classes.
pub(super) fn classes(attack: &ModelAttacked, examples: &[Example]) -> Result<Option<Markup>> {
    let own = |cell: Cell| {
        let mut found = examples.iter().filter(|example| example.attack == attack.name);
        found.find(|example| example.cell == Some(cell))
    };
    let made: Vec<(Cell, &Example)> = Cell::ALL
        .into_iter()
        .filter_map(|cell| Some((cell, own(cell)?)))
        .collect();
    let Some((_, first)) = made.first() else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for picture in &first.pictures {
        let class = role_text(picture.role);
        let alt = format!("mean of the images of {class}");
        let mut cells = vec![(
            "mean of its images".to_string(),
            image(first.shape, &picture.plain, &alt)?,
        )];
        for (cell, example) in &made {
            let of_class = example.pictures.iter().find(|other| other.role == picture.role);
            if let Some(found) = of_class {
                let alt = format!("{class} as {} makes it out, {}", attack.name, cell.who());
                cells.push((cell.who().into(), image(example.shape, &found.recovered, &alt)?));
            }
        }
        rows.push((class, cells));
    }
    Ok(Some(html! {
        details open {
            summary { "Pictures of " (rows.len()) " classes" }
            @for (class, cells) in rows {
                figure.pictures {
                    figcaption { "The " (class) ", stretched to full contrast." }
                    div.row { @for (what, image) in cells { div.cell { (image) span.small { (what) } } } }
                }
            }
        }
    }))
}

fn image(shape: Shape, pixels: &[u8], alt: &str) -> Result<Markup> {
    let data = STANDARD.encode(png(shape, pixels)?);
    let scale = LEAST.div_ceil(shape.height.max(shape.width)).max(1);
    let (mut width, mut height) = (shape.width * scale, shape.height * scale);
    let largest = width.max(height);
    if largest > MOST {
        (width, height) = ((width * MOST / largest).max(1), (height * MOST / largest).max(1));
    }
    Ok(html! { img src={ "data:image/png;base64," (data) } width=(width) height=(height) alt=(alt); })
}

/// An image of bytes as PNG; of more than three channels, or two, the first alone.
fn png(shape: Shape, pixels: &[u8]) -> Result<Vec<u8>> {
    let fail = |error: png::EncodingError| Error::Page(error.to_string());
    let first: Vec<u8>;
    let (color, pixels) = match shape.channels {
        1 => (png::ColorType::Grayscale, pixels),
        3 => (png::ColorType::Rgb, pixels),
        channels => {
            first = pixels.iter().step_by(channels).copied().collect();
            (png::ColorType::Grayscale, &first[..])
        }
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, shape.width as u32, shape.height as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(pixels).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes)
}
