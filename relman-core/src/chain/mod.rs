//! The hash chain: digests, links, strict reading and verification.
//!
//! Works on bytes and knows no event. [`crate::docs::record_format`] has the format.

mod digest;
mod envelope;
mod line;

pub use digest::Digest;
pub use envelope::{Envelope, Malformed, SealError};
pub use line::{Head, SealedLine};
