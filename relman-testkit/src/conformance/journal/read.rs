use relman_core::{
    chain::SealedLine,
    port::{JournalExt, Streams},
};

use super::{
    JournalFixture,
    stream::{at, begun, bytes, holds, index, line, lines, named, quoted},
};
use crate::conformance::finding::{Met, ensure, works};

pub(super) async fn an_append_answers_the_new_head(fixture: &dyn JournalFixture) -> Met {
    let (journal, stream) = (fixture.journal(), named("answers"));
    let batch = lines(&stream, None, 3, "answers");
    let mut head = None;
    for part in [&batch[..1], &batch[1..]] {
        let answer = works("an append", journal.append(&stream, head, part, index()).await)?;
        let last = part.last().map(SealedLine::head);
        ensure!(answer == last, "an append answered {}, and the last record is {}", at(answer), at(last));
        head = last;
    }
    Ok(())
}

pub(super) async fn records_come_back_to_the_byte(fixture: &dyn JournalFixture) -> Met {
    let (journal, stream) = (fixture.journal(), named("exact"));
    let mut head = None;
    let mut appended = Vec::new();
    // What encodings, quotations and trimming stumble over.
    for text in ["Zürich → 東京", "a\\b\"c'd\u{0}e", "  \u{1f680}\t\n", "%s ? $1 ; --", ""] {
        let record = [line(&stream, head, text)];
        works("an append", journal.append(&stream, head, &record, index()).await)?;
        head = Some(record[0].head());
        appended.push(record[0].bytes().to_vec());
    }
    let stored = works("a read", journal.read(&stream, 0, 100).await)?;
    for (seq, (stored, appended)) in stored.iter().zip(&appended).enumerate() {
        let (stored, appended) = (std::slice::from_ref(stored), std::slice::from_ref(appended));
        ensure!(
            stored == appended,
            "record {seq} was read as {}, and appended as {}",
            quoted(stored),
            quoted(appended)
        );
    }
    ensure!(stored.len() == appended.len(), "{} of {} records were read", stored.len(), appended.len());
    Ok(())
}

pub(super) async fn the_head_is_the_last_record(fixture: &dyn JournalFixture) -> Met {
    let (journal, stream) = (fixture.journal(), named("head"));
    let batch = lines(&stream, None, 4, "head");
    let mut before = None;
    for part in [&batch[..1], &batch[1..4]] {
        works("an append", journal.append(&stream, before, part, index()).await)?;
        let last = part.last().map(SealedLine::head);
        let head = works("asking for a head", journal.head(&stream).await)?;
        ensure!(head == last, "the head is {}, and the last record is {}", at(head), at(last));
        before = last;
    }
    Ok(())
}

pub(super) async fn a_stream_that_does_not_exist_is_empty(fixture: &dyn JournalFixture) -> Met {
    let (journal, absent) = (fixture.journal(), named("absent"));
    begun(&*journal, "present", 2).await?;
    holds(&*journal, &absent, &[]).await?;
    let head = works("asking for a head", journal.head(&absent).await)?;
    ensure!(head.is_none(), "the head of {absent} is {}", at(head));
    let streams = works("asking for the streams", journal.streams(Streams::All, None, 1_000).await)?;
    ensure!(streams.iter().all(|stored| stored.stream != absent), "{absent} is among {streams:?}");
    Ok(())
}

pub(super) async fn a_read_keeps_to_its_bounds(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let (stream, _, records) = begun(&*journal, "bounds", 10).await?;
    for (from, limit, expected) in [
        (0, 10, 0..10),
        (3, 4, 3..7),
        (8, 10, 8..10),
        (9, 1, 9..10),
        (10, 5, 0..0),
        (u64::MAX, 5, 0..0),
        (0, 0, 0..0),
        (0, usize::MAX, 0..10),
    ] {
        let read =
            works(format_args!("reading {limit} from {from} on"), journal.read(&stream, from, limit).await)?;
        let expected = &records[expected];
        ensure!(
            read == expected,
            "{limit} from {from} on of 10 were read as {}, not as {}",
            quoted(&read),
            quoted(expected)
        );
    }
    Ok(())
}

pub(super) async fn a_long_stream_is_read_to_its_end(fixture: &dyn JournalFixture) -> Met {
    // More than two pages of `read_to_end`, and not a round number of them.
    const RECORDS: usize = 1_100;
    let (journal, stream) = (fixture.journal(), named("long"));
    let batch = lines(&stream, None, RECORDS, "long");
    works("an append of 1,100 records", journal.append(&stream, None, &batch, index()).await)?;
    holds(&*journal, &stream, &bytes(&batch)).await?;
    let rest = works("reading a stream to its end", journal.read_to_end(&stream, 5).await)?;
    ensure!(rest.len() == RECORDS - 5, "{} records were read from the sixth of {RECORDS} on", rest.len());
    Ok(())
}

pub(super) async fn streams_do_not_mix(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    // Names that a file system, a pattern or a collation may take for one.
    let names = ["mixed", "MIXED", "mixed-1", "mixed.1", "mixed_1", "mixed-10", "target:mixed", "estate"];
    let mut streams = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        streams.push(begun(&*journal, name, index + 1).await?);
    }
    for (stream, _, records) in &streams {
        holds(&*journal, stream, records).await?;
    }
    Ok(())
}

pub(super) async fn every_stream_is_listed_with_its_head(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    let mut begun_streams = Vec::new();
    for (name, count) in [("listed-a", 1), ("listed-b", 3), ("listed-c", 2)] {
        begun_streams.push(begun(&*journal, name, count).await?);
    }
    let listed = works("asking for the streams", journal.streams(Streams::All, None, 1_000).await)?;
    for (stream, head, _) in begun_streams {
        let found = listed.iter().find(|stored| stored.stream == stream).map(|stored| stored.head);
        ensure!(found == head, "{stream} is listed with the head {}, and has {}", at(found), at(head));
    }
    ensure!(listed.len() == 3, "{} streams are listed, and there are 3: {listed:?}", listed.len());
    Ok(())
}

pub(super) async fn streams_are_in_order(fixture: &dyn JournalFixture) -> Met {
    let journal = fixture.journal();
    for name in
        ["order-b", "Order", "target:order", "order.c", "zorder", "order_a", "estate", "order-a", "order"]
    {
        begun(&*journal, name, 1).await?;
    }
    let listed = works("asking for the streams", journal.streams(Streams::All, None, 1_000).await)?;
    let names: Vec<_> = listed.iter().map(|stored| stored.stream.key()).collect();
    ensure!(names.is_sorted(), "the streams come as {}", names.join(", "));
    Ok(())
}
