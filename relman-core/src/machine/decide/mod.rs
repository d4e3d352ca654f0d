//! Rules: which events an input leads to, or why it is refused.

mod admit;
mod flows;
mod incident;
mod learn;
mod look;
mod outcome;
mod people;
mod plan;
mod platform;
mod rollback;
mod target;

pub(super) use admit::is_withheld;
pub(super) use platform::why_not_free;

use super::{Phase, Refusal, Release, TrafficState, command::Cause};
use crate::{
    chain::SealedLine,
    event::{
        ClockSkewed, CoverLapsed, Event, Fact, Gate, GatePassed, Ground, OverrideExpired, PromotionStarted,
        Record, ReleaseCompleted, RolloutStarted, SealError, StagingStarted, StepStarted, ValidationStarted,
        Written,
    },
    unit::{Actor, Span, Timestamp},
};

/// What was decided: the state has moved on by exactly these records, and the journal has not yet.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) lines: Vec<SealedLine>,
    pub(super) records: Vec<Record>,
}

/// When something is decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The time of the stream.
    pub(super) now: Timestamp,
    /// What the clock of whoever decides says.
    pub(super) clock: Timestamp,
    /// By which rules.
    pub(super) rules: Rules,
}

/// By which rules a decision is taken: today's, unless a record of earlier ones is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Those of streams in the first version of the format: production was entered without a look at it, and a share that had
    /// drifted was set again.
    First,
    /// Today's.
    Current,
}

/// Why a decision came to nothing.
#[derive(Debug)]
pub(super) enum Undecidable {
    /// The command is not allowed, and the state is what it was.
    Refused(Refusal),
    /// An event can't be written as a record.
    Unwritable(SealError),
}

/// Decides what a cause leads to: moves the release on in place, and returns the records that the move consists of.
///
/// Pure: the same release, cause and moment give the same answer. The time of the stream is never earlier than the last
/// record; `call_time` is how long a call may be under way. No records mean that there is nothing to record: the cause came too late to matter.
///
/// # Errors
///
/// [`Undecidable`]. Only a command is refused, and then nothing has changed. After [`Undecidable::Unwritable`] the
/// release may be half-way, and has to be loaded anew unless nothing was written.
pub(super) fn decide(
    release: &mut Release,
    cause: &Cause,
    moment: Moment,
    call_time: Span,
) -> Result<Decided, Undecidable> {
    let Moment { now, clock, rules } = moment;
    let now = now.max(release.last_at);
    let mut draft = Draft { release, decided: Vec::new(), failed: None, now, clock, rules, call_time };
    match cause {
        // Nothing expires by a command: the clock of whoever gives it is not the one that patience goes by.
        Cause::Action(command) => draft.command(command).map_err(Undecidable::Refused)?,
        Cause::Outcome { effect, outcome } => {
            draft.expire();
            draft.outcome(*effect, outcome);
        }
        Cause::Measured(look) => {
            draft.expire();
            draft.look(look);
        }
        Cause::Traffic { deployment } => {
            draft.expire();
            draft.traffic(deployment);
        }
        Cause::Admission { admission, promotion } => {
            draft.expire();
            draft.admission(admission, *promotion);
        }
        Cause::Standing(standing) => {
            draft.expire();
            draft.standing(standing);
        }
        Cause::Preflight { deployment, unreachable } => {
            draft.expire();
            draft.preflight(deployment, unreachable);
        }
        Cause::Flows { outcome, evidence } => {
            draft.expire();
            draft.flows(*outcome, evidence);
        }
        Cause::Tick => draft.expire(),
        Cause::ClockSkew { ahead } => {
            let record = draft.release.head.map_or(0, |head| head.seq);
            draft.follow(ClockSkewed { record, ahead: *ahead });
        }
    }
    draft.advance();
    let Draft { release, decided, failed, .. } = draft;
    let whole = match failed {
        None => release.write_as_batch(decided).map_err(Undecidable::Unwritable)?,
        Some(error) => return Err(Undecidable::Unwritable(error)),
    };
    let (lines, records) = whole.into_iter().map(|written| (written.line, written.record)).unzip();
    Ok(Decided { lines, records })
}

/// The records of a rollback for a breach as it is recorded: where the values that it rests on were too large to be.
pub(super) fn breach_again(release: &Release, breached: &Record) -> Option<Vec<Record>> {
    let Event::ContractBreached(breach) = &breached.event else { return None };
    let (mut release, now) = (release.clone(), breached.at);
    let mut draft = Draft {
        release: &mut release,
        decided: Vec::new(),
        failed: None,
        now,
        clock: now,
        rules: Rules::Current,
        call_time: Span::ZERO,
    };
    let records = |draft: Draft<'_>| draft.decided.into_iter().map(|written| written.record).collect();
    draft.roll_back_if_breached(vec![(*breach.verdict).clone()]).then(|| records(draft))
}

/// A decision in the making: each event is written as a record and folded at once. Where it has made more than one in
/// the end, they are written once more, as a batch.
struct Draft<'a> {
    release: &'a mut Release,
    decided: Vec<Written>,
    failed: Option<SealError>,
    now: Timestamp,
    clock: Timestamp,
    rules: Rules,
    /// How long a call may be under way at most.
    call_time: Span,
}

impl Draft<'_> {
    /// Adds what an actor caused.
    fn push(&mut self, by: &Actor, event: impl Into<Event>) {
        if self.failed.is_some() {
            return;
        }
        let fact = Fact { by: by.clone(), event: event.into() };
        match self.release.write(&fact, Moment { now: self.now, clock: self.clock, rules: self.rules }) {
            Ok(written) => self.decided.push(written),
            Err(error) => self.failed = Some(error),
        }
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
        while self.nothing_is_missing() || self.all_traffic_is_on_it() {
            let before = self.decided.len();
            self.advance_once();
            if self.decided.len() == before {
                return;
            }
        }
    }

    fn nothing_is_missing(&self) -> bool {
        match self.rules {
            Rules::First => self.release.missing_but_the_platform(self.now).is_empty(),
            Rules::Current => self.release.missing(self.now).is_empty(),
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
            Phase::Validating(step) => match step.traffic {
                TrafficState::Promoting => self.follow(ReleaseCompleted { validated: step.baked }),
                TrafficState::Set { .. } | TrafficState::Requested => {
                    self.pass(Gate::Validation);
                    // A release that began before there were targets has none to be promoted on.
                    if self.release.admission.is_some() {
                        self.follow(PromotionStarted {});
                    } else {
                        self.follow(ReleaseCompleted { validated: step.baked });
                    }
                }
            },
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
        let verdicts = self.release.last_verdicts();
        let mut passed = GatePassed { gate, grounds: self.grounds(gate), verdicts };
        if !admit::fits(&passed) {
            for verdict in &mut passed.verdicts {
                (verdict.canary, verdict.baseline) = (None, None);
            }
        }
        self.follow(passed);
    }

    /// On what grounds a gate is passed, for the record.
    fn grounds(&self, gate: Gate) -> Vec<Ground> {
        let release = &*self.release;
        let mut grounds = Vec::new();
        match gate {
            Gate::Plan => {
                let approved = |approval: &super::Approval| Ground::Approved { by: approval.by.clone() };
                grounds.extend(release.approvals.iter().map(approved));
            }
            Gate::Staging | Gate::Validation => {
                let overridden = release.override_at(gate, self.now);
                for check in release.checks_asked(gate) {
                    let overridden = overridden.filter(|entry| entry.checks.contains(&check));
                    match (release.checks.get(&check), overridden) {
                        (_, Some(entry)) => {
                            grounds.push(Ground::Overridden { check, by: entry.by.clone() });
                        }
                        (Some(recorded), None) => {
                            let (outcome, by) = (recorded.outcome, recorded.by.clone());
                            grounds.push(Ground::Check { check, outcome, by });
                        }
                        (None, None) => {}
                    }
                }
            }
            Gate::Step(number) => {
                grounds.extend(release.last_way_back(number).map(|way_back| Ground::LastWayBack {
                    none_after: way_back.none_after,
                    instead: way_back.instead,
                }));
            }
            Gate::Freeze | Gate::WayBack => {}
        }
        if let Some(step) = release.phase.step() {
            grounds.push(Ground::Observed { length: step.baked, looks: step.looks });
        }
        grounds
    }
}
