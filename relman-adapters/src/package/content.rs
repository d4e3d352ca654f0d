use std::fmt::Write as _;

use askama::Template;
use relman_core::{
    chain::Head,
    report::{Artifact, Form, History, Templates},
    unit::ReleaseId,
};
use sha2::{Digest, Sha256};

use super::PackageError;
use crate::{jsonl::jsonl, web::storyboard_file};

const VERIFY_SH: &str = include_str!("../../templates/package/verify.sh");
const VERIFY_PY: &str = include_str!("../../templates/package/verify.py");
const REPLAY_PY: &str = include_str!("../../templates/package/replay.py");

#[derive(Template)]
#[template(path = "package/README.md", escape = "none")]
struct Readme<'a> {
    release: &'a ReleaseId,
    head: String,
}

/// A file of the package.
pub(super) struct PackedFile {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_script: bool,
}

/// The files in the order in which they stand in the archive: by path.
pub(super) fn files(
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
            files.text(place_of(form), text);
        }
    }
    files.script("scripts/verify.sh", VERIFY_SH);
    files.script("scripts/verify.py", VERIFY_PY);
    files.script("scripts/replay.py", REPLAY_PY);
    Ok(files.with_sums())
}

fn place_of(form: Form) -> &'static str {
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

    /// All files by path, with the hashes of all the others.
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
