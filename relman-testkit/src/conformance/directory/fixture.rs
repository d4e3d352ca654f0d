#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use std::collections::BTreeSet;

use async_trait::async_trait;
use relman_core::{
    port::Directory,
    unit::{Actor, Role},
};

use crate::conformance::{Able, Unable};

/// A directory to be checked, and somebody whom it knows.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait DirectoryFixture: Send + Sync {
    /// The directory.
    fn directory(&self) -> &dyn Directory;

    /// Somebody with at least one role, and all of their roles. Nobody else has their name.
    fn known(&self) -> (Actor, BTreeSet<Role>);

    /// The secrets that the directory was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Somebody whom the directory knows, and who has no roles.
    fn without_roles(&self) -> Able<Actor> {
        Err(Unable::unmentioned("name somebody without roles"))
    }

    /// Gives somebody whom the directory knows one more role, past the adapter.
    async fn promote(&self, actor: &Actor, role: &Role) -> Able<()> {
        let _ = (actor, role);
        Err(Unable::unmentioned("give somebody a role"))
    }

    /// Cuts the adapter off: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the adapter off"))
    }
}
