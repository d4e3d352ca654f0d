use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    event::{Event, Gate},
    report::{History, Mark},
    unit::{Actor, CheckName, Text, Timestamp},
};

/// A go/no-go decision with its whole story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateStory {
    /// Which gate.
    pub gate: Gate,
    /// How it stands.
    pub state: GateState,
    /// When it was passed, and the record.
    pub passed: Option<Mark>,
    /// On what grounds it was passed, one a line.
    pub grounds: Vec<String>,
    /// Each time it was not passed.
    pub failures: Vec<GateFailure>,
    /// Each time an executive overrode it.
    pub overrides: Vec<OverrideStory>,
}

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// It was not decided yet.
    Open,
    /// It was not passed, and somebody has to decide.
    Failed,
    /// It was passed.
    Passed,
    /// It was passed because an executive overrode it.
    Overridden,
}

impl std::fmt::Display for GateState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Open => "not decided",
            Self::Failed => "not passed",
            Self::Passed => "passed",
            Self::Overridden => "passed by an override",
        })
    }
}

/// A gate was not passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateFailure {
    /// When, and the record.
    pub mark: Mark,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
}

/// An executive's exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverrideStory {
    /// Who.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
    /// Why.
    pub reason: Text,
    /// The failed checks that it covers; none for a freeze.
    pub checks: BTreeSet<CheckName>,
    /// When it expires unless it was used.
    pub expires_at: Timestamp,
    /// What became of it.
    pub end: OverrideEnd,
}

/// What became of an override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideEnd {
    /// It is in force.
    InForce,
    /// The gate was passed with it, at this record.
    Used(Mark),
    /// It expired unused, at this record.
    Expired(Mark),
}

impl GateStory {
    /// The story of a gate so far.
    pub(super) fn of(history: &History<'_>, gate: Gate) -> Self {
        let mut story = Self {
            gate,
            state: GateState::Open,
            passed: None,
            grounds: Vec::new(),
            failures: Vec::new(),
            overrides: Vec::new(),
        };
        for record in history.records {
            let mark = Mark::of(record);
            match &record.event {
                Event::GatePassed(passed) if passed.gate == gate => {
                    let used = story.overrides.last_mut().filter(|one| one.end == OverrideEnd::InForce);
                    story.state = match used {
                        Some(one) => {
                            one.end = OverrideEnd::Used(mark);
                            GateState::Overridden
                        }
                        None => GateState::Passed,
                    };
                    story.passed = Some(mark);
                    story.grounds.clone_from(&passed.grounds);
                }
                Event::GateFailed(failed) if failed.gate == gate => {
                    story.state = GateState::Failed;
                    story.failures.push(GateFailure { mark, reasons: failed.reasons.clone() });
                }
                Event::OverrideGranted(granted) if granted.gate == gate => {
                    story.overrides.push(OverrideStory {
                        by: record.by.clone(),
                        mark,
                        reason: granted.reason.clone(),
                        checks: granted.checks.clone(),
                        expires_at: granted.expires_at,
                        end: OverrideEnd::InForce,
                    });
                }
                Event::OverrideExpired(expired) if expired.gate == gate => {
                    if let Some(one) = story.overrides.last_mut() {
                        one.end = OverrideEnd::Expired(mark);
                    }
                }
                _ => {}
            }
        }
        story
    }

    /// The story of a gate that most releases never meet; none where this one did not.
    pub(super) fn of_met(history: &History<'_>, gate: Gate) -> Option<Self> {
        let story = Self::of(history, gate);
        let met = story.passed.is_some() || !story.failures.is_empty() || !story.overrides.is_empty();
        met.then_some(story)
    }

    /// Whether an executive has overridden this gate for a check.
    pub(super) fn overrides_check(&self, check: &CheckName) -> Option<&OverrideStory> {
        let in_use = |one: &&OverrideStory| match one.end {
            OverrideEnd::InForce | OverrideEnd::Used(_) => one.checks.contains(check),
            OverrideEnd::Expired(_) => false,
        };
        self.overrides.iter().rev().find(in_use)
    }
}
