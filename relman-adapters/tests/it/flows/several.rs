use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use relman_adapters::flow::{Flows, FlowsError};
use relman_core::{
    port::{CheckedFlow, FlowOutcome, FlowReport, PortError, PortErrorKind, UserFlows},
    unit::{FlowName, ServiceName},
};

use super::service;

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Report(FlowOutcome),
    ReportNothing,
    Fail,
    Hang,
}

/// How many are at it, and how many there were at most.
type Crowd = Arc<(AtomicUsize, AtomicUsize)>;

struct Member {
    name: FlowName,
    does: Does,
    crowd: Crowd,
}

#[async_trait]
impl UserFlows for Member {
    fn name(&self) -> &'static str {
        "member"
    }

    fn flows(&self) -> Vec<FlowName> {
        vec![self.name.clone()]
    }

    async fn check(&self, _: &ServiceName) -> Result<FlowReport, PortError> {
        let now = self.crowd.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.crowd.1.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.crowd.0.fetch_sub(1, Ordering::Relaxed);
        match self.does {
            Does::Report(outcome) => {
                Ok(FlowReport::new([CheckedFlow::new(self.name.clone(), outcome, "words", "words")]))
            }
            Does::ReportNothing => Ok(FlowReport::new([])),
            Does::Fail => Err(PortError::new("member", "check", PortErrorKind::Unavailable, "no browser")),
            Does::Hang => std::future::pending().await,
        }
    }
}

fn members(does: &[Does]) -> (Vec<Arc<dyn UserFlows>>, Crowd) {
    let crowd = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let member = |(index, does): (usize, &Does)| -> Arc<dyn UserFlows> {
        let name = format!("flow-{index}").parse().unwrap();
        Arc::new(Member { name, does: *does, crowd: crowd.clone() })
    };
    (does.iter().enumerate().map(member).collect(), crowd)
}

async fn report(does: &[Does]) -> Result<FlowReport, PortError> {
    Flows::new(members(does).0).unwrap().check(&service()).await
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_of_one_is_reported_beside_what_is_known_of_the_others() {
    let passed = Does::Report(FlowOutcome::Passed);
    let report = report(&[passed, Does::Fail, Does::ReportNothing, Does::Hang, passed]).await.unwrap();
    let said: Vec<String> = report.flows.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "flow-0: passed (expected words; found words)",
            "flow-1: unknown (expected an answer; found not available: no browser)",
            "flow-2: unknown (expected an answer; found nothing in what the adapter reported)",
            "flow-3: unknown (expected an answer; found no answer in time: it was not done within 1m 40s)",
            "flow-4: passed (expected words; found words)",
        ]
    );
    assert_eq!(report.outcome(), FlowOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_known_of_any_it_is_an_error() {
    let error = report(&[Does::Fail, Does::Hang]).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (PortErrorKind::Unavailable, "no browser"));
}

#[tokio::test(start_paused = true)]
async fn they_are_tried_at_the_same_time_and_not_too_many_at_once() {
    let (members, crowd) = members(&[Does::Report(FlowOutcome::Passed); 30]);
    let begin = tokio::time::Instant::now();
    let report = Flows::new(members).unwrap().check(&service()).await.unwrap();
    assert_eq!((report.flows.len(), report.outcome()), (30, FlowOutcome::Passed));
    assert_eq!(crowd.1.load(Ordering::Relaxed), 8);
    assert_eq!(begin.elapsed().as_secs(), 4, "four rounds of a second");
}

#[test]
fn a_name_stands_for_one_flow_and_none_is_no_port() {
    let (mut twice, _) = members(&[Does::Fail]);
    twice.extend(twice.clone());
    assert_eq!(Flows::new(twice).err(), Some(FlowsError::Duplicate("flow-0".parse().unwrap())));
    assert_eq!(Flows::new([]).err(), Some(FlowsError::Empty));
}
