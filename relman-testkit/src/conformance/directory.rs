//! The suite of [`Directory`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use std::collections::BTreeSet;

use async_trait::async_trait;
use relman_core::{
    port::Directory,
    unit::{Actor, Role},
};

use crate::conformance::{Able, Unable};

/// A directory to be checked, and someone whom it knows.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait DirectoryFixture: Send + Sync {
    /// The directory.
    fn directory(&self) -> &dyn Directory;

    /// Someone with at least one role, and all of their roles. Nobody else has their name.
    fn known(&self) -> (Actor, BTreeSet<Role>);

    /// The secrets that the directory was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Someone whom the directory knows, and who has no roles.
    fn without_roles(&self) -> Able<Actor> {
        Err(Unable::unmentioned("name someone without roles"))
    }

    /// Gives someone whom the directory knows one more role, past the adapter.
    async fn promote(&self, actor: &Actor, role: &Role) -> Able<()> {
        let _ = (actor, role);
        Err(Unable::unmentioned("give someone a role"))
    }

    /// Cuts the adapter off: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the adapter off"))
    }
}

crate::__checks_of_directory! { __conformance_suite (Directory, DirectoryFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_directory {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            a_known_actor_has_their_roles: "The roles of an actor.",
            a_stranger_is_unknown: "An actor that the directory does not know has no answer, and no roles.",
            a_namesake_of_another_kind_is_a_stranger: "An actor is a kind and a name: a service is not the person of its name.",
            an_actor_without_roles_is_known: "An actor without roles is known all the same.",
            the_roles_are_those_of_now: "Which roles an actor has now.",
            what_can_not_be_asked_is_an_error: "An error where the directory can't be asked: nobody is given a role then.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`directory`](mod@crate::conformance::directory) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::directory! {
///     #[tokio::test]
///     mod people { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __directory_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_directory! {
            __conformance_tests (directory [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::DirectoryFixture;
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};
    use relman_core::unit::{Actor, ActorKind, Role};
    use std::collections::BTreeSet;

    pub(super) fn adapter(fixture: &dyn DirectoryFixture) -> String {
        fixture.directory().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn DirectoryFixture) -> Met {
        named(fixture.directory().name())
    }

    pub(super) async fn a_known_actor_has_their_roles(fixture: &dyn DirectoryFixture) -> Met {
        let (actor, roles) = fixture.known();
        let answered = ask(fixture, &actor).await?;
        ensure!(
            answered.as_ref() == Some(&roles),
            "{actor} has {roles:?}, and the directory says {answered:?}"
        );
        Ok(())
    }

    pub(super) async fn a_stranger_is_unknown(fixture: &dyn DirectoryFixture) -> Met {
        let stranger: Actor = "user:nobody-of-that-name".parse().expect("a constant name");
        let answered = ask(fixture, &stranger).await?;
        ensure!(answered.is_none(), "nobody is {stranger}, and the directory says {answered:?}");
        Ok(())
    }

    pub(super) async fn a_namesake_of_another_kind_is_a_stranger(fixture: &dyn DirectoryFixture) -> Met {
        let (actor, _) = fixture.known();
        let kind = match actor.kind() {
            ActorKind::User | ActorKind::System => "service",
            ActorKind::Service => "user",
        };
        let namesake: Actor =
            format!("{kind}:{}", actor.name()).parse().expect("a name that one kind may have suits another");
        let answered = ask(fixture, &namesake).await?;
        ensure!(answered.is_none(), "{namesake} is not {actor}, and the directory says {answered:?}");
        Ok(())
    }

    pub(super) async fn an_actor_without_roles_is_known(fixture: &dyn DirectoryFixture) -> Met {
        let actor = fixture.without_roles()?;
        let answered = ask(fixture, &actor).await?;
        ensure!(
            answered.as_ref().is_some_and(BTreeSet::is_empty),
            "{actor} is known without roles, and the directory says {answered:?}"
        );
        Ok(())
    }

    pub(super) async fn the_roles_are_those_of_now(fixture: &dyn DirectoryFixture) -> Met {
        let (actor, _) = fixture.known();
        let role: Role = "lately-promoted".parse().expect("a constant name");
        ask(fixture, &actor).await?;
        fixture.promote(&actor, &role).await?;
        let answered = ask(fixture, &actor).await?;
        ensure!(
            answered.as_ref().is_some_and(|roles| roles.contains(&role)),
            "{actor} was given the role {role}, and the directory says {answered:?}"
        );
        Ok(())
    }

    pub(super) async fn what_can_not_be_asked_is_an_error(fixture: &dyn DirectoryFixture) -> Met {
        let (actor, _) = fixture.known();
        fixture.cut_off().await?;
        fails("asking a directory that can't be reached", fixture.directory().roles(&actor).await)?;
        Ok(())
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn DirectoryFixture) -> Met {
        let secrets = fixture.secrets()?;
        let (actor, _) = fixture.known();
        fixture.cut_off().await?;
        match fixture.directory().roles(&actor).await {
            Ok(_) => Ok(()),
            Err(error) => discreet(&error, &secrets),
        }
    }

    async fn ask(fixture: &dyn DirectoryFixture, actor: &Actor) -> Result<Option<BTreeSet<Role>>, Unmet> {
        works(format_args!("asking for the roles of {actor}"), fixture.directory().roles(actor).await)
    }
}
