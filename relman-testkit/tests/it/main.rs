//! What relman-testkit is held to from outside, in one binary. One room of it: `cargo test -p relman-testkit --test it mutants::`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[cfg(feature = "proptest")]
mod artifacts;
mod conformance;
mod crash_points;
#[cfg(feature = "lab")]
mod lab_theory;
#[cfg(feature = "lab")]
mod methods;
mod mutants;
mod reference_model;
mod traces;
