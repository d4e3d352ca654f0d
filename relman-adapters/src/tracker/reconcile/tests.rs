//! What the reconciler does with a tracker that writes down what it is asked.

use std::collections::VecDeque;

use async_trait::async_trait;
use relman_core::{
    chain::{Digest, Head},
    port::{
        Asset, Note, PhaseState, PhaseStatus, Placement, PortError, PortErrorKind, Publication, Retry,
        Standing, Subject, TrackerCapabilities,
    },
    unit::Span,
};
use tokio::time::{Duration, Instant};

use super::{
    Draft, FileNames, Item, NewFile, Part, Profile, Remote, RemoteFile, Sight, Status, StatusWords, find,
    publish,
};
use crate::tracker::{
    api::Removal,
    text::{BODY, Marker, Page},
};

const PROFILE: Profile = Profile {
    adapter: "fake",
    capabilities: TrackerCapabilities::new(10_000)
        .with_notes(Placement::OfItsOwn)
        .with_post_mortems(Placement::OfItsOwn)
        .with_phases(Placement::OfItsOwn),
    title_chars: 100,
    marker_chars: 300,
    status_chars: 100,
    status_words: StatusWords::Latest,
    state_name: |_| "state",
    file_names: FileNames::Hashed,
    settle: Span::from_secs(60),
};

/// A tracker that shows what it is told to show, and lists every write.
struct Fake {
    profile: Profile,
    /// What comes of looking for a part, one after the other; after the last one it was never there.
    sights: VecDeque<Sight>,
    files: Vec<RemoteFile>,
    statuses: Vec<Status>,
    may_delete: bool,
    writes: Vec<String>,
    /// The latest text of the copy.
    text: String,
}

impl Fake {
    fn new(sights: impl IntoIterator<Item = Sight>) -> Self {
        Self {
            profile: PROFILE,
            sights: sights.into_iter().collect(),
            files: Vec::new(),
            statuses: Vec::new(),
            may_delete: true,
            writes: Vec::new(),
            text: String::new(),
        }
    }

    fn wrote(&mut self, what: &str, part: Part<'_>, draft: &Draft) -> Item {
        self.writes.push(format!("{what} {}", part.name()));
        if part == Part::Copy {
            self.text = draft.page.to_string();
        }
        Item {
            text: draft.page.to_string(),
            page: draft.page.clone(),
            title: draft.title.clone(),
            ..item("")
        }
    }

    async fn writes_of(mut self, publication: &Publication) -> Vec<String> {
        publish(&mut self, publication).await.unwrap();
        self.writes
    }
}

#[async_trait]
impl Remote for Fake {
    fn profile(&self) -> Profile {
        self.profile
    }

    async fn prepare(&mut self) -> Result<(), PortError> {
        self.writes.push("prepare".to_owned());
        Ok(())
    }

    async fn find(&mut self, _: Part<'_>) -> Result<Sight, PortError> {
        Ok(self.sights.pop_front().unwrap_or(Sight::Never))
    }

    async fn create(&mut self, part: Part<'_>, draft: &Draft) -> Result<Item, PortError> {
        Ok(self.wrote("create", part, draft))
    }

    async fn update(&mut self, part: Part<'_>, _: &Item, draft: &Draft) -> Result<Item, PortError> {
        Ok(self.wrote("update", part, draft))
    }

    async fn files(&mut self, _: &Item) -> Result<Vec<RemoteFile>, PortError> {
        Ok(self.files.clone())
    }

    async fn upload(&mut self, _: &Item, file: &NewFile<'_>) -> Result<(), PortError> {
        self.writes.push(format!("upload {}", file.name));
        Ok(())
    }

    async fn remove(&mut self, file: &RemoteFile) -> Result<Removal, PortError> {
        self.writes.push(format!("remove {}", file.name));
        let problem = || PortError::new("fake", "delete", PortErrorKind::Unauthorized, "not yours");
        Ok(if self.may_delete { Removal::Gone } else { Removal::Forbidden(problem()) })
    }

    async fn statuses(&mut self) -> Result<Vec<Status>, PortError> {
        Ok(self.statuses.clone())
    }

    async fn set_status(&mut self, _: &Item, status: &Status) -> Result<(), PortError> {
        self.writes.push(format!("set {}", status.name));
        Ok(())
    }

    async fn close(&mut self, _: &Item, standing: Standing) -> Result<(), PortError> {
        self.writes.push(format!("close {standing:?}"));
        Ok(())
    }
}

fn subject() -> Subject {
    Subject::new("checkout-241".parse().unwrap(), "v2.41.0".parse().unwrap())
}

fn head(seq: u64) -> Head {
    Head { seq, digest: Digest::ZERO }
}

fn item(text: &str) -> Item {
    Item {
        id: "7".to_owned(),
        url: "https://tracker.example.org/7".to_owned(),
        title: Some("checkout 2.41.0".to_owned()),
        text: text.to_owned(),
        page: Page::shared(text, &subject().release),
        is_prerelease: None,
    }
}

fn there(text: &str) -> Sight {
    Sight::There(Box::new(item(text)))
}

/// A part that was made from this record, and says so.
fn part_of(key: &str, seq: u64) -> Sight {
    let marker = Marker::new(&subject().release, key, head(seq));
    Sight::There(Box::new(Item { page: Page::alone(Some(marker), "words"), ..item("words") }))
}

fn bare() -> Publication {
    Publication::new(subject(), head(41), "checkout 2.41.0", "All is well.", Standing::Completed)
}

fn asset() -> Asset {
    Asset::new("record.jsonl".parse().unwrap(), "text/plain", b"abc")
}

fn note(key: &str, seq: u64) -> Note {
    Note::new(key.parse().unwrap(), head(seq), "Staged", "It passed.")
}

fn whole() -> Publication {
    let phase = PhaseStatus::new("stage".parse().unwrap(), PhaseState::Passed, "Passed");
    bare()
        .with_asset(asset())
        .with_phase(phase)
        .with_note(note("stage", 12))
        .with_post_mortem(note("post-mortem-1", 40))
}

/// The text of the copy as the reconciler writes it.
async fn written(publication: &Publication, there: Option<&str>) -> String {
    let mut fake = Fake::new(there.map(self::there));
    publish(&mut fake, publication).await.unwrap();
    fake.text
}

#[tokio::test]
async fn the_copy_comes_first_and_what_ends_a_release_last() {
    assert_eq!(
        Fake::new([]).writes_of(&whole()).await,
        [
            "prepare",
            "create BODY",
            "upload record.ba7816bf8f01cfea.jsonl",
            "set relman/checkout-241/stage",
            "create stage",
            "create post-mortem-1",
            "close Completed",
        ]
    );
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let text = written(&bare(), None).await;
    assert_eq!(Fake::new([there(&text)]).writes_of(&bare()).await, ["prepare", "close Completed"]);
}

#[tokio::test]
async fn a_copy_that_a_person_changed_is_written_again_and_their_text_beside_it_stays() {
    let text = written(&bare(), None).await;
    let altered = text.replace("All is well.", "All is lost.");
    let writes = Fake::new([there(&altered)]).writes_of(&bare()).await;
    assert_eq!(writes, ["prepare", "update BODY", "close Completed"]);
    let beside = format!("Thanks to all.\n\n{altered}\nSee you.");
    assert_eq!(written(&bare(), Some(&beside)).await, format!("Thanks to all.\n\n{text}\nSee you."));
}

#[tokio::test]
async fn a_copy_from_a_longer_record_is_left_alone() {
    let longer = Publication::new(subject(), head(50), "checkout", "More.", Standing::Completed);
    let text = written(&longer, None).await;
    let mut fake = Fake::new([there(&text)]);
    assert_eq!(publish(&mut fake, &whole()).await.unwrap().head, head(50));
    assert_eq!(fake.writes, ["prepare"]);
}

#[tokio::test(start_paused = true)]
async fn a_tracker_that_is_late_gets_time_before_a_second_copy_is_created() {
    let text = written(&bare(), None).await;
    let started = Instant::now();
    let late = [Sight::Begun, Sight::Begun, Sight::Begun, there(&text)];
    assert_eq!(Fake::new(late).writes_of(&bare()).await, ["prepare", "close Completed"]);
    assert_eq!(started.elapsed(), Duration::from_secs(30));

    let started = Instant::now();
    let gone = std::iter::repeat_with(|| Sight::Gone).take(20);
    let writes = Fake::new(gone).writes_of(&bare()).await;
    assert_eq!(writes, ["prepare", "create BODY", "close Completed"]);
    assert_eq!(started.elapsed(), Duration::from_mins(1));
}

#[tokio::test]
async fn not_knowing_whether_there_is_a_copy_is_an_error() {
    assert!(find(&mut Fake::new([Sight::Never])).await.unwrap().is_none());
    assert!(find(&mut Fake::new([Sight::Gone])).await.unwrap().is_none());
    let error = find(&mut Fake::new([Sight::Begun])).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));
}

#[tokio::test]
async fn a_note_is_kept_current_and_a_post_mortem_belongs_to_people() {
    for (note_seq, post_mortem_seq, expected) in [
        // As the publication has them, and with other words: people wrote those of the post-mortem.
        (12, 40, &["update stage"][..]),
        (13, 41, &[]),
        (11, 39, &["update stage", "update post-mortem-1"]),
    ] {
        let copy = part_of(BODY, 41);
        let sights = [copy, part_of("stage", note_seq), part_of("post-mortem-1", post_mortem_seq)];
        let notes = bare().with_note(note("stage", 12)).with_post_mortem(note("post-mortem-1", 40));
        let writes = Fake::new(sights).writes_of(&notes).await;
        let notes: Vec<_> = writes.iter().filter(|write| !write.ends_with(BODY)).collect();
        assert_eq!(notes[1..notes.len() - 1], *expected, "{note_seq} {post_mortem_seq}");
    }
}

fn old_file(name: &str, is_ours: bool) -> RemoteFile {
    RemoteFile { id: "1".to_owned(), name: name.to_owned(), size: 9, hash: None, is_whole: true, is_ours }
}

#[tokio::test]
async fn an_old_file_goes_when_the_new_one_is_there() {
    for may_delete in [true, false] {
        let old = old_file("record.0123456789abcdef.jsonl", true);
        let fake = Fake { files: vec![old, old_file("notes.txt", false)], may_delete, ..Fake::new([]) };
        let writes = fake.writes_of(&bare().with_asset(asset())).await;
        assert_eq!(
            writes[2..4],
            ["upload record.ba7816bf8f01cfea.jsonl", "remove record.0123456789abcdef.jsonl"]
        );
    }
}

#[tokio::test]
async fn where_versions_share_a_name_the_old_file_makes_room_and_other_peoples_stays() {
    let publication = bare().with_asset(asset());
    let profile = Profile { file_names: FileNames::Shared, ..PROFILE };
    let fake = |is_ours, may_delete| {
        let files = vec![old_file("checkout-241.record.jsonl", is_ours)];
        Fake { profile, files, may_delete, ..Fake::new([]) }
    };
    let writes = fake(true, true).writes_of(&publication).await;
    assert_eq!(writes[2..4], ["remove checkout-241.record.jsonl", "upload checkout-241.record.jsonl"]);
    let error = publish(&mut fake(true, false), &publication).await.unwrap_err();
    assert_eq!(error.detail(), "not yours");
    let mut theirs = fake(false, true);
    let error = publish(&mut theirs, &publication).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
    assert_eq!(theirs.writes, ["prepare", "create BODY"]);
}

#[tokio::test]
async fn a_status_is_set_where_the_latest_one_says_something_else() {
    let publication = Publication::new(subject(), head(41), "checkout", "Words.", Standing::UnderWay)
        .with_phase(whole().phases()[0].clone());
    let status = |state: &str, words: &str| Status {
        name: "relman/checkout-241/stage".to_owned(),
        state: state.to_owned(),
        words: words.to_owned(),
    };
    for (there, kept_words, expected) in [
        (status("state", "Passed"), StatusWords::Latest, false),
        (status("state", "1 %"), StatusWords::Latest, true),
        (status("state", "1 %"), StatusWords::First, false),
        (status("other", "Passed"), StatusWords::First, true),
    ] {
        let profile = Profile { status_words: kept_words, ..PROFILE };
        let fake = Fake { statuses: vec![there.clone()], profile, ..Fake::new([]) };
        let is_set = fake.writes_of(&publication).await.iter().any(|write| write.starts_with("set "));
        assert_eq!(is_set, expected, "{there:?} {kept_words:?}");
    }
}
