//! What people say to a release.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use relman_core::{
    event::Gate,
    unit::{Actor, CheckName, ReleaseId, Span, Text},
};

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The plan, TOML
    #[arg(value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
    /// The policy, TOML [default: the one of the configuration, or the shipped one]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OfRelease {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
}

#[derive(Debug, Args)]
pub(crate) struct WithReason {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// Why, for those who read the record later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// The check: unit, integration, end-to-end, manual-qa, load-test, user-flows or one of the policy's own
    #[arg(value_name = "CHECK")]
    pub(crate) name: CheckName,
    /// How it ended
    pub(crate) outcome: CheckResult,
    /// The evidence: a link, a summary
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: Text,
    /// A confirmed item of the checklist; repeatable
    #[arg(long = "item", value_name = "TEXT", conflicts_with = "all_items")]
    pub(crate) items: Vec<Text>,
    /// Confirms every item of the checklist
    #[arg(long)]
    pub(crate) all_items: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckResult {
    /// It passed
    #[value(alias = "pass")]
    Passed,
    /// It failed
    #[value(alias = "fail")]
    Failed,
}

#[derive(Debug, Args)]
pub(crate) struct Override {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// The failed gate: staging, validation or freeze
    #[arg(long)]
    pub(crate) gate: Gate,
    /// Why, for those who read the record later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    /// How long it may be used, from now: 4h
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Span,
}

#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// For how long, from now: 8h [default: the policy's shift]
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) length: Option<Span>,
}

#[derive(Debug, Args)]
pub(crate) struct Postmortem {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// What happened and what was learned
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Text,
    /// What caused it
    #[arg(long, value_name = "TEXT")]
    pub(crate) root_cause: Text,
    /// Which one, if several are owed
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    /// Where the full text is
    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<Text>,
}

#[derive(Debug, Args)]
pub(crate) struct Lesson {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// Under which heading
    pub(crate) heading: Heading,
    /// What was learned
    pub(crate) text: Text,
}

/// The headings of a retrospective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Heading {
    /// What went well and should be kept
    WentWell,
    /// What went badly and should change
    WentBadly,
    /// Where only luck prevented worse
    Lucky,
}

#[derive(Debug, Args)]
pub(crate) struct Action {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// What has to be done
    pub(crate) what: Text,
    /// What it is for
    #[arg(long)]
    pub(crate) kind: ActionKind,
    /// Who does it: user:NAME
    #[arg(long, value_name = "ACTOR")]
    pub(crate) owner: Actor,
    /// When it is due, from now: 14d
    #[arg(long, value_name = "DURATION")]
    pub(crate) due: Span,
}

/// What an action item is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActionKind {
    /// It can't happen again
    Prevent,
    /// It is noticed sooner
    Detect,
    /// It does less harm or is over sooner
    Mitigate,
    /// People work differently
    Process,
}

#[derive(Debug, Args)]
pub(crate) struct Settle {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// Done or dropped
    pub(crate) how: Settled,
    /// Which one, if several are open
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    /// Evidence that it is done, or why it was dropped
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Text,
}

/// How an action item came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settled {
    /// It was done
    Done,
    /// It will not be done, for a reason
    Dropped,
}

#[derive(Debug, Args)]
pub(crate) struct Complain {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    /// What the customer said
    pub(crate) text: Text,
}
