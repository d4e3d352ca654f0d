//! The suite of [`UserFlows`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    port::UserFlows,
    unit::{FlowName, ServiceName},
};

use crate::conformance::{Able, Unable};

/// User flows to be checked, and the service that they try: at first, each of them works.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait UserFlowsFixture: Send + Sync {
    /// The user flows.
    fn user_flows(&self) -> &dyn UserFlows;

    /// The service that they try.
    fn service(&self) -> ServiceName {
        "checkout".parse().expect("a constant name")
    }

    /// The secrets that the flows were given, as texts that neither a report nor an error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Breaks one flow of the service, and says which: it still answers, and wrongly.
    async fn break_one(&self) -> Able<FlowName> {
        Err(Unable::unmentioned("break a flow"))
    }

    /// Mends what [`break_one`](Self::break_one) has broken.
    async fn mend(&self) -> Able<()> {
        Err(Unable::unmentioned("mend a flow"))
    }

    /// From now on the service takes requests and never answers one.
    async fn hang(&self) -> Able<()> {
        Err(Unable::unmentioned("make the service hang"))
    }

    /// Completes after the two minutes that one check may take, by the timer of the runtime.
    async fn two_minutes(&self) -> Able<()> {
        Err(Unable::unmentioned("wait for two minutes"))
    }

    /// From now on nothing can be found out about any flow.
    async fn blind(&self) -> Able<()> {
        Err(Unable::unmentioned("keep the adapter from trying"))
    }

    /// Everything that users see and that checking must not change, in any form that can be compared.
    async fn seen_by_users(&self) -> Able<String> {
        Err(Unable::unmentioned("look at what users see"))
    }
}

crate::__checks_of_user_flows! { __conformance_suite (UserFlows, UserFlowsFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_user_flows {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            its_flows_are_named_once: "The names of the flows that are checked, each once.",
            a_report_is_complete: "The report has each of the flows once, in their order, and nothing else.",
            what_works_passes: "A flow that works has passed.",
            a_report_has_its_evidence: "Of every flow it says what was expected and what was found.",
            what_is_broken_fails: "A flow that was tried and does not work has failed, and is no error.",
            each_check_tries_again: "Every call tries again; an earlier answer is never given twice.",
            checking_changes_nothing_for_users: "Checking changes nothing for users.",
            two_may_check_at_the_same_time: "Checking by two conductors at the same time does no harm.",
            silence_is_no_pass: "A service that does not answer in its time has not passed.",
            silence_does_not_keep_it_waiting: "It returns within two minutes, whatever the service does.",
            not_knowing_is_no_pass: "Not knowing is an error or unknown, and never a pass.",
            not_knowing_is_no_failure: "A flow of which nothing could be found out has not failed.",
            nothing_that_it_says_holds_a_secret: "What was expected and found, and every error, holds no secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`user_flows`](mod@crate::conformance::user_flows) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::user_flows! {
///     #[tokio::test]
///     mod browser { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __user_flows_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_user_flows! {
            __conformance_tests (user_flows [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::UserFlowsFixture;
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, named, silent, works};
    use futures::future::{Either, join, select};
    use relman_core::{
        port::{FlowOutcome, FlowReport, PortError},
        unit::FlowName,
    };
    use std::{collections::BTreeSet, pin::pin};

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
        ensure!(
            report.outcome() == FlowOutcome::Passed,
            "nothing was wrong, and it found {}",
            report.evidence()
        );
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
        ensure!(
            outcome == Some(FlowOutcome::Failed),
            "{broken} is broken, and it found {}",
            report.evidence()
        );
        Ok(())
    }

    pub(super) async fn each_check_tries_again(fixture: &dyn UserFlowsFixture) -> Met {
        sound(fixture).await?;
        fixture.break_one().await?;
        let broken = works("checking a broken flow", check(fixture).await)?;
        ensure!(
            broken.outcome() != FlowOutcome::Passed,
            "a flow was broken meanwhile, and it found the same"
        );
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
}
