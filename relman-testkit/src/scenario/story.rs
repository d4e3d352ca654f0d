use relman_core::{
    chain::SealedLine,
    event::{EffectId, HoldCause, Record},
    machine::{
        Due, Input, Outcome, Phase, PhaseName, Refusal, Release, RollbackState, SessionConfig, TrafficState,
    },
    unit::{ReleaseId, Span, Timestamp, TrafficShare},
};

use super::{Happened, When, a_look, someone, traffic_at};
use crate::{SessionRunner, sample};

/// A release under way, to which things happen one by one.
///
/// It is driven by the real [`Session`](relman_core::machine::Session), with a journal in memory. So no state can be
/// reached here that a real release can't reach, and what is live is what a replay gives.
///
/// # Examples
///
/// ```
/// use relman_core::machine::PhaseName;
/// use relman_testkit::{sample, scenario::{Story, Taken, planned, someone}};
///
/// let mut story = Story::from(planned());
/// assert!(matches!(story.take(&someone("user:ana").approves()), Taken::Refused(_)));
/// while story.release().phase().name() != PhaseName::Validating {
///     let next = story.onward().expect("a healthy release goes on");
///     story.take(&next);
/// }
/// assert!(story.records().len() > 100);
/// ```
#[derive(Debug, Clone)]
pub struct Story {
    pub(super) runner: SessionRunner,
}

/// What became of something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// It was decided upon.
    Happened(Happened),
    /// It was a command, and was refused.
    Refused(Refusal),
    /// It can't happen here, such as a look where nothing is looked at; says why.
    Impossible(String),
}

/// Why something did not happen.
pub(super) enum Hindrance {
    Refused(Refusal),
    Impossible(String),
}

impl Story {
    /// A release without records, at the moment at which [simulations start](sample::start).
    pub fn new(id: ReleaseId) -> Self {
        Self::starting(id, sample::start())
    }

    /// A release without records, at a moment.
    pub fn starting(id: ReleaseId, now: Timestamp) -> Self {
        Self { runner: SessionRunner::new(id, now, Self::config()) }
    }

    /// How a session drives a story unless something else is asked for: what a scenario leaves unanswered stays so, a
    /// hundred days long.
    pub fn config() -> SessionConfig {
        let mut config = SessionConfig::default();
        config.call_time = Span::from_hours(24 * 100);
        config
    }

    /// What drives the release.
    pub fn runner(&self) -> &SessionRunner {
        &self.runner
    }

    /// The release.
    pub fn release(&self) -> &Release {
        self.runner.release()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.runner.now()
    }

    /// Its records.
    pub fn records(&self) -> &[Record] {
        self.runner.records()
    }

    /// The same as they are stored.
    pub fn lines(&self) -> &[SealedLine] {
        self.runner.lines()
    }

    /// Lets something happen, and time pass where it needs time: a look is due first, and so is what is tried again.
    pub fn take(&mut self, when: &When) -> Taken {
        let before = self.runner.mark();
        match when.happen(self) {
            Ok(()) => Taken::Happened(self.runner.since(&before)),
            Err(Hindrance::Refused(refusal)) => Taken::Refused(refusal),
            Err(Hindrance::Impossible(why)) => Taken::Impossible(why),
        }
    }

    /// Tells the session something, now.
    pub fn tell(&mut self, input: Input) -> Taken {
        match self.runner.tell(input) {
            Ok(happened) => Taken::Happened(happened),
            Err(refusal) => Taken::Refused(refusal),
        }
    }

    /// Ends the call that carries out an effect. One that has failed is called again first, as soon as that is due.
    pub(super) fn end_effect(&mut self, effect: EffectId, outcome: Outcome) -> Result<(), String> {
        if let Some(call) = self.runner.call_of(effect) {
            self.runner.answer(call, outcome);
            return Ok(());
        }
        let wanted = self.release().outstanding().get(&effect);
        let wanted = wanted.ok_or_else(|| format!("no effect {effect} is without an outcome"))?;
        match wanted.due {
            Due::At(at) => {
                self.runner.advance_to(at);
                // Time may have ended it, or the platform has shown that it is done.
                if let Some(call) = self.runner.call_of(effect) {
                    self.runner.answer(call, outcome);
                }
                Ok(())
            }
            Due::WhenResumed => Err(format!("to {} waits until a person resumes", wanted.effect)),
            Due::Now => Err(format!("to {} waits for another change", wanted.effect)),
        }
    }

    /// The next thing in the life of a healthy release whose people all do their part; nothing where it is closed, or
    /// before its plan is recorded.
    ///
    /// People are those of the [`Team`](crate::Team): bo and cy approve, ci records checks, cy signs the checklist, oli
    /// is on call and resumes what is held, ana files post-mortems and closes.
    pub fn onward(&self) -> Option<When> {
        let release = self.release();
        let under_way = release.outstanding().keys().find(|effect| self.runner.call_of(**effect).is_some());
        if let Some(effect) = under_way {
            return Some(When::Ended { effect: *effect, outcome: Outcome::Done });
        }
        if release.holds().keys().any(|cause| matches!(cause, HoldCause::Manual | HoldCause::Deployer)) {
            return Some(someone("user:oli").resumes());
        }
        match release.phase() {
            Phase::Unplanned | Phase::Closed(_) => None,
            Phase::Planning => {
                let by = ["user:bo", "user:cy"].into_iter().find(|name| {
                    let approver = crate::Team::actor(name);
                    !release.approvals().iter().any(|one| one.by == approver)
                })?;
                Some(someone(by).approves())
            }
            Phase::Staging { .. } | Phase::Releasing(_) | Phase::Validating(_) => {
                self.next_check().or_else(|| self.next_look())
            }
            Phase::RollingBack(_) if self.is_confirming() => Some(traffic_at(TrafficShare::ZERO)),
            Phase::RollingBack(_) => self.until_deadline(),
            Phase::Completed | Phase::RolledBack(_) | Phase::Aborted => {
                let ana = someone("user:ana");
                let owed = release.owed_post_mortems().next();
                Some(
                    owed.map_or_else(
                        || ana.clone().closes(),
                        |owed| ana.clone().files_post_mortem(owed.number),
                    ),
                )
            }
        }
    }

    /// The next check that a gate asks for and nobody has recorded as passed.
    fn next_check(&self) -> Option<When> {
        use relman_core::event::{CheckOutcome, Gate};
        let release = self.release();
        let gate = match release.phase() {
            Phase::Staging { deployed_at: Some(_), .. } => Gate::Staging,
            Phase::Validating(_) => Gate::Validation,
            _ => return None,
        };
        let passed = |done: &relman_core::machine::Check| done.outcome == CheckOutcome::Passed;
        let mut asked = release.checks_asked(gate).into_iter();
        let check = asked.find(|check| !release.checks().get(check).is_some_and(passed))?;
        let by_hand = check.as_str() == relman_core::policy::floors::MANUAL_QA;
        Some(someone(if by_hand { "user:cy" } else { "service:ci" }).passes(check.as_str()))
    }

    fn next_look(&self) -> Option<When> {
        let release = self.release();
        if release.phase().name() == PhaseName::Validating && release.cover().is_none() {
            return Some(someone("user:oli").takes_duty());
        }
        if self.is_watched() { Some(a_look().when()) } else { self.until_deadline() }
    }

    fn until_deadline(&self) -> Option<When> {
        self.runner.next_deadline().map(|at| When::Pass(at.since(self.now())))
    }

    /// Whether the step under way is looked at now and then: users have the new version.
    pub(super) fn is_watched(&self) -> bool {
        self.release().phase().step().is_some_and(|step| match step.traffic {
            TrafficState::Set { .. } => true,
            TrafficState::Requested => !self.release().exposure().is_zero(),
            TrafficState::Promoting => false,
        })
    }

    /// Whether a rollback waits for what the platform shows.
    pub(super) fn is_confirming(&self) -> bool {
        match self.release().phase() {
            Phase::RollingBack(rollback) => matches!(rollback.state, RollbackState::Confirming { .. }),
            _ => false,
        }
    }
}

/// A story that is told from where a runner is.
impl From<SessionRunner> for Story {
    fn from(runner: SessionRunner) -> Self {
        Self { runner }
    }
}

/// The plan's release, as far as the past goes.
impl From<super::Past> for Story {
    fn from(past: super::Past) -> Self {
        past.story()
    }
}
