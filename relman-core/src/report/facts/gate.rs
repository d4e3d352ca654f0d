//! The gates of a release: what each asks for, the checks recorded for it, and its decisions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    event::{CheckOutcome, CheckRecorded, Event, Gate, GatePassed, Ground, Record},
    judge::{Outcome, Verdict},
    report::facts::{History, Mark},
    unit::{Actor, CheckName, Text, Timestamp},
};

/// A gate of a release: what it asks for, the checks that were recorded for it, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateReport {
    /// Which gate.
    pub gate: Gate,
    /// What it asks for, in words.
    pub asks: Vec<String>,
    /// Whether an executive may override it at all.
    pub overridable: bool,
    /// The checks that were recorded for it, in the order of the records.
    pub checks: Vec<CheckRun>,
    /// What came of it, in the order of the records; empty where it was not reached.
    pub outcomes: Vec<GateOutcome>,
}

/// A check whose outcome is on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckRun {
    /// Which check.
    pub check: CheckName,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What shows it.
    pub evidence: Text,
    /// For a checklist, the items that were confirmed.
    pub items: Vec<Text>,
    /// Who recorded it.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

/// What came of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateOutcome {
    /// In which way.
    pub how: GateResult,
    /// Grounds, reasons or the words of the executive.
    pub because: Vec<String>,
    /// Who: relman, but for an override.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
    /// For an override, when it was to expire.
    pub expires_at: Option<Timestamp>,
    /// For an override, the freezes that it covers, by name.
    pub freezes: BTreeSet<Text>,
    /// For an override, the failed checks that it covers.
    pub checks: BTreeSet<CheckName>,
}

/// In which way a gate was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateResult {
    /// It was passed.
    Passed,
    /// It failed, and a person had to decide.
    Failed,
    /// An executive has overridden it.
    Overridden,
    /// An override was not used in time.
    OverrideExpired,
}

impl std::fmt::Display for GateResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Overridden => "OVERRIDDEN",
            Self::OverrideExpired => "override expired",
        })
    }
}

impl GateReport {
    /// Every gate of a release, in the order in which it meets them; a freeze where one was overridden. None before a
    /// plan is recorded.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let Some((_, track)) = history.release.track() else {
            return Vec::new();
        };
        let steps = track.steps().len();
        let mut gates = vec![Gate::Plan, Gate::Staging];
        gates.extend((1..).take(steps).map(|number| gate_of_step(number, steps)));
        let met = |gate: &Gate| !GateOutcome::all(history, *gate).is_empty();
        gates.extend([Gate::Freeze, Gate::WayBack].into_iter().filter(met));
        gates.into_iter().map(|gate| Self::of(history, gate)).collect()
    }

    fn of(history: &History<'_>, gate: Gate) -> Self {
        Self {
            gate,
            asks: asks(history, gate),
            overridable: match gate {
                Gate::Staging | Gate::Validation | Gate::Freeze | Gate::WayBack => true,
                Gate::Plan | Gate::Step(_) => false,
            },
            checks: CheckRun::of_gate(history, gate),
            outcomes: GateOutcome::all(history, gate),
        }
    }
}

impl CheckRun {
    /// The checks that were recorded for a gate.
    pub(in crate::report) fn of_gate(history: &History<'_>, gate: Gate) -> Vec<Self> {
        let rollout =
            history.records.iter().position(|record| matches!(record.event, Event::RolloutStarted(_)));
        let (staging, production) = history.records.split_at(rollout.unwrap_or(history.records.len()));
        let records = match gate {
            Gate::Staging => staging,
            Gate::Validation => production,
            Gate::Plan | Gate::Step(_) | Gate::Freeze | Gate::WayBack => &[],
        };
        let done = |record: &Record| match &record.event {
            Event::CheckRecorded(recorded) => Some(Self::of(record, recorded)),
            _ => None,
        };
        records.iter().filter_map(done).collect()
    }

    fn of(record: &Record, recorded: &CheckRecorded) -> Self {
        Self {
            check: recorded.check.clone(),
            outcome: recorded.outcome,
            evidence: recorded.evidence.clone(),
            items: recorded.items.clone(),
            by: record.by.clone(),
            mark: Mark::of(record),
        }
    }
}

impl GateOutcome {
    /// What came of a gate, in the order of the records.
    fn all(history: &History<'_>, gate: Gate) -> Vec<Self> {
        let read = |record: &Record| Self::read(record).filter(|(of, _)| *of == gate);
        history.records.iter().filter_map(read).map(|(_, outcome)| outcome).collect()
    }

    /// What a record says about a gate, where it says anything.
    fn read(record: &Record) -> Option<(Gate, Self)> {
        let mut outcome = Self {
            how: GateResult::Passed,
            because: Vec::new(),
            by: record.by.clone(),
            mark: Mark::of(record),
            expires_at: None,
            freezes: BTreeSet::new(),
            checks: BTreeSet::new(),
        };
        let gate = match &record.event {
            Event::GatePassed(passed) => {
                outcome.because = passed.sentences();
                passed.gate
            }
            Event::GateFailed(failed) => {
                (outcome.how, outcome.because) = (GateResult::Failed, failed.sentences());
                failed.gate
            }
            Event::OverrideGranted(granted) => {
                (outcome.how, outcome.because) = (GateResult::Overridden, vec![granted.reason.to_string()]);
                outcome.expires_at = Some(granted.expires_at);
                (outcome.freezes, outcome.checks) = (granted.freezes.clone(), granted.checks.clone());
                granted.gate
            }
            Event::OverrideExpired(expired) => {
                outcome.how = GateResult::OverrideExpired;
                expired.gate
            }
            _ => return None,
        };
        Some((gate, outcome))
    }
}

/// The gate at the end of a step: that of the last one is the validation, whatever share it has.
pub(in crate::report) fn gate_of_step(number: u32, steps: usize) -> Gate {
    if number as usize == steps { Gate::Validation } else { Gate::Step(number) }
}

/// What a gate asks for, from the plan and the policy in force.
fn asks(history: &History<'_>, gate: Gate) -> Vec<String> {
    let release = history.release;
    let (Some((_, track)), Some(policy), Some(risk)) = (release.track(), release.policy(), release.risk())
    else {
        return Vec::new();
    };
    let checks = || release.checks_asked(gate).into_iter().map(|check| format!("the check {check}"));
    let look = format!(
        "every criterion clean on at least {} requests, evaluated every {}",
        track.min_requests(),
        track.look_every()
    );
    let needed = release.plan().map_or(1, |plan| policy.approvals_for(plan, risk.level));
    match gate {
        Gate::Plan => vec![
            "a rollback contract with numeric criteria".to_owned(),
            format!("approval by {} who did not write the plan", people(needed)),
        ],
        Gate::Staging => {
            std::iter::once("the artifact deployed to staging".to_owned()).chain(checks()).collect()
        }
        Gate::Step(number) => {
            let step = (number as usize).checked_sub(1).and_then(|index| track.steps().get(index));
            let observed = step.map(|step| format!("{} of traffic observed for {}", step.share, step.bake));
            let last = release.last_way_back(number).map(|way_back| {
                format!(
                    "THE LAST STEP WITH A WAY BACK: none after {}; instead: {}",
                    way_back.none_after, way_back.instead
                )
            });
            observed.into_iter().chain([look]).chain(last).collect()
        }
        Gate::Validation => {
            let observed = format!("all traffic observed for {} under on-call cover", track.validation());
            [observed, look].into_iter().chain(checks()).collect()
        }
        Gate::Freeze => vec!["no freeze in the policy".to_owned()],
        Gate::WayBack => {
            let way_back = release.way_back();
            way_back
                .map(|way_back| format!("a rollback at {} of the traffic at most", way_back.none_after))
                .into_iter()
                .collect()
        }
    }
}

fn people(count: u32) -> String {
    if count == 1 { "one person".to_owned() } else { format!("{count} people") }
}

/// A go/no-go decision with its whole story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateStory {
    /// Which gate.
    pub gate: Gate,
    /// How it stands.
    pub state: GateState,
    /// When it was passed, and the record.
    pub passed: Option<Mark>,
    /// On what grounds it was passed.
    pub grounds: Vec<GateGround>,
    /// Each time it failed.
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
    /// It failed, and a person has to decide.
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
            Self::Failed => "failed",
            Self::Passed => "passed",
            Self::Overridden => "passed by override",
        })
    }
}

/// A gate failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateFailure {
    /// When, and the record.
    pub mark: Mark,
    /// Why, one reason a line.
    pub reasons: Vec<String>,
}

/// An executive's exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OverrideStory {
    /// Who.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
    /// Why.
    pub reason: String,
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
    /// The release has ended or left the phase without it.
    NotNeeded,
}

/// A ground on which a gate was passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateGround {
    /// The ground in words.
    pub says: String,
    /// How it stood when the gate was passed.
    pub kind: GroundKind,
    /// For a criterion that was undecided in the last evaluation before the gate: when it was last clean on enough data,
    /// which is what the gate was passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_at: Option<Mark>,
}

/// How a ground stood when a gate was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroundKind {
    /// It was so.
    Good,
    /// The last evaluation alone could not tell.
    Undecided,
    /// An executive has overridden it.
    Overridden,
    /// Version 1 of the record has a sentence alone.
    InWords,
}

impl std::fmt::Display for GateGround {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)?;
        match self.clean_at {
            Some(mark) => write!(f, "; clean on enough data in this step, last {mark}"),
            None => Ok(()),
        }
    }
}

impl GateGround {
    /// The grounds on which a gate was passed.
    fn all(history: &History<'_>, record: u64, passed: &GatePassed) -> Vec<Self> {
        let grounds = passed.grounds.iter().map(|ground| Self {
            says: ground.to_string(),
            kind: match ground {
                Ground::Overridden { .. } => GroundKind::Overridden,
                Ground::InWords { .. } => GroundKind::InWords,
                _ => GroundKind::Good,
            },
            clean_at: None,
        });
        let verdicts = passed.verdicts.iter().map(|verdict| {
            let says = verdict.to_string();
            match verdict.outcome {
                Outcome::Pass => Self { says, kind: GroundKind::Good, clean_at: None },
                Outcome::Fail | Outcome::Undecided(_) => {
                    Self { says, kind: GroundKind::Undecided, clean_at: last_clean(history, record, verdict) }
                }
            }
        });
        grounds.chain(verdicts).collect()
    }
}

/// The last evaluation of the step that a record ends in which the criterion was clean.
fn last_clean(history: &History<'_>, before: u64, of: &Verdict) -> Option<Mark> {
    let records = history.records.iter().rev().skip_while(|record| record.seq >= before);
    let of_step = records.take_while(|record| !matches!(record.event, Event::StepStarted(_)));
    let is_clean = |record: &&Record| match &record.event {
        Event::Evaluated(look) => look
            .verdicts
            .iter()
            .any(|verdict| verdict.criterion == of.criterion && verdict.outcome == Outcome::Pass),
        _ => false,
    };
    of_step.into_iter().find(is_clean).map(Mark::of)
}

impl GateStory {
    /// The story of a gate so far.
    pub(in crate::report) fn of(history: &History<'_>, gate: Gate) -> Self {
        let mut story = Self {
            gate,
            state: GateState::Open,
            passed: None,
            grounds: Vec::new(),
            failures: Vec::new(),
            overrides: Vec::new(),
        };
        for outcome in GateOutcome::all(history, gate) {
            story.push(outcome);
        }
        let passed = history.last(|event| matches!(event, Event::GatePassed(passed) if passed.gate == gate));
        if let Some((record, Event::GatePassed(passed))) = passed.map(|record| (record, &record.event)) {
            story.grounds = GateGround::all(history, record.seq, passed);
        }
        let in_force = history.release.overrides().contains_key(&gate);
        for one in story.overrides.iter_mut().filter(|one| one.end == OverrideEnd::InForce && !in_force) {
            one.end = OverrideEnd::NotNeeded;
        }
        story
    }

    fn push(&mut self, outcome: GateOutcome) {
        let mark = outcome.mark;
        match outcome.how {
            GateResult::Passed => {
                let used = self.overrides.last_mut().filter(|one| one.end == OverrideEnd::InForce);
                self.state = match used {
                    Some(one) => {
                        one.end = OverrideEnd::Used(mark);
                        GateState::Overridden
                    }
                    None => GateState::Passed,
                };
                self.passed = Some(mark);
            }
            GateResult::Failed => {
                self.state = GateState::Failed;
                self.failures.push(GateFailure { mark, reasons: outcome.because });
            }
            GateResult::Overridden => self.overrides.push(OverrideStory {
                by: outcome.by,
                mark,
                reason: outcome.because.join("; "),
                checks: outcome.checks,
                // Every override has an end; without one it would be in force for no time at all.
                expires_at: outcome.expires_at.unwrap_or(mark.at),
                end: OverrideEnd::InForce,
            }),
            GateResult::OverrideExpired => {
                if let Some(one) = self.overrides.last_mut() {
                    one.end = OverrideEnd::Expired(mark);
                }
            }
        }
    }

    /// The story of a gate that most releases never meet; none where this one did not.
    pub(in crate::report) fn of_met(history: &History<'_>, gate: Gate) -> Option<Self> {
        let story = Self::of(history, gate);
        let met = story.passed.is_some() || !story.failures.is_empty() || !story.overrides.is_empty();
        met.then_some(story)
    }

    /// Whether an executive has overridden this gate for a check.
    pub(in crate::report) fn overrides_check(&self, check: &CheckName) -> Option<&OverrideStory> {
        let in_use = |one: &&OverrideStory| match one.end {
            OverrideEnd::InForce | OverrideEnd::Used(_) | OverrideEnd::NotNeeded => {
                one.checks.contains(check)
            }
            OverrideEnd::Expired(_) => false,
        };
        self.overrides.iter().rev().find(in_use)
    }
}
