use relman_core::{
    event::{Event, Record},
    policy::floors,
    unit::{Span, Timestamp, TrafficShare, Window},
};

use super::{in_force::InForce, violation::Broken};

/// Steps come in the order of the track, each with the track's share and bake time, and validation after the last.
pub(super) fn no_step_skipped(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut last = 0;
    let mut routed = TrafficShare::ZERO;
    let mut validating = false;
    for record in records {
        InForce::follow(&mut in_force, record);
        match &record.event {
            Event::StepStarted(started) => {
                if started.step != last + 1 {
                    return Err(Broken::by(record, format!("step {} comes after step {last}", started.step)));
                }
                let planned = in_force.as_ref().and_then(|in_force: &InForce| in_force.step(started.step));
                if planned.is_none_or(|step| (step.share, step.bake) != (started.share, started.bake)) {
                    let what = format!("{} for {} is no step of the track", started.share, started.bake);
                    return Err(Broken::by(record, what));
                }
                if last > 0 && routed == TrafficShare::ZERO {
                    return Err(Broken::by(record, format!("step {last} never had traffic")));
                }
                (last, routed) = (started.step, TrafficShare::ZERO);
            }
            Event::TrafficSet(set) => routed = set.share,
            Event::ValidationStarted(_) => {
                let track = in_force.as_ref().and_then(InForce::track);
                let steps = track.map_or(0, |track| track.steps().len());
                let all = track.map_or(TrafficShare::FULL, |track| track.hold_back().rest());
                if u64::from(last) != steps as u64 || routed != all {
                    let what = format!("the validation begins in step {last} of {steps} at {routed}");
                    return Err(Broken::by(record, what));
                }
                validating = true;
            }
            Event::ReleaseCompleted(_) if !validating => {
                return Err(Broken::by(record, "it is complete without a validation"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The traffic is what the step under way asks for: nothing before the first, nothing once it is rolled back.
pub(super) fn exposure_never_above_step(records: &[Record]) -> Result<(), Broken> {
    let mut allowed = TrafficShare::ZERO;
    for record in records {
        match &record.event {
            Event::StepStarted(started) => allowed = started.share,
            // What was held back.
            Event::ReleaseCompleted(_) => allowed = TrafficShare::FULL,
            Event::RollbackStarted(_) => allowed = TrafficShare::ZERO,
            Event::TrafficSet(set) if set.share > allowed => {
                let what = format!("traffic is set to {} where {allowed} is allowed", set.share);
                return Err(Broken::by(record, what));
            }
            Event::TrafficDrifted(drifted) if drifted.expected > allowed => {
                let what = format!("{} is expected where {allowed} is allowed", drifted.expected);
                return Err(Broken::by(record, what));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The times in which someone is on call.
#[derive(Default)]
struct Cover {
    shifts: Vec<Window>,
    skew: Span,
}

impl Cover {
    fn follow(&mut self, record: &Record) {
        let until = match &record.event {
            Event::OnCallAcknowledged(acknowledged) => acknowledged.until,
            Event::OnCallHandedOver(handed_over) => handed_over.until,
            Event::CoverLapsed(_) => return self.end(record.at),
            Event::ClockSkewed(skewed) => return self.skewed(record.at, skewed.ahead),
            _ => return,
        };
        self.end(record.at);
        self.shifts.push(Window { from: record.at, until });
    }

    /// Time that never passed takes nothing from a shift: one that would have ended in it ends as much later.
    fn skewed(&mut self, at: Timestamp, ahead: Span) {
        let jump = ahead.saturating_sub(self.skew);
        self.skew = ahead;
        if let Some(last) = self.shifts.last_mut()
            && last.until < at
        {
            last.until = last.until + jump;
        }
    }

    fn end(&mut self, at: Timestamp) {
        if let Some(last) = self.shifts.last_mut() {
            last.until = last.until.min(at);
        }
    }

    /// How much of a window is covered.
    fn of(&self, window: Window) -> Span {
        let parts =
            self.shifts.iter().map(|cover| cover.until.min(window.until).since(cover.from.max(window.from)));
        parts.fold(Span::ZERO, |sum, part| sum + part)
    }
}

/// A release is complete once it was observed at 100 % for the whole validation while someone was on call; a day at
/// least, unless it is a drill.
pub(super) fn complete_after_a_day_under_cover(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut cover = Cover::default();
    let mut began = None;
    let mut observed = Span::ZERO;
    for record in records {
        InForce::follow(&mut in_force, record);
        cover.follow(record);
        match &record.event {
            Event::ValidationStarted(_) => began = Some(record.at),
            Event::Evaluated(look) if began.is_some() => {
                let covered = cover.of(look.window);
                if look.credit > covered {
                    let what = format!("{} counts, and {covered} of it was under cover", look.credit);
                    return Err(Broken::by(record, what));
                }
                observed = observed + look.credit;
            }
            Event::ReleaseCompleted(completed) => {
                let needed = in_force.as_ref().map_or(floors::MIN_VALIDATION, needed);
                let passed = began.map_or(Span::ZERO, |began| record.at.since(began));
                if observed < needed || passed < needed {
                    let what = format!("{observed} of {needed} were observed, {passed} after the beginning");
                    return Err(Broken::by(record, what));
                }
                if completed.validated > observed {
                    let what = format!("it says {}, and {observed} were observed", completed.validated);
                    return Err(Broken::by(record, what));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn needed(in_force: &InForce) -> Span {
    let track = in_force.track().map_or(floors::MIN_VALIDATION, relman_core::policy::Track::validation);
    if in_force.plan.is_drill() { track } else { track.max(floors::MIN_VALIDATION) }
}
