use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Check, Finding, Port};

/// What a suite has found about an adapter, to be published with it.
///
/// Printed as a text table; [`to_markdown`](Self::to_markdown) suits a README, [`to_json`](Self::to_json) a program.
/// Two runs over the same adapter give the same report: there is no time and no machine in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The adapter, as it calls itself.
    pub adapter: String,
    /// The port that it implements.
    pub port: Port,
    /// The version of the suite.
    pub relman: String,
    /// Every check of the suite, in its order.
    pub checks: Vec<Entry>,
}

/// One check in a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The name of the check.
    pub check: String,
    /// The sentence of the port's contract that the adapter was held to.
    pub promise: String,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// An adapter breaks promises of its port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the adapter {adapter} breaks {} of the {port}'s promises:{}", broken.len(), listed(broken))]
pub struct BrokenPromises {
    adapter: String,
    port: Port,
    broken: Vec<Entry>,
}

impl Report {
    /// A report without any check yet.
    pub(super) fn about(adapter: String, port: Port) -> Self {
        Self { adapter, port, relman: env!("CARGO_PKG_VERSION").to_owned(), checks: Vec::new() }
    }

    pub(super) fn add(&mut self, check: &Check, finding: Finding) {
        self.checks.push(Entry { check: check.name.to_owned(), promise: check.promise.to_owned(), finding });
    }

    /// The checks that were passed.
    pub fn passed(&self) -> impl Iterator<Item = &Entry> {
        self.checks.iter().filter(|entry| entry.finding == Finding::Passed)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Entry> {
        self.checks.iter().filter(|entry| matches!(entry.finding, Finding::Failed { .. }))
    }

    /// The checks that could not be made.
    pub fn not_checked(&self) -> impl Iterator<Item = &Entry> {
        self.checks.iter().filter(|entry| matches!(entry.finding, Finding::NotChecked { .. }))
    }

    /// Whether every promise that could be checked was kept.
    ///
    /// # Errors
    ///
    /// [`BrokenPromises`], each with what was found.
    pub fn kept(&self) -> Result<(), BrokenPromises> {
        let broken: Vec<Entry> = self.failed().cloned().collect();
        if broken.is_empty() {
            return Ok(());
        }
        Err(BrokenPromises { adapter: self.adapter.clone(), port: self.port, broken })
    }

    /// The report as a section of Markdown with a table.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n", cell(&self.heading()), self.summary());
        text.push_str("| check | promise | finding |\n| --- | --- | --- |\n");
        for Entry { check, promise, finding } in &self.checks {
            let row = [cell(&format!("`{check}`")), cell(promise), cell(&finding.to_string())];
            text.push_str(&row.map(|cell| format!("| {cell} ")).concat());
            text.push_str("|\n");
        }
        text
    }

    /// The report as indented JSON, which reads back as the same report.
    ///
    /// # Panics
    ///
    /// Never: a report is texts and lists.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and lists can be written as JSON")
    }

    fn heading(&self) -> String {
        format!("{} as a {} (relman {})", self.adapter, self.port, self.relman)
    }

    fn summary(&self) -> String {
        format!(
            "{} checks: {} passed, {} failed, {} not checked",
            self.checks.len(),
            self.passed().count(),
            self.failed().count(),
            self.not_checked().count()
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.heading())?;
        let width = self.checks.iter().map(|entry| entry.check.len()).max().unwrap_or(0);
        for Entry { check, promise, finding } in &self.checks {
            writeln!(f, "  {check:width$}  {}", one_line(&finding.to_string()))?;
            if let Finding::Failed { .. } = finding {
                writeln!(f, "  {:width$}  the promise: {promise}", "")?;
            }
        }
        f.write_str(&self.summary())
    }
}

fn listed(broken: &[Entry]) -> String {
    let lines: Vec<String> =
        broken.iter().map(|entry| format!("\n  {}: {}", entry.check, entry.finding)).collect();
    lines.concat()
}

/// What a table row can hold: other whitespace than blanks would end it.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as a cell of a Markdown table.
fn cell(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::about("house|made".to_owned(), Port::Clock);
        let [first, second, third] = Port::Clock.checks() else { panic!("a clock has three promises") };
        report.add(first, Finding::Passed);
        report.add(second, Finding::Failed { why: "it stood\nstill <b>".to_owned() });
        report.add(third, Finding::NotChecked { because: "nobody knows the time".to_owned() });
        report
    }

    #[test]
    fn a_report_reads_back_from_json() {
        let report = report();
        assert_eq!(serde_json::from_str::<Report>(&report.to_json()).unwrap(), report);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!((&json["port"], &json["checks"][0]["finding"]), (&"clock".into(), &"passed".into()));
        assert_eq!(json["checks"][2]["because"], "nobody knows the time");
    }

    #[test]
    fn a_table_has_a_line_for_each_check_and_counts_them() {
        let text = report().to_string();
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.starts_with("house|made as a clock (relman "), "{text}");
        assert!(text.contains("  failed: it stood still <b>\n"), "{text}");
        assert!(text.ends_with("3 checks: 1 passed, 1 failed, 1 not checked"), "{text}");
    }

    #[test]
    fn no_text_breaks_out_of_a_markdown_table() {
        let text = report().to_markdown();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 5, "{text}");
        assert!(rows[3].contains("failed: it stood still &lt;b>"), "{text}");
        assert!(text.contains("### house\\|made as a clock"), "{text}");
    }

    #[test]
    fn what_is_not_checked_breaks_nothing_and_what_failed_does() {
        let mut report = report();
        let broken = report.kept().unwrap_err().to_string();
        assert!(broken.starts_with("the adapter house|made breaks 1 of the clock's promises:\n"), "{broken}");
        report.checks.remove(1);
        assert_eq!(report.kept(), Ok(()));
        assert_eq!(report.not_checked().count(), 1);
    }
}
