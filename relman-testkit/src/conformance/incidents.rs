//! The suite of [`IncidentSource`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    port::IncidentSource,
    unit::{ServiceName, Timestamp},
};

use crate::conformance::{Able, Unable};

/// A source of incidents to be checked, and a service for which nothing fires at first.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait IncidentFixture: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn IncidentSource;

    /// A service for which nothing fires as long as the fixture makes nothing fire.
    fn service(&self) -> ServiceName;

    /// What time it is for the source.
    fn now(&self) -> Timestamp;

    /// The secrets that the source was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Makes an incident of a service fire from a moment on, past the adapter; returns when the source can know of it.
    /// The name tells two of them apart, and says later which one is to end.
    async fn fire(&self, service: &ServiceName, name: &str, from: Timestamp) -> Able<()> {
        let _ = (service, name, from);
        Err(Unable::unmentioned("make an incident fire"))
    }

    /// Ends an incident that fires, past the adapter; returns when the source can know of it.
    async fn end(&self, service: &ServiceName, name: &str) -> Able<()> {
        let _ = (service, name);
        Err(Unable::unmentioned("end an incident"))
    }

    /// Cuts the adapter off: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the adapter off"))
    }
}

crate::__checks_of_incidents! { __conformance_suite (IncidentSource, IncidentFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_incidents {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the source, for records, errors and logs.",
            an_empty_list_says_that_nothing_fires: "An empty list says that nothing fires.",
            what_fires_at_the_end_of_the_window_is_in_the_answer: "Whatever fires at the end of the window is in the answer.",
            an_incident_keeps_its_id: "One incident has the same id in every answer.",
            two_that_fire_have_two_ids: "No two incidents that fire at the same time have the same id.",
            they_come_in_order: "By their beginnings, then by id.",
            what_has_ended_fires_no_more: "An incident that has ended is missing in the answer, or in it with its end.",
            an_end_is_not_before_the_beginning: "An end is never before the beginning.",
            what_began_after_the_window_is_left_out: "The incidents that fired at some time in the window, and no others.",
            another_service_is_left_out: "An incident of another service is left out.",
            what_can_not_be_asked_is_an_error: "A source that can't be asked never gives an empty list.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`incidents`](mod@crate::conformance::incidents) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::incidents! {
///     #[tokio::test]
///     mod alerts { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __incidents_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_incidents! {
            __conformance_tests (incidents [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::IncidentFixture;
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};
    use relman_core::{
        port::Incident,
        unit::{ServiceName, Span, Timestamp, Window},
    };

    /// Long before a check begins, and within what any source remembers of what fires.
    const BEFORE: Span = Span::from_minutes(10);

    pub(super) fn adapter(fixture: &dyn IncidentFixture) -> String {
        fixture.source().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn IncidentFixture) -> Met {
        named(fixture.source().name())
    }

    pub(super) async fn an_empty_list_says_that_nothing_fires(fixture: &dyn IncidentFixture) -> Met {
        let listed = ask(fixture).await?;
        ensure!(listed.is_empty(), "nothing fires, and the source lists {listed:?}");
        Ok(())
    }

    pub(super) async fn what_fires_at_the_end_of_the_window_is_in_the_answer(
        fixture: &dyn IncidentFixture,
    ) -> Met {
        let from = lately(fixture, 60);
        fixture.fire(&fixture.service(), "one", from).await?;
        let listed = ask(fixture).await?;
        ensure!(listed.len() == 1, "one incident fires, and the source lists {listed:?}");
        let incident = &listed[0];
        ensure!(incident.ended_at.is_none(), "it fires, and the source says that it has ended: {incident:?}");
        ensure!(
            incident.started_at == from,
            "it fires since {from}, and the source says since {}",
            incident.started_at
        );
        Ok(())
    }

    pub(super) async fn an_incident_keeps_its_id(fixture: &dyn IncidentFixture) -> Met {
        fixture.fire(&fixture.service(), "one", lately(fixture, 60)).await?;
        let (one, two) = (ask(fixture).await?, ask(fixture).await?);
        let id = |listed: &[Incident]| listed.first().map(|incident| incident.id.clone());
        ensure!(
            id(&one).is_some() && id(&one) == id(&two),
            "one incident fires, and the answers call it {:?} and {:?}",
            id(&one),
            id(&two)
        );
        Ok(())
    }

    pub(super) async fn two_that_fire_have_two_ids(fixture: &dyn IncidentFixture) -> Met {
        fixture.fire(&fixture.service(), "one", lately(fixture, 60)).await?;
        fixture.fire(&fixture.service(), "two", lately(fixture, 60)).await?;
        let listed = ask(fixture).await?;
        ensure!(
            listed.len() == 2 && listed[0].id != listed[1].id,
            "two incidents fire, and the source lists {listed:?}"
        );
        Ok(())
    }

    pub(super) async fn they_come_in_order(fixture: &dyn IncidentFixture) -> Met {
        for (name, seconds) in [("late", 20), ("early", 60), ("also-late", 20), ("between", 40)] {
            fixture.fire(&fixture.service(), name, lately(fixture, seconds)).await?;
        }
        let listed = ask(fixture).await?;
        ensure!(listed.len() == 4, "four incidents fire, and the source lists {listed:?}");
        let place = |incident: &Incident| (incident.started_at, incident.id.clone());
        ensure!(
            listed.is_sorted_by_key(place),
            "they are not in the order of their beginnings and ids: {listed:?}"
        );
        Ok(())
    }

    pub(super) async fn what_has_ended_fires_no_more(fixture: &dyn IncidentFixture) -> Met {
        let service = fixture.service();
        fixture.fire(&service, "one", lately(fixture, 60)).await?;
        fixture.fire(&service, "two", lately(fixture, 50)).await?;
        let before = ask(fixture).await?;
        fixture.end(&service, "one").await?;
        let listed = ask(fixture).await?;
        let firing: Vec<&Incident> = listed.iter().filter(|incident| incident.ended_at.is_none()).collect();
        ensure!(
            firing.len() == 1 && before.iter().any(|known| known.id == firing[0].id),
            "one of two incidents has ended, and the source lists {listed:?}"
        );
        Ok(())
    }

    pub(super) async fn an_end_is_not_before_the_beginning(fixture: &dyn IncidentFixture) -> Met {
        let service = fixture.service();
        fixture.fire(&service, "one", lately(fixture, 60)).await?;
        fixture.end(&service, "one").await?;
        for incident in ask(fixture).await? {
            let ended_at = incident.ended_at.unwrap_or(incident.started_at);
            ensure!(ended_at >= incident.started_at, "it has ended before it began: {incident:?}");
        }
        Ok(())
    }

    pub(super) async fn what_began_after_the_window_is_left_out(fixture: &dyn IncidentFixture) -> Met {
        let from = lately(fixture, 60);
        fixture.fire(&fixture.service(), "one", from).await?;
        let until = from.minus(Span::from_secs(1));
        let listed =
            ask_about(fixture, &fixture.service(), Window { from: until.minus(BEFORE), until }).await?;
        ensure!(listed.is_empty(), "nothing fired until {until}, and the source lists {listed:?}");
        Ok(())
    }

    pub(super) async fn another_service_is_left_out(fixture: &dyn IncidentFixture) -> Met {
        let other: ServiceName = "somebody-elses".parse().expect("a constant name");
        fixture.fire(&other, "one", lately(fixture, 60)).await?;
        fixture.fire(&fixture.service(), "one", lately(fixture, 60)).await?;
        let listed = ask(fixture).await?;
        ensure!(
            listed.len() == 1 && listed[0].service == fixture.service(),
            "one incident of {} fires, and the source lists {listed:?}",
            fixture.service()
        );
        Ok(())
    }

    pub(super) async fn what_can_not_be_asked_is_an_error(fixture: &dyn IncidentFixture) -> Met {
        fixture.cut_off().await?;
        let now = fixture.now();
        let window = Window { from: now.minus(BEFORE), until: now };
        fails(
            "asking a source that can't be reached",
            fixture.source().incidents(&fixture.service(), window).await,
        )?;
        Ok(())
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn IncidentFixture) -> Met {
        let secrets = fixture.secrets()?;
        fixture.cut_off().await?;
        let now = fixture.now();
        let window = Window { from: now.minus(BEFORE), until: now };
        match fixture.source().incidents(&fixture.service(), window).await {
            Ok(_) => Ok(()),
            Err(error) => discreet(&error, &secrets),
        }
    }

    /// So many seconds ago, to the second: not every source keeps milliseconds.
    fn lately(fixture: &dyn IncidentFixture, seconds: i64) -> Timestamp {
        let now = fixture.now().as_millis() / 1_000;
        Timestamp::from_millis((now - seconds) * 1_000)
    }

    async fn ask(fixture: &dyn IncidentFixture) -> Result<Vec<Incident>, Unmet> {
        let now = fixture.now();
        ask_about(fixture, &fixture.service(), Window { from: now.minus(BEFORE), until: now }).await
    }

    async fn ask_about(
        fixture: &dyn IncidentFixture,
        service: &ServiceName,
        window: Window,
    ) -> Result<Vec<Incident>, Unmet> {
        let asking = format!("asking for the incidents of {service}");
        works(format_args!("{asking}"), fixture.source().incidents(service, window).await)
    }
}
