//! Why a release is held, goes on or is rolled back, as facts: a code with its values. The sentence is made where it is read.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Task;
use crate::{
    judge::{Arm, Disbelief, MissingKind, Suspicion},
    plan::Criterion,
    unit::{Actor, Finite, MetricName, ReleaseId, StreamId, TargetName, Text, Timestamp, TrafficShare},
};

/// Why a release stands still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum HoldReason {
    /// A person said so.
    Said {
        /// Their words.
        text: Text,
    },
    /// Something could not be measured.
    Unmeasured {
        /// What, and in which way; one at least.
        gaps: Vec<Gap>,
    },
    /// The fast channel alarms.
    LikelyBreached {
        /// The criterion that contributes most.
        criterion: Criterion,
    },
    /// The canary does not get the requests that it was meant to get, so that nothing that was measured can be trusted.
    SampleRatioMismatch {
        /// How many it got, of those that it was meant to get.
        of_expected: Finite,
    },
    /// The deployer fails, and relman keeps trying.
    DeployerFails {
        /// What it should do.
        what: Task,
        /// How often it was tried.
        attempts: u32,
        /// What it said last.
        detail: Text,
    },
    /// The deployer has rejected what it was asked to do, and is asked again when a person resumes the release.
    DeployerRejects {
        /// What it should do.
        what: Task,
        /// How often it was tried.
        attempts: u32,
        /// What it said last.
        detail: Text,
    },
    /// The place for the new version has users, of another one.
    PlaceTaken {
        /// The new version.
        version: Text,
        /// What is there, where the platform can tell.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        there: Option<Text>,
        /// What it gets of the traffic.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
    },
    /// Users have another version than the plan replaces.
    OtherVersion {
        /// The version that users have.
        stable: Text,
        /// The new version.
        version: Text,
        /// The one that it is to replace.
        replaces: Text,
    },
    /// Nothing of the version that the plan replaces takes requests.
    NothingToReplace {
        /// That version.
        replaces: Text,
        /// What is wrong with it, in the platform's word.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        trouble: Option<Text>,
    },
    /// Production could not be observed before it is entered.
    PlatformUnknown {
        /// What the platform said.
        detail: Text,
    },
    /// Nothing of the old version takes requests.
    NoWayBack {
        /// What is wrong with it, in the platform's word.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        trouble: Option<Text>,
    },
    /// Nothing of the new version takes requests.
    NotMet {
        /// What is wrong with it, in the platform's word.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        trouble: Option<Text>,
    },
    /// Users get another share than the step's, although that is set.
    OtherShare {
        /// The share that they get.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// The step's.
        #[serde(rename = "wanted_bp")]
        wanted: TrafficShare,
        /// What the platform says about it.
        detail: Text,
    },
    /// Someone else has given the new version more than the step does.
    TrafficRaised {
        /// The share that was found.
        #[serde(rename = "observed_bp")]
        observed: TrafficShare,
        /// The step's.
        #[serde(rename = "expected_bp")]
        expected: TrafficShare,
    },
    /// Someone else moves the traffic again and again.
    TrafficMoved {
        /// How often in this step.
        times: u32,
        /// The share that was found last.
        #[serde(rename = "observed_bp")]
        observed: TrafficShare,
        /// The step's.
        #[serde(rename = "expected_bp")]
        expected: TrafficShare,
    },
    /// The platform can't give a share of the track.
    ShareUnreachable {
        /// The share.
        #[serde(rename = "share_bp")]
        share: TrafficShare,
        /// The nearest one below it that it can give.
        #[serde(rename = "nearest_bp")]
        nearest: TrafficShare,
    },
    /// Another release holds the target, or comes first.
    TargetBusy {
        /// The target.
        target: TargetName,
        /// The release that is waited for.
        behind: ReleaseId,
        /// How many come first, that one among them.
        ahead: u32,
    },
    /// The target does not take such a release.
    TargetRefused {
        /// The target.
        target: TargetName,
        /// Why not.
        detail: Text,
    },
    /// Everything that goes forward is stopped.
    Frozen {
        /// Where that was declared.
        on: StreamId,
        /// Why, and when.
        freeze: Text,
        /// Who has declared it; nobody for a freeze of the operating policy.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        by: Option<Actor>,
        /// When it ends; where it has no end, a person lifts it.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<Timestamp>,
    },
    /// It would be rolled back, and the change can't be taken back any more.
    NoRollback {
        /// What would have rolled it back.
        why: Text,
        /// The last share with a way back.
        #[serde(rename = "none_after_bp")]
        none_after: TrafficShare,
        /// What is done instead.
        instead: Text,
    },
    /// Version 1 of the record had a sentence.
    InWords {
        /// Why.
        text: Text,
        /// What would unblock it, where the record says so.
        #[serde(
            default,
            deserialize_with = "crate::chain::present",
            skip_serializing_if = "Option::is_none"
        )]
        unblocked_by: Option<Text>,
    },
}

impl HoldReason {
    /// What would unblock it, as the rest of "it resumes when …".
    pub fn unblocked_by(&self) -> &str {
        const BY_A_PERSON: &str = "someone runs `resume`";
        match self {
            Self::Said { .. } => BY_A_PERSON,
            Self::Unmeasured { .. } => "every watched metric reports again",
            Self::LikelyBreached { .. } | Self::SampleRatioMismatch { .. } => {
                "the suspicion clears, or someone investigates and runs `resume`"
            }
            Self::DeployerFails { .. } => "the deployer works again; relman keeps trying",
            Self::DeployerRejects { .. } => "someone fixes what the deployer rejected and runs `resume`",
            Self::PlaceTaken { .. } => {
                "the place is free: move its users to the other one, or swap the two in the deployer's configuration; \
                 relman keeps looking"
            }
            Self::OtherVersion { .. } => {
                "users have the version that the plan replaces; otherwise abort it, and plan what replaces the version that \
                 they have"
            }
            Self::NothingToReplace { .. } | Self::NoWayBack { .. } => {
                "the old version takes requests again; relman keeps looking"
            }
            Self::PlatformUnknown { .. } => "the platform answers; relman keeps looking",
            Self::NotMet { .. } => "the new version takes requests again; relman keeps looking",
            Self::OtherShare { .. } => "users get the share that is set; relman keeps looking",
            Self::TrafficRaised { .. } | Self::TrafficMoved { .. } => {
                "someone finds out who moves the traffic, and runs `resume`"
            }
            Self::ShareUnreachable { .. } => {
                "the platform can give every share of the track: give the new version's place more servers, or plan another \
                 track; relman keeps looking"
            }
            Self::TargetBusy { .. } => "the target is free; it goes on without anyone then",
            Self::TargetRefused { .. } => "it is aborted, and planned for a target of the other kind",
            Self::Frozen { until: Some(_), .. } => {
                "the freeze ends, someone lifts it (`unfreeze`), or an executive overrides it (override --gate freeze)"
            }
            Self::Frozen { until: None, .. } => {
                "someone lifts the freeze (`unfreeze`), or an executive overrides it (override --gate freeze)"
            }
            Self::NoRollback { .. } => {
                "someone has done what the contract names instead, and runs `resume`; an executive can allow a rollback \
                 (override --gate way-back)"
            }
            Self::InWords { unblocked_by, .. } => unblocked_by.as_ref().map_or(BY_A_PERSON, Text::as_str),
        }
    }
}

impl From<Suspicion> for HoldReason {
    fn from(suspicion: Suspicion) -> Self {
        match suspicion {
            Suspicion::Fast(criterion) => Self::LikelyBreached { criterion },
            Suspicion::SampleRatio { of_expected } => Self::SampleRatioMismatch { of_expected },
        }
    }
}

impl fmt::Display for HoldReason {
    /// On no more characters than a [`Text`] has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { text } | Self::InWords { text, .. } => text.fmt(f),
            Self::Unmeasured { gaps } => {
                let gaps: Vec<String> = gaps.iter().map(Gap::to_string).collect();
                Text::of(&gaps.join("; ")).fmt(f)
            }
            Self::LikelyBreached { criterion } => Suspicion::Fast(criterion.clone()).fmt(f),
            Self::SampleRatioMismatch { of_expected } => {
                Suspicion::SampleRatio { of_expected: *of_expected }.fmt(f)
            }
            Self::DeployerFails { what, attempts, detail }
            | Self::DeployerRejects { what, attempts, detail } => {
                let text = format!("failed to {what} {attempts} times, most recently: {detail}");
                Text::of(&text).fmt(f)
            }
            Self::PlaceTaken { version, there, share } => {
                let there = there.as_ref().map(|there| format!(", where {there} is,")).unwrap_or_default();
                let text = format!(
                    "the place for {version}{there} gets {share} of the traffic: installing it there would show it to \
                     users unmeasured"
                );
                Text::of(&text).fmt(f)
            }
            Self::OtherVersion { stable, version, replaces } => {
                let text = format!("users have {stable}, and the plan of {version} replaces {replaces}");
                Text::of(&text).fmt(f)
            }
            Self::NothingToReplace { replaces, trouble } => {
                let text = format!("no instance of {replaces} takes requests{}", said(trouble.as_ref()));
                Text::of(&text).fmt(f)
            }
            Self::PlatformUnknown { detail } => {
                Text::of(&format!("the platform could not be observed: {detail}")).fmt(f)
            }
            Self::NoWayBack { trouble } => {
                let what = "there is no way back: no instance of the old version takes requests";
                Text::of(&format!("{what}{}", said(trouble.as_ref()))).fmt(f)
            }
            Self::NotMet { trouble } => {
                let what = "no instance of the new version takes requests, so users don't meet it";
                Text::of(&format!("{what}{}", said(trouble.as_ref()))).fmt(f)
            }
            Self::OtherShare { share, wanted, detail } => {
                let what = format!("{share} of the traffic reaches the new version in place of {wanted}");
                Text::of(&format!("{what}: {detail}")).fmt(f)
            }
            Self::TrafficRaised { observed, expected } => write!(
                f,
                "someone else has set {observed} of the traffic to the new version, more than the {expected} of the step"
            ),
            Self::ShareUnreachable { share, nearest } => write!(
                f,
                "the platform can't give {share} of the traffic to the new version: the nearest below is {nearest}"
            ),
            Self::TargetBusy { target, behind, ahead } => {
                write!(f, "{behind} holds {target}: one release at a time moves its traffic")?;
                if *ahead > 1 { write!(f, ", and {} more come first", ahead - 1) } else { Ok(()) }
            }
            Self::TargetRefused { detail, .. } => detail.fmt(f),
            Self::Frozen { on, freeze, by, until } => {
                let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
                Text::of(&format!("{on} is frozen{by}: {freeze}{until}")).fmt(f)
            }
            Self::NoRollback { why, none_after, instead } => {
                let text = format!("{why}. There is no way back after {none_after}; instead: {instead}");
                Text::of(&text).fmt(f)
            }
            Self::TrafficMoved { times, observed, expected } => write!(
                f,
                "someone else has moved the traffic {times} times in this step, most recently to {observed} from \
                 {expected}"
            ),
        }
    }
}

fn said(trouble: Option<&Text>) -> String {
    trouble.map(|said| format!(": {said}")).unwrap_or_default()
}

/// A value that should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Gap {
    /// The source has nothing for a metric.
    NoData {
        /// The metric.
        metric: MetricName,
        /// In which arm.
        arm: Arm,
        /// What the source said.
        detail: String,
    },
    /// The newest data are too old.
    Stale {
        /// The metric.
        metric: MetricName,
        /// In which arm.
        arm: Arm,
        /// When the newest sample was taken.
        newest: Timestamp,
    },
    /// The source failed.
    ProviderError {
        /// The metric.
        metric: MetricName,
        /// In which arm.
        arm: Arm,
        /// What went wrong.
        detail: String,
    },
    /// The value is no number.
    NotFinite {
        /// The metric.
        metric: MetricName,
        /// In which arm.
        arm: Arm,
        /// The value as the source wrote it.
        written: String,
    },
    /// The source answered, and is not believed.
    Unbelieved {
        /// The metric.
        metric: MetricName,
        /// In which arm.
        arm: Arm,
        /// Why not.
        why: Disbelief,
    },
    /// The answers are there, and a criterion can't be judged by them.
    Unjudged {
        /// The criterion.
        criterion: Criterion,
        /// In which way.
        missing: MissingKind,
        /// What its verdict says.
        detail: String,
    },
    /// The platform could not say where the traffic is.
    Traffic {
        /// What it said.
        detail: Text,
    },
}

impl Gap {
    /// Which kind of absence it is.
    pub fn missing(&self) -> MissingKind {
        match self {
            Self::NoData { .. } => MissingKind::NoData,
            Self::Stale { .. } => MissingKind::Stale,
            Self::ProviderError { .. } | Self::Unbelieved { .. } | Self::Traffic { .. } => {
                MissingKind::ProviderError
            }
            Self::NotFinite { .. } => MissingKind::NotFinite,
            Self::Unjudged { missing, .. } => *missing,
        }
    }

    /// Cuts what others said to so many characters; returns how many are left for the next one.
    pub(crate) fn cut(&mut self, characters: usize) -> usize {
        let said = match self {
            Self::NoData { detail, .. }
            | Self::ProviderError { detail, .. }
            | Self::Unjudged { detail, .. } => detail,
            Self::NotFinite { written, .. } => written,
            // It is no longer than a text, and comes last.
            Self::Stale { .. } | Self::Unbelieved { .. } | Self::Traffic { .. } => return characters,
        };
        if let Some((end, _)) = said.char_indices().nth(characters) {
            said.truncate(end);
        }
        characters.saturating_sub(said.chars().count())
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::judge::Answer;

        let (metric, arm, answer) = match self {
            Self::NoData { metric, arm, detail } => (metric, arm, Answer::NoData { detail: detail.clone() }),
            Self::Stale { metric, arm, newest } => (metric, arm, Answer::Stale { newest: *newest }),
            Self::ProviderError { metric, arm, detail } => {
                (metric, arm, Answer::ProviderError { detail: detail.clone() })
            }
            Self::NotFinite { metric, arm, written } => {
                (metric, arm, Answer::NotFinite { written: written.clone() })
            }
            Self::Unbelieved { metric, arm, why } => (metric, arm, Answer::Unbelieved { why: *why }),
            Self::Unjudged { criterion, missing: _, detail } => return write!(f, "{criterion}: {detail}"),
            Self::Traffic { detail } => return write!(f, "the traffic could not be observed: {detail}"),
        };
        write!(f, "{metric} of the {arm}: {answer}")
    }
}

/// Why a release moves again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ResumeReason {
    /// A person said so; in version 1 of the record this is what relman says, too.
    Said {
        /// Their words.
        text: Text,
    },
    /// Every watched metric reports again.
    MeasuredAgain {},
    /// The suspicion has cleared.
    SuspicionCleared {},
    /// The deployer works again.
    DeployerWorks {},
    /// The place for the new version is free.
    PlaceFree {},
    /// The platform does what it was asked for.
    PlatformRight {},
    /// The release holds its target.
    TargetFree {},
    /// No freeze holds any more.
    Thawed {},
}

impl fmt::Display for ResumeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Said { text } => text.as_str(),
            Self::MeasuredAgain {} => "every watched metric reports again",
            Self::SuspicionCleared {} => "the suspicion has cleared",
            Self::DeployerWorks {} => "the deployer works again",
            Self::PlaceFree {} => "the place for the new version is free",
            Self::PlatformRight {} => "the platform is as it should be",
            Self::TargetFree {} => "the target is free",
            Self::Thawed {} => "no freeze is in force any more",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: serde::de::DeserializeOwned + fmt::Display>(json: &str) -> String {
        serde_json::from_str::<T>(json).unwrap().to_string()
    }

    #[test]
    fn a_code_is_read_as_a_sentence() {
        let gap = |rest: &str| format!(r#"{{"code":"unmeasured","gaps":[{rest}]}}"#);
        for (json, sentence) in [
            (r#"{"code":"said","text":"it looks odd"}"#.to_owned(), "it looks odd"),
            (
                gap(
                    r#"{"code":"no_data","metric":"error_rate","arm":"canary","detail":"empty"},{"code":"traffic","detail":"401"}"#,
                ),
                "error_rate of the canary: no data (empty); the traffic could not be observed: 401",
            ),
            (
                gap(r#"{"code":"unjudged","criterion":"error_rate > 1%","missing":"stale","detail":"too old"}"#),
                "error_rate > 1%: too old",
            ),
            (
                gap(
                    r#"{"code":"unbelieved","metric":"error_rate","arm":"baseline","why":{"code":"contradiction","part":11,"whole":10}}"#,
                ),
                "error_rate of the baseline: the source failed: the answer contradicts itself: 11 of 10 requests",
            ),
            (
                r#"{"code":"deployer_fails","what":{"code":"set_traffic","share_bp":1000},"attempts":3,"detail":"503"}"#
                    .to_owned(),
                "failed to set traffic to 10% 3 times, most recently: 503",
            ),
            (
                r#"{"code":"sample_ratio_mismatch","of_expected":0.5}"#.to_owned(),
                "the canary got 50.0 % of the requests it was meant to get: the arms do not see the same traffic, and \
                 nothing measured on them can be compared before the routing is understood",
            ),
        ] {
            assert_eq!(said::<HoldReason>(&json), sentence);
        }
        assert_eq!(said::<ResumeReason>(r#"{"code":"deployer_works"}"#), "the deployer works again");
    }

    #[test]
    fn what_sources_say_is_cut_to_what_a_sentence_holds() {
        let gap = |detail: &str| Gap::ProviderError {
            metric: "error_rate".parse().unwrap(),
            arm: Arm::Canary,
            detail: detail.to_owned(),
        };
        let mut gaps = [gap("äöü"), gap("äöü"), gap("äöü")];
        let left = gaps.iter_mut().fold(4, |left, gap| gap.cut(left));
        assert_eq!((left, gaps), (0, [gap("äöü"), gap("ä"), gap("")]));
    }
}
