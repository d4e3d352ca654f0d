use relman_core::{
    port::{DeployRequest, Environment, PortError, Retry},
    unit::TrafficShare,
};

use super::{
    DeployerFixture,
    checks::{Answered, observed, ready, request, set, some_share},
};
use crate::conformance::finding::{Met, discreet, ensure, fails, works};

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
            "somebody else routed {share} to the canary, and {seen} is observed"
        );
    }
    Ok(())
}

pub(super) async fn not_knowing_is_an_error(fixture: &dyn DeployerFixture) -> Met {
    ready(fixture).await?;
    some_share(fixture).await?;
    fixture.cut_off().await?;
    fails("observing a platform that can't be reached", fixture.deployer().observe(&fixture.target()).await)?;
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
        // An adapter that asks what is out there, or tries again by itself, may even have succeeded.
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
    let deploy =
        DeployRequest { target, environment: Environment::Production, key: "vain".to_owned(), generation: 0 };
    fails("a deploy to a platform that can't be reached", deployer.deploy(&deploy).await)?;
    Ok(())
}

/// Every error that being cut off leads to. That there are some is another check's finding.
async fn errors(fixture: &dyn DeployerFixture) -> Vec<PortError> {
    let deployer = fixture.deployer();
    let target = fixture.target();
    let deploy =
        DeployRequest { target, environment: Environment::Production, key: "vain".to_owned(), generation: 0 };
    let answers = [
        deployer.set_traffic(&request(fixture, TrafficShare::percent(50), "vain")).await,
        deployer.set_traffic(&request(fixture, TrafficShare::ZERO, "vain")).await,
        deployer.deploy(&deploy).await,
        deployer.observe(&fixture.target()).await.map(|_| ()),
    ];
    answers.into_iter().filter_map(Result::err).collect()
}
