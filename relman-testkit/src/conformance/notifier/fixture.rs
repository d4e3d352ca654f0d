#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{port::Notifier, unit::Channel};

use crate::conformance::{Able, Unable};

/// What came to the other side of a notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Everything that people can read of it, in any form.
    pub text: String,
    /// The key by which the other side tells duplicates; an inability where it has no place for one.
    pub key: Able<String>,
}

/// A notifier to be checked, and what came to the other side.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait NotifierFixture: Send + Sync {
    /// The notifier.
    fn notifier(&self) -> &dyn Notifier;

    /// A channel that the notifier serves.
    fn channel(&self) -> Channel {
        "releases".parse().expect("a constant name")
    }

    /// A channel that the notifier doesn't serve.
    fn unserved(&self) -> Able<Channel> {
        Err(Unable::because("the adapter serves every channel"))
    }

    /// The secrets that the notifier was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Everything that came to the other side so far, in order.
    async fn received(&self) -> Able<Vec<Received>> {
        Err(Unable::unmentioned("look at the other side"))
    }

    /// Cuts the notifier off from the other side: nothing that it sends from now on arrives or is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the notifier off"))
    }
}
