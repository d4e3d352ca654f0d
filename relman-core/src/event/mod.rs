//! Events: what happened, as facts with past-tense names, and the records that hold them.

mod catalogue;
mod facts;
mod ground;
mod platform;
mod reason;
mod record;
mod verdicts;
mod wire;

pub use catalogue::{Event, UnknownKind};
pub use facts::{
    ActionItemKind, ActionItemOpened, ActionItemSettled, CheckRecorded, ClockSkewed, ComplaintRecorded,
    ComplaintWithdrawn, CoverLapsed, Deployed, EffectFailed, EffectId, Gate, GateFailed, GatePassed,
    HoldCause, HoldPlaced, HoldReleased, IncidentEnded, IncidentReported, LessonKind, LessonRecorded,
    NotificationAbandoned, Notified, OnCallAcknowledged, OnCallHandedOver, OverrideExpired, OverrideGranted,
    PinnedUsersCut, PinnedUsersObserved, PlanApproved, PlanRecorded, PlanRevised, PostMortemCause,
    PostMortemFiled, PostMortemOpened, ReleaseAborted, ReleaseClosed, ReleaseCompleted, RollbackConfirmed,
    RollbackStarted, RollbackTrigger, RollbackUnconfirmed, RolloutStarted, SetBy, Settlement, StagingStarted,
    StepStarted, TrafficDrifted, TrafficSet, ValidationStarted, ZeroTrafficObserved,
};
pub(crate) use ground::Reached;
pub use ground::{CheckOutcome, Ground, ShownInRollback, Task, ZeroBy};
pub use platform::{
    PlaceSeen, PlatformObserved, PlatformSeen, Promoted, PromotionStarted, TargetAdmitted, TargetLeft,
    Unreachable,
};
pub use reason::{Gap, HoldReason, ResumeReason};
pub(crate) use record::Written;
pub use record::{Fact, Record, RecordError, SealError};
pub(crate) use verdicts::VerdictsAs;
pub use verdicts::{ContractBreached, Evaluated, ObservedExposure};
