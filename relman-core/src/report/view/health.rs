//! How a release is, in one word: what lists, pages, JSON and the first line of a status begin with.

use std::fmt;

use serde::Serialize;

use crate::{
    event::HoldCause,
    machine::{Phase, Release, Turn},
    policy::Frozen,
    report::facts::{Driving, silent_since},
    unit::Timestamp,
};

/// How a release is, in one word.
///
/// The word says first what harms users or leaves them alone, then whom the release waits for. It is the same in every
/// list and report, because [`Health::of`] is the only place that finds it.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     machine::Release,
///     report::{Driving, Health},
/// };
///
/// let release = Release::new("checkout-241".parse()?);
/// let health = Health::of(&release, "2026-11-22T18:04:05.000Z".parse()?, Driving::Unknown);
/// assert_eq!(health.to_string(), "waiting for a plan");
/// assert_eq!(serde_json::to_value(health)?, "waiting_for_plan");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// No conductor evaluates it, although it needs one: nothing is measured and nothing is rolled back.
    NobodyDriving,
    /// It is being rolled back.
    RollingBack,
    /// It is held because something is wrong, or the deployer fails.
    Degraded,
    /// Someone on call has to acknowledge: validation time does not count without cover.
    WaitingForOnCall,
    /// A person has held it, and a person has to resume it.
    WaitingForResume,
    /// The place for the new version is not free, or can't be observed.
    WaitingForPlatform,
    /// Another release holds the target.
    WaitingForTarget,
    /// A freeze has to end.
    WaitingForFreeze,
    /// Someone has to record the outcome of a check, or to mend what it has found.
    WaitingForChecks,
    /// Someone who is not an author has to approve the plan.
    WaitingForApproval,
    /// The plan has no rollback contract.
    WaitingForContract,
    /// There is no plan.
    WaitingForPlan,
    /// It moves without anyone.
    Progressing,
    /// It has ended. What people still have to do about it, such as a post-mortem, is among its open items.
    Done,
}

impl Health {
    /// Every word, the most urgent first.
    pub const ALL: [Self; 14] = [
        Self::NobodyDriving,
        Self::RollingBack,
        Self::Degraded,
        Self::WaitingForOnCall,
        Self::WaitingForResume,
        Self::WaitingForPlatform,
        Self::WaitingForTarget,
        Self::WaitingForFreeze,
        Self::WaitingForChecks,
        Self::WaitingForApproval,
        Self::WaitingForContract,
        Self::WaitingForPlan,
        Self::Progressing,
        Self::Done,
    ];

    /// How a release is at a moment.
    pub fn of(release: &Release, now: Timestamp, driving: Driving) -> Self {
        let now = now.max(release.last_at());
        if needs_a_conductor(release) {
            match driving {
                Driving::Undriven => return Self::NobodyDriving,
                Driving::Unknown if silent_since(release, now).is_some() => return Self::NobodyDriving,
                Driving::Unknown | Driving::Driven => {}
            }
        }
        match release.phase() {
            Phase::Completed | Phase::RolledBack(_) | Phase::Aborted | Phase::Closed(_) => {
                if needs_a_conductor(release) {
                    Self::Progressing
                } else {
                    Self::Done
                }
            }
            Phase::RollingBack(_) => Self::RollingBack,
            phase => Self::held(release).unwrap_or_else(|| Self::under_way(release, phase, now)),
        }
    }

    /// The word for what holds it.
    fn held(release: &Release) -> Option<Self> {
        let mut causes = release.holds().keys().copied().filter(|cause| *cause != HoldCause::Manual);
        let others: Vec<HoldCause> = causes.by_ref().collect();
        let fails = release.outstanding().values().any(|one| {
            // People who can't be told are no trouble of the release.
            one.failures > 0 && !one.effect.is_notification()
        });
        match (release.phase(), others.as_slice()) {
            (Phase::Staging { .. }, [HoldCause::Platform]) => Some(Self::WaitingForPlatform),
            (_, [HoldCause::Target]) => Some(Self::WaitingForTarget),
            (_, [HoldCause::Freeze]) => Some(Self::WaitingForFreeze),
            (_, [_, ..]) => Some(Self::Degraded),
            (_, []) if fails => Some(Self::Degraded),
            (_, []) => (!release.holds().is_empty()).then_some(Self::WaitingForResume),
        }
    }

    /// The word for a release that is not held.
    fn under_way(release: &Release, phase: &Phase, now: Timestamp) -> Self {
        let missing = release.missing(now);
        let frozen = freeze(release, now).is_some();
        let people = missing.iter().filter(|missing| missing.turn == Turn::Person).count();
        let nothing_else = !missing.is_empty() && people == missing.len();
        match phase {
            Phase::Unplanned => Self::WaitingForPlan,
            Phase::Planning if release.plan().is_some_and(|plan| plan.contract().is_none()) => {
                Self::WaitingForContract
            }
            Phase::Planning if people > 0 => Self::WaitingForApproval,
            // People come once there is something to try.
            Phase::Staging { deployed_at: None, .. } => Self::Progressing,
            // A freeze is a person's turn, too: an executive may override it.
            Phase::Staging { .. } if people > usize::from(frozen) => Self::WaitingForChecks,
            Phase::Staging { .. } | Phase::Releasing(_) if frozen && nothing_else => Self::WaitingForFreeze,
            Phase::Validating(_) if release.cover().is_none_or(|cover| cover.until <= now) => {
                Self::WaitingForOnCall
            }
            Phase::Validating(_) if nothing_else => Self::WaitingForChecks,
            _ => Self::Progressing,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NobodyDriving => "nobody is driving",
            Self::RollingBack => "rolling back",
            Self::Degraded => "degraded",
            Self::WaitingForOnCall => "waiting for on-call",
            Self::WaitingForResume => "waiting to be resumed",
            Self::WaitingForPlatform => "waiting for the platform",
            Self::WaitingForTarget => "waiting for its target",
            Self::WaitingForFreeze => "waiting for the freeze to end",
            Self::WaitingForChecks => "waiting for checks",
            Self::WaitingForApproval => "waiting for approval",
            Self::WaitingForContract => "waiting for a rollback contract",
            Self::WaitingForPlan => "waiting for a plan",
            Self::Progressing => "progressing",
            Self::Done => "done",
        })
    }
}

/// Whether relman has something to do for it. A release that is planned waits for people alone.
fn needs_a_conductor(release: &Release) -> bool {
    match release.phase() {
        Phase::Unplanned | Phase::Planning => false,
        Phase::Staging { .. } | Phase::Releasing(_) | Phase::Validating(_) | Phase::RollingBack(_) => true,
        Phase::Completed | Phase::RolledBack(_) | Phase::Aborted | Phase::Closed(_) => {
            release.outstanding().values().any(|one| !one.effect.is_notification())
        }
    }
}

/// The freeze in which a release waits, unless that is overridden.
pub(in crate::report) fn freeze(release: &Release, now: Timestamp) -> Option<Frozen<'_>> {
    release.frozen_at(now)
}
