use serde::Serialize;

use crate::{
    event::{Event, PostMortemCause, PostMortemOpened, Record},
    report::{
        facts::{
            ActionItemReport, CheckRun, Ended, GateOutcome, GateReport, GateResult, Heading, History, Mark,
            RootCause,
        },
        view::{RollbackLog, TimelineEntry, TimelineRow, collapse},
    },
};

/// A post-mortem: what the record has to tell of it, and what people wrote.
///
/// There is one for each override and each rollback. Before it is filed, it is the page from which people start.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PostMortemReport {
    /// The release.
    pub heading: Heading,
    /// Its number in the release, from 1.
    pub number: u32,
    /// What it is about.
    pub about: PostMortemCause,
    /// Since when it is open, and the record.
    pub opened: Mark,
    /// What people wrote; not filed yet, if absent.
    pub filed: Option<RootCause>,
    /// The override that it is about; none where it is about a rollback.
    pub overridden: Option<GateOutcome>,
    /// The checks that were recorded for the overridden gate.
    pub checks: Vec<CheckRun>,
    /// The rollback that it is about, or to which an overridden release came; none where there was none.
    pub rollback: Option<RollbackLog>,
    /// How the release has ended, if it has.
    pub ended: Option<Ended>,
    /// Questions for the people who write it.
    pub questions: Vec<&'static str>,
    /// The action items of the release.
    pub action_items: Vec<ActionItemReport>,
    /// What happened from the override or the breach on; runs of looks that found nothing new are one row.
    pub timeline: Vec<TimelineRow>,
}

/// What to ask about a rollback.
const ON_ROLLBACK: [&str; 6] = [
    "What did users notice, and when did the first one notice?",
    "Which change caused it, and what made that change possible?",
    "Which check could have caught it before users did, and why did none?",
    "What would have shortened the time to detect, decide or revert?",
    "Were the contract's criteria and limits the right ones?",
    "What else works the same way, and would fail the same way?",
];

/// What to ask about an override.
const ON_OVERRIDE: [&str; 5] = [
    "What would have happened without the override?",
    "Was the gate right, and is what it found fixed now?",
    "Who was asked before the override, and who should have been?",
    "Did users run into what the gate warned about?",
    "What has to change so that nobody needs this override again?",
];

impl PostMortemReport {
    /// The post-mortems of a release, in the order of their numbers.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let opened = history.records.iter().enumerate().filter_map(|(index, record)| match &record.event {
            Event::PostMortemOpened(opened) => Some((index, record, opened)),
            _ => None,
        });
        opened.map(|(index, record, opened)| Self::of(history, index, record, opened)).collect()
    }

    fn of(history: &History<'_>, index: usize, record: &Record, opened: &PostMortemOpened) -> Self {
        let rollback = RollbackLog::of(history);
        let (overridden, checks, questions, timeline) = match &opened.about {
            PostMortemCause::Override { gate } => {
                let of_gate = GateReport::all(history).into_iter().find(|report| report.gate == *gate);
                // The record before is the override itself.
                let overridden = of_gate.and_then(|report| {
                    let is_it = |outcome: &GateOutcome| {
                        outcome.how == GateResult::Overridden && outcome.mark.record < record.seq
                    };
                    report.outcomes.into_iter().rfind(is_it)
                });
                let from = history.records[index.saturating_sub(1)].seq;
                let timeline = TimelineEntry::all(history, |record| record.seq >= from);
                (overridden, CheckRun::of_gate(history, *gate), ON_OVERRIDE.to_vec(), timeline)
            }
            PostMortemCause::Rollback => {
                let timeline = rollback.as_ref().map(|log| log.timeline.clone()).unwrap_or_default();
                (None, Vec::new(), ON_ROLLBACK.to_vec(), timeline)
            }
        };
        Self {
            heading: Heading::of(history),
            number: opened.number,
            about: opened.about.clone(),
            opened: Mark::of(record),
            filed: RootCause::of(history, opened.number),
            overridden,
            checks,
            rollback,
            ended: history.ended(),
            questions,
            action_items: ActionItemReport::all(history),
            timeline: collapse(&timeline),
        }
    }
}
