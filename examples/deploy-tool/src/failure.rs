//! How a command fails, and the exit status that says so.

use std::{fmt::Display, io, process::ExitCode};

use relman_core::port::PortError;
pub(crate) use relman_core::port::with_causes;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The invocation is wrong, or a file that it names can't be read or parsed: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// relman refuses, or something outside failed, or a record is not what it should be: exit status 1.
    #[error("{0}")]
    Refused(String),
    /// Everything is said already, and the exit status is 1.
    #[error("not done")]
    Said,
    /// The invocation is wrong and that is said already: exit status 2.
    #[error("not done")]
    SaidUsage,
    /// What should be printed can't be.
    #[error("failed to write the answer: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// A failure of the invocation or of a file that it names.
    pub(crate) fn usage(problem: impl Display) -> Self {
        Self::Usage(problem.to_string())
    }

    /// A refusal, or a failure outside of this program.
    pub(crate) fn refused(problem: impl Display) -> Self {
        Self::Refused(problem.to_string())
    }

    /// The same for an error that keeps its causes to itself: with all of them.
    pub(crate) fn because(error: impl std::error::Error) -> Self {
        Self::Refused(with_causes(&error))
    }

    /// Says what went wrong, where nobody has yet, and answers with the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            // Whoever reads has read enough: `deploy-tool log checkout-241 | head` is no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Said | Self::SaidUsage => {}
            Self::Usage(_) | Self::Refused(_) | Self::Output(_) => {
                // Nothing is left to be done where even the error can't be written.
                let _ = crate::output::error(&self.to_string());
            }
        }
        match self {
            Self::Usage(_) | Self::SaidUsage => ExitCode::from(2),
            Self::Refused(_) | Self::Said | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::refused(error)
    }
}
