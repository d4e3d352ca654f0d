use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;
use thiserror::Error;

#[allow(clippy::wildcard_imports, reason = "the catalogue names every event")]
use super::{
    facts::*,
    platform::{PlatformObserved, Promoted, PromotionStarted, TargetAdmitted, TargetLeft},
    verdicts::*,
    wire::old,
};
use crate::chain::Data;

/// A kind that this version does not know. A verifier still chains such a record; a conductor won't drive it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event {0:?} is unknown to this version")]
pub struct UnknownKind(pub String);

macro_rules! events {
    ($($(#[$docs:meta])* $event:ident = $kind:literal $(/ $version:literal)?,)*) => {
        /// Something that happened to a release.
        ///
        /// The kinds are pinned for good; a new meaning gets a new kind or a new version of the format.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$docs])* $event($event),)*
        }

        impl Event {
            /// The kind of every event.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The kind of every event as new records name it: with its version where that is above 1.
            pub const RECORDED_KINDS: &[&str] = &[$(concat!($kind $(, "/", $version)?)),*];

            /// The kind, whatever its version.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => $kind,)*
                }
            }

            /// The kind as a new record names it: with its version where that is above 1.
            pub fn recorded_kind(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => concat!($kind $(, "/", $version)?),)*
                }
            }

            /// The event's data as JSON.
            pub(crate) fn to_data(&self) -> Result<Box<RawValue>, serde_json::Error> {
                match self {
                    $(Self::$event(data) => serde_json::value::to_raw_value(data),)*
                }
            }

            /// Reads the data of a kind that is written, or was once; `None` for a kind that this version does not know.
            pub(crate) fn from_data(kind: &str, data: Data<'_>) -> Option<Result<Self, serde_json::Error>> {
                if kind == "evaluated" && let Some(look) = Evaluated::plain(data.get()) {
                    return Some(Ok(Self::Evaluated(look)));
                }
                $(if kind == concat!($kind $(, "/", $version)?) {
                    return Some(serde_json::from_str(data.get()).map(Self::$event));
                })*
                old::read(kind, data.get())
            }
        }

        /// As a record has it: `{"kind":"step_started","data":{"step":1,…}}`.
        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Event", 2)?;
                fields.serialize_field("kind", self.recorded_kind())?;
                match self {
                    $(Self::$event(data) => fields.serialize_field("data", data)?,)*
                }
                fields.end()
            }
        }

        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$event(event)
            }
        })*
    };
}

events! {
    /// A plan was recorded, with the policy in force.
    PlanRecorded = "plan_recorded" / 2,
    /// The plan was changed; approvals so far are void.
    PlanRevised = "plan_revised" / 2,
    /// Someone other than an author approved the plan.
    PlanApproved = "plan_approved",
    /// A gate was passed.
    GatePassed = "gate_passed" / 2,
    /// A gate failed; a person has to decide.
    GateFailed = "gate_failed" / 2,
    /// Staging began.
    StagingStarted = "staging_started",
    /// The deployer has installed the artifact.
    Deployed = "deployed",
    /// The outcome of a check was recorded.
    CheckRecorded = "check_recorded",
    /// The release holds its target.
    TargetAdmitted = "target_admitted",
    /// The platform was looked at before production is entered.
    PlatformObserved = "platform_observed",
    /// Production was entered, without traffic as yet.
    RolloutStarted = "rollout_started",
    /// A step began.
    StepStarted = "step_started",
    /// The deployer has routed traffic as it was asked to.
    TrafficSet = "traffic_set",
    /// The traffic is not where it was set.
    TrafficDrifted = "traffic_drifted",
    /// The metrics were looked at.
    Evaluated = "evaluated",
    /// A criterion of the rollback contract holds.
    ContractBreached = "contract_breached",
    /// An effect failed, for now.
    EffectFailed = "effect_failed" / 2,
    /// The release stands still.
    HoldPlaced = "hold_placed" / 2,
    /// A reason to stand still is gone.
    HoldReleased = "hold_released" / 2,
    /// All of the traffic is on the new version; the validation began.
    ValidationStarted = "validation_started",
    /// A named person is on call for the release.
    OnCallAcknowledged = "on_call_acknowledged",
    /// On-call duty went from one person to another.
    OnCallHandedOver = "on_call_handed_over",
    /// Nobody is on call for the release any more.
    CoverLapsed = "cover_lapsed",
    /// An executive has overridden a failed gate.
    OverrideGranted = "override_granted",
    /// An override was not used in time.
    OverrideExpired = "override_expired",
    /// A post-mortem is owed.
    PostMortemOpened = "post_mortem_opened",
    /// A post-mortem was filed.
    PostMortemFiled = "post_mortem_filed",
    /// Something that was learnt was written down.
    LessonRecorded = "lesson_recorded",
    /// Something is to be changed because of the release.
    ActionItemOpened = "action_item_opened",
    /// An action item was done, or dropped.
    ActionItemSettled = "action_item_settled",
    /// A customer's complaint was recorded.
    ComplaintRecorded = "complaint_recorded",
    /// A complaint was withdrawn.
    ComplaintWithdrawn = "complaint_withdrawn",
    /// An incident of the service was seen.
    IncidentReported = "incident_seen",
    /// An incident that was seen does not fire any more.
    IncidentEnded = "incident_ended",
    /// The release is being taken back.
    RollbackStarted = "rollback_started" / 2,
    /// The platform did not show what a rollback should lead to.
    RollbackUnconfirmed = "rollback_unconfirmed" / 2,
    /// The platform showed no traffic on the new version.
    ZeroTrafficObserved = "zero_traffic_observed",
    /// The platform showed no share for the new version, and users who are pinned to it still reach it.
    PinnedUsersObserved = "pinned_users_observed",
    /// The time to go is over for users who are pinned to the new version.
    PinnedUsersCut = "pinned_users_cut",
    /// The rollback is done: traffic is at zero, by observation.
    RollbackConfirmed = "rollback_confirmed",
    /// The validation has passed, and the new version is being made the stable one.
    PromotionStarted = "promotion_started",
    /// The new version is the stable one.
    Promoted = "promoted",
    /// The validation has passed.
    ReleaseCompleted = "release_completed",
    /// The release was given up before production.
    ReleaseAborted = "release_aborted",
    /// The release does not hold its target any more.
    TargetLeft = "target_left",
    /// Nothing is left to do.
    ReleaseClosed = "release_closed",
    /// The record is ahead of the clock of whoever drives the release.
    ClockSkewed = "clock_skewed",
    /// People were told.
    Notified = "notified",
    /// People could not be told.
    NotificationAbandoned = "notification_abandoned",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_snake_case_and_differ() {
        let unique: std::collections::BTreeSet<_> = Event::KINDS.iter().collect();
        assert_eq!(unique.len(), Event::KINDS.len());
        assert!(Event::KINDS.iter().all(|kind| kind.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn a_kind_is_written_in_one_version_and_read_in_those_before() {
        for (kind, recorded) in Event::KINDS.iter().zip(Event::RECORDED_KINDS) {
            assert!(old::read(recorded, "{}").is_none(), "{recorded}");
            let version = recorded.strip_prefix(kind).unwrap();
            assert!(version.is_empty() || old::read(kind, "{}").is_some(), "{kind} was written once");
        }
    }
}
