use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{Phase, Release, RollbackState, TrafficState};
use crate::{
    event::{CheckOutcome, Gate, HoldCause, HoldReason},
    judge::Outcome,
    policy::{Freeze, Frozen, Policy},
    unit::{CheckName, Text, Timestamp},
};

/// Something that a release waits for, and whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// What is missing, for a person.
    pub what: String,
    /// What would bring it.
    pub unblocked_by: String,
    /// Whose turn it is.
    pub turn: Turn,
    /// Until when at the earliest, or how long patience lasts, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// A person has to act.
    Person,
    /// relman continues without anyone.
    Relman,
    /// The platform or the metrics have to answer.
    World,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Person => "a person's turn",
            Self::Relman => "relman's turn",
            Self::World => "the platform's turn",
        })
    }
}

impl Missing {
    fn until(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    fn person(what: impl Into<String>, unblocked_by: impl Into<String>) -> Self {
        Self { what: what.into(), unblocked_by: unblocked_by.into(), turn: Turn::Person, until: None }
    }

    fn relman(what: impl Into<String>, unblocked_by: impl Into<String>) -> Self {
        Self { what: what.into(), unblocked_by: unblocked_by.into(), turn: Turn::Relman, until: None }
    }

    fn world(what: impl Into<String>, unblocked_by: impl Into<String>) -> Self {
        Self { what: what.into(), unblocked_by: unblocked_by.into(), turn: Turn::World, until: None }
    }
}

impl Release {
    /// What the release waits for before it can go forward, in the order in which a person would want to know.
    ///
    /// This list and the gates are one: a release goes forward when it is empty.
    pub fn missing(&self, now: Timestamp) -> Vec<Missing> {
        let mut missing = self.missing_but_the_platform(now);
        if missing.is_empty() && self.is_to_be_observed(now) {
            missing.push(Missing::world(
                "the target, and a look at production: the place for the new version is free, and the version that it replaces is there",
                "the platform answers",
            ));
        }
        missing
    }

    /// Whether the platform has still to be looked at before production is entered: in the same decision.
    fn is_to_be_observed(&self, now: Timestamp) -> bool {
        match &self.phase {
            Phase::Staging { free_at, .. } => {
                self.admission.is_none() || *free_at != Some(now.max(self.last_at))
            }
            _ => false,
        }
    }

    /// Whether the platform is to be looked at now, because nothing else is missing for production to be entered.
    pub(super) fn awaits_platform(&self, now: Timestamp) -> bool {
        let asks_again =
            |cause: &HoldCause| matches!(cause, HoldCause::Platform | HoldCause::Target | HoldCause::Freeze);
        let held_by_it_alone = self.holds.keys().all(asks_again);
        matches!(self.phase, Phase::Staging { .. })
            && held_by_it_alone
            && self.missing_in_phase(now).is_empty()
    }

    /// What is missing, apart from a look at the platform before production is entered.
    pub(super) fn missing_but_the_platform(&self, now: Timestamp) -> Vec<Missing> {
        let mut missing = self.missing_because_held();
        missing.extend(self.missing_in_phase(now));
        missing
    }

    fn missing_in_phase(&self, now: Timestamp) -> Vec<Missing> {
        let mut missing = Vec::new();
        match &self.phase {
            Phase::Unplanned => missing.push(Missing::person("a plan", "someone records one")),
            Phase::Planning => missing.extend(self.missing_in_planning()),
            Phase::Staging { deployed_at, .. } => {
                if deployed_at.is_none() {
                    missing.push(Missing::world("the staging deployment", "the deployer installs it"));
                }
                missing.extend(self.missing_checks(Gate::Staging, now));
                missing.extend(self.missing_because_frozen(now));
            }
            Phase::Releasing(rollout) => match &rollout.step {
                None if rollout.deployed_at.is_none() => {
                    missing.push(Missing::world("the production deployment", "the deployer installs it"));
                }
                None => missing.extend(self.missing_because_frozen(now)),
                Some(_) => {
                    missing.extend(self.missing_in_step(now));
                    missing.extend(self.missing_because_frozen(now));
                }
            },
            Phase::Validating(step) if step.traffic == TrafficState::Promoting => {
                if !self.promoted {
                    let by = "the platform shows it as the stable one; relman keeps trying";
                    missing.push(Missing::world("the promotion of the new version", by));
                }
            }
            Phase::Validating(_) => {
                missing.extend(self.missing_in_step(now));
                if self.cover.as_ref().is_none_or(|cover| cover.until <= now) {
                    let by = "someone with on-call duty runs `ack`";
                    missing.push(Missing::person(
                        "on-call cover: validation time does not count without it",
                        by,
                    ));
                }
                missing.extend(self.missing_checks(Gate::Validation, now));
            }
            Phase::RollingBack(rollback) => missing.push(match rollback.state {
                RollbackState::Requested => Missing::world(
                    "traffic at zero",
                    "the deployer sets it; a running conductor keeps trying",
                ),
                RollbackState::Confirming { seen: 0, .. }
                    if rollback.pinned_since.is_some() && !rollback.cut =>
                {
                    Missing::world(
                        "the last request of users who are pinned to the new version",
                        "they go by themselves, or are cut off when the policy's `drain` is over",
                    )
                }
                RollbackState::Confirming { seen, .. } => Missing::world(
                    format!("traffic seen at zero: {seen} of {} times so far", self.confirmations()),
                    if rollback.in_doubt {
                        "the platform keeps showing zero while an earlier traffic change could still arrive"
                    } else {
                        "the platform shows zero; a running conductor keeps asking"
                    },
                ),
                RollbackState::Confirmed { .. } => {
                    Missing::relman("the end of the rollback", "the next record")
                }
            }),
            Phase::Completed | Phase::RolledBack(_) | Phase::Aborted => {
                if self.awaits_traffic() {
                    let by = "the deployer sets it; a running conductor keeps trying";
                    missing.push(Missing::world("traffic at 100%, with what was held back", by));
                }
                missing.extend(self.owed_post_mortems().map(|owed| {
                    Missing::person(
                        format!("post-mortem {} on {}", owed.number, owed.about),
                        "someone files it with `postmortem`",
                    )
                    .until(Some(owed.due))
                }));
                if missing.is_empty() {
                    missing.push(Missing::person("someone to close it", "someone runs `close`"));
                }
            }
            Phase::Closed(_) => {}
        }
        missing
    }

    fn missing_because_held(&self) -> Vec<Missing> {
        let hold = |(cause, hold): (&HoldCause, &super::Hold)| {
            let turn = match cause {
                HoldCause::Manual
                | HoldCause::Deployer
                | HoldCause::Suspicion
                | HoldCause::Drift
                | HoldCause::Irreversible => Turn::Person,
                HoldCause::Unmeasured | HoldCause::Platform => Turn::World,
                HoldCause::Target => Turn::Relman,
                HoldCause::Freeze => Turn::Person,
            };
            let patience = match hold.roll_back_at {
                Some(at) if self.without_way_back().is_some() => {
                    format!("; otherwise on-call is paged at {at}, and there is no way back")
                }
                Some(at) => format!("; otherwise it is rolled back at {at}"),
                None => String::new(),
            };
            Missing {
                what: format!("the end of a hold since {} by {}: {}", hold.since, hold.by, hold.reason),
                unblocked_by: format!("{}{patience}", hold.reason.unblocked_by()),
                turn,
                until: hold.roll_back_at,
            }
        };
        self.holds.iter().map(hold).collect()
    }

    fn missing_in_planning(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        let Some(planned) = &self.planned else {
            return missing;
        };
        if planned.plan.contract().is_none() {
            let by = "an author records the plan again, with [contract] and numeric criteria";
            missing.push(Missing::person("a rollback contract: nothing is staged without one", by));
        }
        let (plan, risk) = (&planned.plan, planned.risk.level);
        let needed = planned.policy.approvals_for(plan, risk) as usize;
        if self.approvals.len() < needed {
            let way_back =
                self.way_back().map(|told| format!(", with no way back after {}", told.none_after));
            let given = self.approvals.len();
            let what =
                format!("approvals: {given} of {needed} for {risk} risk{}", way_back.unwrap_or_default());
            missing.push(Missing::person(what, "someone who is not an author runs `approve`"));
        }
        missing
    }

    /// The checks that a gate asks for.
    pub fn checks_asked(&self, gate: Gate) -> Vec<CheckName> {
        let (Some(planned), Some((_, track))) = (&self.planned, self.track()) else {
            return Vec::new();
        };
        match gate {
            Gate::Staging => {
                planned.policy.staging_checks(&planned.plan, planned.risk.level, track).into_iter().collect()
            }
            Gate::Validation => planned.policy.validation_checks().into_iter().collect(),
            Gate::Plan | Gate::Step(_) | Gate::Freeze | Gate::WayBack => Vec::new(),
        }
    }

    fn missing_checks(&self, gate: Gate, now: Timestamp) -> Vec<Missing> {
        let overridden =
            |check: &CheckName| self.override_at(gate, now).is_some_and(|one| one.checks.contains(check));
        self.checks_asked(gate)
            .into_iter()
            .filter(|check| !overridden(check))
            .filter_map(|check| match self.checks.get(&check) {
                None => Some(Missing::person(
                    format!("the check {check}"),
                    format!("someone records its outcome (check {check})"),
                )),
                Some(done) => match done.outcome {
                    CheckOutcome::Passed if done.is_stale(now) => Some(Missing::relman(
                        format!("the check {check}: it last passed at {}, which is too long ago", done.at),
                        format!("a conductor runs it again, or someone records its outcome (check {check})"),
                    )),
                    CheckOutcome::Passed => None,
                    CheckOutcome::Failed => {
                        let what = format!("the check {check}: it has failed, {}", done.evidence);
                        let by = "it passes in a new run, or an executive overrides the gate (override)";
                        Some(Missing::person(what, by))
                    }
                },
            })
            .collect()
    }

    fn missing_because_frozen(&self, now: Timestamp) -> Option<Missing> {
        let frozen = self.frozen_at(now)?;
        let what = format!("the end of {frozen}");
        let by = "the freeze ends, or an executive overrides it (override --gate freeze)";
        Some(Missing::person(what, by).until(frozen.until))
    }

    /// The freeze that keeps the release from going forward, and when none does any more. An override covers the freezes
    /// that it names: one that begins later stands in the way again.
    pub fn frozen_at(&self, now: Timestamp) -> Option<Frozen<'_>> {
        let covered = self.override_at(Gate::Freeze, now).map(|granted| &granted.freezes);
        let stands_in_the_way = |freeze: &&Freeze| {
            covered.is_none_or(|covered| !covered.is_empty() && !covered.contains(&freeze.name()))
        };
        let freezes = self.policy()?.freezes().iter().filter(stands_in_the_way);
        Frozen::by(freezes, self.on_the_calendar(now))
    }

    /// Whether an executive has excepted the release from a freeze, by name.
    pub(super) fn is_excepted(&self, freeze: &Text, now: Timestamp) -> bool {
        let granted = self.override_at(Gate::Freeze, now).map(|granted| &granted.freezes);
        granted.is_some_and(|freezes| freezes.is_empty() || freezes.contains(freeze))
    }

    /// The freezes in force, by name, whether or not an override covers them.
    pub(super) fn freezes_in_force(&self, now: Timestamp) -> BTreeSet<Text> {
        let now = self.on_the_calendar(now);
        let freezes = self.policy().map_or(&[][..], Policy::freezes).iter();
        let mut in_force: BTreeSet<Text> =
            freezes.filter(|freeze| freeze.frozen_at(now).is_some()).map(Freeze::name).collect();
        if let Some(HoldReason::Frozen { freeze, .. }) =
            self.holds.get(&HoldCause::Freeze).map(|hold| &hold.reason)
        {
            in_force.insert(freeze.clone());
        }
        in_force
    }

    fn missing_in_step(&self, now: Timestamp) -> Vec<Missing> {
        let mut missing = Vec::new();
        let Some(step) = self.phase.step() else {
            return missing;
        };
        match step.traffic {
            TrafficState::Requested => {
                missing.push(Missing::world(format!("traffic at {}", step.share), "the deployer sets it"));
            }
            TrafficState::Promoting => {}
            TrafficState::Set { looked_until } => {
                // A gate is passed on what is seen now, not on what was seen before a conductor stood still.
                if now.since(looked_until) > self.longest_credit() {
                    let what = format!("a current evaluation: the last one was at {looked_until}");
                    missing.push(Missing::relman(what, "a conductor runs"));
                }
            }
        }
        if step.baked < step.bake {
            let left = step.bake.saturating_sub(step.baked);
            let what = format!("{left} of {} on fresh data", step.bake);
            let by = "time passes while everything can be measured";
            missing.push(Missing::relman(what, by).until(Some(now + left)));
        }
        missing.extend(self.criteria_not_clean());
        missing
    }

    /// The criteria that were not clean on enough data in this step, with the reason.
    fn criteria_not_clean(&self) -> Vec<Missing> {
        let (Some(step), Some(plan)) = (self.phase.step(), self.plan()) else {
            return Vec::new();
        };
        let criteria = plan.contract().map_or(&[][..], |contract| contract.criteria());
        criteria
            .iter()
            .enumerate()
            .filter(|(index, _)| !step.clean.contains(index))
            .map(|(index, criterion)| {
                let why = match step.outcomes.get(index).map(|judged| &judged.outcome) {
                    None => "not evaluated yet".to_owned(),
                    Some(Outcome::Undecided(undecided)) => undecided.to_string(),
                    Some(Outcome::Pass | Outcome::Fail) => "not decided in this step".to_owned(),
                };
                Missing::world(
                    format!("`{criterion}` clean on enough data: {why}"),
                    "enough requests are measured",
                )
            })
            .collect()
    }

    /// The override of a gate that is in force.
    pub(super) fn override_at(&self, gate: Gate, now: Timestamp) -> Option<&super::Override> {
        self.overrides.get(&gate).filter(|granted| granted.expires_at > now)
    }

    /// A time of the stream as the calendar has it, by the clock of whoever drives.
    pub(super) fn on_the_calendar(&self, at: Timestamp) -> Timestamp {
        at.minus(self.skew)
    }

    pub(super) fn confirmations(&self) -> u32 {
        self.policy().map_or(1, |policy| policy.rollback().confirmations)
    }
}
