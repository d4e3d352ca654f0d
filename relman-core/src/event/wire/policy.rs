//! The policy in force, by value, as a plan's record holds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::words::{
    Allowed, Bad, IntervalBy, Level, OnFastAlarm, OnSampleRatio, SizeBy, StartWeights, UsedBy, WithoutData,
};
use crate::{
    judge::{self, evidence::Alpha, familiar, kayenta},
    policy::{self, FreezeWindow, RawPolicy, RawTrack, WrittenTime},
    unit::{
        Channel, CheckName, Finite, MetricName, Role, Span, Tag, Text, TrackName, TrafficShare, UnitError,
    },
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    name: Text,
    version: Text,
    tracks: BTreeMap<TrackName, Track>,
    default_tracks: BTreeMap<Level, TrackName>,
    risk: BTreeMap<Tag, Level>,
    watch: BTreeSet<MetricName>,
    staging_checks: BTreeSet<CheckName>,
    validation_checks: BTreeSet<CheckName>,
    qa_checklist: Vec<Text>,
    approvals: BTreeMap<Level, u32>,
    roles: BTreeMap<Allowed, BTreeSet<Role>>,
    no_data: MissingRules,
    on_call: OnCall,
    rollback: Rollback,
    overrides: Overrides,
    freezes: Vec<Freeze>,
    /// Left out where it is what a policy gets that says nothing.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    follow_up: Option<FollowUp>,
    /// Left out where it is what a policy gets that says nothing.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    judging: Option<Judging>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Track {
    highest_risk: Level,
    #[serde(rename = "use")]
    used_by: UsedBy,
    steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "TrafficShare::is_zero")]
    hold_back_bp: TrafficShare,
    look_every_ms: Span,
    min_requests: u64,
    checks: BTreeSet<CheckName>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    share_bp: TrafficShare,
    bake_ms: Span,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    exclude: Option<Finite>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingRules {
    no_data: MissingRule,
    stale: MissingRule,
    provider_error: MissingRule,
    not_finite: MissingRule,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingRule {
    action: WithoutData,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    roll_back_after_ms: Option<Span>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnCall {
    shift_ms: Span,
    channel: Channel,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    retry_every_ms: Span,
    confirm_every_ms: Span,
    confirmations: u32,
    /// Five minutes, if absent.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    drain_ms: Option<Span>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    longest_ms: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    from: Option<WrittenTime>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    until: Option<WrittenTime>,
    /// As a person wrote it, and the grammar of that is the format.
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    window: Option<FreezeWindow>,
    reason: Text,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowUp {
    post_mortem_within_ms: Span,
    action_items_within_ms: Span,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judging {
    alpha: f64,
    start_weights: StartWeights,
    method: Method,
    methods: BTreeMap<MetricName, Method>,
    fast_alarm: OnFastAlarm,
    sample_ratio: OnSampleRatio,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Method {
    Evidence,
    Threshold,
    FailedLooks(FailedLooks),
    MannWhitney(MannWhitney),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum FailedLooks {
    InARow { failed: u32 },
    OfTheLast { failed: u32, looks: u32 },
    InAll { failed: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MannWhitney {
    confidence: f64,
    tolerance: f64,
    direction: Bad,
    procedure: IntervalBy,
    effect_size: SizeBy,
    allowed_decrease: f64,
    allowed_increase: f64,
}

/// The same map with other keys and values.
fn each<A, B, K: From<A> + Ord, V: From<B>>(map: impl IntoIterator<Item = (A, B)>) -> BTreeMap<K, V> {
    map.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

impl Policy {
    pub(super) fn of(policy: &policy::Policy) -> Self {
        let raw = policy.raw().clone();
        let freezes = raw.freezes.into_iter().map(|freeze| Freeze {
            from: freeze.from,
            until: freeze.until,
            window: freeze.window,
            reason: freeze.reason,
        });
        Self {
            name: raw.name,
            version: raw.version,
            tracks: raw.tracks.into_iter().map(|(name, track)| (name, Track::of(track.into_raw()))).collect(),
            default_tracks: each(raw.default_tracks),
            risk: each(raw.risk),
            watch: raw.watch,
            staging_checks: raw.staging_checks,
            validation_checks: raw.validation_checks,
            qa_checklist: raw.qa_checklist,
            approvals: each(raw.approvals),
            roles: each(raw.roles.into_map()),
            no_data: MissingRules {
                no_data: raw.no_data.no_data.into(),
                stale: raw.no_data.stale.into(),
                provider_error: raw.no_data.provider_error.into(),
                not_finite: raw.no_data.not_finite.into(),
            },
            on_call: OnCall { shift_ms: raw.on_call.shift, channel: raw.on_call.channel },
            rollback: Rollback {
                retry_every_ms: raw.rollback.retry_every,
                confirm_every_ms: raw.rollback.confirm_every,
                confirmations: raw.rollback.confirmations,
                drain_ms: Some(raw.rollback.drain).filter(|drain| *drain != policy::five_minutes()),
            },
            overrides: Overrides { longest_ms: raw.overrides.longest },
            freezes: freezes.collect(),
            follow_up: (!raw.follow_up.is_default()).then_some(FollowUp {
                post_mortem_within_ms: raw.follow_up.post_mortem_within,
                action_items_within_ms: raw.follow_up.action_items_within,
            }),
            judging: (!raw.judging.is_default()).then(|| Judging::of(raw.judging)),
        }
    }
}

impl TryFrom<Policy> for policy::Policy {
    type Error = UnitError;

    fn try_from(recorded: Policy) -> Result<Self, UnitError> {
        let freezes = recorded.freezes.into_iter().map(policy::Freeze::try_from);
        let freezes: Vec<policy::Freeze> = freezes.collect::<Result<_, _>>()?;
        Ok(Self::recorded(RawPolicy {
            name: recorded.name,
            version: recorded.version,
            tracks: each(recorded.tracks),
            default_tracks: each(recorded.default_tracks),
            risk: each(recorded.risk),
            watch: recorded.watch,
            staging_checks: recorded.staging_checks,
            validation_checks: recorded.validation_checks,
            qa_checklist: recorded.qa_checklist,
            approvals: each(recorded.approvals),
            roles: policy::Roles::new(each(recorded.roles)),
            no_data: policy::NoDataRules {
                no_data: recorded.no_data.no_data.into(),
                stale: recorded.no_data.stale.into(),
                provider_error: recorded.no_data.provider_error.into(),
                not_finite: recorded.no_data.not_finite.into(),
            },
            on_call: policy::OnCallRules {
                shift: recorded.on_call.shift_ms,
                channel: recorded.on_call.channel,
            },
            rollback: policy::RollbackRules {
                retry_every: recorded.rollback.retry_every_ms,
                confirm_every: recorded.rollback.confirm_every_ms,
                confirmations: recorded.rollback.confirmations,
                drain: recorded.rollback.drain_ms.unwrap_or(policy::five_minutes()),
            },
            overrides: policy::OverrideRules { longest: recorded.overrides.longest_ms },
            freezes,
            follow_up: recorded.follow_up.map(Into::into).unwrap_or_default(),
            judging: recorded.judging.map(TryInto::try_into).transpose()?.unwrap_or_default(),
        }))
    }
}

impl Track {
    fn of(track: RawTrack) -> Self {
        let steps = track.steps.into_iter().map(|step| Step {
            share_bp: step.share,
            bake_ms: step.bake,
            exclude: step.exclude,
        });
        Self {
            highest_risk: track.highest_risk.into(),
            used_by: track.used_by.into(),
            steps: steps.collect(),
            hold_back_bp: track.hold_back,
            look_every_ms: track.look_every,
            min_requests: track.min_requests,
            checks: track.checks,
        }
    }
}

impl From<Track> for policy::Track {
    fn from(recorded: Track) -> Self {
        let steps = recorded.steps.into_iter().map(|step| policy::Step {
            share: step.share_bp,
            bake: step.bake_ms,
            exclude: step.exclude,
        });
        Self::recorded(RawTrack {
            highest_risk: recorded.highest_risk.into(),
            used_by: recorded.used_by.into(),
            steps: steps.collect(),
            hold_back: recorded.hold_back_bp,
            look_every: recorded.look_every_ms,
            min_requests: recorded.min_requests,
            checks: recorded.checks,
        })
    }
}

impl From<FollowUp> for policy::FollowUpRules {
    fn from(recorded: FollowUp) -> Self {
        Self {
            post_mortem_within: recorded.post_mortem_within_ms,
            action_items_within: recorded.action_items_within_ms,
        }
    }
}

impl TryFrom<Freeze> for policy::Freeze {
    type Error = UnitError;

    /// What says neither when it comes again nor from when until when it holds is no freeze of a policy.
    fn try_from(Freeze { from, until, window, reason }: Freeze) -> Result<Self, UnitError> {
        let lacks = match (&window, &from, &until) {
            (None, None, _) => "missing field `from`",
            (None, Some(_), None) => "missing field `until`",
            (Some(_), _, _) | (None, Some(_), Some(_)) => return Ok(Self { from, until, window, reason }),
        };
        Err(UnitError::new(reason.to_string(), "a freeze", lacks))
    }
}

impl From<policy::NoDataRule> for MissingRule {
    fn from(rule: policy::NoDataRule) -> Self {
        Self { action: rule.action.into(), roll_back_after_ms: rule.roll_back_after }
    }
}

impl From<MissingRule> for policy::NoDataRule {
    fn from(recorded: MissingRule) -> Self {
        Self { action: recorded.action.into(), roll_back_after: recorded.roll_back_after_ms }
    }
}

impl Judging {
    fn of(judging: judge::Judging) -> Self {
        Self {
            alpha: judging.alpha.get(),
            start_weights: judging.start_weights.into(),
            method: judging.method.into(),
            methods: each(judging.methods),
            fast_alarm: judging.fast_alarm.into(),
            sample_ratio: judging.sample_ratio.into(),
        }
    }
}

impl TryFrom<Judging> for judge::Judging {
    type Error = UnitError;

    fn try_from(recorded: Judging) -> Result<Self, UnitError> {
        Ok(Self {
            alpha: Alpha::try_from(recorded.alpha)?,
            start_weights: recorded.start_weights.into(),
            method: recorded.method.into(),
            methods: each(recorded.methods),
            fast_alarm: recorded.fast_alarm.into(),
            sample_ratio: recorded.sample_ratio.into(),
        })
    }
}

impl From<judge::MethodChoice> for Method {
    fn from(method: judge::MethodChoice) -> Self {
        match method {
            judge::MethodChoice::Evidence => Self::Evidence,
            judge::MethodChoice::Threshold => Self::Threshold,
            judge::MethodChoice::FailedLooks(rule) => Self::FailedLooks(match rule {
                familiar::Rule::InARow { failed } => FailedLooks::InARow { failed },
                familiar::Rule::OfTheLast { failed, looks } => FailedLooks::OfTheLast { failed, looks },
                familiar::Rule::InAll { failed } => FailedLooks::InAll { failed },
            }),
            judge::MethodChoice::MannWhitney(rule) => Self::MannWhitney(MannWhitney {
                confidence: rule.confidence,
                tolerance: rule.tolerance,
                direction: rule.direction.into(),
                procedure: rule.procedure.into(),
                effect_size: rule.effect_size.into(),
                allowed_decrease: rule.allowed_decrease,
                allowed_increase: rule.allowed_increase,
            }),
        }
    }
}

impl From<Method> for judge::MethodChoice {
    fn from(recorded: Method) -> Self {
        match recorded {
            Method::Evidence => Self::Evidence,
            Method::Threshold => Self::Threshold,
            Method::FailedLooks(rule) => Self::FailedLooks(match rule {
                FailedLooks::InARow { failed } => familiar::Rule::InARow { failed },
                FailedLooks::OfTheLast { failed, looks } => familiar::Rule::OfTheLast { failed, looks },
                FailedLooks::InAll { failed } => familiar::Rule::InAll { failed },
            }),
            Method::MannWhitney(rule) => Self::MannWhitney(kayenta::MannWhitneyRule {
                confidence: rule.confidence,
                tolerance: rule.tolerance,
                direction: rule.direction.into(),
                procedure: rule.procedure.into(),
                effect_size: rule.effect_size.into(),
                allowed_decrease: rule.allowed_decrease,
                allowed_increase: rule.allowed_increase,
            }),
        }
    }
}
