use std::fmt::Write;

use relman_core::{
    report::{ExposureCause, ExposureChange, Storyboard, VerifyFrame},
    unit::{Span, Timestamp, TrafficShare},
};

use super::axis::{HEIGHT, Tick, TimeAxis, place};

/// Exposure over time: planned, set and observed, with holds and the rollback.
#[derive(Debug, Clone)]
pub(in crate::web) struct ExposureChart {
    pub(in crate::web) x_ticks: Vec<Tick>,
    pub(in crate::web) y_ticks: Vec<Tick>,
    pub(in crate::web) planned: String,
    /// What was set, where it is known that users got it.
    pub(in crate::web) set: String,
    /// What was set last, where nobody knows whether users still got it.
    pub(in crate::web) unknown: String,
    pub(in crate::web) observed: String,
    pub(in crate::web) holds: Vec<Band>,
    /// Where nobody drove the release.
    pub(in crate::web) undriven: Vec<Band>,
    /// Where the rollback began, if that is on the chart.
    pub(in crate::web) rollback: Option<String>,
    /// Where the present is, while the release is under way.
    pub(in crate::web) now: Option<String>,
    pub(in crate::web) description: String,
    /// Whether times are relative, because the rollout has not started.
    pub(in crate::web) is_planned_only: bool,
}

/// A stretch of time.
#[derive(Debug, Clone)]
pub(in crate::web) struct Band {
    pub(in crate::web) x: String,
    pub(in crate::web) width: String,
}

impl ExposureChart {
    /// The chart of the release frame, or `None` before there is a track.
    pub(in crate::web) fn of(board: &Storyboard) -> Option<Self> {
        let steps = &board.release.steps;
        let last = steps.last()?;
        let started = steps.first()?.scheduled.started.map(|mark| mark.at);
        let origin = started.unwrap_or(board.heading.as_of);
        let full_from = origin + last.scheduled.planned_after;
        let over = board.release.frame.left.or(board.ended.map(|ended| ended.mark));
        let until = match (started, over) {
            // Before the start: what is planned, up to the validation.
            (None, _) => with_margin(origin, full_from),
            (Some(_), None) => with_margin(origin, full_from.max(board.heading.as_of)),
            (Some(_), Some(_)) => {
                let back = board.rollback.frame.left.map(|left| left.at);
                let shown = match board.verify.frame.entered {
                    Some(entered) => entered.at,
                    None => back.unwrap_or(board.heading.as_of),
                };
                with_margin(origin, shown)
            }
        };
        let axis = TimeAxis::new(origin, until);
        let axis = if started.is_some() { axis } else { axis.since_start() };
        let planned = steps.iter().map(|step| (origin + step.scheduled.planned_after, step.scheduled.share));
        let of_cause = |cause| {
            let change = move |change: &ExposureChange| {
                (change.cause == cause).then_some((change.mark.at, change.share))
            };
            board.release.exposure.iter().filter_map(change)
        };
        let end_of_line = board.ended.map_or(board.heading.as_of, |ended| ended.mark.at).min(axis.until());
        let (set, unknown) = set_lines(board, axis, end_of_line);
        let rollback = board.rollback.frame.entered.map(|mark| mark.at).filter(|at| axis.has(*at));
        Some(Self {
            x_ticks: axis.ticks(),
            y_ticks: y_ticks(steps.iter().map(|step| step.scheduled.share)),
            planned: staircase(axis, planned, axis.until()),
            set,
            unknown,
            observed: dots(axis, of_cause(ExposureCause::Seen)),
            holds: board
                .release
                .holds
                .iter()
                .filter_map(|hold| {
                    band(axis, hold.from.at, hold.until.map_or(board.heading.as_of, |until| until.at))
                })
                .collect(),
            undriven: unseen_times(board)
                .filter_map(|(from, until, is_undriven)| is_undriven.then(|| band(axis, from, until))?)
                .collect(),
            rollback: rollback.map(|at| place(axis.x(at))),
            now: (started.is_some() && board.ended.is_none() && axis.has(board.heading.as_of))
                .then(|| place(axis.x(board.heading.as_of))),
            description: description(board),
            is_planned_only: started.is_none(),
        })
    }
}

/// On-call cover over the validation.
#[derive(Debug, Clone)]
pub(in crate::web) struct CoverChart {
    pub(in crate::web) x_ticks: Vec<Tick>,
    pub(in crate::web) covered: Vec<Band>,
    pub(in crate::web) uncovered: Vec<Band>,
    pub(in crate::web) description: String,
}

impl CoverChart {
    /// The chart, or `None` before the validation.
    pub(in crate::web) fn of(verify: &VerifyFrame, until: Timestamp) -> Option<Self> {
        let axis = TimeAxis::new(verify.frame.entered?.at, until);
        let band = |from: Timestamp, until: Timestamp| {
            let (from, until) = (axis.x(from), axis.x(until));
            Band { x: place(from), width: place((until - from).max(1.0)) }
        };
        let (covered, uncovered): (Vec<_>, Vec<_>) =
            verify.cover.iter().partition(|one| one.person.is_some());
        Some(Self {
            x_ticks: axis.ticks(),
            covered: covered.iter().map(|one| band(one.from, one.until)).collect(),
            uncovered: uncovered.iter().map(|one| band(one.from, one.until)).collect(),
            description: format!(
                "On-call cover during the validation. Nobody was on call for {}.",
                verify.uncovered
            ),
        })
    }
}

/// A little later than `until`, so that the end of the line is visible.
fn with_margin(from: Timestamp, until: Timestamp) -> Timestamp {
    until + Span::from_millis(until.since(from).as_millis() / 10 + 30_000)
}

/// The height of a share. The square root makes 1 % visible beside 100 % and keeps the order.
fn y(share: TrafficShare) -> f64 {
    let part = f64::from(share.basis_points()) / f64::from(TrafficShare::FULL.basis_points());
    HEIGHT - part.sqrt() * (HEIGHT - 8.0) - 2.0
}

fn y_ticks(shares: impl Iterator<Item = TrafficShare>) -> Vec<Tick> {
    let mut shares: Vec<TrafficShare> = [TrafficShare::ZERO].into_iter().chain(shares).collect();
    shares.sort_unstable();
    shares.dedup();
    let tick = |share: TrafficShare| Tick {
        at: format!("{:.2}", y(share) / HEIGHT * 100.0),
        label: share.to_string(),
        anchor: "end",
    };
    // Labels that would overlap are left out; the table below lists every step.
    let mut ticks: Vec<(f64, Tick)> = Vec::new();
    for share in shares {
        if ticks.last().is_none_or(|(before, _)| before - y(share) >= 14.0) {
            ticks.push((y(share), tick(share)));
        }
    }
    ticks.into_iter().map(|(_, tick)| tick).collect()
}

/// A line that keeps its height until the next change.
fn staircase(
    axis: TimeAxis,
    changes: impl Iterator<Item = (Timestamp, TrafficShare)>,
    until: Timestamp,
) -> String {
    let mut path = String::new();
    for (at, share) in changes.filter(|(at, _)| *at <= until) {
        let (x, y) = (place(axis.x(at)), place(y(share)));
        // Writing to a string does not fail.
        let _ = if path.is_empty() {
            write!(path, "M{x} {}V{y}", place(HEIGHT - 2.0))
        } else {
            write!(path, "H{x}V{y}")
        };
    }
    if !path.is_empty() {
        let _ = write!(path, "H{}", place(axis.x(until)));
    }
    path
}

/// A dot for each observed change.
fn dots(axis: TimeAxis, observed: impl Iterator<Item = (Timestamp, Option<TrafficShare>)>) -> String {
    let mut path = String::new();
    for (at, share) in observed.filter(|(at, _)| axis.has(*at)) {
        if let Some(share) = share {
            let _ = write!(path, "M{} {}h0", place(axis.x(at)), place(y(share)));
        }
    }
    path
}

fn band(axis: TimeAxis, from: Timestamp, until: Timestamp) -> Option<Band> {
    if !axis.has(from) {
        return None;
    }
    let (from, until) = (axis.x(from), axis.x(until));
    Some(Band { x: place(from), width: place((until - from).max(2.0)) })
}

/// The times in which nobody saw what users got, in order: nobody drove the release, or the platform could not tell.
fn unseen_times(board: &Storyboard) -> impl Iterator<Item = (Timestamp, Timestamp, bool)> {
    let now = board.ended.map_or(board.heading.as_of, |ended| ended.mark.at);
    let undriven = board.release.undriven.iter();
    let undriven = undriven.map(move |one| (one.from.at, one.until.map_or(now, |until| until.at), true));
    let changes = &board.release.exposure;
    let blind = changes.iter().enumerate().filter(|(_, change)| change.share.is_none());
    let blind = blind.map(move |(index, change)| {
        let seen = changes[index + 1..].iter().find(|later| later.share.is_some());
        (change.mark.at, seen.map_or(now, |later| later.mark.at), false)
    });
    let mut times: Vec<_> = undriven.chain(blind).collect();
    times.sort_unstable();
    times.into_iter()
}

/// The share that was set: a line where it is known to hold, and another one where nobody has seen what users got.
///
/// Zero traffic that was observed ends the line, too: someone else may have set it.
fn set_lines(board: &Storyboard, axis: TimeAxis, until: Timestamp) -> (String, String) {
    let back = board.rollback.frame.entered.map(|mark| mark.at);
    let changes = board.release.exposure.iter().filter_map(|change| {
        let share = change.share?;
        let gone = share.is_zero() && back.is_some_and(|back| change.mark.at >= back);
        (change.cause == ExposureCause::Set || gone).then_some((change.mark.at, share))
    });
    let changes: Vec<(Timestamp, TrafficShare)> = changes.filter(|(at, _)| *at <= until).collect();
    let unseen: Vec<(Timestamp, Timestamp)> =
        unseen_times(board).map(|(from, until, _)| (from, until)).collect();
    let is_unseen = |at: Timestamp| unseen.iter().any(|(from, until)| *from <= at && at < *until);
    let mut edges: Vec<Timestamp> = changes.iter().map(|(at, _)| *at).collect();
    let first = edges.first().copied().unwrap_or(until);
    edges.extend(unseen.iter().flat_map(|(from, until)| [*from, *until]));
    edges.push(until);
    edges.retain(|at| (first..=until).contains(at));
    edges.sort_unstable();
    edges.dedup();
    let share_at =
        |at: Timestamp| changes.iter().rev().find(|(from, _)| *from <= at).map(|(_, share)| *share);
    let (mut known, mut unknown) = (String::new(), String::new());
    let mut before = TrafficShare::ZERO;
    for pair in edges.windows(2) {
        let Some(share) = share_at(pair[0]) else { continue };
        let line = if is_unseen(pair[0]) { &mut unknown } else { &mut known };
        let (from, height) = (place(axis.x(pair[0])), place(y(share)));
        // Writing to a string does not fail.
        let _ = write!(line, "M{from} {}V{height}H{}", place(y(before)), place(axis.x(pair[1])));
        before = share;
    }
    (known, unknown)
}

/// The chart in words, for people who can't see it.
fn description(board: &Storyboard) -> String {
    let step = |step: &relman_core::report::StepStory| {
        let scheduled = &step.scheduled;
        format!("step {} at {}: {}", scheduled.number, scheduled.share, scheduled.end)
    };
    let steps: Vec<String> = board.release.steps.iter().map(step).collect();
    format!("Exposure over time. {}. The table below has the times.", steps.join("; "))
}
