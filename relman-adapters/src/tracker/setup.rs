use thiserror::Error;

use crate::{http::EndpointError, secret::SecretError};

/// Why a tracker can't be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// An address can't be connected to.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Url {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with the address.
        problem: EndpointError,
    },
    /// The token can't be read.
    #[error("failed to set up {adapter}: `token`: {problem}")]
    Token {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// Why there is no token.
        problem: SecretError,
    },
    /// A field does not say what it should.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Field {
        /// Which kind of tracker it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}
