//! What relman-testkit is held to from outside, in one binary. One room of it: `cargo test -p relman-testkit --test it mutants::`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod artifacts;
mod conformance;
mod crash_points;
mod lab_theory;
mod may_grow;
mod methods;
mod mutants;
mod one_driver;
mod reference_model;
mod traces;
