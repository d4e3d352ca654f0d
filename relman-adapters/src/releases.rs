//! Releases in a journal: load one, and tell it something.

use std::sync::Arc;

use relman_core::{
    chain::Head,
    event::Record,
    machine::{
        Action, ActionName, Batch, Command, PhaseName, Principal, Refusal, Release, ReplayError, Session,
    },
    port::{AppendError, Clock, Directory, Journal, JournalExt, PortError, PortErrorKind},
    target::{TargetError, Targets},
    unit::{Actor, ReleaseId},
};
use thiserror::Error;

/// How often a command is decided anew because others appended first. Each time one of them got through, so this many in a
/// row for one command mean that something is wrong.
pub(crate) const CONFLICTS: u32 = 32;

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
    /// The target does not give the release back its traffic, or can't be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The release can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The directory can't be asked who somebody is.
    #[error(transparent)]
    Directory(PortError),
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
    /// The process that drives the release has stopped before it was recorded.
    #[error("failed to record a change of {0}: whoever drives it has stopped; try again")]
    Stopped(ReleaseId),
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
        /// As many records as are held at once, a few hundred kilobytes: a release may have a hundred thousand.
        const PAGE: usize = 512;
        let mut release = Release::new(id.clone());
        loop {
            let from = release.head().map_or(0, |head| head.seq + 1);
            let lines = self.journal.read(&id.into(), from, PAGE).await?;
            for line in &lines {
                release.apply(&Record::read(line).map_err(ReplayError::from)?)?;
            }
            if lines.len() < PAGE {
                break;
            }
        }
        release.check_whole()?;
        Ok(release)
    }

    /// Folds what others have appended since; returns the new records.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where the journal can't be read or its record is broken.
    pub async fn refresh(&self, release: &mut Release) -> Result<Vec<Record>, LoadError> {
        let from = release.head().map_or(0, |head| head.seq + 1);
        let lines = self.journal.read_to_end(&release.id().into(), from).await?;
        let mut records = Vec::with_capacity(lines.len());
        for line in lines {
            records.push(release.read(&line)?);
        }
        release.check_whole()?;
        Ok(records)
    }

    /// Carries out a person's or a service's command on a release that nobody drives here, and returns the release
    /// afterwards with the records that are new. What follows from it is left to whoever drives the release.
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
        self.claim_back(id, actor, &action).await?;
        let by = self.principal(actor).await?;
        self.carry_out(id, &Command { by, action }).await
    }

    pub(crate) async fn carry_out(
        &self,
        id: &ReleaseId,
        command: &Command,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        for _ in 0..CONFLICTS {
            if let Some(done) = self.record(self.load(id).await?, command).await? {
                return Ok(done);
            }
        }
        Err(SubmitError::Crowded(id.clone()))
    }

    /// Carries out a command on exactly the state that was seen: where the release has another head than `seen`,
    /// nothing is changed, however small the difference.
    ///
    /// For decisions that people make on a page: what the page did not show can't be approved by it. What goes back
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
        self.claim_back(id, actor, &action).await?;
        let by = self.principal(actor).await?;
        self.carry_out_at(id, seen, &Command { by, action }).await
    }

    pub(crate) async fn carry_out_at(
        &self,
        id: &ReleaseId,
        seen: Option<Head>,
        command: &Command,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        let release = self.load(id).await?;
        let stale = |now| SubmitError::Stale { release: id.clone(), seen, now };
        if release.head() != seen {
            return Err(stale(release.head()));
        }
        match self.record(release, command).await? {
            Some(done) => Ok(done),
            None => Err(stale(self.journal.head(&id.into()).await.map_err(LoadError::Journal)?)),
        }
    }

    /// Before a release is rolled back that was promoted, gives it its target back: nobody else moves the traffic then. Nothing
    /// for any other command. Where the rollback is not recorded after that, giving it again does both.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Target`] where users have another version by now, or another release holds the target, and
    /// [`SubmitError::Refused`] where the rollback would be.
    pub(crate) async fn claim_back(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: &Action,
    ) -> Result<(), SubmitError> {
        if !matches!(action, Action::RollBack { .. }) {
            return Ok(());
        }
        let release = self.load(id).await?;
        let Some((plan, admission)) = release.plan().zip(release.admission()) else { return Ok(()) };
        if release.phase().name() != PhaseName::Completed {
            return Ok(());
        }
        let (by, now) = (self.principal(actor).await?, self.clock.now());
        release.may(ActionName::RollBack, &by, now)?;
        let versions = (&plan.scope().artifact.version, &plan.scope().replaces);
        let targets = Targets::new(&*self.journal, now);
        targets.claim_back(&admission.target, (id, actor), versions, release.head()).await?;
        Ok(())
    }

    /// Decides a command on a release as it was just loaded, and appends what follows. None where others appended first.
    async fn record(
        &self,
        release: Release,
        command: &Command,
    ) -> Result<Option<(Release, Vec<Record>)>, SubmitError> {
        let id = release.id().clone();
        let (batch, release, records) = Session::record(release, command, self.clock.now())?;
        let Some(batch) = batch else { return Ok(Some((release, records))) };
        match append(&*self.journal, &id, &batch).await {
            Ok(_) => Ok(Some((release, records))),
            Err(AppendError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// An actor with the roles that the directory gives them now.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Directory`] where it can't be asked.
    pub async fn principal(&self, actor: &Actor) -> Result<Principal, SubmitError> {
        let roles = self.directory.roles(actor).await.map_err(SubmitError::Directory)?;
        Ok(Principal { actor: actor.clone(), roles })
    }
}

/// Appends a batch. One that takes users back may use what the journal keeps in reserve for a full disk.
pub(crate) async fn append(
    journal: &dyn Journal,
    release: &ReleaseId,
    batch: &Batch,
) -> Result<Option<Head>, AppendError> {
    let stream = release.into();
    let result = journal.append(&stream, batch.expected, &batch.lines, &batch.index).await;
    match result {
        Err(AppendError::Port(error))
            if batch.urgent && error.kind() == PortErrorKind::Full && journal.free_reserve().await =>
        {
            journal.append(&stream, batch.expected, &batch.lines, &batch.index).await
        }
        result => result,
    }
}

/// A head in words.
fn shown(head: Option<Head>) -> String {
    match head {
        Some(head) => format!("record {} ({})", head.seq, head.digest),
        None => "no record".to_owned(),
    }
}
