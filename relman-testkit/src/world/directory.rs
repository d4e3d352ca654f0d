use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use relman_core::{
    port::{Directory, PortError},
    unit::{Actor, Role},
};

/// A directory that knows the people it was made with, and nobody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixedDirectory(BTreeMap<Actor, BTreeSet<Role>>);

impl FixedDirectory {
    /// The same directory, with one more person who has these roles.
    #[must_use]
    pub fn with(mut self, actor: Actor, roles: impl IntoIterator<Item = Role>) -> Self {
        self.0.insert(actor, roles.into_iter().collect());
        self
    }

    /// Someone's roles; `None` for a stranger.
    pub fn roles_of(&self, actor: &Actor) -> Option<BTreeSet<Role>> {
        self.0.get(actor).cloned()
    }

    /// Everybody, in the order of their names.
    pub fn people(&self) -> impl Iterator<Item = (&Actor, &BTreeSet<Role>)> {
        self.0.iter()
    }
}

#[async_trait]
impl Directory for FixedDirectory {
    fn name(&self) -> &'static str {
        "fixed"
    }

    async fn roles(&self, actor: &Actor) -> Result<Option<BTreeSet<Role>>, PortError> {
        Ok(self.roles_of(actor))
    }
}
