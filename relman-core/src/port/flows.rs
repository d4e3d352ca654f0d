use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::unit::{FlowName, ServiceName, Span, Text};

/// How many characters of what was expected, and of what was found, evidence holds for one flow: enough for a sentence
/// each, and for a dozen flows in one record.
const MOST_CHARS: usize = 300;

/// Tries what users do, in production: that they can sign in, find something, pay.
///
/// A conductor asks while a release is validated, soon after the validation began and then again and again. What it
/// hears is recorded as the check `user-flows`, which the validation gate asks for.
#[async_trait]
pub trait UserFlows: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// The names of the flows that are checked, in the order in which they are reported; each once.
    fn flows(&self) -> Vec<FlowName>;

    /// Tries every flow of the service once more and says, flow by flow, whether it works.
    ///
    /// - **Complete**: the report has each of the [`flows`](Self::flows) once and nothing else. One of which nothing
    ///   could be found out is [`Unknown`](FlowOutcome::Unknown), which is never a pass.
    /// - **Fresh**: every call tries again; an earlier answer is never given twice.
    /// - **Harmless**: checking changes nothing for users, and checking again, or by two conductors at the same time,
    ///   does no harm. A flow that writes does so with data of its own.
    /// - **Bounded**: it returns within two minutes, whatever the service does. A service that does not answer in its
    ///   time has failed.
    /// - **Discreet**: what was expected and found stays in the record for good, so it holds no secret and nothing
    ///   about a customer.
    ///
    /// # Errors
    ///
    /// [`PortError`] where nothing could be found out about any flow. Not knowing is an error, and never a pass; a
    /// flow that was tried and does not work is no error.
    async fn check(&self, service: &ServiceName) -> Result<FlowReport, PortError>;
}

/// What was found in one check of the key user flows.
///
/// # Examples
///
/// ```
/// use relman_core::{port::{CheckedFlow, FlowOutcome, FlowReport}, unit::Span};
///
/// let expected = "status 200 within 2s";
/// let login = CheckedFlow::new("login".parse()?, FlowOutcome::Passed, expected, "status 200")
///     .with_status(200)
///     .with_latency(Span::from_millis(34));
/// let pay = CheckedFlow::new("pay".parse()?, FlowOutcome::Unknown, expected, "no route to the service");
/// let report = FlowReport::new([login.clone()]);
/// assert_eq!(report.outcome(), FlowOutcome::Passed);
/// assert_eq!(
///     report.evidence().as_str(),
///     "login: passed in 34ms (expected status 200 within 2s; found status 200)",
/// );
/// // What is not known has not passed, and neither has nothing at all.
/// assert_eq!(FlowReport::new([login, pay]).outcome(), FlowOutcome::Unknown);
/// assert_eq!(FlowReport::new([]).outcome(), FlowOutcome::Unknown);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FlowReport {
    /// The flows, in the order of [`UserFlows::flows`].
    pub flows: Vec<CheckedFlow>,
}

/// What was found about one flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CheckedFlow {
    /// Which flow.
    pub name: FlowName,
    /// Whether it works.
    pub outcome: FlowOutcome,
    /// What it ended with, an HTTP status or the exit status of a program, where it got so far.
    pub status: Option<i32>,
    /// How long it took, in milliseconds, where it came to an end.
    #[serde(rename = "latency_ms")]
    pub latency: Option<Span>,
    /// What would be right, in words.
    pub expected: String,
    /// What was there, in words, or why nothing is known.
    pub found: String,
}

/// Whether a flow works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowOutcome {
    /// It was tried, and does not do what it should.
    Failed,
    /// It could not be tried, so that nothing is known.
    Unknown,
    /// It was tried, and works.
    Passed,
}

impl FlowReport {
    /// Reports these flows, in this order.
    pub fn new(flows: impl IntoIterator<Item = CheckedFlow>) -> Self {
        Self { flows: flows.into_iter().collect() }
    }

    /// Whether the flows work together: failed where one has failed, passed where each has passed, and unknown
    /// otherwise, of an empty report too.
    pub fn outcome(&self) -> FlowOutcome {
        self.flows.iter().map(|flow| flow.outcome).min().unwrap_or(FlowOutcome::Unknown)
    }

    /// What was found, as the evidence of a check: one line, those first that have failed, cut to what a record holds.
    pub fn evidence(&self) -> Text {
        let mut flows: Vec<&CheckedFlow> = self.flows.iter().collect();
        flows.sort_by_key(|flow| flow.outcome);
        let said: Vec<String> = flows.into_iter().map(ToString::to_string).collect();
        Text::of(&said.join("; "))
    }
}

impl CheckedFlow {
    /// Reports whether a flow works: what would be right, and what was found. It has no status and no latency.
    pub fn new(
        name: FlowName,
        outcome: FlowOutcome,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { name, outcome, status: None, latency: None, expected: expected.into(), found: found.into() }
    }

    /// Sets what the flow ended with: an HTTP status, or the exit status of a program.
    #[must_use]
    pub fn with_status(mut self, status: i32) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets how long the flow took to come to an end.
    #[must_use]
    pub fn with_latency(mut self, latency: Span) -> Self {
        self.latency = Some(latency);
        self
    }
}

impl fmt::Display for CheckedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.outcome)?;
        if let Some(latency) = self.latency {
            write!(f, " in {latency}")?;
        }
        write!(f, " (expected {}; found {})", one_line(&self.expected), one_line(&self.found))
    }
}

impl fmt::Display for FlowOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Passed => "passed",
        })
    }
}

/// Words of the outside world on one line, without what could move a cursor, and no longer than one flow may have.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_CHARS) {
        _ if line.is_empty() => "nothing".to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(name: &str, outcome: FlowOutcome, found: &str) -> CheckedFlow {
        CheckedFlow::new(name.parse().unwrap(), outcome, "status 200", found)
    }

    #[test]
    fn one_failure_is_a_failure_and_one_gap_is_no_pass() {
        use FlowOutcome::{Failed, Passed, Unknown};
        for (outcomes, together) in [
            (&[][..], Unknown),
            (&[Passed, Passed], Passed),
            (&[Passed, Unknown], Unknown),
            (&[Unknown, Failed, Passed], Failed),
        ] {
            let flows = outcomes.iter().map(|outcome| flow("a", *outcome, "")).collect();
            assert_eq!(FlowReport { flows }.outcome(), together, "{outcomes:?}");
        }
    }

    #[test]
    fn evidence_is_one_bounded_line_with_failures_first() {
        let hostile = format!("\u{1b}[2Jgone\r\nnext {}", "x".repeat(1_000));
        let flows =
            vec![flow("a", FlowOutcome::Passed, "status 200"), flow("b", FlowOutcome::Failed, &hostile)];
        let evidence = FlowReport { flows }.evidence();
        assert!(evidence.as_str().starts_with("b: failed (expected status 200; found [2Jgone next xxx"));
        assert!(evidence.as_str().ends_with("x…); a: passed (expected status 200; found status 200)"));
        assert!(!evidence.as_str().contains(char::is_control));
        let many = (0..100).map(|_| flow("a", FlowOutcome::Failed, &hostile)).collect();
        assert_eq!(FlowReport { flows: many }.evidence().as_str().chars().count(), Text::MAX_CHARS);
    }
}
