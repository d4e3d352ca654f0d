//! Scenario tests: given a past, when something happens, then these events, these effects, or a refusal.
//!
//! A scenario reads as people would tell it, runs through the real [`Session`](relman_core::machine::Session), and says in
//! a few lines what is different where an expectation does not hold. It needs no platform, no clock and no runtime: the
//! test says what people, platform and metrics do.
//!
//! - [`given`] takes a [`Past`]: [`planned`], [`staged`], [`in_step`] …, or facts of your own.
//! - [`when`](Given::when) takes a [`When`]: what [`someone`] wants, [`a_look`] at the metrics, what the platform has
//!   [`done`] or [`failed`] to do, [`traffic_at`] a share, time that [`passes`](pass). What the session asks for is
//!   open until the scenario says how it ends; a look that was due is about the time until it was.
//! - [`then`](Then::then) takes the events, all of them and in order; [`then_refused`](Then::then_refused) a refusal;
//!   [`then_effects`](Then::then_effects) what the outside world is asked to do.
//! - [`and_when`](Then::and_when) goes on from there.
//!
//! After every step the guardrails ([`Invariants`](crate::Invariants)) are checked over all records, so that a scenario
//! about one rule finds what breaks another.
//!
//! # Examples
//!
//! The rollback contract is breached at 10 %, under a policy whose gates are thresholds:
//!
//! ```
//! use relman_core::unit::TrafficShare;
//! use relman_testkit::{sample, scenario::{a_look, done, event, given, in_step, traffic_at}};
//!
//! given(in_step(2).of(sample::drill_plan(), sample::drill_policy()))
//!     .when(a_look().with_errors(50, 1_000))
//!     .then([
//!         event("evaluated").with("step", 2),
//!         event("contract_breached"),
//!         event("rollback_started").with("share_bp", TrafficShare::percent(10)),
//!         event("post_mortem_opened"),
//!     ])
//!     .then_effects([
//!         "set traffic to 0%",
//!         "tell internal through releases: rollback started",
//!         "page on-call through on-call: rollback started",
//!     ])
//!     .and_when(done("set traffic to 0%"))
//!     .then(["traffic_set"])
//!     .and_when(traffic_at(TrafficShare::ZERO))
//!     .then(["zero_traffic_observed"])
//!     .and_when(traffic_at(TrafficShare::ZERO))
//!     .then(["zero_traffic_observed", "rollback_confirmed"]);
//! ```
//!
//! The shipped policy asks for evidence: one bad look makes it hold, and more of them turn the release back:
//!
//! ```
//! use relman_testkit::scenario::{a_look, given, in_step};
//!
//! let bad = || a_look().with_errors(100, 1_000);
//! given(in_step(2))
//!     .when(bad())
//!     .then(["evaluated", "hold_placed"])
//!     .and_when(bad())
//!     .then(["evaluated"])
//!     .and_when(bad())
//!     .then(["evaluated"])
//!     .and_when(bad())
//!     .then(["evaluated", "contract_breached", "rollback_started", "post_mortem_opened"]);
//! ```
//!
//! Nobody approves their own plan:
//!
//! ```
//! use relman_core::machine::Refusal;
//! use relman_testkit::{Team, scenario::{given, planned, someone}};
//!
//! given(planned())
//!     .when(someone("user:ana").with_roles(["approver"]).approves())
//!     .then_refused(Refusal::ApproverIsAuthor(Team::actor("user:ana")))
//!     .and_when(someone("user:bo").approves())
//!     .then(["plan_approved", "gate_passed", "staging_started"]);
//! ```
//!
//! An expectation that does not hold, and what the test says:
//!
//! ```
//! # let failure = std::panic::catch_unwind(|| {
//! use relman_testkit::{sample, scenario::{a_look, event, given, in_step}};
//!
//! given(in_step(2).of(sample::drill_plan(), sample::drill_policy()))
//!     .when(a_look().with_errors(50, 1_000))
//!     .then([event("evaluated").with("step", 3), event("traffic_drifted")]);
//! # }).unwrap_err();
//! # let text = failure.downcast_ref::<String>().expect("the panic has a text");
//! # let wanted = "\
//! # when a look with error_rate of the canary 5% (50 of 1000), these events differ (- expected, + happened):
//! #   ~ evaluated by system:relman
//! #       step: expected 3, was 2
//! #   - traffic_drifted
//! #   + contract_breached by system:relman: CONTRACT BREACHED: error_rate > 1%: breached, 5% (50 of 1000) against 1%
//! #   + rollback_started by system:relman: ROLLBACK began at 10% of traffic: `error_rate > 1%` breached: 5% observed, limit 1%
//! #   + post_mortem_opened by system:relman: opened post-mortem 1 on the rollback";
//! # assert_eq!(text.trim_end(), wanted);
//! ```
//!
//! ```text
//! when a look with error_rate of the canary 5% (50 of 1000), these events differ (- expected, + happened):
//!   ~ evaluated by system:relman
//!       step: expected 3, was 2
//!   - traffic_drifted
//!   + contract_breached by system:relman: CONTRACT BREACHED: error_rate > 1%: breached, 5% (50 of 1000) against 1%
//!   + rollback_started by system:relman: ROLLBACK began at 10% of traffic: `error_rate > 1%` breached: …
//!   + post_mortem_opened by system:relman: opened post-mortem 1 on the rollback
//! ```

mod diff;
mod evaluation;
mod expected;
mod given;
mod past;
mod person;
mod story;
mod when;

pub use crate::runner::{Doubt, Happened};
pub use evaluation::{Evaluation, a_look};
pub use expected::{Expected, ExpectedEffect, Refuses, event};
pub use given::{Given, Then, given};
pub use past::{
    Past, aborted, approved, by, closed, completed, in_production, in_step, nothing, planned, rolled_back,
    rolling_back, staged, validating,
};
pub use person::{Person, Want, someone};
pub use story::{Story, Taken};
pub use when::{
    When, done, failed, in_doubt, onward, pass, refused_by_platform, tick, traffic_at, traffic_unknown,
};

#[cfg(test)]
mod tests;
