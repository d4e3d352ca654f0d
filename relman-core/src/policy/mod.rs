//! The rules that a release obeys: tracks and their steps, gates, roles, what to do without data, freeze windows.
//!
//! A policy is written as TOML ([`Policy::from_toml`]) and recorded by value with the plan, so that the record
//! says which rules were in force. [`floors`] has what no policy can go below.

mod file;
pub mod floors;
mod freeze;
#[expect(clippy::module_inception, reason = "the type that the module is named after")]
mod policy;
mod rules;
mod track;
mod window;

pub use file::PolicyFileError;
pub use freeze::{Freeze, Frozen, WrittenTime};
pub(crate) use policy::RawPolicy;
pub use policy::{Policy, PolicyError};
pub(crate) use rules::five_minutes;
pub use rules::{
    FollowUpRules, NoDataAction, NoDataRule, NoDataRules, OnCallRules, OverrideRules, Permission, Roles,
    RollbackRules,
};
pub(crate) use track::RawTrack;
pub use track::{Step, Track, TrackError, TrackUse};
pub use window::FreezeWindow;
