//! Forwards what is recorded in a journal to a bus of your own, in order and at least once, from where it stopped the last
//! time. `cargo run -p relman-examples --example relay -- relman.db relay.position` prints one JSON object a line.

use std::{env, error::Error, fs, path::Path};

use relman_adapters::journal::SqliteJournal;
use relman_core::event::Record;
use relman_core::port::{Journal, Position};
use relman_core::unit::Span;

/// Forwards what was recorded after a position, and returns the position to continue from.
async fn relay(
    journal: &dyn Journal,
    mut position: Position,
    mut send: impl FnMut(&Record) -> Result<(), Box<dyn Error>>,
) -> Result<Position, Box<dyn Error>> {
    for change in journal.changes(position, 100).await? {
        let records = usize::try_from(change.head.seq + 1 - change.first)?;
        // Targets have records of their own kind.
        if change.release().is_some() {
            for line in journal.read(&change.stream, change.first, records).await? {
                send(&Record::read(&line)?)?;
            }
        }
        position = change.position;
    }
    Ok(position)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(path), Some(kept)) = (arguments.next(), arguments.next()) else {
        return Err("usage: relay JOURNAL POSITION_FILE".into());
    };
    let journal = SqliteJournal::open_read_only(path)?;
    let kept = Path::new(&kept);
    let mut position =
        if kept.exists() { Position(fs::read_to_string(kept)?.trim().parse()?) } else { Position::START };
    loop {
        // Kept after it was sent: what was under way at a crash is sent again. Its digest tells a receiver that it is the same.
        let print = |record: &Record| {
            println!("{}", serde_json::to_string(record)?);
            Ok(())
        };
        position = relay(&journal, position, print).await?;
        fs::write(kept, position.to_string())?;
        journal.changed(position, Span::from_secs(60)).await?;
    }
}

#[cfg(test)]
mod tests {
    use relman_adapters::journal::MemoryJournal;
    use relman_testkit::scenario::{Story, planned};

    use super::*;

    #[tokio::test]
    async fn each_record_is_sent_once_and_in_order() {
        let (journal, mut story) = (MemoryJournal::new(), Story::from(planned()));
        let (mut sent, mut position, mut stored) = (Vec::new(), Position::START, None);
        for _ in 0..5 {
            let known = story.lines().len();
            if known > 0 {
                let next = story.onward().unwrap();
                story.take(&next);
            }
            let new = &story.lines()[stored.map_or(0, |_| known)..];
            let release = story.release();
            stored = journal.append(&release.id().into(), stored, new, &release.index()).await.unwrap();
            let forward = |record: &Record| {
                sent.push(record.clone());
                Ok(())
            };
            position = relay(&journal, position, forward).await.unwrap();
        }
        assert_eq!(sent, story.records());
    }
}
