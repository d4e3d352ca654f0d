//! The methods that people know, by name. None of them keeps a promise about healthy releases; each says what it costs.
//!
//! Figures are for the standard track with a look a minute, a limit of 1 % and a healthy version with 0.1 % errors, at 10,
//! 100 and 1,000 requests a second: how many healthy releases are turned back. relman's testkit measures them, and how
//! soon each method finds what is broken (`relman_testkit::lab::methods`).
//!
//! | method | type | healthy releases turned back |
//! | --- | --- | --- |
//! | value over a threshold in any look | [`WindowThreshold`] over one look | 99.98, 84, 0.06 % |
//! | the fifth failed look | [`FailedLooks::total`] | 88, 2.9, 0 % |
//! | n failed looks in a row, n of m | [`FailedLooks::in_a_row`], [`FailedLooks::of_the_last`] | as the lab shows |
//! | Argo Rollouts' analysis | [`ArgoAnalysis`] | the same as the failed looks it counts |
//! | Kayenta's Mann-Whitney rule | [`kayenta`](crate::judge::kayenta) | 10, 12, 14 %, every ten minutes |

mod argo;
mod looks;

pub use argo::{ArgoAnalysis, ArgoError, ArgoLimits, ArgoMeasurement, ArgoPhase};
pub use looks::{FailedLooks, Look, Rule, WindowThreshold, WindowVerdict};
