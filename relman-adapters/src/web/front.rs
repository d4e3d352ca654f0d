use std::sync::Arc;

use relman_core::{
    chain::Head,
    event::Record,
    machine::{Action, Release},
    port::Clock,
    report::Templates,
    unit::{Actor, ReleaseId},
};
use tokio::sync::Semaphore;

use super::{SignedIn, library::Library, shelf::Shelf, sign::FormKey};
use crate::{Releases, SubmitError, conductor::Conductor};

/// What the handlers share.
pub(super) struct Front {
    pub(super) releases: Releases,
    pub(super) conductor: Option<Conductor>,
    pub(super) people: Option<Arc<dyn SignedIn>>,
    pub(super) sign_in: Option<String>,
    pub(super) templates: Templates,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) library: Library,
    pub(super) shelf: Shelf,
    pub(super) key: FormKey,
    pub(super) listeners: Arc<Semaphore>,
}

impl Front {
    /// Carries out a command on whatever state the release is in.
    pub(super) async fn command(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        match &self.conductor {
            Some(conductor) => conductor.command(id, actor, action).await,
            None => self.releases.command(id, actor, action).await,
        }
    }

    /// Carries out a command on the state that somebody saw.
    pub(super) async fn command_at(
        &self,
        id: &ReleaseId,
        seen: Option<Head>,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        match &self.conductor {
            Some(conductor) => conductor.command_at(id, seen, actor, action).await,
            None => self.releases.command_at(id, seen, actor, action).await,
        }
    }
}
