use async_trait::async_trait;
use relman_core::{
    chain::Head,
    port::{PartKey, PhaseState, PortError, Standing, TrackerCapabilities},
    unit::{ReleaseId, Span},
};

use super::{FileNames, NewFile, RemoteFile};
use crate::tracker::{
    api::Removal,
    text::{BODY, Marker, Page},
};

/// One release on one tracker: the requests that the reconciler needs, and what they come to.
///
/// It decides nothing. Every method makes the requests that its name says, and hands back what is there now.
#[async_trait]
pub(in crate::tracker) trait Remote: Send {
    /// What this tracker can hold.
    fn profile(&self) -> Profile;

    /// Makes sure that what a copy hangs on is there: the tag, or the version. Comes before any other write.
    async fn prepare(&mut self) -> Result<(), PortError>;

    /// Looks for a part. Without [`prepare`](Self::prepare) before, it changes nothing.
    async fn find(&mut self, part: Part<'_>) -> Result<Sight, PortError>;

    /// Creates a part that is not there. Where the tracker says that it is there after all, that is an error to retry.
    async fn create(&mut self, part: Part<'_>, draft: &Draft) -> Result<Item, PortError>;

    /// Changes a part to what the draft says, and leaves alone what the draft leaves out.
    async fn update(&mut self, part: Part<'_>, there: &Item, draft: &Draft) -> Result<Item, PortError>;

    /// Notes where a part is, on a tracker that may not find it again by looking.
    async fn remember(&mut self, _: Part<'_>, _: &Item) -> Result<(), PortError> {
        Ok(())
    }

    /// The text as this tracker shows it once it is written, to compare it with [`Item::text`].
    fn shown(&self, page: &Page) -> String {
        page.to_string()
    }

    /// What this tracker needs to keep at the end of the copy's text, for a release that stands like this.
    fn footer(&mut self, _: Option<&Item>, _: Standing) -> Option<String> {
        None
    }

    /// Every file of the copy, other people's too.
    async fn files(&mut self, copy: &Item) -> Result<Vec<RemoteFile>, PortError>;

    /// Uploads a file whose name is free.
    async fn upload(&mut self, copy: &Item, file: &NewFile<'_>) -> Result<(), PortError>;

    /// Shows a file with the copy, on a tracker that keeps it elsewhere.
    async fn show(&mut self, _: &Item, _: &NewFile<'_>) -> Result<(), PortError> {
        Ok(())
    }

    /// Deletes a file.
    async fn remove(&mut self, file: &RemoteFile) -> Result<Removal, PortError>;

    /// The latest status of each name, on a tracker that shows phases as statuses.
    async fn statuses(&mut self) -> Result<Vec<Status>, PortError> {
        Ok(Vec::new())
    }

    /// Adds a status.
    async fn set_status(&mut self, _: &Item, _: &Status) -> Result<(), PortError> {
        Ok(())
    }

    /// Does what this tracker has for a release that stands like this, after everything else.
    async fn close(&mut self, _: &Item, _: Standing) -> Result<(), PortError> {
        Ok(())
    }
}

/// A part of a publication that has a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tracker) enum Part<'a> {
    /// The copy itself.
    Copy,
    /// A note that has a place of its own.
    Note(&'a PartKey),
    /// A post-mortem that has a place of its own.
    PostMortem(&'a PartKey),
}

impl Part<'_> {
    /// How its marker names it.
    pub(in crate::tracker) fn name(&self) -> &str {
        match self {
            Self::Copy => BODY,
            Self::Note(key) | Self::PostMortem(key) => key.as_str(),
        }
    }

    /// The marker of its text.
    pub(in crate::tracker) fn marker(&self, release: &ReleaseId, head: Head) -> Marker {
        Marker::new(release, self.name(), head)
    }
}

/// What came of looking for a part.
#[derive(Debug)]
pub(in crate::tracker) enum Sight {
    /// It is there.
    There(Box<Item>),
    /// It is not there, and nothing says that it ever was.
    Never,
    /// An earlier attempt was about to create it, and it is not there: the attempt failed, or the tracker is late.
    Begun,
    /// It was there, and is no longer: it was deleted, or the tracker is late.
    Gone,
}

/// A part as it is on the tracker.
#[derive(Debug, Clone)]
pub(in crate::tracker) struct Item {
    /// What the tracker calls it: a number, a tag or a key.
    pub(in crate::tracker) id: String,
    /// Where people see it.
    pub(in crate::tracker) url: String,
    pub(in crate::tracker) title: Option<String>,
    /// All of its text, with the line ends of a text and not of a form: trackers change them.
    pub(in crate::tracker) text: String,
    /// Whose text it is.
    pub(in crate::tracker) page: Page,
    /// Whether it is marked as not final, on a tracker that has such a mark.
    pub(in crate::tracker) is_prerelease: Option<bool>,
}

/// What a part should be.
#[derive(Debug, Clone)]
pub(in crate::tracker) struct Draft {
    /// Left out where it is for other people to say what the whole is called.
    pub(in crate::tracker) title: Option<String>,
    pub(in crate::tracker) page: Page,
    /// Left out with the title, and for parts that have none.
    pub(in crate::tracker) standing: Option<Standing>,
}

impl Draft {
    /// Whether the copy is to be marked as not final.
    pub(in crate::tracker) fn is_prerelease(&self) -> Option<bool> {
        self.standing.map(|standing| standing != Standing::Completed)
    }
}

/// A phase as it is shown at the tagged commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tracker) struct Status {
    pub(in crate::tracker) name: String,
    /// As the tracker calls it.
    pub(in crate::tracker) state: String,
    pub(in crate::tracker) words: String,
}

/// What a tracker can hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::tracker) struct Profile {
    pub(in crate::tracker) adapter: &'static str,
    pub(in crate::tracker) capabilities: TrackerCapabilities,
    pub(in crate::tracker) title_chars: usize,
    /// What the markers around the text of a copy, and its footer, need of the room for the body.
    pub(in crate::tracker) marker_chars: usize,
    pub(in crate::tracker) status_chars: usize,
    pub(in crate::tracker) status_words: StatusWords,
    /// What the tracker calls the state of a phase.
    pub(in crate::tracker) state_name: fn(PhaseState) -> &'static str,
    pub(in crate::tracker) file_names: FileNames,
    /// How long it may take until the tracker shows what was made.
    pub(in crate::tracker) settle: Span,
}

/// Which words a status shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tracker) enum StatusWords {
    /// The latest ones.
    Latest,
    /// Those that its state began with: the tracker takes no state twice. So the text lists the phases as well.
    First,
}
