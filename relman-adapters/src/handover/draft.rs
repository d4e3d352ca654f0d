//! A journal that is being made beside the place where it is going to be.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

use super::HandoverError;

/// What is added to the name of the journal for the folder of its draft.
const ENDING: &str = ".importing";

/// The file in the folder that is locked for as long as the import goes on: it tells one that is under way from what one
/// that was killed has left.
const LOCK: &str = "lock";

const JOURNAL: &str = "journal";

/// Everything an import creates in the folder. Anything else belongs to someone else and is left alone.
const OURS: [&str; 6] = [LOCK, JOURNAL, "journal-journal", "journal-reserve", "journal-shm", "journal-wal"];

/// How often the folder may go away between looking and locking: each time another import has ended.
const ATTEMPTS: usize = 16;

/// A journal under a temporary name, in a folder of its own beside its place. Dropping it removes all of that.
///
/// It gets to its place by one rename that replaces nothing, so that a crash at any moment leaves no file there, or the
/// whole one. What a crash leaves in the folder is swept by the next import to the same place.
#[derive(Debug)]
pub(super) struct Draft {
    target: PathBuf,
    folder: PathBuf,
    /// Locked until it is dropped, which is the last thing to happen.
    _lock: File,
}

impl Draft {
    /// Starts a draft for a journal that does not exist yet. Returns the folder it removed as well, if an import that was
    /// killed had left one.
    pub(super) fn begin(target: &Path) -> Result<(Self, Option<PathBuf>), HandoverError> {
        let exists = || target.symlink_metadata().is_ok();
        if exists() && with_ending(target, ENDING).symlink_metadata().is_err() {
            return Err(HandoverError::Exists(target.to_owned()));
        }
        let (draft, left) = Self::lock(target)?;
        if exists() {
            return Err(HandoverError::Exists(target.to_owned()));
        }
        for end in ["-wal", "-shm", "-journal"] {
            let beside = with_ending(target, end);
            // SQLite would take it for the log of the new journal.
            if beside.symlink_metadata().is_ok() {
                return Err(HandoverError::Beside { target: target.to_owned(), beside });
            }
        }
        Ok((draft, left))
    }

    fn lock(target: &Path) -> Result<(Self, Option<PathBuf>), HandoverError> {
        let folder = with_ending(target, ENDING);
        for _ in 0..ATTEMPTS {
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(HandoverError::File { path: folder, source: error });
                }
                Ok(()) | Err(_) => {}
            }
            refuse_others(&folder)?;
            let lock = folder.join(LOCK);
            let file = match File::options().create(true).truncate(false).write(true).open(&lock) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(HandoverError::File { path: lock, source }),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(source)) => return Err(HandoverError::File { path: lock, source }),
            }
            if !is_the_same(&file, &lock) {
                continue;
            }
            let entries = fs::read_dir(&folder).map_err(HandoverError::file(&folder))?;
            let left = entries.flatten().any(|entry| entry.file_name() != LOCK);
            let draft = Self { target: target.to_owned(), folder: folder.clone(), _lock: file };
            draft.remove_all_but_the_lock();
            return Ok((draft, left.then_some(folder)));
        }
        Err(HandoverError::UnderWay { target: target.to_owned(), folder })
    }

    /// Where to write the journal.
    pub(super) fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// Moves the journal to its place, once it is closed and on disk. What has appeared there meanwhile stays as it is.
    pub(super) fn publish(self) -> Result<(), HandoverError> {
        let journal = self.journal();
        let file = HandoverError::file;
        File::open(&journal).and_then(|journal| journal.sync_all()).map_err(file(&journal))?;
        let log = self.folder.join("journal-wal");
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            let problem =
                io::Error::other("its last records are still in the log: another program has it open");
            return Err(HandoverError::File { path: journal, source: problem });
        }
        let whole = TempPath::try_from_path(&journal).map_err(file(&journal))?;
        whole.persist_noclobber(&self.target).map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => HandoverError::Exists(self.target.clone()),
            _ => HandoverError::File { path: self.target.clone(), source: failed.error },
        })?;
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_folder(parent.unwrap_or(Path::new(".")))
    }

    fn remove_all_but_the_lock(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            if is_ours(&name) && name != LOCK {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
    }
}

impl Drop for Draft {
    /// What can't be removed is swept by the next import to the same place.
    fn drop(&mut self) {
        self.remove_all_but_the_lock();
        let _ = fs::remove_file(self.folder.join(LOCK));
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Nobody else's folder is written to, and nobody else's file is removed.
fn refuse_others(folder: &Path) -> Result<(), HandoverError> {
    let foreign = |problem: String| HandoverError::Foreign { folder: folder.to_owned(), problem };
    match folder.symlink_metadata() {
        Ok(found) if !found.is_dir() => return Err(foreign("it is not a folder".to_owned())),
        Ok(_) | Err(_) => {}
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(HandoverError::File { path: folder.to_owned(), source }),
    };
    for entry in entries {
        let name = entry.map_err(HandoverError::file(folder))?.file_name();
        if !is_ours(&name) {
            return Err(foreign(format!("no import has made {}", Path::new(&name).display())));
        }
    }
    Ok(())
}

/// Whether an import gives a file such a name. The file of the journal itself is made under one of its own first.
fn is_ours(name: &OsStr) -> bool {
    OURS.iter().any(|ours| name == *ours) || name.to_string_lossy().starts_with("journal-making-")
}

/// Whether the file is still the one at the path: whoever had it locked may have removed it.
fn is_the_same(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (Ok(ours), Ok(theirs)) = (file.metadata(), path.metadata()) else { return false };
        (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
    }
    #[cfg(not(unix))]
    {
        // A file that is open can't be removed.
        let _ = file;
        path.exists()
    }
}

fn sync_folder(folder: &Path) -> Result<(), HandoverError> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(HandoverError::file(folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_appeared_meanwhile_stays_and_nothing_of_the_draft_does() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("relman.db");
        for others in ["another process's journal", ""] {
            let (draft, left) = Draft::begin(&target).unwrap();
            assert_eq!(left, None);
            fs::write(draft.journal(), "ours").unwrap();
            fs::write(&target, others).unwrap();
            fs::write(folder.path().join("relman.db-wal"), "another process's log").unwrap();
            let refused = draft.publish().unwrap_err();
            assert!(matches!(refused, HandoverError::Exists(_)), "{refused}");
            assert_eq!(fs::read_to_string(&target).unwrap(), others);
            assert_eq!(names(folder.path()), ["relman.db", "relman.db-wal"]);
            fs::remove_file(folder.path().join("relman.db-wal")).unwrap();
            assert!(matches!(Draft::begin(&target), Err(HandoverError::Exists(_))));
            assert_eq!(names(folder.path()), ["relman.db"]);
            fs::remove_file(&target).unwrap();
        }
    }

    #[test]
    fn a_draft_appears_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("relman.db");
        let (draft, _) = Draft::begin(&target).unwrap();
        for name in &OURS[1..] {
            fs::write(draft.folder.join(name), if *name == JOURNAL { "whole" } else { "" }).unwrap();
        }
        draft.publish().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["relman.db"]);
    }

    #[test]
    fn what_a_crash_left_is_swept_and_what_is_under_way_or_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("relman.db");
        let importing = folder.path().join("relman.db.importing");
        for left in [&OURS[..1], &OURS[..2], &OURS[..]] {
            fs::create_dir(&importing).unwrap();
            for name in left {
                fs::write(importing.join(name), "half").unwrap();
            }
            let (draft, swept) = Draft::begin(&target).unwrap();
            assert_eq!(swept.is_some(), left.len() > 1);
            assert_eq!(names(&importing), [LOCK]);
            drop(draft);
            assert_eq!(names(folder.path()), [""; 0]);
        }

        let (draft, _) = Draft::begin(&target).unwrap();
        fs::write(draft.journal(), "under way").unwrap();
        let refused = Draft::begin(&target).unwrap_err();
        assert!(matches!(refused, HandoverError::UnderWay { .. }), "{refused}");
        assert_eq!(fs::read_to_string(draft.journal()).unwrap(), "under way");
        drop(draft);

        // It was killed after the journal had got to its place.
        fs::create_dir(&importing).unwrap();
        fs::write(importing.join(LOCK), "").unwrap();
        fs::write(&target, "whole").unwrap();
        assert!(matches!(Draft::begin(&target), Err(HandoverError::Exists(_))));
        assert_eq!(names(folder.path()), ["relman.db"]);
        fs::remove_file(&target).unwrap();

        fs::create_dir(&importing).unwrap();
        fs::write(importing.join("letter.txt"), "mine").unwrap();
        let refused = Draft::begin(&target).unwrap_err();
        assert!(matches!(refused, HandoverError::Foreign { .. }), "{refused}");
        assert_eq!(names(&importing), ["letter.txt"]);
        fs::remove_dir_all(&importing).unwrap();
        fs::write(&importing, "a file").unwrap();
        assert!(matches!(Draft::begin(&target), Err(HandoverError::Foreign { .. })));

        for end in ["-wal", "-shm", "-journal"] {
            let target = folder.path().join("second.db");
            let beside = with_ending(&target, end);
            fs::write(&beside, "of another journal").unwrap();
            assert!(matches!(Draft::begin(&target), Err(HandoverError::Beside { .. })), "{end}");
            fs::remove_file(beside).unwrap();
        }
    }
}
