//! What was measured, as tables: medians, the 95th percentile, and ratios to the floor and to rwatch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::plot;
use crate::tools::Tool;

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    Megabytes,
    Bytes,
    Count,
}

/// One thing that was measured of every tool.
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// By tool; none of one of which there is nothing to measure.
    samples: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// The name of the report that compares those on trees.
pub(crate) const GROWTH: &str = "growth";

/// What one scenario found.
pub(crate) struct Report {
    /// The name of its plot.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) tools: Vec<&'static str>,
    pub(crate) metrics: Vec<Metric>,
}

impl Report {
    pub(crate) fn new(name: &'static str, title: &str, tools: &[Tool]) -> Self {
        Self {
            name,
            title: title.to_owned(),
            tools: tools.iter().map(|tool| tool.name).collect(),
            metrics: Vec::new(),
        }
    }

    /// Adds a number; none if what was waited for did not happen.
    pub(crate) fn add(&mut self, tool: &Tool, metric: &str, unit: Unit, value: Option<f64>) {
        let known = self.metrics.iter().position(|known| known.name == metric);
        let index = known.unwrap_or_else(|| {
            self.metrics.push(Metric {
                name: metric.to_owned(),
                unit,
                samples: BTreeMap::new(),
            });
            self.metrics.len() - 1
        });
        let samples = &mut self.metrics[index].samples;
        samples.entry(tool.name).or_default().push(value);
    }

    /// In Markdown; nothing of a report that shows others' numbers in another way.
    pub(crate) fn table(&self) -> String {
        if self.name == GROWTH {
            return String::new();
        }
        let mut table = format!("### {}\n\n|", self.title);
        let mut rule = "\n|---|".to_owned();
        let ratios = |metric: &Metric| match metric.unit {
            Unit::Millis | Unit::Megabytes => self.tools.len() > 1,
            Unit::Bytes | Unit::Count => false,
        };
        for metric in &self.metrics {
            let unit = match metric.unit {
                Unit::Millis => ", ms",
                Unit::Megabytes => ", MB",
                Unit::Bytes => ", bytes",
                Unit::Count => "",
            };
            let _ = write!(table, " | {}{unit}", metric.name);
            rule.push_str("---:|");
            if ratios(metric) {
                table.push_str(" | ÷ floor | ÷ rwatch");
                rule.push_str("---:|---:|");
            }
        }
        let _ = write!(table, " |{rule}");
        for tool in &self.tools {
            let _ = write!(table, "\n| {tool}");
            for metric in &self.metrics {
                let _ = write!(table, " | {}", metric.cell(tool));
                if ratios(metric) {
                    for other in ["floor", "rwatch"] {
                        let _ = write!(table, " | {}", metric.ratio(tool, other));
                    }
                }
            }
            table.push_str(" |");
        }
        table + "\n"
    }
}

impl Metric {
    /// The samples of a tool, in order; nothing if one of them is missing.
    fn sorted(&self, tool: &str) -> Option<Vec<f64>> {
        let samples = self.samples.get(tool)?;
        let mut sorted: Vec<f64> = samples.iter().copied().collect::<Option<_>>()?;
        sorted.sort_by(f64::total_cmp);
        Some(sorted)
    }

    pub(crate) fn median(&self, tool: &str) -> Option<f64> {
        let sorted = self.sorted(tool)?;
        sorted.get(sorted.len() / 2).copied()
    }

    pub(crate) fn p95(&self, tool: &str) -> Option<f64> {
        let sorted = self.sorted(tool)?;
        sorted.get(sorted.len() * 95 / 100).copied()
    }

    /// The median and the 95th percentile; of what is counted, the least and the most.
    fn cell(&self, tool: &str) -> String {
        let Some(sorted) = self.sorted(tool) else {
            let missing = self.samples.get(tool).map(|samples| {
                let missing = samples.iter().filter(|sample| sample.is_none()).count();
                format!("not seen in {missing} of {}", samples.len())
            });
            return missing.unwrap_or_default();
        };
        let (Some(median), Some(p95)) = (self.median(tool), self.p95(tool)) else {
            return String::new();
        };
        match self.unit {
            Unit::Millis => format!("{} ({})", short(median), short(p95)),
            Unit::Megabytes => format!("{median:.2}"),
            Unit::Bytes => format!("{median:.0}"),
            Unit::Count if sorted[0] < sorted[sorted.len() - 1] => {
                format!("{}–{}", sorted[0], sorted[sorted.len() - 1])
            }
            Unit::Count => format!("{}", sorted[0]),
        }
    }

    fn ratio(&self, tool: &str, other: &str) -> String {
        match (self.median(tool), self.median(other)) {
            (Some(median), Some(other)) if other > 0.0 && median > 0.0 => short(median / other),
            _ => String::new(),
        }
    }
}

/// With as many digits as say something.
fn short(number: f64) -> String {
    match number.abs() {
        0.0..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// What was measured where and when.
pub(crate) fn machine(tools: &[Tool]) -> String {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).trim().to_owned()
    };
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then_some(value.trim())
    });
    let versions = tools.iter().filter(|tool| !tool.is_floor());
    let versions: Vec<String> = versions
        .map(|tool| format!("{} {}", tool.name, tool.version))
        .collect();
    format!(
        "{}, {} CPUs ({}), {}; {}. Medians, in parentheses the 95th percentile.\n",
        said("date", &["+%F"]),
        said("nproc", &[]),
        model.unwrap_or("of unknown model"),
        said("uname", &["-sr"]),
        versions.join(", "),
    )
}

/// Writes the tables and the plots into a directory.
pub(crate) fn write(dir: &Path, tools: &[Tool], reports: &[Report]) {
    let mut text = format!("# Benchmark\n\n{}", machine(tools));
    let plots = dir.join("plots");
    fs::create_dir_all(&plots).expect("a writable directory");
    for report in reports {
        let _ = write!(
            text,
            "\n{}\n![{}](plots/{}.svg)\n",
            report.table(),
            report.title,
            report.name
        );
        plot::draw(report, &plots.join(format!("{}.svg", report.name)));
    }
    fs::write(dir.join("results.md"), text).expect("a writable directory");
}
