//! The law of errors: each has its cause as its source, and none repeats it. What people read is put together once, by
//! [`with_causes`].

use std::{error::Error, io};

use relman_core::{
    chain::{Digest, Envelope, FormatVersion, verify_lines},
    event::{Record, SealError, UnknownKind},
    judge::{
        ClassicHistogram,
        evidence::Shares,
        familiar::{ArgoAnalysis, ArgoLimits},
        kayenta::p_value,
    },
    machine::{Action, Command, NotDerived, Release, Session},
    plan::{Criterion, Plan, RollbackContract},
    policy::Policy,
    port::{AppendError, PortError, PortErrorKind, with_causes},
    unit::{ReleaseId, Timestamp},
};
use serde_json::value::RawValue;

use crate::fixture::{Driven, PLAN, policy_text, principal, with};

/// A line of a stream, with one part of it replaced.
fn line(from: &str, to: &str) -> Vec<u8> {
    let data = RawValue::from_string("{}".to_owned()).unwrap();
    let whole = envelope(&data).seal().unwrap();
    let text = String::from_utf8(whole.bytes().to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

fn envelope(data: &RawValue) -> Envelope<'_> {
    Envelope {
        version: FormatVersion::CURRENT,
        stream: "release:checkout-241".parse().unwrap(),
        seq: 0,
        prev: Digest::ZERO,
        at: "2026-11-22T18:04:05.000Z".parse().unwrap(),
        clock: None,
        by: "user:ana".parse().unwrap(),
        batch: None,
        kind: "plan_recorded".into(),
        data: data.into(),
    }
}

fn sealed_too_long() -> relman_core::chain::SealError {
    let long = RawValue::from_string(format!("{{\"text\":\"{}\"}}", "a".repeat(70_000))).unwrap();
    envelope(&long).seal().unwrap_err()
}

/// What is wrong with a policy for a plan.
fn refusal() -> relman_core::machine::Refusal {
    let plan = Plan::from_toml(&with(PLAN, "\n[scope]", "track = \"nowhere\"\n[scope]")).unwrap();
    let policy = Policy::from_toml(&policy_text()).unwrap();
    let release = Release::new(plan.release().clone());
    let action = Action::RecordPlan { plan: plan.into(), policy: policy.into() };
    let command = Command { by: principal("user:ana"), action };
    Session::record(release, &command, Timestamp::from_millis(0)).map(|_| ()).unwrap_err()
}

/// One of every public error and of every cause that one can have, with what people read of it.
fn errors() -> Vec<(Box<dyn Error>, &'static str)> {
    let id: ReleaseId = "checkout-241".parse().unwrap();
    let junk = || line("\"seq\":0", "\"seq\":0,\"seq\":1");
    let replayed = || Release::replay(id.clone(), [junk().as_slice()]).unwrap_err();
    let policy_error = |from: &str, to: &str| {
        Policy::from_toml(&Policy::SHIPPED_TOML.replacen(from, to, 1)).map(|_| ()).unwrap_err()
    };
    let unavailable = || {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        PortError::new("haproxy", "set traffic", PortErrorKind::Unavailable, "no connection")
            .with_source(refused)
    };
    vec![
        (Box::new("No id".parse::<ReleaseId>().unwrap_err()), "\"No id\" is not "),
        (
            Box::new("error_rate".parse::<Criterion>().unwrap_err()),
            "\"error_rate\" is not a criterion, column ",
        ),
        (
            Box::new(Plan::from_toml("release = 7").unwrap_err()),
            "failed to read the plan: TOML parse error at line 1",
        ),
        (Box::new(Plan::builder(id.clone()).build().unwrap_err()), "the plan has no title"),
        (
            Box::new(RollbackContract::new(Vec::new()).unwrap_err()),
            "the rollback contract has no numeric threshold",
        ),
        (Box::new(policy_error("name = ", "nmae = ")), "failed to read the policy: TOML parse error at line"),
        (
            Box::new(policy_error("share = \"1%\"", "share = \"6%\"")),
            "failed to read the policy: track standard: its first step is 6%",
        ),
        (Box::new(Envelope::read(&junk()).unwrap_err()), "the line is not strict JSON: "),
        (
            Box::new(Envelope::read(&line("\"seq\":0", "\"seq\":\"0\"")).unwrap_err()),
            "the line is not a record: invalid type: string \"0\", expected u64",
        ),
        (Box::new(Envelope::read(b"\xff").unwrap_err()), "the line is not UTF-8 at byte 0"),
        (
            Box::new(sealed_too_long()),
            "failed to write record 0 of checkout-241: the line has 70211 bytes, at most 65535 are allowed",
        ),
        (
            Box::new(SealError::from(sealed_too_long())),
            "failed to write record 0 of checkout-241: the line has 70211 bytes, at most 65535 are allowed",
        ),
        (
            Box::new(verify_lines(None, [junk().as_slice()], None).unwrap_err()),
            "unknown stream, record 0: the line is not strict JSON: ",
        ),
        (
            Box::new(verify_lines(None, [line("\"seq\":0", "\"seq\":7").as_slice()], None).unwrap_err()),
            "checkout-241, record 0: it says that it is record 7",
        ),
        (
            Box::new(Record::read(&junk()).unwrap_err()),
            "failed to read a record: the line is not strict JSON: ",
        ),
        (
            Box::new(Record::read(&line("plan_recorded", "never_heard_of")).unwrap_err()),
            "checkout-241, record 0: the event \"never_heard_of\" is unknown to this version",
        ),
        (
            Box::new(Record::read(&line("{}", "{\"plan\":1}")).unwrap_err()),
            "checkout-241, record 0: invalid `plan_recorded` data: ",
        ),
        (Box::new(UnknownKind("never_heard_of".to_owned())), "the event \"never_heard_of\" is unknown"),
        (Box::new(replayed()), "failed to read a record: the line is not strict JSON: "),
        (Box::new(NotDerived::from(replayed())), "failed to read a record: the line is not strict JSON: "),
        (Box::new(refusal()), "there is no track `nowhere`; this policy has "),
        (
            Box::new(unavailable()),
            "haproxy: failed to set traffic: not available: no connection: connection refused",
        ),
        (
            Box::new(AppendError::from(unavailable())),
            "haproxy: failed to set traffic: not available: no connection: connection refused",
        ),
        (
            Box::new(ClassicHistogram::new(Vec::new(), Vec::new()).unwrap_err()),
            "0 counts do not fit 0 bounds",
        ),
        (Box::new(Shares::new(vec![2.0]).unwrap_err()), "the share 2 is not between 0 and 1"),
        (Box::new(p_value(&[], &[]).unwrap_err()), "a sample is empty"),
        (
            Box::new(
                ArgoAnalysis::new(ArgoLimits { failure_limit: -1, ..ArgoLimits::default() }).unwrap_err(),
            ),
            "failureLimit is disabled",
        ),
    ]
}

#[test]
fn no_error_repeats_its_cause() {
    for (error, _) in errors() {
        let mut error: &dyn Error = &*error;
        while let Some(cause) = error.source() {
            assert!(!error.to_string().contains(&cause.to_string()), "{error:?}");
            error = cause;
        }
    }
}

#[test]
fn an_error_with_its_causes_says_everything() {
    for (error, expected) in errors() {
        let told = with_causes(&*error);
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn an_error_that_serde_reads_says_everything_by_itself() {
    // Serde keeps the message of an error and drops its sources.
    let driven = Driven::drill();
    let text = String::from_utf8(driven.journal.lines[0].bytes().to_vec()).unwrap();
    let shares = text.replacen("\"share_bp\":100,", "\"share_bp\":10700,", 1);
    assert_ne!(text, shares);
    let told = with_causes(&Record::read(shares.as_bytes()).unwrap_err());
    assert!(told.contains("invalid `plan_recorded/2` data: \"10700\" is not a traffic share"), "{told}");
}

#[cfg(feature = "markdown")]
#[test]
fn an_error_of_a_template_says_where_it_is() {
    use relman_core::report::Templates;

    for (name, template, expected) in [
        ("nothing", "", "nothing has a template \"nothing\""),
        ("plan", "{% if %}", "failed to read the template plan, line 1: "),
    ] {
        let error = Templates::default().with(name, template).map(|_| ()).unwrap_err();
        assert!(with_causes(&error).starts_with(expected), "{error}");
    }
}
