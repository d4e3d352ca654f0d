//! HAProxy: traffic moves by the weights of two servers in one backend, through the runtime API.
//!
//! ```toml
//! socket = "/run/haproxy.sock"   # or: address = "127.0.0.1:9999"
//! backend = "app"
//! canary = "canary"
//! baseline = "stable"
//! time_limit = "5s"
//! ```
//!
//! The socket needs `level admin`, because weights are changed. What HAProxy is told is read back: its answers
//! carry no status. Weights changed at run time are gone when HAProxy is reloaded, unless its state file is
//! in use; the share then is what the configuration file says, and the next observation shows it.
//!
//! What users get is what counts: a server that is down, draining or in maintenance counts nothing, one that is starting
//! slowly counts what it has reached, and a `backup` server counts only where it is one of the two.

mod adapter;
mod config;
mod runtime;
mod stat;
mod state;
mod weights;

pub use adapter::Haproxy;
pub use config::{Endpoint, HaproxyConfig, HaproxyConfigError};
