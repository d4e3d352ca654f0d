//! The command line of `judge`: observations of the past, and how they are judged.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use relman_core::{
    judge::evidence::{Alpha, Scheme},
    plan::Criterion,
    unit::{ReleaseId, ServiceName, Span, Timestamp},
};

/// The help below the options: the form of the input and of the answer.
const AFTER_HELP: &str = r#"Input, one interval a line, in the order of time (here on two, for the page):
  {"from":"2026-05-04T14:00:00Z","to":"2026-05-04T14:01:00Z","step":0,
   "canary":{"requests":600,"errors":1},"baseline":{"requests":59400,"errors":58}}
An arm has what the metric needs; what else is in it is left alone:
  "requests", "errors"  a rate: error_rate > 1%, error_rate > 2x baseline
  "histogram":{"bounds_ms":[100,250],"counts":[590,9,1]}
                        a quantile: latency_p99 > 2x baseline. Counts of each bucket alone, not
                        cumulative, and one more for what is above the last bound
  "value"               as it is: queue_depth > 100. Milliseconds for times, 0 to 1 for rates
  "count"               things counted: complaints > 3
  "count", "exposure"   so many for each one exposed, where the limit is below 1: crashes > 0.1%;
                        the exposure stands in the arm, or beside the arms for both
And a line has
  baseline  where the criterion says `x baseline`. A step without any, after one that has it, is
            compared with the step before
  from, to  RFC 3339 with an offset, or seconds since 1970. Without them in any line, intervals
            are minutes, and counted from 0
  step      from 0 on, never falling; 0 where it is left out. As many lines as a step has, so
            many are taken to be planned for it

Methods, and what their alarm brings about:
  evidence      both channels: `fast` holds, `robust` fails. What can't be counted is judged
                against a hard limit
  fast          the likelihood factors alone: hold. Trusts that errors are independent
  robust        the burst-proof factors alone: fail. Takes a value against a limit, too
  threshold     over the threshold in any interval, or over the last --looks of them: fail
  in-a-row      --failed intervals over the threshold in a row: fail
  of-the-last   --failed of the last --looks intervals: fail
  total         --failed intervals in all, however far apart: fail
  argo          an analysis of Argo Rollouts, with its limits: fail, or hold where inconclusive
  mann-whitney  Kayenta's rule, once over all intervals, each of them a sample: fail. A line may
                lack an arm, so that samples can differ in size
The first three keep a promise about healthy releases, which --alpha states; the others do not.

Verdicts are pass, fail, hold and undecided. A fail or a hold stays, whatever comes after it: the
gate would have acted. No data are never a pass. The exit status is 0 whatever the verdict; with
--exit-code it is 0 for pass alone, and 1 for the others. 2 is for input that can't be read.

--json prints one object:
  verdict      pass, fail, hold, undecided
  channel      on what it rests: fast, robust, hard_limit
  decided_at   the interval in which the fail or the hold fell, from 0; or null
  ln_evidence  ln E after each interval: of `robust` where that is the method, otherwise of
               `fast`; empty where the method has none
  threshold    ln(1/alpha), or null
  alarm_at     the first interval at which ln_evidence reaches the threshold, or null; where the
               method has none, decided_at
  fast, robust with an ln_evidence and an alarm_at of their own, where the channel was followed
  ci_low, ci_high, estimate, classification (pass, high, low, no_data)
               for mann-whitney
  sentence, criterion, method, alpha, start_weights, intervals, warnings
  record       the verdict as a journal holds it, but for argo's phases and mann-whitney"#;

#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Judge {
    /// The criterion, as in a contract: `error_rate > 1%`, `latency_p99 > 2x baseline`
    pub(crate) criterion: Criterion,
    /// The observations [default: standard input]
    #[arg(value_name = "FILE.jsonl", conflicts_with = "prometheus")]
    pub(crate) file: Option<PathBuf>,
    /// How it is judged: evidence, fast, robust, threshold, in-a-row, of-the-last, total, argo or mann-whitney
    #[arg(long, value_enum, default_value_t = Method::Evidence, hide_possible_values = true)]
    pub(crate) method: Method,
    /// A row for each interval: counts, evidence, outcome
    #[arg(long)]
    pub(crate) table: bool,
    /// Exit status 1 for every verdict but pass
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    #[command(flatten)]
    pub(crate) familiar: Familiar,
    #[command(flatten)]
    pub(crate) past: Past,
}

/// How a criterion is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Evidence in both channels
    #[value(alias = "default", alias = "sequential")]
    Evidence,
    /// The likelihood factors
    #[value(alias = "likelihood")]
    Fast,
    /// The burst-proof factors
    #[value(alias = "burst-proof", alias = "burst_proof", alias = "burstproof")]
    Robust,
    /// The value over the threshold
    #[value(alias = "hard-limit", alias = "hard_limit", alias = "window")]
    Threshold,
    /// So many failed intervals in a row
    #[value(alias = "in_a_row", alias = "consecutive")]
    InARow,
    /// So many failed intervals of the last few
    #[value(alias = "of_the_last", alias = "n-of-m")]
    OfTheLast,
    /// So many failed intervals in all
    #[value(alias = "in-all", alias = "in_all")]
    Total,
    /// Argo Rollouts' analysis
    #[value(alias = "argo-rollouts")]
    Argo,
    /// Kayenta's Mann-Whitney rule
    #[value(alias = "mann_whitney", alias = "mannwhitney", alias = "kayenta")]
    MannWhitney,
}

/// What the documentation of the method leaves open.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Evidence")]
pub(crate) struct Tuning {
    /// The share of healthy releases that may be rolled back by mistake
    #[arg(long, value_name = "PART", default_value = "0.01", value_parser = alpha)]
    pub(crate) alpha: Alpha,
    /// When a regression is believed to start
    #[arg(long, value_enum, default_value_t = Starts::Steps)]
    pub(crate) start_weights: Starts,
    /// What an alarm of the fast channel does
    #[arg(long, value_enum, default_value_t = FastRule::Hold)]
    pub(crate) fast_alarm: FastRule,
    /// The fewest requests of a step that a verdict may rest on [default: 100, for argo 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) min_requests: Option<u64>,
    /// No pass until the data rule out this many times the baseline: 2 for a doubling
    #[arg(long, value_name = "TIMES", value_parser = times)]
    pub(crate) exclude: Option<f64>,
}

/// When a regression is believed to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Starts {
    /// Half at the starts of steps, half inside them
    Steps,
    /// With the first interval
    First,
    /// With any interval alike
    Uniform,
}

impl Starts {
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::Steps => Scheme::Steps,
            Self::First => Scheme::First,
            Self::Uniform => Scheme::Uniform,
        }
    }
}

/// What an alarm of the fast channel brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FastRule {
    /// The release is held
    Hold,
    /// It is rolled back; right only where units are independent: users, sessions
    RollBack,
}

/// Numbers of the methods that people know.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other methods")]
pub(crate) struct Familiar {
    /// How many failed intervals are too many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) failed: Option<u32>,
    /// Among, or over, how many of the last intervals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) looks: Option<u32>,
    /// argo: how many may fail; -1 for any number [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) failure_limit: Option<i32>,
    /// argo: how many may be inconclusive [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) inconclusive_limit: Option<i32>,
    /// argo: how many errors of the source in a row are tolerated [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) consecutive_error_limit: Option<i32>,
    /// argo: how many successes in a row are required [default: none]
    #[arg(long, value_name = "N")]
    pub(crate) consecutive_success_limit: Option<i32>,
    /// mann-whitney: of the interval [default: 0.98]
    #[arg(long, value_name = "PART", value_parser = confidence)]
    pub(crate) confidence: Option<f64>,
    /// mann-whitney: the part of the estimate that the interval has to be beyond [default: 0.25]
    #[arg(long, value_name = "PART", value_parser = tolerance)]
    pub(crate) tolerance: Option<f64>,
}

/// A window of the past, read from a Prometheus.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "From Prometheus, with the queries of [metrics] in the configuration")]
pub(crate) struct Past {
    /// Which one. The configured token is sent only to the url it is configured with
    #[arg(long, value_name = "URL", requires_all = ["from", "to"])]
    pub(crate) prometheus: Option<String>,
    /// The beginning of the window, RFC 3339: 2026-05-04T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "prometheus")]
    pub(crate) from: Option<Timestamp>,
    /// The end of the window
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "prometheus")]
    pub(crate) to: Option<Timestamp>,
    /// How long an interval is [default: 1m]
    #[arg(long, value_name = "DURATION", requires = "prometheus")]
    pub(crate) every: Option<Span>,
    /// When another step began; repeatable
    #[arg(long = "step-at", value_name = "TIME", value_parser = moment, requires = "prometheus")]
    pub(crate) steps_at: Vec<Timestamp>,
    /// The plan of the release: what its versions, its service and its name are
    #[arg(long, value_name = "PLAN.toml", requires = "prometheus")]
    pub(crate) plan: Option<PathBuf>,
    /// {{version}} of the canary
    #[arg(long, value_name = "VERSION", requires = "prometheus")]
    pub(crate) canary_version: Option<String>,
    /// {{version}} of the baseline
    #[arg(long, value_name = "VERSION", requires = "prometheus")]
    pub(crate) baseline_version: Option<String>,
    /// {{service}}
    #[arg(long, value_name = "SERVICE", requires = "prometheus")]
    pub(crate) service: Option<ServiceName>,
    /// {{release}}
    #[arg(long, value_name = "RELEASE", requires = "prometheus")]
    pub(crate) release: Option<ReleaseId>,
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "it is no number".to_owned())
}

fn alpha(text: &str) -> Result<Alpha, String> {
    Alpha::new(number(text)?).ok_or_else(|| "it is not above 0 and below 1; 0.01 is 1 in 100".to_owned())
}

fn confidence(text: &str) -> Result<f64, String> {
    let confidence = number(text)?;
    let is_one = confidence > 0.0 && confidence < 1.0;
    is_one.then_some(confidence).ok_or_else(|| "it is not above 0 and below 1; 0.98 is usual".to_owned())
}

fn tolerance(text: &str) -> Result<f64, String> {
    let tolerance = number(text)?;
    (tolerance >= 0.0).then_some(tolerance).ok_or_else(|| "it is below 0; 0.25 is usual".to_owned())
}

fn times(text: &str) -> Result<f64, String> {
    let times = number(text.strip_suffix('x').unwrap_or(text))?;
    (times > 0.0).then_some(times).ok_or_else(|| "it is not above 0; 2 excludes a doubling".to_owned())
}

/// A moment as people write it, with any offset and as fine or coarse as they like.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|moment| Timestamp::from(moment.with_timezone(&chrono::Utc)))
        .map_err(|error| format!("it is no RFC 3339 time such as 2026-05-04T14:00:00Z: {error}"))
}
