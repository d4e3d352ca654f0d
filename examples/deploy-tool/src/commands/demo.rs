//! `demo`: a whole release on a simulated platform.

use crate::{
    cli::{Demo, Global},
    failure::Failure,
};

/// Not in this build yet.
///
/// # Errors
///
/// Always.
pub(crate) fn run(_: &Global, demo: &Demo) -> Result<(), Failure> {
    let Demo { scenario, seed } = demo;
    Err(Failure::refused(format_args!("the demo is not in this build yet ({scenario:?}, seed {seed})")))
}
