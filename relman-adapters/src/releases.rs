//! Releases in a journal: load one, and tell it something.

use std::sync::Arc;

use relman_core::{
    chain::{Head, SealedLine},
    event::{Record, RecordError, SealError},
    machine::{Action, Command, Input, Principal, Refusal, Release, ReplayError, decide},
    port::{AppendError, Clock, Directory, Journal, JournalExt, PortError},
    unit::{Actor, ReleaseId},
};
use thiserror::Error;

/// How often an input is decided anew because somebody else appended first. Each time somebody got through, so this
/// many in a row for one input means that something is wrong.
const CONFLICTS: u32 = 32;

/// The releases of a journal, for everyone who changes them: the conductor and people's commands alike.
///
/// Every change is decided on the state that the journal holds, and recorded before it has any effect. Two processes
/// may work on one journal: the one that appends second decides anew.
#[derive(Clone)]
pub struct Releases {
    journal: Arc<dyn Journal>,
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
}

/// Why a release can't be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] PortError),
    /// What it holds is not the record of a release.
    #[error("the record can't be trusted, and the release is not driven")]
    Replay(#[from] ReplayError),
}

/// Why an input was not recorded. Nothing was changed, except where [`AppendError::Port`] says that this is not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The command is not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The release can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The directory can't be asked who somebody is.
    #[error(transparent)]
    Directory(PortError),
    /// What was decided can't be written as a record.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The journal did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Somebody decided on a state of the release that is not its last one.
    #[error(
        "{release} has changed since that was shown: it was at {}, and is at {}; look at it again and decide anew",
        shown(*.seen), shown(*.now)
    )]
    Stale {
        /// The release.
        release: ReleaseId,
        /// The head that somebody saw.
        seen: Option<Head>,
        /// The head that it has.
        now: Option<Head>,
    },
    /// Others kept appending first.
    #[error("failed to record a change of {0}: others appended first {CONFLICTS} times in a row")]
    Crowded(ReleaseId),
}

impl Releases {
    /// The releases of a journal, changed by people whom the directory knows.
    pub fn new(journal: Arc<dyn Journal>, directory: Arc<dyn Directory>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, directory, clock }
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Loads a release: reads its stream, checks the chain and folds it. A stream that does not exist gives a
    /// release without a plan.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the journal can't be read or its record is broken.
    pub async fn load(&self, id: &ReleaseId) -> Result<Release, LoadError> {
        let mut release = Release::new(id.clone());
        self.refresh(&mut release).await?;
        Ok(release)
    }

    /// Folds what others have appended since; returns the new records.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the journal can't be read or its record is broken.
    pub async fn refresh(&self, release: &mut Release) -> Result<Vec<Record>, LoadError> {
        let from = release.head().map_or(0, |head| head.seq + 1);
        let lines = self.journal.read_to_end(release.id(), from).await?;
        let mut records = Vec::with_capacity(lines.len());
        for line in lines {
            records.push(fold_line(release, &line)?);
        }
        Ok(records)
    }

    /// Decides an input, records what follows and folds it into `release`. Returns the records that are new to it,
    /// those of others included.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]. After [`AppendError::Port`] `release` is what it was, and has to be loaded anew before it
    /// is used again.
    pub async fn submit(&self, release: &mut Release, input: &Input) -> Result<Vec<Record>, SubmitError> {
        let mut records = Vec::new();
        for _ in 0..CONFLICTS {
            let now = self.clock.now();
            let facts = decide(release, input, now)?;
            if facts.is_empty() {
                return Ok(records);
            }
            let lines = release.seal(&facts, now)?;
            match self.journal.append(release.id(), release.head(), &lines).await {
                Ok(_) => {
                    for line in lines.iter().map(SealedLine::bytes) {
                        records.push(fold_line(release, line)?);
                    }
                    return Ok(records);
                }
                Err(AppendError::Conflict { .. }) => records.extend(self.refresh(release).await?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(SubmitError::Crowded(release.id().clone()))
    }

    /// Carries out somebody's command on a release, and returns the release afterwards with the new records.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; a command that is not allowed is [`SubmitError::Refused`], and changes nothing.
    pub async fn command(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        let mut release = self.load(id).await?;
        let input = self.authorised(actor, action).await?;
        let records = self.submit(&mut release, &input).await?;
        Ok((release, records))
    }

    /// Carries out somebody's command on exactly the state that they saw: where the release has another head than
    /// `seen`, nothing is changed, however small the difference.
    ///
    /// For decisions that somebody makes on a page: what the page did not show can't be approved by it. What goes back
    /// is better given to [`command`](Self::command): a rollback does not wait until a page is current.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Stale`] where the head is not the one that was seen, and the other variants as they are for
    /// [`command`](Self::command).
    pub async fn command_at(
        &self,
        id: &ReleaseId,
        seen: Option<Head>,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        let mut release = self.load(id).await?;
        let stale = |now| SubmitError::Stale { release: id.clone(), seen, now };
        if release.head() != seen {
            return Err(stale(release.head()));
        }
        let input = self.authorised(actor, action).await?;
        let now = self.clock.now();
        let facts = decide(&release, &input, now)?;
        let lines = release.seal(&facts, now)?;
        match self.journal.append(id, seen, &lines).await {
            Ok(_) => {}
            Err(AppendError::Conflict { actual, .. }) => return Err(stale(actual)),
            Err(error) => return Err(error.into()),
        }
        let mut records = Vec::with_capacity(lines.len());
        for line in lines.iter().map(SealedLine::bytes) {
            records.push(fold_line(&mut release, line)?);
        }
        Ok((release, records))
    }

    /// A command with the roles that the directory gives the actor now.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Directory`] where it can't be asked.
    pub async fn authorised(&self, actor: &Actor, action: Action) -> Result<Input, SubmitError> {
        let roles = self.directory.roles(actor).await.map_err(SubmitError::Directory)?;
        let by = Principal { actor: actor.clone(), roles };
        Ok(Input::Command(Command { by, action }))
    }
}

/// A head in words.
fn shown(head: Option<Head>) -> String {
    match head {
        Some(head) => format!("record {} ({})", head.seq, head.digest),
        None => "no record".to_owned(),
    }
}

/// Folds a stored line. What was just written goes the same way as what was read, so that replay equals live.
fn fold_line(release: &mut Release, line: &[u8]) -> Result<Record, LoadError> {
    let record = Record::read(line).map_err(|error: RecordError| LoadError::Replay(error.into()))?;
    release.apply(&record)?;
    Ok(record)
}
