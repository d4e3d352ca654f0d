use std::collections::BTreeSet;

use relman_core::{
    event::{Evaluated, Event, Gate, HoldCause, ObservedExposure, Record},
    judge::{Answer, Arm, Outcome, Undecided},
    unit::{MetricName, Span, Timestamp},
};

use super::{
    in_force::{InForce, is_measured},
    violation::Broken,
};

/// Whether the traffic is where the step wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routed {
    There,
    Elsewhere,
}

/// Bake time is time that was looked at, at the right share, without a hold by people or the deployer, in which every
/// watched metric of the canary had a value.
pub(super) fn bake_time_is_observed_time(records: &[Record]) -> Result<(), Broken> {
    let mut in_force = None;
    let mut held = BTreeSet::new();
    let mut routed = Routed::Elsewhere;
    let mut counts_from: Option<Timestamp> = None;
    for record in records {
        InForce::follow(&mut in_force, record);
        match &record.event {
            Event::StepStarted(_) | Event::TrafficDrifted(_) => routed = Routed::Elsewhere,
            Event::TrafficSet(_) => (routed, counts_from) = (Routed::There, Some(record.at)),
            Event::HoldPlaced(placed) => match placed.cause {
                HoldCause::Manual
                | HoldCause::Deployer
                | HoldCause::Platform
                | HoldCause::Drift
                | HoldCause::Irreversible
                | HoldCause::Target => {
                    held.insert(placed.cause);
                }
                // What a look sees in spite of them is seen.
                HoldCause::Unmeasured | HoldCause::Suspicion | HoldCause::Freeze => {}
            },
            Event::HoldReleased(released) => {
                held.remove(&released.cause);
                // What people have held goes on from where they let it go.
                let from = (released.cause == HoldCause::Manual).then_some(record.at);
                counts_from = counts_from.max(from);
            }
            Event::Evaluated(look) if look.credit > Span::ZERO => {
                let from = counts_from.map_or(look.window.from, |from| from.max(look.window.from));
                let most = look.window.until.since(from);
                let gap = in_force.as_ref().and_then(|in_force| gap(in_force, look));
                let problem = match () {
                    () if routed == Routed::Elsewhere => "the traffic was not where it should be".to_owned(),
                    () if !held.is_empty() => format!("there was a hold: {held:?}"),
                    () if look.credit > most => format!("{most} can count"),
                    () => match gap {
                        Some(gap) => gap,
                        None => continue,
                    },
                };
                return Err(Broken::by(record, format!("{} counts, and {problem}", look.credit)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a look could not see.
fn gap(in_force: &InForce, look: &Evaluated) -> Option<String> {
    if let ObservedExposure::Unknown { detail } = &look.exposure {
        return Some(format!("nobody knew where the traffic was: {detail}"));
    }
    let unseen = in_force.watched().into_iter().find(|metric| !is_seen(look, metric))?;
    Some(format!("{unseen} of the canary had no value"))
}

fn is_seen(look: &Evaluated, metric: &MetricName) -> bool {
    look.observations.iter().any(|seen| {
        let value = matches!(seen.answer, Answer::Value(_));
        seen.metric == *metric && seen.arm == Arm::Canary && value
    })
}

/// A step or a validation passes after its whole bake time, with every criterion clean at least once in it and none
/// unmeasured since; and no verdict is a pass on a metric that had no value.
pub(super) fn nothing_passes_unmeasured(records: &[Record]) -> Result<(), Broken> {
    let mut in_force: Option<InForce> = None;
    let mut routed = Routed::Elsewhere;
    let mut step = StepEvidence::default();
    for record in records {
        InForce::follow(&mut in_force, record);
        match &record.event {
            Event::StepStarted(started) => {
                step = StepEvidence { number: started.step, ..StepEvidence::default() };
                routed = Routed::Elsewhere;
            }
            Event::TrafficDrifted(_) => routed = Routed::Elsewhere,
            Event::TrafficSet(_) => routed = Routed::There,
            Event::Evaluated(look) => step.follow(record, look, routed)?,
            Event::GatePassed(passed) => {
                let number = match passed.gate {
                    Gate::Step(number) => number,
                    Gate::Validation => step.number,
                    Gate::Plan | Gate::Staging | Gate::Freeze | Gate::WayBack => continue,
                };
                if let Some(in_force) = &in_force {
                    step.is_enough(record, number, in_force)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a step has to show.
#[derive(Default)]
struct StepEvidence {
    number: u32,
    observed: Span,
    /// The criteria that are clean, by their place in the contract.
    clean: BTreeSet<usize>,
}

impl StepEvidence {
    fn follow(&mut self, record: &Record, look: &Evaluated, routed: Routed) -> Result<(), Broken> {
        if look.step != self.number {
            let what = format!("it looks at step {} in step {}", look.step, self.number);
            return Err(Broken::by(record, what));
        }
        self.observed = self.observed + look.credit;
        for (index, verdict) in look.verdicts.iter().enumerate() {
            let metric = &verdict.criterion.metric;
            match &verdict.outcome {
                Outcome::Pass if is_measured(metric) && !is_seen(look, metric) => {
                    let what = format!("`{}` passes without a value", verdict.criterion);
                    return Err(Broken::by(record, what));
                }
                Outcome::Pass if routed == Routed::There => {
                    self.clean.insert(index);
                }
                Outcome::Undecided(Undecided::Missing { .. }) => {
                    self.clean.remove(&index);
                }
                Outcome::Pass | Outcome::Fail | Outcome::Undecided(_) => {}
            }
        }
        Ok(())
    }

    fn is_enough(&self, record: &Record, number: u32, in_force: &InForce) -> Result<(), Broken> {
        if number != self.number {
            let what = format!("step {number} passes in step {}", self.number);
            return Err(Broken::by(record, what));
        }
        let bake = in_force.step(number).map(|step| step.bake);
        if bake.is_none_or(|bake| self.observed < bake) {
            let what = format!("step {number} passes after {} of observation", self.observed);
            return Err(Broken::by(record, what));
        }
        let unclean = in_force.criteria().iter().enumerate().find(|(index, _)| !self.clean.contains(index));
        match unclean {
            Some((_, criterion)) => Err(Broken::by(
                record,
                format!("step {number} passes, and `{criterion}` was not clean in it"),
            )),
            None => Ok(()),
        }
    }
}
