//! The platform as it really is: before production is entered, and at every look.

use std::collections::BTreeSet;

use super::{Draft, Rules};
use crate::{
    event::{
        HoldCause, HoldPlaced, HoldReleased, ObservedExposure, PlaceSeen, PlatformObserved, PlatformSeen,
        TrafficDrifted,
    },
    machine::{Release, StepProgress, TrafficState},
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
    /// What is wrong with the platform itself, in words.
    pub(super) trouble: Option<String>,
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
fn trouble(step: &StepProgress, shown: &Deployment) -> Option<String> {
    let said = |place: &Place| place.trouble.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
    if shown.baseline.has_nothing_ready() {
        return Some(format!(
            "there is no way back: no instance of the old version takes requests{}",
            said(&shown.baseline)
        ));
    }
    if shown.canary.has_nothing_ready() && !step.share.is_zero() {
        return Some(format!(
            "no instance of the new version takes requests, so users don't meet it{}",
            said(&shown.canary)
        ));
    }
    None
}

/// The weights are right, and users get something else.
fn users_get(step: &StepProgress, shown: &Deployment) -> String {
    let said: Vec<&str> =
        [&shown.canary, &shown.baseline].into_iter().filter_map(|place| place.trouble.as_deref()).collect();
    let why = if said.is_empty() { shown.detail.clone() } else { said.join("; ") };
    format!("{} of the traffic reaches the new version in place of {}: {why}", shown.canary_share, step.share)
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

impl Release {
    /// Why production can't be entered as it is; nothing where the place for the new version is free, and the version that it
    /// replaces is where users are.
    pub(in crate::machine) fn why_not_free(
        &self,
        exposure: &ObservedExposure,
        platform: &PlatformSeen,
    ) -> Option<String> {
        let (version, replaces) = match self.plan() {
            Some(plan) => (plan.scope().artifact.version.to_string(), plan.scope().replaces.to_string()),
            None => return Some("there is no plan".to_owned()),
        };
        let share = match exposure {
            ObservedExposure::Seen { share_bp } => platform.set.unwrap_or(*share_bp).max(*share_bp),
            ObservedExposure::Unknown { detail } => {
                return Some(format!("the platform could not be observed: {detail}"));
            }
        };
        if !share.is_zero() {
            let there = match &platform.canary.version {
                Some(there) => format!(", where {there} is,"),
                None => String::new(),
            };
            return Some(format!(
                "the place for {version}{there} gets {share} of the traffic: installing it there would show it to users \
                 unmeasured"
            ));
        }
        if let Some(stable) = platform.baseline.version.as_ref().filter(|stable| stable.as_str() != replaces)
        {
            return Some(format!("users have {stable}, and the plan of {version} replaces {replaces}"));
        }
        if platform.baseline.has_nothing_ready() {
            let said = platform.baseline.trouble.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
            return Some(format!("no instance of {replaces} takes requests{said}"));
        }
        None
    }
}

impl Draft<'_> {
    /// What the platform shows before production is entered: recorded where it is free, and where it is not and something
    /// about that is new.
    pub(super) fn preflight(&mut self, deployment: &Result<Deployment, String>) {
        if !self.release.awaits_platform(self.now) {
            return;
        }
        let observed = match deployment {
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
        let held = self.release.holds.get(&HoldCause::Platform).map(|hold| hold.reason.to_string());
        match self.release.why_not_free(&observed.exposure, &observed.platform) {
            None => {
                self.follow(observed);
                if held.is_some() {
                    self.platform_is_right("the place for the new version is free");
                }
            }
            Some(why) if held.as_deref() != Some(Text::of(&why).as_str()) => {
                self.follow(observed);
                self.platform_is_wrong(&why, "production is as the plan says; relman keeps looking");
            }
            Some(_) => {}
        }
    }

    /// Holds while the platform does something else than it was asked for.
    pub(super) fn act_on_platform(&mut self, trouble: Option<&str>) {
        let held = self.release.holds.get(&HoldCause::Platform).map(|hold| hold.reason.to_string());
        match (trouble, held) {
            (Some(trouble), held) if held.as_deref() != Some(Text::of(trouble).as_str()) => {
                self.platform_is_wrong(trouble, "the platform is as it should be; relman keeps looking");
            }
            (None, Some(_)) => self.platform_is_right("the platform is as it should be"),
            (Some(_) | None, _) => {}
        }
    }

    /// Sets the traffic again where it has drifted; holds where that is no slip.
    pub(super) fn act_on_drift(&mut self, step: &StepProgress, observed: TrafficShare) {
        self.follow(TrafficDrifted { expected: step.share, observed });
        if self.rules == Rules::First || self.release.holds.contains_key(&HoldCause::Drift) {
            return;
        }
        let times = step.drifts + 1;
        let reason = if observed > step.share {
            format!(
                "someone else has set {observed} of the traffic to the new version, more than the {} of the step",
                step.share
            )
        } else if times >= DRIFTS_BEFORE_HOLD {
            format!(
                "someone else has moved the traffic {times} times in this step, most recently to {observed} from {}",
                step.share
            )
        } else {
            return;
        };
        self.follow(HoldPlaced {
            cause: HoldCause::Drift,
            reason: Text::of(&reason),
            unblocked_by: Text::of("someone finds out who moves the traffic, and runs `resume`"),
            roll_back_at: None,
            roles: BTreeSet::new(),
        });
    }

    fn platform_is_wrong(&mut self, why: &str, unblocked_by: &str) {
        self.follow(HoldPlaced {
            cause: HoldCause::Platform,
            reason: Text::of(why),
            unblocked_by: Text::of(unblocked_by),
            roll_back_at: None,
            roles: BTreeSet::new(),
        });
    }

    fn platform_is_right(&mut self, reason: &str) {
        let (cause, reason) = (HoldCause::Platform, Text::of(reason));
        self.follow(HoldReleased { cause, reason, roles: BTreeSet::new() });
    }
}
