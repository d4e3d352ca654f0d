//! What `plan_recorded` and `plan_revised` hold: the plan, the policy in force, and the risk that it gives the plan.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    policy::Policy,
    words::{Kind, Level, Moment, Performance, SeenBy},
};
use crate::{
    event::{PlanRecorded, PlanRevised},
    plan::{self, Criterion, PlanDocument, RiskAssessment, RiskReason, RollbackContract},
    unit::{
        Channel, MetricName, ReleaseId, Role, ServiceName, Tag, TargetName, Text, TrackName, TrafficShare,
        UnitError,
    },
};

/// The data of both kinds; the risk is in another form in version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned<R = Risk> {
    plan: Plan,
    policy: Policy,
    risk: R,
    track: TrackName,
    roles: BTreeSet<Role>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    release: ReleaseId,
    title: Text,
    kind: Kind,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    track: Option<TrackName>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    risk: Option<Level>,
    watch: Vec<MetricName>,
    scope: Scope,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    contract: Option<Contract>,
    communication: Vec<Notice>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    service: ServiceName,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    target: Option<TargetName>,
    summary: Text,
    artifact: Artifact,
    replaces: Text,
    audience: SeenBy,
    performance: Performance,
    touches: BTreeSet<Tag>,
    links: Vec<Text>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    name: Text,
    version: Text,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    digest: Option<Text>,
}

/// A criterion is a text that people write, and the grammar of that is the format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contract {
    criteria: Vec<Criterion>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    way_back: Option<WayBack>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WayBack {
    none_after_bp: TrafficShare,
    reason: Text,
    instead: Text,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notice {
    audience: Text,
    channel: Channel,
    moments: BTreeSet<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Risk {
    level: Level,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    declared: Option<Level>,
    reasons: Vec<Reason>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
enum Reason {
    Touches { tag: Tag, level: Level },
    TouchesNothing {},
    Raised { to: Level },
    NotLowered { said: Level },
    InWords { text: String },
}

/// As version 1 had it: with sentences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Risk1 {
    level: Level,
    #[serde(default, deserialize_with = "crate::chain::present")]
    declared: Option<Level>,
    reasons: Vec<String>,
}

impl<R: Into<RiskAssessment>> TryFrom<Planned<R>> for PlanRecorded {
    type Error = UnitError;

    fn try_from(planned: Planned<R>) -> Result<Self, UnitError> {
        let Planned { plan, policy, risk, track, roles } = planned;
        let (plan, policy) = (Arc::new(plan.into()), Arc::new(policy.try_into()?));
        Ok(Self { plan, policy, risk: risk.into(), track, roles })
    }
}

impl<R: Into<RiskAssessment>> TryFrom<Planned<R>> for PlanRevised {
    type Error = UnitError;

    fn try_from(planned: Planned<R>) -> Result<Self, UnitError> {
        let PlanRecorded { plan, policy, risk, track, roles } = planned.try_into()?;
        Ok(Self { plan, policy, risk, track, roles })
    }
}

impl From<PlanRecorded> for Planned {
    fn from(recorded: PlanRecorded) -> Self {
        let PlanRecorded { plan, policy, risk, track, roles } = recorded;
        Self { plan: Plan::of(&plan), policy: Policy::of(&policy), risk: Risk::of(risk), track, roles }
    }
}

impl From<PlanRevised> for Planned {
    fn from(revised: PlanRevised) -> Self {
        let PlanRevised { plan, policy, risk, track, roles } = revised;
        PlanRecorded { plan, policy, risk, track, roles }.into()
    }
}

impl Serialize for PlanRecorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Planned::from(self.clone()).serialize(serializer)
    }
}

impl Serialize for PlanRevised {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Planned::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PlanRecorded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Planned::<Risk>::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for PlanRevised {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Planned::<Risk>::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl Plan {
    fn of(plan: &plan::Plan) -> Self {
        let plan::Scope {
            service,
            target,
            summary,
            artifact,
            replaces,
            audience,
            performance,
            touches,
            links,
        } = plan.scope().clone();
        let plan::Artifact { name, version, digest } = artifact;
        let scope = Scope {
            service,
            target,
            summary,
            artifact: Artifact { name, version, digest },
            replaces,
            audience: audience.into(),
            performance: performance.into(),
            touches,
            links,
        };
        let notices = plan.communication().notices.iter().map(|notice| Notice {
            audience: notice.audience.clone(),
            channel: notice.channel.clone(),
            moments: notice.moments.iter().copied().map(Into::into).collect(),
        });
        Self {
            release: plan.release().clone(),
            title: plan.title().clone(),
            kind: plan.kind().into(),
            track: plan.track().cloned(),
            risk: plan.declared_risk().map(Into::into),
            watch: plan.watch().to_vec(),
            scope,
            contract: plan.contract().map(|contract| Contract {
                criteria: contract.criteria().to_vec(),
                way_back: contract.way_back().map(|plan::WayBack { none_after, reason, instead }| WayBack {
                    none_after_bp: none_after,
                    reason,
                    instead,
                }),
            }),
            communication: notices.collect(),
        }
    }
}

impl From<Plan> for plan::Plan {
    fn from(recorded: Plan) -> Self {
        let Plan { release, title, kind, track, risk, watch, scope, contract, communication } = recorded;
        let Scope { service, target, summary, artifact, replaces, audience, performance, touches, links } =
            scope;
        let Artifact { name, version, digest } = artifact;
        let notices = communication.into_iter().map(|Notice { audience, channel, moments }| plan::Notice {
            audience,
            channel,
            moments: moments.into_iter().map(Into::into).collect(),
        });
        Self::recorded(PlanDocument {
            release,
            title,
            kind: kind.into(),
            track,
            risk: risk.map(Into::into),
            watch,
            scope: plan::Scope {
                service,
                target,
                summary,
                artifact: plan::Artifact { name, version, digest },
                replaces,
                audience: audience.into(),
                performance: performance.into(),
                touches,
                links,
            },
            contract: contract.map(|Contract { criteria, way_back }| {
                let way_back =
                    way_back.map(|told| plan::WayBack::new(told.none_after_bp, told.reason, told.instead));
                RollbackContract::recorded(criteria, way_back)
            }),
            communication: plan::CommunicationPlan { notices: notices.collect() },
        })
    }
}

impl Risk {
    fn of(risk: RiskAssessment) -> Self {
        let reasons = risk.reasons.into_iter().map(|reason| match reason {
            RiskReason::Touches { tag, level } => Reason::Touches { tag, level: level.into() },
            RiskReason::TouchesNothing => Reason::TouchesNothing {},
            RiskReason::Raised { to } => Reason::Raised { to: to.into() },
            RiskReason::NotLowered { said } => Reason::NotLowered { said: said.into() },
            RiskReason::InWords(text) => Reason::InWords { text },
        });
        Self { level: risk.level.into(), declared: risk.declared.map(Into::into), reasons: reasons.collect() }
    }
}

impl From<Risk> for RiskAssessment {
    fn from(Risk { level, declared, reasons }: Risk) -> Self {
        let reasons = reasons.into_iter().map(|reason| match reason {
            Reason::Touches { tag, level } => RiskReason::Touches { tag, level: level.into() },
            Reason::TouchesNothing {} => RiskReason::TouchesNothing,
            Reason::Raised { to } => RiskReason::Raised { to: to.into() },
            Reason::NotLowered { said } => RiskReason::NotLowered { said: said.into() },
            Reason::InWords { text } => RiskReason::InWords(text),
        });
        Self { level: level.into(), declared: declared.map(Into::into), reasons: reasons.collect() }
    }
}

impl From<Risk1> for RiskAssessment {
    fn from(Risk1 { level, declared, reasons }: Risk1) -> Self {
        let reasons = reasons.into_iter().map(of_words).collect();
        Self { level: level.into(), declared: declared.map(Into::into), reasons }
    }
}

/// The sentences of version 1 were always these, so that a deep verification still derives them.
fn of_words(text: String) -> RiskReason {
    let level = |word: &str| plan::RiskLevel::ALL.into_iter().find(|level| level.to_string() == word);
    let touches = || {
        let (tag, level_of) = text.strip_prefix("it touches ")?.split_once(", which is ")?;
        let (tag, level) = (tag.parse().ok()?, level(level_of.strip_suffix(" risk")?)?);
        Some(RiskReason::Touches { tag, level })
    };
    let raised = || {
        let to = level(text.strip_prefix("the author raised it to ")?)?;
        Some(RiskReason::Raised { to })
    };
    let not_lowered = || {
        let said = text.strip_prefix("the author said ")?.strip_suffix(", which can't lower it")?;
        Some(RiskReason::NotLowered { said: level(said)? })
    };
    let nothing = || {
        (text == "it names nothing that it touches, which is standard risk")
            .then_some(RiskReason::TouchesNothing)
    };
    let known = touches().or_else(raised).or_else(not_lowered).or_else(nothing);
    known.unwrap_or(RiskReason::InWords(text))
}
