use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use relman_core::{
    judge::{Answer, Arm, Measurement, Observation},
    port::{MetricQuery, MetricsSource},
    unit::{MetricName, Span, Window},
};
use relman_testkit::{
    conformance::{
        Able, Port, Report,
        metrics::{MetricCase, MetricsFixture, suite},
    },
    sample,
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// What is wrong with a metrics source. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    KnowsNothing,
    KnowsEverything,
    MeasuresAnything,
    NoBaseline,
    SaysCanary,
    SaysSomebody,
    SaysAnotherWindow,
    MixesTheArms,
    MoreThanAll,
    EmptyIsZero,
    ZeroIsEmpty,
    ReadsOnce,
    SilenceIsEmpty,
    OldIsGood,
    NanIsZero,
    Tells,
}

/// The sound source, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    cut_off: AtomicBool,
    read: Mutex<BTreeSet<Arm>>,
}

fn metric(name: &str) -> MetricName {
    name.parse().unwrap()
}

fn question(name: &str) -> MetricCase {
    let from = sample::start();
    MetricCase::about(metric(name), Arm::Canary, Window { from, until: from + Span::from_minutes(1) })
}

fn counts(requests: u64, errors: u64) -> Answer {
    Answer::Value(Measurement::Counts { requests, errors })
}

impl Flawed {
    fn answer(&self, metric: &MetricName, arm: Arm) -> Answer {
        if self.cut_off.load(Ordering::Relaxed) {
            return match self.flaw {
                Flaw::SilenceIsEmpty => Answer::NoData { detail: "nothing".to_owned() },
                Flaw::Tells => Answer::ProviderError { detail: format!("no answer to token {TOKEN}") },
                _ => Answer::ProviderError { detail: "no answer".to_owned() },
            };
        }
        if self.flaw == Flaw::ReadsOnce && !self.read.lock().unwrap().insert(arm) {
            return Answer::NoData { detail: "it was read already".to_owned() };
        }
        let arm = if self.flaw == Flaw::MixesTheArms { Arm::Canary } else { arm };
        let more = if self.flaw == Flaw::MoreThanAll { 1_000 } else { 0 };
        match (metric.as_str(), arm) {
            ("error_rate", Arm::Baseline) if self.flaw == Flaw::NoBaseline => {
                Answer::NoData { detail: "nobody labels the baseline".to_owned() }
            }
            ("error_rate", Arm::Canary) => counts(100, 3 + more),
            ("error_rate", Arm::Baseline) => counts(900, 9 + more),
            ("zero", _) if self.flaw == Flaw::ZeroIsEmpty => {
                Answer::NoData { detail: "no errors were counted".to_owned() }
            }
            ("zero", _) => counts(100, 0),
            ("empty", _) if self.flaw == Flaw::EmptyIsZero => counts(0, 0),
            ("stale", _) if self.flaw == Flaw::OldIsGood => counts(100, 3),
            ("stale", _) => Answer::Stale { newest: sample::start().minus(Span::from_hours(1)) },
            ("nan", _) if self.flaw == Flaw::NanIsZero => counts(0, 0),
            ("nan", _) => Answer::NotFinite { written: "NaN".to_owned() },
            ("nobody_measures_this", _) if self.flaw == Flaw::MeasuresAnything => counts(0, 0),
            _ => Answer::NoData { detail: "no rows".to_owned() },
        }
    }
}

#[async_trait]
impl MetricsSource for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    fn knows(&self, metric: &MetricName) -> bool {
        match self.flaw {
            Flaw::KnowsNothing => false,
            Flaw::KnowsEverything => true,
            _ => ["error_rate", "zero", "empty", "stale", "nan"].contains(&metric.as_str()),
        }
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let answer = self.answer(&query.metric, arm);
        let late = Span::from_minutes(u64::from(self.flaw == Flaw::SaysAnotherWindow));
        Observation::new(
            query.metric.clone(),
            if self.flaw == Flaw::SaysCanary { Arm::Canary } else { arm },
            Window { from: window.from + late, until: window.until + late },
            if self.flaw == Flaw::SaysSomebody { "somebody" } else { self.name() },
            answer,
        )
    }
}

#[async_trait]
impl MetricsFixture for Flawed {
    fn source(&self) -> &dyn MetricsSource {
        self
    }

    fn question(&self) -> MetricCase {
        question("error_rate")
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec!["another".to_owned(), TOKEN.to_owned()])
    }

    fn requests(&self, arm: Arm) -> Able<RangeInclusive<u64>> {
        Ok(match arm {
            Arm::Canary => 100..=100,
            Arm::Baseline => 890..=910,
        })
    }

    async fn empty(&self) -> Able<MetricCase> {
        Ok(question("empty"))
    }

    async fn zero(&self) -> Able<MetricCase> {
        Ok(question("zero"))
    }

    async fn stale(&self) -> Able<MetricCase> {
        Ok(question("stale"))
    }

    async fn not_finite(&self) -> Able<MetricCase> {
        Ok(question("nan"))
    }

    async fn cut_off(&self) -> Able<()> {
        self.cut_off.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed { flaw, cut_off: false.into(), read: Mutex::default() }).await
}

#[tokio::test]
async fn each_check_of_a_metrics_source_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("a_metric_it_measures_is_known", Flaw::KnowsNothing, &[]),
        ("a_metric_nobody_measures_is_unknown", Flaw::KnowsEverything, &[]),
        ("an_unknown_metric_has_no_value", Flaw::MeasuresAnything, &[]),
        (
            "a_question_is_answered_with_a_value",
            Flaw::NoBaseline,
            &["each_arm_is_measured_for_itself", "a_part_is_at_most_the_whole"],
        ),
        ("the_answer_is_about_what_was_asked", Flaw::SaysCanary, &[]),
        ("the_answer_says_who_gave_it", Flaw::SaysSomebody, &[]),
        ("the_window_is_the_one_covered", Flaw::SaysAnotherWindow, &[]),
        ("each_arm_is_measured_for_itself", Flaw::MixesTheArms, &[]),
        ("a_part_is_at_most_the_whole", Flaw::MoreThanAll, &[]),
        ("an_empty_result_is_no_data", Flaw::EmptyIsZero, &[]),
        ("a_measured_zero_is_a_value", Flaw::ZeroIsEmpty, &[]),
        ("asking_twice_is_harmless", Flaw::ReadsOnce, &[]),
        ("a_source_that_is_cut_off_says_so", Flaw::SilenceIsEmpty, &[]),
        ("old_data_are_stale", Flaw::OldIsGood, &[]),
        ("what_is_not_finite_is_named", Flaw::NanIsZero, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::MetricsSource, &report(Flaw::None).await, &exposed);
}
