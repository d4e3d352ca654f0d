//! What the adapters that speak HTTP share: where they may connect, how long, how much they read, and what went
//! wrong in the words of a port.

mod client;
mod endpoint;

#[cfg(feature = "probe")]
pub(crate) use client::Redirects;
#[cfg(any(feature = "github", feature = "gitlab", feature = "jira"))]
pub(crate) use client::Reply;
pub(crate) use client::{HttpClient, Limits};
pub use endpoint::EndpointError;
pub(crate) use endpoint::{Endpoint, span_from_text};
