use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use relman_core::{
    port::{CheckedFlow, FlowOutcome, FlowReport, PortError, PortErrorKind, UserFlows},
    unit::{FlowName, ServiceName, Span},
};
use relman_testkit::conformance::{
    Able, Port, Report,
    user_flows::{UserFlowsFixture, suite},
};

use super::{Exposed, each_check_can_fail};

const PASSWORD: &str = "hunter2-hunter2";

/// What is wrong with user flows. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    NamesOneTwice,
    LeavesOneOut,
    NeverPasses,
    SaysNothing,
    NeverFails,
    Remembers,
    BuysThings,
    OneAtATime,
    SilenceIsGolden,
    WaitsForever,
    BlindIsFine,
    BlindIsBroken,
    Tells,
}

/// What is wrong with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    Sound,
    Broken,
    Hanging,
    Unreachable,
}

/// The sound flows with the service in them, and what each flaw changes about them.
struct Flawed {
    flaw: Flaw,
    world: Mutex<World>,
    first: Mutex<Option<FlowReport>>,
    under_way: AtomicU32,
    bought: AtomicU32,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let (world, first) = (World::Sound.into(), None.into());
        Self { flaw, world, first, under_way: 0.into(), bought: 0.into() }
    }

    fn set(&self, world: World) {
        *self.world.lock().unwrap() = world;
    }

    fn found(&self, name: FlowName, outcome: FlowOutcome) -> CheckedFlow {
        let said = |text: &str| if self.flaw == Flaw::SaysNothing { String::new() } else { text.to_owned() };
        let found = match (outcome, self.flaw) {
            (FlowOutcome::Failed, Flaw::Tells) => format!("{PASSWORD} was refused"),
            _ => said("what users see"),
        };
        CheckedFlow::new(name, outcome, said("a page"), found)
            .with_status(200)
            .with_latency(Span::from_millis(5))
    }

    fn report(&self, world: World) -> FlowReport {
        let outcome = |name: &str| match (world, self.flaw) {
            (World::Sound, Flaw::NeverPasses) => FlowOutcome::Unknown,
            (World::Sound, _) | (World::Broken, Flaw::NeverFails) => FlowOutcome::Passed,
            (World::Hanging, Flaw::SilenceIsGolden) => FlowOutcome::Passed,
            (World::Unreachable, Flaw::BlindIsFine) => FlowOutcome::Passed,
            (World::Unreachable, Flaw::BlindIsBroken) => FlowOutcome::Failed,
            (World::Unreachable, _) => FlowOutcome::Unknown,
            (World::Broken, _) if name == "login" => FlowOutcome::Passed,
            (World::Broken | World::Hanging, _) => FlowOutcome::Failed,
        };
        let mut names = vec!["login", "pay"];
        if self.flaw == Flaw::LeavesOneOut {
            names.remove(0);
        }
        let flow = |name: &str| self.found(name.parse().unwrap(), outcome(name));
        let mut flows: Vec<CheckedFlow> = names.into_iter().map(flow).collect();
        if self.flaw == Flaw::NamesOneTwice {
            flows.push(flows[0].clone());
        }
        FlowReport::new(flows)
    }
}

#[async_trait]
impl UserFlows for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { " " } else { "flawed" }
    }

    fn flows(&self) -> Vec<FlowName> {
        let twice = if self.flaw == Flaw::NamesOneTwice { &["login"][..] } else { &[] };
        ["login", "pay"].iter().chain(twice).map(|name| name.parse().unwrap()).collect()
    }

    async fn check(&self, _: &ServiceName) -> Result<FlowReport, PortError> {
        let others = self.under_way.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.flaw == Flaw::BuysThings {
            self.bought.fetch_add(1, Ordering::Relaxed);
        }
        if self.flaw == Flaw::OneAtATime && others > 0 {
            let detail = "somebody else is signed in";
            return Err(PortError::new("flawed", "check", PortErrorKind::Throttled, detail));
        }
        let world = *self.world.lock().unwrap();
        if self.flaw == Flaw::WaitsForever && world == World::Hanging {
            tokio::time::sleep(Duration::from_mins(3)).await;
        }
        let report = match (world, self.flaw) {
            (World::Unreachable, Flaw::BlindIsFine | Flaw::BlindIsBroken) => self.report(world),
            (World::Unreachable, _) => {
                return Err(PortError::new("flawed", "check", PortErrorKind::Unavailable, "no browser"));
            }
            (World::Sound | World::Broken | World::Hanging, _) => self.report(world),
        };
        if self.flaw == Flaw::Remembers && world == World::Sound {
            // It learns to like the first answer only once it has seen another.
            return Ok(self.first.lock().unwrap().take().unwrap_or(report));
        }
        if self.flaw == Flaw::Remembers {
            *self.first.lock().unwrap() = Some(report.clone());
        }
        Ok(report)
    }
}

#[async_trait]
impl UserFlowsFixture for Flawed {
    fn user_flows(&self) -> &dyn UserFlows {
        self
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![PASSWORD.to_owned()])
    }

    async fn break_one(&self) -> Able<FlowName> {
        self.set(World::Broken);
        Ok("pay".parse().unwrap())
    }

    async fn mend(&self) -> Able<()> {
        self.set(World::Sound);
        Ok(())
    }

    async fn hang(&self) -> Able<()> {
        self.set(World::Hanging);
        Ok(())
    }

    async fn two_minutes(&self) -> Able<()> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        Ok(())
    }

    async fn blind(&self) -> Able<()> {
        self.set(World::Unreachable);
        Ok(())
    }

    async fn seen_by_users(&self) -> Able<String> {
        Ok(format!("{} things were bought", self.bought.load(Ordering::Relaxed)))
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed::new(flaw)).await
}

#[tokio::test(start_paused = true)]
async fn each_check_of_user_flows_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("its_flows_are_named_once", Flaw::NamesOneTwice, &[]),
        ("a_report_is_complete", Flaw::LeavesOneOut, &[]),
        (
            "what_works_passes",
            Flaw::NeverPasses,
            &["each_check_tries_again", "two_may_check_at_the_same_time"],
        ),
        ("a_report_has_its_evidence", Flaw::SaysNothing, &[]),
        ("what_is_broken_fails", Flaw::NeverFails, &["each_check_tries_again"]),
        ("each_check_tries_again", Flaw::Remembers, &[]),
        ("checking_changes_nothing_for_users", Flaw::BuysThings, &[]),
        ("two_may_check_at_the_same_time", Flaw::OneAtATime, &[]),
        ("silence_is_no_pass", Flaw::SilenceIsGolden, &[]),
        ("silence_does_not_keep_it_waiting", Flaw::WaitsForever, &[]),
        ("not_knowing_is_no_pass", Flaw::BlindIsFine, &[]),
        ("not_knowing_is_no_failure", Flaw::BlindIsBroken, &[]),
        ("nothing_that_it_says_holds_a_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::UserFlows, &report(Flaw::None).await, &exposed);
}
