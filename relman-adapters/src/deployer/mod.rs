//! Deployers: what installs versions and routes traffic to them.
//!
//! - [`haproxy`] (feature `haproxy`) moves traffic by the weights of two servers, exactly and at once.
//! - [`SplitDeployer`] joins two: one that installs and one that routes.

#[cfg(feature = "haproxy")]
pub mod haproxy;
mod split;

pub use split::SplitDeployer;
