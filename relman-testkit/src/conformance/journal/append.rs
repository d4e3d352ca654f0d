use std::sync::{Arc, Mutex, PoisonError};

use futures::poll;
use relman_core::{
    chain::{Digest, Head, SealedLine},
    port::{AppendError, Journal, JournalExt, Streams},
    unit::StreamId,
};

use super::{
    JournalFixture, Task,
    stream::{at, begun, bytes, holds, index, line, lines, named, state},
};
use crate::conformance::finding::{Met, Unmet, ensure, works};

/// Appends where the head is not the expected one: the actual head as the conflict names it.
async fn conflict(
    journal: &dyn Journal,
    stream: &StreamId,
    expected: Option<Head>,
    batch: &[SealedLine],
) -> Result<Option<Head>, Unmet> {
    match journal.append(stream, expected, batch, index()).await {
        Err(AppendError::Conflict { actual, .. }) => Ok(actual),
        other => Err(Unmet::Failed(format!(
            "an append of {} records that expects {} was answered with {}, not with a conflict",
            batch.len(),
            at(expected),
            shown(&other)
        ))),
    }
}

/// Appends a batch that doesn't continue the head it expects: the record that the refusal names.
async fn unlinked(
    journal: &dyn Journal,
    stream: &StreamId,
    expected: Option<Head>,
    batch: &[SealedLine],
) -> Result<u64, Unmet> {
    match journal.append(stream, expected, batch, index()).await {
        Err(AppendError::Unlinked { seq, .. }) => Ok(seq),
        other => Err(Unmet::Failed(format!(
            "a batch that is not linked was answered with {}, not refused as that",
            shown(&other)
        ))),
    }
}

fn shown(answer: &Result<Option<Head>, AppendError>) -> String {
    match answer {
        Ok(head) => format!("the head {}", at(*head)),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn a_moved_head_is_a_conflict(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, _, _) = begun(&*journal, "moved", 3).await?;
    let first = lines(&stream, None, 1, "moved")[0].head();
    for (stream, expected) in [
        (&stream, None),
        (&stream, Some(first)),
        (&stream, Some(Head { seq: 7, digest: Digest::ZERO })),
        (&named("never-begun"), Some(first)),
    ] {
        conflict(&*journal, stream, expected, &[line(stream, expected, "late")]).await?;
    }
    Ok(())
}

pub(super) async fn the_hash_of_the_head_counts(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "forged", 2).await?;
    let forged = head.map(|head| Head { digest: Digest::of_line(b"forged"), ..head });
    conflict(&*journal, &stream, forged, &[line(&stream, forged, "next")]).await?;
    Ok(())
}

pub(super) async fn a_conflict_names_the_actual_head(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "named", 3).await?;
    let absent = named("never-begun");
    let wrong = Some(Head { seq: 7, digest: Digest::ZERO });
    for (stream, expected, head) in [(&stream, None, head), (&stream, wrong, head), (&absent, wrong, None)] {
        // An append that was not refused at all is another check's finding.
        if let Err(AppendError::Conflict { stream: about, expected: named, actual }) =
            journal.append(stream, expected, &[line(stream, expected, "late")], index()).await
        {
            ensure!(
                actual == head,
                "the conflict says that the head is {}, and it is {}",
                at(actual),
                at(head)
            );
            ensure!(&about == stream, "the conflict is about {about}, and the append was to {stream}");
            ensure!(named == expected, "the conflict says {} was expected, not {}", at(named), at(expected));
        }
    }
    Ok(())
}

pub(super) async fn a_conflict_changes_nothing(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, _, _) = begun(&*journal, "unchanged", 2).await?;
    let before = state(&*journal, &stream).await?;
    for expected in [None, Some(Head { seq: 7, digest: Digest::ZERO })] {
        let batch = lines(&stream, expected, 2, "late");
        // Whether it is refused is another check's finding; here it is what it leaves behind.
        if journal.append(&stream, expected, &batch, index()).await.is_ok() {
            return Ok(());
        }
        let after = state(&*journal, &stream).await?;
        ensure!(after == before, "a conflict left {after}, and there was {before}");
    }
    Ok(())
}

pub(super) async fn of_two_with_the_same_head_one_wins(fixture: &dyn JournalFixture) -> Met {
    const WRITERS: usize = 32;
    let stream = named("race");
    let mut head = None;
    for round in 0..8_usize {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let tasks = (0..WRITERS).map(|writer| -> Task {
            let (journal, stream, answers) = (fixture.journal(), stream.clone(), Arc::clone(&answers));
            let batch = [line(&stream, head, &format!("round {round}, writer {writer}"))];
            Box::pin(async move {
                let answer = journal.append(&stream, head, &batch, index()).await;
                answers.lock().unwrap_or_else(PoisonError::into_inner).push((batch[0].head(), answer));
            })
        });
        fixture.together(tasks.collect()).await;
        let answers = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(
            answers.len() == WRITERS,
            "{} of {WRITERS} appends at the same time were answered",
            answers.len()
        );
        let won: Vec<Head> =
            answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(head, _)| *head).collect();
        ensure!(won.len() == 1, "{} of {WRITERS} appends after {} were stored", won.len(), at(head));
        for (_, answer) in &answers {
            let lost = matches!(answer, Err(AppendError::Conflict { .. }));
            ensure!(
                lost || answer.is_ok(),
                "an append that lost against {} was answered with {}",
                at(Some(won[0])),
                shown(answer)
            );
        }
        head = Some(won[0]);
        let stored = works("reading a stream to its end", fixture.journal().read_to_end(&stream, 0).await)?;
        ensure!(stored.len() == round + 1, "{} records were stored in {} rounds", stored.len(), round + 1);
    }
    Ok(())
}

pub(super) async fn a_batch_with_a_gap_is_refused(fixture: &dyn JournalFixture) -> Met {
    let (journal, stream) = (fixture.journal(), named("gap"));
    let good = lines(&stream, None, 3, "gap");
    for (batch, bad) in [
        (vec![good[0].clone(), good[2].clone()], 2),
        (vec![good[1].clone()], 1),
        (vec![good[0].clone(), good[0].clone()], 0),
    ] {
        let seq = unlinked(&*journal, &stream, None, &batch).await?;
        ensure!(seq == bad, "the refusal names record {seq}, and the first that does not fit is {bad}");
    }
    Ok(())
}

pub(super) async fn a_record_that_links_to_another_is_refused(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "links", 2).await?;
    let forged = head.map(|head| Head { digest: Digest::of_line(b"forged"), ..head });
    let stranger = line(&stream, forged, "the right number, and another past");
    unlinked(&*journal, &stream, head, &[stranger]).await?;
    Ok(())
}

pub(super) async fn an_unlinked_batch_changes_nothing(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "refused", 2).await?;
    let before = state(&*journal, &stream).await?;
    let next = lines(&stream, head, 3, "refused");
    for batch in [vec![next[0].clone(), next[2].clone()], vec![next[1].clone()]] {
        if journal.append(&stream, head, &batch, index()).await.is_ok() {
            return Ok(());
        }
        let after = state(&*journal, &stream).await?;
        ensure!(after == before, "a batch that was refused left {after}, and there was {before}");
    }
    Ok(())
}

pub(super) async fn an_empty_batch_checks_the_head(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, _) = begun(&*journal, "empty", 1).await?;
    let answer = works("an empty batch", journal.append(&stream, head, &[], index()).await)?;
    ensure!(answer == head, "an empty batch was answered with the head {}, not {}", at(answer), at(head));
    for expected in [None, Some(Head { seq: 7, digest: Digest::ZERO })] {
        conflict(&*journal, &stream, expected, &[]).await?;
    }
    Ok(())
}

pub(super) async fn an_empty_batch_stores_nothing(fixture: &dyn JournalFixture) -> Met {
    let (journal, absent) = (fixture.journal(), named("empty"));
    let answer = works("an empty batch", journal.append(&absent, None, &[], index()).await)?;
    ensure!(
        answer.is_none(),
        "an empty batch on a stream that does not exist was answered with {}",
        at(answer)
    );
    let streams = works("asking for the streams", journal.streams(Streams::All, None, 1_000).await)?;
    ensure!(streams.is_empty(), "after an empty batch there is {streams:?}");
    Ok(())
}

pub(super) async fn a_batch_appears_whole(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, head, before) = begun(&*journal, "whole", 1).await?;
    let batch = lines(&stream, head, 20, "whole");
    let after: Vec<_> = before.iter().cloned().chain(bytes(&batch)).collect();
    let mut append = journal.append(&stream, head, &batch, index());
    // Looks in between as often as the append lets go of the thread, within reason.
    for _ in 0..1_000 {
        if poll!(append.as_mut()).is_ready() {
            return holds(&*journal, &stream, &after).await;
        }
        let seen = works("a read beside an append", journal.read(&stream, 0, 100).await)?;
        ensure!(
            seen == before || seen == after,
            "{} of 20 records were seen",
            seen.len().saturating_sub(before.len())
        );
    }
    works("an append", append.await)?;
    Ok(())
}

pub(super) async fn a_batch_given_up_is_whole_or_absent(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, mut head, mut before) = begun(&*journal, "given-up", 1).await?;
    for polls in 0..20 {
        let batch = lines(&stream, head, 3, "given up");
        {
            let mut append = journal.append(&stream, head, &batch, index());
            for _ in 0..polls % 4 {
                if poll!(append.as_mut()).is_ready() {
                    break;
                }
            }
        }
        let whole: Vec<_> = before.iter().cloned().chain(bytes(&batch)).collect();
        let stored = works("reading a stream to its end", journal.read_to_end(&stream, 0).await)?;
        ensure!(
            stored == before || stored == whole,
            "of an append of 3 records that was given up, {} are stored",
            stored.len().saturating_sub(before.len())
        );
        if stored == whole {
            head = batch.last().map(SealedLine::head);
            before = whole;
        }
    }
    // What was given up earlier doesn't appear later, and nobody is left waiting.
    let last = line(&stream, head, "last");
    works(
        "an append after others were given up",
        journal.append(&stream, head, std::slice::from_ref(&last), index()).await,
    )?;
    let stored = works("reading a stream to its end", journal.read_to_end(&stream, 0).await)?;
    ensure!(
        stored.len() as u64 == last.seq() + 1 && stored.last().is_some_and(|stored| stored == last.bytes()),
        "{} records are stored, and the last one that was appended is record {}",
        stored.len(),
        last.seq()
    );
    Ok(())
}

pub(super) async fn many_streams_grow_at_once(fixture: &dyn JournalFixture) -> Met {
    const STREAMS: usize = 32;
    let ends = Arc::new(Mutex::new(Vec::new()));
    let tasks = (0..STREAMS).map(|number| -> Task {
        let (journal, ends) = (fixture.journal(), Arc::clone(&ends));
        Box::pin(async move {
            let end = grow(&*journal, &named(&format!("many-{number:02}"))).await;
            ends.lock().unwrap_or_else(PoisonError::into_inner).push(end);
        })
    });
    fixture.together(tasks.collect()).await;
    let ends = std::mem::take(&mut *ends.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(ends.len() == STREAMS, "{} of {STREAMS} writers at the same time came to an end", ends.len());
    ends.into_iter().collect()
}

/// Appends again and again, and between that in vain, which must not hurt others.
async fn grow(journal: &dyn Journal, stream: &StreamId) -> Met {
    let (mut head, mut records) = (None, Vec::new());
    for _ in 0..5 {
        let batch = lines(stream, head, 2, "many");
        works(
            "an append beside those to other streams",
            journal.append(stream, head, &batch, index()).await,
        )?;
        conflict(journal, stream, head, &batch).await?;
        head = batch.last().map(SealedLine::head);
        records.extend(bytes(&batch));
    }
    holds(journal, stream, &records).await
}
