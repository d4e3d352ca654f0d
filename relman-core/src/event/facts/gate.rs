//! The plan, its gates, and what decides about them.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    event::{CheckOutcome, Ground},
    judge::Verdict,
    plan::{Plan, RiskAssessment},
    policy::Policy,
    unit::{CheckName, Role, Text, Timestamp, TrackName, UnitError, schema_as_text, serde_as_text},
};

/// A plan was recorded, with the policy in force.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlanRecorded {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The policy, by value.
    pub policy: Arc<Policy>,
    /// The risk, as the policy assesses it.
    pub risk: RiskAssessment,
    /// The track that the release takes.
    pub track: TrackName,
    /// The author's roles.
    pub roles: BTreeSet<Role>,
}

/// The plan was changed. Approvals so far are void.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlanRevised {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The policy, by value.
    pub policy: Arc<Policy>,
    /// The risk, as the policy assesses it.
    pub risk: RiskAssessment,
    /// The track that the release takes.
    pub track: TrackName,
    /// The roles of the one who changed it, who is an author from now on.
    pub roles: BTreeSet<Role>,
}

facts! {
    /// Someone other than an author approved the plan.
    struct PlanApproved {
        /// The record that holds the plan that was approved.
        plan_record: u64,
        /// The approver's roles.
        roles: BTreeSet<Role>,
    }

    /// A gate was passed.
    struct GatePassed {
        /// Which gate.
        gate: Gate,
        /// On what grounds.
        grounds: Vec<Ground>,
        /// The last verdict on each criterion, where a step ends with it. What a verdict rests on is left out where it would be
        /// too much for a record.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        verdicts: Vec<Verdict>,
    }

    /// A gate failed; a person has to decide.
    struct GateFailed {
        /// Which gate.
        gate: Gate,
        /// Why.
        reasons: Vec<Ground>,
    }

    /// The outcome of a check was recorded.
    struct CheckRecorded {
        /// Which check.
        check: CheckName,
        /// How it ended.
        outcome: CheckOutcome,
        /// What shows it: a link, a summary.
        evidence: Text,
        /// For a checklist, the items that were confirmed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Text>,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// An executive has overridden a failed gate.
    struct OverrideGranted {
        /// Which gate.
        gate: Gate,
        /// The failed checks that it covers; none for a freeze.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        checks: BTreeSet<CheckName>,
        /// The freezes that it covers, by name; none for another gate, and in older records for every freeze.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        freezes: BTreeSet<Text>,
        /// Why.
        reason: Text,
        /// When it expires if it was not used.
        expires_at: Timestamp,
        /// The executive's roles.
        roles: BTreeSet<Role>,
    }

    /// An override was not used in time.
    struct OverrideExpired {
        /// Which gate.
        gate: Gate,
    }
}

impl GatePassed {
    /// What it was passed on, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let grounds = self.grounds.iter().map(Ground::to_string);
        grounds.chain(self.verdicts.iter().map(Verdict::to_string)).collect()
    }
}

impl GateFailed {
    /// Why it was not passed, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        self.reasons.iter().map(Ground::to_string).collect()
    }
}

/// The go/no-go at the end of a phase or step: `plan`, `staging`, `step-1`, `validation`, `freeze` for a time in
/// which nothing new is exposed, and `way-back` for a rollback of what can't be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Contract in place, approved by someone else.
    Plan,
    /// Every check of staging passed.
    Staging,
    /// A step of the rollout, by its number from 1: bake time served, enough samples, every criterion clean.
    Step(u32),
    /// The validation under cover.
    Validation,
    /// A freeze of the policy.
    Freeze,
    /// The way back, of a change that has none beyond a share: an override lets a person roll back all the same.
    WayBack,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.pad("plan"),
            Self::Staging => f.pad("staging"),
            Self::Step(number) => f.pad(&format!("step-{number}")),
            Self::Validation => f.pad("validation"),
            Self::Freeze => f.pad("freeze"),
            Self::WayBack => f.pad("way-back"),
        }
    }
}

impl FromStr for Gate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "plan" => Ok(Self::Plan),
            "staging" => Ok(Self::Staging),
            "validation" => Ok(Self::Validation),
            "freeze" => Ok(Self::Freeze),
            "way-back" => Ok(Self::WayBack),
            other => match other.strip_prefix("step-").and_then(|number| number.parse().ok()) {
                Some(number) if number > 0 => Ok(Self::Step(number)),
                Some(_) | None => {
                    let problem =
                        "it is not one of plan, staging, step-1, step-2 …, validation, freeze, way-back";
                    Err(UnitError::new(text, "a gate", problem))
                }
            },
        }
    }
}

serde_as_text!(Gate);
schema_as_text!(
    Gate,
    "Gate",
    "plan, staging, step-1 …, validation, freeze or way-back",
    "staging",
    r"^(plan|staging|step-[1-9][0-9]*|validation|freeze|way-back)$"
);
