//! What a record says, derived again from the records before it.

mod cause;
mod difference;
mod unmarked;
mod verifier;
mod whole;

pub use verifier::{DeepVerifier, NotDerived};
