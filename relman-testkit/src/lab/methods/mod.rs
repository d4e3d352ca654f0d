//! What each way to decide costs: false alarms on healthy releases and time to detect, side by side on the same numbers.
//!
//! A [`Comparison`] takes the ways out of everything around them. Two arms of the same size get the step's share of the
//! traffic each; one look a minute sees the errors of both; nobody holds, pauses or exposes more slowly; and each
//! [`Method`] says at which minute it would have turned the release back. A [`Lab`](super::Lab) measures a whole policy,
//! with its holds, its patience and its other criteria; this measures what is left when all of that is the same.
//!
//! # The table
//!
//! Made by `cargo run --release -p relman-testkit --example methods -- 10000 2000`:
#![doc = include_str!("table.md")]
//!
//! # How to read it
//!
//! - **A look sees a minute.** The track is the shipped `standard` one: 1,830 looks from 1 % to 100 %.
//! - **Limit** is a rule `error_rate > 0.1%` where 0.1 % is what a healthy version has; **baseline** is
//!   `error_rate > 1x baseline`. *Fast* is the evidence of the likelihood factors, which holds a release; *burst-proof* is
//!   the one that turns it back.
//! - **Bursts** lie inside one minute and one arm, with geometric sizes; the mean rate stays what it was. The fast
//!   channel believes in independent errors, so it has no promise to keep there, and breaks it: that is why it only holds.
//! - **An incident** hits both arms alike, and **drift** moves the error rate of both up and down over the day. A limit is
//!   broken by either while it lasts, whichever version serves: there is no false alarm to count, and the cell is empty.
//! - Means are over the runs that found the regression after it began; a dash stands where fewer than half of them did.
//! - **Wald's bound** is `ln(1/α) / KL(p1 ‖ p0)` requests of the new version (Wald 1945), here in minutes of this track: no
//!   test with this promise finds such a shift sooner on average. What looks only once a minute adds up to one to it. A
//!   row that is below the bound has no such promise, or begins with false alarms.

mod draw;
mod method;
mod report;
mod run;
mod wald;

pub use draw::Weather;
pub use method::Method;
pub use report::{AtEachRequest, Detected, Findings, Healthy};
pub use run::{Comparison, ComparisonError};
pub use wald::requests_needed;
