use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::unit::Span;

/// An error and its causes, one after the other, as people and records get it.
///
/// An error of relman has its cause as its source and does not repeat it; alone it says only half.
///
/// # Examples
///
/// ```
/// use relman_core::{plan::Plan, port::with_causes};
///
/// let error = Plan::from_toml("release = 7").unwrap_err();
/// assert_eq!(error.to_string(), "failed to read the plan");
/// assert!(with_causes(&error).starts_with("failed to read the plan: TOML parse error at line 1"));
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Why a port could not do what it was asked.
///
/// Says what to do ([`kind`](Self::kind)), whether trying again helps ([`retry`](Self::retry)), which operation
/// of which adapter failed, and why. Never holds a secret: an adapter leaves credentials, tokens and URLs that
/// carry them out of every field.
#[derive(Debug, Error)]
#[error("{adapter}: failed to {operation}: {kind}: {detail}")]
pub struct PortError {
    kind: PortErrorKind,
    retry: Retry,
    adapter: String,
    operation: &'static str,
    detail: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error of the named adapter while it tried to do `operation` ("set traffic", "read the stream").
    ///
    /// It asks for a retry where the kind says that trying again may help; [`with_retry`](Self::with_retry)
    /// says otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::port::{PortError, PortErrorKind};
    ///
    /// let error = PortError::new("haproxy", "set traffic", PortErrorKind::Rejected, "no such server: app/canary");
    /// assert_eq!(error.to_string(), "haproxy: failed to set traffic: refused: no such server: app/canary");
    /// ```
    pub fn new(
        adapter: impl Into<String>,
        operation: &'static str,
        kind: PortErrorKind,
        detail: impl Into<String>,
    ) -> Self {
        let retry = match kind {
            PortErrorKind::Unavailable
            | PortErrorKind::TimedOut
            | PortErrorKind::Throttled
            | PortErrorKind::Full => Retry::Yes,
            PortErrorKind::Rejected | PortErrorKind::Unauthorized | PortErrorKind::InvalidAnswer => {
                Retry::Never
            }
        };
        Self { kind, retry, adapter: adapter.into(), operation, detail: detail.into(), source: None }
    }

    /// The same error with another advice about trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What went wrong, as far as the caller's next step depends on it.
    pub fn kind(&self) -> PortErrorKind {
        self.kind
    }

    /// Whether trying again helps, and when.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// What went wrong, in the adapter's words; without the operation and the kind, which the message has too.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The name of the adapter.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }
}

/// What went wrong, sorted by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PortErrorKind {
    /// It could not be reached, or is not ready: wait and try again.
    Unavailable,
    /// No answer in time, so whether it was done is not known: ask what is out there, or try again with the
    /// same key.
    TimedOut,
    /// Too many requests: wait as long as [`Retry::After`] says.
    Throttled,
    /// It was understood and refused: change the request or the configuration.
    Rejected,
    /// The credentials are missing, wrong or not sufficient: fix them.
    Unauthorized,
    /// The answer makes no sense: look at the other side.
    InvalidAnswer,
    /// There is no room to store anything: make some.
    Full,
}

impl fmt::Display for PortErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "not available",
            Self::TimedOut => "no answer in time",
            Self::Throttled => "too many requests",
            Self::Rejected => "refused",
            Self::Unauthorized => "not authorized",
            Self::InvalidAnswer => "an answer that makes no sense",
            Self::Full => "no room left",
        })
    }
}

/// Whether trying the same again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not until something was changed.
    Never,
    /// Whenever the caller's own schedule says so.
    Yes,
    /// Not before this much time has passed.
    After(Span),
}
