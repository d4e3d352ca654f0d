//! User flows that are tried after a release: implementations of [`UserFlows`](relman_core::port::UserFlows).
//!
//! - [`HttpFlow`] (feature `probe`) sends one request and looks at status, latency and body.
//! - [`CommandFlow`] (feature `command`) runs any executable, such as a browser that is driven by a script.
//! - [`Flows`] joins several, and tries them at the same time.
//!
//! What they find becomes part of the record: what was expected and what was there, and never an address, a header or
//! the text of an answer.

#[cfg(feature = "command")]
mod command;
#[cfg(feature = "probe")]
mod http;
mod many;

#[cfg(feature = "command")]
pub use command::{CommandFlow, CommandFlowConfig};
#[cfg(feature = "probe")]
pub use http::{
    FlowMethod, FlowRedirects, HttpFlow, HttpFlowConfig, HttpFlowError, StatusRange, Statuses, StatusesError,
};
pub use many::{Flows, FlowsError};
