use relman_core::port::{Moment, Notification, Retry, Urgency};

use super::{NotifierFixture, Received};
use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};

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
            "{part:?} was told, and what arrived was {arrived:?}"
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
    let all = Moment::ALL.into_iter().flat_map(|moment| [(moment, Urgency::Inform), (moment, Urgency::Page)]);
    for (number, (moment, urgency)) in all.enumerate() {
        let drill = number % 3 == 0;
        let told = Notification { moment, urgency, drill, ..notification(fixture, number) };
        let arrived = tell(fixture, &told).await?;
        ensure!(
            arrived.iter().any(|one| one.text.contains(&told.title)),
            "{moment} ({urgency:?}) was told, and what arrived was {arrived:?}"
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
    let second = Notification { key: "another-key".to_owned(), ..first.clone() };
    for (which, told) in [("first", first), ("second", second)] {
        let arrived = tell(fixture, &told).await?;
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
async fn tell(fixture: &dyn NotifierFixture, notification: &Notification) -> Result<Vec<Received>, Unmet> {
    let before = fixture.received().await?.len();
    works("telling", fixture.notifier().notify(notification).await)?;
    Ok(fixture.received().await?.split_off(before))
}

/// A notification whose words need no escaping anywhere.
fn notification(fixture: &dyn NotifierFixture, number: usize) -> Notification {
    Notification {
        release: "checkout-241".parse().expect("a constant name"),
        drill: false,
        moment: Moment::StepStarted,
        audience: "internal".to_owned(),
        channel: fixture.channel(),
        urgency: Urgency::Inform,
        title: format!("checkout 2.41.0 has news number {number}"),
        body: format!("Step {number} begins, because the one before was clean."),
        key: format!("9f86d081884c7d65-{number}"),
    }
}
