use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use relman_core::{
    port::{Directory, PortError, PortErrorKind},
    unit::{Actor, Role},
};
use relman_testkit::conformance::{
    Able, Port, Report,
    directory::{DirectoryFixture, suite},
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// What is wrong with a directory. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    FirstRoleOnly,
    StrangersAreGuests,
    NamesOnly,
    RolesMakePeople,
    Remembers,
    SilenceIsNobody,
    Tells,
}

type People = BTreeMap<String, BTreeSet<Role>>;

/// The sound directory, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    people: Mutex<People>,
    remembered: Mutex<People>,
    cut_off: AtomicBool,
}

fn roles(names: &[&str]) -> BTreeSet<Role> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let people = [("user:ana", roles(&["approver", "author"])), ("service:ci", roles(&[]))];
        let people = people.map(|(name, roles)| (name.to_owned(), roles)).into();
        Self { flaw, people: Mutex::new(people), remembered: Mutex::default(), cut_off: false.into() }
    }
}

#[async_trait]
impl Directory for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    async fn roles(&self, actor: &Actor) -> Result<Option<BTreeSet<Role>>, PortError> {
        if self.cut_off.load(Ordering::Relaxed) {
            let detail =
                if self.flaw == Flaw::Tells { format!("bind as {TOKEN}") } else { "no answer".to_owned() };
            return match self.flaw {
                Flaw::SilenceIsNobody => Ok(None),
                _ => Err(PortError::new("flawed", "look up", PortErrorKind::Unavailable, detail)),
            };
        }
        let people = self.people.lock().unwrap();
        let known = match self.flaw {
            Flaw::NamesOnly => {
                let same = people.iter().find(|(known, _)| known.ends_with(&format!(":{}", actor.name())));
                same.map(|(_, roles)| roles.clone())
            }
            _ => people.get(&actor.to_string()).cloned(),
        };
        Ok(match (self.flaw, known) {
            (Flaw::FirstRoleOnly, known) => known.map(|roles| roles.into_iter().take(1).collect()),
            // A group that exists for everybody.
            (Flaw::StrangersAreGuests, None) if actor.is_person() => Some(roles(&["guest"])),
            (Flaw::RolesMakePeople, Some(roles)) if roles.is_empty() => None,
            (Flaw::Remembers, Some(roles)) => {
                let mut remembered = self.remembered.lock().unwrap();
                Some(remembered.entry(actor.to_string()).or_insert(roles).clone())
            }
            (_, known) => known,
        })
    }
}

#[async_trait]
impl DirectoryFixture for Flawed {
    fn directory(&self) -> &dyn Directory {
        self
    }

    fn known(&self) -> (Actor, BTreeSet<Role>) {
        ("user:ana".parse().unwrap(), roles(&["approver", "author"]))
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    fn without_roles(&self) -> Able<Actor> {
        Ok("service:ci".parse().unwrap())
    }

    async fn promote(&self, actor: &Actor, role: &Role) -> Able<()> {
        let mut people = self.people.lock().unwrap();
        people.get_mut(&actor.to_string()).unwrap().insert(role.clone());
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        self.cut_off.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed::new(flaw)).await
}

#[tokio::test]
async fn each_check_of_a_directory_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("a_known_actor_has_their_roles", Flaw::FirstRoleOnly, &["the_roles_are_those_of_now"]),
        ("a_stranger_is_unknown", Flaw::StrangersAreGuests, &[]),
        ("a_namesake_of_another_kind_is_a_stranger", Flaw::NamesOnly, &[]),
        ("an_actor_without_roles_is_known", Flaw::RolesMakePeople, &[]),
        ("the_roles_are_those_of_now", Flaw::Remembers, &[]),
        ("what_can_not_be_asked_is_an_error", Flaw::SilenceIsNobody, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Directory, &report(Flaw::None).await, &exposed);
}
