//! A public struct whose fields anybody may name can't get another one without breaking whoever writes it down. So it is
//! `#[non_exhaustive]`, with a constructor where others make one, or it is named here with the reason why it is complete.

use std::collections::BTreeSet;

use crate::one_driver::sources;

/// What has all the fields that it will ever have, or is written down by whoever uses it, with `..` for the rest.
const COMPLETE: [(&str, &[&str]); 5] = [
    (
        "it is what its name says: a pair, a triple, a place, a limit",
        &[
            "Arms",
            "Artifact",
            "BasicAuth",
            "Boundary",
            "Criterion",
            "EffectId",
            "Exposed",
            "Fact",
            "Head",
            "Interval",
            "Position",
            "Principal",
            "Quantity",
            "ScoreThresholds",
            "Step",
            "TrackSteps",
            "Window",
        ],
    ),
    ("it is the line of a record: its fields are those of the format", &["Envelope", "Manifest", "Record"]),
    (
        "others write it down, and a field that is missing is to be an error",
        &[
            "Case",
            "Check",
            "Command",
            "CommunicationPlan",
            "Evaluation",
            "Evidence",
            "History",
            "MetricCase",
            "Notice",
            "Received",
            "Run",
            "Scenario",
            "Scope",
            "Shown",
        ],
    ),
    (
        "it has a default, for `..Default::default()`",
        &["ArgoLimits", "Judging", "MannWhitneyRule", "World", "Transitions", "Schedule"],
    ),
    (
        "it is read from a file, or is part of a world that a test describes",
        &[
            "AlertmanagerConfig",
            "Complaints",
            "GitHubConfig",
            "GitLabConfig",
            "HttpFlowConfig",
            "Incident",
            "JiraConfig",
            "Lapse",
            "PrometheusConfig",
            "Regression",
            "Requests",
            "SlackConfig",
            "WebhookConfig",
        ],
    ),
];

/// The public structs with a public field that are not `#[non_exhaustive]`.
fn open_structs(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_open = |at: usize| {
        // The attributes stand above it, up to the end of whatever comes before.
        let is_above = |line: &&&str| !matches!(line.trim(), "" | "}" | "{");
        let mut above = lines[..at].iter().rev().take_while(is_above);
        let mut fields = lines[at + 1..].iter().take_while(|line| line.trim() != "}");
        !above.any(|line| line.contains("non_exhaustive"))
            && fields.any(|line| line.trim_start().starts_with("pub ") && line.contains(": "))
    };
    let named = |(at, line): (usize, &&str)| {
        let name = line.trim_start().strip_prefix("pub struct ").filter(|_| line.ends_with('{'))?;
        let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
        is_open(at).then_some(name)
    };
    lines.iter().enumerate().filter_map(named).collect()
}

#[test]
fn whatever_may_grow_can() {
    let open: BTreeSet<String> = sources()
        .iter()
        .filter(|(name, _)| name.starts_with("relman-"))
        .flat_map(|(_, text)| open_structs(text))
        .collect();
    let complete: BTreeSet<String> =
        COMPLETE.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())).collect();
    let more: Vec<_> = open.difference(&complete).collect();
    assert!(more.is_empty(), "make them #[non_exhaustive], or say here why they are complete: {more:?}");
    let gone: Vec<_> = complete.difference(&open).collect();
    assert!(gone.is_empty(), "these are not open any more: {gone:?}");
}

#[test]
fn a_struct_that_may_grow_is_told_from_one_that_may_not() {
    let text = "
        #[derive(Debug)]
        pub struct One {
            /// A field.
            pub field: u8,
        }

        #[derive(Debug)]
        #[non_exhaustive]
        pub struct Two {
            pub field: u8,
        }

        pub struct Three {
            field: u8,
        }
    ";
    assert_eq!(open_structs(text), ["One"]);
}
