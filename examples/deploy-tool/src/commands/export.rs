//! `export`: the stored lines of a release, byte for byte. `backup`: a copy of the whole journal.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use relman_core::{port::Journal, unit::ReleaseId};
use serde_json::json;

use crate::{cli::Global, failure::Failure, output, store};

/// Lines that are read at once: a page of ordinary records is a few hundred kilobytes.
const PAGE: usize = 512;

/// Prints the lines, each with a line feed, or writes them to a new file.
pub(super) async fn run(global: &Global, id: &ReleaseId, to: Option<&Path>) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    if journal.read(&id.into(), 0, 1).await?.is_empty() {
        return Err(store::no_such_release(&*journal, &path, id).await);
    }
    let Some(to) = to else {
        copy(&*journal, id, output::bytes).await?;
        return Ok(());
    };
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "; an export never overwrites a file, name another one",
            _ => "",
        };
        Failure::usage(format_args!("failed to write {}: {error}{hint}", to.display()))
    };
    let mut file = BufWriter::new(File::create_new(to).map_err(failed)?);
    let copied = copy(&*journal, id, |bytes| file.write_all(bytes)).await;
    let written = match copied {
        Ok(records) => {
            file.flush().and_then(|()| file.get_ref().sync_all()).map(|()| records).map_err(failed)
        }
        Err(failure) => Err(failure),
    };
    match written {
        Ok(records) => {
            let head = store::head_in_words(journal.head(&id.into()).await?);
            Ok(output::line(format_args!("wrote {records} records of {id} to {}; {head}", to.display()))?)
        }
        Err(failure) => {
            // Half an export looks like a whole one.
            let _ = fs::remove_file(to);
            Err(failure)
        }
    }
}

/// Copies the journal to a new file, while others go on using it.
pub(super) async fn backup(global: &Global, to: &Path) -> Result<(), Failure> {
    let path = store::path(global);
    store::open_read_only(&path)?.backup(to).await?;
    let (path, to) = (path.display(), to.display());
    if global.json {
        return Ok(output::report_json(&json!({ "journal": path.to_string(), "copy": to.to_string() }))?);
    }
    Ok(output::line(format_args!("copied {path} to {to}; check it with: deploy-tool verify {to}"))?)
}

/// Hands on every line with its line feed; returns how many there were.
async fn copy(
    journal: &dyn Journal,
    id: &ReleaseId,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, Failure> {
    let mut records = 0;
    loop {
        let page = journal.read(&id.into(), records, PAGE).await?;
        if page.is_empty() {
            return Ok(records);
        }
        records += page.len() as u64;
        for mut line in page {
            line.push(b'\n');
            write(&line)?;
        }
    }
}
