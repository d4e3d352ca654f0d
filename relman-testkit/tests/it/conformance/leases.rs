use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use relman_core::{
    port::{Claim, Clock, ConductorId, Epoch, Holder, Leases, PortError, PortErrorKind, Presence, TakesUp},
    unit::{ReleaseId, Span, Timestamp},
};
use relman_testkit::{
    conformance::{
        Able, Port, Report,
        leases::{LeasesFixture, suite},
    },
    sample,
    world::ManualClock,
};

use super::{Exposed, each_check_can_fail};

/// What is wrong with leases. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Nameless,
    SaysThatItIsThereItself,
    ForgetsWhatIsTakenUp,
    NeverExpires,
    CountsFromTheFirstHeartbeat,
    ListsThePresentAlone,
    LeavesNobody,
    NeverBeginsAnew,
    SaysNothingOfTheHolder,
    ServesTheDead,
    ServesEverybody,
    LooksBeforeItTakes,
    CountsEveryClaim,
    ClaimsExpireAlone,
    TakesOverInSilence,
    LeavesWithItsClaims,
    ForgivesAnAbsence,
    NumbersBeginAnew,
    AnybodyGivesBack,
    OneClaimForAll,
    ForgetsWhenReopened,
    NobodyIsThereWhenBroken,
}

/// The sound leases, and what each flaw changes about them.
#[derive(Clone)]
struct Flawed {
    flaw: Flaw,
    clock: Arc<ManualClock>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default, Clone)]
struct Held {
    broken: bool,
    conductors: BTreeMap<ConductorId, Known>,
    claims: BTreeMap<ReleaseId, Claimed>,
}

#[derive(Clone)]
struct Known {
    takes_up: TakesUp,
    term: u64,
    since: Timestamp,
    seen: Timestamp,
    until: Timestamp,
}

#[derive(Clone)]
struct Claimed {
    by: Option<ConductorId>,
    term: u64,
    epoch: u64,
    at: Timestamp,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        let clock = Arc::new(ManualClock::at(sample::start()));
        let held = Arc::<Mutex<Held>>::default();
        if flaw == Flaw::SaysThatItIsThereItself {
            let now = clock.now();
            let until = now + Span::from_hours(1);
            let known = Known { takes_up: TakesUp::Named, term: 1, since: now, seen: now, until };
            held.lock().unwrap().conductors.insert(ConductorId::new("me", 0, now), known);
        }
        Self { flaw, clock, held }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn works(&self, operation: &'static str) -> Result<(), PortError> {
        if self.held.lock().unwrap().broken && !self.is(Flaw::NobodyIsThereWhenBroken) {
            return Err(PortError::new("flawed", operation, PortErrorKind::Unavailable, "it is cut off"));
        }
        Ok(())
    }

    fn is_present(&self, known: &Known) -> bool {
        self.clock.now() < known.until || self.is(Flaw::NeverExpires)
    }

    fn presence(&self, id: &ConductorId, known: &Known) -> Presence {
        let now = self.clock.now();
        let left = self.is_present(known).then(|| known.until.since(now));
        Presence::new(id.clone(), known.takes_up, now.since(known.since), now.since(known.seen), left)
    }

    fn key(&self, stream: &ReleaseId) -> ReleaseId {
        if self.is(Flaw::OneClaimForAll) { "all".parse().unwrap() } else { stream.clone() }
    }

    fn find(&self, stream: &ReleaseId) -> Option<Holder> {
        let held = self.held.lock().unwrap();
        let claimed = held.claims.get(&self.key(stream))?;
        let by = claimed.by.as_ref()?;
        let known = held.conductors.get(by)?;
        let mut presence = self.presence(by, known);
        let lapsed = known.term != claimed.term && !self.is(Flaw::ForgivesAnAbsence);
        let old =
            self.is(Flaw::ClaimsExpireAlone) && self.clock.now().since(claimed.at) >= Span::from_secs(2);
        if lapsed || old {
            presence.left = None;
        }
        Some(Holder::new(presence, Epoch(claimed.epoch)))
    }
}

#[async_trait]
impl Leases for Flawed {
    fn name(&self) -> &str {
        if self.is(Flaw::Nameless) { " " } else { "flawed" }
    }

    async fn heartbeat(&self, id: &ConductorId, takes_up: TakesUp, ttl: Span) -> Result<(), PortError> {
        self.works("beat")?;
        let now = self.clock.now();
        let takes_up = if self.is(Flaw::ForgetsWhatIsTakenUp) { TakesUp::Named } else { takes_up };
        let mut held = self.held.lock().unwrap();
        let before = held.conductors.get(id).cloned();
        let (term, since) = match &before {
            Some(known) if self.is_present(known) => (known.term, known.since),
            Some(known) if self.is(Flaw::NeverBeginsAnew) => (known.term + 1, known.since),
            known => (known.as_ref().map_or(0, |known| known.term) + 1, now),
        };
        let first = before.filter(|known| self.is_present(known)).map(|known| known.until);
        let until = match first {
            Some(first) if self.is(Flaw::CountsFromTheFirstHeartbeat) => first,
            _ => now + ttl,
        };
        held.conductors.insert(id.clone(), Known { takes_up, term, since, seen: now, until });
        Ok(())
    }

    async fn leave(&self, id: &ConductorId) -> Result<(), PortError> {
        self.works("leave")?;
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap();
        if self.is(Flaw::LeavesNobody) {
            return Ok(());
        }
        if let Some(known) = held.conductors.get_mut(id) {
            known.until = now;
        }
        if !self.is(Flaw::LeavesWithItsClaims) {
            held.claims
                .values_mut()
                .filter(|claimed| claimed.by.as_ref() == Some(id))
                .for_each(|claimed| claimed.by = None);
        }
        Ok(())
    }

    async fn conductors(&self) -> Result<Vec<Presence>, PortError> {
        self.works("list")?;
        let held = self.held.lock().unwrap();
        let mut all: Vec<Presence> =
            held.conductors.iter().map(|(id, known)| self.presence(id, known)).collect();
        all.retain(|one| one.is_present() || !self.is(Flaw::ListsThePresentAlone));
        all.sort_by_key(|one| one.seen);
        Ok(all)
    }

    async fn claim(&self, stream: &ReleaseId, id: &ConductorId) -> Result<Claim, PortError> {
        self.works("claim")?;
        let own = self.held.lock().unwrap().conductors.get(id).cloned();
        let own = match own {
            Some(known) if self.is_present(&known) => known,
            Some(known) if self.is(Flaw::ServesTheDead) => known,
            _ => return Ok(Claim::Absent),
        };
        let holder = self.find(stream);
        if self.is(Flaw::LooksBeforeItTakes) {
            tokio::task::yield_now().await;
        }
        let previous = match holder {
            Some(holder) if holder.presence.is_present() => {
                let mine = holder.presence.conductor == *id;
                if mine && !self.is(Flaw::CountsEveryClaim) {
                    return Ok(Claim::Held { epoch: holder.epoch, previous: None });
                }
                if !mine && !self.is(Flaw::ServesEverybody) {
                    return Ok(Claim::Taken(holder));
                }
                None
            }
            previous => previous.filter(|_| !self.is(Flaw::TakesOverInSilence)),
        };
        let mut held = self.held.lock().unwrap();
        let key = self.key(stream);
        let before = held.claims.get(&key);
        let forgets = self.is(Flaw::NumbersBeginAnew) && before.is_some_and(|claimed| claimed.by.is_none());
        let epoch = if forgets { 1 } else { before.map_or(0, |claimed| claimed.epoch) + 1 };
        let at = self.clock.now();
        held.claims.insert(key, Claimed { by: Some(id.clone()), term: own.term, epoch, at });
        Ok(Claim::Held { epoch: Epoch(epoch), previous })
    }

    async fn give_back(&self, stream: &ReleaseId, id: &ConductorId) -> Result<(), PortError> {
        self.works("give back")?;
        let holder = self.find(stream).filter(|holder| holder.presence.is_present());
        let may =
            self.is(Flaw::AnybodyGivesBack) || holder.is_some_and(|holder| holder.presence.conductor == *id);
        if may && let Some(claimed) = self.held.lock().unwrap().claims.get_mut(&self.key(stream)) {
            claimed.by = None;
        }
        Ok(())
    }

    async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError> {
        self.works("ask")?;
        Ok(self.find(stream).filter(|holder| {
            !(self.is(Flaw::SaysNothingOfTheHolder)
                && holder.epoch == Epoch(1)
                && holder.presence.is_present())
        }))
    }
}

#[async_trait]
impl LeasesFixture for Flawed {
    fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(self.clone())
    }

    async fn pass(&self, span: Span) -> Able<()> {
        self.clock.advance(span);
        Ok(())
    }

    async fn reopen(&self) -> Able<Arc<dyn Leases>> {
        let held = if self.is(Flaw::ForgetsWhenReopened) {
            Arc::default()
        } else {
            Arc::new(Mutex::new(self.held.lock().unwrap().clone()))
        };
        Ok(Arc::new(Self { held, ..self.clone() }))
    }

    async fn cut_off(&self) -> Able<()> {
        self.held.lock().unwrap().broken = true;
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed::new(flaw)).await
}

#[tokio::test]
async fn each_check_of_leases_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw, also) in [
        ("has_a_name", Flaw::Nameless, &[][..]),
        (
            "nobody_is_there_at_first",
            Flaw::SaysThatItIsThereItself,
            &[
                "a_conductor_that_is_heard_of_is_present",
                "a_heartbeat_expires",
                "a_heartbeat_renews",
                "the_gone_are_told_of",
                "one_that_leaves_is_not_present",
                "a_break_begins_anew",
            ],
        ),
        ("a_conductor_that_is_heard_of_is_present", Flaw::ForgetsWhatIsTakenUp, &[]),
        (
            "a_heartbeat_expires",
            Flaw::NeverExpires,
            &[
                "the_gone_are_told_of",
                "one_that_leaves_is_not_present",
                "a_break_begins_anew",
                "a_claim_is_for_the_living",
                "a_claim_of_one_that_vanished_is_taken_over",
                "whoever_was_absent_has_lost_its_claims",
            ],
        ),
        ("a_heartbeat_renews", Flaw::CountsFromTheFirstHeartbeat, &["a_claim_outlives_its_first_heartbeat"]),
        ("the_gone_are_told_of", Flaw::ListsThePresentAlone, &[]),
        (
            "one_that_leaves_is_not_present",
            Flaw::LeavesNobody,
            &["a_claim_is_for_the_living", "what_one_that_left_held_is_free"],
        ),
        ("a_break_begins_anew", Flaw::NeverBeginsAnew, &[]),
        (
            "a_claim_is_held",
            Flaw::SaysNothingOfTheHolder,
            &["streams_do_not_mix", "what_is_claimed_survives"],
        ),
        ("a_claim_is_for_the_living", Flaw::ServesTheDead, &[]),
        (
            "a_claim_is_exclusive",
            Flaw::ServesEverybody,
            &[
                "of_many_that_claim_at_once_one_wins",
                "a_claim_outlives_its_first_heartbeat",
                "only_the_holder_gives_back",
            ],
        ),
        ("of_many_that_claim_at_once_one_wins", Flaw::LooksBeforeItTakes, &[]),
        ("the_holder_may_claim_again", Flaw::CountsEveryClaim, &[]),
        ("a_claim_outlives_its_first_heartbeat", Flaw::ClaimsExpireAlone, &[]),
        ("a_claim_of_one_that_vanished_is_taken_over", Flaw::TakesOverInSilence, &[]),
        ("what_one_that_left_held_is_free", Flaw::LeavesWithItsClaims, &[]),
        ("whoever_was_absent_has_lost_its_claims", Flaw::ForgivesAnAbsence, &[]),
        ("what_is_given_back_is_free", Flaw::NumbersBeginAnew, &["what_one_that_left_held_is_free"]),
        ("only_the_holder_gives_back", Flaw::AnybodyGivesBack, &[]),
        ("streams_do_not_mix", Flaw::OneClaimForAll, &[]),
        ("what_is_claimed_survives", Flaw::ForgetsWhenReopened, &[]),
        ("a_store_that_can_not_be_used_is_an_error", Flaw::NobodyIsThereWhenBroken, &[]),
    ] {
        let found = report(flaw).await;
        exposed.push(Exposed::new(flaw, check, found).also(also));
    }
    each_check_can_fail(Port::Leases, &report(Flaw::None).await, &exposed);
}
