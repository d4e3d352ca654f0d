use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, NotifyOn, PortError, PortErrorKind},
    unit::Channel,
};
use relman_testkit::conformance::{
    Able, Port, Report,
    notifier::{NotifierFixture, Received, suite},
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// What is wrong with a notifier. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    ServesNobody,
    ServesEverybody,
    DropsTheBody,
    TellsTwice,
    KeepsHoldsToItself,
    RefusesRepetitions,
    MakesItsOwnKeys,
    TellsTitlesOnce,
    SilenceIsDelivered,
    GivesUp,
    Tells,
}

/// The sound notifier with the other side in it, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    inbox: Mutex<Vec<Received>>,
    seen: Mutex<BTreeSet<String>>,
    cut_off: AtomicBool,
}

#[async_trait]
impl Notifier for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    fn serves(&self, channel: &Channel) -> bool {
        match self.flaw {
            Flaw::ServesNobody => false,
            Flaw::ServesEverybody => true,
            _ => channel.as_str() == "releases",
        }
    }

    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        let failed = |kind, detail: &str| Err(PortError::new("flawed", "notify", kind, detail));
        if self.cut_off.load(Ordering::Relaxed) {
            return match self.flaw {
                Flaw::SilenceIsDelivered => Ok(()),
                Flaw::GivesUp => failed(PortErrorKind::Unauthorized, "no answer"),
                Flaw::Tells => failed(PortErrorKind::TimedOut, &format!("no answer to {TOKEN}")),
                _ => failed(PortErrorKind::TimedOut, "no answer"),
            };
        }
        let Notification { title, body, key, moment, .. } = notification;
        let new = |what: &String| self.seen.lock().unwrap().insert(what.clone());
        match self.flaw {
            Flaw::KeepsHoldsToItself if *moment == NotifyOn::Held => return Ok(()),
            Flaw::RefusesRepetitions if !new(key) => return failed(PortErrorKind::Rejected, "a duplicate"),
            Flaw::TellsTitlesOnce if !new(title) => return Ok(()),
            _ => {}
        }
        let mut inbox = self.inbox.lock().unwrap();
        let text = if self.flaw == Flaw::DropsTheBody { title.clone() } else { format!("{title}\n{body}") };
        let key =
            if self.flaw == Flaw::MakesItsOwnKeys { format!("key-{}", inbox.len()) } else { key.clone() };
        let times = if self.flaw == Flaw::TellsTwice { 2 } else { 1 };
        inbox.extend(vec![Received { text, key: Ok(key) }; times]);
        Ok(())
    }
}

#[async_trait]
impl NotifierFixture for Flawed {
    fn notifier(&self) -> &dyn Notifier {
        self
    }

    fn unserved(&self) -> Able<Channel> {
        Ok("on-call".parse().unwrap())
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn received(&self) -> Able<Vec<Received>> {
        Ok(self.inbox.lock().unwrap().clone())
    }

    async fn cut_off(&self) -> Able<()> {
        self.cut_off.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed { flaw, inbox: Mutex::default(), seen: Mutex::default(), cut_off: false.into() })
        .await
}

#[tokio::test]
async fn each_check_of_a_notifier_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("its_channel_is_served", Flaw::ServesNobody, &[]),
        ("another_channel_is_not_served", Flaw::ServesEverybody, &[]),
        ("what_is_told_arrives", Flaw::DropsTheBody, &[]),
        ("it_arrives_once", Flaw::TellsTwice, &[]),
        ("every_moment_and_urgency_arrives", Flaw::KeepsHoldsToItself, &[]),
        ("a_repetition_succeeds", Flaw::RefusesRepetitions, &["the_key_is_handed_on"]),
        ("the_key_is_handed_on", Flaw::MakesItsOwnKeys, &[]),
        ("another_key_is_another_notification", Flaw::TellsTitlesOnce, &[]),
        ("what_was_not_delivered_is_an_error", Flaw::SilenceIsDelivered, &[]),
        ("what_was_cut_off_may_be_tried_again", Flaw::GivesUp, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Notifier, &report(Flaw::None).await, &exposed);
}
