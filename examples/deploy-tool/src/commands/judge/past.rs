//! A window of the past, read from a Prometheus interval by interval.

use std::sync::Arc;

use indicatif::ProgressBar;
use relman_adapters::metrics::prometheus::{Prometheus, PrometheusConfig, PrometheusMetric};
use relman_core::{
    judge::{Answer, Arm, Control},
    port::{MetricQuery, MetricsSource},
    unit::{ReleaseId, ServiceName, Span, Timestamp, Window},
};
use tokio::task::JoinSet;

use super::{
    lines::{Arms, Interval, Observations},
    rule::Asked,
};
use crate::{
    cli::{Global, judge::Past},
    config::{self, Config, adapters::MetricsConfig},
    failure::Failure,
};

/// A week of minutes; more is a slip of the pen, and hours of questions.
const MOST_INTERVALS: u64 = 10_080;

/// How many intervals are asked about at a time.
const AT_A_TIME: usize = 4;

/// Reads the window.
///
/// # Errors
///
/// [`Failure::Usage`] where the window or the configuration does not do; [`Failure::Refused`] where the source had
/// nothing at all to say.
pub(super) async fn read(
    global: &Global,
    asked: &Asked,
    past: &Past,
    url: &str,
) -> Result<Observations, Failure> {
    let windows = windows(past)?;
    let config = Config::load(global)?;
    let Some(MetricsConfig::Prometheus(prometheus)) = config.metrics() else {
        return Err(Failure::usage(format_args!(
            "no query is configured: add [metrics] with kind = \"prometheus\" to {}; `init` writes an example",
            config.origin()
        )));
    };
    let metric = &asked.criterion.metric;
    let Some(queries) = prometheus.metrics.get(metric) else {
        let known: Vec<String> = prometheus.metrics.keys().map(ToString::to_string).collect();
        return Err(Failure::usage(format_args!(
            "no query is configured for `{metric}`: add [metrics.metrics.{metric}] to {}, which has {}",
            config.origin(),
            known.join(", ")
        )));
    };
    let needs_baseline = asked.arms() != Arms::Canary;
    let query = Arc::new(query(asked, past, queries, needs_baseline)?);
    let source = Prometheus::from_config(at(prometheus, url))
        .map_err(|error| Failure::usage(format_args!("{}: [metrics]: {error}", config.origin())))?;
    let intervals = ask(Arc::new(source), &query, &windows, needs_baseline, &past.steps_at).await?;
    if !intervals.iter().any(Interval::is_measured) {
        let why = intervals.first().map(|interval| interval.canary.to_string()).unwrap_or_default();
        return Err(Failure::refused(format_args!(
            "nothing was measured in {} intervals, and of nothing there is no verdict; the first answer: {why}",
            intervals.len()
        )));
    }
    Ok(Observations { intervals, timed: true })
}

/// The configured source at another address. A token goes where it was meant to go, and nowhere else.
fn at(configured: &PrometheusConfig, url: &str) -> PrometheusConfig {
    let mut there = configured.clone();
    if there.url.trim_end_matches('/') != url.trim_end_matches('/') {
        there.bearer = None;
    }
    url.clone_into(&mut there.url);
    there
}

/// The windows that are looked at. What is left at the end is shorter than an interval, and is left out.
fn windows(past: &Past) -> Result<Vec<Window>, Failure> {
    let every = past.every.unwrap_or(Span::from_minutes(1));
    let (Some(from), Some(to)) = (past.from, past.to) else {
        return Err(Failure::usage("a window of the past has --from and --to"));
    };
    if every == Span::ZERO {
        return Err(Failure::usage("--every is 0; an interval such as 1m has a length"));
    }
    let count = to.since(from).as_millis() / every.as_millis();
    if count == 0 {
        return Err(Failure::usage(format_args!(
            "from {from} to {to} there is no interval of {every}; --to is after --from by that at least"
        )));
    }
    if count > MOST_INTERVALS {
        return Err(Failure::usage(format_args!(
            "from {from} to {to} there are {count} intervals of {every}, at most {MOST_INTERVALS} are read; take a \
             shorter window or a longer --every"
        )));
    }
    let mut next = from;
    let window = |_| {
        let window = Window { from: next, until: next + every };
        next = window.until;
        window
    };
    Ok((0..count).map(window).collect())
}

/// What is asked for, with everything that the queries name.
fn query(
    asked: &Asked,
    past: &Past,
    queries: &PrometheusMetric,
    needs_baseline: bool,
) -> Result<MetricQuery, Failure> {
    let plan = past.plan.as_deref().map(config::plan).transpose()?;
    let scope = plan.as_ref().map(|plan| plan.scope());
    let texts = texts(queries);
    let missing = |name: &str, option: &str| {
        let asks = texts.iter().any(|text| text.contains(&format!("{{{{{name}}}}}")));
        let metric = &asked.criterion.metric;
        if !asks {
            return Ok(());
        }
        Err(Failure::usage(format_args!(
            "a query for `{metric}` names {{{{{name}}}}}: say what it is with --plan PLAN.toml or {option}"
        )))
    };
    let canary_version =
        past.canary_version.clone().or(scope.map(|scope| scope.artifact.version.to_string()));
    let baseline_version = past.baseline_version.clone().or(scope.map(|scope| scope.replaces.to_string()));
    let service = past.service.clone().or(scope.map(|scope| scope.service.clone()));
    let release = past.release.clone().or(plan.as_ref().map(|plan| plan.release().clone()));
    if canary_version.is_none() {
        missing("version", "--canary-version VERSION")?;
    }
    if needs_baseline && baseline_version.is_none() {
        missing("version", "--baseline-version VERSION")?;
    }
    if service.is_none() {
        missing("service", "--service SERVICE")?;
    }
    if release.is_none() {
        missing("release", "--release RELEASE")?;
    }
    Ok(MetricQuery::new(
        asked.criterion.metric.clone(),
        release.map_or_else(unnamed::<ReleaseId>, Ok)?,
        service.map_or_else(unnamed::<ServiceName>, Ok)?,
        canary_version.unwrap_or_default(),
        baseline_version.unwrap_or_default(),
    ))
}

/// A name that no query asks for.
fn unnamed<T: std::str::FromStr>() -> Result<T, Failure> {
    "none".parse().map_err(|_| Failure::usage("a name is missing: give --plan PLAN.toml"))
}

fn texts(queries: &PrometheusMetric) -> Vec<&str> {
    let (own, freshness) = match queries {
        PrometheusMetric::Counts { requests, errors, freshness } => {
            (vec![requests.as_str(), errors.as_str()], freshness)
        }
        PrometheusMetric::Histogram { buckets, freshness, .. } => (vec![buckets.as_str()], freshness),
        PrometheusMetric::Gauge { query, freshness, .. } => (vec![query.as_str()], freshness),
        PrometheusMetric::Events { count, exposure, freshness, .. } => {
            (vec![count.as_str(), exposure.as_str()], freshness)
        }
    };
    own.into_iter().chain(freshness.as_deref()).collect()
}

/// Asks about every window, a few at a time, and brings the answers into the order of time.
async fn ask(
    source: Arc<dyn MetricsSource>,
    query: &Arc<MetricQuery>,
    windows: &[Window],
    needs_baseline: bool,
    steps_at: &[Timestamp],
) -> Result<Vec<Interval>, Failure> {
    let bar = ProgressBar::new(windows.len() as u64);
    let mut asked: Vec<Option<Interval>> = vec![None; windows.len()];
    let mut running = JoinSet::new();
    let mut next = windows.iter().copied().enumerate();
    loop {
        while running.len() < AT_A_TIME
            && let Some((index, window)) = next.next()
        {
            let (source, query) = (Arc::clone(&source), Arc::clone(query));
            let begun = steps_at.iter().filter(|at| **at <= window.from).count();
            let step = u32::try_from(begun).unwrap_or(u32::MAX);
            running.spawn(async move {
                let canary = source.observe(&query, Arm::Canary, window).await.answer;
                let baseline = if needs_baseline {
                    source.observe(&query, Arm::Baseline, window).await.answer
                } else {
                    Answer::NoData { detail: "the criterion does not compare".to_owned() }
                };
                (index, Interval { window, step, canary, baseline, control: Control::Concurrent })
            });
        }
        let Some(answered) = running.join_next().await else { break };
        let (index, interval) =
            answered.map_err(|error| Failure::refused(format_args!("failed to ask: {error}")))?;
        asked[index] = Some(interval);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut intervals: Vec<Interval> = asked.into_iter().flatten().collect();
    freeze(&mut intervals, needs_baseline);
    Ok(intervals)
}

/// A step without any baseline, after one that has it, is compared with the step before.
fn freeze(intervals: &mut [Interval], needs_baseline: bool) {
    let measured: Vec<u32> = intervals
        .iter()
        .filter(|interval| interval.baseline.measurement().is_some())
        .map(|interval| interval.step)
        .collect();
    for interval in intervals.iter_mut().filter(|_| needs_baseline) {
        if !measured.contains(&interval.step) && measured.iter().any(|step| *step < interval.step) {
            interval.control = Control::Frozen;
        }
    }
}
