//! Draws a report: a bar for the median of every tool, a line up to the 95th percentile.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{Metric, Report, Unit};

const WIDTH: u32 = 760;
/// The heights of a bar with its share of the space between, and of a metric's title.
const BAR: i32 = 16;
const TITLE: i32 = 26;
/// Where the bars begin and end.
const LEFT: i32 = 110;
const RIGHT: i32 = 600;

const OURS: RGBColor = RGBColor(0xd2, 0x54, 0x1f);
const FLOOR: RGBColor = RGBColor(0x9a, 0x9a, 0x9a);
const PEER: RGBColor = RGBColor(0x5b, 0x84, 0xb1);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all that is measured in one unit, and not only counted.
pub(crate) fn draw(report: &Report, path: &Path) {
    let metrics: Vec<&Metric> = report
        .metrics
        .iter()
        .filter(|metric| matches!(metric.unit, Unit::Millis | Unit::Megabytes))
        .collect();
    let rows = i32::try_from(report.tools.len()).expect("a few");
    let blocks = i32::try_from(metrics.len()).expect("a few");
    let height = TITLE * 2 + blocks * (TITLE + rows * BAR);
    let area = SVGBackend::new(path, (WIDTH, height.unsigned_abs())).into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| {
        text(&area, &report.title, (10, TITLE / 2), 16, HPos::Left)?;
        let mut top = TITLE;
        for metric in metrics {
            block(&area, report, metric, top)?;
            top += TITLE + rows * BAR;
        }
        area.present()
    });
    drawn.expect("the plot can be written");
}

/// Draws one metric of all tools; on a logarithmic scale, since the slowest is a hundred times slower.
fn block(area: &Area, report: &Report, metric: &Metric, top: i32) -> Drawn {
    let unit = match metric.unit {
        Unit::Millis => "ms",
        _ => "MB",
    };
    let of_all = |number: fn(&Metric, &str) -> Option<f64>| {
        let numbers = report
            .tools
            .iter()
            .filter_map(move |tool| number(metric, tool));
        numbers.filter(|number| *number > 0.0)
    };
    let least = of_all(Metric::median).fold(f64::INFINITY, f64::min) / 2.0;
    let most = of_all(Metric::p95).fold(0.0, f64::max);
    let at = |number: f64| {
        let part = (number.max(least) / least).ln() / (most / least).ln();
        #[expect(clippy::cast_possible_truncation, reason = "it is a pixel")]
        let pixels = (part * f64::from(RIGHT - LEFT)) as i32;
        LEFT + pixels
    };
    let title = format!("{}, {unit}, logarithmic", metric.name);
    text(area, &title, (LEFT, top + TITLE * 2 / 3), 12, HPos::Left)?;
    for (row, tool) in (0..).zip(&report.tools) {
        let y = top + TITLE + row * BAR;
        let middle = y + BAR / 2;
        text(area, tool, (LEFT - 8, middle), 12, HPos::Right)?;
        let (Some(median), Some(p95)) = (metric.median(tool), metric.p95(tool)) else {
            text(area, "–", (LEFT + 4, middle), 12, HPos::Left)?;
            continue;
        };
        let colour = match *tool {
            "floor" => FLOOR,
            "rwatch" => OURS,
            _ => PEER,
        };
        let bar = [(LEFT, y + 2), (at(median), y + BAR - 2)];
        area.draw(&Rectangle::new(bar, colour.filled()))?;
        let whisker = vec![(at(median), middle), (at(p95), middle)];
        area.draw(&PathElement::new(whisker, colour.stroke_width(2)))?;
        let digits = if median.abs() < 10.0 { 2 } else { 0 };
        let label = format!("{median:.digits$}");
        text(
            area,
            &label,
            (at(p95.max(median)) + 6, middle),
            12,
            HPos::Left,
        )?;
    }
    Ok(())
}

type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

fn text(area: &Area, text: &str, at: (i32, i32), height: i32, side: HPos) -> Drawn {
    let style = ("sans-serif", height).into_font().color(&BLACK);
    let style = style.pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
}
