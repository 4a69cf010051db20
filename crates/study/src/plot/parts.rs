//! What plots are drawn with.

use super::{FONT, Measured, SIZE, fail};
use crate::Result;
use plotters::{
    coord::{
        Shift,
        ranged1d::{DefaultFormatting, KeyPointHint},
        types::RangedCoordf64,
    },
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// An axis with ticks where there are points.
pub(super) struct Places {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Places {
    pub(super) fn new((from, to): (f64, f64), ticks: Vec<f64>) -> Self {
        Self {
            range: (from..to).into(),
            ticks,
        }
    }
}

impl Ranged for Places {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.range()
    }
}

pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Places, RangedCoordf64>>;

pub(super) fn mesh(chart: &mut Chart<'_, '_>, across: &str) -> Result<()> {
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.15))
        .x_desc(across)
        .y_desc("accuracy")
        .x_label_formatter(&|x| format!("{}", (x * 100.0).round() / 100.0))
        .y_label_formatter(&|y| match *y < -1e-9 {
            true => String::new(),
            false => format!("{:.0} %", 100.0 * y),
        })
        .label_style(FONT)
        .draw()
        .map_err(fail)
}

/// The intervals as thin bars.
pub(super) fn bars(chart: &mut Chart<'_, '_>, points: &[Measured], style: ShapeStyle) -> Result<()> {
    let thin = ShapeStyle {
        stroke_width: 1,
        ..style
    };
    let bar = |p: &Measured| PathElement::new(vec![(p.x, p.interval.0), (p.x, p.interval.1)], thin);
    chart.draw_series(points.iter().map(bar)).map_err(fail)?;
    Ok(())
}

/// Closed outlines of one kind for each series.
pub(super) fn mark(kind: usize, (x, y): (i32, i32), style: ShapeStyle) -> Polygon<(i32, i32)> {
    let outline: &[(i32, i32)] = match kind % 4 {
        0 => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
        1 => &[(0, -5), (5, 4), (-5, 4)],
        2 => &[(0, -6), (6, 0), (0, 6), (-6, 0)],
        _ => &[(-5, -4), (5, -4), (0, 5)],
    };
    let moved: Vec<(i32, i32)> = outline.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    Polygon::new(moved, style.filled())
}

/// Names beside their points, each moved down until it covers no other.
pub(super) fn labels(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    points: &[(String, Measured)],
    places: &[(i32, i32)],
) -> Result<()> {
    const LINE: i32 = 15;
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|i| places[*i].1);
    let mut taken: Vec<(i32, i32, i32)> = Vec::new();
    for i in order {
        let width = 7 * points[i].0.chars().count() as i32;
        let (x, mut y) = places[i];
        let right = x + 10 + width > SIZE.0 as i32;
        let from = if right { x - 10 - width } else { x + 10 };
        let covers = |y: i32, (left, end, at): &(i32, i32, i32)| {
            from < *end && from + width > *left && (y - at).abs() < LINE
        };
        while taken.iter().any(|other| covers(y, other)) {
            y += 3;
        }
        taken.push((from, from + width, y));
        let anchor = Pos::new(if right { HPos::Right } else { HPos::Left }, VPos::Center);
        let style = FONT.into_text_style(area).pos(anchor);
        let at = (if right { x - 10 } else { x + 10 }, y);
        area.draw(&Text::new(points[i].0.as_str(), at, style))
            .map_err(fail)?;
    }
    Ok(())
}
