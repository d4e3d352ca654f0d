//! The suite of [`Deployer`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    plan::Artifact,
    port::{Deployer, Environment, Slot, Target},
    unit::TrafficShare,
};

use crate::conformance::{Able, Unable};

/// A deployer to be checked, before a platform on which nothing has any traffic yet, and what can be done to that
/// platform past the deployer.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait DeployerFixture: Send + Sync {
    /// The deployer.
    fn deployer(&self) -> &dyn Deployer;

    /// What is deployed; `checkout` 2.41.0 in place of 2.40.3, unless the platform knows another service.
    fn target(&self) -> Target {
        sample_target()
    }

    /// The release that follows: 2.42.0 in place of what was deployed first, where that is after its promotion.
    fn next_target(&self) -> Target {
        let before = self.target();
        let mut artifact = before.artifact;
        artifact.version = "2.42.0".parse().expect("a constant text");
        let release = "checkout-242".parse().expect("a constant name");
        let stable = self.deployer().capabilities().promotion.stable_after(before.stable);
        let replaces = self.target().artifact.version.to_string();
        Target::new(release, before.service, artifact, replaces).with_stable(stable)
    }

    /// Where this deployer installs; one that leaves staging to others says so here.
    fn environments(&self) -> Vec<Environment> {
        vec![Environment::Staging, Environment::Production]
    }

    /// The secrets that the deployer was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Whether the target is installed in an environment, as the platform has it.
    async fn installed(&self, environment: Environment) -> Able<bool> {
        let _ = environment;
        Err(Unable::unmentioned("look for what is installed"))
    }

    /// The share of the traffic that the platform routes to the canary.
    async fn routed(&self) -> Able<TrafficShare> {
        Err(Unable::unmentioned("look at the traffic past the deployer"))
    }

    /// Which version is in a place in production, as the platform has it; none where it is empty.
    async fn version_in(&self, slot: Slot) -> Able<Option<String>> {
        let _ = slot;
        Err(Unable::unmentioned("look for the version in a place"))
    }

    /// Has the next installation into the stable place fail, which a promotion that replaces makes.
    async fn break_stable_install(&self) -> Able<()> {
        Err(Unable::unmentioned("break an installation into the stable place"))
    }

    /// Has users make this many requests, of which each goes where the traffic of the first release is.
    async fn visit(&self, requests: u64) -> Able<()> {
        let _ = requests;
        Err(Unable::unmentioned("make requests as users do"))
    }

    /// How many changes of any kind the platform has made so far.
    async fn changes(&self) -> Able<u64> {
        Err(Unable::unmentioned("count the changes on the platform"))
    }

    /// Has someone else route this share to the canary.
    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        let _ = share;
        Err(Unable::unmentioned("change the traffic past the deployer"))
    }

    /// Has the platform make the next change and lose the answer.
    async fn lose_next_answer(&self) -> Able<()> {
        Err(Unable::unmentioned("lose an answer of the platform"))
    }

    /// Cuts the deployer off from its platform: nothing that it asks from now on is done or answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the deployer off from its platform"))
    }
}

/// `checkout` 2.41.0 in place of 2.40.3.
fn sample_target() -> Target {
    let text = |text: &str| text.parse().expect("a constant text");
    Target::new(
        "checkout-241".parse().expect("a constant name"),
        "checkout".parse().expect("a constant name"),
        Artifact { name: text("checkout"), version: text("2.41.0"), digest: None },
        "2.40.3",
    )
}

crate::__checks_of_deployer! { __conformance_suite (Deployer, DeployerFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_deployer {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            a_deploy_installs: "Installs an artifact in an environment, and returns when it is ready to take traffic.",
            a_repeated_deploy_succeeds: "Idempotent: where the artifact is installed already, a deploy succeeds.",
            a_repeated_deploy_changes_nothing: "Idempotent: where the artifact is installed already, a deploy changes nothing.",
            a_deploy_leaves_the_traffic_alone: "A deploy does not touch traffic.",
            traffic_is_set: "Routes this share of the production traffic to the canary, as far as the platform's tolerance goes, or refuses.",
            traffic_is_absolute: "Absolute: the share is the state wanted, whatever it was before.",
            a_share_is_never_exceeded: "Never more: a share that the platform can't represent exactly is set to the nearest one below, or refused.",
            nothing_and_everything_are_exact: "Nothing and all of the traffic are never a matter of rounding, and nothing is never refused.",
            a_repeated_share_succeeds: "Idempotent: where the share is set already, setting it succeeds.",
            a_repeated_share_changes_nothing: "Idempotent: where the share is set already, setting it changes nothing.",
            a_change_is_made_before_it_is_answered: "Returns when the platform has taken the change; it does not return early.",
            observing_reads_the_platform: "What is really out there, read from the platform and not from memory.",
            not_knowing_is_an_error: "Not knowing is an error, never a zero.",
            what_could_not_be_done_is_an_error: "Returns when the platform has taken the change, or fails.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            a_lost_answer_can_be_made_up_for: "After no answer in time the share may or may not be set: observing tells, and the same request again sets it.",
            a_reachable_share_is_the_one_that_is_set: "Which share would be set is the nearest one that is not above, and asking changes nothing.",
            a_promotion_makes_it_the_stable_one: "A promotion leaves the stable place with the new version and all of the traffic, and the place for the next one without any.",
            a_repeated_promotion_succeeds: "Idempotent: a promotion may be repeated.",
            a_promotion_that_fails_sends_nobody_back: "Nobody is ever sent to a stable instance that does not have the new version yet.",
            the_next_install_meets_nobody: "Installs in the candidate's place: where the other place has all of the traffic, the next version meets nobody.",
            the_next_release_goes_up_and_comes_back: "Routes traffic to the candidate's place and the rest to the stable one, whichever of the two that is.",
            a_cut_leaves_no_session: "With `cut`, sessions that are pinned to the candidate's place are ended.",
            what_was_cut_off_is_let_in_by_a_deploy: "What an earlier rollback has cut off is let in again by a deploy.",
            served_requests_are_counted: "Requests served are those that users made, and what can't be told is left out.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`deployer`](mod@crate::conformance::deployer) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::deployer! {
///     #[tokio::test]
///     mod shop { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __deployer_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_deployer! {
            __conformance_tests (deployer [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use relman_core::{
        port::{DeployRequest, Environment, PortError, PortErrorKind, Retry, TrafficRequest},
        unit::TrafficShare,
    };

    use super::DeployerFixture;
    use crate::conformance::finding::{Met, Unmet, discreet, ensure, fails, named, works};
    pub(super) use crate::conformance::places::*;

    pub(super) fn adapter(fixture: &dyn DeployerFixture) -> String {
        fixture.deployer().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn DeployerFixture) -> Met {
        named(fixture.deployer().name())
    }

    pub(super) async fn a_deploy_installs(fixture: &dyn DeployerFixture) -> Met {
        for environment in fixture.environments() {
            deploy(fixture, environment, "install").await?;
            let installed = fixture.installed(environment).await?;
            ensure!(
                installed,
                "after a deploy to {environment} that was answered, nothing is installed there"
            );
        }
        Ok(())
    }

    pub(super) async fn a_repeated_deploy_succeeds(fixture: &dyn DeployerFixture) -> Met {
        for environment in fixture.environments() {
            for key in ["first", "first", "second"] {
                deploy(fixture, environment, key).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn a_repeated_deploy_changes_nothing(fixture: &dyn DeployerFixture) -> Met {
        for environment in fixture.environments() {
            deploy(fixture, environment, "first").await?;
            let before = fixture.changes().await?;
            for key in ["first", "second"] {
                deploy(fixture, environment, key).await?;
            }
            let more = fixture.changes().await? - before;
            ensure!(more == 0, "deploying to {environment} again made {more} changes");
        }
        Ok(())
    }

    pub(super) async fn a_deploy_leaves_the_traffic_alone(fixture: &dyn DeployerFixture) -> Met {
        for environment in fixture.environments() {
            deploy(fixture, environment, "first").await?;
            let share = observed(fixture).await?;
            ensure!(share == TrafficShare::ZERO, "after a deploy to {environment}, the canary has {share}");
        }
        ready(fixture).await?;
        let set = some_share(fixture).await?;
        let before = observed(fixture).await?;
        for environment in fixture.environments() {
            deploy(fixture, environment, "again").await?;
            let after = observed(fixture).await?;
            ensure!(
                after == before,
                "a deploy to {environment} while the canary had {set} changed {before} to {after}"
            );
        }
        Ok(())
    }

    pub(super) async fn traffic_is_set(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance;
        let mut taken = 0;
        for share in [1, 5, 10, 25, 50, 100, 0].map(TrafficShare::percent) {
            if set(fixture, share, "steps").await? == Answered::Refused {
                continue;
            }
            taken += usize::from(share > TrafficShare::ZERO);
            let seen = observed(fixture).await?;
            ensure!(
                seen.distance(share) <= tolerance.basis_points(),
                "after {share} was set, {seen} is observed, and the platform's tolerance is {tolerance}"
            );
        }
        ensure!(taken > 0, "every share of the shipped policy's steps was refused");
        Ok(())
    }

    pub(super) async fn traffic_is_absolute(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
        let wanted = TrafficShare::percent(10);
        let mut seen = Vec::new();
        for before in [0, 1, 50, 10].map(TrafficShare::percent) {
            set(fixture, before, "before").await?;
            if set(fixture, wanted, "wanted").await? == Answered::Done {
                seen.push((before, observed(fixture).await?));
            }
        }
        for (before, share) in &seen {
            ensure!(
                share.distance(wanted) <= tolerance,
                "{wanted} was set where the share was {before}, and {share} is observed"
            );
        }
        Ok(())
    }

    pub(super) async fn a_share_is_never_exceeded(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
        // Steps, and shares that weights, instances and whole per cents can't represent.
        for basis_points in [1, 17, 37, 67, 100, 199, 666, 1_250, 3_333, 4_999, 6_667, 9_999] {
            let share = TrafficShare::try_from(basis_points).expect("at most 10,000 basis points");
            if set(fixture, share, "odd").await? == Answered::Refused {
                continue;
            }
            let seen = observed(fixture).await?;
            ensure!(
                seen.basis_points() <= share.basis_points().saturating_add(tolerance),
                "{share} was set, and {seen} is observed"
            );
            // Where the traffic itself can be seen, no tolerance is needed.
            if let Ok(routed) = fixture.routed().await {
                ensure!(routed <= share, "{share} was set, and {routed} of the traffic goes to the canary");
            }
        }
        Ok(())
    }

    pub(super) async fn nothing_and_everything_are_exact(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        for share in [TrafficShare::FULL, TrafficShare::percent(1), TrafficShare::ZERO] {
            let answered = set(fixture, share, "ends").await?;
            let exact = share == TrafficShare::ZERO || share == TrafficShare::FULL;
            ensure!(
                (share, answered) != (TrafficShare::ZERO, Answered::Refused),
                "taking all traffic from the canary was refused"
            );
            if exact && answered == Answered::Done {
                let seen = observed(fixture).await?;
                ensure!(seen == share, "{share} was set, and {seen} is observed");
            }
        }
        Ok(())
    }

    pub(super) async fn a_repeated_share_succeeds(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let share = some_share(fixture).await?;
        for (share, keys) in [(share, ["first", "second"]), (TrafficShare::ZERO, ["back", "again"])] {
            for key in keys {
                for _ in 0..2 {
                    let answered = set(fixture, share, key).await?;
                    ensure!(answered == Answered::Done, "{share} was refused where it was set already");
                }
            }
        }
        Ok(())
    }

    pub(super) async fn a_repeated_share_changes_nothing(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let share = some_share(fixture).await?;
        let before = fixture.changes().await?;
        for key in ["some", "second"] {
            set(fixture, share, key).await?;
        }
        let more = fixture.changes().await? - before;
        ensure!(more == 0, "setting {share} again made {more} changes");
        Ok(())
    }

    pub(super) async fn a_change_is_made_before_it_is_answered(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
        for share in [1, 10, 50, 0].map(TrafficShare::percent) {
            if set(fixture, share, "early").await? == Answered::Done {
                let routed = fixture.routed().await?;
                ensure!(
                    routed.distance(share) <= tolerance,
                    "{share} was answered as set while {routed} of the traffic went to the canary"
                );
            }
        }
        Ok(())
    }

    /// What became of a share that was set in a sound world.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Answered {
        Done,
        /// The platform can't represent the share, which it may say.
        Refused,
    }

    async fn set(fixture: &dyn DeployerFixture, share: TrafficShare, key: &str) -> Result<Answered, Unmet> {
        match fixture.deployer().set_traffic(&request(fixture, share, key)).await {
            Ok(()) => Ok(Answered::Done),
            Err(error) if error.kind() == PortErrorKind::Rejected => Ok(Answered::Refused),
            Err(error) => works(format_args!("setting {share}"), Err(error)),
        }
    }

    /// Sets a share that the platform can represent: the first of a few.
    async fn some_share(fixture: &dyn DeployerFixture) -> Result<TrafficShare, Unmet> {
        for share in [10, 50, 25].map(TrafficShare::percent) {
            if set(fixture, share, "some").await? == Answered::Done {
                return Ok(share);
            }
        }
        Err(Unmet::Failed("10%, 50% and 25% were refused".to_owned()))
    }

    fn request(fixture: &dyn DeployerFixture, share: TrafficShare, key: &str) -> TrafficRequest {
        TrafficRequest::new(fixture.target(), share, format!("traffic-{key}-{}", share.basis_points()))
    }

    /// Installs where users are, so that there is something to route traffic to.
    async fn ready(fixture: &dyn DeployerFixture) -> Met {
        deploy(fixture, Environment::Production, "ready").await
    }

    async fn deploy(fixture: &dyn DeployerFixture, environment: Environment, key: &str) -> Met {
        let request =
            DeployRequest::new(fixture.target(), environment, format!("deploy-{environment}-{key}"));
        works(format_args!("a deploy to {environment}"), fixture.deployer().deploy(&request).await)
    }

    async fn observed(fixture: &dyn DeployerFixture) -> Result<TrafficShare, Unmet> {
        let seen = works("observing", fixture.deployer().observe(&fixture.target()).await)?;
        Ok(seen.canary_share)
    }

    pub(super) async fn observing_reads_the_platform(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
        set(fixture, TrafficShare::percent(10), "own").await?;
        observed(fixture).await?;
        for share in [50, 0].map(TrafficShare::percent) {
            fixture.meddle(share).await?;
            let seen = observed(fixture).await?;
            ensure!(
                seen.distance(share) <= tolerance,
                "someone else routed {share} to the canary, and {seen} is observed"
            );
        }
        Ok(())
    }

    pub(super) async fn not_knowing_is_an_error(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        some_share(fixture).await?;
        fixture.cut_off().await?;
        fails(
            "observing a platform that can't be reached",
            fixture.deployer().observe(&fixture.target()).await,
        )?;
        Ok(())
    }

    pub(super) async fn what_could_not_be_done_is_an_error(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        some_share(fixture).await?;
        fixture.cut_off().await?;
        change_in_vain(fixture).await
    }

    pub(super) async fn what_was_cut_off_may_be_tried_again(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        some_share(fixture).await?;
        fixture.cut_off().await?;
        for error in errors(fixture).await {
            ensure!(error.retry() != Retry::Never, "the error advises against another try: {error}");
        }
        Ok(())
    }

    pub(super) async fn a_lost_answer_can_be_made_up_for(fixture: &dyn DeployerFixture) -> Met {
        ready(fixture).await?;
        let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
        let first = some_share(fixture).await?;
        for share in [first, TrafficShare::ZERO] {
            // From somewhere else, so that there is something to change.
            let elsewhere = if share == TrafficShare::ZERO { first } else { TrafficShare::ZERO };
            set(fixture, elsewhere, "elsewhere").await?;
            fixture.lose_next_answer().await?;
            let request = request(fixture, share, "lost");
            // An adapter that asks what is out there, or retries, may even have succeeded.
            if let Err(error) = fixture.deployer().set_traffic(&request).await {
                ensure!(
                    error.retry() != Retry::Never,
                    "setting {share}, whose answer was lost, must not be given up: {error}"
                );
            }
            observed(fixture).await?;
            works("the same request again", fixture.deployer().set_traffic(&request).await)?;
            let seen = observed(fixture).await?;
            ensure!(
                seen.distance(share) <= tolerance,
                "{share} was set twice, once with a lost answer, and {seen} is observed"
            );
        }
        let answered = set(fixture, TrafficShare::ZERO, "afterwards").await?;
        ensure!(answered == Answered::Done, "after a lost answer, taking all traffic back was refused");
        Ok(())
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn DeployerFixture) -> Met {
        let secrets = fixture.secrets()?;
        ready(fixture).await?;
        fixture.cut_off().await?;
        errors(fixture).await.iter().try_for_each(|error| discreet(error, &secrets))
    }

    /// Asks for each change that a platform could make, where it can't make any.
    async fn change_in_vain(fixture: &dyn DeployerFixture) -> Met {
        let deployer = fixture.deployer();
        for share in [TrafficShare::percent(50), TrafficShare::ZERO] {
            let answer = deployer.set_traffic(&request(fixture, share, "vain")).await;
            fails(format_args!("setting {share} on a platform that can't be reached"), answer)?;
        }
        let target = fixture.target();
        let deploy = DeployRequest::new(target, Environment::Production, "vain");
        fails("a deploy to a platform that can't be reached", deployer.deploy(&deploy).await)?;
        Ok(())
    }

    /// Every error that being cut off leads to. That there are some is another check's finding.
    async fn errors(fixture: &dyn DeployerFixture) -> Vec<PortError> {
        let deployer = fixture.deployer();
        let target = fixture.target();
        let deploy = DeployRequest::new(target, Environment::Production, "vain");
        let answers = [
            deployer.set_traffic(&request(fixture, TrafficShare::percent(50), "vain")).await,
            deployer.set_traffic(&request(fixture, TrafficShare::ZERO, "vain")).await,
            deployer.deploy(&deploy).await,
            deployer.observe(&fixture.target()).await.map(|_| ()),
        ];
        answers.into_iter().filter_map(Result::err).collect()
    }
}
