//! The hash chain: digests, links, strict reading and verification.
//!
//! Works on bytes and knows no event. [`crate::docs::record_format`] has the format.

mod batch;
mod digest;
mod envelope;
mod scanner;
mod strict;
mod verify;

pub(crate) use batch::Progress;
pub use batch::{BatchRange, BatchRangeError};
pub use digest::Digest;
pub use envelope::{Data, Envelope, FormatVersion, Head, SealError, SealedLine};
pub(crate) use strict::present;
pub use strict::{MAX_LINE, Malformed};
pub use verify::{Broken, BrokenReason, Verified, Verifier, verify_lines};
