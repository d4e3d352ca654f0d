//! The suite of [`Tracker`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::port::{Subject, Tracker};

use crate::conformance::{Able, Unable};

/// What people see on the other side of a tracker, of everything that was published there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The texts of the copies, whole, with whatever other people wrote around them.
    pub copies: Vec<String>,
    /// The notes that stand by themselves.
    pub notes: Vec<String>,
    /// The post-mortems that stand by themselves.
    pub post_mortems: Vec<String>,
    /// The phases that stand by themselves: what is shown of each now, and not how it was before.
    pub phases: Vec<String>,
    /// The files: what they are called, and what is in them.
    pub assets: Vec<(String, Vec<u8>)>,
}

/// A tracker to be checked, and what people see on the other side.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait TrackerFixture: Send + Sync {
    /// The tracker, with nothing published.
    fn tracker(&self) -> &dyn Tracker;

    /// A release whose tag the other side knows.
    fn subject(&self) -> Subject {
        Subject::new(
            "checkout-241".parse().expect("a constant name"),
            "v2.41.0".parse().expect("a constant tag"),
        )
    }

    /// Another release of the same tag, as there is one when the first was taken back.
    fn another(&self) -> Subject {
        Subject::new("checkout-242".parse().expect("a constant name"), self.subject().tag)
    }

    /// The secrets that the tracker was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// What people see on the other side.
    async fn shown(&self) -> Able<Shown> {
        Err(Unable::unmentioned("look at the other side"))
    }

    /// Puts a text of someone else into or beside what is published of this subject, such as a sentence of a release's
    /// notes or a comment. It is in what is [shown](Self::shown) as long as it stays.
    async fn write_beside(&self, _subject: &Subject, _text: &str) -> Able<()> {
        Err(Unable::unmentioned("write something as someone else"))
    }

    /// Lets the other side do the request after the next `after` ones and lose its answer, once.
    async fn lose_answer(&self, _after: usize) -> Able<()> {
        Err(Unable::unmentioned("lose an answer"))
    }

    /// Whether the answer that was to be lost was lost.
    async fn has_lost(&self) -> Able<bool> {
        Err(Unable::unmentioned("lose an answer"))
    }

    /// Cuts the tracker off from the other side: nothing that it sends from now on arrives or is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the tracker off"))
    }
}

crate::__checks_of_tracker! { __conformance_suite (Tracker, TrackerFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_tracker {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            what_is_published_is_found: "Finds the copy of a release, read from the tracker and not from memory.",
            what_is_not_published_is_not_found: "`None` where there is no copy.",
            all_of_it_is_there: "Makes the tracker's copy what the publication says, and returns when all of it is there.",
            there_is_one_of_each: "Of the copy itself, of every phase, note, post-mortem and asset there is one, however often this is called.",
            the_same_again_changes_nothing: "The same publication again changes nothing that people can see, and succeeds.",
            what_is_published_is_brought_up_to_date: "What was published before is found again and brought up to date.",
            it_never_goes_back: "Where the copy was made from a longer record than the publication, nothing is changed and the answer names the longer one.",
            every_part_names_its_head: "Every part names its head: the copy that of the publication, a note and a post-mortem that of its own.",
            what_is_left_out_stays: "Parts that the publication leaves out are not taken away.",
            releases_of_one_tag_are_kept_apart: "Two releases may bring the same tag, where the first was taken back.",
            a_lost_answer_makes_no_second_one: "After an error, the same call goes on with what is missing; after a lost answer, too: what was done is not done again.",
            what_others_wrote_stays: "Texts, comments and files that this port did not publish are left alone.",
            a_long_body_is_cut_and_not_refused: "A body that is too long is cut, and says so.",
            what_is_not_published_is_an_error: "An error where it is not published, or where that is not known.",
            not_knowing_is_an_error: "Not knowing is an error, never a `None`.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`tracker`](mod@crate::conformance::tracker) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::tracker! {
///     #[tokio::test]
///     mod wiki { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __tracker_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_tracker! {
            __conformance_tests (tracker [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use relman_core::{
        chain::{Digest, Head},
        port::{
            Asset, Note, PhaseState, PhaseStatus, Placement, Publication, Published, Retry, Standing,
            Subject, Tracker,
        },
    };

    use super::{Shown, TrackerFixture};
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};

    /// How many requests a publication may take before a check stops looking for the end of them.
    const MOST_REQUESTS: usize = 100;

    pub(super) fn adapter(fixture: &dyn TrackerFixture) -> String {
        fixture.tracker().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn TrackerFixture) -> Met {
        named(fixture.tracker().name())
    }

    pub(super) async fn what_is_published_is_found(fixture: &dyn TrackerFixture) -> Met {
        let publication = early(fixture.subject());
        let published = publish(fixture, &publication).await?;
        ensure!(
            published.head == publication.head(),
            "{:?} was published, and the answer names {:?}",
            publication.head(),
            published.head
        );
        let found = works("finding", fixture.tracker().find(publication.subject()).await)?;
        ensure!(found.as_ref() == Some(&published), "{published:?} was published, and {found:?} was found");
        Ok(())
    }

    pub(super) async fn what_is_not_published_is_not_found(fixture: &dyn TrackerFixture) -> Met {
        let found = works("finding", fixture.tracker().find(&fixture.subject()).await)?;
        ensure!(found.is_none(), "nothing was published, and {found:?} was found");
        publish(fixture, &early(fixture.subject())).await?;
        let found = works("finding", fixture.tracker().find(&fixture.another()).await)?;
        ensure!(found.is_none(), "another release was published, and {found:?} was found");
        Ok(())
    }

    pub(super) async fn all_of_it_is_there(fixture: &dyn TrackerFixture) -> Met {
        let publication = late(fixture.subject());
        publish(fixture, &publication).await?;
        holds_all(fixture.tracker(), &fixture.shown().await?, &publication)
    }

    pub(super) async fn there_is_one_of_each(fixture: &dyn TrackerFixture) -> Met {
        for publication in [early(fixture.subject()), late(fixture.subject()), late(fixture.subject())] {
            publish(fixture, &publication).await?;
        }
        has_one_of_each(fixture.tracker(), &fixture.shown().await?, &late(fixture.subject()))
    }

    pub(super) async fn the_same_again_changes_nothing(fixture: &dyn TrackerFixture) -> Met {
        let publication = late(fixture.subject());
        let first = publish(fixture, &publication).await?;
        let before = fixture.shown().await?;
        let second = publish(fixture, &publication).await?;
        ensure!(first == second, "the same was published twice, with the answers {first:?} and {second:?}");
        unchanged(&before, &fixture.shown().await?, "the same was published again")
    }

    pub(super) async fn what_is_published_is_brought_up_to_date(fixture: &dyn TrackerFixture) -> Met {
        publish(fixture, &early(fixture.subject())).await?;
        let publication = late(fixture.subject());
        let published = publish(fixture, &publication).await?;
        ensure!(published.head == publication.head(), "the answer names {:?}", published.head);
        let shown = fixture.shown().await?;
        holds_all(fixture.tracker(), &shown, &publication)?;
        let old = early(fixture.subject());
        ensure!(!all_text(&shown).contains(old.body()), "the text of before is still there: {shown:?}");
        Ok(())
    }

    pub(super) async fn it_never_goes_back(fixture: &dyn TrackerFixture) -> Met {
        let newer = late(fixture.subject());
        publish(fixture, &newer).await?;
        let before = fixture.shown().await?;
        let answer = publish(fixture, &early(fixture.subject())).await?;
        ensure!(
            answer.head == newer.head(),
            "an older one was published, and the answer names {:?}",
            answer.head
        );
        unchanged(&before, &fixture.shown().await?, "an older one was published")
    }

    pub(super) async fn every_part_names_its_head(fixture: &dyn TrackerFixture) -> Met {
        let publication = late(fixture.subject());
        publish(fixture, &publication).await?;
        let shown = fixture.shown().await?;
        let named = |texts: &[String], seq: u64| {
            let digest = head(seq).digest.to_string();
            texts.iter().any(|text| text.contains(&digest))
        };
        ensure!(named(&shown.copies, 19), "no copy names the head of the publication: {:?}", shown.copies);
        let capabilities = fixture.tracker().capabilities();
        for (what, place, texts, seqs) in [
            ("note", capabilities.notes, &shown.notes, &[4, 19][..]),
            ("post-mortem", capabilities.post_mortems, &shown.post_mortems, &[5]),
        ] {
            let texts = match place {
                Placement::OfItsOwn => texts,
                Placement::InTheBody => &shown.copies,
            };
            for seq in seqs {
                ensure!(named(texts, *seq), "no {what} names the head {seq}: {texts:?}");
            }
        }
        Ok(())
    }

    pub(super) async fn what_is_left_out_stays(fixture: &dyn TrackerFixture) -> Met {
        let capabilities = fixture.tracker().capabilities();
        publish(fixture, &late(fixture.subject())).await?;
        let bare = Publication::new(fixture.subject(), head(23), "checkout", "The end.", Standing::UnderWay);
        publish(fixture, &bare).await?;
        let shown = fixture.shown().await?;
        ensure!(
            shown.assets.len() == 2,
            "the files were left out, and of two there are {}",
            shown.assets.len()
        );
        for (what, place, parts, there) in [
            ("notes", capabilities.notes, 2, shown.notes.len()),
            ("post-mortems", capabilities.post_mortems, 1, shown.post_mortems.len()),
            ("phases", capabilities.phases, 2, shown.phases.len()),
        ] {
            ensure!(
                place == Placement::InTheBody || there == parts,
                "the {what} were left out, and of {parts} there are {there}"
            );
        }
        Ok(())
    }

    pub(super) async fn releases_of_one_tag_are_kept_apart(fixture: &dyn TrackerFixture) -> Met {
        let (one, other) = (late(fixture.subject()), early(fixture.another()));
        publish(fixture, &one).await?;
        publish(fixture, &other).await?;
        for publication in [&one, &other] {
            let found = works("finding", fixture.tracker().find(publication.subject()).await)?;
            ensure!(
                found.as_ref().is_some_and(|found| found.head == publication.head()),
                "two releases were published, and of {} {found:?} was found",
                publication.subject().release
            );
        }
        let shown = fixture.shown().await?;
        for publication in [&one, &other] {
            ensure!(
                all_text(&shown).contains(publication.body()),
                "the text of {} is gone: {shown:?}",
                publication.subject().release
            );
        }
        let files = one.assets().len() + other.assets().len();
        ensure!(
            shown.assets.len() == files,
            "of {files} files of two releases there are {}",
            shown.assets.len()
        );
        Ok(())
    }

    pub(super) async fn a_lost_answer_makes_no_second_one(fixture: &dyn TrackerFixture) -> Met {
        for after in 0..MOST_REQUESTS {
            // Each time a release of its own, so that each time all of it has to be made.
            let publication = lost(fixture.subject(), after);
            fixture.lose_answer(after).await?;
            let answer = fixture.tracker().publish(&publication).await;
            let lost = fixture.has_lost().await?;
            if lost && let Err(error) = &answer {
                ensure!(
                    error.retry() != Retry::Never,
                    "after a lost answer it advises against another try: {error}"
                );
            }
            publish(fixture, &publication).await?;
            let shown = fixture.shown().await?;
            holds_all(fixture.tracker(), &shown, &publication)?;
            was_made_once(&shown, &publication)?;
            if !lost {
                return Ok(());
            }
        }
        Err(Unmet::Failed(format!("one publication takes more than {MOST_REQUESTS} requests")))
    }

    pub(super) async fn what_others_wrote_stays(fixture: &dyn TrackerFixture) -> Met {
        const WORDS: &str = "The cake for this release is in the kitchen.";
        publish(fixture, &early(fixture.subject())).await?;
        fixture.write_beside(&fixture.subject(), WORDS).await?;
        publish(fixture, &late(fixture.subject())).await?;
        let shown = fixture.shown().await?;
        ensure!(all_text(&shown).contains(WORDS), "what someone else wrote is gone: {shown:?}");
        Ok(())
    }

    pub(super) async fn a_long_body_is_cut_and_not_refused(fixture: &dyn TrackerFixture) -> Met {
        let chars = fixture.tracker().capabilities().body_chars;
        let body = format!("The beginning. {}", "word ".repeat(chars / 5 + 1));
        let publication = Publication::new(fixture.subject(), head(3), "checkout", body, Standing::UnderWay);
        let published = publish(fixture, &publication).await?;
        ensure!(published.head == publication.head(), "the answer names {:?}", published.head);
        let found = works("finding", fixture.tracker().find(publication.subject()).await)?;
        ensure!(
            found.as_ref().is_some_and(|found| found.head == publication.head()),
            "a long text was published, and {found:?} was found"
        );
        Ok(())
    }

    pub(super) async fn what_is_not_published_is_an_error(fixture: &dyn TrackerFixture) -> Met {
        fixture.cut_off().await?;
        let answer = fixture.tracker().publish(&early(fixture.subject())).await;
        fails("publishing where nothing arrives", answer)?;
        Ok(())
    }

    pub(super) async fn not_knowing_is_an_error(fixture: &dyn TrackerFixture) -> Met {
        fixture.cut_off().await?;
        fails("finding where nothing answers", fixture.tracker().find(&fixture.subject()).await)?;
        Ok(())
    }

    pub(super) async fn what_was_cut_off_may_be_tried_again(fixture: &dyn TrackerFixture) -> Met {
        fixture.cut_off().await?;
        // That there is an error at all is another check's finding.
        if let Err(error) = fixture.tracker().publish(&early(fixture.subject())).await {
            ensure!(error.retry() != Retry::Never, "the error advises against another try: {error}");
        }
        Ok(())
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn TrackerFixture) -> Met {
        let secrets = fixture.secrets()?;
        fixture.cut_off().await?;
        if let Err(error) = fixture.tracker().publish(&early(fixture.subject())).await {
            discreet(&error, &secrets)?;
        }
        match fixture.tracker().find(&fixture.subject()).await {
            Ok(_) => Ok(()),
            Err(error) => discreet(&error, &secrets),
        }
    }

    async fn publish(fixture: &dyn TrackerFixture, publication: &Publication) -> Result<Published, Unmet> {
        works("publishing", fixture.tracker().publish(publication).await)
    }

    /// Checks that everything of the publication is somewhere.
    fn holds_all(tracker: &dyn Tracker, shown: &Shown, publication: &Publication) -> Met {
        ensure!(
            shown.copies.iter().any(|copy| copy.contains(publication.body())),
            "{:?} was published, and the copies are {:?}",
            publication.body(),
            shown.copies
        );
        let capabilities = tracker.capabilities();
        for (what, place, texts, notes) in [
            ("note", capabilities.notes, &shown.notes, publication.notes()),
            ("post-mortem", capabilities.post_mortems, &shown.post_mortems, publication.post_mortems()),
        ] {
            let texts = match place {
                Placement::OfItsOwn => texts,
                Placement::InTheBody => &shown.copies,
            };
            for note in notes {
                ensure!(
                    texts.iter().any(|text| text.contains(&note.title) && text.contains(&note.body)),
                    "the {what} {} is not in {texts:?}",
                    note.key
                );
            }
        }
        for phase in publication.phases() {
            let texts = match capabilities.phases {
                Placement::OfItsOwn => &shown.phases,
                Placement::InTheBody => &shown.copies,
            };
            ensure!(
                texts.iter().any(|text| text.contains(phase.key.as_str()) && text.contains(&phase.summary)),
                "the phase {} is not in {texts:?}",
                phase.key
            );
        }
        for asset in publication.assets() {
            let (stem, _) = asset.name.split();
            let there = shown.assets.iter().any(|(name, bytes)| name.contains(stem) && *bytes == asset.bytes);
            ensure!(there, "the file {} is not there, or not as it was published", asset.name);
        }
        Ok(())
    }

    /// Checks that nothing is there twice.
    fn has_one_of_each(tracker: &dyn Tracker, shown: &Shown, publication: &Publication) -> Met {
        ensure!(shown.copies.len() == 1, "there are {} copies: {:?}", shown.copies.len(), shown.copies);
        let copy = shown.copies.first().map_or("", String::as_str);
        ensure!(
            copy.matches(publication.body()).count() == 1,
            "the text is in the copy more than once: {copy}"
        );
        let capabilities = tracker.capabilities();
        for (what, place, there, published) in [
            ("notes", capabilities.notes, &shown.notes, publication.notes().len()),
            (
                "post-mortems",
                capabilities.post_mortems,
                &shown.post_mortems,
                publication.post_mortems().len(),
            ),
            ("phases", capabilities.phases, &shown.phases, publication.phases().len()),
        ] {
            let expected = match place {
                Placement::OfItsOwn => published,
                Placement::InTheBody => 0,
            };
            ensure!(there.len() == expected, "{expected} {what} were published, and there are {there:?}");
        }
        let names: Vec<&str> = shown.assets.iter().map(|(name, _)| name.as_str()).collect();
        let files = publication.assets().len();
        ensure!(names.len() == files, "{files} files were published, and there are {names:?}");
        Ok(())
    }

    /// Checks that each part, which no other publication has, is there once.
    fn was_made_once(shown: &Shown, publication: &Publication) -> Met {
        let text = all_text(shown);
        let notes = publication.notes().iter().chain(publication.post_mortems());
        for words in notes.map(|note| note.body.as_str()).chain([publication.body()]) {
            let times = text.matches(words).count();
            ensure!(times == 1, "an answer was lost, and {words:?} is there {times} times");
        }
        for asset in publication.assets() {
            let times = shown.assets.iter().filter(|(_, bytes)| *bytes == asset.bytes).count();
            ensure!(times == 1, "an answer was lost, and the file {} is there {times} times", asset.name);
        }
        Ok(())
    }

    fn unchanged(before: &Shown, after: &Shown, why: &str) -> Met {
        ensure!(before == after, "{why}, and {before:?} became {after:?}");
        Ok(())
    }

    /// Every text that people see.
    fn all_text(shown: &Shown) -> String {
        [&shown.copies, &shown.notes, &shown.post_mortems, &shown.phases]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What a release has to show after so many records.
    fn head(seq: u64) -> Head {
        Head { seq, digest: Digest::of_line(format!("record {seq}").as_bytes()) }
    }

    /// A note whose text names its key and its head, so that it can be told from any other.
    fn note(key: &str, seq: u64) -> Note {
        Note::new(
            key.parse().expect("a constant key"),
            head(seq),
            format!("The note {key} has a title"),
            format!("What {key} came to at {seq}."),
        )
    }

    /// A release that is under way, with one of each part.
    fn early(subject: Subject) -> Publication {
        publication(subject, 7)
            .with_phase(phase("release", PhaseState::UnderWay, "One per cent of the traffic"))
            .with_asset(asset("record.jsonl", b"{\"seq\":7}\n"))
    }

    /// The same release at a later time, with more of everything.
    fn late(subject: Subject) -> Publication {
        publication(subject, 19)
            .with_phase(phase("release", PhaseState::Passed, "All of the traffic"))
            .with_note(note("release", 19))
            .with_asset(asset("record.jsonl", b"{\"seq\":7}\n{\"seq\":19}\n"))
            .with_asset(asset("package.zip", b"PK and so on"))
    }

    /// A release of its own with one of each part, each different from that of another number.
    fn lost(subject: Subject, number: usize) -> Publication {
        let release = format!("lost-answer-{number}").parse().expect("a valid name");
        let subject = Subject::new(release, subject.tag);
        let body = format!("The plan of the release number {number}.");
        Publication::new(subject, head(2), format!("Release {number}"), body, Standing::UnderWay)
            .with_phase(phase(&format!("stage-{number}"), PhaseState::Passed, "All checks passed"))
            .with_note(note(&format!("note-{number}"), 1))
            .with_post_mortem(note(&format!("post-mortem-{number}"), 2))
            .with_asset(asset(
                &format!("record-{number}.jsonl"),
                format!("the record of {number}\n").as_bytes(),
            ))
    }

    fn publication(subject: Subject, seq: u64) -> Publication {
        let body = format!("The plan of {} as it was at {seq}.", subject.release);
        Publication::new(subject, head(seq), "checkout 2.41.0", body, Standing::UnderWay)
            .with_phase(phase("stage", PhaseState::Passed, "All checks passed"))
            .with_note(note("stage", 4))
            .with_post_mortem(note("post-mortem-1", 5))
    }

    fn phase(key: &str, state: PhaseState, summary: &str) -> PhaseStatus {
        PhaseStatus::new(key.parse().expect("a constant key"), state, summary)
    }

    fn asset(name: &str, bytes: &[u8]) -> Asset {
        Asset::new(name.parse().expect("a constant name"), "application/octet-stream", bytes)
    }
}
