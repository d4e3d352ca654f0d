//! What people say to a release. What each field is, the table of actions says.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use relman_core::{
    event::Gate,
    unit::{Actor, CheckName, ReleaseId, Span, Text},
};

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[arg(value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
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
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    /// Conducts the way back itself, until the platform shows zero traffic
    #[arg(long)]
    pub(crate) now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    #[arg(id = "check", value_name = "CHECK")]
    pub(crate) name: CheckName,
    pub(crate) outcome: CheckResult,
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: Text,
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
    #[arg(long)]
    pub(crate) gate: Gate,
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Span,
}

#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    #[arg(id = "for", long = "for", value_name = "DURATION")]
    pub(crate) length: Option<Span>,
}

#[derive(Debug, Args)]
pub(crate) struct Postmortem {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Text,
    #[arg(long, value_name = "TEXT")]
    pub(crate) root_cause: Text,
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<Text>,
}

#[derive(Debug, Args)]
pub(crate) struct Lesson {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    pub(crate) heading: Heading,
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
    pub(crate) what: Text,
    #[arg(long)]
    pub(crate) kind: ActionKind,
    #[arg(long, value_name = "ACTOR")]
    pub(crate) owner: Actor,
    #[arg(long, value_name = "DURATION")]
    pub(crate) due: Option<Span>,
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
    pub(crate) how: Settled,
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
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
    pub(crate) text: Text,
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Text>,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The release
    #[arg(value_parser = ReleaseId::recorded)]
    pub(crate) release: ReleaseId,
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Text>,
    #[arg(long, value_name = "N", conflicts_with = "key")]
    pub(crate) record: Option<u64>,
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
}
