use std::collections::BTreeSet;

use async_trait::async_trait;

use super::PortError;
use crate::unit::{Actor, Role};

/// Who people are: which roles an actor has now.
///
/// The roles are recorded with the act, so that the record still says years later why somebody was allowed to.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// The roles of an actor; `None` for an actor that the directory does not know.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the directory can't be asked. Nobody is given a role then.
    async fn roles(&self, actor: &Actor) -> Result<Option<BTreeSet<Role>>, PortError>;
}
