use thiserror::Error;

use crate::{http::EndpointError, secret::SecretError};

/// Why a notifier can't be used as it is configured. Its URL is a secret and never shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotifierError {
    /// Its URL can't be connected to.
    #[error("failed to set up {adapter}: `url`: {problem}")]
    Url {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// What is wrong with the URL.
        problem: EndpointError,
    },
    /// A secret can't be read.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Secret {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// Why there is no secret.
        problem: SecretError,
    },
    /// A key that signs nothing.
    #[error("failed to set up {adapter}: the signing key has {bytes} bytes, at least {least} are needed")]
    ShortKey {
        /// Which kind of notifier it is.
        adapter: &'static str,
        /// How long the key is.
        bytes: usize,
        /// How long it has to be.
        least: usize,
    },
}
