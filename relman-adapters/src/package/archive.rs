use std::io::{Cursor, Write as _};

use relman_core::{
    machine::{Release, ReplayError},
    report::{History, TemplateError, Templates},
    unit::ReleaseId,
};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::content;

/// Why there is no package.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// There are no records.
    #[error("failed to pack {0}: it has no records")]
    Empty(ReleaseId),
    /// The record can't be trusted.
    #[error("failed to pack {release}: {problem}")]
    Broken {
        /// The release.
        release: ReleaseId,
        /// Which record is wrong, and how.
        problem: ReplayError,
    },
    /// A template of an organisation's own asks for something that there is not.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A report has no JSON form, which none of today's lacks.
    #[error("failed to pack a report as JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// The archive can't be made: it would have more than four gigabytes.
    #[error("failed to pack: {0}")]
    Archive(#[from] ZipError),
}

/// Packs a release as its stored lines tell it: a zip archive.
///
/// Everything in it is as of the last record, so that the same lines and templates always give the same bytes.
///
/// # Errors
///
/// [`PackageError`]: no lines, lines that are not the unbroken record of that release, or a template that fails.
///
/// # Panics
///
/// Never: writing to a string does not fail.
pub fn package(id: &ReleaseId, lines: &[Vec<u8>], templates: &Templates) -> Result<Vec<u8>, PackageError> {
    let told = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
    let (release, records) = told.map_err(|problem| PackageError::Broken { release: id.clone(), problem })?;
    let Some(head) = release.head() else { return Err(PackageError::Empty(id.clone())) };
    let files = content::files(&History::settled(&release, &records), head, lines, templates)?;

    // Neither the time nor the system that packs it is in it.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let options = options.unix_permissions(if file.is_script { 0o755 } else { 0o644 });
        archive.start_file(format!("{id}/{}", file.path), options)?;
        archive.write_all(&file.bytes).map_err(ZipError::from)?;
    }
    Ok(archive.finish()?.into_inner())
}
