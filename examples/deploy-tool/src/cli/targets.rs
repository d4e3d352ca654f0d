//! Targets: what is live where, and what stops everything there.

use clap::Args;
use relman_core::unit::{TargetName, Text};

#[derive(Debug, Args)]
pub(crate) struct Freeze {
    /// The target; every target, if absent
    #[arg(value_name = "TARGET")]
    pub(crate) target: Option<TargetName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    /// When it ends, with an offset: 2026-12-01T08:00+01:00 [default: when it is lifted]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<relman_core::policy::WrittenTime>,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The policy [default: that of the configuration]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<std::path::PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Unfreeze {
    /// The number that `freeze` printed; `target` and `target NAME` show it, too
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
    /// The target; a freeze of every target, if absent
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<TargetName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
}
