use std::{collections::BTreeMap, sync::Arc};

use relman_core::{
    chain::{Digest, FormatVersion},
    event::{EffectId, Event, Fact, Record},
    machine::{Action, Command, Input, SessionConfig},
    plan::Plan,
    policy::Policy,
    unit::{ReleaseId, Timestamp},
};
use relman_testkit::{Doubt, SessionRunner, sample};

/// What a machine believes and writes that is not so. Each part is the truth unless it is replaced.
#[derive(Clone, Copy)]
pub(crate) struct Mutant {
    /// The policy that it follows, in place of the one that it records.
    pub(crate) follows: fn(&Policy) -> Policy,
    /// What it takes for what happened.
    pub(crate) hears: fn(Input) -> Input,
    /// What it records of what it has decided on what happened.
    pub(crate) records: fn(&Input, &mut Vec<Fact>),
    /// The hash that a record names as the one before.
    pub(crate) links: fn(&[Record]) -> Digest,
    /// When a record says that it was made, given the clock and the last record.
    pub(crate) dates: fn(Timestamp, Timestamp) -> Timestamp,
}

impl Mutant {
    /// The machine as it is.
    pub(crate) const fn none() -> Self {
        Self {
            follows: Policy::clone,
            hears: |input| input,
            records: |_, _| {},
            links: |records| match records.last() {
                Some(record) => record.digest,
                None => Digest::ZERO,
            },
            dates: |now, last| if now > last { now } else { last },
        }
    }
}

/// A machine and the record that it leaves behind.
pub(crate) struct Machine {
    mutant: Mutant,
    /// What drives the release that it believes in.
    pub(crate) belief: SessionRunner,
    /// What it has recorded.
    pub(crate) records: Vec<Record>,
    /// Where in the record the belief's records are.
    written: BTreeMap<u64, u64>,
}

impl Machine {
    pub(crate) fn new(mutant: Mutant, id: ReleaseId) -> Self {
        let mut belief = SessionRunner::new(id, sample::start(), SessionConfig::default());
        belief.on_doubt(Doubt::Open);
        Self { mutant, belief, records: Vec::new(), written: BTreeMap::new() }
    }

    /// Hears, decides and records, at a time by a clock that may be set back; whether anything was recorded.
    pub(crate) fn tell(&mut self, input: &Input, now: Timestamp) -> bool {
        let heard = self.believed((self.mutant.hears)(input.clone()));
        let (known, before) = (self.belief.records().len(), self.records.len());
        self.belief.advance_to(now);
        // What is refused leaves no record.
        let _ = self.belief.tell(heard);
        let believed = self.belief.records()[known..].to_vec();
        for belief in believed {
            let mut facts = vec![Fact { by: belief.by.clone(), event: belief.event.clone() }];
            self.told_truly(input, &mut facts);
            (self.mutant.records)(input, &mut facts);
            self.written.insert(belief.seq, self.records.len() as u64);
            for fact in facts {
                self.write(fact, now);
            }
        }
        self.records.len() > before
    }

    /// The plan is recorded with the policy that is given, and followed with another.
    fn believed(&self, input: Input) -> Input {
        match input {
            Input::Action(Command { by, action: Action::RecordPlan { plan, policy } }) => {
                let policy = Arc::new((self.mutant.follows)(&policy));
                Input::Action(Command { by, action: Action::RecordPlan { plan, policy } })
            }
            other => other,
        }
    }

    fn told_truly(&self, input: &Input, facts: &mut [Fact]) {
        for fact in facts {
            if let (
                Event::PlanRecorded(recorded),
                Input::Action(Command { action: Action::RecordPlan { policy, .. }, .. }),
            ) = (&mut fact.event, input)
            {
                recorded.policy = policy.clone();
            }
            if let Some(effect) = effect_mut(&mut fact.event) {
                effect.record = self.written[&effect.record];
            }
        }
    }

    fn write(&mut self, fact: Fact, now: Timestamp) {
        let seq = self.records.len() as u64;
        let last = self.records.last().map_or(now, |record| record.at);
        self.records.push(Record {
            version: FormatVersion::CURRENT,
            release: self.belief.release().id().clone(),
            seq,
            prev: (self.mutant.links)(&self.records),
            at: (self.mutant.dates)(now, last),
            clock: None,
            by: fact.by,
            batch: None,
            event: fact.event,
            digest: Digest::of_line(format!("record {seq}").as_bytes()),
        });
    }
}

fn effect_mut(event: &mut Event) -> Option<&mut EffectId> {
    match event {
        Event::Deployed(deployed) => Some(&mut deployed.effect),
        Event::TrafficSet(set) => Some(&mut set.effect),
        Event::EffectFailed(failed) => Some(&mut failed.effect),
        Event::Notified(notified) => Some(&mut notified.effect),
        Event::NotificationAbandoned(abandoned) => Some(&mut abandoned.effect),
        _ => None,
    }
}

/// A plan without its rollback contract.
pub(crate) fn without_contract(plan: &Plan) -> Plan {
    let mut json = serde_json::to_value(plan).unwrap();
    json.as_object_mut().unwrap().remove("contract").unwrap();
    serde_json::from_value(json).unwrap()
}

/// A plan whose contract says nothing of the way back.
pub(crate) fn with_a_way_back(plan: &Plan) -> Plan {
    let mut json = serde_json::to_value(plan).unwrap();
    let contract = json["contract"].as_object_mut().unwrap();
    for key in ["way_back", "reason", "instead"] {
        contract.remove(key);
    }
    serde_json::from_value(json).unwrap()
}

/// The policy with one part of its file replaced.
pub(crate) fn edited(policy: &Policy, edit: impl Fn(&mut serde_json::Value)) -> Policy {
    let mut json = serde_json::to_value(policy).unwrap();
    edit(&mut json);
    serde_json::from_value(json).unwrap()
}
