//! Rules: which events an input leads to, or why it is refused.

mod admit;
mod flows;
mod incident;
mod learn;
mod look;
mod outcome;
mod people;
mod plan;
mod rollback;

use super::{Input, Phase, Refusal, Release, TrafficState};
use crate::{
    event::{
        CoverLapsed, Event, Fact, Gate, GatePassed, OverrideExpired, ReleaseCompleted, RolloutStarted,
        StagingStarted, StepStarted, ValidationStarted,
    },
    unit::{Actor, Timestamp},
};

/// Decides what an input leads to: events to record, in order, or a refusal.
///
/// Pure: the same release, input and `now` give the same answer. `now` may be earlier than the last record; time in
/// a stream does not run backwards. No events and no refusal means that there is nothing to record: the input came
/// too late to matter.
///
/// # Errors
///
/// A [`Refusal`] for a command that is not allowed. Outcomes, looks, flows and ticks are never refused.
pub fn decide(release: &Release, input: &Input, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
    let mut draft = Draft { release: release.clone(), facts: Vec::new(), now: now.max(release.last_at) };
    draft.expire();
    match input {
        Input::Command(command) => draft.command(command)?,
        Input::Outcome { effect, outcome } => draft.outcome(*effect, outcome),
        Input::Look(look) => draft.look(look),
        Input::Traffic { deployment } => draft.traffic(deployment),
        Input::Flows(report) => draft.flows(report),
        Input::Tick => {}
    }
    draft.advance();
    Ok(draft.facts)
}

/// The facts decided so far, and the release as it would be after them.
struct Draft {
    release: Release,
    facts: Vec<Fact>,
    now: Timestamp,
}

impl Draft {
    /// Adds what an actor caused.
    fn push(&mut self, by: &Actor, event: impl Into<Event>) {
        let fact = Fact { by: by.clone(), event: event.into() };
        self.release.imagine(&fact, self.now);
        self.facts.push(fact);
    }

    /// Adds what follows from a rule.
    fn follow(&mut self, event: impl Into<Event>) {
        self.push(&Actor::relman(), event);
    }

    /// What time alone has brought about.
    fn expire(&mut self) {
        let now = self.now;
        if let Some(cover) = self.release.cover.clone().filter(|cover| cover.until <= now) {
            self.follow(CoverLapsed { person: cover.person });
        }
        let expired = |(gate, entry): (&Gate, &super::Override)| (entry.expires_at <= now).then_some(*gate);
        let gates: Vec<Gate> = self.release.overrides.iter().filter_map(expired).collect();
        for gate in gates {
            self.follow(OverrideExpired { gate });
        }
        let impatient =
            self.release.holds.values().find(|hold| hold.roll_back_at.is_some_and(|at| at <= now));
        if let Some(hold) = impatient.cloned() {
            self.roll_back_unmeasured(hold.reason, now.since(hold.since));
        }
    }

    /// Goes forward as far as nothing is missing.
    fn advance(&mut self) {
        while self.release.missing(self.now).is_empty() || self.all_traffic_is_on_it() {
            let before = self.facts.len();
            self.advance_once();
            if self.facts.len() == before {
                return;
            }
        }
    }

    /// The move to validation is none that exposes more users: nothing has to be clean for it.
    fn all_traffic_is_on_it(&self) -> bool {
        let Phase::Releasing(rollout) = &self.release.phase else {
            return false;
        };
        rollout.step.as_ref().is_some_and(|step| {
            self.release.is_last(step) && matches!(step.traffic, TrafficState::Set { .. })
        })
    }

    fn advance_once(&mut self) {
        match self.release.phase.clone() {
            Phase::Planning => {
                self.pass(Gate::Plan);
                self.follow(StagingStarted {});
            }
            Phase::Staging { .. } => {
                self.pass(Gate::Staging);
                self.follow(RolloutStarted {});
            }
            Phase::Releasing(rollout) => match rollout.step {
                None => self.start_step(1),
                Some(step) if self.release.is_last(&step) => {
                    self.follow(ValidationStarted { length: step.bake });
                }
                Some(step) => {
                    self.pass(Gate::Step(step.number));
                    self.start_step(step.number + 1);
                }
            },
            Phase::Validating(step) => {
                self.pass(Gate::Validation);
                self.follow(ReleaseCompleted { validated: step.baked });
            }
            Phase::Unplanned
            | Phase::RollingBack(_)
            | Phase::Completed
            | Phase::RolledBack(_)
            | Phase::Aborted
            | Phase::Closed(_) => {}
        }
    }

    fn start_step(&mut self, number: u32) {
        let step =
            self.release.track().and_then(|(_, track)| track.steps().get(number as usize - 1).copied());
        if let Some(step) = step {
            self.follow(StepStarted { step: number, share: step.share, bake: step.bake });
        }
    }

    fn pass(&mut self, gate: Gate) {
        let grounds = self.grounds(gate);
        self.follow(GatePassed { gate, grounds });
    }

    /// On what grounds a gate is passed, for the record.
    fn grounds(&self, gate: Gate) -> Vec<String> {
        let release = &self.release;
        let mut grounds = Vec::new();
        match gate {
            Gate::Plan => {
                grounds
                    .extend(release.approvals.iter().map(|approval| format!("approved by {}", approval.by)));
            }
            Gate::Staging | Gate::Validation => {
                let overridden = release.overrides.get(&gate);
                for name in release.checks_asked(gate) {
                    match (release.checks.get(&name), overridden.filter(|entry| entry.checks.contains(&name)))
                    {
                        (_, Some(entry)) => grounds.push(format!("{name}: overridden by {}", entry.by)),
                        (Some(check), None) => {
                            grounds.push(format!("{name}: {} by {}", check.outcome, check.by));
                        }
                        (None, None) => {}
                    }
                }
            }
            Gate::Step(_) | Gate::Freeze => {}
        }
        if let Some(step) = release.phase.step() {
            grounds.push(format!("observed for {} in {} looks", step.baked, step.looks));
            grounds.extend(step.verdicts.iter().map(ToString::to_string));
        }
        grounds
    }
}
