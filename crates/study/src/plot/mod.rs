//! Plots as SVG that can be read in grey: marks and dashes besides colours.

mod parts;

use crate::{Error, Result};
use parts::{Places, bars, labels, mark, mesh};
use plotters::{prelude::*, series::DashedLineSeries};
use std::fmt::Display;

const SIZE: (u32, u32) = (720, 420);
const FONT: (&str, u32) = ("sans-serif", 13);

/// Height of a line of a legend.
const LINE: f64 = 18.0;

/// Colours that differ for all eyes (Okabe, Ito: Color universal design, 2008), the darkest first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(150, 120, 0),
];

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What its file is called, after the study.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The same in words, for those who do not see it.
    pub told: String,
    /// The picture.
    pub svg: String,
}

/// A measured point: place, value, and the bounds of its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) interval: (f64, f64),
}

/// Points that belong together, by name.
pub(crate) type Series = (String, Vec<Measured>);

fn fail(error: impl Display) -> Error {
    Error::Show(error.to_string())
}

/// Accuracies against a parameter, a line for each series.
pub(crate) fn lines(id: String, title: String, across: &str, series: &[Series]) -> Result<Plot> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let mut places: Vec<f64> = points().map(|point| point.x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let (first, last) = (
        places.first().copied().unwrap_or(0.0),
        places.last().copied().unwrap_or(1.0),
    );
    let margin = ((last - first) * 0.05).max(1e-9);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(56)
            .build_cartesian_2d(
                Places::new((first - margin, last + margin), places),
                accuracies(points(), series.len() + 1),
            )
            .map_err(fail)?;
        mesh(&mut chart, across)?;
        for (i, (name, points)) in series.iter().enumerate() {
            let style = COLOURS[i % COLOURS.len()].stroke_width(2);
            let line = points.iter().map(|point| (point.x, point.y));
            let dash = (i % 3) as u32 * 4;
            match dash {
                0 => chart.draw_series(LineSeries::new(line, style)),
                _ => chart.draw_series(DashedLineSeries::new(line, dash, 4, style)),
            }
            .map_err(fail)?
            .label(name.as_str())
            .legend(move |(x, y)| {
                EmptyElement::at((x, y))
                    + PathElement::new(vec![(0, 0), (22, 0)], style)
                    + mark(i, (11, 0), style)
            });
            bars(&mut chart, points, style)?;
            chart
                .draw_series(
                    points
                        .iter()
                        .map(|p| EmptyElement::at((p.x, p.y)) + mark(i, (0, 0), style)),
                )
                .map_err(fail)?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(FONT)
            .draw()
            .map_err(fail)?;
        area.present().map_err(fail)?;
    }
    let told = |(name, points): &Series| {
        let points: Vec<String> = points
            .iter()
            .map(|p| format!("{:.1} % at {}", 100.0 * p.y, p.x))
            .collect();
        format!("{name}: {}", points.join(", "))
    };
    Ok(Plot {
        id,
        title,
        told: series.iter().map(told).collect::<Vec<_>>().join("; "),
        svg,
    })
}

/// Accuracies against a figure from 0 to 1, a named mark for each point.
pub(crate) fn scatter(
    id: String,
    title: String,
    across: &str,
    points: &[(String, Measured)],
) -> Result<Plot> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(56)
            .build_cartesian_2d(
                Places::new((-0.03, 1.03), (0..=5).map(|i| f64::from(i) / 5.0).collect()),
                accuracies(points.iter().map(|(_, point)| point), 0),
            )
            .map_err(fail)?;
        mesh(&mut chart, across)?;
        let all: Vec<Measured> = points.iter().map(|(_, point)| *point).collect();
        bars(&mut chart, &all, BLACK.stroke_width(1))?;
        let marks = points.iter().enumerate().map(|(i, (_, p))| {
            EmptyElement::at((p.x, p.y)) + mark(i, (0, 0), COLOURS[i % COLOURS.len()].stroke_width(2))
        });
        chart.draw_series(marks).map_err(fail)?;
        let places: Vec<(i32, i32)> = points
            .iter()
            .map(|(_, p)| chart.backend_coord(&(p.x, p.y)))
            .collect();
        drop(chart);
        labels(&area, points, &places)?;
        area.present().map_err(fail)?;
    }
    let told = |(name, p): &(String, Measured)| format!("{name}: {:.1} % at {:.2}", 100.0 * p.y, p.x);
    Ok(Plot {
        id,
        title,
        told: points.iter().map(told).collect::<Vec<_>>().join("; "),
        svg,
    })
}

/// The range of accuracies, with some air, and room below for a legend of so many lines.
fn accuracies<'a>(points: impl Iterator<Item = &'a Measured>, legend: usize) -> std::ops::Range<f64> {
    let low = points.map(|point| point.interval.0).fold(1.0, f64::min);
    let low = (low - 0.03).max(0.0);
    let share = (legend as f64 * LINE / f64::from(SIZE.1)).min(0.5);
    low - share * (1.0 - low) / (1.0 - share)..1.0
}
