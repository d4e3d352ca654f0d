//! A journal: every stream against the head that the journal keeps beside it.

use std::path::Path;

use relman_core::{
    chain::Verifier,
    port::{Journal, JournalExt, PortError, Streams},
    unit::StreamId,
};

use super::{
    conclude,
    finding::{Fault, Found, NotVerified, Verdict},
    heads::KnownHeads,
};
use crate::store;

/// Records that are held in memory at once, at most 65,535 bytes each.
const PAGE: usize = 128;

pub(super) async fn verify(path: &Path, mut heads: KnownHeads) -> Result<Verdict, NotVerified> {
    // It begins as a SQLite database does, so whatever is wrong with it is wrong with the journal.
    let journal = store::open_read_only(path).map_err(|failure| Fault::of_file(failure.to_string()))?;
    let streams =
        journal.every_stream(Streams::All).await.map_err(|error| Fault::of_file(error.to_string()))?;
    let mut found = Vec::with_capacity(streams.len());
    for stream in streams {
        found.push(verify_stream(&*journal, &stream.stream, &mut heads).await?);
    }
    // A list from which a stream was removed does not hide it.
    let unlisted = journal.unlisted().await.map_err(|error| Fault::of_file(error.to_string()))?;
    if let Some(stream) = unlisted.into_iter().next() {
        let (name, problem) = (stream.name, stream.problem);
        let what = format!("the list of streams does not match the records of {name}: {problem}");
        return Err(Fault::of_file(what).into());
    }
    conclude(found, &heads, Vec::new())
}

/// A conductor may append meanwhile: the head is read after the records, and records after the head again, until
/// both say the same or the records stay behind.
async fn verify_stream(
    journal: &dyn Journal,
    stream: &StreamId,
    heads: &mut KnownHeads,
) -> Result<Found, NotVerified> {
    let mut verifier = Verifier::new(Some(stream.clone()));
    let mut read = 0;
    let failed = |seq: u64, error: &PortError| {
        NotVerified::Bad(Fault::of_record(stream, seq, format!("it can't be read: {error}")))
    };
    loop {
        let before = read;
        loop {
            let page = journal.read(stream, read, PAGE).await.map_err(|error| failed(read, &error))?;
            if page.is_empty() {
                break;
            }
            read += page.len() as u64;
            for line in page {
                verifier.push(&line)?;
                if let Some(head) = verifier.head() {
                    heads.see(stream, head);
                }
            }
        }
        let head = journal.head(stream).await.map_err(|error| failed(read, &error))?;
        let is_behind = head.is_some_and(|head| head.seq >= read);
        if is_behind && read > before {
            continue;
        }
        let sum = verifier.finish(head)?;
        return match sum.head {
            Some(head) => Ok(Found { stream: stream.clone(), head, anchored_to: None }),
            None => Err(Fault::of_record(stream, 0, "it is missing: the stream has no records").into()),
        };
    }
}
