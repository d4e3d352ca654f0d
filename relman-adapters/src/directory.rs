//! A directory of people that is written down in a file.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use relman_core::{
    port::{Directory, PortError},
    unit::{Actor, Role},
};
use serde::Deserialize;

/// Who has which role, as a table that doesn't change while the program runs.
///
/// In a file it is one table of actors with their roles:
///
/// ```toml
/// [people]
/// "user:ana" = ["author", "approver"]
/// "service:ci" = []
/// ```
///
/// An actor with an empty list is known and has no role; an actor without an entry is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StaticDirectory {
    people: BTreeMap<Actor, BTreeSet<Role>>,
}

impl StaticDirectory {
    /// A directory of these people.
    pub fn new(people: BTreeMap<Actor, BTreeSet<Role>>) -> Self {
        Self { people }
    }

    /// The actors that it knows, with their roles.
    pub fn people(&self) -> &BTreeMap<Actor, BTreeSet<Role>> {
        &self.people
    }
}

impl FromIterator<(Actor, BTreeSet<Role>)> for StaticDirectory {
    fn from_iter<I: IntoIterator<Item = (Actor, BTreeSet<Role>)>>(people: I) -> Self {
        Self { people: people.into_iter().collect() }
    }
}

#[async_trait]
impl Directory for StaticDirectory {
    fn name(&self) -> &'static str {
        "static directory"
    }

    /// Never fails: the table is in memory.
    async fn roles(&self, actor: &Actor) -> Result<Option<BTreeSet<Role>>, PortError> {
        Ok(self.people.get(actor).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        people: StaticDirectory,
    }

    fn read(text: &str) -> Result<StaticDirectory, toml::de::Error> {
        toml::from_str::<File>(text).map(|file| file.people)
    }

    #[tokio::test]
    async fn unknown_people_and_people_without_roles_are_told_apart() {
        let directory =
            read("[people]\n\"user:ana\" = [\"author\", \"approver\"]\n\"user:ben\" = []\n").unwrap();
        let roles = async |actor: &str| directory.roles(&actor.parse().unwrap()).await.unwrap();
        let ana: Vec<_> = roles("user:ana").await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(ana, ["approver", "author"]);
        assert_eq!(roles("user:ben").await, Some(BTreeSet::new()));
        assert_eq!(roles("user:cleo").await, None);
    }

    #[test]
    fn a_name_that_is_not_an_actor_is_refused() {
        let error = read("[people]\nana = [\"author\"]\n").unwrap_err().to_string();
        assert!(error.contains("user:ana"), "{error}");
        assert!(read("[people]\n\"user:ana\" = [\"Boss\"]\n").is_err());
    }
}
