//! What is to be released.
mod scope;
pub use scope::Artifact;
