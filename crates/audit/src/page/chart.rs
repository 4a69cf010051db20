//! Curves of recovery against the number of images, with their nulls, as SVG.

use super::attack::skill_of;
use crate::{Attacked, Error, Measure, Pictures, Result};
use maud::{Markup, PreEscaped, html};
use plotters::{prelude::*, series::DashedLineSeries};
use std::fmt::Display;

const SIZE: (u32, u32) = (520, 250);

pub(super) const FONT: (&str, u32) = ("sans-serif", 13);

/// A curve: what it is, the points, their nulls, and the length of its dashes.
struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
    nulls: Vec<(f64, f64)>,
    dash: u32,
}

/// The curve of an attack that was run with several numbers of images and made pictures.
pub(super) fn curve(attack: &Attacked) -> Result<Option<Markup>> {
    let curves: Vec<Curve> = [
        of(attack, "SSIM", 0, |pictures| pictures.ssim.as_ref()),
        of(attack, "edges", 6, |pictures| pictures.edges.as_ref()),
    ]
    .into_iter()
    .filter(|curve| curve.points.len() > 1)
    .collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let counted = attack.access.counts();
    let svg = draw(&curves, counted)?;
    let told = |point: &crate::Point| {
        let skill = skill_of(point).map_or("no skill".into(), |skill| format!("skill {skill:.2}"));
        format!("{skill} with {}", point.count)
    };
    let text: Vec<String> = attack.points.iter().map(told).collect();
    Ok(Some(html! {
        figure {
            div.chart role="img" aria-label={ "Recovery against " (counted) ": " (text.join(", ")) } { (PreEscaped(svg)) }
            figcaption { "What comes back against " (counted) ": medians, and thin their nulls." }
        }
    }))
}

fn of(attack: &Attacked, name: &'static str, dash: u32, pick: fn(&Pictures) -> Option<&Measure>) -> Curve {
    let measures: Vec<(f64, &Measure)> = attack
        .points
        .iter()
        .filter_map(|point| Some((point.count as f64, pick(point.pictures.as_ref()?)?)))
        .collect();
    Curve {
        name,
        points: measures.iter().map(|(count, m)| (*count, m.median)).collect(),
        nulls: measures.iter().map(|(count, m)| (*count, m.null)).collect(),
        dash,
    }
}

/// What went wrong in drawing.
pub(super) fn fail(error: impl Display) -> Error {
    Error::Page(error.to_string())
}

fn draw(curves: &[Curve], counted: &str) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let all = || {
            curves
                .iter()
                .flat_map(|curve| curve.points.iter().chain(&curve.nulls))
        };
        let mut counts: Vec<f64> = all().map(|point| point.0).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        let (first, last) = (counts[0], counts[counts.len() - 1]);
        let low = all().map(|point| point.1).fold(0.0, f64::min).max(-1.0);
        let across = (first * 0.9..last * 1.1).log_scale().with_key_points(counts);
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(40)
            .build_cartesian_2d(across, low..1.0)
            .map_err(fail)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_desc(counted)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .label_style(FONT)
            .draw()
            .map_err(fail)?;
        for curve in curves {
            draw_line(&mut chart, curve.name, &curve.points, (2, curve.dash))?;
            let null = format!("{}, null", curve.name);
            draw_line(&mut chart, &null, &curve.nulls, (1, curve.dash))?;
            let hollow = curve.dash > 0;
            let marks = curve.points.iter().map(|point| {
                let style = if hollow {
                    BLACK.stroke_width(2)
                } else {
                    BLACK.filled()
                };
                Circle::new(*point, 4, style)
            });
            chart.draw_series(marks).map_err(fail)?;
        }
        draw_legend(&mut chart)?;
        area.present().map_err(fail)?;
    }
    Ok(svg)
}

/// Draws a line of that width, dashed where `dash` is above 0, and names it in the legend.
pub(super) fn draw_line<'a, 'b: 'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>,
    name: &str,
    points: &[(f64, f64)],
    (width, dash): (u32, u32),
) -> Result<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let (style, points) = (BLACK.stroke_width(width), points.iter().copied());
    let series = match dash {
        0 => chart.draw_series(LineSeries::new(points, style)),
        _ => chart.draw_series(DashedLineSeries::new(points, dash, dash, style)),
    };
    let (end, rest) = if dash == 0 { (22, 22) } else { (9, 13) };
    series.map_err(fail)?.label(name).legend(move |(x, y)| {
        EmptyElement::at((x, y))
            + PathElement::new(vec![(0, 0), (end, 0)], style)
            + PathElement::new(vec![(rest, 0), (22, 0)], style)
    });
    Ok(())
}

/// Draws the box with the names of all lines.
pub(super) fn draw_legend<'a, 'b: 'a, X: Ranged, Y: Ranged>(
    chart: &mut ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>,
) -> Result<()> {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(FONT)
        .draw()
        .map_err(fail)
}
