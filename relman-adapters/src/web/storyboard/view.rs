use relman_core::{
    judge::Verdict,
    machine::PhaseName,
    report::{
        FrameName, History, LookStory, Schedule, Status, StoryArtifact, Storyboard, Timeline, TimelineRow,
        Waiting,
    },
    unit::{Finite, TrafficShare},
};

use crate::web::{
    chart::{CoverChart, ExposureChart, SeriesChart},
    words::number,
};

/// What the frames show beside the storyboard itself: charts, and reports in parts.
pub(in crate::web) struct View<'a> {
    pub(in crate::web) status: Status,
    pub(in crate::web) waiting: Waiting,
    pub(in crate::web) schedule: Option<Schedule>,
    pub(in crate::web) is_going_back: bool,
    pub(in crate::web) exposure: Option<ExposureChart>,
    pub(in crate::web) release_charts: Vec<SeriesChart>,
    pub(in crate::web) verify_charts: Vec<SeriesChart>,
    pub(in crate::web) cover: Option<CoverChart>,
    pub(in crate::web) looks: Vec<StepLooks<'a>>,
    pub(in crate::web) way_back: Vec<TimelineRow>,
    pub(in crate::web) counted_percent: u64,
    pub(in crate::web) last_look: Option<&'a LookStory>,
    pub(in crate::web) readings: Vec<ReadingText>,
    artifacts: Vec<(FrameName, ArtifactView)>,
}

/// The looks of one step.
pub(in crate::web) struct StepLooks<'a> {
    pub(in crate::web) number: u32,
    pub(in crate::web) share: TrafficShare,
    pub(in crate::web) looks: Vec<&'a LookStory>,
}

/// An artifact of a frame.
pub(in crate::web) struct ArtifactView {
    pub(in crate::web) name: String,
    pub(in crate::web) title: String,
    /// The whole text; empty on a page that links to it.
    pub(in crate::web) text: String,
}

/// One metric of the last look, as people read it.
pub(in crate::web) struct ReadingText {
    pub(in crate::web) metric: String,
    pub(in crate::web) canary: String,
    pub(in crate::web) baseline: String,
    pub(in crate::web) requests: String,
}

/// Whether artifacts stand in the page or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Artifacts {
    Inside,
    Linked,
}

impl<'a> View<'a> {
    pub(in crate::web) fn of(history: &History<'_>, board: &'a Storyboard, artifacts: Artifacts) -> Self {
        let last_step = board.release.steps.last().map(|step| step.scheduled.number);
        let validating = board.verify.frame.entered;
        // The release frame ends where the validation begins.
        let (before, after): (Vec<&LookStory>, Vec<&LookStory>) =
            board.release.looks.iter().partition(|look| validating.is_none() || Some(look.step) != last_step);
        let charts = |looks: &[&LookStory]| -> Vec<SeriesChart> {
            let until = looks.last().map_or(history.now, |look| look.window.until);
            let criteria = board.release.criteria.iter().enumerate();
            criteria.filter_map(|(index, story)| SeriesChart::of(story, index, looks, until)).collect()
        };
        let verified_until = board.verify.frame.left.map_or(history.now, |left| left.at);
        Self {
            status: Status::of(history),
            waiting: Waiting::of(history),
            schedule: Schedule::of(history),
            is_going_back: board.phase == PhaseName::RollingBack,
            exposure: ExposureChart::of(board),
            release_charts: charts(&before),
            verify_charts: charts(&after),
            cover: CoverChart::of(&board.verify, verified_until),
            looks: steps(board),
            way_back: way_back(board),
            counted_percent: counted_percent(board),
            last_look: board.release.looks.last(),
            readings: readings(board),
            artifacts: of_frames(history, board, artifacts),
        }
    }

    /// The artifacts of a frame.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]
    pub(in crate::web) fn artifacts_of(&self, frame: &FrameName) -> Vec<&ArtifactView> {
        self.artifacts.iter().filter(|(of, _)| of == frame).map(|(_, artifact)| artifact).collect()
    }
}

fn of_frames(
    history: &History<'_>,
    board: &Storyboard,
    artifacts: Artifacts,
) -> Vec<(FrameName, ArtifactView)> {
    let view = |artifact: StoryArtifact| {
        let text = match artifacts {
            Artifacts::Inside => artifact.text(history)?,
            Artifacts::Linked => String::new(),
        };
        Some(ArtifactView { name: artifact.to_string(), title: artifact.title(), text })
    };
    board
        .frames()
        .into_iter()
        .flat_map(|frame| frame.artifacts.iter().filter_map(|one| Some((frame.name, view(*one)?))))
        .collect()
}

fn steps(board: &Storyboard) -> Vec<StepLooks<'_>> {
    let of_step = |step: &relman_core::report::StepStory| {
        let (number, share) = (step.scheduled.number, step.scheduled.share);
        let looks = board.release.looks.iter().filter(|look| look.step == number).collect();
        StepLooks { number, share, looks }
    };
    board.release.steps.iter().map(of_step).filter(|step| !step.looks.is_empty()).collect()
}

fn way_back(board: &Storyboard) -> Vec<TimelineRow> {
    let Some(log) = &board.rollback.log else { return Vec::new() };
    Timeline { heading: log.heading.clone(), entries: log.timeline.clone() }.rows()
}

fn counted_percent(board: &Storyboard) -> u64 {
    let length = board.verify.length.map_or(0, relman_core::unit::Span::as_millis);
    (board.verify.counted.as_millis() * 100).checked_div(length).unwrap_or(0).min(100)
}

/// The last look's measurements, in the units in which the verdicts are written.
fn readings(board: &Storyboard) -> Vec<ReadingText> {
    let Some(look) = board.release.looks.last() else { return Vec::new() };
    let verdict = |metric: &relman_core::unit::MetricName| -> Option<&Verdict> {
        let of_metric = board.release.criteria.iter().filter_map(|story| story.last.as_ref());
        of_metric.into_iter().find(|verdict| verdict.criterion.metric == *metric)
    };
    look.readings
        .iter()
        .map(|reading| {
            let show = |value: Option<Finite>| match (value, verdict(&reading.metric)) {
                (None, _) => "not measured".to_owned(),
                (Some(value), Some(verdict)) => verdict.show(value),
                // Errors of requests are a share; anything else is what it is.
                (Some(value), None) if reading.errors.is_some() => crate::web::words::percent(value.get()),
                (Some(value), None) => value.to_string(),
            };
            ReadingText {
                metric: reading.metric.to_string(),
                canary: show(reading.canary),
                baseline: show(reading.baseline),
                requests: reading.requests.map(|requests| number(&requests)).unwrap_or_default(),
            }
        })
        .collect()
}

/// A verdict's sentence without the rule, which stands above it.
pub(in crate::web) fn without_rule(sentence: impl AsRef<str>) -> String {
    let sentence = sentence.as_ref();
    sentence.split_once(": ").map_or(sentence, |(_, rest)| rest).to_owned()
}

/// The rule of a verdict, as its sentence begins.
pub(in crate::web) fn rule(sentence: impl AsRef<str>) -> String {
    sentence.as_ref().split_once(": ").map_or("", |(rule, _)| rule).to_owned()
}
