//! Evidence against a release, added up over time, that may be looked at as often as anyone likes.
//!
//! For each interval `t` and each alternative `k` (a regression of a certain size) a
//! [factor] `L_k(t)` has a mean of at most 1 while the criterion is clean. All share one
//! recursion, started with `S_k = 0` and `rest = 1`:
//!
//! ```text
//! S_k  ← L_k(t) · (S_k + w_t · π_k)        rest ← rest − w_t        E = rest + Σ_k S_k
//! alarm  ⇔  ln E ≥ ln(1/α)
//! ```
//!
//! `E` starts at 1, is never negative and does not grow on average, so that the probability that it ever reaches `1/α`
//! is at most `α` (Ville 1939), at any look and under any rule for stopping. The `π_k` spread belief over sizes of
//! regression, the [`StartWeights`] `w_t` over when it starts (Shin, Ramdas and Rinaldo, arXiv 2203.03532).
//!
//! - [`Sequential`] is the whole for one criterion; [`Mixture`] is its state.
//! - [`Shares`] merges the evidence of several criteria.
//! - [`Alpha`] is the probability that is allowed, and its threshold.

pub mod factor;

mod alpha;
mod sequential;
mod start;

pub use alpha::{Alpha, Shares, SharesError};
pub use sequential::{LnEvidence, Mixture, Onset, Sequential};
pub use start::{BEYOND_PLAN, Position, SPENT_BEYOND, Scheme, StartWeights};
