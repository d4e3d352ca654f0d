//! A release as the tests tell it: a look a minute, and what each arm showed.

use super::{Evaluation, Judge, Judging};
use crate::{
    judge::{Answer, Arm, ClassicHistogram, Control, Histogram, Measurement, Observation, Outcome, Verdict},
    unit::{Finite, Span, Timestamp, TrafficShare, Window},
};

/// The standard track with a look a minute.
pub(super) const PLANNED: [u32; 4] = [30, 120, 240, 1_440];

pub(super) struct Release {
    pub(super) judge: Judge,
    pub(super) step: u32,
    pub(super) control: Control,
    pub(super) share: Option<TrafficShare>,
    pub(super) exclude: Option<f64>,
    pub(super) complaints: u64,
    minute: u64,
}

impl Release {
    pub(super) fn new(criteria: &[&str], judging: &Judging, min_requests: u64) -> Self {
        let criteria: Vec<_> = criteria.iter().map(|one| one.parse().unwrap()).collect();
        Self {
            judge: Judge::new(&criteria, judging, PLANNED.to_vec(), min_requests),
            step: 1,
            control: Control::Concurrent,
            share: None,
            exclude: None,
            complaints: 0,
            minute: 0,
        }
    }

    /// By evidence, as a policy that says nothing has it.
    pub(super) fn by_evidence(criteria: &[&str]) -> Self {
        Self::new(criteria, &Judging::default(), 100)
    }

    /// One more minute: what each arm answered about metrics by name.
    pub(super) fn look(&mut self, answers: &[(&str, Arm, Answer)]) -> Vec<Verdict> {
        let from = "2026-11-23T14:00:00.000Z".parse::<Timestamp>().unwrap() + Span::from_minutes(self.minute);
        let window = Window { from, until: from + Span::from_minutes(1) };
        self.minute += 1;
        let observations: Vec<Observation> = answers
            .iter()
            .map(|(metric, arm, answer)| Observation {
                metric: metric.parse().unwrap(),
                arm: *arm,
                window,
                source: "a test".to_owned(),
                answer: answer.clone(),
            })
            .collect();
        self.judge.observe(&Evaluation {
            step: self.step,
            window,
            control: self.control,
            share: self.share,
            exclude: self.exclude.map(|size| Finite::new(size).unwrap()),
            complaints: self.complaints,
            observations: &observations,
        });
        self.judge.verdicts()
    }

    /// One more minute of one metric in both arms.
    pub(super) fn both(&mut self, metric: &str, canary: Answer, baseline: Answer) -> Verdict {
        self.look(&[(metric, Arm::Canary, canary), (metric, Arm::Baseline, baseline)]).remove(0)
    }

    /// One more minute of errors of the canary alone.
    pub(super) fn errors(&mut self, requests: u64, errors: u64) -> Verdict {
        self.look(&[("error_rate", Arm::Canary, counts(requests, errors))]).remove(0)
    }

    /// The first of so many minutes that fails.
    pub(super) fn fails_at(
        &mut self,
        minutes: usize,
        mut one: impl FnMut(&mut Self) -> Verdict,
    ) -> Option<usize> {
        (0..minutes).position(|_| one(self).outcome == Outcome::Fail)
    }
}

pub(super) fn counts(requests: u64, errors: u64) -> Answer {
    Answer::Value(Measurement::Counts { requests, errors })
}

pub(super) fn gauge(value: f64) -> Answer {
    Answer::Value(Measurement::Gauge { value: Finite::new(value).unwrap() })
}

pub(super) fn events(count: u64, exposure: u64) -> Answer {
    Answer::Value(Measurement::Events { count, exposure })
}

pub(super) fn nothing() -> Answer {
    Answer::NoData { detail: "empty".to_owned() }
}

/// Milliseconds: the bounds of [`latency`].
pub(super) const BOUNDS: [f64; 8] = [25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0];

/// Requests by bucket: up to each of [`BOUNDS`], and last those above.
pub(super) fn latency(counts: [u64; 9]) -> Answer {
    let bounds = BOUNDS.iter().map(|bound| Finite::new(*bound).unwrap()).collect();
    let histogram = ClassicHistogram::new(bounds, counts.to_vec()).unwrap();
    Answer::Value(Measurement::Histogram(Histogram::Classic(histogram)))
}

/// Ten thousand requests of a healthy version, times so many: a p99 of 200 ms.
pub(super) fn healthy(times: u64) -> Answer {
    latency([2_000, 4_000, 3_000, 900, 90, 10, 0, 0, 0].map(|count| count * times))
}

/// The same where everything takes so many doublings as long.
pub(super) fn slow(times: u64, doublings: usize) -> Answer {
    let mut counts = [2_000, 4_000, 3_000, 900, 90, 10, 0, 0, 0].map(|count| count * times);
    counts.rotate_right(doublings);
    latency(counts)
}

/// Numbers that look random, the same everywhere (Steele, Lea and Flood 2014, `SplitMix`).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// How many of so many requests err, each with so many chances in ten thousand.
    pub(super) fn errors(&mut self, requests: u64, in_ten_thousand: u64) -> u64 {
        (0..requests).map(|_| u64::from(self.next() % 10_000 < in_ten_thousand)).sum()
    }
}
