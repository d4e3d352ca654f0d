//! The suite of [`Leases`].

use std::sync::Arc;

use async_trait::async_trait;
use relman_core::{port::Leases, unit::Span};

use super::journal::Task;
use crate::conformance::{Able, Unable};

/// Leases to be checked, and what can be done to them. Each fixture has a store of its own, which nobody has used.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait LeasesFixture: Send + Sync {
    /// The leases, the same ones each time.
    fn leases(&self) -> Arc<dyn Leases>;

    /// Lets so much time pass by the clock of the store, and not less. A store on a real clock may wait: the suite asks for a
    /// few seconds in all.
    async fn pass(&self, span: Span) -> Able<()> {
        let _ = span;
        Err(Unable::unmentioned("let time pass"))
    }

    /// Runs the tasks to their ends, as much at the same time as the caller's runtime can.
    async fn together(&self, tasks: Vec<Task>) {
        futures::future::join_all(tasks).await;
    }

    /// What a process finds that starts after this one has crashed: the same store, opened again.
    async fn reopen(&self) -> Able<Arc<dyn Leases>> {
        Err(Unable::unmentioned("open the store again"))
    }

    /// Breaks the store, so that it can neither be read nor written from now on.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("break the store"))
    }
}

crate::__checks_of_leases! { __conformance_suite (Leases, LeasesFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_leases {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            nobody_is_there_at_first: "A store that nobody has used has no conductors, and no holder of any stream.",
            a_conductor_that_is_heard_of_is_present: "Says that a conductor is there, and what it takes up.",
            a_heartbeat_expires: "It is present for `ttl` from then on, and no longer.",
            a_heartbeat_renews: "Renewed: each heartbeat counts from the time at which the store hears of it.",
            the_gone_are_told_of: "The conductors are those that are present, and those that are not any more; the one that was heard of last comes first.",
            one_that_leaves_is_not_present: "It is not present from then on; one that is not known is no error.",
            a_break_begins_anew: "A break is a break: a conductor that is heard of again begins anew.",
            a_claim_is_held: "The stream is the conductor's, and the holder is known.",
            a_claim_is_for_the_living: "For the living: a conductor that is not present gets nothing.",
            a_claim_is_exclusive: "Exclusive: while its holder is present, nobody else gets it.",
            of_many_that_claim_at_once_one_wins: "Of two who claim at the same time, one gets it.",
            the_holder_may_claim_again: "Repeatable: the holder that claims again has it, under the same epoch.",
            a_claim_outlives_its_first_heartbeat: "A claim holds while its conductor is present: what is renewed is the heartbeat alone.",
            a_claim_of_one_that_vanished_is_taken_over: "From the dead: the claim names whoever has not given it back, under a higher epoch.",
            what_one_that_left_held_is_free: "A conductor that goes has given back whatever it held.",
            whoever_was_absent_has_lost_its_claims: "A claim holds while its conductor is present without a break, also where nobody else came.",
            what_is_given_back_is_free: "Gives a stream back: somebody else may have it at once, under a higher epoch, and from nobody.",
            only_the_holder_gives_back: "Nothing happens where a conductor does not hold the stream.",
            streams_do_not_mix: "One claim for each stream.",
            what_is_claimed_survives: "Conductors, claims and epochs survive a crash of the process.",
            a_store_that_can_not_be_used_is_an_error: "Where the store can't be read or written, that is an error, and not that nobody is there.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`leases`](mod@crate::conformance::leases) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::leases! {
///     #[tokio::test]
///     mod in_memory { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __leases_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_leases! {
            __conformance_tests (leases [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use std::sync::{Arc, Mutex, PoisonError};

    use relman_core::{
        port::{Claim, ConductorId, Epoch, Holder, Leases, LeasesExt, Presence, TakesUp},
        unit::{ReleaseId, Span, Timestamp},
    };

    use super::{LeasesFixture, Task};
    use crate::conformance::finding::{Met, Unmet, ensure, fails, named, works};

    /// Long enough that a slow machine does not let it expire in the middle of a check that has no pause.
    const TTL: Span = Span::from_secs(2);

    /// A bit more than that.
    const LONGER: Span = Span::from_millis(2_100);

    pub(super) fn adapter(fixture: &dyn LeasesFixture) -> String {
        fixture.leases().name().to_owned()
    }

    fn conductor(process: u32) -> ConductorId {
        ConductorId::new("web-1", process, Timestamp::from_millis(1_796_000_000_000))
    }

    fn stream(name: &str) -> ReleaseId {
        name.parse().expect("the suite's names are valid ids")
    }

    async fn beat(leases: &dyn Leases, conductor: &ConductorId) -> Result<(), Unmet> {
        works("a heartbeat", leases.heartbeat(conductor, TakesUp::Named, TTL).await)
    }

    async fn present(leases: &dyn Leases) -> Result<Vec<Presence>, Unmet> {
        let mut all = works("a list of conductors", leases.conductors().await)?;
        all.retain(Presence::is_present);
        Ok(all)
    }

    /// The claim of a conductor that has to get it.
    async fn held(
        leases: &dyn Leases,
        stream: &ReleaseId,
        conductor: &ConductorId,
    ) -> Result<(Epoch, Option<Holder>), Unmet> {
        match works("a claim", leases.claim(stream, conductor).await)? {
            Claim::Held { epoch, previous } => Ok((epoch, previous)),
            other @ (Claim::Taken(_) | Claim::Absent) => {
                let why = format!("{conductor} claimed {stream}, which nobody held, and got {other:?}");
                Err(Unmet::Failed(why))
            }
        }
    }

    pub(super) async fn has_a_name(fixture: &dyn LeasesFixture) -> Met {
        named(fixture.leases().name())
    }

    pub(super) async fn nobody_is_there_at_first(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        let all = works("a list of conductors", leases.conductors().await)?;
        ensure!(all.is_empty(), "nobody was heard of, and there are {all:?}");
        let holder = works("asking for a holder", leases.holder(&stream("a")).await)?;
        ensure!(holder.is_none(), "nobody claimed a stream, and it is held by {holder:?}");
        let driver = works("asking for a driver", leases.driver_of(&stream("a")).await)?;
        ensure!(!driver.is_anybody(), "nobody was heard of, and a stream is driven by {driver}");
        Ok(())
    }

    pub(super) async fn a_conductor_that_is_heard_of_is_present(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        for (process, takes_up) in [(1, TakesUp::Named), (2, TakesUp::Everything)] {
            works("a heartbeat", leases.heartbeat(&conductor(process), takes_up, TTL).await)?;
        }
        let mut found: Vec<_> =
            present(&*leases).await?.into_iter().map(|one| (one.conductor, one.takes_up)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = vec![(conductor(1), TakesUp::Named), (conductor(2), TakesUp::Everything)];
        ensure!(found == expected, "{expected:?} were heard of, and present are {found:?}");
        let driver = works("asking for a driver", leases.driver_of_anything().await)?;
        ensure!(driver.is_anybody(), "one takes up everything, and of a new stream it is said that {driver}");
        Ok(())
    }

    pub(super) async fn a_heartbeat_expires(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        beat(&*leases, &conductor(1)).await?;
        let before = present(&*leases).await?;
        ensure!(before.len() == 1, "a conductor was just heard of, and present are {before:?}");
        let left = before[0].left.unwrap_or(Span::ZERO);
        ensure!(left <= TTL, "a heartbeat of {TTL} is said to hold for {left} more");
        fixture.pass(LONGER).await?;
        let after = present(&*leases).await?;
        ensure!(after.is_empty(), "{LONGER} after a heartbeat of {TTL} these are present: {after:?}");
        Ok(())
    }

    pub(super) async fn a_heartbeat_renews(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        beat(&*leases, &conductor(1)).await?;
        fixture.pass(Span::from_millis(1_200)).await?;
        beat(&*leases, &conductor(1)).await?;
        fixture.pass(Span::from_millis(1_200)).await?;
        let found = present(&*leases).await?;
        ensure!(found.len() == 1, "1.2 s after the second heartbeat of {TTL}, present are {found:?}");
        let (seen, since) = (found[0].seen, found[0].since);
        ensure!(
            seen >= Span::from_millis(1_200) && since >= Span::from_millis(2_400) && seen < since,
            "it came 2.4 s ago and was heard of 1.2 s ago, and is said to have come {since} and been heard of {seen} ago"
        );
        Ok(())
    }

    pub(super) async fn the_gone_are_told_of(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        beat(&*leases, &conductor(1)).await?;
        fixture.pass(LONGER).await?;
        beat(&*leases, &conductor(2)).await?;
        let all = works("a list of conductors", leases.conductors().await)?;
        let found: Vec<_> = all.iter().map(|one| (one.conductor.clone(), one.is_present())).collect();
        let expected = vec![(conductor(2), true), (conductor(1), false)];
        ensure!(found == expected, "one is there and one is not any more, and listed are {found:?}");
        ensure!(
            all[1].seen >= LONGER,
            "it was heard of {LONGER} ago, and that is said to be {}",
            all[1].seen
        );
        Ok(())
    }

    pub(super) async fn one_that_leaves_is_not_present(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        works("leaving without having come", leases.leave(&conductor(1)).await)?;
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        works("leaving", leases.leave(&conductor(1)).await)?;
        let found: Vec<_> = present(&*leases).await?.into_iter().map(|one| one.conductor).collect();
        ensure!(found == [conductor(2)], "one of two has left, and present are {found:?}");
        Ok(())
    }

    pub(super) async fn a_break_begins_anew(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        beat(&*leases, &conductor(1)).await?;
        fixture.pass(LONGER).await?;
        beat(&*leases, &conductor(1)).await?;
        let found = present(&*leases).await?;
        ensure!(found.len() == 1, "a conductor was heard of again, and present are {found:?}");
        ensure!(
            found[0].since < LONGER,
            "it has just come again, and is said to be there since {}",
            found[0].since
        );
        Ok(())
    }

    pub(super) async fn a_claim_is_held(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        let (epoch, previous) = held(&*leases, &stream, &conductor(1)).await?;
        ensure!(previous.is_none(), "nobody held it before, and it is said to be taken from {previous:?}");
        let holder = works("asking for a holder", leases.holder(&stream).await)?;
        let is = holder.as_ref().is_some_and(|holder| {
            holder.presence.conductor == conductor(1) && holder.presence.is_present() && holder.epoch == epoch
        });
        ensure!(is, "{} holds it under epoch {epoch}, and the holder is {holder:?}", conductor(1));
        let driver = works("asking for a driver", leases.driver_of(&stream).await)?;
        ensure!(driver.is_anybody(), "it is held, and of its driver it is said that {driver}");
        Ok(())
    }

    pub(super) async fn a_claim_is_for_the_living(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        let never = works("a claim", leases.claim(&stream, &conductor(1)).await)?;
        ensure!(never == Claim::Absent, "a conductor that was never heard of claimed, and got {never:?}");
        beat(&*leases, &conductor(1)).await?;
        works("leaving", leases.leave(&conductor(1)).await)?;
        let gone = works("a claim", leases.claim(&stream, &conductor(1)).await)?;
        ensure!(gone == Claim::Absent, "a conductor that has left claimed, and got {gone:?}");
        let holder = works("asking for a holder", leases.holder(&stream).await)?;
        ensure!(holder.is_none(), "nobody got it, and it is held by {holder:?}");
        Ok(())
    }

    pub(super) async fn a_claim_is_exclusive(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        let (epoch, _) = held(&*leases, &stream, &conductor(1)).await?;
        match works("a claim", leases.claim(&stream, &conductor(2)).await)? {
            Claim::Taken(holder) if holder.presence.conductor == conductor(1) && holder.epoch == epoch => {}
            other => ensure!(
                false,
                "it is held by {} under epoch {epoch}, and another got {other:?}",
                conductor(1)
            ),
        }
        Ok(())
    }

    pub(super) async fn of_many_that_claim_at_once_one_wins(fixture: &dyn LeasesFixture) -> Met {
        /// More than a runtime has threads, and few enough for a slow store.
        const MANY: u32 = 8;
        let leases = fixture.leases();
        for process in 0..MANY {
            beat(&*leases, &conductor(process)).await?;
        }
        for round in ["a", "b", "c"] {
            let won: Arc<Mutex<Vec<u32>>> = Arc::default();
            let claims = (0..MANY).map(|process| {
                let (leases, won, stream) = (leases.clone(), won.clone(), stream(round));
                Box::pin(async move {
                    if let Ok(Claim::Held { .. }) = leases.claim(&stream, &conductor(process)).await {
                        won.lock().unwrap_or_else(PoisonError::into_inner).push(process);
                    }
                }) as Task
            });
            fixture.together(claims.collect()).await;
            let won = won.lock().unwrap_or_else(PoisonError::into_inner).clone();
            ensure!(won.len() == 1, "{MANY} claimed one stream at once, and these got it: {won:?}");
        }
        Ok(())
    }

    pub(super) async fn the_holder_may_claim_again(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        let first = held(&*leases, &stream, &conductor(1)).await?;
        beat(&*leases, &conductor(1)).await?;
        let again = held(&*leases, &stream, &conductor(1)).await?;
        ensure!(
            again == (first.0, None),
            "it had it under epoch {}, and claimed again it got {again:?}",
            first.0
        );
        Ok(())
    }

    pub(super) async fn a_claim_outlives_its_first_heartbeat(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        held(&*leases, &stream, &conductor(1)).await?;
        for _ in 0..2 {
            fixture.pass(Span::from_millis(1_200)).await?;
            beat(&*leases, &conductor(1)).await?;
        }
        beat(&*leases, &conductor(2)).await?;
        let other = works("a claim", leases.claim(&stream, &conductor(2)).await)?;
        ensure!(matches!(other, Claim::Taken(_)), "its holder has gone on, and another got {other:?}");
        Ok(())
    }

    pub(super) async fn a_claim_of_one_that_vanished_is_taken_over(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        let (before, _) = held(&*leases, &stream, &conductor(1)).await?;
        fixture.pass(LONGER).await?;
        let driver = works("asking for a driver", leases.driver_of(&stream).await)?;
        ensure!(!driver.is_anybody(), "its holder has vanished, and of its driver it is said that {driver}");
        beat(&*leases, &conductor(2)).await?;
        let (after, previous) = held(&*leases, &stream, &conductor(2)).await?;
        ensure!(after > before, "the epoch was {before}, and is {after} for another");
        let from = previous
            .map(|holder| (holder.presence.conductor.clone(), holder.epoch, holder.presence.is_present()));
        let expected = Some((conductor(1), before, false));
        ensure!(from == expected, "it was taken from {expected:?}, and the claim says {from:?}");
        Ok(())
    }

    pub(super) async fn what_one_that_left_held_is_free(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        let (before, _) = held(&*leases, &stream, &conductor(1)).await?;
        works("leaving", leases.leave(&conductor(1)).await)?;
        let (after, previous) = held(&*leases, &stream, &conductor(2)).await?;
        ensure!(after > before, "the epoch was {before}, and is {after} for another");
        ensure!(previous.is_none(), "its holder has left, and it is said to be taken from {previous:?}");
        Ok(())
    }

    pub(super) async fn whoever_was_absent_has_lost_its_claims(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        let (before, _) = held(&*leases, &stream, &conductor(1)).await?;
        fixture.pass(LONGER).await?;
        beat(&*leases, &conductor(1)).await?;
        let holder = works("asking for a holder", leases.holder(&stream).await)?;
        let holds = holder.as_ref().is_some_and(|holder| holder.presence.is_present());
        ensure!(!holds, "it was absent meanwhile, and is said to hold it still: {holder:?}");
        let (after, _) = held(&*leases, &stream, &conductor(1)).await?;
        ensure!(after > before, "the epoch was {before} before it was absent, and is {after}");
        Ok(())
    }

    pub(super) async fn what_is_given_back_is_free(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        let (before, _) = held(&*leases, &stream, &conductor(1)).await?;
        works("giving back", leases.give_back(&stream, &conductor(1)).await)?;
        let holder = works("asking for a holder", leases.holder(&stream).await)?;
        ensure!(holder.is_none(), "it was given back, and is held by {holder:?}");
        let (after, previous) = held(&*leases, &stream, &conductor(2)).await?;
        ensure!(after > before, "the epoch was {before}, and is {after} for another");
        ensure!(previous.is_none(), "it was given back, and is said to be taken from {previous:?}");
        Ok(())
    }

    pub(super) async fn only_the_holder_gives_back(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        works("giving back what nobody holds", leases.give_back(&stream, &conductor(2)).await)?;
        held(&*leases, &stream, &conductor(1)).await?;
        works("giving back what another holds", leases.give_back(&stream, &conductor(2)).await)?;
        let other = works("a claim", leases.claim(&stream, &conductor(2)).await)?;
        ensure!(matches!(other, Claim::Taken(_)), "another gave it back in vain, and then got {other:?}");
        Ok(())
    }

    pub(super) async fn streams_do_not_mix(fixture: &dyn LeasesFixture) -> Met {
        let leases = fixture.leases();
        beat(&*leases, &conductor(1)).await?;
        beat(&*leases, &conductor(2)).await?;
        held(&*leases, &stream("a"), &conductor(1)).await?;
        held(&*leases, &stream("b"), &conductor(2)).await?;
        works("giving back", leases.give_back(&stream("b"), &conductor(2)).await)?;
        let holder = works("asking for a holder", leases.holder(&stream("a")).await)?;
        let is = holder.as_ref().is_some_and(|holder| holder.presence.conductor == conductor(1));
        ensure!(is, "{} holds one of two streams, and its holder is {holder:?}", conductor(1));
        Ok(())
    }

    pub(super) async fn what_is_claimed_survives(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        let (epoch, _) = held(&*leases, &stream, &conductor(1)).await?;
        let reopened = fixture.reopen().await?;
        let holder = works("asking for a holder", reopened.holder(&stream).await)?;
        let is = holder.as_ref().is_some_and(|holder| {
            holder.presence.conductor == conductor(1) && holder.presence.is_present() && holder.epoch == epoch
        });
        ensure!(
            is,
            "{} held it under epoch {epoch}, and opened again the holder is {holder:?}",
            conductor(1)
        );
        Ok(())
    }

    pub(super) async fn a_store_that_can_not_be_used_is_an_error(fixture: &dyn LeasesFixture) -> Met {
        let (leases, stream) = (fixture.leases(), stream("a"));
        beat(&*leases, &conductor(1)).await?;
        held(&*leases, &stream, &conductor(1)).await?;
        fixture.cut_off().await?;
        fails("a heartbeat", leases.heartbeat(&conductor(1), TakesUp::Named, TTL).await)?;
        fails("a list of conductors", leases.conductors().await)?;
        fails("a claim", leases.claim(&stream, &conductor(1)).await)?;
        fails("asking for a holder", leases.holder(&stream).await)?;
        Ok(())
    }
}
