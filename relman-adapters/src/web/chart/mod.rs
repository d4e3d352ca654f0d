//! Charts, drawn on the server: paths in a box of 1000 by 200 that the browser stretches.

mod axis;
mod criterion;
mod exposure;

pub(super) use criterion::CriterionChart;
pub(super) use exposure::{CoverChart, ExposureChart};
