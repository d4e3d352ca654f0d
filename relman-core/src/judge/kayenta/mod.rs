//! Kayenta's rule, by name, for those who move over: Mann-Whitney with a tolerance, groups, weights and scores.
//!
//! What it does is what spinnaker/kayenta's `NetflixACAJudge` does (its `MannWhitney`, `MannWhitneyClassifier`,
//! `WeightedSumScorer` and `ThresholdScoreClassifier`), with two differences, both said on the item: no noise is added
//! to constant samples, and what was not measured is listed and never taken for clean by relman's gates.
//!
//! **What it costs.** The test was made to be looked at once. Repeated every ten minutes over the standard track, at
//! 98 %, the rule turns back 10 to 14 % of healthy releases, and 18 to 21 % without its tolerance.
//!
//! The boundaries, exactly:
//!
//! | what | when |
//! | --- | --- |
//! | high | `ci_low > tolerance · |estimate|`, and the effect size is at or above the allowed increase or unknown |
//! | low | `ci_high < −tolerance · |estimate|`, and the effect size is at or below the allowed decrease or unknown |
//! | pass | neither; or both samples hold the same values; or all values are one |
//! | score of a group | `100 · pass / (pass + high + low + required but missing)` |
//! | summary | `Σ score · weight / 100`, rounded to two decimals; groups without a weight share what is left of 100 |
//! | pass, marginal, fail | `summary ≥ 75`; `75 > summary ≥ 50`; below: with the usual thresholds |
//! | fail at once | a critical metric that is not passed; half of the metrics or more without data |

mod classify;
mod interval;
mod ranks;
mod score;

pub use classify::{Classification, Direction, EffectSize, Label, MannWhitneyRule, cles, mean_ratio};
pub use interval::{Procedure, SampleError, Shift, p_value, shift};
pub use score::{Criticality, Grade, GroupScore, MetricResult, ScoreThresholds, Summary, summarise};
