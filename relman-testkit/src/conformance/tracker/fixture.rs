#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::port::{Subject, Tracker};

use crate::conformance::{Able, Unable};

/// What people see on the other side of a tracker, of everything that was published there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The texts of the copies, whole, with whatever other people wrote around them.
    pub copies: Vec<String>,
    /// The notes that stand by themselves.
    pub notes: Vec<String>,
    /// The post-mortems that stand by themselves.
    pub post_mortems: Vec<String>,
    /// The phases that stand by themselves: what is shown of each now, and not how it was before.
    pub phases: Vec<String>,
    /// The files: what they are called, and what is in them.
    pub assets: Vec<(String, Vec<u8>)>,
}

/// A tracker to be checked, and what people see on the other side.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait TrackerFixture: Send + Sync {
    /// The tracker, with nothing published.
    fn tracker(&self) -> &dyn Tracker;

    /// A release whose tag the other side knows.
    fn subject(&self) -> Subject {
        Subject {
            release: "checkout-241".parse().expect("a constant name"),
            tag: "v2.41.0".parse().expect("a constant tag"),
        }
    }

    /// Another release of the same tag, as there is one when the first was taken back.
    fn another(&self) -> Subject {
        Subject { release: "checkout-242".parse().expect("a constant name"), ..self.subject() }
    }

    /// The secrets that the tracker was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// What people see on the other side.
    async fn shown(&self) -> Able<Shown> {
        Err(Unable::unmentioned("look at the other side"))
    }

    /// Puts a text of somebody else into or beside what is published of this subject, such as a sentence of a release's
    /// notes or a comment. It is in what is [shown](Self::shown) as long as it stays.
    async fn write_beside(&self, _subject: &Subject, _text: &str) -> Able<()> {
        Err(Unable::unmentioned("write something as somebody else"))
    }

    /// Lets the other side do the request after the next `after` ones and lose its answer, once.
    async fn lose_answer(&self, _after: usize) -> Able<()> {
        Err(Unable::unmentioned("lose an answer"))
    }

    /// Whether the answer that was to be lost was lost.
    async fn has_lost(&self) -> Able<bool> {
        Err(Unable::unmentioned("lose an answer"))
    }

    /// Cuts the tracker off from the other side: nothing that it sends from now on arrives or is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the tracker off"))
    }
}
