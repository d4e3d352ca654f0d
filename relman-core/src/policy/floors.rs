//! What no production policy can go below, each with its reason.
//!
//! A drill may be shorter; it can't have fewer steps or a larger first one, so that what is rehearsed is what
//! would happen.

use crate::unit::{Span, TrafficShare};

/// The largest first step. A defect that every request meets then reaches one user in twenty at most.
pub const MAX_FIRST_SHARE: TrafficShare = TrafficShare::percent(5);

/// The fewest steps before all of the traffic: one to find what is plainly broken, one for what only many
/// requests show, one for what only load shows.
pub const MIN_STEPS_BEFORE_FULL: usize = 3;

/// The largest part of the traffic that may be held back on the old version until the end: what is validated is what
/// nearly all users get.
pub const MAX_HOLD_BACK: TrafficShare = TrafficShare::percent(10);

/// The shortest bake time of a step: five looks a minute apart, so that one odd minute is seen as one.
pub const MIN_BAKE: Span = Span::from_minutes(5);

/// The shortest validation: a whole day, because traffic, batch jobs and people follow the day.
pub const MIN_VALIDATION: Span = Span::from_hours(24);

/// The fewest looks in a step, so that a step is never passed on a single look.
pub const MIN_LOOKS: u64 = 5;

/// The longest time between two looks, in production and in drills: a breach should not stand unseen for longer.
pub const MAX_LOOK_INTERVAL: Span = Span::from_minutes(15);

/// The checks that every staging gate has.
pub const STAGING_CHECKS: [&str; 3] = ["unit", "integration", "end-to-end"];

/// The check that the staging gate of a high-risk release has: signed by a named person.
pub const MANUAL_QA: &str = "manual-qa";

/// The check that the staging gate of a performance-sensitive release has.
pub const LOAD_TEST: &str = "load-test";

/// The check that every validation gate has: key user flows work in production.
pub const USER_FLOWS: &str = "user-flows";

/// The fewest approvers of a high-risk release.
pub const HIGH_RISK_APPROVALS: u32 = 2;

/// How many people approve a change that can't be taken back: nobody alone decides that there is no way back.
pub const IRREVERSIBLE_APPROVALS: u32 = 2;
