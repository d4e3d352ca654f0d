//! The pure core of relman.

pub mod chain;
pub mod event;
pub mod judge;
pub mod machine;
pub mod plan;
pub mod policy;
pub mod port;
pub mod report;
pub mod unit;
