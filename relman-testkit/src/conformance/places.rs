//! The checks of a deployer that are about its two places: what one release leaves behind, and what the next one begins with.

use relman_core::{
    port::{
        DeployRequest, Deployment, Environment, PortErrorKind, PromoteRequest, Promotion, Target,
        TrafficRequest,
    },
    unit::TrafficShare,
};

use super::{
    deployer::DeployerFixture,
    finding::{Met, Unmet, ensure, fails, works},
};

/// What is out there, as one release sees it.
async fn found(fixture: &dyn DeployerFixture, target: &Target) -> Result<Deployment, Unmet> {
    works("observing", fixture.deployer().observe(target).await)
}

async fn deploy(fixture: &dyn DeployerFixture, target: &Target, key: &str) -> Met {
    let key = format!("deploy-{}-{key}", target.release);
    let request = DeployRequest::new(target.clone(), Environment::Production, key);
    works(format_args!("a deploy of {}", target.artifact.version), fixture.deployer().deploy(&request).await)
}

/// Whether the share could be set; refused shares are another check's.
async fn set(
    fixture: &dyn DeployerFixture,
    target: &Target,
    share: TrafficShare,
    key: &str,
) -> Result<bool, Unmet> {
    let key = format!("traffic-{}-{key}-{}", target.release, share.basis_points());
    let request = TrafficRequest::new(target.clone(), share, key);
    match fixture.deployer().set_traffic(&request).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == PortErrorKind::Rejected => Ok(false),
        Err(error) => works(format_args!("setting {share}"), Err(error)),
    }
}

async fn promote(fixture: &dyn DeployerFixture, target: &Target, key: &str) -> Met {
    let request = PromoteRequest::new(target.clone(), format!("promote-{key}"));
    works("a promotion", fixture.deployer().promote(&request).await)
}

/// The first release, with all of the traffic.
async fn passed(fixture: &dyn DeployerFixture) -> Result<Target, Unmet> {
    let target = fixture.target();
    deploy(fixture, &target, "first").await?;
    let all = set(fixture, &target, TrafficShare::FULL, "first").await?;
    ensure!(all, "all of the traffic was refused, so that no release could ever pass");
    Ok(target)
}

/// The first release promoted, and the one that follows it.
async fn followed(fixture: &dyn DeployerFixture) -> Result<(Target, Target), Unmet> {
    let first = passed(fixture).await?;
    promote(fixture, &first, "first").await?;
    Ok((first, fixture.next_target()))
}

/// That the stable place has a version, as far as that can be told.
async fn stable_has(fixture: &dyn DeployerFixture, next: &Target, seen: &Deployment) -> Met {
    let version = &next.baseline_version;
    if let Some(there) = &seen.baseline.version {
        ensure!(there == version, "the stable place has to have {version}, and {there} is observed there");
    }
    if let Ok(there) = fixture.version_in(next.stable).await {
        let there = there.unwrap_or_else(|| "nothing".to_owned());
        ensure!(there == *version, "the {} place has to have {version}, and has {there}", next.stable);
    }
    Ok(())
}

pub(in crate::conformance) async fn a_promotion_makes_it_the_stable_one(
    fixture: &dyn DeployerFixture,
) -> Met {
    let (first, next) = followed(fixture).await?;
    let seen = found(fixture, &next).await?;
    let share = seen.canary_share;
    ensure!(
        share.is_zero(),
        "after {} was promoted, the place for the next version has {share} of the users",
        first.artifact.version
    );
    stable_has(fixture, &next, &seen).await?;
    if fixture.deployer().capabilities().promotion == Promotion::Replace {
        let share = found(fixture, &first).await?.canary_share;
        ensure!(share.is_zero(), "after a promotion that replaces, the canary still has {share}");
    }
    Ok(())
}

pub(in crate::conformance) async fn a_repeated_promotion_succeeds(fixture: &dyn DeployerFixture) -> Met {
    let first = passed(fixture).await?;
    for key in ["first", "first", "second"] {
        promote(fixture, &first, key).await?;
        let next = fixture.next_target();
        let seen = found(fixture, &next).await?;
        let share = seen.canary_share;
        ensure!(share.is_zero(), "after a promotion (key {key}), the place for the next version has {share}");
        stable_has(fixture, &next, &seen).await?;
    }
    Ok(())
}

pub(in crate::conformance) async fn a_promotion_that_fails_sends_nobody_back(
    fixture: &dyn DeployerFixture,
) -> Met {
    if fixture.deployer().capabilities().promotion == Promotion::Swap {
        // Nothing is installed, so that nothing can fail.
        return Ok(());
    }
    let first = passed(fixture).await?;
    fixture.break_stable_install().await?;
    let request = PromoteRequest::new(first.clone(), "promote-broken");
    fails(
        "a promotion whose stable instances don't get the new version",
        fixture.deployer().promote(&request).await,
    )?;
    let share = found(fixture, &first).await?.canary_share;
    ensure!(
        share == TrafficShare::FULL,
        "the stable instances did not get the new version, and users are sent there: the canary has {share}"
    );
    works("the same promotion again", fixture.deployer().promote(&request).await)?;
    let next = fixture.next_target();
    let seen = found(fixture, &next).await?;
    ensure!(
        seen.canary_share.is_zero(),
        "a promotion that was repeated left the canary {}",
        seen.canary_share
    );
    stable_has(fixture, &next, &seen).await
}

pub(in crate::conformance) async fn the_next_install_meets_nobody(fixture: &dyn DeployerFixture) -> Met {
    let (_, next) = followed(fixture).await?;
    deploy(fixture, &next, "next").await?;
    let seen = found(fixture, &next).await?;
    let (version, share) = (&next.artifact.version, seen.canary_share);
    ensure!(share.is_zero(), "{version} was installed where {share} of the users are");
    stable_has(fixture, &next, &seen).await?;
    if let Ok(there) = fixture.version_in(next.candidate()).await {
        let there = there.unwrap_or_else(|| "nothing".to_owned());
        ensure!(there == version.as_str(), "{version} was installed, and its place has {there}");
    }
    Ok(())
}

pub(in crate::conformance) async fn the_next_release_goes_up_and_comes_back(
    fixture: &dyn DeployerFixture,
) -> Met {
    let (_, next) = followed(fixture).await?;
    deploy(fixture, &next, "next").await?;
    let tolerance = fixture.deployer().capabilities().share_tolerance.basis_points();
    for share in [1, 10, 50, 100, 0].map(TrafficShare::percent) {
        if !set(fixture, &next, share, "next").await? {
            continue;
        }
        let seen = found(fixture, &next).await?;
        ensure!(
            seen.canary_share.distance(share) <= tolerance,
            "{share} was set for the second release, and {} is observed",
            seen.canary_share
        );
        stable_has(fixture, &next, &seen).await?;
    }
    let seen = found(fixture, &next).await?;
    ensure!(seen.canary_share.is_zero(), "the second release was taken back, and has {}", seen.canary_share);
    Ok(())
}

pub(in crate::conformance) async fn a_reachable_share_is_the_one_that_is_set(
    fixture: &dyn DeployerFixture,
) -> Met {
    let target = fixture.target();
    let deployer = fixture.deployer();
    let tolerance = deployer.capabilities().share_tolerance.basis_points();
    let shares: Vec<TrafficShare> = [0, 1, 17, 50, 100, 500, 1_000, 3_333, 5_000, 9_999, 10_000]
        .map(|basis_points| TrafficShare::try_from(basis_points).expect("at most 10,000 basis points"))
        .into();
    let before = fixture.changes().await.ok();
    let mut reachable = Vec::new();
    for share in &shares {
        let answer = match deployer.reachable(&target, *share).await {
            Ok(reached) => Some(reached),
            Err(error) if error.kind() == PortErrorKind::Rejected => None,
            Err(error) => works(format_args!("asking whether {share} is reachable"), Err(error))?,
        };
        let exact = share.is_zero() || *share == TrafficShare::FULL;
        if exact && let Some(reached) = answer {
            ensure!(reached == *share, "{share} would be set as {reached}: nothing and everything are exact");
        }
        if let Some(reached) = answer {
            ensure!(reached <= *share, "{share} would be set as {reached}, which is more than was asked for");
        }
        reachable.push((*share, answer));
    }
    if let (Some(before), Ok(after)) = (before, fixture.changes().await) {
        ensure!(before == after, "asking which shares are reachable made {} changes", after - before);
    }
    deploy(fixture, &target, "first").await?;
    for (share, answer) in reachable {
        let done = set(fixture, &target, share, "reachable").await?;
        let Some(reached) = answer else {
            ensure!(!done, "{share} is said to be refused, and was set");
            continue;
        };
        ensure!(done, "{share} is said to be reachable as {reached}, and was refused");
        let seen = found(fixture, &target).await?.canary_share;
        ensure!(
            seen.distance(reached) <= tolerance,
            "{share} is said to be reachable as {reached}, and {seen} is observed after it was set"
        );
    }
    Ok(())
}

/// The first release was given traffic, and cut off.
async fn was_cut(fixture: &dyn DeployerFixture) -> Result<Target, Unmet> {
    let target = fixture.target();
    deploy(fixture, &target, "first").await?;
    if !set(fixture, &target, TrafficShare::percent(10), "before").await? {
        set(fixture, &target, TrafficShare::FULL, "before").await?;
    }
    for key in ["cut", "cut", "again"] {
        let request = TrafficRequest::new(target.clone(), TrafficShare::ZERO, key).with_cut();
        works("cutting the new version off", fixture.deployer().set_traffic(&request).await)?;
    }
    Ok(target)
}

pub(in crate::conformance) async fn a_cut_leaves_no_session(fixture: &dyn DeployerFixture) -> Met {
    let target = was_cut(fixture).await?;
    let seen = found(fixture, &target).await?;
    ensure!(seen.canary_share.is_zero(), "after a cut, the canary has {}", seen.canary_share);
    let sessions = seen.canary.sessions.unwrap_or(0);
    ensure!(sessions == 0, "after a cut, {sessions} sessions are pinned to the canary");
    Ok(())
}

pub(in crate::conformance) async fn what_was_cut_off_is_let_in_by_a_deploy(
    fixture: &dyn DeployerFixture,
) -> Met {
    let target = was_cut(fixture).await?;
    deploy(fixture, &target, "anew").await?;
    let seen = found(fixture, &target).await?;
    ensure!(seen.canary_share.is_zero(), "a deploy after a cut gave the canary {}", seen.canary_share);
    let share = TrafficShare::FULL;
    let done = set(fixture, &target, share, "anew").await?;
    let seen = found(fixture, &target).await?.canary_share;
    ensure!(done && seen == share, "after a cut and a deploy, {share} was set and {seen} is observed");
    Ok(())
}

pub(in crate::conformance) async fn served_requests_are_counted(fixture: &dyn DeployerFixture) -> Met {
    const VISITS: u64 = 7;
    let target = fixture.target();
    deploy(fixture, &target, "first").await?;
    let served = async || Ok::<_, Unmet>(found(fixture, &target).await?.canary.served);
    if served().await?.is_none() {
        // A platform that can't tell leaves it out.
        return Ok(());
    }
    let share = TrafficShare::FULL;
    ensure!(set(fixture, &target, share, "first").await?, "{share} was refused");
    let before = served().await?;
    fixture.visit(VISITS).await?;
    let after = served().await?;
    let (Some(before), Some(after)) = (before, after) else {
        return Err(Unmet::Failed("requests served are told at one time and not at another".to_owned()));
    };
    ensure!(
        after >= before + VISITS,
        "{VISITS} requests reached the new version, and its counter went from {before} to {after}"
    );
    set(fixture, &target, TrafficShare::ZERO, "first").await?;
    let before = served().await?;
    fixture.visit(VISITS).await?;
    let after = served().await?;
    ensure!(
        after == before,
        "no request could reach the new version, and its counter went from {before:?} to {after:?}"
    );
    Ok(())
}
