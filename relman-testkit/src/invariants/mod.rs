//! The guardrails as properties of records, each with a name.
//!
//! They are written from the process alone and share no code with the rules that decide: what a rule forgets, an
//! invariant finds. Most need nothing but the records of one release, as a run, a journal or an export holds them. The
//! others need a whole [`Run`](crate::Run): what the platform did, beside what was recorded of it.

mod catalogue;
mod chain;
mod evidence;
mod gates;
mod ground_truth;
mod in_force;
mod people;
mod platform;
mod rollback;
mod rollout;
mod violation;
mod way_back;

pub use catalogue::Invariants;
pub use violation::Violation;

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
