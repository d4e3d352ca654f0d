use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use relman_core::{
    port::{
        DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, PortError, PortErrorKind,
        Target, TrafficRequest,
    },
    unit::TrafficShare,
};
use relman_testkit::conformance::{
    Able, Port, Report,
    deployer::{DeployerFixture, suite},
};

use super::{Exposed, each_check_can_fail};

const TOKEN: &str = "hunter2-hunter2";

/// What is wrong with a deployer. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    InstallsNothing,
    InstallsOnce,
    InstallsAgain,
    RestartsWithoutTraffic,
    KnowsFewSteps,
    WontLowerFromHalf,
    RoundsUp,
    LeavesALittle,
    RefusesWhatIsSet,
    SetsWhatIsSet,
    AnswersEarly,
    Remembers,
    UnknownIsZero,
    UnknownIsDone,
    GivesUp,
    GivesUpOnSilence,
    Tells,
}

/// The sound platform, and what each flaw changes about the deployer before it.
struct Flawed {
    flaw: Flaw,
    state: Mutex<State>,
}

struct State {
    installed: BTreeSet<Environment>,
    share: TrafficShare,
    remembered: TrafficShare,
    pending: Option<TrafficShare>,
    changes: u64,
    loses_next: bool,
    cut_off: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            installed: BTreeSet::new(),
            share: TrafficShare::ZERO,
            remembered: TrafficShare::ZERO,
            pending: None,
            changes: 0,
            loses_next: false,
            cut_off: false,
        }
    }
}

impl Flawed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn error(&self, operation: &'static str, kind: PortErrorKind) -> PortError {
        let detail = match self.flaw {
            Flaw::Tells => format!("no answer from https://deploy:{TOKEN}@example.org"),
            _ => "no answer".to_owned(),
        };
        PortError::new("flawed", operation, kind, detail)
    }

    /// Whether the platform does anything at all.
    fn reach(&self, state: &State, operation: &'static str) -> Result<(), PortError> {
        match (state.cut_off, self.flaw) {
            (false, _) => Ok(()),
            (true, Flaw::GivesUp) => Err(self.error(operation, PortErrorKind::Rejected)),
            (true, _) => Err(self.error(operation, PortErrorKind::Unavailable)),
        }
    }

    /// The share that a wish comes to.
    fn takes(&self, wish: TrafficShare, now: TrafficShare) -> TrafficShare {
        let half = TrafficShare::percent(50);
        match self.flaw {
            Flaw::KnowsFewSteps => {
                let steps = [100, 50, 10, 1, 0].map(TrafficShare::percent);
                steps.into_iter().find(|step| *step <= wish).unwrap()
            }
            Flaw::WontLowerFromHalf if now == half && wish > TrafficShare::ZERO => now.max(wish),
            Flaw::RoundsUp => TrafficShare::percent(wish.basis_points().div_ceil(100)),
            Flaw::LeavesALittle => wish.max(TrafficShare::try_from(1).unwrap()),
            _ => wish,
        }
    }
}

#[async_trait]
impl Deployer for Flawed {
    fn name(&self) -> &str {
        if self.flaw == Flaw::Nameless { " " } else { "flawed" }
    }

    fn capabilities(&self) -> DeployerCapabilities {
        let basis_points = if self.flaw == Flaw::LeavesALittle { 10 } else { 0 };
        DeployerCapabilities::new().with_share_tolerance(TrafficShare::try_from(basis_points).unwrap())
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        let mut state = self.state();
        match self.reach(&state, "deploy") {
            Err(_) if self.flaw == Flaw::UnknownIsDone => return Ok(()),
            reached => reached?,
        }
        if self.flaw == Flaw::RestartsWithoutTraffic {
            state.share = TrafficShare::ZERO;
        }
        if self.flaw == Flaw::InstallsNothing {
            return Ok(());
        }
        let new = state.installed.insert(request.environment);
        if self.flaw == Flaw::InstallsOnce && !new {
            return Err(PortError::new("flawed", "deploy", PortErrorKind::Rejected, "it exists already"));
        }
        if new || self.flaw == Flaw::InstallsAgain {
            state.changes += 1;
        }
        Ok(())
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        const OPERATION: &str = "set traffic";
        let mut state = self.state();
        match self.reach(&state, OPERATION) {
            Err(_) if self.flaw == Flaw::UnknownIsDone => return Ok(()),
            reached => reached?,
        }
        let now = state.pending.unwrap_or(state.share);
        let share = self.takes(request.share, now);
        if share == now && self.flaw == Flaw::RefusesWhatIsSet {
            return Err(PortError::new("flawed", OPERATION, PortErrorKind::Rejected, "there is no change"));
        }
        if share != now || self.flaw == Flaw::SetsWhatIsSet {
            state.changes += 1;
        }
        state.remembered = share;
        match self.flaw {
            Flaw::AnswersEarly => state.pending = Some(share),
            _ => state.share = share,
        }
        if std::mem::take(&mut state.loses_next) {
            let kind = match self.flaw {
                Flaw::GivesUpOnSilence => PortErrorKind::InvalidAnswer,
                _ => PortErrorKind::TimedOut,
            };
            return Err(self.error(OPERATION, kind));
        }
        Ok(())
    }

    async fn observe(&self, _: &Target) -> Result<Deployment, PortError> {
        let mut state = self.state();
        let deployment = |share| Ok(Deployment::at(share));
        match self.reach(&state, "observe") {
            Err(_) if self.flaw == Flaw::UnknownIsZero => return deployment(TrafficShare::ZERO),
            reached => reached?,
        }
        if let Some(pending) = state.pending.take() {
            state.share = pending;
        }
        deployment(if self.flaw == Flaw::Remembers { state.remembered } else { state.share })
    }
}

#[async_trait]
impl DeployerFixture for Flawed {
    fn deployer(&self) -> &dyn Deployer {
        self
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn installed(&self, environment: Environment) -> Able<bool> {
        Ok(self.state().installed.contains(&environment))
    }

    async fn routed(&self) -> Able<TrafficShare> {
        Ok(self.state().share)
    }

    async fn changes(&self) -> Able<u64> {
        Ok(self.state().changes)
    }

    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        self.state().share = share;
        Ok(())
    }

    async fn lose_next_answer(&self) -> Able<()> {
        self.state().loses_next = true;
        Ok(())
    }

    async fn cut_off(&self) -> Able<()> {
        self.state().cut_off = true;
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed { flaw, state: Mutex::default() }).await
}

#[tokio::test]
async fn each_check_of_a_deployer_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        ("a_deploy_installs", Flaw::InstallsNothing, &[]),
        (
            "a_repeated_deploy_succeeds",
            Flaw::InstallsOnce,
            &["a_repeated_deploy_changes_nothing", "a_deploy_leaves_the_traffic_alone"],
        ),
        ("a_repeated_deploy_changes_nothing", Flaw::InstallsAgain, &[]),
        ("a_deploy_leaves_the_traffic_alone", Flaw::RestartsWithoutTraffic, &[]),
        ("traffic_is_set", Flaw::KnowsFewSteps, &[]),
        ("traffic_is_absolute", Flaw::WontLowerFromHalf, &[]),
        ("a_share_is_never_exceeded", Flaw::RoundsUp, &[]),
        ("nothing_and_everything_are_exact", Flaw::LeavesALittle, &[]),
        ("a_repeated_share_succeeds", Flaw::RefusesWhatIsSet, &["a_lost_answer_can_be_made_up_for"]),
        ("a_repeated_share_changes_nothing", Flaw::SetsWhatIsSet, &[]),
        ("a_change_is_made_before_it_is_answered", Flaw::AnswersEarly, &[]),
        ("observing_reads_the_platform", Flaw::Remembers, &[]),
        ("not_knowing_is_an_error", Flaw::UnknownIsZero, &[]),
        ("what_could_not_be_done_is_an_error", Flaw::UnknownIsDone, &[]),
        ("what_was_cut_off_may_be_tried_again", Flaw::GivesUp, &[]),
        ("a_lost_answer_can_be_made_up_for", Flaw::GivesUpOnSilence, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Deployer, &report(Flaw::None).await, &exposed);
}
