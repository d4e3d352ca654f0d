use relman_core::{
    port::{Asset, Note, Placement, PortError, PortErrorKind, Publication, Published, Subject},
    unit::Span,
};
use tracing::info;

use super::{Draft, FileNames, Item, NewFile, Part, Remote, RemoteFile, Sight, Status, StatusWords};
use crate::tracker::{
    api::Removal,
    text::{Page, compose, cut, line, note_text},
};

const FIND: &str = "find the copy";
const WRITE: &str = "write the copy";
const UPLOAD: &str = "upload a file";

/// How often a tracker is asked again within the time that it may need to show what was made.
const LOOKS: u64 = 6;

/// Makes the copy what the publication says.
///
/// The text comes first: it holds the marker by which the next attempt finds the copy. What ends a release comes last,
/// when everything else is there.
pub(in crate::tracker) async fn publish(
    remote: &mut dyn Remote,
    publication: &Publication,
) -> Result<Published, PortError> {
    remote.prepare().await?;
    let found = seek(remote, Part::Copy).await?;
    if let Some(copy) = &found
        && let Some(head) = copy.page.head().filter(|head| head.seq > publication.head().seq)
    {
        return Ok(Published::new(copy.url.clone(), head));
    }
    let draft = copy_draft(remote, publication, found.as_ref())?;
    let copy = write(remote, Part::Copy, found, &draft).await?;
    put_files(remote, &copy, publication).await?;
    put_statuses(remote, &copy, publication).await?;
    put_notes(remote, publication).await?;
    put_post_mortems(remote, &copy, publication).await?;
    remote.close(&copy, publication.standing()).await?;
    Ok(Published::new(copy.url, publication.head()))
}

/// Finds the copy, and changes nothing.
pub(in crate::tracker) async fn find(remote: &mut dyn Remote) -> Result<Option<Published>, PortError> {
    match remote.find(Part::Copy).await? {
        Sight::There(copy) => Ok(copy.page.head().map(|head| Published::new(copy.url, head))),
        Sight::Never | Sight::Gone => Ok(None),
        Sight::Begun => {
            let detail = "an earlier attempt may have created it, and the search does not show it yet";
            Err(PortError::new(remote.profile().adapter, FIND, PortErrorKind::Unavailable, detail))
        }
    }
}

/// Looks for a part that may have to be created, and gives a tracker that may be late the time to show it.
async fn seek(remote: &mut dyn Remote, part: Part<'_>) -> Result<Option<Item>, PortError> {
    let mut patience = Patience::new(remote.profile().settle);
    loop {
        match remote.find(part).await? {
            Sight::There(item) => {
                remote.remember(part, &item).await?;
                return Ok(Some(*item));
            }
            Sight::Never => return Ok(None),
            Sight::Begun | Sight::Gone => {
                if !patience.wait().await {
                    return Ok(None);
                }
            }
        }
    }
}

/// Creates a part, changes it, or leaves it where it is what it should be.
async fn write(
    remote: &mut dyn Remote,
    part: Part<'_>,
    there: Option<Item>,
    draft: &Draft,
) -> Result<Item, PortError> {
    match there {
        None => remote.create(part, draft).await,
        Some(item) if is_current(remote, &item, draft) => Ok(item),
        Some(item) => remote.update(part, &item, draft).await,
    }
}

/// Whether a part is what it should be. It is not where a person has changed it.
fn is_current(remote: &dyn Remote, there: &Item, draft: &Draft) -> bool {
    let marked = match (there.is_prerelease, draft.is_prerelease()) {
        (Some(there), Some(wanted)) => there == wanted,
        (None, _) | (_, None) => true,
    };
    let titled = draft.title.is_none() || there.title == draft.title;
    there.text == remote.shown(&draft.page) && titled && marked
}

/// What the copy should be, with the text of other people as it is.
fn copy_draft(
    remote: &mut dyn Remote,
    publication: &Publication,
    there: Option<&Item>,
) -> Result<Draft, PortError> {
    let profile = remote.profile();
    let page = there.map(|item| item.page.clone()).unwrap_or_default();
    let room = profile.capabilities.body_chars.saturating_sub(page.others_chars() + profile.marker_chars);
    let places = match profile.status_words {
        StatusWords::Latest => profile.capabilities,
        StatusWords::First => profile.capabilities.with_phases(Placement::InTheBody),
    };
    let mut inside = compose(publication, places, room).map_err(|problem| {
        PortError::new(profile.adapter, WRITE, PortErrorKind::Rejected, problem.to_string())
    })?;
    if let Some(footer) = remote.footer(there, publication.standing()) {
        inside.extend(["\n\n", &footer]);
    }
    let marker = Part::Copy.marker(&publication.subject().release, publication.head());
    let is_ours = page.names_the_whole();
    Ok(Draft {
        title: is_ours.then(|| line(publication.title(), profile.title_chars)),
        page: page.with(marker, inside),
        standing: is_ours.then(|| publication.standing()),
    })
}

async fn put_files(remote: &mut dyn Remote, copy: &Item, publication: &Publication) -> Result<(), PortError> {
    if publication.assets().is_empty() {
        return Ok(());
    }
    let there = remote.files(copy).await?;
    for asset in publication.assets() {
        put_file(remote, copy, publication.subject(), &there, asset).await?;
    }
    Ok(())
}

/// Uploads a file unless it is there, and deletes its old versions.
async fn put_file(
    remote: &mut dyn Remote,
    copy: &Item,
    subject: &Subject,
    there: &[RemoteFile],
    asset: &Asset,
) -> Result<(), PortError> {
    let names = remote.profile().file_names;
    let file = NewFile::new(&subject.release, asset, names);
    if !there.iter().any(|old| old.is(&file)) {
        match names {
            FileNames::Shared => free_the_name(remote, there, &file).await?,
            FileNames::Hashed => {}
        }
        remote.upload(copy, &file).await?;
    }
    remote.show(copy, &file).await?;
    for old in there.iter().filter(|old| old.is_other_version_of(&file)) {
        match remote.remove(old).await? {
            Removal::Gone => {}
            // Nobody is led to it any more.
            Removal::Forbidden(_) => {
                let adapter = remote.profile().adapter;
                info!(adapter, release = %subject.release, file = old.name, "no permission to delete an old file: it stays");
            }
        }
    }
    Ok(())
}

/// Deletes the old version of a file; other people's file of that name stays.
async fn free_the_name(
    remote: &mut dyn Remote,
    there: &[RemoteFile],
    file: &NewFile<'_>,
) -> Result<(), PortError> {
    let Some(old) = there.iter().find(|old| old.name == file.name) else { return Ok(()) };
    if !old.is_ours {
        let detail = format!("there is a file {} that relman did not upload: rename it", file.name);
        return Err(PortError::new(remote.profile().adapter, UPLOAD, PortErrorKind::Rejected, detail));
    }
    match remote.remove(old).await? {
        Removal::Gone => Ok(()),
        Removal::Forbidden(problem) => Err(problem),
    }
}

/// Sets the status of each phase unless the latest of its name says the same.
async fn put_statuses(
    remote: &mut dyn Remote,
    copy: &Item,
    publication: &Publication,
) -> Result<(), PortError> {
    let profile = remote.profile();
    if profile.capabilities.phases == Placement::InTheBody || publication.phases().is_empty() {
        return Ok(());
    }
    let there = remote.statuses().await?;
    for phase in publication.phases() {
        let wanted = Status {
            name: format!("relman/{}/{}", publication.subject().release, phase.key),
            state: (profile.state_name)(phase.state).to_owned(),
            words: line(&phase.summary, profile.status_chars),
        };
        let says_so = |status: &Status| match profile.status_words {
            StatusWords::Latest => *status == wanted,
            StatusWords::First => status.name == wanted.name && status.state == wanted.state,
        };
        if !there.iter().any(says_so) {
            remote.set_status(copy, &wanted).await?;
        }
    }
    Ok(())
}

async fn put_notes(remote: &mut dyn Remote, publication: &Publication) -> Result<(), PortError> {
    let profile = remote.profile();
    if profile.capabilities.notes == Placement::InTheBody {
        return Ok(());
    }
    for note in publication.notes() {
        let part = Part::Note(&note.key);
        let there = seek(remote, part).await?;
        if head_of(there.as_ref()).is_some_and(|seq| seq > note.head.seq) {
            continue;
        }
        let text = format!("## {}\n\n{}", note.title, note_text(note));
        let draft = note_draft(remote, publication.subject(), part, note, None, &text);
        write(remote, part, there, &draft).await?;
    }
    Ok(())
}

async fn put_post_mortems(
    remote: &mut dyn Remote,
    copy: &Item,
    publication: &Publication,
) -> Result<(), PortError> {
    let profile = remote.profile();
    if profile.capabilities.post_mortems == Placement::InTheBody {
        return Ok(());
    }
    let subject = publication.subject();
    for note in publication.post_mortems() {
        let part = Part::PostMortem(&note.key);
        let there = seek(remote, part).await?;
        // People work on it: what they wrote stays until the record has more to say.
        if there.is_some() && head_of(there.as_ref()).is_none_or(|seq| seq >= note.head.seq) {
            continue;
        }
        let text =
            format!("Post-mortem of the release {}, {}.\n\n{}", subject.release, copy.id, note_text(note));
        let title = Some(line(&note.title, profile.title_chars));
        let draft = note_draft(remote, subject, part, note, title, &text);
        write(remote, part, there, &draft).await?;
    }
    Ok(())
}

/// The number of the record that a part was made from.
fn head_of(there: Option<&Item>) -> Option<u64> {
    there.and_then(|item| item.page.head()).map(|head| head.seq)
}

/// What a part with a place of its own should be: all of its text is relman's.
fn note_draft(
    remote: &dyn Remote,
    subject: &Subject,
    part: Part<'_>,
    note: &Note,
    title: Option<String>,
    text: &str,
) -> Draft {
    let text = cut(text, remote.profile().capabilities.body_chars);
    let page = Page::default().with(part.marker(&subject.release, note.head), text);
    Draft { title, page, standing: None }
}

/// The looks that a tracker gets within the time that it may need to show what was made.
#[derive(Debug)]
pub(in crate::tracker) struct Patience {
    looks: u64,
    pause: Span,
}

impl Patience {
    /// Gives a tracker this time.
    pub(in crate::tracker) fn new(settle: Span) -> Self {
        Self { looks: LOOKS, pause: Span::from_millis(settle.as_millis() / LOOKS) }
    }

    /// Waits until it is time for another look; `false` at once when the time is over.
    pub(in crate::tracker) async fn wait(&mut self) -> bool {
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        tokio::time::sleep(self.pause.to_std()).await;
        true
    }
}
