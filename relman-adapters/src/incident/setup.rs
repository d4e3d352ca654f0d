use thiserror::Error;

#[cfg(feature = "alertmanager")]
use crate::http::EndpointError;
use crate::secret::SecretError;

/// Why a source of incidents can't be used as it is configured. It never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IncidentSetupError {
    /// Its URL can't be connected to.
    #[cfg(feature = "alertmanager")]
    #[error("failed to set up {adapter}: `url`: {problem}")]
    Url {
        /// Which kind of source it is.
        adapter: &'static str,
        /// What is wrong with the URL.
        problem: EndpointError,
    },
    /// A secret can't be read.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Secret {
        /// Which kind of source it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// Why there is no secret.
        problem: SecretError,
    },
    /// A field does not say what it should.
    #[error("failed to set up {adapter}: `{field}`: {problem}")]
    Field {
        /// Which kind of source it is.
        adapter: &'static str,
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}
