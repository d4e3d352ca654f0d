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
//! | `made-with.txt` | the version of relman that made it |
//! | `SHA256SUMS` | the hash of each of these files |
//!
//! All of it is in a folder that is named after the release: [`ReleaseId::file_stem`].
//!
//! The scripts hold the record against its hashes, and every file against `SHA256SUMS`. Whether the documents say what the
//! record says takes a program that can make them: [`FoundPackage::differences`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    fs, io,
    io::{Cursor, Read as _, Write as _},
    path::{Path, PathBuf},
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
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::{jsonl::jsonl, web::storyboard_file};

const VERIFY_SH: &str = include_str!("../templates/package/verify.sh");
const VERIFY_PY: &str = concat!(
    include_str!("../templates/package/verify_begin.py"),
    include_str!("../templates/record.py"),
    include_str!("../templates/package/verify_end.py"),
);
const REPLAY_PY: &str = include_str!("../templates/package/replay.py");

/// The record in a package.
const RECORD: &str = "record.jsonl";

/// The hashes of all files in a package.
const SUMS: &str = "SHA256SUMS";

/// The file that says which version has made a package.
const MADE_WITH: &str = "made-with.txt";

/// What a package that is verified may unpack to: many times the largest that is made, and no more than a machine has.
const MAX_UNPACKED: u64 = 2 << 30;

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
    /// A package can't be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// What is there is no package.
    #[error("{} is not a release package: {problem}", path.display())]
    NotAPackage {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
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
    archive(id, &packed(id, lines, templates)?)
}

/// The files of a package.
fn packed(id: &ReleaseId, lines: &[Vec<u8>], templates: &Templates) -> Result<Vec<PackedFile>, PackageError> {
    let replayed = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
    let (release, records) =
        replayed.map_err(|source| PackageError::Broken { release: id.clone(), source })?;
    let Some(head) = release.head() else { return Err(PackageError::Empty(id.clone())) };
    files(&History::settled(&release, &records), head, lines, templates)
}

/// The archive of these files, which does not depend on when or where it is packed.
fn archive(id: &ReleaseId, files: &[PackedFile]) -> Result<Vec<u8>, PackageError> {
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

/// A package that was found somewhere: an archive, or the folder that it unpacks to.
#[derive(Debug)]
pub struct FoundPackage {
    files: BTreeMap<String, Vec<u8>>,
    /// What is no file, or is beside the folder of the release.
    odd: BTreeSet<Difference>,
    /// The bytes of the archive, where it is one.
    archive: Option<Vec<u8>>,
}

/// What tells a package from the one that its record gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Difference {
    /// A file has other bytes.
    Altered(String),
    /// A file is not there.
    Missing(String),
    /// There is a file that no package has.
    Unknown(String),
    /// Something is no regular file: a link, a pipe.
    NotAFile(String),
    /// Every file is right, and the archive is not: it has something that no file of it shows, or was packed by another
    /// program.
    Archive,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(path) => write!(f, "{path} is not what the record gives"),
            Self::Missing(path) => write!(f, "{path} is missing"),
            Self::Unknown(path) => write!(f, "{path} is not part of a package"),
            Self::NotAFile(path) => write!(f, "{path} is not a regular file"),
            Self::Archive => f.write_str(
                "every file is what the record gives, but the archive has something besides or was packed anew; unpack it \
                 and verify the folder",
            ),
        }
    }
}

impl FoundPackage {
    /// Reads an archive or a folder. Nothing in it is trusted yet.
    ///
    /// # Errors
    ///
    /// [`PackageError`] where it can't be read, or has no record.
    pub fn read(path: &Path) -> Result<Self, PackageError> {
        let failed = |source| PackageError::Read { path: path.to_owned(), source };
        let found = if path.is_dir() {
            let mut found = Self { files: BTreeMap::new(), odd: BTreeSet::new(), archive: None };
            let mut room = MAX_UNPACKED;
            found.read_folder(path, "", &mut room)?;
            found
        } else {
            Self::unpack(path, fs::read(path).map_err(failed)?)?
        };
        if !found.files.contains_key(RECORD) {
            return Err(not_a_package(path, format!("it has no {RECORD}")));
        }
        Ok(found)
    }

    /// The record, as it stands in the package.
    pub fn record(&self) -> &[u8] {
        &self.files[RECORD]
    }

    /// How many files it has.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// What tells it from the package that these lines and templates give, byte for byte: nothing where it is that.
    ///
    /// # Errors
    ///
    /// [`PackageError`], as for [`package`].
    pub fn differences(
        &self,
        id: &ReleaseId,
        lines: &[Vec<u8>],
        templates: &Templates,
    ) -> Result<BTreeSet<Difference>, PackageError> {
        let packed = packed(id, lines, templates)?;
        let mut differences = self.odd.clone();
        for file in &packed {
            match self.files.get(&file.path) {
                Some(found) if *found == file.bytes => {}
                Some(_) => drop(differences.insert(Difference::Altered(file.path.clone()))),
                None => drop(differences.insert(Difference::Missing(file.path.clone()))),
            }
        }
        let known: BTreeSet<&str> = packed.iter().map(|file| file.path.as_str()).collect();
        let unknown = self.files.keys().filter(|path| !known.contains(path.as_str()));
        differences.extend(unknown.cloned().map(Difference::Unknown));
        if differences.is_empty()
            && let Some(bytes) = &self.archive
            && *bytes != archive(id, &packed)?
        {
            differences.insert(Difference::Archive);
        }
        Ok(differences)
    }

    /// The version of relman that made it, as it says.
    pub fn made_with(&self) -> Option<&str> {
        Some(std::str::from_utf8(self.files.get(MADE_WITH)?).ok()?.trim_end())
    }

    /// Whether another version of relman has made it, as it says: its documents may be worded differently.
    pub fn is_of_another_version(&self) -> bool {
        self.made_with() != Some(made_with().trim_end())
    }

    /// The digest of `SHA256SUMS`, which stands for all other files.
    pub fn digest(&self) -> Option<relman_core::chain::Digest> {
        Some(relman_core::chain::Digest::from_bytes(Sha256::digest(self.files.get(SUMS)?).into()))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str, room: &mut u64) -> Result<(), PackageError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| PackageError::Read { path, source }
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let entry = entry.map_err(failed(folder))?;
            let path = entry.path();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed(&path))?;
            if kind.is_dir() {
                self.read_folder(&path, &format!("{name}/"), room)?;
            } else if kind.is_file() {
                let file = fs::File::open(&path).map_err(failed(&path))?;
                let bytes = bounded(file, room).map_err(failed(&path))?;
                self.files.insert(name, bytes);
            } else {
                self.odd.insert(Difference::NotAFile(name));
            }
        }
        Ok(())
    }

    fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Self, PackageError> {
        let wrong = |error: ZipError| not_a_package(path, error.to_string());
        let mut room = MAX_UNPACKED;
        let mut found = Self { files: BTreeMap::new(), odd: BTreeSet::new(), archive: None };
        let mut archive = ZipArchive::new(Cursor::new(&bytes)).map_err(wrong)?;
        let mut top = None;
        for index in 0..archive.len() {
            let file = archive.by_index(index).map_err(wrong)?;
            let name = file.name().map_err(wrong)?.into_owned();
            let Some((folder, inner)) = name.split_once('/') else {
                found.odd.insert(Difference::Unknown(name));
                continue;
            };
            if top.get_or_insert_with(|| folder.to_owned()) != folder {
                found.odd.insert(Difference::Unknown(name));
            } else if file.is_dir() {
                // Other programs pack folders, too.
            } else if file.is_symlink() {
                found.odd.insert(Difference::NotAFile(inner.to_owned()));
            } else {
                let inner = inner.to_owned();
                let bytes = bounded(file, &mut room)
                    .map_err(|error| not_a_package(path, format!("{inner} can't be unpacked: {error}")))?;
                found.files.insert(inner, bytes);
            }
        }
        found.archive = Some(bytes);
        Ok(found)
    }
}

fn not_a_package(path: &Path, problem: String) -> PackageError {
    PackageError::NotAPackage { path: path.to_owned(), problem }
}

/// All of a file, as long as there is room for it.
fn bounded(file: impl io::Read, room: &mut u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(*room + 1).read_to_end(&mut bytes)?;
    *room = room.checked_sub(bytes.len() as u64).ok_or_else(|| {
        io::Error::new(io::ErrorKind::FileTooLarge, format!("the package has more than {MAX_UNPACKED} bytes"))
    })?;
    Ok(bytes)
}

/// Which relman this is, as a package says it.
fn made_with() -> String {
    format!("relman {}\n", env!("CARGO_PKG_VERSION"))
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
    files.text(MADE_WITH, made_with());
    files.push(RECORD, jsonl(lines));
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
        self.text(SUMS, sums);
        self.0.sort_by(|one, other| one.path.cmp(&other.path));
        self.0
    }
}
