//! Heads that were kept outside of what is verified.

use std::collections::BTreeMap;

use relman_core::{
    chain::{Digest, Head},
    unit::StreamId,
};

use super::finding::{Fault, Found};
use crate::cli::KnownHead;

/// The heads that were given, and where they were seen.
#[derive(Debug)]
pub(super) struct KnownHeads {
    given: Vec<(KnownHead, Sighting)>,
    anchors: BTreeMap<StreamId, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sighting {
    NotYet,
    Seen,
}

impl KnownHeads {
    pub(super) fn new(given: &[KnownHead]) -> Self {
        let given = given.iter().map(|head| (head.clone(), Sighting::NotYet)).collect();
        Self { given, anchors: BTreeMap::new() }
    }

    /// Takes note of a record.
    pub(super) fn see(&mut self, stream: &StreamId, record: Head) {
        for (known, sighting) in &mut self.given {
            let is_of_this = known.stream.as_ref().is_none_or(|known| known == stream);
            if is_of_this && known.digest == record.digest {
                *sighting = Sighting::Seen;
                self.anchors.insert(stream.clone(), record.seq);
            }
        }
    }

    /// A head that was given for a stream, and that no record has.
    pub(super) fn unseen_of(&self, stream: &StreamId) -> Option<Digest> {
        let is_of_this = |known: &KnownHead| known.stream.as_ref().is_none_or(|known| known == stream);
        let mut unseen = self.given.iter().filter(|(_, sighting)| *sighting == Sighting::NotYet);
        unseen.find(|(known, _)| is_of_this(known)).map(|(known, _)| known.digest)
    }

    /// The last record of a stream whose hash was given.
    pub(super) fn anchor_of(&self, stream: &StreamId) -> Option<u64> {
        self.anchors.get(stream).copied()
    }

    /// Checks that every head that was given is there.
    ///
    /// # Errors
    ///
    /// A [`Fault`] that names the last record of the stream: what a chain alone can't vouch for is its end.
    pub(super) fn all_seen(&self, streams: &[Found]) -> Result<(), Fault> {
        let Some((unseen, _)) = self.given.iter().find(|(_, sighting)| *sighting == Sighting::NotYet) else {
            return Ok(());
        };
        let digest = unseen.digest;
        let stream = match &unseen.stream {
            Some(stream) => {
                let found = streams.iter().find(|found| found.stream == *stream);
                let missing = || {
                    let reason =
                        format!("it is missing: the head {digest} was given, and there is no such stream");
                    Fault::of_record(stream, 0, reason)
                };
                Some(found.ok_or_else(missing)?)
            }
            None if streams.len() == 1 => streams.first(),
            None => None,
        };
        let reason = format!(
            "no record has the hash {digest} of the head that was given: the last record was altered, or records \
             were removed from the end or rewritten"
        );
        Err(match stream {
            Some(found) => Fault::of_record(&found.stream, found.head.seq, reason),
            None => Fault::of_file(format!("{reason}, in one of the streams; --head RELEASE=HEX says which")),
        })
    }
}
