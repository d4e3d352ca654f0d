//! Streams and records for the checks, and what a journal says about them.

use std::{fmt, sync::LazyLock};

use relman_core::{
    chain::{Digest, Envelope, FormatVersion, Head, SealedLine},
    port::{Journal, JournalExt, StreamIndex, StreamState},
    unit::{Actor, StreamId},
};
use serde_json::value::RawValue;

use crate::conformance::finding::{Met, Unmet, ensure, works};

/// A stream by its name: that of a release, unless the name says what else.
pub(super) fn named(name: &str) -> StreamId {
    let said = name.contains(':') || name == "estate";
    let name = if said { name.to_owned() } else { format!("release:{name}") };
    name.parse().expect("the suite's streams have valid names")
}

/// The index of a stream that is open.
pub(super) fn index() -> &'static StreamIndex {
    static OPEN: LazyLock<StreamIndex> = LazyLock::new(|| StreamIndex::new(StreamState::Open, "open"));
    &OPEN
}

/// One record after `head` that carries a text.
pub(super) fn line(stream: &StreamId, head: Option<Head>, text: &str) -> SealedLine {
    let json = serde_json::to_string(&serde_json::json!({ "text": text })).expect("a text can be written");
    let data = RawValue::from_string(json).expect("what was written is JSON");
    let (seq, prev) = head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
    let envelope = Envelope {
        version: FormatVersion::CURRENT,
        stream: stream.clone(),
        seq,
        prev,
        at: crate::sample::start(),
        clock: None,
        by: Actor::relman(),
        batch: None,
        kind: "noted".into(),
        data: (&*data).into(),
    };
    envelope.seal().expect("the suite's records are small and well formed")
}

/// `count` records after `head`, each linked to the one before.
pub(super) fn lines(stream: &StreamId, head: Option<Head>, count: usize, text: &str) -> Vec<SealedLine> {
    let mut head = head;
    std::iter::repeat_with(|| {
        let line = line(stream, head, text);
        head = Some(line.head());
        line
    })
    .take(count)
    .collect()
}

/// The bytes of records, as a read gives them.
pub(super) fn bytes(lines: &[SealedLine]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.bytes().to_vec()).collect()
}

/// Checks that a stream has these records, and nothing else.
pub(super) async fn holds(journal: &dyn Journal, stream: &StreamId, records: &[Vec<u8>]) -> Met {
    let stored = works("reading a stream to its end", journal.read_to_end(stream, 0).await)?;
    ensure!(stored == records, "{stream} has {}, and should have {}", quoted(&stored), quoted(records));
    Ok(())
}

/// What a journal says about a stream, to be compared with what it says later.
#[derive(PartialEq, Eq)]
pub(super) struct State {
    head: Option<Head>,
    records: Vec<Vec<u8>>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, and the head is {}", quoted(&self.records), at(self.head))
    }
}

pub(super) async fn state(journal: &dyn Journal, stream: &StreamId) -> Result<State, Unmet> {
    let records = works("reading a stream to its end", journal.read_to_end(stream, 0).await)?;
    let head = works("asking for a head", journal.head(stream).await)?;
    Ok(State { head, records })
}

/// Records, as an error can quote them.
pub(super) fn quoted(records: &[Vec<u8>]) -> String {
    match records {
        [] => "no records".to_owned(),
        [.., last] => {
            let last: String = String::from_utf8_lossy(last).chars().take(160).collect();
            format!("{} records, the last of them {last}", records.len())
        }
    }
}

/// A head, as an error can quote it.
pub(super) fn at(head: Option<Head>) -> String {
    head.map_or_else(|| "none".to_owned(), |head| format!("record {} ({})", head.seq, head.digest))
}

/// A stream with its first records already in the journal.
pub(super) async fn begun(
    journal: &dyn Journal,
    name: &str,
    count: usize,
) -> Result<(StreamId, Option<Head>, Vec<Vec<u8>>), Unmet> {
    let stream = named(name);
    let batch = lines(&stream, None, count, name);
    works("an append", journal.append(&stream, None, &batch, index()).await)?;
    // The head as it has to be: what the journal answers is a check of its own.
    let head = batch.last().map(SealedLine::head);
    Ok((stream, head, bytes(&batch)))
}
