use std::fmt;

use serde::Serialize;

use crate::{
    event::Event,
    plan::{Plan, ReleaseKind},
    port::Environment,
    report::{
        facts::{History, Mark},
        view::RollbackLog,
    },
    unit::{Finite, Ratio, ReleaseId, ServiceName, Span, Text, Timestamp, Window},
};

/// Where the definitions come from.
pub const DELIVERY_METRICS_SOURCE: &str = "https://dora.dev/guides/dora-metrics-four-keys/";

/// How well software is delivered, by the four key metrics of DORA, over the releases of a journal.
///
/// The definitions are those of [DORA](DELIVERY_METRICS_SOURCE), as far as a journal of releases can tell:
///
/// - **deployment frequency**: how often a change is deployed to production. A deployment is the first record that says
///   so of a release.
/// - **lead time for changes**: how long a change takes from its commit to running in production. The record begins with
///   the plan, so the time is counted from the first plan to all of the traffic; what lies before is not in it.
/// - **change fail rate**: how many of the deployments had to be remedied. Here: rolled back, at whatever share of the
///   traffic and by whomever.
/// - **failed deployment recovery time**: how long it takes until such a deployment does no more harm. From its likely
///   beginning, or from when it was noticed where that is unknown, to zero traffic confirmed.
///
/// Drills count nowhere. What each release contributed is listed, with the records that say so.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeliveryMetrics {
    /// When it was asked for.
    pub as_of: Timestamp,
    /// Where the definitions come from.
    pub source: &'static str,
    /// The time that counts: deployments in it, or all of them up to now.
    pub window: Window,
    /// Deployments to production in it.
    pub deployments: u64,
    /// Deployments a week; none where the time is shorter than a day.
    pub deployments_per_week: Option<Finite>,
    /// The time between two deployments, one after the other.
    pub between_deployments: Option<Spread>,
    /// From the first plan to all of the traffic.
    pub lead_time: Option<Spread>,
    /// Deployments that were rolled back.
    pub failed_deployments: u64,
    /// Their part of all deployments, between 0 and 1; none where there are no deployments.
    pub change_fail_rate: Option<Finite>,
    /// From the likely beginning to zero traffic.
    pub recovery_time: Option<Spread>,
    /// What each release contributed, in the order of the deployments.
    pub contributions: Vec<Contribution>,
    /// Rehearsals, which do not count.
    pub drills: u64,
    /// Releases that were not deployed to production in that time.
    pub not_deployed: u64,
}

/// How times are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// The middle one; of an even number the lower of the two in the middle.
    #[serde(rename = "median_ms")]
    pub median: Span,
    /// The shortest.
    #[serde(rename = "shortest_ms")]
    pub shortest: Span,
    /// The longest.
    #[serde(rename = "longest_ms")]
    pub longest: Span,
}

impl Spread {
    /// The spread of some times; none where there are none.
    pub fn of(times: impl IntoIterator<Item = Span>) -> Option<Self> {
        let mut times: Vec<Span> = times.into_iter().collect();
        times.sort_unstable();
        Some(Self {
            count: times.len() as u64,
            median: *times.get(times.len().saturating_sub(1) / 2)?,
            shortest: *times.first()?,
            longest: *times.last()?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}, once", self.median),
            count => write!(f, "{} median of {count}, {} to {}", self.median, self.shortest, self.longest),
        }
    }
}

/// What one release contributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Contribution {
    /// The release.
    pub release: ReleaseId,
    /// Its title; none before a plan is recorded.
    pub title: Option<Text>,
    /// The service that changed.
    pub service: Option<ServiceName>,
    /// Whether it is for real.
    pub kind: Option<ReleaseKind>,
    /// When its plan was first recorded, and the record.
    pub planned: Option<Mark>,
    /// When it was deployed to production, and the record; never, if absent.
    pub deployed: Option<Mark>,
    /// When all of the traffic was on it, and the record.
    pub everywhere: Option<Mark>,
    /// From the first plan to all of the traffic.
    #[serde(rename = "lead_time_ms")]
    pub lead_time: Option<Span>,
    /// How it failed, if it did.
    pub failure: Option<FailedDeployment>,
}

/// A deployment that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailedDeployment {
    /// When that began, and the record.
    pub started: Mark,
    /// Why.
    pub trigger: String,
    /// When zero traffic was confirmed, and the record; not yet, if absent.
    pub confirmed: Option<Mark>,
    /// From the likely beginning to there.
    #[serde(rename = "recovery_ms")]
    pub recovery: Option<Span>,
}

impl Contribution {
    /// What a release contributes, a rehearsal or one without a deployment included.
    pub fn of(history: &History<'_>) -> Self {
        let first = |fits: fn(&Event) -> bool| history.first(fits).map(Mark::of);
        let plan = history.release.plan();
        let planned = first(|event| matches!(event, Event::PlanRecorded(_)));
        let everywhere = first(|event| matches!(event, Event::ValidationStarted(_)));
        let failure = RollbackLog::of(history).map(|log| FailedDeployment {
            started: log.started,
            trigger: log.trigger.to_string(),
            confirmed: log.confirmed.map(|confirmed| confirmed.mark),
            recovery: log.times.in_all(),
        });
        Self {
            release: history.release.id().clone(),
            title: plan.map(|plan| plan.title().clone()),
            service: plan.map(|plan| plan.scope().service.clone()),
            kind: plan.map(Plan::kind),
            planned,
            deployed: first(
                |event| matches!(event, Event::Deployed(deployed) if deployed.environment == Environment::Production),
            ),
            everywhere,
            lead_time: planned.zip(everywhere).map(|(planned, everywhere)| everywhere.at.since(planned.at)),
            failure,
        }
    }
}

impl DeliveryMetrics {
    /// The metrics of some releases: of deployments in a time, or of all of them up to `now`.
    ///
    /// A journal that does not fit the memory is read release by release, and only its [contributions](Contribution) are
    /// kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::{machine::Release, report::{Contribution, DeliveryMetrics, History}};
    ///
    /// let release = Release::new("checkout-241".parse()?);
    /// let contribution = Contribution::of(&History::settled(&release, &[]));
    /// let metrics = DeliveryMetrics::of([contribution], None, "2026-11-22T18:04:05.000Z".parse()?);
    /// assert_eq!((metrics.deployments, metrics.not_deployed), (0, 1));
    /// assert_eq!(metrics.change_fail_rate, None);
    /// # Ok::<(), relman_core::unit::UnitError>(())
    /// ```
    pub fn of(
        contributions: impl IntoIterator<Item = Contribution>,
        window: Option<Window>,
        now: Timestamp,
    ) -> Self {
        let mut deployed: Vec<(Timestamp, Contribution)> = Vec::new();
        let (mut drills, mut not_deployed) = (0, 0);
        for contribution in contributions {
            let in_time = contribution
                .deployed
                .map(|mark| mark.at)
                .filter(|at| window.is_none_or(|window| window.from <= *at && *at < window.until));
            match (contribution.kind, in_time) {
                (Some(ReleaseKind::Drill), _) => drills += 1,
                (Some(ReleaseKind::Production) | None, None) => not_deployed += 1,
                (Some(ReleaseKind::Production) | None, Some(at)) => deployed.push((at, contribution)),
            }
        }
        deployed
            .sort_by(|(one, first), (other, second)| (one, &first.release).cmp(&(other, &second.release)));
        let first = deployed.first().map_or(now, |(at, _)| *at);
        let window = window.unwrap_or(Window { from: first, until: now.max(first) });
        let between = deployed.windows(2).map(|pair| pair[1].0.since(pair[0].0));
        let between_deployments = Spread::of(between);
        let contributions: Vec<Contribution> = deployed.into_iter().map(|(_, one)| one).collect();
        let failures = || contributions.iter().filter_map(|one| one.failure.as_ref());
        let (deployments, failed) = (contributions.len() as u64, failures().count() as u64);
        Self {
            as_of: now,
            source: DELIVERY_METRICS_SOURCE,
            window,
            deployments,
            deployments_per_week: per_week(deployments, window.length()),
            between_deployments,
            lead_time: Spread::of(contributions.iter().filter_map(|one| one.lead_time)),
            failed_deployments: failed,
            change_fail_rate: Ratio::new(failed, deployments).and_then(|ratio| Finite::new(ratio.to_f64())),
            recovery_time: Spread::of(failures().filter_map(|failure| failure.recovery)),
            contributions,
            drills,
            not_deployed,
        }
    }
}

/// A rate over less than a day would be a guess at a week.
fn per_week(deployments: u64, length: Span) -> Option<Finite> {
    const WEEK: Span = Span::from_hours(7 * 24);
    if length < Span::from_hours(24) {
        return None;
    }
    Finite::new(deployments as f64 * WEEK.as_millis() as f64 / length.as_millis() as f64)
}
