//! The pieces of a canary on real traffic, all on loopback and in a temporary directory.
//!
//! ```text
//!            ┌─▶ baseline ─┐
//! load ─▶ HAProxy          ├─▶ Prometheus
//!            └─▶ canary ───┘
//! ```
//!
//! A [`Stack`](stack::Stack) starts all of it, waits until traffic flows and is measured, says how a deploy tool
//! reaches it ([`Settings`](settings::Settings)), and takes it down again, also where its process is killed.
//! A [`Drill`](drill::Drill) is the release on it: the files that a deploy tool reads, the tool that conducts it, and
//! the people.

pub mod comparison;
pub mod drill;
pub mod http;
pub mod load;
pub mod programs;
pub mod record;
pub mod service;
pub mod settings;
pub mod stack;
mod watched;
