//! The journal of an invocation, and the releases in it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(feature = "adapters")]
use relman_adapters::lease::SqliteLeases;
use relman_adapters::{Releases, clock::SystemClock, journal::SqliteJournal};
#[cfg(feature = "adapters")]
use relman_core::port::Leases;
use relman_core::{
    chain::Head,
    event::{Record, RecordError},
    machine::{Release, ReplayError},
    port::{Clock, Directory, Journal, JournalExt, Streams, with_causes},
    unit::{ReleaseId, Timestamp},
};

use crate::{cli::Global, failure::Failure};

/// The journal where nothing is said.
const DEFAULT_JOURNAL: &str = "relman.db";

/// Where the journal of this invocation is.
pub(crate) fn path(global: &Global) -> PathBuf {
    global.journal.clone().unwrap_or_else(|| DEFAULT_JOURNAL.into())
}

/// Opens the journal for records, and makes it if it is not there.
///
/// # Errors
///
/// [`Failure`] where the file is something else or can't be opened.
pub(crate) fn open_or_create(path: &Path) -> Result<Arc<dyn Journal>, Failure> {
    match SqliteJournal::open(path) {
        Ok(journal) => Ok(Arc::new(journal)),
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Opens a journal that is there, for records.
///
/// # Errors
///
/// [`Failure`] where there is none, or the file is something else or can't be opened.
pub(crate) fn open(path: &Path) -> Result<Arc<dyn Journal>, Failure> {
    is_there(path)?;
    open_or_create(path)
}

/// Opens a journal that is there, for reading.
///
/// # Errors
///
/// [`Failure`] where there is none, or the file is something else or can't be opened.
pub(crate) fn open_read_only(path: &Path) -> Result<Arc<SqliteJournal>, Failure> {
    is_there(path)?;
    match SqliteJournal::open_read_only(path) {
        Ok(journal) => Ok(Arc::new(journal)),
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Opens the leases beside a journal, for a conductor.
///
/// # Errors
///
/// [`Failure`] where the file is something else or can't be opened.
#[cfg(feature = "adapters")]
pub(crate) fn leases(path: &Path) -> Result<Arc<dyn Leases>, Failure> {
    match SqliteLeases::open(path) {
        Ok(leases) => Ok(Arc::new(leases)),
        Err(error) => Err(Failure::usage(error)),
    }
}

/// A missing journal is not made by a command that needs what is in it.
fn is_there(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "there is no journal {}: name it with --journal FILE; `plan`, `run` and `demo` make one",
        path.display()
    )))
}

/// The releases of a journal, by the machine's clock.
pub(crate) fn releases(journal: Arc<dyn Journal>, directory: Arc<dyn Directory>) -> Releases {
    Releases::new(journal, directory, Arc::new(SystemClock))
}

/// Now, by the machine's clock.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A release with all of its records.
pub(crate) struct Stored {
    pub(crate) release: Release,
    pub(crate) records: Vec<Record>,
}

/// Reads a release with its records; `None` where the journal does not hold it.
///
/// # Errors
///
/// [`Failure`] where it can't be read, or the record is broken.
pub(crate) async fn tell(journal: &dyn Journal, id: &ReleaseId) -> Result<Option<Stored>, Failure> {
    stored(id, &journal.read_to_end(&id.into(), 0).await?)
}

/// The release of these lines; `None` where there are none.
///
/// # Errors
///
/// [`Failure`] where the record is broken.
pub(crate) fn stored(id: &ReleaseId, lines: &[Vec<u8>]) -> Result<Option<Stored>, Failure> {
    if lines.is_empty() {
        return Ok(None);
    }
    let told = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice));
    let (release, records) = told.map_err(|error| broken(&error, id))?;
    Ok(Some(Stored { release, records }))
}

fn broken(error: &ReplayError, id: &ReleaseId) -> Failure {
    Failure::refused(format_args!(
        "the record of {id} can't be trusted: {}; `{}` names the first bad record",
        with_causes(error),
        finds(error)
    ))
}

/// The command that finds what keeps a record from being folded: a chain can be whole where what it tells is not.
pub(crate) fn finds(error: &ReplayError) -> &'static str {
    match error {
        ReplayError::Record(RecordError::Malformed(_))
        | ReplayError::OutOfOrder { .. }
        | ReplayError::Broken(_) => "verify",
        _ => "verify --deep",
    }
}

/// There is no such release, and these there are.
pub(crate) async fn no_such_release(journal: &dyn Journal, path: &Path, id: &ReleaseId) -> Failure {
    /// A message names a few releases and no more.
    const NAMED: usize = 8;
    let path = path.display();
    let streams = match journal.every_release(Streams::All).await {
        Ok(streams) => streams,
        Err(error) => return error.into(),
    };
    let names: Vec<&str> = streams.iter().take(NAMED).map(|(id, _)| id.as_str()).collect();
    let more = if streams.len() > NAMED { " and others" } else { "" };
    Failure::refused(match names.as_slice() {
        [] => format!("there is no release {id} in {path}: the journal is empty"),
        names => format!("there is no release {id} in {path}; it holds {}{more}", names.join(", ")),
    })
}

/// The last record of a stream, in words.
pub(crate) fn head_in_words(head: Option<Head>) -> String {
    match head {
        Some(head) => format!("{} records, head {}", head.seq + 1, head.digest),
        None => "no records".to_owned(),
    }
}
