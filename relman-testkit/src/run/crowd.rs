use std::{collections::BTreeMap, sync::Arc};

use relman_core::{
    machine::{Action, Principal, Release},
    unit::{Span, Timestamp},
};

use crate::{
    Duty, People, Team,
    world::{
        fault::{Fault, PersonFate, Schedule},
        team::Diligence,
    },
};

/// People with what a schedule says of them: late, twice, or after somebody who may not.
///
/// For drivers of one's own; [`Simulation`](crate::Simulation) has one inside.
#[derive(Debug, Clone)]
pub struct Crowd<P> {
    people: P,
    faults: Arc<Schedule>,
    /// Since when each duty that is done late is to be done.
    waiting: BTreeMap<Duty, Timestamp>,
}

impl<P: People> Crowd<P> {
    /// These people, under this schedule.
    pub fn new(people: P, faults: Arc<Schedule>) -> Self {
        Self { people, faults, waiting: BTreeMap::new() }
    }

    pub(super) fn diligence(&self) -> Diligence {
        self.people.diligence()
    }

    /// What people do now. `seen` is what their clocks show, `now` what the platform's does.
    pub fn act(&mut self, release: &Release, seen: Timestamp, now: Timestamp) -> Vec<(Principal, Action)> {
        let wanted = self.people.act(release, seen);
        let duties: Vec<Duty> = wanted.iter().filter_map(|(_, action)| Duty::of(action)).collect();
        self.waiting.retain(|duty, _| duties.contains(duty));
        let mut acts = Vec::new();
        for (by, action) in wanted {
            let Some(duty) = Duty::of(&action) else {
                acts.push((by, action));
                continue;
            };
            let late = self.late(duty);
            if late > Span::ZERO && now < *self.waiting.entry(duty).or_insert(now) + late {
                continue;
            }
            let mut times = 1;
            for fate in fates(&self.faults, duty) {
                match fate {
                    PersonFate::Late(_) => {}
                    PersonFate::Twice => times = 2,
                    PersonFate::WrongRole(actor) => {
                        let roles = Team::new().directory().roles_of(actor);
                        acts.push((Principal { actor: actor.clone(), roles }, action.clone()));
                    }
                }
            }
            acts.extend(std::iter::repeat_n((by, action), times));
        }
        acts
    }

    /// When somebody who is late acts, if nothing happens before.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.iter().map(|(duty, since)| *since + self.late(*duty)).min()
    }

    fn late(&self, duty: Duty) -> Span {
        let late = fates(&self.faults, duty).map(|fate| match fate {
            PersonFate::Late(by) => *by,
            PersonFate::Twice | PersonFate::WrongRole(_) => Span::ZERO,
        });
        late.max().unwrap_or(Span::ZERO)
    }
}

impl<P> Crowd<P> {
    pub(super) fn waiting(&self) -> &BTreeMap<Duty, Timestamp> {
        &self.waiting
    }
}

fn fates(faults: &Schedule, wanted: Duty) -> impl Iterator<Item = &PersonFate> {
    faults.faults.iter().filter_map(move |fault| match fault {
        Fault::Person { duty, fate } if *duty == wanted => Some(fate),
        _ => None,
    })
}
