//! What is printed: text for people, one JSON object a line for programs. A reader that goes away is no panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

use relman_core::{
    chain::{BatchRange, Data, Digest, Envelope, Malformed},
    event::Record,
    report::{History, TimelineEntry, Waiting},
    unit::{Actor, Timestamp},
};
use serde::Serialize;

/// Prints a text and a line feed.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a report, which ends its lines itself.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn report(report: impl Display) -> io::Result<()> {
    write!(io::stdout().lock(), "{report}")
}

/// Prints one object as a line of JSON.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn json(object: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(object)?;
    text.push(b'\n');
    io::stdout().lock().write_all(&text)
}

/// Prints a report as one line of JSON, with the fields of its heading beside its own: a script asks for `release`,
/// whatever the report.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn report_json(report: &impl Serialize) -> io::Result<()> {
    let mut value = serde_json::to_value(report)?;
    if let Some(fields) = value.as_object_mut()
        && let Some(serde_json::Value::Object(heading)) = fields.remove("heading")
    {
        fields.extend(heading);
    }
    json(&value)
}

/// Prints stored bytes as they are.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    io::stdout().lock().write_all(bytes)
}

/// Says on the error output what a person at a terminal should know.
///
/// # Errors
///
/// Where nobody reads any longer.
pub(crate) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{text}")
}

/// Says what went wrong, on the error output.
///
/// # Errors
///
/// Where nobody reads any longer.
pub(crate) fn error(problem: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "error: {}", problem.trim_end())
}

/// Prints a stored line as a script reads it: the envelope without what is the same in every line, and the hash.
///
/// # Errors
///
/// [`Malformed`] inside the first result where the line is not a record; nothing is printed then.
pub(crate) fn record_json(stored: &[u8]) -> Result<io::Result<()>, Malformed> {
    #[derive(Serialize)]
    struct Line<'a> {
        seq: u64,
        at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        clock: Option<Timestamp>,
        by: &'a Actor,
        #[serde(skip_serializing_if = "Option::is_none")]
        batch: Option<BatchRange>,
        kind: &'a str,
        data: Data<'a>,
        digest: Digest,
    }
    let Envelope { seq, at, clock, by, batch, kind, data, .. } = Envelope::read(stored)?;
    Ok(json(&Line { seq, at, clock, by: &by, batch, kind: &kind, data, digest: Digest::of_line(stored) }))
}

/// Prints what was recorded, one line a record.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn recorded(records: &[Record]) -> io::Result<()> {
    for record in records {
        let entry = TimelineEntry::of(record);
        line(format_args!("recorded #{} {}: {}", entry.record, entry.by, entry.sentence))?;
    }
    Ok(())
}

/// Prints what a release waits for now.
///
/// # Errors
///
/// Where nobody reads any longer, or the disk is full.
pub(crate) fn waiting(history: &History<'_>) -> io::Result<()> {
    let waiting = Waiting::of(history);
    line(format_args!("{} is {}", history.release.id(), waiting.phase))?;
    if waiting.missing.is_empty() {
        return line("it waits for nothing");
    }
    line("it waits for")?;
    for missing in &waiting.missing {
        line(format_args!("  {}", missing.what))?;
        line(format_args!("    until {}; {}", missing.unblocked_by, missing.turn))?;
    }
    Ok(())
}
