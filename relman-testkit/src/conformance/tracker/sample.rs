use relman_core::{
    chain::{Digest, Head},
    port::{Asset, Note, PhaseState, PhaseStatus, Publication, Standing, Subject},
};

/// What a release has to show after so many records.
pub(super) fn head(seq: u64) -> Head {
    Head { seq, digest: Digest::of_line(format!("record {seq}").as_bytes()) }
}

/// A note whose text names its key and its head, so that it can be told from any other.
fn note(key: &str, seq: u64) -> Note {
    Note {
        key: key.parse().expect("a constant key"),
        head: head(seq),
        title: format!("The note {key} has a title"),
        body: format!("What {key} came to at {seq}."),
    }
}

/// A release that is under way, with one of each part.
pub(super) fn early(subject: Subject) -> Publication {
    publication(subject, 7)
        .with_phase(phase("release", PhaseState::UnderWay, "One per cent of the traffic"))
        .with_asset(asset("record.jsonl", b"{\"seq\":7}\n"))
}

/// The same release at a later time, with more of everything.
pub(super) fn late(subject: Subject) -> Publication {
    publication(subject, 19)
        .with_phase(phase("release", PhaseState::Passed, "All of the traffic"))
        .with_note(note("release", 19))
        .with_asset(asset("record.jsonl", b"{\"seq\":7}\n{\"seq\":19}\n"))
        .with_asset(asset("package.zip", b"PK and so on"))
}

/// A release of its own with one of each part, none of which is like that of another number.
pub(super) fn lost(subject: Subject, number: usize) -> Publication {
    let release = format!("lost-answer-{number}").parse().expect("a valid name");
    let subject = Subject { release, ..subject };
    let body = format!("The plan of the release number {number}.");
    Publication::new(subject, head(2), format!("Release {number}"), body, Standing::UnderWay)
        .with_phase(phase(&format!("stage-{number}"), PhaseState::Passed, "All checks passed"))
        .with_note(note(&format!("note-{number}"), 1))
        .with_post_mortem(note(&format!("post-mortem-{number}"), 2))
        .with_asset(asset(&format!("record-{number}.jsonl"), format!("the record of {number}\n").as_bytes()))
}

fn publication(subject: Subject, seq: u64) -> Publication {
    let body = format!("The plan of {} as it was at {seq}.", subject.release);
    Publication::new(subject, head(seq), "checkout 2.41.0", body, Standing::UnderWay)
        .with_phase(phase("stage", PhaseState::Passed, "All checks passed"))
        .with_note(note("stage", 4))
        .with_post_mortem(note("post-mortem-1", 5))
}

fn phase(key: &str, state: PhaseState, summary: &str) -> PhaseStatus {
    PhaseStatus { key: key.parse().expect("a constant key"), state, summary: summary.to_owned() }
}

fn asset(name: &str, bytes: &[u8]) -> Asset {
    Asset {
        name: name.parse().expect("a constant name"),
        media_type: "application/octet-stream".to_owned(),
        bytes: bytes.to_owned(),
    }
}
