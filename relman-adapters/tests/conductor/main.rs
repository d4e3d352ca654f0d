//! The conductor, with the real core and journals, on simulated platforms under tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "a test that can not go on may stop")]

mod crash;
mod flows;
mod incidents;
mod once;
mod stage;
mod together;
