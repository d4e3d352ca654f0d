use serde::Serialize;

use crate::{
    event::{Event, LessonKind, Record},
    report::{
        facts::{ActionItemReport, Ended, Exposure, Heading, History, HoldPeriod, Mark},
        view::Highlight,
    },
    unit::{Actor, Span, Text, TrafficShare},
};

/// What people look back on: facts drawn up from the record, questions, what they wrote down, and what they will change.
///
/// The facts are prompts and no judgements: whether something went well, people say.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Retrospective {
    /// The release.
    pub heading: Heading,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
    /// The release in figures.
    pub figures: Figures,
    /// Well, badly, lucky: a section each.
    pub sections: Vec<RetrospectiveSection>,
    /// What people will change, and by when.
    pub action_items: Vec<ActionItemReport>,
}

/// A release in figures, from the first record to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// How many records there are.
    pub records: u64,
    /// From the first plan to the end, or to now.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
    /// The bake times of the track, the validation included.
    #[serde(rename = "planned_ms")]
    pub planned: Span,
    /// From production on to the end, or to now; not yet there, if absent.
    #[serde(rename = "in_production_ms")]
    pub in_production: Option<Span>,
    /// The widest share of the traffic.
    #[serde(rename = "widest_bp")]
    pub widest: Option<TrafficShare>,
    /// How many looks were taken.
    pub looks: u64,
    /// How many holds there were.
    pub holds: u64,
    /// How many overrides.
    pub overrides: u64,
    /// How many complaints count: those that nobody has withdrawn.
    pub complaints: u64,
    /// How many incidents of the service.
    pub incidents: u64,
}

/// One heading of a retrospective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetrospectiveSection {
    /// The heading.
    pub about: LessonKind,
    /// What the record has to tell under it.
    pub facts: Vec<Highlight>,
    /// Questions for the people who look back.
    pub questions: Vec<&'static str>,
    /// What they wrote down.
    pub lessons: Vec<Lesson>,
}

/// A lesson that a person recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lesson {
    /// What was learnt.
    pub text: Text,
    /// Who wrote it down.
    pub by: Actor,
    /// When, and the record.
    pub mark: Mark,
}

impl Retrospective {
    /// What there is to look back on; none before a plan is recorded.
    pub fn of(history: &History<'_>) -> Option<Self> {
        history.release.plan()?;
        let facts = Highlight::all(history);
        let section = |about: LessonKind| RetrospectiveSection {
            about,
            facts: facts.iter().filter(|fact| fact.about == about).cloned().collect(),
            questions: questions(about).to_vec(),
            lessons: lessons(history, about),
        };
        Some(Self {
            heading: Heading::of(history),
            ended: history.ended(),
            figures: Figures::of(history),
            sections: LessonKind::ALL.map(section).into(),
            action_items: ActionItemReport::all(history),
        })
    }
}

/// What to ask under a heading.
fn questions(about: LessonKind) -> &'static [&'static str] {
    match about {
        LessonKind::WentWell => &[
            "What do we want to do the same way next time?",
            "Who helped, and how would we have managed without them?",
        ],
        LessonKind::WentBadly => &[
            "What took longer or cost more than we expected, and why?",
            "What did we find out later than we could have?",
            "Which of our rules got in the way, and which one was missing?",
        ],
        LessonKind::Lucky => {
            &["What could have gone wrong here and didn't?", "What do we rely on that we have never tested?"]
        }
    }
}

fn lessons(history: &History<'_>, about: LessonKind) -> Vec<Lesson> {
    let lesson = |record: &Record| match &record.event {
        Event::LessonRecorded(lesson) if lesson.kind == about => {
            Some(Lesson { text: lesson.text.clone(), by: record.by.clone(), mark: Mark::of(record) })
        }
        _ => None,
    };
    history.records.iter().filter_map(lesson).collect()
}

impl Figures {
    fn of(history: &History<'_>) -> Self {
        let count = |fits: fn(&Event) -> bool| {
            history.records.iter().filter(|record| fits(&record.event)).count() as u64
        };
        let end = history.ended().map_or(history.now, |ended| ended.mark.at);
        let production = history.first(|event| matches!(event, Event::RolloutStarted(_)));
        let (_, track) = history.release.track().unzip();
        Self {
            records: history.records.len() as u64,
            lasted: history.records.first().map(|first| end.since(first.at)).unwrap_or_default(),
            planned: track
                .map(|track| track.steps().iter().fold(Span::ZERO, |sum, step| sum + step.bake))
                .unwrap_or_default(),
            in_production: production.map(|record| end.since(record.at)),
            widest: Exposure::all(history).iter().map(|exposure| exposure.share).max(),
            looks: count(|event| matches!(event, Event::Evaluated(_))),
            holds: HoldPeriod::all(history).len() as u64,
            overrides: count(|event| matches!(event, Event::OverrideGranted(_))),
            complaints: history.release.counted_complaints(),
            incidents: count(|event| matches!(event, Event::IncidentReported(_))),
        }
    }
}
