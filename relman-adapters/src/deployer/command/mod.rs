#![doc = include_str!("protocol.md")]

mod adapter;
mod config;

pub use adapter::CommandDeployer;
pub use config::{CommandConfig, Operation};

/// The protocol as a page: what a program is asked, and what it answers. It is the text of this module.
pub const PROTOCOL: &str = include_str!("protocol.md");
