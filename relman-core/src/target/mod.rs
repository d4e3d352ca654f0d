//! Targets: what users of a service have, whose turn it is to change it, and what nobody may change now.
//!
//! A release is the story of one change. Which version is stable, whose release holds the place, and whether everything
//! forward is stopped are facts about the [target](crate::unit::TargetName): one service in one environment or region. They
//! have a stream of their own in the same journal, and one for all targets, the estate.
//!
//! [`Targets`] reads and writes these streams. [`TargetState`] is what one amounts to; its methods decide, and change nothing.

mod event;
mod ledger;
mod record;
mod refusal;
mod state;

pub use event::{
    FreezeDeclared, FreezeLifted, HeadNamed, LeftAs, PolicyAdopted, ReleaseAdmitted, ReleaseLeft,
    ReleaseQueued, StableBy, StableEstablished, TargetEvent, TargetRegistered,
};
pub use ledger::{Admission, Admitted, AskForAdmission, Standing, Stopped, TargetError, Targets, Waiting};
pub use record::{TargetRecord, TargetRecordError};
pub use refusal::TargetRefusal;
pub use state::{DeclaredFreeze, Holder, Queued, Stable, TargetState};
