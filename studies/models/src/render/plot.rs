//! Plots as SVG that can be read in grey: dashes and patterns besides colours.

use anyhow::anyhow;
use plotters::{prelude::*, series::DashedLineSeries};
use std::fmt::Display;

const SIZE: (u32, u32) = (720, 480);
const FONT: (&str, u32) = ("sans-serif", 13);

/// Colours that differ for all eyes (Okabe, Ito: Color universal design, 2008), the darkest first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(150, 120, 0),
];

/// A curve of true against false positive rates, by name.
pub(super) type Curve = (String, Vec<(f64, f64)>);

fn fail(error: impl Display) -> anyhow::Error {
    anyhow!("a plot cannot be drawn: {error}")
}

/// Curves with both rates on logarithmic axes from `least` on, and the line of guessing.
pub(super) fn roc(curves: &[Curve], least: f64) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let ticks: Vec<f64> = [1e-4, 1e-3, 0.01, 0.1, 1.0]
            .into_iter()
            .filter(|tick| *tick >= 0.999 * least)
            .collect();
        let axis = || (least..1.0).log_scale().with_key_points(ticks.clone());
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(60)
            .build_cartesian_2d(axis(), axis())
            .map_err(fail)?;
        let percent = |share: &f64| match *share >= 0.01 {
            true => format!("{:.0} %", 100.0 * share),
            false => format!("{} %", (1e4 * share).round() / 100.0),
        };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_desc("false positive rate")
            .y_desc("true positive rate")
            .x_label_formatter(&percent)
            .y_label_formatter(&percent)
            .label_style(FONT)
            .draw()
            .map_err(fail)?;
        let guess = DashedLineSeries::new([(least, least), (1.0, 1.0)], 2, 4, BLACK.mix(0.5).stroke_width(1));
        chart.draw_series(guess).map_err(fail)?;
        for (index, (name, points)) in curves.iter().enumerate() {
            let style = COLOURS[index % COLOURS.len()].stroke_width(2);
            let line = above(points, least);
            match (index % 3) as u32 * 4 {
                0 => chart.draw_series(LineSeries::new(line, style)),
                dash => chart.draw_series(DashedLineSeries::new(line, dash, 4, style)),
            }
            .map_err(fail)?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(FONT)
            .draw()
            .map_err(fail)?;
        area.present().map_err(fail)?;
    }
    Ok(svg)
}

/// The points of a curve that a logarithmic axis shows; rates below its beginning are drawn there.
fn above(points: &[(f64, f64)], least: f64) -> Vec<(f64, f64)> {
    points
        .iter()
        .map(|(fpr, tpr)| (fpr.max(least), tpr.max(least)))
        .collect()
}

/// A bar: its value, and what it would be if nothing were told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) value: f64,
    pub(super) null: f64,
}

/// Groups of bars, by name; the bars of every group are in the order of `names`, absent ones left out.
pub(super) fn bars(
    groups: &[(String, Vec<Option<Bar>>)],
    names: &[&str],
    up: &str,
    most: f64,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let across = 0.0..groups.len().max(1) as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(60)
            .build_cartesian_2d(across, 0.0..1.35 * most)
            .map_err(fail)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_labels(0)
            .y_desc(up)
            .label_style(FONT)
            .draw()
            .map_err(fail)?;
        let width = 0.8 / names.len().max(1) as f64;
        for (index, name) in names.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let placed: Vec<(f64, Bar)> = groups
                .iter()
                .enumerate()
                .filter_map(|(group, (_, bars))| {
                    let bar = (*bars.get(index)?)?;
                    Some((group as f64 + 0.1 + index as f64 * width, bar))
                })
                .collect();
            let filled = placed.iter().map(|(from, bar)| {
                let corners = [(*from, 0.0), (from + 0.9 * width, bar.value.max(0.0))];
                Rectangle::new(corners, colour.mix(0.75).filled())
            });
            chart
                .draw_series(filled)
                .map_err(fail)?
                .label(*name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 20, y + 5)], colour.mix(0.75).filled())
                });
            // White around black, to be seen on dark bars and on the ground.
            for style in [WHITE.stroke_width(4), BLACK.stroke_width(2)] {
                let lines = placed.iter().map(|(from, bar)| {
                    PathElement::new(vec![(*from, bar.null), (from + 0.9 * width, bar.null)], style)
                });
                chart.draw_series(lines).map_err(fail)?;
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(FONT)
            .draw()
            .map_err(fail)?;
        for (group, (name, _)) in groups.iter().enumerate() {
            let (x, y) = chart.backend_coord(&(group as f64 + 0.1, 0.0));
            area.draw(&Text::new(name.as_str(), (x, y + 8), FONT))
                .map_err(fail)?;
        }
        area.present().map_err(fail)?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_name_what_they_show_and_are_the_same_twice() {
        let curves = [
            ("one".to_string(), vec![(0.0, 0.0), (0.01, 0.2), (1.0, 1.0)]),
            ("two".to_string(), vec![(0.0, 0.0), (1.0, 1.0)]),
        ];
        let svg = roc(&curves, 1e-3).unwrap();
        assert!(svg.contains("one") && svg.contains("two") && svg.contains("0.1 %"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(roc(&curves, 1e-3).unwrap(), svg);
        let bar = Some(Bar {
            value: 1.5,
            null: 0.02,
        });
        let groups = [
            ("rmt".to_string(), vec![bar, None]),
            ("aes".to_string(), vec![None, bar]),
        ];
        let svg = bars(&groups, &["first", "second"], "bits", 3.3).unwrap();
        assert!(svg.contains("rmt") && svg.contains("second") && !svg.contains("NaN"));
    }
}
