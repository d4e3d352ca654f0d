use thiserror::Error;

/// What a fixture can do for a check, or why it can't.
pub type Able<T> = Result<T, Unable>;

/// Why a fixture can't do what a check needs.
///
/// The check is then reported as not checked, with this reason, and never as passed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{because}")]
pub struct Unable {
    because: String,
}

impl Unable {
    /// A reason that completes "not checked, because …": `nothing survives the process`.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { because: reason.into() }
    }

    /// What a fixture answers for an ability that it does not mention.
    pub(super) fn unmentioned(what: &str) -> Self {
        Self::because(format!("the fixture does not say how to {what}"))
    }
}
