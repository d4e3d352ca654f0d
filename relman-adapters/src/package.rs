//! The release package: everything about one release in one archive, readable without relman.
//!
//! | file | what it is |
//! | --- | --- |
//! | `README.md` | what is in it, and how to check it |
//! | `storyboard.html` | the release in five frames |
//! | `artifacts/*.md`, `artifacts/*.json` | every [`Artifact`] |
//! | `record.jsonl`, `head.txt` | the stored lines byte for byte, and the head of the chain |
//! | `forms/*.md`, `guide/retrospective.md` | every [`Form`], filled in as far as the record goes |
//! | `scripts/verify.sh`, `scripts/verify.py` | check the package with coreutils and jq, or with Python |
//! | `scripts/replay.py` | replays the timeline |
//! | `SHA256SUMS` | the hash of each of these files |
//!
//! All of it is in a folder that is named after the release: [`ReleaseId::file_stem`].

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
};

use askama::Template;
use relman_core::{
    chain::Head,
    machine::{Release, ReplayError},
    report::{Artifact, Form, History, TemplateError, Templates},
    unit::ReleaseId,
};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::{jsonl::jsonl, web::storyboard_file};

const VERIFY_SH: &str = include_str!("../templates/package/verify.sh");
const VERIFY_PY: &str = include_str!("../templates/package/verify.py");
const REPLAY_PY: &str = include_str!("../templates/package/replay.py");

/// Why a release can't be packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// There are no records.
    #[error("failed to pack {0}: it has no records")]
    Empty(ReleaseId),
    /// The record can't be trusted.
    #[error("failed to pack {release}: the record can't be trusted")]
    Broken {
        /// The release.
        release: ReleaseId,
        /// The first record that is wrong, and how.
        #[source]
        source: ReplayError,
    },
    /// A custom template asks for something that does not exist.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A report has no JSON form. All of today's have one.
    #[error("failed to pack a report as JSON")]
    Json(#[source] serde_json::Error),
    /// The archive can't be made: it would be larger than four gigabytes.
    #[error("failed to write the archive")]
    Archive(#[from] ZipError),
}

/// Packs a release into a zip archive, from its stored lines.
///
/// Everything in it is as of the last record, so that the same lines and templates always give the same bytes.
///
/// # Errors
///
/// [`PackageError`] where there are no lines, the lines are not the unbroken record of that release, or a template fails.
///
/// # Panics
///
/// Never: writing to a string does not fail.
pub fn package(id: &ReleaseId, lines: &[Vec<u8>], templates: &Templates) -> Result<Vec<u8>, PackageError> {
    let replayed = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
    let (release, records) =
        replayed.map_err(|source| PackageError::Broken { release: id.clone(), source })?;
    let Some(head) = release.head() else { return Err(PackageError::Empty(id.clone())) };
    let files = files(&History::settled(&release, &records), head, lines, templates)?;

    // The archive does not depend on when or where it is packed.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let options = options.unix_permissions(if file.is_script { 0o755 } else { 0o644 });
        archive.start_file(format!("{}/{}", id.file_stem(), file.path), options)?;
        archive.write_all(&file.bytes).map_err(ZipError::from)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[derive(Template)]
#[template(path = "package/README.md", escape = "none")]
struct Readme<'a> {
    release: &'a ReleaseId,
    head: String,
}

/// A file of the package.
struct PackedFile {
    path: String,
    bytes: Vec<u8>,
    is_script: bool,
}

/// The files in the order of the archive: by path.
fn files(
    history: &History<'_>,
    head: Head,
    lines: &[Vec<u8>],
    templates: &Templates,
) -> Result<Vec<PackedFile>, PackageError> {
    let id = history.release.id();
    let readme = Readme { release: id, head: head.digest.to_string() };
    let mut files = Files::default();
    files.text("README.md", readme.render().expect("writing to a string does not fail"));
    files.text("storyboard.html", storyboard_file(history));
    files.text("head.txt", format!("{id} {} {}\n", head.seq, head.digest));
    files.push("record.jsonl", jsonl(lines));
    for artifact in Artifact::all(history) {
        let name = artifact.name();
        files.text(&format!("artifacts/{name}.md"), templates.markdown(&artifact)?);
        let json = serde_json::to_string_pretty(&artifact).map_err(PackageError::Json)?;
        files.text(&format!("artifacts/{name}.json"), json + "\n");
    }
    for form in Form::ALL {
        if let Some(text) = templates.form(form, history)? {
            files.text(path_of(form), text);
        }
    }
    files.script("scripts/verify.sh", VERIFY_SH);
    files.script("scripts/verify.py", VERIFY_PY);
    files.script("scripts/replay.py", REPLAY_PY);
    Ok(files.with_sums())
}

fn path_of(form: Form) -> &'static str {
    match form {
        Form::Plan => "forms/plan.md",
        Form::QaChecklist => "forms/qa-checklist.md",
        Form::Communication => "forms/communication.md",
        Form::PostMortem => "forms/post-mortem.md",
        Form::Retrospective => "forms/retrospective.md",
        Form::RetrospectiveGuide => "guide/retrospective.md",
    }
}

#[derive(Default)]
struct Files(Vec<PackedFile>);

impl Files {
    fn push(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.push(PackedFile { path: path.to_owned(), bytes, is_script: false });
    }

    fn text(&mut self, path: &str, text: String) {
        self.push(path, text.into_bytes());
    }

    fn script(&mut self, path: &str, text: &str) {
        self.0.push(PackedFile { path: path.to_owned(), bytes: text.into(), is_script: true });
    }

    /// All files by path, with a last one that has the hashes of the others.
    fn with_sums(mut self) -> Vec<PackedFile> {
        self.0.sort_by(|one, other| one.path.cmp(&other.path));
        let sums = self.0.iter().fold(String::new(), |mut sums, file| {
            let digest = Sha256::digest(&file.bytes);
            for byte in digest {
                write!(sums, "{byte:02x}").expect("writing to a string does not fail");
            }
            writeln!(sums, "  {}", file.path).expect("writing to a string does not fail");
            sums
        });
        self.text("SHA256SUMS", sums);
        self.0.sort_by(|one, other| one.path.cmp(&other.path));
        self.0
    }
}
