use std::{
    any::Any,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use relman_core::port::{PortError, with_causes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Check,
    limit::{self, Limit},
};

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

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[must_use = "a finding may be that the promise is broken"]
pub enum Finding {
    /// The promise was kept.
    Passed,
    /// The promise was broken.
    Failed {
        /// What was seen, and what should have been.
        why: String,
    },
    /// The fixture lacks what the check needs, so that nothing is known about the promise.
    NotChecked {
        /// What is missing.
        because: String,
    },
}

impl Finding {
    /// Ends the test of a check: panics where the promise was broken, and says so where it was not checked.
    ///
    /// # Panics
    ///
    /// Where the promise was broken.
    #[track_caller]
    pub fn settle(self, check: &Check) {
        match self {
            Self::Passed => {}
            Self::NotChecked { because } => println!("{}: not checked, because {because}", check.name),
            Self::Failed { why } => panic!("{}: {why}\nthe promise: {}", check.name, check.promise),
        }
    }

    /// What a check finds. A panic of the adapter or of the fixture is a failure like any other, and so is no answer.
    pub(super) async fn of(name: &'static str, check: impl Future<Output = Met>) -> Self {
        let limit = Limit::start(limit::LONGEST, move || limit::end(name));
        Self::within(limit, check).await
    }

    async fn within(limit: Limit, check: impl Future<Output = Met>) -> Self {
        let mut check = pin!(check);
        let failed = |why: String| Poll::Ready(Err(Unmet::Failed(why)));
        let checked = poll_fn(|context| {
            if limit.is_over(context) {
                return failed(
                    "no answer in time: a call of the adapter or of the fixture does not end".to_owned(),
                );
            }
            match catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(met)) => Poll::Ready(met),
                Err(payload) => failed(format!("it panicked: {}", words(&*payload))),
            }
        });
        match checked.await {
            Ok(()) => Self::Passed,
            Err(Unmet::Failed(why)) => Self::Failed { why },
            Err(Unmet::NotChecked(unable)) => Self::NotChecked { because: unable.to_string() },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed { why } => write!(f, "failed: {why}"),
            Self::NotChecked { because } => write!(f, "not checked, because {because}"),
        }
    }
}

/// What a panic said, if it said something.
fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

/// Why a check did not pass.
pub(super) enum Unmet {
    Failed(String),
    NotChecked(Unable),
}

impl From<Unable> for Unmet {
    fn from(unable: Unable) -> Self {
        Self::NotChecked(unable)
    }
}

/// What a check comes to.
pub(super) type Met = Result<(), Unmet>;

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::conformance::finding::Unmet::Failed(format!($($why)+)));
        }
    };
}
pub(super) use ensure;

/// The answer to something that has to work in a sound world.
pub(super) fn works<T, E: std::error::Error>(
    what: impl fmt::Display,
    answer: Result<T, E>,
) -> Result<T, Unmet> {
    answer.map_err(|error| {
        Unmet::Failed(format!("{what} failed although nothing was wrong: {}", with_causes(&error)))
    })
}

/// The error of something that can't work.
pub(super) fn fails<T: fmt::Debug, E>(what: impl fmt::Display, answer: Result<T, E>) -> Result<E, Unmet> {
    match answer {
        Ok(answer) => Err(Unmet::Failed(format!("{what} was answered with {answer:?}, not with an error"))),
        Err(error) => Ok(error),
    }
}

/// Checks that an error shows no secret to whoever prints it, in whatever way.
pub(super) fn discreet(error: &PortError, secrets: &[String]) -> Met {
    let shown = format!("{} {error:?}", with_causes(error));
    silent(&shown, secrets)
}

/// Checks that a text holds no secret. The text is not quoted: that would leak it a second time.
pub(super) fn silent(shown: &str, secrets: &[String]) -> Met {
    let number = secrets.iter().position(|secret| shown.contains(secret.as_str()));
    if let Some(number) = number {
        let which = format!("the fixture's secret {} of {}", number + 1, secrets.len());
        return Err(Unmet::Failed(format!("{which} is in what the adapter says about a failure")));
    }
    Ok(())
}

/// Checks that a name is one that can stand in an error.
pub(super) fn named(name: &str) -> Met {
    ensure!(!name.trim().is_empty(), "the name is {name:?}, and an error would not say whose it is");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_check_without_an_answer_fails() {
        let limit = Limit::start(SHORT, || ());
        let Finding::Failed { why } = Finding::within(limit, std::future::pending()).await else { panic!() };
        assert!(why.starts_with("no answer in time"), "{why}");
    }

    #[tokio::test]
    async fn a_check_that_blocks_is_noticed_from_outside() {
        let (tell, told) = mpsc::channel();
        let limit = Limit::start(SHORT, move || tell.send(()).unwrap());
        // Blocks until the watch has noticed, as an adapter would for good.
        let blocking = async { told.recv().map_err(|_| Unmet::Failed("nobody noticed".to_owned())) };
        assert_eq!(Finding::within(limit, blocking).await, Finding::Passed);
    }

    #[tokio::test]
    async fn a_check_in_time_is_left_alone() {
        let (tell, told) = mpsc::channel();
        let limit = Limit::start(Duration::from_millis(300), move || tell.send(()).unwrap());
        assert_eq!(Finding::within(limit, async { Ok(()) }).await, Finding::Passed);
        // The watch is over: it has dropped its end without a word.
        assert_eq!(told.recv(), Err(mpsc::RecvError));
    }
}
