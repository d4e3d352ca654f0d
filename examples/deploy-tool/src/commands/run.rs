//! `run`: conducts a real release in the foreground.

use crate::{
    cli::{Global, Run},
    config::{self, Config},
    failure::Failure,
    ports,
};

/// Not in this build yet, beyond reading what it needs.
///
/// # Errors
///
/// Always.
pub(crate) fn run(global: &Global, run: &Run) -> Result<(), Failure> {
    let config = Config::load(global)?;
    let plan = config::plan(&run.plan)?;
    let _policy = config.policy(run.policy.as_deref())?;
    let (_deployer, _metrics) = (ports::deployer(&config)?, ports::metrics(&config)?);
    let _notifier = ports::notifier(&config)?;
    Err(Failure::refused(format_args!("conducting {} is not in this build yet", plan.release())))
}
