//! The hash chain: digests, links, strict reading and verification.
//!
//! Works on bytes and knows no event. [`crate::docs::record_format`] has the format.

mod digest;
mod envelope;
mod strict;
mod verify;

pub use digest::Digest;
pub use envelope::{Envelope, FORMAT_VERSION, Head, SealError, SealedLine};
pub use strict::{MAX_LINE, Malformed};
pub use verify::{Broken, BrokenReason, Verified, Verifier, verify_lines};
