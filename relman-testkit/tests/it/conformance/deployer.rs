use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use relman_core::{
    port::{
        DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, Place, PortError,
        PortErrorKind, PromoteRequest, Promotion, Slot, Target, TrafficRequest,
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
    PromisesMore,
    PromotesNothing,
    PromotesOnce,
    MovesBackFirst,
    InstallsWhereUsersAre,
    ForgetsWhichPlace,
    KeepsSessions,
    StaysCut,
    CountsNothing,
}

impl Flaw {
    /// What the platform of this flaw does with its places.
    fn promotion(self) -> Promotion {
        match self {
            Self::PromotesNothing | Self::PromotesOnce | Self::MovesBackFirst => Promotion::Replace,
            _ => Promotion::Swap,
        }
    }
}

/// The sound platform, and what each flaw changes about the deployer before it.
struct Flawed {
    flaw: Flaw,
    state: Mutex<State>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a platform may have done")]
struct State {
    installed: BTreeSet<(Environment, String)>,
    /// Which version is in which place in production.
    versions: BTreeMap<Slot, String>,
    /// The share of the second place.
    share: TrafficShare,
    cut: bool,
    sessions: u64,
    served: BTreeMap<Slot, u64>,
    promoted: bool,
    install_breaks: bool,
    remembered: TrafficShare,
    pending: Option<TrafficShare>,
    changes: u64,
    loses_next: bool,
    cut_off: bool,
}

impl State {
    /// The share of a place.
    fn of(&self, slot: Slot) -> TrafficShare {
        if slot == Slot::Second { self.share } else { self.share.rest() }
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

    /// The candidate's place of a target.
    fn place(&self, target: &Target) -> Slot {
        match self.flaw {
            Flaw::ForgetsWhichPlace => Slot::Second,
            flaw if flaw.promotion() == Promotion::Replace => Slot::Second,
            _ => target.candidate(),
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
        DeployerCapabilities::new()
            .with_share_tolerance(TrafficShare::try_from(basis_points).unwrap())
            .with_promotion(self.flaw.promotion())
            .telling_versions()
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
        let version = request.target.artifact.version.to_string();
        if request.environment == Environment::Production {
            let place = match self.flaw {
                Flaw::InstallsWhereUsersAre => Slot::Second,
                _ => self.place(&request.target),
            };
            state.versions.insert(place, version.clone());
            state.cut &= self.flaw == Flaw::StaysCut;
        }
        if self.flaw == Flaw::InstallsNothing {
            return Ok(());
        }
        let new = state.installed.insert((request.environment, version));
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
        let place = self.place(&request.target);
        let seen = state.of(place);
        let now = state
            .pending
            .map_or(seen, |pending| if place == Slot::Second { pending } else { pending.rest() });
        let share = if state.cut { TrafficShare::ZERO } else { self.takes(request.share, now) };
        if share == now && self.flaw == Flaw::RefusesWhatIsSet {
            return Err(PortError::new("flawed", OPERATION, PortErrorKind::Rejected, "there is no change"));
        }
        if share != now || self.flaw == Flaw::SetsWhatIsSet {
            state.changes += 1;
        }
        if request.cut {
            (state.cut, state.sessions) = (true, u64::from(self.flaw == Flaw::KeepsSessions));
        }
        let second = if place == Slot::Second { share } else { share.rest() };
        state.remembered = second;
        match self.flaw {
            Flaw::AnswersEarly => state.pending = Some(second),
            _ => state.share = second,
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

    async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
        let mut state = self.state();
        self.reach(&state, "promote")?;
        if self.flaw.promotion() == Promotion::Swap || self.flaw == Flaw::PromotesNothing {
            return Ok(());
        }
        if self.flaw == Flaw::PromotesOnce && std::mem::replace(&mut state.promoted, true) {
            return Err(PortError::new(
                "flawed",
                "promote",
                PortErrorKind::Rejected,
                "it is promoted already",
            ));
        }
        if self.flaw == Flaw::MovesBackFirst {
            state.share = TrafficShare::ZERO;
        }
        if std::mem::take(&mut state.install_breaks) {
            return Err(self.error("promote", PortErrorKind::Unavailable));
        }
        state.versions.insert(Slot::First, request.target.artifact.version.to_string());
        state.share = TrafficShare::ZERO;
        Ok(())
    }

    async fn reachable(&self, _: &Target, share: TrafficShare) -> Result<TrafficShare, PortError> {
        if self.flaw == Flaw::PromisesMore && share == TrafficShare::percent(50) {
            return Ok(TrafficShare::percent(51));
        }
        Ok(self.takes(share, TrafficShare::ZERO))
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        let mut state = self.state();
        match self.reach(&state, "observe") {
            Err(_) if self.flaw == Flaw::UnknownIsZero => return Ok(Deployment::at(TrafficShare::ZERO)),
            reached => reached?,
        }
        if let Some(pending) = state.pending.take() {
            state.share = pending;
        }
        let candidate = match self.flaw {
            flaw if flaw.promotion() == Promotion::Replace => Slot::Second,
            _ => target.candidate(),
        };
        let second = if self.flaw == Flaw::Remembers { state.remembered } else { state.share };
        let share = if candidate == Slot::Second { second } else { second.rest() };
        let place = |slot: Slot| {
            let place = Place::new().with_served(state.served.get(&slot).copied().unwrap_or_default());
            match state.versions.get(&slot) {
                Some(version) => place.with_version(version),
                None => place,
            }
        };
        let canary = place(candidate).with_sessions(state.sessions);
        Ok(Deployment::at(share).with_canary(canary).with_baseline(place(candidate.other())))
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
        Ok(self.state().installed.contains(&(environment, self.target().artifact.version.to_string())))
    }

    async fn routed(&self) -> Able<TrafficShare> {
        Ok(self.state().share)
    }

    async fn version_in(&self, slot: Slot) -> Able<Option<String>> {
        Ok(self.state().versions.get(&slot).cloned())
    }

    async fn break_stable_install(&self) -> Able<()> {
        self.state().install_breaks = true;
        Ok(())
    }

    async fn visit(&self, requests: u64) -> Able<()> {
        let mut state = self.state();
        let slot = if state.share == TrafficShare::FULL { Slot::Second } else { Slot::First };
        if self.flaw != Flaw::CountsNothing {
            *state.served.entry(slot).or_default() += requests;
        }
        Ok(())
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
            &[
                "a_repeated_deploy_changes_nothing",
                "a_deploy_leaves_the_traffic_alone",
                "what_was_cut_off_is_let_in_by_a_deploy",
            ],
        ),
        ("a_repeated_deploy_changes_nothing", Flaw::InstallsAgain, &[]),
        (
            "a_deploy_leaves_the_traffic_alone",
            Flaw::RestartsWithoutTraffic,
            &["the_next_install_meets_nobody"],
        ),
        ("traffic_is_set", Flaw::KnowsFewSteps, &[]),
        ("traffic_is_absolute", Flaw::WontLowerFromHalf, &[]),
        ("a_share_is_never_exceeded", Flaw::RoundsUp, &["a_reachable_share_is_the_one_that_is_set"]),
        (
            "nothing_and_everything_are_exact",
            Flaw::LeavesALittle,
            &["a_reachable_share_is_the_one_that_is_set", "the_next_release_goes_up_and_comes_back"],
        ),
        (
            "a_repeated_share_succeeds",
            Flaw::RefusesWhatIsSet,
            &[
                "a_lost_answer_can_be_made_up_for",
                "a_reachable_share_is_the_one_that_is_set",
                "a_cut_leaves_no_session",
                "what_was_cut_off_is_let_in_by_a_deploy",
            ],
        ),
        ("a_repeated_share_changes_nothing", Flaw::SetsWhatIsSet, &[]),
        ("a_change_is_made_before_it_is_answered", Flaw::AnswersEarly, &[]),
        ("observing_reads_the_platform", Flaw::Remembers, &[]),
        ("not_knowing_is_an_error", Flaw::UnknownIsZero, &[]),
        ("what_could_not_be_done_is_an_error", Flaw::UnknownIsDone, &[]),
        ("what_was_cut_off_may_be_tried_again", Flaw::GivesUp, &[]),
        ("a_lost_answer_can_be_made_up_for", Flaw::GivesUpOnSilence, &[]),
        ("a_reachable_share_is_the_one_that_is_set", Flaw::PromisesMore, &[]),
        (
            "a_promotion_makes_it_the_stable_one",
            Flaw::PromotesNothing,
            &[
                "a_repeated_promotion_succeeds",
                "a_promotion_that_fails_sends_nobody_back",
                "the_next_install_meets_nobody",
                "the_next_release_goes_up_and_comes_back",
            ],
        ),
        ("a_repeated_promotion_succeeds", Flaw::PromotesOnce, &["a_promotion_that_fails_sends_nobody_back"]),
        ("a_promotion_that_fails_sends_nobody_back", Flaw::MovesBackFirst, &[]),
        (
            "the_next_install_meets_nobody",
            Flaw::InstallsWhereUsersAre,
            &["the_next_release_goes_up_and_comes_back"],
        ),
        (
            "the_next_release_goes_up_and_comes_back",
            Flaw::ForgetsWhichPlace,
            &["the_next_install_meets_nobody"],
        ),
        ("a_cut_leaves_no_session", Flaw::KeepsSessions, &[]),
        ("what_was_cut_off_is_let_in_by_a_deploy", Flaw::StaysCut, &[]),
        ("served_requests_are_counted", Flaw::CountsNothing, &[]),
        ("errors_hold_no_secret", Flaw::Tells, &[]),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await).also(also));
    }
    each_check_can_fail(Port::Deployer, &report(Flaw::None).await, &exposed);
}
