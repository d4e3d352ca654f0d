//! Charts, drawn on the server: data become paths in a box of 1000 by 200 that the browser stretches.

mod axis;
mod cover;
mod criterion;
mod exposure;

pub(super) use axis::{Tick, TimeAxis};
pub(super) use cover::CoverChart;
pub(super) use criterion::SeriesChart;
pub(super) use exposure::ExposureChart;

/// The height of the box.
const HEIGHT: f64 = 200.0;
