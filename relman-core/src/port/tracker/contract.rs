use async_trait::async_trait;

use super::{Publication, Published, Subject};
use crate::port::PortError;

/// A place where people look releases up, which holds copies of what the journal says.
///
/// The port is declarative: a [`Publication`] says what the copy should be, not what to change. The journal is the
/// source; a copy names the head of the record that it was made from, can be thrown away, and can be made again.
/// Nothing waits for a tracker: whoever publishes does it beside the release and not on its way.
///
/// For one release, one caller publishes at a time: few trackers can refuse the second of two that create at once.
#[async_trait]
pub trait Tracker: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// How this tracker differs from others.
    fn capabilities(&self) -> TrackerCapabilities;

    /// Makes the tracker's copy what the publication says, and returns when all of it is there.
    ///
    /// - **One copy**: what was published before is found again and brought up to date. Of the copy itself, of every
    ///   phase, note, post-mortem and asset there is one, however often this is called.
    /// - **Idempotent**: the same publication again changes nothing that people can see, and succeeds.
    /// - **Resumed**: after an error, the same call goes on with what is missing. That holds for an answer that was
    ///   lost, too: what was done is found and not done again.
    /// - **Never back**: where the copy was made from a longer record than the publication, nothing is changed and the
    ///   answer names the longer one.
    /// - **What other people wrote stays**: texts, comments and files that this port did not publish are left alone.
    /// - **Every part names its head**: the copy that of the publication, a note and a post-mortem that of its own.
    /// - Parts that the publication leaves out are not taken away.
    ///
    /// # Errors
    ///
    /// [`PortError`]. Some of the parts may be there already.
    async fn publish(&self, publication: &Publication) -> Result<Published, PortError>;

    /// Finds the copy of a release, read from the tracker and not from memory; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the tracker can't tell. Not knowing is an error, never a `None`.
    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError>;
}

/// How a tracker differs from others.
///
/// # Examples
///
/// ```
/// use relman_core::port::{Placement, TrackerCapabilities};
///
/// const CAPABILITIES: TrackerCapabilities =
///     TrackerCapabilities::new(30_000).with_notes(Placement::OfItsOwn).with_post_mortems(Placement::OfItsOwn);
/// assert_eq!(CAPABILITIES.phases, Placement::InTheBody);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackerCapabilities {
    /// Where notes go.
    pub notes: Placement,
    /// Where post-mortems go.
    pub post_mortems: Placement,
    /// Where the phases are shown.
    pub phases: Placement,
    /// How many characters the body of the copy may have. A longer one is cut, and says so.
    pub body_chars: usize,
}

impl TrackerCapabilities {
    /// Describes a tracker that puts every part into a body of at most so many characters.
    pub const fn new(body_chars: usize) -> Self {
        Self {
            notes: Placement::InTheBody,
            post_mortems: Placement::InTheBody,
            phases: Placement::InTheBody,
            body_chars,
        }
    }

    /// Sets where notes go.
    #[must_use]
    pub const fn with_notes(mut self, notes: Placement) -> Self {
        self.notes = notes;
        self
    }

    /// Sets where post-mortems go.
    #[must_use]
    pub const fn with_post_mortems(mut self, post_mortems: Placement) -> Self {
        self.post_mortems = post_mortems;
        self
    }

    /// Sets where the phases are shown.
    #[must_use]
    pub const fn with_phases(mut self, phases: Placement) -> Self {
        self.phases = phases;
        self
    }
}

/// Where a tracker puts a part of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It stands by itself: a comment, an issue, a status.
    OfItsOwn,
    /// It is a section of the copy's body.
    InTheBody,
}
