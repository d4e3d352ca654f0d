//! What can happen, in few words.

use crate::reference_model::people::Who;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Approve(Who),
    Revise(Who),
    Check(Who, &'static str, Passes),
    Hold(Who),
    Resume(Who),
    RollBack(Who),
    Abort(Who),
    Override(Who, GateName),
    TakeDuty(Who),
    File(Who, u32),
    Complain(Who),
    Close(Who),
    /// The platform has done what it was asked to.
    PlatformDone,
    /// It has failed to, and is tried again.
    PlatformFails,
    /// It has refused to.
    PlatformRefuses,
    Look(Seen),
    /// The platform shows this share, in per cent, while the release is rolled back.
    TrafficShown(u32),
    /// So many seconds pass in which nobody looks.
    Wait(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateName {
    Plan,
    Staging,
    Step,
    Validation,
    Freeze,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Healthy,
    Breach,
    NoLatency,
    TrafficElsewhere,
    TrafficUnknown,
}

impl Move {
    /// Whether a person or a service does it, who may try everything at any time.
    pub fn is_by_somebody(self) -> bool {
        match self {
            Self::Approve(_)
            | Self::Revise(_)
            | Self::Check(..)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::RollBack(_)
            | Self::Abort(_)
            | Self::Override(..)
            | Self::TakeDuty(_)
            | Self::File(..)
            | Self::Complain(_)
            | Self::Close(_) => true,
            Self::PlatformDone
            | Self::PlatformFails
            | Self::PlatformRefuses
            | Self::Look(_)
            | Self::TrafficShown(_)
            | Self::Wait(_) => false,
        }
    }
}
