//! A policy as a file: what people write, its schema, and the one that ships with relman.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    FollowUpRules, Freeze, NoDataAction, NoDataRule, NoDataRules, OnCallRules, OverrideRules, Permission,
    Policy, PolicyError, Roles, RollbackRules, Step, Track, TrackUse, policy::RawPolicy, track::RawTrack,
};
use crate::{
    judge::Judging,
    plan::RiskLevel,
    unit::{
        Channel, CheckName, Finite, MetricName, Role, Span, Tag, Text, TrackName, TrafficShare, as_text, file,
    },
};

/// Why a file is not a policy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// The file is not TOML, or not of the form that a policy has; says line and column.
    #[error("failed to read the policy")]
    Toml(#[from] toml::de::Error),
    /// What it says is not allowed.
    #[error("failed to read the policy")]
    Policy(#[from] PolicyError),
}

impl Policy {
    /// The policy that ships with relman, with the tracks `standard`, `small-change` and `high-risk`.
    ///
    /// Its text is [`SHIPPED_TOML`](Self::SHIPPED_TOML): a good start for your own.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn shipped() -> Self {
        Self::from_toml(Self::SHIPPED_TOML).expect("a test reads the shipped policy")
    }

    /// The text of the shipped policy.
    pub const SHIPPED_TOML: &str = include_str!("shipped.toml");

    /// Reads a policy from TOML. The format is described by [`Policy::json_schema`](Self::json_schema).
    ///
    /// # Errors
    ///
    /// [`PolicyFileError`]: line and column, or the rule that is broken.
    pub fn from_toml(text: &str) -> Result<Self, PolicyFileError> {
        let file: PolicyFile = file::from_toml(text)?;
        Ok(file.into_policy()?)
    }

    /// The JSON Schema of a policy file, for editors.
    #[cfg(feature = "schema")]
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(PolicyFile)
    }
}

/// A release policy, as people write it. Durations are `30m` or `1h 30m`, shares `1%`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReleasePolicy"))]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    /// The name, for people.
    name: Text,
    /// The version, for people.
    version: Text,
    /// The metrics that are watched in every step of every release.
    #[serde(default = "default_watch")]
    watch: BTreeSet<MetricName>,
    /// The track of a release that asks for none, by risk.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"enum": ["low", "standard", "high"]})))]
    default_track: BTreeMap<RiskLevel, TrackName>,
    /// The tracks by name.
    tracks: BTreeMap<TrackName, TrackFile>,
    /// The risk of what a change may touch.
    #[serde(default)]
    risk: BTreeMap<Tag, RiskLevel>,
    /// Checks that the gates ask for besides the built-in ones.
    #[serde(default)]
    gates: GatesFile,
    /// How many people approve a release, by risk.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"enum": ["low", "standard", "high"]})))]
    approvals: BTreeMap<RiskLevel, u32>,
    /// Which roles allow what.
    #[cfg_attr(
        feature = "schema",
        schemars(extend(
            "propertyNames" = {"enum": ["plan", "approve", "check", "override", "on_call", "operate"]},
            "required" = ["plan", "approve", "check", "override", "on_call", "operate"]
        ))
    )]
    roles: BTreeMap<Permission, BTreeSet<Role>>,
    /// What to do when there is no value.
    #[serde(default)]
    no_data: BTreeMap<NoDataKind, NoDataFile>,
    /// How on-call cover works.
    #[serde(default)]
    on_call: OnCallFile,
    /// How a rollback is carried out.
    #[serde(default)]
    rollback: RollbackFile,
    /// What an override may do.
    #[serde(default, rename = "override")]
    overrides: OverrideFile,
    /// By when people do what they still have to do for a release that has ended.
    #[serde(default)]
    follow_up: FollowUpFile,
    /// How criteria are judged.
    #[serde(default, skip_serializing_if = "Judging::is_default")]
    judging: Judging,
    /// Times in which nothing new is exposed.
    #[serde(default, rename = "freeze")]
    freezes: Vec<Freeze>,
}

/// R3: error rate, latency and logs are watched in every step.
fn default_watch() -> BTreeSet<MetricName> {
    ["error_rate", "latency_p99", "log_errors"]
        .map(|name| name.parse().expect("the built-in metrics have valid names"))
        .into()
}

/// One track: the ordered steps of a rollout.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TrackFile {
    /// The highest risk that may take this track.
    highest_risk: RiskLevel,
    /// `everyone`, or `drills` for a track whose durations are below the floors of production.
    #[serde(default, rename = "use")]
    used_by: UsedBy,
    /// The steps; shares rise strictly up to 100%, less what is held back. The bake time of the last one is the validation.
    steps: Vec<StepFile>,
    /// The part of the traffic that stays on the old version until the release is complete, at most 10%: with it the
    /// validation has a baseline at the same time to compare with.
    #[serde(with = "as_text", default, skip_serializing_if = "TrafficShare::is_zero")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::ShareText"))]
    hold_back: TrafficShare,
    /// The time between two looks at the metrics.
    #[serde(with = "as_text", default = "default_look")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    look_every: Span,
    /// How many requests a verdict rests on at least.
    #[serde(default = "default_requests")]
    min_requests: u64,
    /// Checks that this track adds to the staging gate.
    #[serde(default)]
    checks: BTreeSet<CheckName>,
}

fn default_look() -> Span {
    Span::from_minutes(1)
}

/// At 1 % errors, a hundred requests show one on average: fewer say nothing about such a rate.
fn default_requests() -> u64 {
    100
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum UsedBy {
    #[default]
    Everyone,
    Drills,
}

/// One step of a track.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct StepFile {
    /// The share of the traffic, such as 1%.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::ShareText"))]
    share: TrafficShare,
    /// How long the step is observed before it can pass.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    bake: Span,
    /// The size of a regression that the data have to exclude before the step can pass, as a multiple of the baseline:
    /// 2 for a doubling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    exclude: Option<Finite>,
}

/// Checks that the gates ask for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct GatesFile {
    /// Checks of the staging gate besides unit, integration and end-to-end.
    #[serde(default)]
    staging: BTreeSet<CheckName>,
    /// Checks of the validation gate besides user-flows.
    #[serde(default)]
    validation: BTreeSet<CheckName>,
    /// What the person who signs manual-qa confirms, item by item.
    #[serde(default)]
    qa_checklist: Vec<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum NoDataKind {
    NoData,
    Stale,
    ProviderError,
    NotFinite,
}

/// What to do for one way of having no value.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct NoDataFile {
    /// `hold` or `roll_back`.
    action: NoDataAction,
    /// How long to hold before rolling back; for good where this is left out.
    #[serde(default)]
    roll_back_after: Option<Duration>,
}

/// A duration in a place where serde's `with` does not reach.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(transparent)]
struct Duration(
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    Span,
);

/// How on-call cover works.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct OnCallFile {
    /// How long one acknowledgement covers.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    shift: Span,
    /// Where on-call is paged.
    channel: Channel,
}

impl Default for OnCallFile {
    /// Twelve hours: two people share a day.
    fn default() -> Self {
        Self { shift: Span::from_hours(12), channel: "on-call".parse().expect("a valid name") }
    }
}

/// How a rollback is carried out.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RollbackFile {
    /// How long to wait before a failed change is tried again.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    retry_every: Span,
    /// How long to wait between two observations of zero traffic.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    confirm_every: Span,
    /// How many observations of zero traffic in a row confirm a rollback.
    confirmations: u32,
    /// How long users that are pinned to the new version may finish what they are at, before they are cut off.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    drain: Span,
}

impl Default for RollbackFile {
    /// Two observations five seconds apart: a change that is still under way shows in the second.
    fn default() -> Self {
        Self {
            retry_every: Span::from_secs(10),
            confirm_every: Span::from_secs(5),
            confirmations: 2,
            drain: Span::from_minutes(5),
        }
    }
}

/// What an override may do.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct OverrideFile {
    /// The longest time until an override expires.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    longest: Span,
}

impl Default for OverrideFile {
    /// A day: what is still true tomorrow should be decided again.
    fn default() -> Self {
        Self { longest: Span::from_hours(24) }
    }
}

/// By when people do what they still have to do for a release that has ended.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct FollowUpFile {
    /// How long after it is opened a post-mortem is due.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    post_mortem_within: Span,
    /// How long after it is opened an action item is due, where whoever opens it says nothing else.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "as_text::DurationText"))]
    action_items_within: Span,
}

impl Default for FollowUpFile {
    fn default() -> Self {
        let FollowUpRules { post_mortem_within, action_items_within } = FollowUpRules::default();
        Self { post_mortem_within, action_items_within }
    }
}

impl TrackFile {
    fn into_track(self) -> Track {
        Track(RawTrack {
            highest_risk: self.highest_risk,
            used_by: match self.used_by {
                UsedBy::Everyone => TrackUse::Anyone,
                UsedBy::Drills => TrackUse::DrillsOnly,
            },
            steps: self
                .steps
                .iter()
                .map(|step| Step { share: step.share, bake: step.bake, exclude: step.exclude })
                .collect(),
            hold_back: self.hold_back,
            look_every: self.look_every,
            min_requests: self.min_requests,
            checks: self.checks,
        })
    }
}

impl PolicyFile {
    fn into_policy(mut self) -> Result<Policy, PolicyError> {
        let tracks = self.tracks.into_iter().map(|(name, track)| (name, track.into_track())).collect();
        let defaults = NoDataRules::default();
        let mut rule = |kind, default| match self.no_data.remove(&kind) {
            Some(file) => NoDataRule {
                action: file.action,
                roll_back_after: file.roll_back_after.map(|Duration(span)| span),
            },
            None => default,
        };
        let no_data = NoDataRules {
            no_data: rule(NoDataKind::NoData, defaults.no_data),
            stale: rule(NoDataKind::Stale, defaults.stale),
            provider_error: rule(NoDataKind::ProviderError, defaults.provider_error),
            not_finite: rule(NoDataKind::NotFinite, defaults.not_finite),
        };
        let policy = Policy(RawPolicy {
            name: self.name,
            version: self.version,
            tracks,
            default_tracks: self.default_track,
            risk: self.risk,
            watch: self.watch,
            staging_checks: self.gates.staging,
            validation_checks: self.gates.validation,
            qa_checklist: self.gates.qa_checklist,
            approvals: self.approvals,
            roles: Roles::new(self.roles),
            no_data,
            on_call: OnCallRules { shift: self.on_call.shift, channel: self.on_call.channel },
            rollback: RollbackRules {
                retry_every: self.rollback.retry_every,
                confirm_every: self.rollback.confirm_every,
                confirmations: self.rollback.confirmations,
                drain: self.rollback.drain,
            },
            overrides: OverrideRules { longest: self.overrides.longest },
            freezes: self.freezes,
            follow_up: FollowUpRules {
                post_mortem_within: self.follow_up.post_mortem_within,
                action_items_within: self.follow_up.action_items_within,
            },
            judging: self.judging,
        });
        policy.check()?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::with_causes;

    fn refused(from: &str, to: &str) -> String {
        assert!(Policy::SHIPPED_TOML.contains(from), "{from}");
        with_causes(&Policy::from_toml(&Policy::SHIPPED_TOML.replacen(from, to, 1)).unwrap_err())
    }

    #[test]
    fn the_shipped_policy_survives_a_record() {
        let policy = Policy::shipped();
        let json = serde_json::to_string(&policy).unwrap();
        assert!(json.contains(r#"{"share_bp":100,"bake_ms":1800000}"#), "{json}");
        assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    }

    #[test]
    fn g3_a_production_track_keeps_to_the_floors() {
        for (from, to, part) in [
            ("share = \"1%\"", "share = \"6%\"", "its first step is 6%"),
            ("share = \"1%\"", "share = \"0%\"", "its first step is 0%"),
            ("share = \"10%\"", "share = \"50%\"", "step 3 is 50% after 50%"),
            ("    { share = \"10%\", bake = \"2h\" },\n", "", "it has 2 steps before 100%, at least 3"),
            ("    { share = \"100%\", bake = \"24h\" },\n", "", "its last step is 50%"),
            ("bake = \"30m\"", "bake = \"4m\"", "bakes for 4m, at least 5m"),
            ("bake = \"24h\"", "bake = \"23h 59m\"", "bakes for 23h 59m, at least 24h"),
            ("look_every = \"1m\"", "look_every = \"20m\"", "it looks every 20m"),
            ("min_requests = 100", "min_requests = 0", "min_requests must be at least 1"),
        ] {
            let error = refused(from, to);
            assert!(error.contains("track standard: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_hold_back_is_small_and_what_the_last_step_leaves() {
        let standard = "[tracks.standard]\n";
        let held_back = |part: &str, last: &str| {
            let text =
                Policy::SHIPPED_TOML.replacen(standard, &format!("{standard}hold_back = \"{part}\"\n"), 1);
            Policy::from_toml(&text.replacen("share = \"100%\"", &format!("share = \"{last}\""), 1))
        };
        let policy = held_back("2.5%", "97.5%").unwrap();
        let (_, track) = policy.tracks().iter().find(|(name, _)| name.as_str() == "standard").unwrap();
        assert_eq!(track.hold_back().basis_points(), 250);
        let recorded = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&recorded).unwrap(), policy);
        let error = with_causes(&held_back("2%", "100%").unwrap_err());
        assert!(error.contains("its last step is 100%: it must be 98%"), "{error}");
        let error = with_causes(&held_back("20%", "80%").unwrap_err());
        assert!(error.contains("it holds back 20%: at most 10%"), "{error}");
        assert_eq!(
            Policy::shipped().tracks().values().map(|track| track.hold_back().basis_points()).max(),
            Some(0)
        );
    }

    #[test]
    fn a_drill_track_may_be_short_and_never_have_fewer_steps() {
        let drill = |steps: &str| {
            let track = format!(
                "[tracks.drill]\nhighest_risk = \"high\"\nuse = \"drills\"\nlook_every = \"1s\"\nsteps = [{steps}]\n[risk]"
            );
            Policy::from_toml(&Policy::SHIPPED_TOML.replacen("[risk]", &track, 1))
        };
        let steps = r#"{share="1%",bake="5s"},{share="10%",bake="5s"},{share="50%",bake="5s"},{share="100%",bake="10s"}"#;
        assert!(drill(steps).is_ok());
        let fewer = with_causes(&drill(r#"{share="1%",bake="5s"},{share="100%",bake="10s"}"#).unwrap_err());
        assert!(fewer.contains("track drill: it has 1 steps before 100%"), "{fewer}");
    }

    #[test]
    fn an_integer_that_no_record_can_hold_is_named_whichever_it_is() {
        let text = Policy::SHIPPED_TOML;
        let mut tried = 0;
        for (index, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(" = ").filter(|(_, value)| value.parse::<u64>().is_ok())
            else {
                continue;
            };
            let line = format!("{key} = 9007199254740992");
            let altered: Vec<&str> =
                text.lines().enumerate().map(|(at, whole)| if at == index { &line } else { whole }).collect();
            let error = with_causes(&Policy::from_toml(&altered.join("\n")).unwrap_err());
            assert!(error.contains(&format!("{key} is 9007199254740992: integers must be")), "{error}");
            tried += 1;
        }
        assert!(tried > 3, "the shipped policy has integers");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (from, to, part) in [
            ("bake = \"30m\"", "bake = 30", "invalid type: integer `30`, expected"),
            ("bake = \"30m\"", "bake = \"soon\"", "is not a duration such as 30m"),
            ("payments = \"high\"", "payments = \"low\"", "risk.payments is low"),
            (
                "high = \"high-risk\"",
                "high = \"standard\"",
                "default_track.high is `standard`: that track is for lower risk only",
            ),
            ("override = [\"executive\"]", "override = []", "nobody could override a gate"),
            ("high = 2", "high = 1", "approvals is 1 for high risk"),
            ("confirmations = 2", "confirmations = 0", "rollback.confirmations is 0"),
            ("[approvals]", "[aprovals]", "unknown field `aprovals`"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(part), "{error}");
        }
    }
}
