//! Tests of the core through its public API, in one binary: what they share is compiled and linked once.
#![allow(clippy::unwrap_used, reason = "a failure to unwrap is a failure of the test")]

mod fixture;

mod actions;
mod altered;
mod errors;
mod glance;
mod golden;
mod judge_properties;
mod judge_vectors;
mod kinds;
mod policies;
mod process;
mod properties;
mod record_format;
mod reports;
#[cfg(feature = "schema")]
mod schemas;
mod session;
mod storyboards;
mod strict_json;
