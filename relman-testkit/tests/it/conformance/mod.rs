//! The suites themselves: the testkit's own adapters pass them, and for each check there is an adapter with one flaw
//! on which it fails.

mod clock;
mod deployer;
mod directory;
mod incidents;
mod journal;
mod leases;
mod metrics;
mod notifier;
mod ours;
mod tracker;
mod user_flows;

use std::{collections::BTreeSet, fmt};

use relman_testkit::conformance::{Port, Report};

/// An adapter with one flaw: the check that finds it, and what else it can't help but break.
pub(crate) struct Exposed {
    pub(crate) flaw: String,
    pub(crate) check: &'static str,
    pub(crate) also: &'static [&'static str],
    pub(crate) report: Report,
}

impl Exposed {
    pub(crate) fn new(flaw: impl fmt::Debug, check: &'static str, report: Report) -> Self {
        Self { flaw: format!("{flaw:?}"), check, also: &[], report }
    }

    pub(crate) fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// Asserts that the sound adapter passes every check, that each flawed one fails its own, and that no check of the
/// catalogue lacks an adapter on which it fails.
pub(crate) fn each_check_can_fail(port: Port, sound: &Report, exposed: &[Exposed]) {
    assert_eq!(
        (sound.passed().count(), sound.checks.len()),
        (port.checks().len(), port.checks().len()),
        "{sound}"
    );
    let mut otherwise = Vec::new();
    for Exposed { flaw, check, also, report } in exposed {
        let failed: BTreeSet<&str> = report.failed().map(|entry| entry.check.as_str()).collect();
        let expected: BTreeSet<&str> = also.iter().copied().chain([*check]).collect();
        if failed != expected {
            otherwise.push(format!("the flaw {flaw} fails {failed:?} and not {expected:?}\n{report}"));
        }
        assert!(report.kept().is_err());
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
    let covered: BTreeSet<&str> = exposed.iter().map(|one| one.check).collect();
    let catalogue: BTreeSet<&str> = port.checks().iter().map(|check| check.name).collect();
    assert_eq!(
        catalogue.difference(&covered).copied().collect::<Vec<_>>(),
        [""; 0],
        "no adapter fails these checks"
    );
}

#[test]
fn every_check_has_a_name_of_its_own_and_a_promise() {
    for port in Port::ALL {
        let names: BTreeSet<&str> = port.checks().iter().map(|check| check.name).collect();
        assert_eq!(names.len(), port.checks().len(), "{port}");
        for check in port.checks() {
            assert_eq!(check.port, port);
            assert!(check.promise.ends_with('.'), "{}: {}", check.name, check.promise);
        }
    }
}
