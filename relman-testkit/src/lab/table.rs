//! The report as text, for a terminal.

use std::fmt::{self, Write};

use super::{Estimate, Finding, Report, Share, Spread, WorldReport, case::percent};

/// A column: its title and what stands in it.
type Column = (&'static str, fn(&Finding) -> String);

impl fmt::Display for Report {
    /// A table for healthy versions and one for bad ones. Intervals stand in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} trials of each policy in each world, seed {}", self.trials, self.seed)?;
        writeln!(f, "rolled back when {}", self.criteria.join(", or "))?;
        for policy in &self.policies {
            let steps = policy.steps.join(", ");
            writeln!(f, "{} (version {}), track {}: {steps}", policy.label, policy.version, policy.track)?;
            if !policy.taken_as_there.is_empty() {
                writeln!(f, "  taken as measured: {}", policy.taken_as_there.join(", "))?;
            }
        }
        writeln!(f, "[low, high] is a {} confidence interval", percent(self.confidence))?;
        let columns: [Column; 2] = [
            ("rolled back wrongly", |finding| share(&finding.rolled_back)),
            ("median hours to complete", |finding| spread(finding.hours_to_complete.as_ref())),
        ];
        self.table(f, "Healthy versions", &columns, |world| world.kind.is_healthy())?;
        let columns: [Column; 5] = [
            ("detected", |finding| {
                finding.regression.as_ref().map_or_else(String::new, |found| share(&found.detected))
            }),
            ("median minutes to detect", |finding| {
                spread(finding.regression.as_ref().and_then(|found| found.minutes_to_detect.as_ref()))
            }),
            ("to zero traffic", |finding| {
                spread(finding.regression.as_ref().and_then(|found| found.minutes_to_zero.as_ref()))
            }),
            ("mean requests harmed", |finding| {
                mean(finding.regression.as_ref().and_then(|found| found.requests_harmed.as_ref()))
            }),
            ("mean users harmed", |finding| {
                mean(finding.regression.as_ref().and_then(|found| found.users_harmed.as_ref()))
            }),
        ];
        self.table(f, "Bad versions", &columns, |world| !world.kind.is_healthy())
    }
}

impl Report {
    fn table(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        columns: &[Column],
        wanted: fn(&WorldReport) -> bool,
    ) -> fmt::Result {
        let several = self.policies.len() > 1;
        let mut rows: Vec<Vec<String>> = Vec::new();
        for world in self.worlds.iter().filter(|world| wanted(world)) {
            for (index, (policy, finding)) in self.policies.iter().zip(&world.policies).enumerate() {
                let name = if index == 0 { world.name.clone() } else { String::new() };
                let label = several.then(|| policy.label.clone());
                let cells = columns.iter().map(|(_, cell)| cell(finding));
                rows.push([name].into_iter().chain(label).chain(cells).collect());
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let label = several.then_some("policy");
        let titles = [title].into_iter().chain(label).chain(columns.iter().map(|(title, _)| *title));
        rows.insert(0, titles.map(ToOwned::to_owned).collect());
        writeln!(f)?;
        print(f, &rows)
    }
}

/// Prints rows with their columns below each other, the first ones to the left.
fn print(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let wide = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(wide).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:<width$}  ")?;
        }
        f.write_str(line.trim_end())?;
        f.write_str("\n")?;
    }
    Ok(())
}

fn share(share: &Share) -> String {
    if share.trials == 0 {
        return "-".to_owned();
    }
    format!("{} [{}, {}]", rounded(share.value), rounded(share.low), rounded(share.high))
}

/// A share as per cent with as many places as say something.
pub(super) fn rounded(part: f64) -> String {
    let value = part * 100.0;
    let text = if value > 0.0 && value < 10.0 || value > 99.0 && value < 100.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    };
    match text.trim_end_matches('0').trim_end_matches('.') {
        "" => "0%".to_owned(),
        text => format!("{text}%"),
    }
}

fn spread(spread: Option<&Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| estimate(&spread.median))
}

fn mean(spread: Option<&Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| estimate(&spread.mean))
}

fn estimate(estimate: &Estimate) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "-".to_owned(), number);
    format!("{} [{}, {}]", number(estimate.value), end(estimate.low), end(estimate.high))
}

/// A number with three digits or, where it is larger, to the whole, in groups of three.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let places = match () {
        () if size >= 100.0 => 0,
        () if size >= 10.0 => 1,
        () => 2,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
