//! The records of targets and of the estate in the folder: few, so that each stream is held whole.

use std::path::Path;

use relman_core::{
    chain::{Head, SealedLine, verify_lines},
    port::{Journal, JournalExt, with_causes},
    target::{TargetRecord, TargetState},
    unit::StreamId,
};

use super::{HandoverError, Listed, folder::read};

/// The subfolder with a file for each target.
pub(super) const TARGETS: &str = "targets";

/// The file with the record of a target, or of the estate.
pub(super) fn file_of(stream: &StreamId) -> String {
    match stream {
        StreamId::Target(name) => format!("{TARGETS}/{name}.jsonl"),
        StreamId::Estate => "all-targets.jsonl".to_owned(),
        StreamId::Release(release) => super::folder::file_of(release),
    }
}

/// Verifies the lines of a stream, and what they amount to.
pub(super) fn verified(
    stream: &StreamId,
    lines: &[Vec<u8>],
    known: Option<Head>,
) -> Result<(Listed, TargetState), HandoverError> {
    let wrong = |problem: String| HandoverError::wrong(file_of(stream), problem);
    let whole =
        verify_lines(Some(stream.clone()), lines, known).map_err(|broken| wrong(with_causes(&broken)))?;
    let head = whole.head.ok_or_else(|| wrong("there are no records".to_owned()))?;
    let mut state = TargetState::new(stream.clone());
    for line in lines {
        let folded = TargetRecord::read(line).and_then(|record| state.apply(&record));
        folded.map_err(|error| wrong(with_causes(&error)))?;
    }
    Ok((Listed { records: whole.records, head }, state))
}

/// A stream as the folder has it, verified up to the head that the manifest names.
pub(super) fn read_stream(
    from: &Path,
    stream: &StreamId,
    listed: Listed,
) -> Result<(Vec<Vec<u8>>, TargetState), HandoverError> {
    let file = file_of(stream);
    let bytes = read(&from.join(&file))?;
    let Some(text) = bytes.strip_suffix(b"\n") else {
        return Err(HandoverError::wrong(file, "it has no line feed at its end"));
    };
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (found, state) = verified(stream, &lines, Some(listed.head))?;
    if found.records != listed.records {
        return Err(HandoverError::wrong(file, "it does not have as many records as the manifest says"));
    }
    Ok((lines, state))
}

/// Adds to a journal what it does not have of a stream.
///
/// # Errors
///
/// [`HandoverError::Wrong`] where it has another history of it.
pub(super) async fn add(
    journal: &dyn Journal,
    from: &Path,
    stream: &StreamId,
    listed: Listed,
) -> Result<(), HandoverError> {
    let (lines, state) = read_stream(from, stream, listed)?;
    let here = journal.read_to_end(stream, 0).await?;
    if here.iter().zip(&lines).any(|(here, there)| here != there) {
        return Err(HandoverError::wrong(file_of(stream), "the journal has another history of it"));
    }
    let rest: Result<Vec<SealedLine>, _> = lines.into_iter().skip(here.len()).map(SealedLine::read).collect();
    let rest = rest.map_err(|error| HandoverError::wrong(file_of(stream), with_causes(&error)))?;
    if rest.is_empty() {
        return Ok(());
    }
    let had = journal.head(stream).await?;
    journal.append(stream, had, &rest, &state.index()).await?;
    Ok(())
}
