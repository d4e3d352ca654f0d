use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use relman_core::{
    port::{Incident, IncidentSource, PortError, PortErrorKind},
    unit::{ServiceName, Span, Timestamp, Window},
};
use relman_testkit::{
    conformance::{
        Able, Port, Report,
        incidents::{IncidentFixture, suite},
    },
    sample,
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// What is wrong with a source. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    TestAlert,
    AskedAt,
    NumbersThem,
    OneName,
    AsTheyCame,
    NeverEnds,
    EndsEarly,
    AnyTime,
    EveryService,
    SilenceIsPeace,
    Tells,
}

/// The sound source, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    incidents: Mutex<Vec<Incident>>,
    answers: AtomicU64,
    cut_off: AtomicBool,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self { flaw, incidents: Mutex::default(), answers: 0.into(), cut_off: false.into() }
    }
}

#[async_trait]
impl IncidentSource for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { "" } else { "flawed" }
    }

    async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError> {
        if self.cut_off.load(Ordering::Relaxed) {
            let detail =
                if self.flaw == Flaw::Tells { format!("sent {TOKEN}") } else { "no answer".to_owned() };
            return match self.flaw {
                Flaw::SilenceIsPeace => Ok(Vec::new()),
                _ => Err(PortError::new("flawed", "ask", PortErrorKind::Unavailable, detail)),
            };
        }
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        let mut told = self.incidents.lock().unwrap().clone();
        if self.flaw == Flaw::TestAlert && told.is_empty() {
            told.push(sample::incident("watchdog", window.from));
        }
        told.retain(|one| self.flaw == Flaw::EveryService || one.service == *service);
        told.retain(|one| self.flaw == Flaw::AnyTime || one.fires_in(window));
        if self.flaw != Flaw::AsTheyCame {
            told.sort_by_key(|one| (one.started_at, one.id.clone()));
        }
        for one in &mut told {
            match self.flaw {
                Flaw::AskedAt => one.started_at = window.until,
                Flaw::NumbersThem => one.id = format!("{}-{answer}", one.id).parse().unwrap(),
                Flaw::OneName => one.id = "incident".parse().unwrap(),
                Flaw::NeverEnds => one.ended_at = None,
                Flaw::EndsEarly => {
                    one.ended_at = one.ended_at.map(|_| one.started_at.minus(Span::from_secs(1)));
                }
                _ => {}
            }
        }
        Ok(told)
    }
}

#[async_trait]
impl IncidentFixture for Flawed {
    fn source(&self) -> &dyn IncidentSource {
        self
    }

    fn service(&self) -> ServiceName {
        "checkout".parse().unwrap()
    }

    fn now(&self) -> Timestamp {
        sample::start()
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn fire(&self, service: &ServiceName, name: &str, from: Timestamp) -> Able<()> {
        let mut incident = sample::incident(name, from);
        incident.service = service.clone();
        self.incidents.lock().unwrap().push(incident);
        Ok(())
    }

    async fn end(&self, service: &ServiceName, name: &str) -> Able<()> {
        let mut incidents = self.incidents.lock().unwrap();
        let open = incidents.iter_mut().find(|one| one.service == *service && one.id.as_str() == name);
        open.unwrap().ended_at = Some(self.now());
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        self.cut_off.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed::new(flaw)).await
}

#[tokio::test]
async fn each_check_of_an_incident_source_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("an_empty_list_says_that_nothing_fires", Flaw::TestAlert, &[][..]),
        ("what_fires_at_the_end_of_the_window_is_in_the_answer", Flaw::AskedAt, &["they_come_in_order"]),
        ("an_incident_keeps_its_id", Flaw::NumbersThem, &["what_has_ended_fires_no_more"]),
        ("two_that_fire_have_two_ids", Flaw::OneName, &[]),
        ("they_come_in_order", Flaw::AsTheyCame, &[]),
        ("what_has_ended_fires_no_more", Flaw::NeverEnds, &[]),
        ("an_end_is_not_before_the_beginning", Flaw::EndsEarly, &[]),
        ("what_began_after_the_window_is_left_out", Flaw::AnyTime, &[]),
        ("another_service_is_left_out", Flaw::EveryService, &[]),
        ("what_can_not_be_asked_is_an_error", Flaw::SilenceIsPeace, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::IncidentSource, &report(Flaw::None).await, &exposed);
}
