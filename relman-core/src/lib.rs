//! The pure core of relman.

pub mod chain;
pub mod judge;
pub mod plan;
pub mod policy;
pub mod port;
pub mod unit;
