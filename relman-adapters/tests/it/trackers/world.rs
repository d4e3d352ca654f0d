//! What the tests of all trackers have in common.

use std::time::Duration;

use async_trait::async_trait;
use relman_adapters::{secret::Secret, tracker::RetryPolicy};
use relman_core::{
    chain::{Digest, Head},
    port::{Asset, Note, PhaseState, PhaseStatus, Publication, Standing, Subject, Tracker},
    unit::Span,
};
use relman_testkit::conformance::tracker::Shown;

use super::server::Server;

/// A token of which nothing may be seen anywhere.
pub(crate) const TOKEN: &str = "hunter2-hunter2-hunter2";

pub(crate) fn token() -> Secret {
    Secret::new(TOKEN)
}

/// Long for a server in the same process on a busy machine, and short for a test of silence.
pub(crate) const TIMEOUT: Span = Span::from_secs(2);

/// Tries again at once.
pub(crate) const QUICK: RetryPolicy =
    RetryPolicy::tries(5).waiting(Span::from_millis(1), Span::from_millis(2)).within(Span::from_secs(20));

/// A tracker with a server in this process behind it.
#[async_trait]
pub(crate) trait World: Send + Sync + Sized {
    /// A fresh one.
    async fn start() -> Self;

    fn tracker(&self) -> &dyn Tracker;

    fn server(&self) -> &Server;

    /// What people see.
    fn shown(&self) -> Shown;

    /// Writes something as somebody else.
    fn write_beside(&self, subject: &Subject, text: &str);

    /// What there is of a kind of which there has to be one: releases, issues, comments.
    fn tally(&self) -> Vec<(&'static str, usize)>;
}

pub(crate) fn subject() -> Subject {
    Subject::new("checkout-241".parse().unwrap(), "v2.41.0".parse().unwrap())
}

pub(crate) fn head(seq: u64) -> Head {
    Head { seq, digest: Digest::of_line(format!("record {seq}").as_bytes()) }
}

/// A release that is over, with all there can be.
pub(crate) fn whole() -> Publication {
    let note = |key: &str, seq: u64| {
        Note::new(
            key.parse().unwrap(),
            head(seq),
            format!("About {key}"),
            format!("What **{key}** came to: `error_rate` at 5 %."),
        )
    };
    let phase = |key: &str, state, summary: &str| PhaseStatus::new(key.parse().unwrap(), state, summary);
    let asset =
        |name: &str, media_type: &str, bytes: &[u8]| Asset::new(name.parse().unwrap(), media_type, bytes);
    let body = "# Release plan\n\n| step | share |\n| --- | --- |\n| 1 | 1 % |\n\n- one\n- two\n";
    Publication::new(subject(), head(41), "checkout 2.41.0", body, Standing::RolledBack)
        .with_phase(phase("stage", PhaseState::Passed, "All checks passed"))
        .with_phase(phase("release", PhaseState::Failed, "Rolled back at 10 %"))
        .with_note(note("stage", 12))
        .with_note(note("release", 40))
        .with_post_mortem(note("post-mortem-1", 41))
        .with_asset(asset("record.jsonl", "application/jsonl", b"{\"seq\":0}\n{\"seq\":1}\n"))
        .with_asset(asset("package.zip", "application/zip", &[0x50, 0x4b, 0x05, 0x06, 0, 0xff]))
}

/// The same release before it was over.
pub(crate) fn before() -> Publication {
    let whole = whole();
    let [mut stage, mut release] = [whole.phases()[0].clone(), whole.phases()[1].clone()];
    stage.state = PhaseState::UnderWay;
    release.state = PhaseState::UnderWay;
    release.summary = "1 %".into();
    let mut record = whole.assets()[0].clone();
    record.bytes = b"{\"seq\":0}\n".to_vec();
    Publication::new(
        subject(),
        head(20),
        "checkout 2.41.0",
        "# Release plan\n\nUnder way.",
        Standing::UnderWay,
    )
    .with_phase(stage)
    .with_phase(release)
    .with_note(whole.notes()[0].clone())
    .with_asset(record)
}

/// Longer than any test needs, so that one that hangs fails.
pub(crate) const AT_MOST: Duration = Duration::from_mins(1);
