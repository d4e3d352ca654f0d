//! What a record says, derived again from the records before it.

mod cause;
mod difference;
mod verifier;

pub use verifier::{DeepVerifier, NotDerived};
