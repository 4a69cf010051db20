//! Curves of true against false positives, both axes logarithmic, as SVG: what matters is how many are found while
//! hardly anybody is taken for a member wrongly.

use super::chart::{FONT, draw_legend, draw_line, fail};
use crate::{Cell, ModelAttacked, Result, Told};
use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;

const SIZE: (u32, u32) = (520, 340);

/// A curve: whose it is, its area, and its points.
struct Curve {
    cell: Cell,
    auc: f64,
    points: Vec<(f64, f64)>,
}

/// The curves of an attack on membership in its cells, where there are some; the smallest shares are those of one
/// in `others`.
pub(super) fn curves(attack: &ModelAttacked, others: usize) -> Result<Option<Markup>> {
    let low = (1.0 / others.max(1) as f64).clamp(1e-4, 1e-1);
    let curves: Vec<Curve> = attack
        .cells
        .iter()
        .filter_map(|record| match &record.told {
            Some(Told::Membership(told)) => Some(Curve {
                cell: record.cell,
                auc: told.auc,
                points: placed(&told.roc, low),
            }),
            _ => None,
        })
        .filter(|curve| curve.points.len() > 1)
        .collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let svg = draw(&curves, low)?;
    let told = |curve: &Curve| format!("{} area {:.2}", curve.cell.who(), curve.auc);
    let text: Vec<String> = curves.iter().map(told).collect();
    Ok(Some(html! {
        figure {
            div.chart role="img" aria-label={ "True against false positives of " (attack.name) ": " (text.join(", ")) } {
                (PreEscaped(svg))
            }
            figcaption {
                "Share of the members that are found against the share of others that are taken for members, both axes "
                "logarithmic; the grey line is chance."
            }
        }
    }))
}

/// Points within the axes.
fn placed(roc: &[(f64, f64)], low: f64) -> Vec<(f64, f64)> {
    let finite = roc
        .iter()
        .filter(|point| point.0.is_finite() && point.1.is_finite());
    finite
        .map(|point| (point.0.clamp(low, 1.0), point.1.clamp(low, 1.0)))
        .collect()
}

/// Width and dashes of a cell's line: thick where a verdict rests on it.
fn line(cell: Cell) -> (u32, u32) {
    match cell {
        Cell::Outsider => (3, 0),
        Cell::Stranger => (3, 2),
        Cell::Chain => (3, 6),
        Cell::Holder => (1, 10),
        Cell::Control => (1, 0),
        Cell::Crossed => (1, 3),
    }
}

/// A share for an axis.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent >= 1.0 {
        true => format!("{percent:.0} %"),
        false => format!("{percent:.2} %"),
    }
}

fn draw(curves: &[Curve], low: f64) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(24)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d((low..1.0).log_scale(), (low..1.0).log_scale())
            .map_err(fail)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_desc("false positives")
            .y_desc("true positives")
            .x_label_formatter(&|x| percent(*x))
            .y_label_formatter(&|y| percent(*y))
            .label_style(FONT)
            .draw()
            .map_err(fail)?;
        let chance = [(low, low), (1.0, 1.0)];
        chart
            .draw_series(LineSeries::new(chance, BLACK.mix(0.4).stroke_width(1)))
            .map_err(fail)?;
        for curve in curves {
            draw_line(&mut chart, curve.cell.who(), &curve.points, line(curve.cell))?;
        }
        draw_legend(&mut chart)?;
        area.present().map_err(fail)?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_within_the_axes() {
        let wild = [(0.0, 0.0), (f64::NAN, 0.5), (1e-9, 2.0), (0.5, -1.0), (1.0, 1.0)];
        let placed = placed(&wild, 0.01);
        assert_eq!(placed, [(0.01, 0.01), (0.01, 1.0), (0.5, 0.01), (1.0, 1.0)]);
        assert_eq!((percent(0.001), percent(0.1)), ("0.10 %".into(), "10 %".into()));
    }
}
