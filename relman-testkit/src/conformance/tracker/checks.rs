use relman_core::port::{Place, Publication, Published, Retry, Standing, Tracker};

use super::{
    Shown, TrackerFixture,
    sample::{early, head, late, lost},
};
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
            Place::OfItsOwn => texts,
            Place::InTheBody => &shown.copies,
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
    ensure!(shown.assets.len() == 2, "the files were left out, and of two there are {}", shown.assets.len());
    for (what, place, parts, there) in [
        ("notes", capabilities.notes, 2, shown.notes.len()),
        ("post-mortems", capabilities.post_mortems, 1, shown.post_mortems.len()),
        ("phases", capabilities.phases, 2, shown.phases.len()),
    ] {
        ensure!(
            place == Place::InTheBody || there == parts,
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
    ensure!(shown.assets.len() == files, "of {files} files of two releases there are {}", shown.assets.len());
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
    ensure!(all_text(&shown).contains(WORDS), "what somebody else wrote is gone: {shown:?}");
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
            Place::OfItsOwn => texts,
            Place::InTheBody => &shown.copies,
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
            Place::OfItsOwn => &shown.phases,
            Place::InTheBody => &shown.copies,
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
    ensure!(copy.matches(publication.body()).count() == 1, "the text is in the copy more than once: {copy}");
    let capabilities = tracker.capabilities();
    for (what, place, there, published) in [
        ("notes", capabilities.notes, &shown.notes, publication.notes().len()),
        ("post-mortems", capabilities.post_mortems, &shown.post_mortems, publication.post_mortems().len()),
        ("phases", capabilities.phases, &shown.phases, publication.phases().len()),
    ] {
        let expected = match place {
            Place::OfItsOwn => published,
            Place::InTheBody => 0,
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
