//! The deploy tool from outside: what it prints, what it refuses, and its exit status.

// The whole folder is a test, and its helpers fail it by panicking.
#![allow(clippy::unwrap_used)]

mod altered;
mod bench;
mod config;
mod demo;
mod flows;
mod handover;
mod judge;
mod judge_past;
mod judge_refuses;
mod lab;
mod old_names;
mod package;
mod people;
#[cfg(feature = "adapters")]
mod presence;
mod publish;
mod read;
mod report;
#[cfg(feature = "adapters")]
mod run;
mod verify_export;
mod verify_journal;
