use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::value::RawValue;
use thiserror::Error;

#[allow(clippy::wildcard_imports, reason = "the catalogue names every event")]
use super::{facts::*, verdicts::*, wire::LookTaken};
use crate::chain::Data;

/// A kind that this version does not know. A verifier still chains such a record; a conductor won't drive it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event {0:?} is unknown to this version")]
pub struct UnknownKind(pub String);

macro_rules! events {
    ($($(#[$docs:meta])* $event:ident = $kind:literal,)*) => {
        /// Something that happened to a release.
        ///
        /// The kinds are pinned for good; a new meaning gets a new kind or a new version of the format.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$docs])* $event($event),)*
        }

        impl Event {
            /// The kind of every event, as new records name it.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The kind, as a record names it.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => $kind,)*
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
                match kind {
                    $($kind => Some(serde_json::from_str(data.get()).map(Self::$event)),)*
                    "look_taken" => {
                        let taken = serde_json::from_str::<LookTaken>(data.get());
                        Some(taken.map(|taken| Self::Evaluated(taken.into())))
                    }
                    _ => None,
                }
            }
        }

        /// As a record has it: `{"kind":"step_started","data":{"step":1,…}}`.
        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Event", 2)?;
                fields.serialize_field("kind", self.kind())?;
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
    PlanRecorded = "plan_recorded",
    /// The plan was changed; approvals so far are void.
    PlanRevised = "plan_revised",
    /// Somebody other than an author approved the plan.
    PlanApproved = "plan_approved",
    /// A gate was passed.
    GatePassed = "gate_passed",
    /// A gate was not passed, and somebody has to decide.
    GateFailed = "gate_failed",
    /// Staging began.
    StagingStarted = "staging_started",
    /// The deployer has installed the artifact.
    Deployed = "deployed",
    /// The outcome of a check was recorded.
    CheckRecorded = "check_recorded",
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
    EffectFailed = "effect_failed",
    /// The release stands still.
    HoldPlaced = "hold_placed",
    /// A reason to stand still is gone.
    HoldReleased = "hold_released",
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
    /// An incident of the service was seen.
    IncidentReported = "incident_seen",
    /// An incident that was seen does not fire any more.
    IncidentEnded = "incident_ended",
    /// The release is being taken back.
    RollbackStarted = "rollback_started",
    /// The platform did not show what a rollback should lead to.
    RollbackUnconfirmed = "rollback_unconfirmed",
    /// The platform showed no traffic on the new version.
    ZeroTrafficObserved = "zero_traffic_observed",
    /// The rollback is done: traffic is at zero, by observation.
    RollbackConfirmed = "rollback_confirmed",
    /// The validation has passed.
    ReleaseCompleted = "release_completed",
    /// The release was given up before production.
    ReleaseAborted = "release_aborted",
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
}
