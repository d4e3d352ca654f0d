use relman_core::{
    judge::Verdict,
    machine::Missing,
    report::{
        EvaluationStory, FrameName, History, Reading, RollbackLog, Status, StoryArtifact, Storyboard,
        TimelineRow, Waiting,
    },
    unit::{Finite, Timestamp, TrafficShare},
};

use super::{
    chart::{CoverChart, CriterionChart, ExposureChart},
    format::{number, percent},
};

/// What the frames show besides the storyboard itself: charts and parts of reports.
pub(super) struct View<'a> {
    board: &'a Storyboard,
    pub(super) status: Status,
    pub(super) waiting: Waiting,
    pub(super) exposure: Option<ExposureChart>,
    pub(super) release_charts: Vec<CriterionChart>,
    pub(super) watched_charts: Vec<CriterionChart>,
    pub(super) verify_charts: Vec<CriterionChart>,
    pub(super) verify_watched_charts: Vec<CriterionChart>,
    pub(super) cover: Option<CoverChart>,
    pub(super) evaluations: Vec<StepEvaluations<'a>>,
    pub(super) rollback_rows: Vec<TimelineRow>,
    pub(super) counted_percent: u64,
    pub(super) last_evaluation: Option<&'a EvaluationStory>,
    pub(super) readings: Vec<ReadingText>,
    artifacts: Vec<(FrameName, ArtifactView)>,
}

/// The evaluations of one step.
pub(super) struct StepEvaluations<'a> {
    pub(super) number: u32,
    pub(super) share: TrafficShare,
    /// Those that are shown.
    pub(super) evaluations: Vec<&'a EvaluationStory>,
    /// How many there are.
    pub(super) total: usize,
}

/// How many evaluations of one step stand in a file: more than a step of a day has. A page of 200,000 is read by nobody, and opened
/// by no browser.
const MOST_IN_FILE: usize = 2_000;

/// How many evaluations one page shows.
pub(super) const ON_A_PAGE: usize = 500;

impl StepEvaluations<'_> {
    /// How many are not shown.
    pub(super) fn left_out(&self) -> usize {
        self.total - self.evaluations.len()
    }

    /// How many pages they fill.
    pub(super) fn pages(&self) -> usize {
        self.total.div_ceil(ON_A_PAGE)
    }

    /// Keeps those of one page, counted from 1; whether there is such a page.
    pub(super) fn turn_to(&mut self, page: usize) -> bool {
        let from = page.saturating_sub(1).saturating_mul(ON_A_PAGE);
        let is_there = page > 0 && from < self.total;
        self.evaluations = self.evaluations.iter().skip(from).take(ON_A_PAGE).copied().collect();
        is_there
    }
}

/// An artifact of a frame.
pub(super) struct ArtifactView {
    pub(super) name: String,
    pub(super) title: String,
    /// The whole text, or nothing on a page that links to it.
    pub(super) text: String,
}

/// One metric of the last evaluation, as people read it.
pub(super) struct ReadingText {
    pub(super) metric: String,
    pub(super) canary: String,
    pub(super) baseline: String,
    pub(super) requests: String,
}

/// Whether artifacts are part of the page or linked from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Artifacts {
    Embedded,
    Linked,
}

impl<'a> View<'a> {
    pub(super) fn of(history: &History<'_>, board: &'a Storyboard, artifacts: Artifacts) -> Self {
        let last_step = board.release.steps.last().map(|step| step.scheduled.number);
        let validating = board.verify.frame.entered;
        // The release frame ends where the validation begins.
        let (before, after): (Vec<&EvaluationStory>, Vec<&EvaluationStory>) =
            board.release.looks.iter().partition(|look| validating.is_none() || Some(look.step) != last_step);
        let charts = |evaluations: &[&EvaluationStory]| -> Vec<CriterionChart> {
            let until = evaluations.last().map_or(history.now, |look| look.window.until);
            let criteria = board.release.criteria.iter().enumerate();
            criteria
                .filter_map(|(index, story)| CriterionChart::of(story, index, evaluations, until))
                .collect()
        };
        let watched = |evaluations: &[&EvaluationStory]| -> Vec<CriterionChart> {
            let metrics = board.release.watched.iter();
            metrics.filter_map(|metric| CriterionChart::of_metric(metric, evaluations)).collect()
        };
        let verified_until = board.verify.frame.left.map_or(history.now, |left| left.at);
        Self {
            board,
            status: Status::of(history),
            waiting: Waiting::of(history),
            exposure: ExposureChart::of(board),
            release_charts: charts(&before),
            watched_charts: watched(&before),
            verify_charts: charts(&after),
            verify_watched_charts: watched(&after),
            cover: CoverChart::of(&board.verify, verified_until),
            evaluations: steps(board, artifacts),
            rollback_rows: rollback_rows(board),
            counted_percent: counted_percent(board),
            last_evaluation: board.release.looks.last(),
            readings: readings(board),
            artifacts: of_frames(history, board, artifacts),
        }
    }

    /// When it is over at the earliest, where that is not what comes next.
    pub(super) fn over_after_next(&self) -> Option<Timestamp> {
        let glance = &self.board.glance;
        glance.over_at.filter(|over| glance.next.as_ref().is_none_or(|next| next.at != Some(*over)))
    }

    /// What it waits for, apart from its holds: those stand in boxes of their own.
    pub(super) fn also_waits(&self) -> &[Missing] {
        // Holds stand first in the list of what is missing.
        self.waiting.missing.get(self.waiting.holds.len()..).unwrap_or_default()
    }

    /// The artifacts of a frame.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    pub(super) fn artifacts_of(&self, frame: &FrameName) -> Vec<&ArtifactView> {
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
            Artifacts::Embedded => artifact.text(history)?,
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

fn steps(board: &Storyboard, artifacts: Artifacts) -> Vec<StepEvaluations<'_>> {
    let of_step = |step: &relman_core::report::StepStory| {
        let (number, share) = (step.scheduled.number, step.scheduled.share);
        let all: Vec<_> = board.release.looks.iter().filter(|look| look.step == number).collect();
        let total = all.len();
        let evaluations = match artifacts {
            Artifacts::Embedded => telling(all, found_differently),
            // Its pages are turned.
            Artifacts::Linked => all,
        };
        StepEvaluations { number, share, evaluations, total }
    };
    board.release.steps.iter().map(of_step).filter(|step| step.total > 0).collect()
}

/// The evaluations that tell most, where there are more than a file holds: the first and the last, and both sides of every change
/// of what was found; of too many changes, the first ones and the last ones.
fn telling<T: Copy>(all: Vec<T>, differ: impl Fn(T, T) -> bool) -> Vec<T> {
    if all.len() <= MOST_IN_FILE {
        return all;
    }
    let last = all.len() - 1;
    let tells =
        |at: usize| at == 0 || at == last || differ(all[at - 1], all[at]) || differ(all[at], all[at + 1]);
    let mut told: Vec<T> = (0..all.len()).filter(|at| tells(*at)).map(|at| all[at]).collect();
    if told.len() > MOST_IN_FILE {
        told.drain(MOST_IN_FILE / 2..told.len() - MOST_IN_FILE / 2);
    }
    told
}

/// Whether two evaluations found something else.
fn found_differently(one: &EvaluationStory, other: &EvaluationStory) -> bool {
    one.seen != other.seen
        || !one.verdicts.iter().map(|one| one.kind).eq(other.verdicts.iter().map(|other| other.kind))
}

fn rollback_rows(board: &Storyboard) -> Vec<TimelineRow> {
    board.rollback.log.as_ref().map(RollbackLog::rows).unwrap_or_default()
}

fn counted_percent(board: &Storyboard) -> u64 {
    let length = board.verify.length.map_or(0, relman_core::unit::Span::as_millis);
    (board.verify.counted.as_millis() * 100).checked_div(length).unwrap_or(0).min(100)
}

/// The measurements of the last evaluation, in the units of its verdicts.
fn readings(board: &Storyboard) -> Vec<ReadingText> {
    let Some(last) = board.release.looks.last() else { return Vec::new() };
    let verdict = |metric: &relman_core::unit::MetricName| -> Option<&Verdict> {
        let of_metric = board.release.criteria.iter().filter_map(|story| story.last.as_ref());
        of_metric.into_iter().find(|verdict| verdict.criterion.metric == *metric)
    };
    last.readings
        .iter()
        .map(|reading| {
            let show = |value: Option<Finite>| match (value, verdict(&reading.metric)) {
                (None, _) => "not measured".to_owned(),
                (Some(value), Some(verdict)) => verdict.show(value),
                (value, None) => self::value(reading, value),
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

/// A value of a metric that no criterion limits. Errors are a share of the requests; other metrics are shown as they are.
pub(super) fn value(reading: &Reading, value: Option<Finite>) -> String {
    match value {
        None => "not measured".to_owned(),
        Some(value) if reading.errors.is_some() => percent(value.get()),
        Some(value) => value.to_string(),
    }
}

/// A verdict's sentence without its rule, which the table heading has.
pub(super) fn without_rule(sentence: impl AsRef<str>) -> String {
    let sentence = sentence.as_ref();
    sentence.split_once(": ").map_or(sentence, |(_, rest)| rest).to_owned()
}

/// The rule that a verdict's sentence begins with.
pub(super) fn rule(sentence: impl AsRef<str>) -> String {
    sentence.as_ref().split_once(": ").map_or("", |(rule, _)| rule).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_both_sides_of_every_change_and_no_more_than_it_holds() {
        let told = |all: Vec<(usize, bool)>| telling(all, |one, other| one.1 != other.1);
        let short: Vec<_> = (0..MOST_IN_FILE).map(|at| (at, false)).collect();
        assert_eq!(told(short.clone()), short, "all of what a file holds");
        let bad = [70_000, 70_001, 120_000];
        let long = (0..200_000).map(|at| (at, bad.contains(&at))).collect();
        let numbers: Vec<usize> = told(long).into_iter().map(|one| one.0).collect();
        assert_eq!(numbers, [0, 69_999, 70_000, 70_001, 70_002, 119_999, 120_000, 120_001, 199_999]);
        let restless: Vec<_> = (0..200_000).map(|at| (at, at % 2 == 0)).collect();
        let shown = told(restless);
        assert_eq!((shown.len(), shown[0].0, shown[MOST_IN_FILE - 1].0), (MOST_IN_FILE, 0, 199_999));
    }

    #[test]
    fn the_pages_of_a_step_are_all_of_it_and_no_page_is_empty() {
        let mut step =
            StepEvaluations { number: 1, share: TrafficShare::FULL, evaluations: Vec::new(), total: 0 };
        assert!(!step.turn_to(1) && step.pages() == 0);
        step.total = 2 * ON_A_PAGE + 1;
        assert_eq!(step.pages(), 3);
        for (page, is_there) in [(0, false), (1, true), (3, true), (4, false), (usize::MAX, false)] {
            assert_eq!(step.turn_to(page), is_there, "{page}");
        }
    }
}
