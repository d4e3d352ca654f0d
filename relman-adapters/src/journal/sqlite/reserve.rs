use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How much room is kept: some thousand records, where a rollback is a few dozen.
const BYTES: usize = 4 * 1024 * 1024;

/// How long to wait between attempts to restore a reserve that was freed: others need freshly made room, too.
const TRY_EVERY: Duration = Duration::from_mins(1);

/// Room on the disk beside a journal, so that a rollback can be recorded when the disk is full: a file that is removed
/// when the room is needed, and made again once there is some.
pub(super) struct Reserve {
    path: PathBuf,
    /// When it was last tried to make it, while it is not there.
    missing_since: Mutex<Option<Instant>>,
}

impl Reserve {
    /// The reserve beside a journal; made if there is room for it.
    pub(super) fn beside(journal: &Path) -> Self {
        let reserve = Self { path: path_beside(journal), missing_since: Mutex::default() };
        reserve.make();
        reserve
    }

    /// Frees the room beside a journal that can't be opened for want of it; whether there was any.
    pub(super) fn free_beside(journal: &Path) -> bool {
        fs::remove_file(path_beside(journal)).is_ok()
    }

    /// Frees the room; whether there was any.
    pub(super) fn free(&self) -> bool {
        *self.missing_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        fs::remove_file(&self.path).is_ok()
    }

    /// Makes the reserve again after an append has worked, where it was freed.
    pub(super) fn restore(&self) {
        let missing = *self.missing_since.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.is_some_and(|since| since.elapsed() >= TRY_EVERY) {
            self.make();
        }
    }

    fn make(&self) {
        let is_whole = |file: fs::Metadata| file.len() == BYTES as u64;
        let made = fs::metadata(&self.path).is_ok_and(is_whole) || self.write().is_ok();
        if !made {
            // What is half written keeps room that others need.
            let _ = fs::remove_file(&self.path);
        }
        *self.missing_since.lock().unwrap_or_else(PoisonError::into_inner) = (!made).then(Instant::now);
    }

    /// Written in full: a file with a hole takes no room.
    fn write(&self) -> io::Result<()> {
        let mut file = fs::File::create(&self.path)?;
        let chunk = [0x5a; 16 * 1024];
        for _ in 0..BYTES / chunk.len() {
            file.write_all(&chunk)?;
        }
        file.sync_all()
    }
}

fn path_beside(journal: &Path) -> PathBuf {
    let mut name: OsString = journal.as_os_str().to_owned();
    name.push("-reserve");
    name.into()
}
