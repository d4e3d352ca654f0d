use std::{fmt, sync::Arc};

use relman_core::{
    chain::{Digest, SealedLine},
    event::{Event, Fact, Record},
    machine::{Outcome, Phase, PhaseName, Release, SessionConfig, TrafficState},
    plan::Plan,
    policy::Policy,
    unit::{ReleaseId, Timestamp},
};

use super::{Story, Taken, someone};
use crate::{SessionRunner, Team, sample};

/// What has happened before a scenario begins.
///
/// A place such as [`in_step`] is reached through the real rules, by people who do their part on a healthy platform; so
/// nothing impossible is assumed. Everything that people were to be told has been told, and nothing is held.
///
/// # Examples
///
/// ```
/// use relman_core::machine::PhaseName;
/// use relman_testkit::{sample, scenario::{Story, in_step, validating}};
///
/// let story = Story::from(in_step(3));
/// assert_eq!(story.release().exposure().to_string(), "50%");
///
/// let drill = Story::from(validating().of(sample::drill_plan(), sample::drill_policy()));
/// assert_eq!(drill.release().phase().name(), PhaseName::Validating);
/// ```
#[derive(Clone)]
pub struct Past {
    place: Place,
    plan: Arc<Plan>,
    policy: Arc<Policy>,
    start: Timestamp,
    config: SessionConfig,
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    Nothing,
    Planned,
    Approved,
    Staged,
    InProduction,
    InStep(u32),
    Validating,
    Completed,
    RollingBack,
    RolledBack,
    Aborted,
    Closed,
    Facts(Vec<Fact>),
}

/// More than any release takes: the longest track has a few thousand looks.
const MOST_MOVES: u32 = 1_000_000;

fn place(place: Place) -> Past {
    let (plan, policy) = (sample::plan(), Arc::new(Policy::shipped()));
    Past { place, plan, policy, start: sample::start(), config: Story::config() }
}

/// Nothing has happened.
pub fn nothing() -> Past {
    place(Place::Nothing)
}

/// Ana has recorded the plan: [`sample::plan`] under the shipped policy, unless [`Past::of`] says otherwise.
pub fn planned() -> Past {
    place(Place::Planned)
}

/// Everybody who has to has approved, staging has begun, and the deployer has not answered yet.
pub fn approved() -> Past {
    place(Place::Approved)
}

/// The artifact is installed in staging, and no check is recorded yet.
pub fn staged() -> Past {
    place(Place::Staged)
}

/// Every check of staging has passed, production is entered, and the deployer has not answered yet.
pub fn in_production() -> Past {
    place(Place::InProduction)
}

/// The step has begun, by its number from 1: its traffic is set, and nothing was looked at yet.
///
/// The last step is the validation.
pub fn in_step(number: u32) -> Past {
    place(Place::InStep(number))
}

/// All of the traffic is on the new version; nobody is on call as yet.
pub fn validating() -> Past {
    place(Place::Validating)
}

/// The validation has passed.
pub fn completed() -> Past {
    place(Place::Completed)
}

/// Bo has rolled back in the first step, and the deployer has not answered yet.
pub fn rolling_back() -> Past {
    place(Place::RollingBack)
}

/// The same, and zero traffic was confirmed. The post-mortem is owed.
pub fn rolled_back() -> Past {
    place(Place::RolledBack)
}

/// Ana has given it up in planning.
pub fn aborted() -> Past {
    place(Place::Aborted)
}

/// It was completed and closed.
pub fn closed() -> Past {
    place(Place::Closed)
}

/// A fact: somebody caused an event.
///
/// # Panics
///
/// Where the name is not one of an actor, such as `user:ana`.
pub fn by(who: &str, event: impl Into<Event>) -> Fact {
    Fact { by: Team::actor(who), event: event.into() }
}

impl Past {
    /// The same past of another release.
    #[must_use]
    pub fn of(mut self, plan: Arc<Plan>, policy: Arc<Policy>) -> Self {
        (self.plan, self.policy) = (plan, policy);
        self
    }

    /// The same past, which began at this moment.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// The same past of a session that drives otherwise than [`Story::config`] says.
    #[must_use]
    pub fn driven_with(mut self, config: SessionConfig) -> Self {
        self.config = config;
        self
    }

    /// Walks there.
    ///
    /// # Panics
    ///
    /// Where there is no way: the plan does not fit the policy, the track has no such step, facts can't have happened.
    #[track_caller]
    pub(super) fn story(self) -> Story {
        if let Place::Facts(facts) = &self.place {
            let release = match facts.first().map(|fact| &fact.event) {
                Some(Event::PlanRecorded(recorded)) => recorded.plan.release().clone(),
                Some(_) | None => self.plan.release().clone(),
            };
            return written(release, facts, self.start, self.config)
                .unwrap_or_else(|why| panic!("what is given can't have happened: {why}"))
                .into();
        }
        let release = self.plan.release().clone();
        let mut story = Story::from(SessionRunner::new(release, self.start, self.config));
        if self.place == Place::Nothing {
            return story;
        }
        happens(&mut story, &someone("user:ana").plans(self.plan.clone(), self.policy.clone()));
        let early = match self.place {
            Place::RollingBack | Place::RolledBack => Some(Place::InStep(1)),
            Place::Aborted => Some(Place::Planned),
            _ => None,
        };
        if let Some(first) = early {
            walk(&mut story, &first);
            let back = someone("user:bo").rolls_back();
            happens(
                &mut story,
                &if self.place == Place::Aborted { someone("user:ana").aborts() } else { back },
            );
        }
        walk(&mut story, &self.place);
        tell(&mut story);
        story
    }
}

/// Goes onward until a place is reached.
#[track_caller]
fn walk(story: &mut Story, place: &Place) {
    for _ in 0..MOST_MOVES {
        if is_at(story.release(), place) {
            return;
        }
        let next = match story.onward() {
            Some(next) if !is_past(story.release(), place) => next,
            Some(_) | None => break,
        };
        happens(story, &next);
    }
    panic!("there is no way to {place:?}: {} is {}", story.release().id(), story.release().phase().name());
}

/// Tells everybody who is to be told.
fn tell(story: &mut Story) {
    let next = |story: &Story| {
        let outstanding = story.release().outstanding().iter();
        let mut told = outstanding.filter(|(_, one)| one.effect.is_notification()).map(|(id, _)| *id);
        told.find(|effect| story.runner().call_of(*effect).is_some())
    };
    while let Some(effect) = next(story) {
        happens(story, &super::When::Ended { effect, outcome: Outcome::Done });
    }
}

/// Facts as the record of a release, all at one moment, with the session that takes it up.
fn written(
    release: ReleaseId,
    facts: &[Fact],
    at: Timestamp,
    config: SessionConfig,
) -> Result<SessionRunner, String> {
    let mut lines: Vec<SealedLine> = Vec::with_capacity(facts.len());
    for (seq, fact) in (0..).zip(facts) {
        let prev = lines.last().map_or(Digest::ZERO, SealedLine::digest);
        let line = Record::seal(&release, seq, prev, at, fact).map_err(|error| error.to_string())?;
        lines.push(line);
    }
    SessionRunner::resumed(release, lines, at, config).map_err(|error| error.to_string())
}

#[track_caller]
fn happens(story: &mut Story, when: &super::When) {
    match story.take(when) {
        Taken::Happened(_) => {}
        Taken::Refused(refusal) => panic!("{when} was refused on the way: {refusal}"),
        Taken::Impossible(why) => panic!("{when} can't happen on the way: {why}"),
    }
}

fn is_at(release: &Release, place: &Place) -> bool {
    let at = release.phase().name();
    match place {
        Place::Nothing | Place::Facts(_) => true,
        Place::Planned => at == PhaseName::Planning,
        Place::Approved => at == PhaseName::Staging,
        Place::Staged => matches!(release.phase(), Phase::Staging { deployed_at: Some(_), .. }),
        Place::InProduction => at == PhaseName::Releasing,
        Place::InStep(number) => release
            .phase()
            .step()
            .is_some_and(|step| step.number == *number && matches!(step.traffic, TrafficState::Set { .. })),
        Place::Validating => at == PhaseName::Validating,
        Place::Completed => at == PhaseName::Completed,
        Place::RollingBack => at == PhaseName::RollingBack,
        Place::RolledBack => at == PhaseName::RolledBack,
        Place::Aborted => at == PhaseName::Aborted,
        Place::Closed => at == PhaseName::Closed,
    }
}

/// Whether a release that goes onward has missed a step that its track does not have.
fn is_past(release: &Release, place: &Place) -> bool {
    matches!(place, Place::InStep(_)) && release.phase().name() == PhaseName::Validating
}

/// As people read it: a past in a counterexample is a few words.
impl fmt::Debug for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match &self.place {
            Place::Nothing => "nothing",
            Place::Planned => "planned",
            Place::Approved => "approved",
            Place::Staged => "staged",
            Place::InProduction => "in production",
            Place::InStep(number) => return write!(f, "in step {number}"),
            Place::Validating => "validating",
            Place::Completed => "completed",
            Place::RollingBack => "rolling back",
            Place::RolledBack => "rolled back",
            Place::Aborted => "aborted",
            Place::Closed => "closed",
            Place::Facts(facts) => return write!(f, "{} facts", facts.len()),
        };
        f.write_str(at)
    }
}

/// Facts as they stand, sealed one after the other.
impl<const N: usize> From<[Fact; N]> for Past {
    fn from(facts: [Fact; N]) -> Self {
        Vec::from(facts).into()
    }
}

impl From<Vec<Fact>> for Past {
    fn from(facts: Vec<Fact>) -> Self {
        place(Place::Facts(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_can_be_reached_in_a_drill_and_keeps_the_guardrails() {
        let places: [(Past, PhaseName, &str); 11] = [
            (nothing(), PhaseName::Unplanned, "0%"),
            (planned(), PhaseName::Planning, "0%"),
            (approved(), PhaseName::Staging, "0%"),
            (staged(), PhaseName::Staging, "0%"),
            (in_production(), PhaseName::Releasing, "0%"),
            (in_step(2), PhaseName::Releasing, "10%"),
            (validating(), PhaseName::Validating, "100%"),
            (completed(), PhaseName::Completed, "100%"),
            (rolling_back(), PhaseName::RollingBack, "1%"),
            (rolled_back(), PhaseName::RolledBack, "0%"),
            (closed(), PhaseName::Closed, "100%"),
        ];
        for (past, phase, exposure) in places {
            let story = Story::from(past.of(sample::drill_plan(), sample::drill_policy()));
            assert_eq!(story.release().phase().name(), phase);
            assert_eq!(story.release().exposure().to_string(), exposure, "{phase}");
            assert!(story.release().holds().is_empty());
            crate::Invariants::check(story.records()).unwrap();
        }
        assert_eq!(Story::from(aborted()).release().phase().name(), PhaseName::Aborted);
    }

    #[test]
    #[should_panic(expected = "there is no way to InStep(9)")]
    fn a_step_that_the_track_does_not_have_is_refused() {
        let _ = Story::from(in_step(9).of(sample::drill_plan(), sample::drill_policy()));
    }

    #[test]
    #[should_panic(
        expected = "what is given can't have happened: checkout-241, record 0: staging_started can't happen"
    )]
    fn facts_that_can_not_have_happened_are_refused() {
        let _ = Story::from(Past::from([by("system:relman", relman_core::event::StagingStarted {})]));
    }
}
