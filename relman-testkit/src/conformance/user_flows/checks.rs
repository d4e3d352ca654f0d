use std::{collections::BTreeSet, pin::pin};

use futures::future::{Either, join, select};
use relman_core::{
    port::{FlowOutcome, FlowReport, PortError},
    unit::FlowName,
};

use super::UserFlowsFixture;
use crate::conformance::finding::{Met, Unmet, discreet, ensure, named, silent, works};

pub(super) fn adapter(fixture: &dyn UserFlowsFixture) -> String {
    fixture.user_flows().name().to_owned()
}

pub(super) async fn has_a_name(fixture: &dyn UserFlowsFixture) -> Met {
    named(fixture.user_flows().name())
}

pub(super) async fn its_flows_are_named_once(fixture: &dyn UserFlowsFixture) -> Met {
    let flows = fixture.user_flows().flows();
    ensure!(!flows.is_empty(), "there is no flow");
    let names: BTreeSet<&FlowName> = flows.iter().collect();
    ensure!(names.len() == flows.len(), "a name comes twice: {flows:?}");
    Ok(())
}

pub(super) async fn a_report_is_complete(fixture: &dyn UserFlowsFixture) -> Met {
    let reported: Vec<FlowName> = sound(fixture).await?.flows.into_iter().map(|flow| flow.name).collect();
    let flows = fixture.user_flows().flows();
    ensure!(reported == flows, "the flows are {flows:?}, and {reported:?} were reported");
    Ok(())
}

pub(super) async fn what_works_passes(fixture: &dyn UserFlowsFixture) -> Met {
    let report = sound(fixture).await?;
    ensure!(report.outcome() == FlowOutcome::Passed, "nothing was wrong, and it found {}", report.evidence());
    Ok(())
}

pub(super) async fn a_report_has_its_evidence(fixture: &dyn UserFlowsFixture) -> Met {
    for flow in sound(fixture).await?.flows {
        let said = !flow.expected.trim().is_empty() && !flow.found.trim().is_empty();
        ensure!(said, "of {} it does not say both what was expected and what was found", flow.name);
    }
    Ok(())
}

pub(super) async fn what_is_broken_fails(fixture: &dyn UserFlowsFixture) -> Met {
    let broken = fixture.break_one().await?;
    let report = works("checking a broken flow", check(fixture).await)?;
    let outcome = report.flows.iter().find(|flow| flow.name == broken).map(|flow| flow.outcome);
    ensure!(outcome == Some(FlowOutcome::Failed), "{broken} is broken, and it found {}", report.evidence());
    Ok(())
}

pub(super) async fn each_check_tries_again(fixture: &dyn UserFlowsFixture) -> Met {
    sound(fixture).await?;
    fixture.break_one().await?;
    let broken = works("checking a broken flow", check(fixture).await)?;
    ensure!(broken.outcome() != FlowOutcome::Passed, "a flow was broken meanwhile, and it found the same");
    fixture.mend().await?;
    let mended = sound(fixture).await?;
    ensure!(
        mended.outcome() == FlowOutcome::Passed,
        "the flow was mended, and it found {}",
        mended.evidence()
    );
    Ok(())
}

pub(super) async fn checking_changes_nothing_for_users(fixture: &dyn UserFlowsFixture) -> Met {
    let before = fixture.seen_by_users().await?;
    for _ in 0..3 {
        sound(fixture).await?;
    }
    let after = fixture.seen_by_users().await?;
    ensure!(before == after, "users saw {before}, and after three checks {after}");
    Ok(())
}

pub(super) async fn two_may_check_at_the_same_time(fixture: &dyn UserFlowsFixture) -> Met {
    let (first, second) = join(check(fixture), check(fixture)).await;
    for answer in [first, second] {
        let report = works("one of two checks at the same time", answer)?;
        ensure!(report.outcome() == FlowOutcome::Passed, "one of two found {}", report.evidence());
    }
    Ok(())
}

pub(super) async fn silence_is_no_pass(fixture: &dyn UserFlowsFixture) -> Met {
    fixture.hang().await?;
    no_pass("the service never answers", &check(fixture).await)
}

pub(super) async fn silence_does_not_keep_it_waiting(fixture: &dyn UserFlowsFixture) -> Met {
    fixture.hang().await?;
    let (checked, over) = (pin!(check(fixture)), fixture.two_minutes());
    match select(checked, over).await {
        Either::Left(_) => Ok(()),
        Either::Right((over, _)) => {
            over?;
            Err(Unmet::Failed("the service never answers, and neither does the check".to_owned()))
        }
    }
}

pub(super) async fn not_knowing_is_no_pass(fixture: &dyn UserFlowsFixture) -> Met {
    fixture.blind().await?;
    no_pass("nothing can be found out", &check(fixture).await)
}

pub(super) async fn not_knowing_is_no_failure(fixture: &dyn UserFlowsFixture) -> Met {
    fixture.blind().await?;
    match check(fixture).await {
        Ok(report) if report.outcome() == FlowOutcome::Failed => {
            let found = report.evidence();
            Err(Unmet::Failed(format!("nothing can be found out, and it found {found}")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

pub(super) async fn nothing_that_it_says_holds_a_secret(fixture: &dyn UserFlowsFixture) -> Met {
    let secrets = fixture.secrets()?;
    keeps(check(fixture).await, &secrets)?;
    if fixture.break_one().await.is_ok() {
        keeps(check(fixture).await, &secrets)?;
    }
    if fixture.blind().await.is_ok() {
        keeps(check(fixture).await, &secrets)?;
    }
    Ok(())
}

fn keeps(answer: Result<FlowReport, PortError>, secrets: &[String]) -> Met {
    match answer {
        Ok(report) => silent(&format!("{report:?}"), secrets),
        Err(error) => discreet(&error, secrets),
    }
}

fn no_pass(world: &str, answer: &Result<FlowReport, PortError>) -> Met {
    match answer {
        Ok(report) if report.outcome() == FlowOutcome::Passed => {
            Err(Unmet::Failed(format!("{world}, and the flows passed: {}", report.evidence())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn check(fixture: &dyn UserFlowsFixture) -> Result<FlowReport, PortError> {
    fixture.user_flows().check(&fixture.service()).await
}

/// A report on a service with which nothing is wrong.
async fn sound(fixture: &dyn UserFlowsFixture) -> Result<FlowReport, Unmet> {
    works("checking", check(fixture).await)
}
