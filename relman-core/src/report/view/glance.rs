//! What a person sees of a release in five seconds: what is live, what happens, why it waits, whose turn it is, what comes next.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{CheckOutcome, Event, Gate, HoldCause, HoldReason},
    machine::{EndedAs, Phase, PhaseName, Release, RollbackState, TrafficState, Turn},
    plan::Plan,
    report::{
        facts::{History, Mark, ObservedShare, StepProgress, counted, whole},
        view::{Health, Schedule, health::freeze},
    },
    unit::{Span, Text, Timestamp, TrafficShare},
};

/// A release at one glance. Every text is a phrase; the whole story is in the reports beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Glance {
    /// How it is, in one word.
    pub health: Health,
    /// Which version users have.
    pub live: Live,
    /// What is happening: `step 2 of 4 at 10%: 30m of 2h counted`.
    pub happening: String,
    /// What it waits for first; nothing, if absent.
    pub waits: Option<Awaited>,
    /// What comes next; nothing, if absent.
    pub next: Option<Upcoming>,
    /// When it is over at the earliest; none before the rollout and none after the end.
    pub over_at: Option<Timestamp>,
}

/// Which version users have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Live {
    /// The new version; none before a plan is recorded.
    pub version: Option<Text>,
    /// The version that it replaces.
    pub replaces: Option<Text>,
    /// The share of the new version, as it was set.
    #[serde(rename = "set_bp")]
    pub set: TrafficShare,
    /// When that was set, and the record; never, if absent.
    pub set_at: Option<Mark>,
    /// What the platform has shown since that was set; not observed yet, if absent.
    pub observed: Option<ObservedShare>,
    /// Whether someone looks at it now: a conductor drives the release.
    pub is_current: bool,
    /// When the release ended: what is live since then, it does not know.
    pub until: Option<Mark>,
}

/// What a release waits for first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Awaited {
    /// What, as a phrase: the rest of "waiting for".
    pub what: String,
    /// What would bring it.
    pub unblocked_by: String,
    /// Whose turn it is.
    pub turn: Turn,
    /// How many other things it waits for.
    pub others: usize,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Upcoming {
    /// What, as a phrase: `50% of traffic`.
    pub what: String,
    /// When; that depends on someone, if absent.
    pub at: Option<Timestamp>,
    /// What that time means.
    pub when: UpcomingTime,
}

/// What the time of something that comes next means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpcomingTime {
    /// It comes at this time at the earliest, if everything goes well.
    AtTheEarliest,
    /// It comes at this time, unless what it waits for comes first.
    Unless,
}

impl fmt::Display for UpcomingTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AtTheEarliest => "at the earliest",
            Self::Unless => "unless it resumes first",
        })
    }
}

impl Glance {
    /// A release at one glance.
    pub fn of(history: &History<'_>) -> Self {
        let health = Health::of(history.release, history.now, history.driving);
        let is_driven = health != Health::NobodyDriving;
        let over_at = Schedule::of(history).and_then(|schedule| schedule.expected_end);
        let next = Upcoming::of(history);
        Self {
            health,
            live: Live::of(history, is_driven),
            happening: if is_driven {
                happening(history)
            } else {
                format!("standing still: {}", happening(history))
            },
            waits: Awaited::of(history.release, history.now, health),
            // Without a conductor, nothing comes at any time.
            next: next.map(|next| Upcoming { at: next.at.filter(|_| is_driven), ..next }),
            over_at: over_at.filter(|_| is_driven),
        }
    }
}

impl Live {
    fn of(history: &History<'_>, is_current: bool) -> Self {
        let release = history.release;
        let scope = release.plan().map(Plan::scope);
        let last = history.records.iter().rev().find_map(|record| match &record.event {
            Event::TrafficSet(set) => Some((set.share, Mark::of(record))),
            _ => None,
        });
        let (set, set_at) = last.map_or((release.exposure(), None), |(share, mark)| (share, Some(mark)));
        Self {
            version: scope.map(|scope| scope.artifact.version.clone()),
            replaces: scope.map(|scope| scope.replaces.clone()),
            set,
            set_at,
            observed: history
                .records
                .iter()
                .rev()
                .take_while(|record| set_at.is_none_or(|set| record.seq > set.record))
                .find_map(ObservedShare::of),
            is_current,
            until: history.ended().map(|ended| ended.mark),
        }
    }

    /// The share that users get: as it was observed, or as it was set where nobody has observed it.
    pub fn share(&self) -> TrafficShare {
        self.observed.as_ref().and_then(|observed| observed.share).unwrap_or(self.set)
    }

    /// `2.41.0 for 10% of traffic`; the old version, where the new one has none.
    pub fn says(&self) -> String {
        let (Some(version), Some(replaces)) = (&self.version, &self.replaces) else {
            return "not planned yet".to_owned();
        };
        match self.share() {
            TrafficShare::ZERO => format!("{replaces} for all traffic"),
            TrafficShare::FULL => format!("{version} for all traffic"),
            share => format!("{version} for {share} of traffic"),
        }
    }

    /// `2.40.3 for 90%`, and how that is known where it is not observed as it was set.
    pub fn rest(&self) -> String {
        let (Some(version), Some(replaces)) = (&self.version, &self.replaces) else {
            return String::new();
        };
        let share = self.share();
        let rest = match share {
            TrafficShare::ZERO => format!("{version} for none"),
            TrafficShare::FULL => format!("{replaces} for none"),
            share => format!("{replaces} for {}", share.rest()),
        };
        match &self.observed {
            _ if self.until.is_some() => format!("{rest}, when it ended"),
            Some(ObservedShare { share: None, .. }) => {
                format!("{rest}, as it was set: the platform can't be observed")
            }
            Some(ObservedShare { share: Some(_), .. }) if share != self.set => {
                format!("{rest}, as observed; {} is set", self.set)
            }
            Some(_) if !self.is_current => format!("{rest}, as last observed; nobody has looked since"),
            Some(_) => format!("{rest}, as observed"),
            None if self.set_at.is_none() => rest,
            None => format!("{rest}, as it was set; not observed yet"),
        }
    }
}

/// What is happening, as a phrase.
fn happening(history: &History<'_>) -> String {
    let release = history.release;
    let progress = StepProgress::of(release);
    let what = match (release.phase(), progress) {
        (Phase::Unplanned, _) => "nothing is planned".to_owned(),
        (Phase::Planning, _) => {
            let needed =
                release.policy().zip(release.risk()).map_or(1, |(policy, risk)| policy.approvals(risk.level));
            format!(
                "planned, {} of {} given",
                release.approvals().len(),
                counted(u64::from(needed), "approval", "approvals")
            )
        }
        (Phase::Staging { deployed_at: None, .. }, _) => "deploying to staging".to_owned(),
        (Phase::Staging { .. }, _) => {
            let asked = release.checks_asked(Gate::Staging);
            let passed = |check: &&crate::unit::CheckName| {
                release.checks().get(*check).is_some_and(|done| done.outcome == CheckOutcome::Passed)
            };
            let done = asked.iter().filter(passed).count();
            format!("in staging, {done} of {} passed", counted(asked.len() as u64, "check", "checks"))
        }
        (Phase::Releasing(rollout), None) if rollout.deployed_at.is_none() => {
            "deploying to production".to_owned()
        }
        (Phase::Releasing(_), None) => "in production, without traffic".to_owned(),
        (Phase::Releasing(_) | Phase::Validating(_), Some(step)) => step_under_way(release, &step),
        (Phase::Validating(_), None) => "validating".to_owned(),
        (Phase::RollingBack(rollback), _) => match rollback.state {
            RollbackState::Requested => "taking all traffic back".to_owned(),
            RollbackState::Confirming { .. } | RollbackState::Confirmed { .. } => {
                "all traffic is taken back; confirming that".to_owned()
            }
        },
        (Phase::Completed | Phase::Closed(EndedAs::Completed), _) => "completed".to_owned(),
        (Phase::RolledBack(_) | Phase::Closed(EndedAs::RolledBack), _) => "rolled back".to_owned(),
        (Phase::Aborted | Phase::Closed(EndedAs::Aborted), _) => "aborted before production".to_owned(),
    };
    let held = !release.holds().is_empty() && !release.phase().name().is_end();
    if held { format!("held: {what}") } else { what }
}

fn step_under_way(release: &Release, step: &StepProgress) -> String {
    let counted = format!("{} of {} counted", whole(step.baked), whole(step.bake));
    match release.phase().name() {
        _ if !step.traffic_is_set => {
            format!("setting traffic to {}, step {} of {}", step.share, step.number, step.of)
        }
        PhaseName::Validating => format!("validating: {counted}"),
        _ => format!("step {} of {} at {}: {counted}", step.number, step.of, step.share),
    }
}

impl Awaited {
    /// What a release with this health waits for; nothing where nothing is left to do.
    pub(in crate::report) fn of(release: &Release, now: Timestamp, health: Health) -> Option<Self> {
        let missing = release.missing(now);
        if health == Health::NobodyDriving {
            let what = "a conductor to drive it".to_owned();
            let unblocked_by = "someone starts a conductor (`run`)".to_owned();
            return Some(Self { what, unblocked_by, turn: Turn::Person, others: missing.len() });
        }
        // Where a person is waited for, their part is said first; where nobody is, whatever is missing first.
        let person = missing.iter().find(|missing| missing.turn == Turn::Person);
        let first = match health {
            Health::WaitingForOnCall | Health::WaitingForChecks => person.or(missing.first())?,
            _ => missing.first()?,
        };
        // Holds stand first in the list of what is missing.
        let (what, unblocked_by) = match (release.holds().iter().next(), freeze(release, now)) {
            (Some((cause, hold)), _) => {
                (end_of_hold(*cause, &hold.reason).to_owned(), hold.reason.unblocked_by().to_owned())
            }
            (None, Some(freeze)) if missing.len() == 1 => {
                (format!("the end of the freeze ({})", freeze.freeze.reason), first.unblocked_by.clone())
            }
            (None, _) => (phrase(&first.what), first.unblocked_by.clone()),
        };
        Some(Self { what, unblocked_by, turn: first.turn, others: missing.len() - 1 })
    }
}

/// The longest phrase that is read at one glance.
const PHRASE: usize = 48;

/// What is missing, without what explains it.
fn phrase(what: &str) -> String {
    let short = match what.split_once(": ") {
        Some((short, _)) if what.chars().count() > PHRASE => short,
        _ => what,
    };
    short.to_owned()
}

/// What ends a hold, as the rest of "waiting for".
fn end_of_hold(cause: HoldCause, reason: &HoldReason) -> &'static str {
    match reason {
        HoldReason::Said { .. } => "someone to resume it",
        HoldReason::Unmeasured { .. } => "metrics to report again",
        HoldReason::LikelyBreached { .. } => "a suspected breach to clear",
        HoldReason::SampleRatioMismatch { .. } => "the canary to get its share of requests",
        HoldReason::DeployerFails { .. } => "the deployer to work again",
        HoldReason::DeployerRejects { .. } => "someone to fix what the deployer rejected",
        HoldReason::PlaceTaken { .. } => "the place for the new version to be free",
        HoldReason::OtherVersion { .. } => "the version that the plan replaces",
        HoldReason::NothingToReplace { .. } | HoldReason::NoWayBack { .. } => {
            "the old version to take requests"
        }
        HoldReason::PlatformUnknown { .. } => "the platform to answer",
        HoldReason::ShareUnreachable { .. } => "a platform that can give every share",
        HoldReason::TargetBusy { .. } => "the release before it on the target",
        HoldReason::TargetRefused { .. } => "a target of the other kind",
        HoldReason::Frozen { .. } => "the freeze to end",
        HoldReason::NoRollback { .. } => "someone to do what is done in place of a rollback",
        HoldReason::NotMet { .. } => "the new version to take requests",
        HoldReason::OtherShare { .. } => "users to get the share that is set",
        HoldReason::TrafficRaised { .. } | HoldReason::TrafficMoved { .. } => {
            "someone to find out who moves the traffic"
        }
        // Version 1 of the record has a sentence.
        HoldReason::InWords { .. } => match cause {
            HoldCause::Manual => "someone to resume it",
            HoldCause::Unmeasured => "metrics to report again",
            HoldCause::Deployer => "the deployer to work again",
            HoldCause::Suspicion => "a suspicion to clear",
            HoldCause::Platform => "the platform to be as it should",
            HoldCause::Drift => "someone to find out who moves the traffic",
            HoldCause::Irreversible => "someone to do what is done in place of a rollback",
            HoldCause::Target => "the release before it on the target",
            HoldCause::Freeze => "the freeze to end",
        },
    }
}

impl Upcoming {
    fn of(history: &History<'_>) -> Option<Self> {
        let release = history.release;
        let whenever = |what: &str| Some(Self::new(what.to_owned(), None));
        match release.phase() {
            Phase::Unplanned => whenever("planning"),
            Phase::Planning => whenever("staging"),
            Phase::Staging { .. } | Phase::Releasing(_) | Phase::Validating(_) => {
                let patience = release.holds().values().filter_map(|hold| hold.roll_back_at).min();
                if let Some(at) = patience {
                    return Some(Self {
                        what: "rollback".to_owned(),
                        at: Some(at),
                        when: UpcomingTime::Unless,
                    });
                }
                Self::of_the_track(history)
            }
            Phase::RollingBack(_) => whenever("a post-mortem"),
            Phase::Completed | Phase::RolledBack(_) | Phase::Aborted => {
                let owed = release.owed_post_mortems().count();
                whenever(if owed > 0 { "closing, once its post-mortems are filed" } else { "closing" })
            }
            Phase::Closed(_) => None,
        }
    }

    /// The step after the one under way; the end after the last.
    fn of_the_track(history: &History<'_>) -> Option<Self> {
        let release = history.release;
        let steps = release.track()?.1.steps();
        let progress = StepProgress::of(release);
        let index = progress.map_or(0, |step| step.number as usize);
        let what = match steps.get(index) {
            Some(step) if index + 1 == steps.len() => {
                format!("{} of traffic, validated for {}", step.share, step.bake)
            }
            Some(step) => format!("{} of traffic", step.share),
            None => "completion".to_owned(),
        };
        let held = !release.holds().is_empty();
        let frozen = freeze(release, history.now).and_then(|frozen| Some(frozen.until? + release.skew()));
        let frozen = frozen.filter(|_| !matches!(release.phase(), Phase::Validating(_)));
        let at = match (progress, release.phase().step().map(|step| step.traffic)) {
            _ if held => None,
            (Some(step), Some(TrafficState::Set { looked_until })) if step.left > Span::ZERO => {
                let at = (looked_until + step.left).max(history.now);
                Some(frozen.map_or(at, |until| at.max(until)))
            }
            _ => frozen,
        };
        Some(Self::new(what, at))
    }

    fn new(what: String, at: Option<Timestamp>) -> Self {
        Self { what, at, when: UpcomingTime::AtTheEarliest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_a_phrase() {
        for (what, said) in [
            ("approvals: 0 of 1 for standard risk", "approvals: 0 of 1 for standard risk"),
            (
                "a look at production: the place for the new version is free, and the version that it replaces is there",
                "a look at production",
            ),
            ("on-call cover: validation time does not count without it", "on-call cover"),
            ("22m of 30m on fresh data", "22m of 30m on fresh data"),
        ] {
            assert_eq!(phrase(what), said);
        }
    }
}
