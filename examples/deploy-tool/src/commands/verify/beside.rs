//! The journal beside an export: it knows what an export alone can't show.

use std::{path::Path, sync::Arc};

use relman_core::{
    chain::{Digest, Envelope},
    port::{Journal, PortError},
    unit::StreamId,
};

use super::{
    export::{Whole, open, unreadable},
    finding::{Fault, NotVerified},
};
use crate::{cli::Global, store};

/// The journal of this invocation, if there is one, and what came of comparing.
pub(super) struct Beside {
    journal: Option<Arc<dyn Journal>>,
    place: String,
    pub(super) notes: Vec<String>,
}

impl Beside {
    /// Opens the journal for reading. One that nobody named may be missing.
    ///
    /// # Errors
    ///
    /// [`NotVerified::Unreadable`] where a journal that was named can't be opened.
    pub(super) fn open(global: &Global) -> Result<Self, NotVerified> {
        let path = store::path(global);
        let mut beside = Self { journal: None, place: path.display().to_string(), notes: Vec::new() };
        if global.journal.is_none() && !path.exists() {
            return Ok(beside);
        }
        match store::open_read_only(&path) {
            Ok(journal) => beside.journal = Some(journal),
            Err(failure) if global.journal.is_none() => beside.notes.push(format!("not compared: {failure}")),
            Err(failure) => return Err(NotVerified::Unreadable(Fault::of_file(failure.to_string()))),
        }
        Ok(beside)
    }

    /// The hash that the journal has for a record of the stream that begins with `first`.
    pub(super) async fn digest_of(&self, stream: &StreamId, first: Digest, seq: u64) -> Option<Digest> {
        let journal = self.journal.as_deref()?;
        // Where the journal can't be read, it knows nothing; the export is bad without it.
        let begins = digest_at(journal, stream, 0).await.ok()??;
        if begins == first { digest_at(journal, stream, seq).await.ok()? } else { None }
    }

    /// Holds a stream against that of the journal, where it has it. A last record that was altered shows there, and
    /// so does an end that is missing.
    ///
    /// # Errors
    ///
    /// [`NotVerified`] with the first record that differs.
    pub(super) async fn compare(&mut self, path: &Path, whole: &Whole) -> Result<(), NotVerified> {
        let Some(journal) = self.journal.as_deref() else {
            return Ok(());
        };
        let (stream, place, last) = (&whole.stream, &self.place, whole.head.seq);
        let failed = |error: PortError| cannot_compare(stream, last, &error);
        if digest_at(journal, stream, 0).await.map_err(failed)? != Some(whole.first) {
            self.notes
                .push(format!("{stream} is not compared with {place}, which has no stream that begins so"));
            return Ok(());
        }
        if digest_at(journal, stream, last).await.map_err(failed)? != Some(whole.head.digest) {
            return Err(first_difference(path, journal, place, whole).await?.into());
        }
        self.notes.push(match journal.head(stream).await.map_err(failed)? {
            Some(head) if head.seq > last => {
                format!("{stream} goes on in {place}, up to record {}", head.seq)
            }
            Some(_) | None => format!("{stream} ends with the same record in {place}"),
        });
        Ok(())
    }
}

/// Reads the file once more for the first record that the journal has otherwise, or does not have.
async fn first_difference(
    path: &Path,
    journal: &dyn Journal,
    place: &str,
    whole: &Whole,
) -> Result<Fault, NotVerified> {
    let stream = &whole.stream;
    let mut lines = open(path)?;
    while let Some((line, _)) = lines.next().map_err(|error| unreadable(path, &error))? {
        let Ok(envelope) = Envelope::read(line) else {
            continue;
        };
        if envelope.stream != *stream {
            continue;
        }
        let (seq, here) = (envelope.seq, Digest::of_line(line));
        let there = digest_at(journal, stream, seq).await;
        let reason = match there.map_err(|error| cannot_compare(stream, seq, &error))? {
            Some(there) if there == here => continue,
            Some(there) => {
                format!("it was altered: its hash is {here}, and the record in {place} has {there}")
            }
            None => format!("it is missing in {place}: records were removed from the end of the journal"),
        };
        return Ok(Fault { line: Some(lines.number()), ..Fault::of_record(stream, seq, reason) });
    }
    let reason = format!("it was altered while it was compared with {place}");
    Ok(Fault::of_record(stream, whole.head.seq, reason))
}

fn cannot_compare(stream: &StreamId, seq: u64, error: &PortError) -> NotVerified {
    NotVerified::Bad(Fault::of_record(stream, seq, format!("it can't be compared with the journal: {error}")))
}

/// The hash of a record of the journal, from its bytes.
async fn digest_at(journal: &dyn Journal, stream: &StreamId, seq: u64) -> Result<Option<Digest>, PortError> {
    let lines = journal.read(stream, seq, 1).await?;
    Ok(lines.first().map(|line| Digest::of_line(line)))
}
