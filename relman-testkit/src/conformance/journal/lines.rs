use relman_core::{
    chain::{Digest, Envelope, Head, SealedLine},
    unit::{Actor, ReleaseId},
};
use serde_json::value::RawValue;

/// The identifier of a stream.
pub(super) fn release(name: &str) -> ReleaseId {
    name.parse().expect("the suite's streams have valid names")
}

/// One record after `head` that carries a text.
pub(super) fn line(release: &ReleaseId, head: Option<Head>, text: &str) -> SealedLine {
    let json = serde_json::to_string(&serde_json::json!({ "text": text })).expect("a text can be written");
    let data = RawValue::from_string(json).expect("what was written is JSON");
    let (seq, prev) = head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
    let envelope = Envelope {
        release: release.clone(),
        seq,
        prev,
        at: crate::sample::start(),
        by: Actor::relman(),
        kind: "noted".into(),
        data: &data,
    };
    envelope.seal().expect("the suite's records are small and well formed")
}

/// `count` records after `head`, each linked to the one before.
pub(super) fn lines(release: &ReleaseId, head: Option<Head>, count: usize, text: &str) -> Vec<SealedLine> {
    let mut head = head;
    std::iter::repeat_with(|| {
        let line = line(release, head, text);
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
