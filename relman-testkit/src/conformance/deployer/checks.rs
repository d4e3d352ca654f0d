use relman_core::{
    port::{DeployRequest, Environment, PortErrorKind, TrafficRequest},
    unit::TrafficShare,
};

use super::DeployerFixture;
pub(super) use super::trouble::*;
use crate::conformance::finding::{Met, Unmet, ensure, named, works};

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
        ensure!(installed, "after a deploy to {environment} that was answered, nothing is installed there");
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
pub(super) enum Answered {
    Done,
    /// The platform can't represent the share, which it may say.
    Refused,
}

pub(super) async fn set(
    fixture: &dyn DeployerFixture,
    share: TrafficShare,
    key: &str,
) -> Result<Answered, Unmet> {
    match fixture.deployer().set_traffic(&request(fixture, share, key)).await {
        Ok(()) => Ok(Answered::Done),
        Err(error) if error.kind() == PortErrorKind::Rejected => Ok(Answered::Refused),
        Err(error) => works(format_args!("setting {share}"), Err(error)),
    }
}

/// Sets a share that the platform can represent: the first of a few.
pub(super) async fn some_share(fixture: &dyn DeployerFixture) -> Result<TrafficShare, Unmet> {
    for share in [10, 50, 25].map(TrafficShare::percent) {
        if set(fixture, share, "some").await? == Answered::Done {
            return Ok(share);
        }
    }
    Err(Unmet::Failed("10%, 50% and 25% were refused".to_owned()))
}

pub(super) fn request(fixture: &dyn DeployerFixture, share: TrafficShare, key: &str) -> TrafficRequest {
    TrafficRequest {
        target: fixture.target(),
        share,
        key: format!("traffic-{key}-{}", share.basis_points()),
        generation: 0,
    }
}

/// Installs where users are, so that there is something to route traffic to.
pub(super) async fn ready(fixture: &dyn DeployerFixture) -> Met {
    deploy(fixture, Environment::Production, "ready").await
}

pub(super) async fn deploy(fixture: &dyn DeployerFixture, environment: Environment, key: &str) -> Met {
    let request = DeployRequest {
        target: fixture.target(),
        environment,
        key: format!("deploy-{environment}-{key}"),
        generation: 0,
    };
    works(format_args!("a deploy to {environment}"), fixture.deployer().deploy(&request).await)
}

pub(super) async fn observed(fixture: &dyn DeployerFixture) -> Result<TrafficShare, Unmet> {
    let seen = works("observing", fixture.deployer().observe(&fixture.target()).await)?;
    Ok(seen.canary_share)
}
