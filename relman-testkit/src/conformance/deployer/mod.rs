//! The suite of [`Deployer`](relman_core::port::Deployer).

mod checks;
mod fixture;
mod suite;
mod trouble;

pub use fixture::DeployerFixture;
pub use suite::*;
