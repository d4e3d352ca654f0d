//! `lab`: what a policy does to users, measured in simulated worlds before production is one of them.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use relman_testkit::lab::{self, Report};
use tempfile::NamedTempFile;

use crate::{
    cli::{Global, Lab},
    config,
    failure::Failure,
    output,
};

/// How a report begins, by which an older one is known from everything else that must not be replaced.
const BEGINNING: &[u8] = b"<!doctype html>";

/// Tries the policies and shows the report.
pub(super) fn run(global: &Global, asked: &Lab) -> Result<(), Failure> {
    let mut lab = lab::Lab::new(config::policy(&asked.policy)?).trials(asked.trials).seed(asked.seed);
    if let Some(other) = &asked.against {
        lab = lab.beside(config::policy(other)?);
    }
    if let Some(plan) = &asked.plan {
        lab = lab.plan(config::plan(plan)?);
    }
    if let Some(track) = &asked.track {
        lab = lab.track(track.clone());
    }
    lab.check().map_err(Failure::usage)?;
    // Half a minute of work is not lost to a folder that is not there.
    let page = asked.html.as_deref().map(Page::prepare).transpose()?;
    let bar = bar();
    let shown = bar.clone();
    let lab = lab.on_progress(move |progress| {
        shown.set_length(progress.total);
        shown.set_position(progress.done);
    });
    let report = lab.run();
    bar.finish_and_clear();
    let report = report.map_err(Failure::usage)?;
    if global.json {
        output::json(&report)?;
    } else {
        output::report(&report)?;
    }
    let Some(page) = page else {
        return Ok(());
    };
    let path = page.write(&report)?;
    if !global.json {
        output::line(format_args!("\nwrote {}", path.display()))?;
    }
    Ok(())
}

/// A bar on the error output, where that is a terminal.
fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {percent:>3}%  {human_pos} of {human_len} trials, {eta} left");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A file that the report is going to be written to.
struct Page {
    path: PathBuf,
    /// Beside it, so that the report appears whole or not at all.
    draft: NamedTempFile,
}

impl Page {
    /// Finds out whether the file can be written, and leaves it as it is until then.
    fn prepare(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure::usage(format_args!("failed to write {}: {why}", path.display()));
        if path.is_dir() {
            return Err(failed("it is a folder; name a file in it".to_owned()));
        }
        match File::open(path) {
            Ok(older) => {
                let mut beginning = Vec::new();
                let length = BEGINNING.len() as u64;
                older.take(length).read_to_end(&mut beginning).map_err(|error| failed(error.to_string()))?;
                if !beginning.is_empty() && beginning != BEGINNING {
                    let why = "it is there and is no report; only a report is replaced, name another file";
                    return Err(failed(why.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut draft = tempfile::Builder::new();
        // As any file that a program makes: the umask says who may read it.
        #[cfg(unix)]
        draft.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let draft = draft.tempfile_in(folder.unwrap_or(Path::new(".")));
        let draft =
            draft.map_err(|error| failed(format!("no file can be made in its folder: {}", error.kind())))?;
        Ok(Self { path: path.to_owned(), draft })
    }

    /// Writes the report; where it is now.
    fn write(self, report: &Report) -> Result<PathBuf, Failure> {
        let Self { path, mut draft } = self;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::refused(format_args!("failed to write {}: {error}", path.display()))
        };
        draft.write_all(report.to_html().as_bytes()).map_err(|error| failed(&error))?;
        draft.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(path)
    }
}
