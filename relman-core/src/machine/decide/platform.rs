//! The platform as it really is: before production is entered, and at every look.

use std::{collections::BTreeSet, mem::discriminant};

use super::{Draft, Rules};
use crate::{
    event::{
        HoldCause, HoldPlaced, HoldReason, HoldReleased, ObservedExposure, PlaceSeen, PlatformObserved,
        PlatformSeen, ResumeReason, TrafficDrifted, Unreachable,
    },
    machine::{StepProgress, TrafficState},
    plan::Scope,
    port::{Deployment, Place},
    unit::{Text, TrafficShare},
};

/// So often the traffic may be found elsewhere in one step before people look into it: once is a slip, twice bad luck.
const DRIFTS_BEFORE_HOLD: u32 = 3;

/// What a look shows of the platform, held against the step.
pub(super) struct Standing {
    pub(super) exposure: ObservedExposure,
    /// What is recorded of the rest: nothing, where all is as it should be.
    pub(super) platform: PlatformSeen,
    /// Where the traffic is set, if that is not where it should be: someone else has moved it.
    pub(super) drift: Option<TrafficShare>,
    /// What is wrong with the platform itself.
    pub(super) trouble: Option<HoldReason>,
    /// Whether users did not get the step's share.
    pub(super) off: bool,
}

impl Standing {
    /// While a change is under way, the traffic is not expected to be anywhere.
    pub(super) fn of(
        step: &StepProgress,
        deployment: &Result<Deployment, String>,
        tolerance: TrafficShare,
        rules: Rules,
    ) -> Self {
        let shown = match deployment {
            Ok(shown) => shown,
            Err(detail) => {
                let exposure = ObservedExposure::Unknown { detail: Text::of(detail) };
                let platform = PlatformSeen::default();
                return Self { exposure, platform, drift: None, trouble: None, off: false };
            }
        };
        let is_set = matches!(step.traffic, TrafficState::Set { .. });
        let is_off = |share: TrafficShare| {
            // Nothing and everything are never a matter of rounding.
            let exact = rules == Rules::Current && (share.is_zero() || share == TrafficShare::FULL);
            let tolerated = if exact { 0 } else { tolerance.basis_points() };
            share.distance(step.share) > tolerated
        };
        let (set, effective) = (shown.set_share.unwrap_or(shown.canary_share), shown.canary_share);
        let drift = (is_set && is_off(set)).then_some(set);
        let trouble = match rules {
            Rules::First => None,
            Rules::Current => trouble(step, shown)
                .or_else(|| (is_set && drift.is_none() && is_off(effective)).then(|| users_get(step, shown))),
        };
        let off = is_set && (drift.is_some() || is_off(effective));
        let noted = trouble.is_some() || (off && set != effective);
        Self {
            exposure: ObservedExposure::Seen { share_bp: effective },
            platform: if noted { PlatformSeen::of(shown) } else { PlatformSeen::default() },
            drift,
            trouble,
            off: off && rules == Rules::Current,
        }
    }
}

/// What is wrong with the places themselves: nothing ready to take requests where there should be.
fn trouble(step: &StepProgress, shown: &Deployment) -> Option<HoldReason> {
    let said = |place: &Place| place.trouble.as_deref().map(Text::of);
    if shown.baseline.has_nothing_ready() {
        return Some(HoldReason::NoWayBack { trouble: said(&shown.baseline) });
    }
    let missed = shown.canary.has_nothing_ready() && !step.share.is_zero();
    missed.then(|| HoldReason::NotMet { trouble: said(&shown.canary) })
}

/// The weights are right, and users get something else.
fn users_get(step: &StepProgress, shown: &Deployment) -> HoldReason {
    let said: Vec<&str> =
        [&shown.canary, &shown.baseline].into_iter().filter_map(|place| place.trouble.as_deref()).collect();
    // What the record holds of it, so that it can be derived from that.
    let detail = if said.is_empty() { "the platform does not say why".to_owned() } else { said.join("; ") };
    HoldReason::OtherShare { share: shown.canary_share, wanted: step.share, detail: Text::of(&detail) }
}

impl PlatformSeen {
    fn of(shown: &Deployment) -> Self {
        let place = |place: &Place| PlaceSeen {
            version: place.version.as_deref().map(Text::of),
            ready: place.ready,
            trouble: place.trouble.as_deref().map(Text::of),
        };
        Self {
            set: shown.set_share.filter(|set| *set != shown.canary_share),
            canary: place(&shown.canary),
            baseline: place(&shown.baseline),
        }
    }
}

/// Why production can't be entered as it is; nothing where the place for the new version is free, and the version that it
/// replaces is where users are.
///
/// `recorded` is the version that users have by the record of the target: it counts where the platform tells no versions.
pub(in crate::machine) fn why_not_free(
    scope: &Scope,
    recorded: Option<&Text>,
    observed: &PlatformObserved,
) -> Option<HoldReason> {
    let PlatformObserved { exposure, platform, .. } = observed;
    let (version, replaces) = (scope.artifact.version.clone(), scope.replaces.clone());
    let share = match exposure {
        ObservedExposure::Seen { share_bp } => platform.set.unwrap_or(*share_bp).max(*share_bp),
        ObservedExposure::Unknown { detail } => {
            return Some(HoldReason::PlatformUnknown { detail: detail.clone() });
        }
    };
    if !share.is_zero() {
        return Some(HoldReason::PlaceTaken { version, there: platform.canary.version.clone(), share });
    }
    let users_have = platform.baseline.version.as_ref().or(recorded);
    if let Some(stable) = users_have.filter(|stable| **stable != replaces).cloned() {
        return Some(HoldReason::OtherVersion { stable, version, replaces });
    }
    let trouble = platform.baseline.trouble.clone();
    if platform.baseline.has_nothing_ready() {
        return Some(HoldReason::NothingToReplace { replaces, trouble });
    }
    let first = observed.unreachable.first();
    first.map(|Unreachable { share, nearest }| HoldReason::ShareUnreachable {
        share: *share,
        nearest: *nearest,
    })
}

/// Whether a release is held for the same kind of trouble. A share that moves with each look, as in a slow start, is no news: on-call
/// is paged for each hold that is placed.
fn is_known(held: Option<&HoldReason>, why: &HoldReason) -> bool {
    held.is_some_and(|held| discriminant(held) == discriminant(why))
}

impl Draft<'_> {
    /// What the platform shows before production is entered: recorded where it is free, and where it is not and something
    /// about that is new.
    pub(super) fn preflight(&mut self, deployment: &Result<Deployment, String>, unreachable: &[Unreachable]) {
        let Some(scope) = self.release.plan().map(|plan| plan.scope().clone()) else { return };
        let Some(admission) = self.release.admission.clone() else { return };
        if !self.release.awaits_platform(self.now) || self.release.holds.contains_key(&HoldCause::Freeze) {
            return;
        }
        let mut observed = match deployment {
            Ok(shown) => PlatformObserved::new(
                ObservedExposure::Seen { share_bp: shown.canary_share },
                PlatformSeen::of(shown),
                shown.detail.parse().ok(),
            ),
            Err(why) => PlatformObserved::new(
                ObservedExposure::Unknown { detail: Text::of(why) },
                PlatformSeen::default(),
                None,
            ),
        };
        observed.unreachable = unreachable.to_vec();
        let held = self.held_by_the_platform();
        match why_not_free(&scope, Some(&admission.stable), &observed) {
            None => {
                self.follow(observed);
                if held.is_some() {
                    self.resume_by_itself(HoldCause::Platform, ResumeReason::PlaceFree {});
                }
            }
            Some(why) if !is_known(held.as_ref(), &why) => {
                self.follow(observed);
                self.hold_by_itself(HoldCause::Platform, why);
            }
            Some(_) => {}
        }
    }

    fn held_by_the_platform(&self) -> Option<HoldReason> {
        self.release.holds.get(&HoldCause::Platform).map(|hold| hold.reason.clone())
    }

    /// Holds while the platform does something else than it was asked for.
    pub(super) fn act_on_platform(&mut self, trouble: Option<HoldReason>) {
        match (trouble, self.held_by_the_platform()) {
            (Some(trouble), held) if !is_known(held.as_ref(), &trouble) => {
                self.hold_by_itself(HoldCause::Platform, trouble);
            }
            (None, Some(_)) => self.resume_by_itself(HoldCause::Platform, ResumeReason::PlatformRight {}),
            (Some(_) | None, _) => {}
        }
    }

    /// Sets drifted traffic again, and holds the release when it is no accident.
    pub(super) fn act_on_drift(&mut self, step: &StepProgress, observed: TrafficShare) {
        let expected = step.share;
        self.follow(TrafficDrifted { expected, observed });
        if self.rules == Rules::First || self.release.holds.contains_key(&HoldCause::Drift) {
            return;
        }
        let times = step.drifts + 1;
        if observed > expected {
            self.hold_by_itself(HoldCause::Drift, HoldReason::TrafficRaised { observed, expected });
        } else if times >= DRIFTS_BEFORE_HOLD {
            self.hold_by_itself(HoldCause::Drift, HoldReason::TrafficMoved { times, observed, expected });
        }
    }

    pub(super) fn hold_by_itself(&mut self, cause: HoldCause, reason: HoldReason) {
        self.follow(HoldPlaced { cause, reason, roll_back_at: None, roles: BTreeSet::new() });
    }

    pub(super) fn resume_by_itself(&mut self, cause: HoldCause, reason: ResumeReason) {
        self.follow(HoldReleased { cause, reason, roles: BTreeSet::new() });
    }
}
