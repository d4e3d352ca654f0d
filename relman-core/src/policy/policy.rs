use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    FollowUpRules, Freeze, Frozen, NoDataRules, OnCallRules, OverrideRules, Permission, Roles, RollbackRules,
    Track, TrackError, WrittenTime, floors,
};
use crate::{
    judge::Judging,
    plan::{PerformanceImpact, Plan, ReleaseKind, RiskAssessment, RiskLevel, RiskReason, RollbackContract},
    unit::{CheckName, MetricName, Span, Tag, Text, Timestamp, TrackName},
};

/// The rules that a release obeys.
///
/// # Examples
///
/// ```
/// use relman_core::policy::Policy;
///
/// let policy = Policy::shipped();
/// let standard = policy.track(&"standard".parse()?).expect("the shipped policy has a standard track");
/// let steps: Vec<String> = standard.steps().iter().map(|step| format!("{} {}", step.share, step.bake)).collect();
/// assert_eq!(steps, ["1% 30m", "10% 2h", "50% 4h", "100% 24h"]);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(pub(super) RawPolicy);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPolicy {
    pub(crate) name: Text,
    pub(crate) version: Text,
    pub(crate) tracks: BTreeMap<TrackName, Track>,
    pub(crate) default_tracks: BTreeMap<RiskLevel, TrackName>,
    pub(crate) risk: BTreeMap<Tag, RiskLevel>,
    pub(crate) watch: BTreeSet<MetricName>,
    pub(crate) staging_checks: BTreeSet<CheckName>,
    pub(crate) validation_checks: BTreeSet<CheckName>,
    pub(crate) qa_checklist: Vec<Text>,
    pub(crate) approvals: BTreeMap<RiskLevel, u32>,
    pub(crate) roles: Roles,
    pub(crate) no_data: NoDataRules,
    pub(crate) on_call: OnCallRules,
    pub(crate) rollback: RollbackRules,
    pub(crate) overrides: OverrideRules,
    pub(crate) freezes: Vec<Freeze>,
    #[serde(default, skip_serializing_if = "FollowUpRules::is_default")]
    pub(crate) follow_up: FollowUpRules,
    #[serde(default, skip_serializing_if = "Judging::is_default")]
    pub(crate) judging: Judging,
}

/// Why rules are not a policy, or a plan does not fit them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A track is invalid.
    #[error("track {track}")]
    Track {
        /// The name of the track.
        track: TrackName,
        /// What is wrong with it.
        #[source]
        error: TrackError,
    },
    /// There is no track of that name.
    #[error("there is no track `{track}`; this policy has {known}")]
    UnknownTrack {
        /// The name that was asked for.
        track: TrackName,
        /// The names there are.
        known: String,
    },
    /// The risk is too high for the track.
    #[error(
        "the track `{track}` is for {highest} risk at most, and this release is {level} risk: {reasons}; use `{instead}`"
    )]
    TrackTooFast {
        /// The track that was asked for.
        track: TrackName,
        /// The highest risk that may take it.
        highest: RiskLevel,
        /// The risk of the release.
        level: RiskLevel,
        /// Why it is that.
        reasons: String,
        /// The track for that risk.
        instead: TrackName,
    },
    /// The track is for drills, and the release is for real.
    #[error(
        "the track `{track}` is for drills only: its durations are below the floors of a production release"
    )]
    DrillTrack {
        /// The track that was asked for.
        track: TrackName,
    },
    /// The change touches something that the policy has no level for.
    #[error(
        "the policy does not know the tag `{tag}`, only {known}; use one of these or add it under [risk]"
    )]
    UnknownTag {
        /// The tag.
        tag: Tag,
        /// The tags there are.
        known: String,
    },
    /// A level has no track of its own, or one that is not for it.
    #[error("default_track.{level} is `{track}`: {problem}")]
    DefaultTrack {
        /// The risk level.
        level: RiskLevel,
        /// The track that the policy gives it.
        track: TrackName,
        /// What is wrong with that.
        problem: &'static str,
    },
    /// A tag that is high risk by nature was given a lower level.
    #[error("risk.{tag} is {level}: authentication, payments and data migrations are always high risk")]
    RiskLowered {
        /// The tag.
        tag: Tag,
        /// The level that the policy gives it.
        level: RiskLevel,
    },
    /// A number or duration is out of its range.
    #[error("{field} is {value}: {allowed}")]
    OutOfRange {
        /// The field, as the file has it.
        field: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// A role is missing.
    #[error("roles.{0} is empty: nobody could {1}, and no release would get through")]
    NoRole(&'static str, Permission),
    /// A freeze that ends before it begins.
    #[error("the freeze from {from} ends before it begins, at {until}")]
    FreezeBackwards {
        /// Where it begins.
        from: WrittenTime,
        /// Where it ends.
        until: WrittenTime,
    },
    /// A freeze that says neither when it comes again nor from when until when it holds.
    #[error(
        "the freeze `{reason}` has no {lacks}: give from and until, or a window such as \"Fri 16:00–Mon 08:00 Europe/Berlin\""
    )]
    FreezeIncomplete {
        /// Why the freeze is there.
        reason: Text,
        /// What it lacks.
        lacks: &'static str,
    },
}

impl Policy {
    /// The policy that a record holds, whatever it says.
    pub(crate) fn recorded(raw: RawPolicy) -> Self {
        Self(raw)
    }

    pub(crate) fn raw(&self) -> &RawPolicy {
        &self.0
    }

    /// The name, for people.
    pub fn name(&self) -> &Text {
        &self.0.name
    }

    /// The version, for people; what counts is what is recorded.
    pub fn version(&self) -> &Text {
        &self.0.version
    }

    /// Every track by name.
    pub fn tracks(&self) -> &BTreeMap<TrackName, Track> {
        &self.0.tracks
    }

    /// A track by name.
    pub fn track(&self, name: &TrackName) -> Option<&Track> {
        self.0.tracks.get(name)
    }

    /// The risk of what a tag stands for; none for a tag that the policy does not know.
    pub fn risk_of(&self, tag: &Tag) -> Option<RiskLevel> {
        if RiskLevel::ALWAYS_HIGH.contains(&tag.as_str()) {
            return Some(RiskLevel::High);
        }
        self.0.risk.get(tag).copied()
    }

    /// Assesses the risk of a plan from what the change touches. The author's level raises it and never lowers it.
    pub fn assess(&self, plan: &Plan) -> RiskAssessment {
        let declared = plan.declared_risk();
        let touches = &plan.scope().touches;
        let risk_of = |tag| self.risk_of(tag).unwrap_or(RiskLevel::High);
        let assessed = touches.iter().map(risk_of).max().unwrap_or(RiskLevel::Standard);
        let level = assessed.max(declared.unwrap_or(RiskLevel::Low));
        let mut reasons: Vec<RiskReason> = touches
            .iter()
            .filter(|tag| risk_of(tag) == assessed)
            .map(|tag| RiskReason::Touches { tag: tag.clone(), level: assessed })
            .collect();
        if touches.is_empty() {
            reasons.push(RiskReason::TouchesNothing);
        }
        match declared {
            Some(declared) if declared > assessed => {
                reasons.push(RiskReason::Raised { to: declared });
            }
            Some(declared) if declared < assessed => {
                reasons.push(RiskReason::NotLowered { said: declared });
            }
            Some(_) | None => {}
        }
        RiskAssessment { level, declared, reasons }
    }

    /// The metrics that are watched in every step of every release.
    pub fn watch(&self) -> &BTreeSet<MetricName> {
        &self.0.watch
    }

    /// The checks that the staging gate asks for.
    pub fn staging_checks(&self, plan: &Plan, risk: RiskLevel, track: &Track) -> BTreeSet<CheckName> {
        let mut checks: BTreeSet<CheckName> = floors::STAGING_CHECKS.into_iter().map(built_in).collect();
        checks.extend(self.0.staging_checks.iter().cloned());
        checks.extend(track.checks().iter().cloned());
        if risk == RiskLevel::High {
            checks.insert(built_in(floors::MANUAL_QA));
        }
        match plan.scope().performance {
            PerformanceImpact::Sensitive => {
                checks.insert(built_in(floors::LOAD_TEST));
            }
            PerformanceImpact::Neutral => {}
        }
        checks
    }

    /// The checks that the validation gate asks for.
    pub fn validation_checks(&self) -> BTreeSet<CheckName> {
        let mut checks = self.0.validation_checks.clone();
        checks.insert(built_in(floors::USER_FLOWS));
        checks
    }

    /// What a person who signs `manual-qa` confirms, item by item.
    pub fn qa_checklist(&self) -> &[Text] {
        &self.0.qa_checklist
    }

    /// How many people approve a release of that risk.
    pub fn approvals(&self, risk: RiskLevel) -> u32 {
        let floor = match risk {
            RiskLevel::Low | RiskLevel::Standard => 1,
            RiskLevel::High => floors::HIGH_RISK_APPROVALS,
        };
        self.0.approvals.get(&risk).copied().unwrap_or(floor).max(floor)
    }

    /// How many people approve a plan of that risk: where there is no way back, two at least, whatever the risk.
    pub fn approvals_for(&self, plan: &Plan, risk: RiskLevel) -> u32 {
        let by_risk = self.approvals(risk);
        match plan.contract().and_then(RollbackContract::way_back) {
            Some(_) => by_risk.max(floors::IRREVERSIBLE_APPROVALS),
            None => by_risk,
        }
    }

    /// Which roles allow what.
    pub fn roles(&self) -> &Roles {
        &self.0.roles
    }

    /// What to do without data.
    pub fn no_data(&self) -> &NoDataRules {
        &self.0.no_data
    }

    /// How on-call cover works.
    pub fn on_call(&self) -> &OnCallRules {
        &self.0.on_call
    }

    /// How a rollback is carried out.
    pub fn rollback(&self) -> &RollbackRules {
        &self.0.rollback
    }

    /// What an override may do.
    pub fn overrides(&self) -> &OverrideRules {
        &self.0.overrides
    }

    /// By when post-mortems and action items are due.
    pub fn follow_up(&self) -> &FollowUpRules {
        &self.0.follow_up
    }

    /// How criteria are judged.
    pub fn judging(&self) -> &Judging {
        &self.0.judging
    }

    /// The times in which nothing new is exposed.
    pub fn freezes(&self) -> &[Freeze] {
        &self.0.freezes
    }

    /// The freeze that a moment lies in, and when nothing is frozen any more.
    pub fn frozen_at(&self, now: Timestamp) -> Option<Frozen<'_>> {
        Frozen::by(&self.0.freezes, now)
    }

    /// The track that a plan of that risk takes: the one it asks for, if the risk allows it, or the one that the
    /// policy has for the risk.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] where the track does not exist, is too fast for the risk or is for drills alone, or where
    /// the plan touches something that the policy does not know.
    pub fn track_for(&self, plan: &Plan, risk: &RiskAssessment) -> Result<(TrackName, &Track), PolicyError> {
        if let Some(tag) = plan.scope().touches.iter().find(|tag| self.risk_of(tag).is_none()) {
            let always = RiskLevel::ALWAYS_HIGH.into_iter();
            let known: BTreeSet<&str> = always.chain(self.0.risk.keys().map(Tag::as_str)).collect();
            return Err(PolicyError::UnknownTag { tag: tag.clone(), known: list(known) });
        }
        let by_risk = self.default_track(risk.level)?;
        let name = plan.track().unwrap_or(by_risk);
        let Some(track) = self.track(name) else {
            let known = list(self.0.tracks.keys().map(TrackName::as_str));
            return Err(PolicyError::UnknownTrack { track: name.clone(), known });
        };
        if track.highest_risk() < risk.level {
            return Err(PolicyError::TrackTooFast {
                track: name.clone(),
                highest: track.highest_risk(),
                level: risk.level,
                reasons: risk.sentences().join(", "),
                instead: by_risk.clone(),
            });
        }
        if !track.allows(plan.kind()) {
            return Err(PolicyError::DrillTrack { track: name.clone() });
        }
        Ok((name.clone(), track))
    }
}

impl Policy {
    fn default_track(&self, level: RiskLevel) -> Result<&TrackName, PolicyError> {
        self.0.default_tracks.get(&level).ok_or_else(|| PolicyError::DefaultTrack {
            level,
            track: "none".parse().expect("a valid name"),
            problem: "name a track for each risk level",
        })
    }
}

fn built_in(name: &str) -> CheckName {
    name.parse().expect("the built-in checks have valid names")
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

impl Policy {
    /// Whether releases may be planned under it today: records are read whatever they say, and hold policies of older rules,
    /// some of them below today's [floors](floors).
    ///
    /// # Errors
    ///
    /// [`PolicyError`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), PolicyError> {
        let raw = &self.0;
        for (track, rules) in &raw.tracks {
            rules.check().map_err(|error| PolicyError::Track { track: track.clone(), error })?;
        }
        for level in RiskLevel::ALL {
            let name = self.default_track(level)?;
            let problem = match raw.tracks.get(name) {
                None => "there is no such track",
                Some(track) if track.highest_risk() < level => "that track is for lower risk only",
                Some(track) if !track.allows(ReleaseKind::Production) => "that track is for drills only",
                Some(_) => continue,
            };
            return Err(PolicyError::DefaultTrack { level, track: name.clone(), problem });
        }
        let lowered = |(tag, level): &(&Tag, &RiskLevel)| {
            RiskLevel::ALWAYS_HIGH.contains(&tag.as_str()) && **level != RiskLevel::High
        };
        if let Some((tag, level)) = raw.risk.iter().find(lowered) {
            return Err(PolicyError::RiskLowered { tag: tag.clone(), level: *level });
        }
        raw.check_ranges()?;
        for (name, permission) in [
            ("plan", Permission::Plan),
            ("approve", Permission::Approve),
            ("check", Permission::Check),
            ("override", Permission::Override),
            ("on_call", Permission::OnCall),
            ("operate", Permission::Operate),
        ] {
            if raw.roles.allowing(permission).is_empty() {
                return Err(PolicyError::NoRole(name, permission));
            }
        }
        for freeze in &raw.freezes {
            let lacks = match (&freeze.from, &freeze.until) {
                (Some(from), Some(until)) if until.at() <= from.at() => {
                    return Err(PolicyError::FreezeBackwards { from: from.clone(), until: until.clone() });
                }
                (Some(_), Some(_)) => continue,
                (None, Some(_)) => "beginning",
                (Some(_), None) => "end",
                (None, None) => "times",
            };
            if freeze.window.is_none() {
                return Err(PolicyError::FreezeIncomplete { reason: freeze.reason.clone(), lacks });
            }
        }
        Ok(())
    }
}

impl RawPolicy {
    fn check_ranges(&self) -> Result<(), PolicyError> {
        let out_of_range =
            |field, value: String, allowed| Err(PolicyError::OutOfRange { field, value, allowed });
        for (level, count) in &self.approvals {
            let floor = if *level == RiskLevel::High { floors::HIGH_RISK_APPROVALS } else { 1 };
            if *count < floor || *count > 10 {
                let allowed = "1 to 10 approvals, and at least 2 for high risk";
                return out_of_range("approvals", format!("{count} for {level} risk"), allowed);
            }
        }
        let shortest = Span::from_millis(100);
        for (field, span) in [
            ("rollback.retry_every", self.rollback.retry_every),
            ("rollback.confirm_every", self.rollback.confirm_every),
        ] {
            if span < shortest || span > Span::from_minutes(5) {
                return out_of_range(field, span.to_string(), "between 100ms and 5m: users are waiting");
            }
        }
        if !(1..=20).contains(&self.rollback.confirmations) {
            let value = self.rollback.confirmations.to_string();
            return out_of_range(
                "rollback.confirmations",
                value,
                "1 to 20 observations confirm zero traffic",
            );
        }
        if self.on_call.shift < Span::from_secs(1) || self.on_call.shift > Span::from_hours(24) {
            return out_of_range("on_call.shift", self.on_call.shift.to_string(), "between 1s and 24h");
        }
        if self.overrides.longest < Span::from_secs(1) || self.overrides.longest > Span::from_hours(72) {
            return out_of_range(
                "override.longest",
                self.overrides.longest.to_string(),
                "between 1s and 72h",
            );
        }
        let (shortest, longest) = (Span::from_secs(1), Span::from_hours(365 * 24));
        for (field, span) in [
            ("follow_up.post_mortem_within", self.follow_up.post_mortem_within),
            ("follow_up.action_items_within", self.follow_up.action_items_within),
        ] {
            if span < shortest || span > longest {
                return out_of_range(field, span.to_string(), "between 1s and 365 days");
            }
        }
        if self.watch.len() > 16 {
            return out_of_range("watch", format!("{} metrics", self.watch.len()), "at most 16 metrics");
        }
        if self.qa_checklist.len() > 64 {
            return out_of_range(
                "qa_checklist",
                format!("{} items", self.qa_checklist.len()),
                "at most 64 items",
            );
        }
        if self.freezes.len() > 64 {
            return out_of_range("freeze", format!("{} freezes", self.freezes.len()), "at most 64 freezes");
        }
        if self.tracks.len() > 16 {
            return out_of_range("tracks", format!("{} tracks", self.tracks.len()), "at most 16 tracks");
        }
        Ok(())
    }
}
