//! Records for tests of journals.

use std::sync::LazyLock;

use relman_core::{
    chain::{Digest, Envelope, FormatVersion, Head, SealedLine},
    port::{StreamIndex, StreamState},
    unit::{Actor, ReleaseId},
};

/// The identifier of a stream.
pub(crate) fn release(name: &str) -> ReleaseId {
    name.parse().unwrap()
}

/// The index of a stream that is open.
pub(crate) fn index() -> &'static StreamIndex {
    static OPEN: LazyLock<StreamIndex> = LazyLock::new(|| StreamIndex::new(StreamState::Open, "open"));
    &OPEN
}

/// One record after `head` that carries a text.
pub(crate) fn line(release: &ReleaseId, head: Option<Head>, text: &str) -> SealedLine {
    let data = serde_json::value::to_raw_value(&serde_json::json!({ "text": text })).unwrap();
    let (seq, prev) = head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
    let envelope = Envelope {
        version: FormatVersion::CURRENT,
        stream: release.into(),
        seq,
        prev,
        at: "2026-11-22T18:04:05.000Z".parse().unwrap(),
        clock: None,
        by: Actor::relman(),
        batch: None,
        kind: "noted".into(),
        data: (&*data).into(),
    };
    envelope.seal().unwrap()
}

/// `count` records after `head`, each linked to the one before.
pub(crate) fn lines(release: &ReleaseId, head: Option<Head>, count: usize, text: &str) -> Vec<SealedLine> {
    let mut head = head;
    std::iter::repeat_with(|| {
        let line = line(release, head, text);
        head = Some(line.head());
        line
    })
    .take(count)
    .collect()
}
