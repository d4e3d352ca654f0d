//! relman-adapters.
pub mod deployer;
