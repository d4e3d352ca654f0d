//! The real conductor with the SQLite journal in a world in which everything goes wrong that a schedule can name, under
//! tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "a test that can not go on may stop")]

mod kinds;
mod ports;
mod stage;
