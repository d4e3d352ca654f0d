//! The suite of [`Notifier`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{port::Notifier, unit::Channel};

use crate::conformance::{Able, Unable};

/// What came to the other side of a notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Everything that people can read of it, in any form.
    pub text: String,
    /// The key by which the other side tells duplicates; an inability where it has no place for one.
    pub key: Able<String>,
}

/// A notifier to be checked, and what came to the other side.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait NotifierFixture: Send + Sync {
    /// The notifier.
    fn notifier(&self) -> &dyn Notifier;

    /// A channel that the notifier serves.
    fn channel(&self) -> Channel {
        "releases".parse().expect("a constant name")
    }

    /// A channel that the notifier doesn't serve.
    fn unserved(&self) -> Able<Channel> {
        Err(Unable::because("the adapter serves every channel"))
    }

    /// The secrets that the notifier was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Everything that came to the other side so far, in order.
    async fn received(&self) -> Able<Vec<Received>> {
        Err(Unable::unmentioned("look at the other side"))
    }

    /// Cuts the notifier off from the other side: nothing that it sends from now on arrives or is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the notifier off"))
    }
}

crate::__checks_of_notifier! { __conformance_suite (Notifier, NotifierFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_notifier {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            its_channel_is_served: "Whether this notifier serves the channel.",
            another_channel_is_not_served: "A communication plan that can't be kept is found before a release starts.",
            what_is_told_arrives: "Delivers one notification: its title and its body.",
            it_arrives_once: "Delivers one notification, and not more.",
            every_moment_and_urgency_arrives: "Tells people what happens, whatever it is.",
            a_repetition_succeeds: "A notification may be delivered twice, with the same key, when an answer was lost.",
            the_key_is_handed_on: "The key is handed on where the other side can tell duplicates by it.",
            another_key_is_another_notification: "Duplicates are told by the key, and by nothing else.",
            what_was_not_delivered_is_an_error: "An error where it was not delivered, or where that is not known.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`notifier`](mod@crate::conformance::notifier) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::notifier! {
///     #[tokio::test]
///     mod pager { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __notifier_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_notifier! {
            __conformance_tests (notifier [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::{NotifierFixture, Received};
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};
    use relman_core::port::{Notification, NotifyOn, Retry, Urgency};

    pub(super) fn adapter(fixture: &dyn NotifierFixture) -> String {
        fixture.notifier().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn NotifierFixture) -> Met {
        named(fixture.notifier().name())
    }

    pub(super) async fn its_channel_is_served(fixture: &dyn NotifierFixture) -> Met {
        let channel = fixture.channel();
        ensure!(fixture.notifier().serves(&channel), "{channel} is not served");
        Ok(())
    }

    pub(super) async fn another_channel_is_not_served(fixture: &dyn NotifierFixture) -> Met {
        let channel = fixture.unserved()?;
        ensure!(!fixture.notifier().serves(&channel), "{channel} is said to be served");
        Ok(())
    }

    pub(super) async fn what_is_told_arrives(fixture: &dyn NotifierFixture) -> Met {
        let notification = notification(fixture, 1);
        let arrived = tell(fixture, &notification).await?;
        ensure!(!arrived.is_empty(), "nothing arrived");
        for part in [&notification.title, &notification.body] {
            ensure!(
                arrived.iter().any(|one| one.text.contains(part.as_str())),
                "{part:?} was sent, and what arrived was {arrived:?}"
            );
        }
        Ok(())
    }

    pub(super) async fn it_arrives_once(fixture: &dyn NotifierFixture) -> Met {
        let arrived = tell(fixture, &notification(fixture, 1)).await?;
        ensure!(arrived.len() <= 1, "one notification arrived as {}: {arrived:?}", arrived.len());
        Ok(())
    }

    pub(super) async fn every_moment_and_urgency_arrives(fixture: &dyn NotifierFixture) -> Met {
        let all =
            NotifyOn::ALL.into_iter().flat_map(|moment| [(moment, Urgency::Inform), (moment, Urgency::Page)]);
        for (number, (moment, urgency)) in all.enumerate() {
            let drill = number % 3 == 0;
            let mut sent = notification(fixture, number).with_urgency(urgency);
            sent.moment = moment;
            sent.drill = drill;
            let arrived = tell(fixture, &sent).await?;
            ensure!(
                arrived.iter().any(|one| one.text.contains(&sent.title)),
                "{moment} ({urgency:?}) was sent, and what arrived was {arrived:?}"
            );
        }
        Ok(())
    }

    pub(super) async fn a_repetition_succeeds(fixture: &dyn NotifierFixture) -> Met {
        let notification = notification(fixture, 1);
        works("telling", fixture.notifier().notify(&notification).await)?;
        works("telling the same again", fixture.notifier().notify(&notification).await)
    }

    pub(super) async fn the_key_is_handed_on(fixture: &dyn NotifierFixture) -> Met {
        let notification = notification(fixture, 1);
        for _ in 0..2 {
            for received in tell(fixture, &notification).await? {
                let key = received.key?;
                ensure!(key == notification.key, "{:?} arrived with the key {key:?}", notification.key);
            }
        }
        Ok(())
    }

    pub(super) async fn another_key_is_another_notification(fixture: &dyn NotifierFixture) -> Met {
        let first = notification(fixture, 1);
        let mut second = first.clone();
        second.key = "another-key".into();
        for (which, sent) in [("first", first), ("second", second)] {
            let arrived = tell(fixture, &sent).await?;
            ensure!(
                !arrived.is_empty(),
                "of two notifications that differ in their keys alone, the {which} did not arrive"
            );
        }
        Ok(())
    }

    pub(super) async fn what_was_not_delivered_is_an_error(fixture: &dyn NotifierFixture) -> Met {
        fixture.cut_off().await?;
        let answer = fixture.notifier().notify(&notification(fixture, 1)).await;
        fails("telling where nothing arrives", answer)?;
        Ok(())
    }

    pub(super) async fn what_was_cut_off_may_be_tried_again(fixture: &dyn NotifierFixture) -> Met {
        fixture.cut_off().await?;
        // That there is an error at all is another check's finding.
        if let Err(error) = fixture.notifier().notify(&notification(fixture, 1)).await {
            ensure!(error.retry() != Retry::Never, "the error advises against another try: {error}");
        }
        Ok(())
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn NotifierFixture) -> Met {
        let secrets = fixture.secrets()?;
        fixture.cut_off().await?;
        match fixture.notifier().notify(&notification(fixture, 1)).await {
            Ok(()) => Ok(()),
            Err(error) => discreet(&error, &secrets),
        }
    }

    /// Tells, and gives what has come to the other side since.
    async fn tell(
        fixture: &dyn NotifierFixture,
        notification: &Notification,
    ) -> Result<Vec<Received>, Unmet> {
        let before = fixture.received().await?.len();
        works("telling", fixture.notifier().notify(notification).await)?;
        Ok(fixture.received().await?.split_off(before))
    }

    /// A notification whose words need no escaping anywhere.
    fn notification(fixture: &dyn NotifierFixture, number: usize) -> Notification {
        Notification::new(
            "checkout-241".parse().expect("a constant name"),
            NotifyOn::StepStarted,
            "internal",
            fixture.channel(),
            format!("9f86d081884c7d65-{number}"),
        )
        .with_title(format!("checkout 2.41.0 has news number {number}"))
        .with_body(format!("Step {number} begins, because the one before was clean."))
    }
}
