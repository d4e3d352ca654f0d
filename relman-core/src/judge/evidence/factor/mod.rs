//! Factors: what one interval says for an alternative and against a clean release.
//!
//! A factor `L_k` is never negative and has a mean of at most 1 while the criterion is clean, whatever happened before:
//! that is all that [evidence](crate::judge::evidence) needs.
//!
//! | factor | for | holds when |
//! | --- | --- | --- |
//! | [`RateLimit`] | a rate against a limit | errors are independent given the interval |
//! | [`RateAgainstBaseline`] | a rate against ρ times the baseline's | the same; rates may drift, incidents may hit both arms, at any split |
//! | [`BurstProofAgainstBaseline`] | the same | bursts lie inside one interval and requests are routed at random |
//! | [`BurstProofLimit`] | a rate against a limit | the interval's mean rate, given the past, is at most the limit |
//! | [`BurstProofGauge`] | a value that is not negative against a limit | the interval's mean value, given the past, is at most the limit |
//! | [`CountsWithExposure`] | things counted while something is exposed | the counts are Poisson |
//!
//! The likelihood factors are quick and believe in independence; the burst-proof ones (betting: Waudby-Smith and
//! Ramdas 2024) are slower and need no more than a mean. One broken dependency makes forty errors at once, so that a
//! release is turned back by the latter alone unless its units are known to be independent.

mod burst_proof;
mod likelihood;
#[cfg(test)]
mod tests;

pub use crate::judge::observation::{Arms, Counts, Exposed};
pub use burst_proof::{BurstProofAgainstBaseline, BurstProofGauge, BurstProofLimit, FRACTIONS};
pub use likelihood::{CountsWithExposure, Factor, RATIOS, RateAgainstBaseline, RateLimit};
