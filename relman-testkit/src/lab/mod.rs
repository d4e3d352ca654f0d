//! Lab.

mod case;
mod course;
mod figure;
#[cfg(feature = "html")]
mod html;
mod outage;
mod report;
mod run;
mod table;
mod traffic;
mod trial;
pub mod worlds;

pub use case::{Case, Kind};
pub use figure::{CONFIDENCE, Estimate, Share, Spread};
pub use report::{Contestant, Detection, Difference, Finding, Report, WorldReport};
pub use run::{Lab, LabError, Progress, default_plan};
