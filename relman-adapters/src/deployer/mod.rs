//! Deployers: what installs versions and routes traffic to them.
//!
//! - [`haproxy`] (feature `haproxy`) moves traffic by the weights of servers, exactly and at once.
//! - [`command`] (feature `command`) runs any executable, for platforms that have a tool of their own.
//! - [`SplitDeployer`] joins two: one that installs and one that routes.

#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "haproxy")]
pub mod haproxy;
mod split;

pub use split::SplitDeployer;
