use std::collections::BTreeSet;

use relman_core::unit::{Actor, ActorKind, Role};

use super::DirectoryFixture;
use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};

pub(super) fn adapter(fixture: &dyn DirectoryFixture) -> String {
    fixture.directory().name().to_owned()
}

pub(super) async fn has_a_name(fixture: &dyn DirectoryFixture) -> Met {
    named(fixture.directory().name())
}

pub(super) async fn a_known_actor_has_their_roles(fixture: &dyn DirectoryFixture) -> Met {
    let (actor, roles) = fixture.known();
    let told = ask(fixture, &actor).await?;
    ensure!(told.as_ref() == Some(&roles), "{actor} has {roles:?}, and the directory says {told:?}");
    Ok(())
}

pub(super) async fn a_stranger_is_unknown(fixture: &dyn DirectoryFixture) -> Met {
    let stranger: Actor = "user:nobody-of-that-name".parse().expect("a constant name");
    let told = ask(fixture, &stranger).await?;
    ensure!(told.is_none(), "nobody is {stranger}, and the directory says {told:?}");
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
    let told = ask(fixture, &namesake).await?;
    ensure!(told.is_none(), "{namesake} is not {actor}, and the directory says {told:?}");
    Ok(())
}

pub(super) async fn somebody_without_roles_is_known(fixture: &dyn DirectoryFixture) -> Met {
    let actor = fixture.without_roles()?;
    let told = ask(fixture, &actor).await?;
    ensure!(
        told.as_ref().is_some_and(BTreeSet::is_empty),
        "{actor} is known without roles, and the directory says {told:?}"
    );
    Ok(())
}

pub(super) async fn the_roles_are_those_of_now(fixture: &dyn DirectoryFixture) -> Met {
    let (actor, _) = fixture.known();
    let role: Role = "lately-promoted".parse().expect("a constant name");
    ask(fixture, &actor).await?;
    fixture.promote(&actor, &role).await?;
    let told = ask(fixture, &actor).await?;
    ensure!(
        told.as_ref().is_some_and(|roles| roles.contains(&role)),
        "{actor} was given the role {role}, and the directory says {told:?}"
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
