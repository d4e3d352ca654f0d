//! The table of actions and the rules say the same, in every state that a golden journal goes through.
#![allow(clippy::disallowed_methods, reason = "a test may, and it reads its files")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use relman_core::{
    machine::{ActionName, Principal, Refusal, Release},
    policy::Permission,
    unit::Role,
};

/// Someone with every role of the release's policy who has not acted on it, and its author with them.
fn people(release: &Release) -> Vec<Principal> {
    let allowing = |permission| release.policy().unwrap().roles().allowing(permission);
    let roles: BTreeSet<Role> = Permission::ALL.into_iter().flat_map(allowing).collect();
    let actors = ["user:zoe", "service:ci", "user:ana"].map(|actor| actor.parse().unwrap());
    actors.into_iter().map(|actor| Principal { actor, roles: Some(roles.clone()) }).collect()
}

#[test]
fn an_action_is_possible_in_the_phases_of_the_table_and_in_no_other() {
    let mut possible = BTreeSet::new();
    for entry in fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v2")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let stored = fs::read(&path).unwrap();
        let mut release = Release::new("checkout-241".parse().unwrap());
        for line in stored.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            release.read(line).unwrap();
            for by in people(&release) {
                for (action, answer) in release.available(&by, release.last_at()) {
                    let (rules, phase) = (action.rules(), release.phase().name());
                    match answer {
                        Ok(()) => {
                            assert!(
                                rules.phases.contains(&phase),
                                "{action} is possible while it is {phase}"
                            );
                            possible.insert(action);
                        }
                        // Each gate has phases of its own, in which it can be overridden.
                        Err(Refusal::WrongPhase { .. }) if action == ActionName::Override => {}
                        Err(Refusal::WrongPhase { possible, .. }) => {
                            assert!(!rules.phases.contains(&phase), "{action}, {phase}: {possible}");
                        }
                        Err(_) => {}
                    }
                }
            }
        }
    }
    let never: Vec<ActionName> =
        ActionName::ALL.into_iter().filter(|action| !possible.contains(action)).collect();
    // There is a record of a release only where its plan is recorded.
    assert_eq!(never, [ActionName::RecordPlan]);
}

#[test]
fn whom_the_directory_does_not_know_may_do_nothing() {
    let stranger = Principal { actor: "user:mallory".parse().unwrap(), roles: None };
    let stored =
        fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v2/clean.jsonl")).unwrap();
    let mut release = Release::new("checkout-241".parse().unwrap());
    for line in stored.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        release.read(line).unwrap();
        for (action, answer) in release.available(&stranger, release.last_at()) {
            assert!(answer.is_err(), "{action} while it is {}", release.phase().name());
        }
    }
}

#[test]
fn actions_are_found_by_their_names() {
    let names: BTreeSet<&str> = ActionName::ALL.iter().map(|action| action.rules().name).collect();
    assert_eq!(names.len(), ActionName::ALL.len());
    for action in ActionName::ALL {
        assert_eq!(ActionName::by_name(action.rules().name), Some(action));
    }
    assert_eq!(ActionName::by_name("delete"), None);
}

#[test]
fn a_permission_is_called_as_policies_write_it() {
    for permission in Permission::ALL {
        assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
    }
}
