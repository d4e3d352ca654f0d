use std::collections::BTreeSet;

use relman_core::{
    event::{EffectId, Fact, HoldCause, Record},
    machine::{Effect, Input, Phase, PhaseName, Question, Refusal, Release, decide},
    port::with_causes,
    unit::{ReleaseId, Timestamp},
};

use super::{When, a_look, someone, traffic_at};
use crate::sample;

/// A release under way, to which things happen one by one.
///
/// Everything goes through the public rules: decide, seal, read the sealed bytes back, apply. So no state can be reached
/// here that a real release can't reach, and what is live is what a replay gives.
///
/// # Examples
///
/// ```
/// use relman_core::machine::PhaseName;
/// use relman_testkit::{sample, scenario::{Course, Taken, planned, someone}};
///
/// let mut course = Course::from(planned());
/// assert!(matches!(course.take(&someone("user:ana").approves()), Taken::Refused(_)));
/// while course.release().phase().name() != PhaseName::Validating {
///     let next = course.onward().expect("a healthy release goes on");
///     course.take(&next);
/// }
/// assert!(course.records().len() > 100);
/// ```
#[derive(Debug, Clone)]
pub struct Course {
    release: Release,
    now: Timestamp,
    records: Vec<Record>,
    lines: Vec<Vec<u8>>,
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

/// What one thing led to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Happened {
    /// The new records, in order.
    pub records: Vec<Record>,
    /// The effects that they ask for and that still stand.
    pub effects: Vec<Effect>,
}

impl Course {
    /// A release without records, at the moment at which [simulations start](sample::start).
    pub fn new(id: ReleaseId) -> Self {
        Self::starting(id, sample::start())
    }

    /// A release without records, at a moment.
    pub fn starting(id: ReleaseId, now: Timestamp) -> Self {
        Self { release: Release::new(id), now, records: Vec::new(), lines: Vec::new() }
    }

    /// The release.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Its records.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The same as they would be stored: one line each, without line feeds.
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// Lets something happen, and time pass where it needs time: a look is due first.
    ///
    /// # Panics
    ///
    /// Where the core contradicts itself: what it has decided can't be written, read back or applied.
    pub fn take(&mut self, when: &When) -> Taken {
        match when.input(self) {
            Ok((at, input)) => {
                self.now = self.now.max(at);
                self.tell(&input)
            }
            Err(why) => Taken::Impossible(why),
        }
    }

    /// Lets an input happen now.
    ///
    /// # Panics
    ///
    /// As [`take`](Self::take).
    pub fn tell(&mut self, input: &Input) -> Taken {
        let facts = match decide(&self.release, input, self.now) {
            Ok(facts) => facts,
            Err(refusal) => return Taken::Refused(refusal),
        };
        let before: BTreeSet<EffectId> = self.release.outstanding().keys().copied().collect();
        let records = self.write(&facts).unwrap_or_else(|why| panic!("what was decided can't happen: {why}"));
        let new = self.release.outstanding().iter().filter(|(id, _)| !before.contains(id));
        let effects = new.map(|(_, one)| one.effect.clone()).collect();
        Taken::Happened(Happened { records, effects })
    }

    /// Seals facts, reads the lines back and applies them.
    pub(super) fn write(&mut self, facts: &[Fact]) -> Result<Vec<Record>, String> {
        let lines = self.release.seal(facts, self.now).map_err(|error| with_causes(&error))?;
        let mut new = Vec::with_capacity(lines.len());
        for line in lines {
            let record = Record::read(line.bytes()).map_err(|error| with_causes(&error))?;
            self.release.apply(&record).map_err(|error| with_causes(&error))?;
            self.records.push(record.clone());
            self.lines.push(line.bytes().to_vec());
            new.push(record);
        }
        Ok(new)
    }

    /// The next thing in the life of a healthy release whose people all do their part; nothing where it is closed, or
    /// before its plan is recorded.
    ///
    /// People are those of the [`Cast`](crate::Cast): bo and cy approve, ci records checks, cy signs the checklist, oli
    /// is on call and resumes what is held, ana files post-mortems and closes.
    pub fn onward(&self) -> Option<When> {
        let release = &self.release;
        let due = release.outstanding().iter().find(|(_, one)| one.due.is_due(self.now));
        if let Some((effect, _)) = due {
            return Some(When::DoneById(*effect));
        }
        if release.holds().keys().any(|cause| matches!(cause, HoldCause::Manual | HoldCause::Deployer)) {
            return Some(someone("user:oli").resumes());
        }
        match release.phase() {
            Phase::Unplanned | Phase::Closed(_) => None,
            Phase::Planning => {
                let by = ["user:bo", "user:cy"].into_iter().find(|name| {
                    let approver = crate::Cast::actor(name);
                    !release.approvals().iter().any(|one| one.by == approver)
                })?;
                Some(someone(by).approves())
            }
            Phase::Staging { .. } | Phase::Releasing(_) | Phase::Validating(_) => {
                self.next_check().or_else(|| self.next_look())
            }
            Phase::RollingBack(_) => match release.question(self.now) {
                Some(Question::Traffic(_)) => Some(traffic_at(relman_core::unit::TrafficShare::ZERO)),
                Some(Question::Look(_)) | None => self.until_deadline(),
            },
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
        let release = &self.release;
        let gate = match release.phase() {
            Phase::Staging { deployed_at: Some(_) } => Gate::Staging,
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
        let release = &self.release;
        if release.phase().name() == PhaseName::Validating && release.cover().is_none() {
            return Some(someone("user:oli").takes_duty());
        }
        match a_look().when().input(self) {
            Ok(_) => Some(a_look().when()),
            Err(_) => self.until_deadline(),
        }
    }

    fn until_deadline(&self) -> Option<When> {
        self.release.next_deadline(self.now).map(|at| When::Pass(at.since(self.now)))
    }
}

/// The plan's release, as far as the past goes.
impl From<super::Past> for Course {
    fn from(past: super::Past) -> Self {
        past.course()
    }
}
