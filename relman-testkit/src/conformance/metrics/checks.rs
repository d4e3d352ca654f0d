use relman_core::{
    judge::{Answer, Arm, Measurement, MissingKind, Observation},
    unit::MetricName,
};

use super::{MetricsFixture, Question};
use crate::conformance::{
    Unable,
    finding::{Met, Unmet, ensure, named, silent},
};

pub(super) fn adapter(fixture: &dyn MetricsFixture) -> String {
    fixture.source().name().to_owned()
}

pub(super) async fn has_a_name(fixture: &dyn MetricsFixture) -> Met {
    named(fixture.source().name())
}

pub(super) async fn a_metric_it_measures_is_known(fixture: &dyn MetricsFixture) -> Met {
    let metric = fixture.question().query.metric;
    ensure!(fixture.source().knows(&metric), "{metric} is not known, and the fixture's question is about it");
    Ok(())
}

pub(super) async fn a_metric_nobody_measures_is_unknown(fixture: &dyn MetricsFixture) -> Met {
    let metric = unheard_of();
    ensure!(!fixture.source().knows(&metric), "{metric} is said to be known");
    Ok(())
}

pub(super) async fn an_unknown_metric_has_no_value(fixture: &dyn MetricsFixture) -> Met {
    let mut question = fixture.question();
    question.query.metric = unheard_of();
    let answer = ask(fixture, &question).await.answer;
    ensure!(answer.measurement().is_none(), "{} was answered with the value {answer}", question.query.metric);
    Ok(())
}

pub(super) async fn a_question_is_answered_with_a_value(fixture: &dyn MetricsFixture) -> Met {
    for arm in [Arm::Canary, Arm::Baseline] {
        value(fixture, &Question { arm, ..fixture.question() }).await?;
    }
    Ok(())
}

pub(super) async fn the_answer_is_about_what_was_asked(fixture: &dyn MetricsFixture) -> Met {
    for arm in [Arm::Canary, Arm::Baseline] {
        let question = Question { arm, ..fixture.question() };
        let told = ask(fixture, &question).await;
        ensure!(told.arm == arm, "a question about the {arm} was answered about the {}", told.arm);
        let (asked, told) = (question.query.metric, told.metric);
        ensure!(told == asked, "a question about {asked} was answered about {told}");
    }
    Ok(())
}

pub(super) async fn the_answer_says_who_gave_it(fixture: &dyn MetricsFixture) -> Met {
    let told = ask(fixture, &fixture.question()).await.source;
    let name = fixture.source().name();
    ensure!(told == name, "the answer is by {told:?}, and the adapter's name is {name:?}");
    Ok(())
}

pub(super) async fn the_window_is_the_one_covered(fixture: &dyn MetricsFixture) -> Met {
    let question = fixture.question();
    let (told, covered) = (ask(fixture, &question).await.window, fixture.covered(&question));
    ensure!(told == covered, "the answer says that it covers {told}, and it covers {covered}");
    Ok(())
}

pub(super) async fn each_arm_is_measured_for_itself(fixture: &dyn MetricsFixture) -> Met {
    for arm in [Arm::Canary, Arm::Baseline] {
        let bounds = fixture.requests(arm)?;
        let measured = value(fixture, &Question { arm, ..fixture.question() }).await?;
        let Some(requests) = measured.requests() else {
            let reason = format!("{measured} does not say on how many requests it rests");
            return Err(Unable::because(reason).into());
        };
        ensure!(
            bounds.contains(&requests),
            "the {arm} had {} to {} requests, and {requests} were measured",
            bounds.start(),
            bounds.end()
        );
    }
    Ok(())
}

pub(super) async fn a_part_is_at_most_the_whole(fixture: &dyn MetricsFixture) -> Met {
    for arm in [Arm::Canary, Arm::Baseline] {
        let measured = value(fixture, &Question { arm, ..fixture.question() }).await?;
        match &measured {
            Measurement::Counts { requests, errors: part }
            | Measurement::Exceedances { requests, exceedances: part, .. } => {
                ensure!(part <= requests, "{part} of {requests} requests of the {arm} were measured");
            }
            Measurement::Histogram(_) | Measurement::Events { .. } | Measurement::Gauge { .. } => {
                let reason = format!("{measured} is no part of a whole");
                return Err(Unable::because(reason).into());
            }
        }
    }
    Ok(())
}

pub(super) async fn an_empty_result_is_no_data(fixture: &dyn MetricsFixture) -> Met {
    is_missing(fixture, &fixture.empty().await?, MissingKind::NoData).await
}

pub(super) async fn a_measured_zero_is_a_value(fixture: &dyn MetricsFixture) -> Met {
    let measured = value(fixture, &fixture.zero().await?).await?;
    let zero = match &measured {
        Measurement::Counts { errors: part, .. } | Measurement::Exceedances { exceedances: part, .. } => {
            *part == 0
        }
        Measurement::Histogram(histogram) => histogram.count() == 0,
        Measurement::Events { count, .. } => *count == 0,
        Measurement::Gauge { value } => value.get() == 0.0,
    };
    ensure!(zero, "a zero was out there, and {measured} was measured");
    Ok(())
}

pub(super) async fn asking_twice_is_harmless(fixture: &dyn MetricsFixture) -> Met {
    let question = fixture.question();
    let other = Question { arm: Arm::Baseline, ..fixture.question() };
    let first = ask(fixture, &question).await;
    ask(fixture, &other).await;
    let second = ask(fixture, &question).await;
    ensure!(
        first == second,
        "the same question was answered with {} and then with {}",
        first.answer,
        second.answer
    );
    Ok(())
}

pub(super) async fn a_source_that_is_cut_off_says_so(fixture: &dyn MetricsFixture) -> Met {
    fixture.cut_off().await?;
    is_missing(fixture, &fixture.question(), MissingKind::ProviderError).await
}

pub(super) async fn old_data_are_stale(fixture: &dyn MetricsFixture) -> Met {
    is_missing(fixture, &fixture.stale().await?, MissingKind::Stale).await
}

pub(super) async fn what_is_not_finite_is_named(fixture: &dyn MetricsFixture) -> Met {
    is_missing(fixture, &fixture.not_finite().await?, MissingKind::NotFinite).await
}

pub(super) async fn errors_hold_no_secret(fixture: &dyn MetricsFixture) -> Met {
    let secrets = fixture.secrets()?;
    fixture.cut_off().await?;
    let told = ask(fixture, &fixture.question()).await;
    silent(&format!("{} {told:?}", told.answer), &secrets)
}

fn unheard_of() -> MetricName {
    "nobody_measures_this".parse().expect("a constant name")
}

async fn ask(fixture: &dyn MetricsFixture, question: &Question) -> Observation {
    fixture.source().observe(&question.query, question.arm, question.window).await
}

async fn value(fixture: &dyn MetricsFixture, question: &Question) -> Result<Measurement, Unmet> {
    match ask(fixture, question).await.answer {
        Answer::Value(measured) => Ok(measured),
        other => Err(Unmet::Failed(format!(
            "{} of the {} has a value, and was answered with: {other}",
            question.query.metric, question.arm
        ))),
    }
}

async fn is_missing(fixture: &dyn MetricsFixture, question: &Question, kind: MissingKind) -> Met {
    let answer = ask(fixture, question).await.answer;
    ensure!(answer.missing() == Some(kind), "the answer should be {kind}, and it was: {answer}");
    Ok(())
}
