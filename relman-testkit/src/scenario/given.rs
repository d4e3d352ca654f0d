use relman_core::machine::{PhaseName, Refusal, Release};

use super::{Expected, ExpectedEffect, Happened, Past, Refuses, Story, Taken, When, diff};
use crate::Invariants;

/// A past, to which something is about to happen.
#[derive(Debug, Clone)]
#[must_use = "a scenario needs a `when` and a `then`"]
pub struct Given {
    story: Story,
    guard: Guard,
}

/// Whether the guardrails are checked on the way. A past made of facts may break one on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    Kept,
    BrokenAlready,
}

/// Begins a scenario with what has happened before: [`planned`](super::planned), [`in_step`](super::in_step) …, or
/// facts of your own, made with [`by`](super::by).
///
/// # Panics
///
/// Where that can't have happened.
///
/// # Examples
///
/// ```
/// use relman_testkit::scenario::{given, someone, staged};
///
/// given(staged())
///     .when(someone("user:ana").fails("integration"))
///     .then(["check_recorded", "gate_failed"])
///     .then_it_waits_for("integration: it has failed");
/// ```
#[track_caller]
pub fn given(past: impl Into<Past>) -> Given {
    let story = past.into().story();
    let guard = match Invariants::check(story.records()) {
        Ok(()) => Guard::Kept,
        Err(_) => Guard::BrokenAlready,
    };
    Given { story, guard }
}

impl Given {
    /// Lets something happen.
    ///
    /// # Panics
    ///
    /// Where it can't happen here, such as a look where nothing is looked at, or where it breaks a guardrail.
    #[track_caller]
    pub fn when(mut self, when: impl Into<When>) -> Then {
        let when = when.into();
        let outcome = match self.story.take(&when) {
            Taken::Happened(happened) => Ok(happened),
            Taken::Refused(refusal) => Err(refusal),
            Taken::Impossible(why) => panic!("when {when}: that can't happen here: {why}"),
        };
        if self.guard == Guard::Kept
            && let Err(violation) = Invariants::check(self.story.records())
        {
            panic!("when {when}: {violation}");
        }
        Then { story: self.story, guard: self.guard, when, outcome, said: Said::Nothing }
    }

    /// The release, for a look at what no event says.
    pub fn release(&self) -> &Release {
        self.story.release()
    }
}

/// What something has led to, to be held against what should have come.
#[derive(Debug, Clone)]
#[must_use = "a scenario without a `then` says nothing"]
pub struct Then {
    story: Story,
    guard: Guard,
    when: When,
    outcome: Result<Happened, Refusal>,
    said: Said,
}

/// Whether the test has said anything about the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Something,
}

impl Then {
    /// These events happened, all of them, in this order.
    ///
    /// # Panics
    ///
    /// Where others did; the panic lists the differences.
    #[track_caller]
    pub fn then<E: Into<Expected>>(mut self, expected: impl IntoIterator<Item = E>) -> Self {
        let expected: Vec<Expected> = expected.into_iter().map(Into::into).collect();
        let happened = self.happened();
        if let Some(difference) = diff::events(&expected, &happened.records) {
            panic!("when {}, these events differ (- expected, + happened):\n{difference}", self.when);
        }
        self.said = Said::Something;
        self
    }

    /// This event happened, among others.
    ///
    /// # Panics
    ///
    /// Where it did not; the panic lists what did.
    #[track_caller]
    pub fn then_among_others(mut self, expected: impl Into<Expected>) -> Self {
        let expected = expected.into();
        let happened = self.happened();
        let of_kind = happened.records.iter().filter(|record| record.event.kind() == expected.kind);
        if !of_kind.clone().any(|record| expected.differences(record).is_empty()) {
            let difference = diff::events(&[expected], &happened.records).unwrap_or_default();
            panic!("when {}, it did not happen (- expected, + happened):\n{difference}", self.when);
        }
        self.said = Said::Something;
        self
    }

    /// Nothing was recorded, and nothing refused.
    ///
    /// # Panics
    ///
    /// Where something was.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then([] as [Expected; 0])
    }

    /// The command was refused: so, in these words, or in a way that the closure accepts.
    ///
    /// # Panics
    ///
    /// Where it was not, or for another reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::machine::Refusal;
    /// use relman_testkit::scenario::{given, in_step, someone};
    ///
    /// given(in_step(1))
    ///     .when(someone("user:ana").closes())
    ///     .then_refused("can't be completed")
    ///     .and_when(someone("user:ana").aborts())
    ///     .then_refused(|refusal: &Refusal| matches!(refusal, Refusal::AbortAfterProduction(_)));
    /// ```
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a closure or a refusal made on the spot reads better")]
    pub fn then_refused(mut self, expected: impl Refuses) -> Self {
        match &self.outcome {
            Err(refusal) if expected.is(refusal) => {}
            Err(refusal) => panic!(
                "when {}, the refusal differs:\n  - {}\n  + {refusal}",
                self.when,
                expected.expectation()
            ),
            Ok(happened) => {
                let difference = diff::events(&[], &happened.records).unwrap_or_default();
                panic!(
                    "when {}, nothing was refused; expected {}, and this happened:\n{difference}",
                    self.when,
                    expected.expectation()
                )
            }
        }
        self.said = Said::Something;
        self
    }

    /// The outside world is asked to do this, all of it, in this order; what was asked for and revoked in the same
    /// decision is not in it.
    ///
    /// # Panics
    ///
    /// Where it is asked for something else; the panic lists the differences.
    #[track_caller]
    pub fn then_effects<E: Into<ExpectedEffect>>(mut self, expected: impl IntoIterator<Item = E>) -> Self {
        let expected: Vec<ExpectedEffect> = expected.into_iter().map(Into::into).collect();
        let happened = self.happened();
        if let Some(difference) = diff::effects(&expected, &happened.effects) {
            panic!("when {}, these effects differ (- expected, + asked for):\n{difference}", self.when);
        }
        self.said = Said::Something;
        self
    }

    /// The release is in this phase now.
    ///
    /// # Panics
    ///
    /// Where it is not.
    #[track_caller]
    pub fn then_it_is(mut self, phase: PhaseName) -> Self {
        let is = self.story.release().phase().name();
        assert!(is == phase, "when {}, the release is not {phase}: it is {is}", self.when);
        self.said = Said::Something;
        self
    }

    /// The release waits for something now, among other things; a part of the words in which it says so.
    ///
    /// # Panics
    ///
    /// Where it does not; the panic lists what it waits for.
    #[track_caller]
    pub fn then_it_waits_for(mut self, words: &str) -> Self {
        let missing = self.story.release().missing(self.story.now());
        if !missing.iter().any(|one| one.what.contains(words)) {
            let all: Vec<String> = missing.iter().map(|one| format!("  + {}", one.what)).collect();
            panic!("when {}, it does not wait for this:\n  - {words}\n{}", self.when, all.join("\n"));
        }
        self.said = Said::Something;
        self
    }

    /// Lets the next thing happen.
    ///
    /// # Panics
    ///
    /// Where it can't happen here, where it breaks a guardrail, or where the last command was refused and the test has
    /// not said so.
    #[track_caller]
    pub fn and_when(self, when: impl Into<When>) -> Self {
        if let (Err(refusal), Said::Nothing) = (&self.outcome, self.said) {
            panic!(
                "when {}, it was refused, and the scenario goes on as if it was not: {refusal}",
                self.when
            );
        }
        Given { story: self.story, guard: self.guard }.when(when)
    }

    /// Goes on as if this was the past.
    pub fn and_then_given(self) -> Given {
        Given { story: self.story, guard: self.guard }
    }

    /// The release, for a look at what no event says.
    pub fn release(&self) -> &Release {
        self.story.release()
    }

    #[track_caller]
    fn happened(&self) -> Happened {
        match &self.outcome {
            Ok(happened) => happened.clone(),
            Err(refusal) => panic!("when {}, it was refused: {refusal}", self.when),
        }
    }
}
