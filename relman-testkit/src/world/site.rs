use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

use relman_core::{
    judge::{Answer, ClassicHistogram, Histogram, Measurement},
    port::{Deployment, Environment, PortError, PortErrorKind},
    unit::{MetricName, Span, Timestamp, TrafficShare, Window},
};

use super::{
    happening::{Call, CallAnswer, Happening, What},
    traffic::{Stretch, TrafficHistory},
};
use crate::world::fault::{DeployerCall, DeployerFate, Fault, MetricsFate, PlatformFate, Schedule, When};

/// The name under which the platform appears in observations and errors.
pub(super) const NAME: &str = "simulated";

/// What is out there of one release, and what goes wrong with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    pub(super) history: TrafficHistory,
    pub(super) installed: BTreeSet<Environment>,
    /// Whether its version is somewhere in production now: a later one may have taken its place.
    pub(super) lives: bool,
    /// What has been done to the places since the other releases of the service know of it.
    pub(super) done: Vec<Deed>,
    /// When which share of the users was pinned to its version, beside those that the weights gave it.
    pinned: Vec<(Window, TrafficShare)>,
    /// When it was first exposed in production.
    pub(super) anchor: Option<Timestamp>,
    /// When it first had each share of the traffic.
    reached: BTreeMap<TrafficShare, Timestamp>,
    /// The entries of the schedule that have happened, and happen once.
    over: BTreeSet<usize>,
    calls: BTreeMap<DeployerCall, u32>,
    looks: u32,
    /// Changes that are under way, and arrive whoever waits for them.
    arriving: Vec<Arrival>,
    /// How long the answer to the last change takes; none where it never comes.
    pub(super) delay: Option<Span>,
    /// How many records the release has, as far as the world was told.
    pub(super) records: u64,
    pub(super) log: Vec<Happening>,
}

/// Something that was done to the places of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// The release's place was given this share of the traffic.
    Given(Timestamp, TrafficShare),
    /// The release's version was put into its place.
    MovedIn(Timestamp),
    /// The release's version was put into the stable place, which has this share of the traffic from then on.
    Promoted(Timestamp, TrafficShare),
}

/// A change of the traffic that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Arrival {
    at: Timestamp,
    share: TrafficShare,
    cut: bool,
    key: String,
}

impl Site {
    /// Hands what has an influence on what happens next to a hasher: neither the log, which is history, nor a count of
    /// calls that no fault waits for any more.
    pub(super) fn hash_future<H: Hasher>(&self, faults: &Schedule, state: &mut H) {
        self.history.hash(state);
        self.installed.iter().for_each(|environment| (*environment as u8).hash(state));
        self.lives.hash(state);
        self.done.hash(state);
        self.pinned.iter().for_each(|(window, share)| (window.from, window.until, share).hash(state));
        self.anchor.hash(state);
        self.reached.hash(state);
        self.over.hash(state);
        self.arriving.hash(state);
        for fault in &faults.faults {
            match fault {
                Fault::Deployer { call, nth, times, .. } => {
                    let count = self.calls.get(call).copied().unwrap_or_default();
                    count.min(nth.saturating_add(*times)).hash(state);
                }
                Fault::Observation { nth, times } => {
                    self.looks.min(nth.saturating_add(*times)).hash(state);
                }
                _ => {}
            }
        }
    }
}

/// The moments from which those of a schedule are counted.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) start: Timestamp,
    /// In place of the first exposure.
    pub(super) anchor: Option<Timestamp>,
}

impl Site {
    /// A moment of the schedule, once it is known when that is.
    pub(super) fn moment(&self, origin: Origin, when: When) -> Option<Timestamp> {
        match when {
            When::AfterStart(after) => Some(origin.start + after),
            When::AfterExposure(after) => Some(origin.anchor.or(self.anchor)? + after),
            When::AtShare { share, after } => {
                Some(*self.reached.range(share..).map(|(_, at)| at).min()? + after)
            }
        }
    }

    /// Lets the drifts whose time has come happen.
    pub(super) fn drift(&mut self, faults: &Schedule, origin: Origin, now: Timestamp) {
        for (index, fault) in faults.faults.iter().enumerate() {
            let Fault::Drift { at, to } = fault else { continue };
            if self.over.contains(&index) {
                continue;
            }
            let Some(at) = self.moment(origin, *at).filter(|at| *at <= now) else { continue };
            self.over.insert(index);
            let before = self.history.share();
            if before > TrafficShare::ZERO && before != *to {
                self.history.set(at, *to);
                self.done.push(Deed::Given(at, *to));
                self.note(at, What::Drifted { before, after: *to });
            }
        }
    }

    /// Lets changes arrive whose time has come.
    pub(super) fn arrive(&mut self, faults: &Schedule, now: Timestamp) {
        while let Some(next) = self.arriving.iter().position(|arrival| arrival.at <= now) {
            let Arrival { at, share, cut, key } = self.arriving.remove(next);
            let before = self.history.share();
            self.give(faults, share, cut, at);
            self.note(at, What::Arrived { key, before, after: share });
        }
    }

    /// When the next change arrives.
    pub(super) fn next_arrival(&self) -> Option<Timestamp> {
        self.arriving.iter().map(|arrival| arrival.at).min()
    }

    /// Lets nothing of a schedule happen any more that happened, or could have, in an earlier process.
    pub(super) fn skip(&mut self, faults: &Schedule, origin: Origin, now: Timestamp) {
        self.calls.extend(DeployerCall::ALL.map(|call| (call, u32::MAX)));
        self.looks = u32::MAX;
        for (index, fault) in faults.faults.iter().enumerate() {
            if let Fault::Drift { at, .. } = fault
                && self.moment(origin, *at).is_some_and(|at| at <= now)
            {
                self.over.insert(index);
            }
        }
    }

    pub(super) fn note(&mut self, at: Timestamp, what: What) {
        self.log.push(Happening { at, records: self.records, what });
    }

    /// Sets the traffic as it was, without a call.
    pub(super) fn restore(&mut self, at: Timestamp, share: TrafficShare) {
        self.history.set(at, share);
        self.reached.entry(share).or_insert(at);
    }

    pub(super) fn install(
        &mut self,
        faults: &Schedule,
        origin: Origin,
        environment: Environment,
        there: TrafficShare,
        key: &str,
        now: Timestamp,
    ) -> Result<(), PortError> {
        let fate = self.fate(faults, DeployerCall::Install);
        let production = environment == Environment::Production;
        let occupied = production && self.is_occupied(faults, origin, now);
        let share = match (occupied, production) {
            (true, _) => TrafficShare::FULL,
            (false, true) => there,
            (false, false) => self.history.share(),
        };
        self.delay = delay(fate);
        let result = match fate {
            // To install late is to install: nobody meets it before.
            None | Some(DeployerFate::AnswerLost | DeployerFate::Late(_) | DeployerFate::HangsAfterwards) => {
                self.installed.insert(environment);
                if production {
                    self.done.push(Deed::MovedIn(now));
                }
                answer(fate, "deploy")
            }
            Some(_) => answer(fate, "deploy"),
        };
        let (call, key) = (Call::Install(environment), key.to_owned());
        let answer = CallAnswer::of(&result);
        self.note(now, What::Called { call, key, answer, before: share, after: share });
        result
    }

    pub(super) fn route(
        &mut self,
        faults: &Schedule,
        (share, cut): (TrafficShare, bool),
        key: &str,
        now: Timestamp,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "set traffic";
        let forward = share > TrafficShare::ZERO;
        let fate = self.fate(faults, if forward { DeployerCall::Forward } else { DeployerCall::Back });
        let before = self.history.share();
        self.delay = delay(fate);
        let result = if forward && !self.installed.contains(&Environment::Production) {
            let detail = "the new version is not installed in production";
            Err(PortError::new(NAME, OPERATION, PortErrorKind::Rejected, detail))
        } else {
            match fate {
                None | Some(DeployerFate::AnswerLost | DeployerFate::HangsAfterwards) => {
                    self.give(faults, share, cut, now);
                }
                Some(DeployerFate::Late(by)) => {
                    self.arriving.push(Arrival { at: now + by, share, cut, key: key.to_owned() });
                }
                Some(DeployerFate::Halfway | DeployerFate::HalfwayUnnoticed) => {
                    self.give(faults, half_way(before, share), false, now);
                }
                Some(
                    DeployerFate::Unavailable
                    | DeployerFate::Refused
                    | DeployerFate::Lie
                    | DeployerFate::Hangs,
                ) => {}
            }
            answer(fate, OPERATION)
        };
        let (call, key, after) = (Call::Route(share), key.to_owned(), self.history.share());
        self.note(now, What::Called { call, key, answer: CallAnswer::of(&result), before, after });
        result
    }

    /// Puts the version into the stable place, and takes all users there. `there` is what the place has that was the candidate's.
    pub(super) fn promote(
        &mut self,
        faults: &Schedule,
        there: TrafficShare,
        key: &str,
        now: Timestamp,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "promote";
        let fate = self.fate(faults, DeployerCall::Promote);
        let before = self.history.share();
        self.delay = delay(fate);
        let result = if self.lives {
            match fate {
                // To promote late is to promote: users have the new version all the time.
                None
                | Some(DeployerFate::AnswerLost | DeployerFate::HangsAfterwards | DeployerFate::Late(_)) => {
                    self.done.push(Deed::Promoted(now, TrafficShare::FULL));
                }
                Some(DeployerFate::Halfway | DeployerFate::HalfwayUnnoticed) => {
                    let moved = half_way(there.rest(), TrafficShare::FULL);
                    self.done.push(Deed::Promoted(now, moved));
                }
                Some(
                    DeployerFate::Unavailable
                    | DeployerFate::Refused
                    | DeployerFate::Lie
                    | DeployerFate::Hangs,
                ) => {}
            }
            answer(fate, OPERATION)
        } else {
            let detail = "the new version is not installed in production";
            Err(PortError::new(NAME, OPERATION, PortErrorKind::Rejected, detail))
        };
        let (key, answer) = (key.to_owned(), CallAnswer::of(&result));
        // Whoever had the new version has it still.
        self.note(now, What::Called { call: Call::Promote, key, answer, before, after: before });
        result
    }

    /// The share that the platform shows, where it shows one: `set` is what the candidate's place was given.
    pub(super) fn show(
        &mut self,
        faults: &Schedule,
        origin: Origin,
        set: TrafficShare,
        now: Timestamp,
    ) -> Result<Deployment, PortError> {
        self.looks = self.looks.saturating_add(1);
        let blind = faults.faults.iter().any(|fault| match fault {
            Fault::Observation { nth, times } => Fault::hits(*nth, *times, self.looks),
            _ => false,
        });
        if blind {
            let detail = "the platform's inventory is not available";
            return Err(PortError::new(NAME, "observe the traffic", PortErrorKind::Unavailable, detail));
        }
        if self.is_occupied(faults, origin, now) {
            return Ok(Deployment::at(TrafficShare::FULL));
        }
        let mut shown =
            self.platform_fate(faults, origin, now).map_or(Deployment::at(set), |fate| fate.shown(set));
        if sticky(faults).is_some() {
            shown.canary = shown
                .canary
                .with_served(self.served(faults, origin, now))
                .with_sessions(self.pinned_at(now).map_or(0, |share| u64::from(share.basis_points())));
        }
        Ok(shown)
    }

    /// How many requests its version has served so far: fifty a second, if all users have it.
    fn served(&self, faults: &Schedule, origin: Origin, now: Timestamp) -> u64 {
        let window = Window { from: origin.start, until: now };
        let stretches = self.effective(faults, origin).stretches(window, &[]);
        let weighed =
            |stretch: &Stretch| stretch.window.length().as_millis() * u64::from(stretch.share.basis_points());
        stretches.iter().map(weighed).sum::<u64>() / 200_000
    }

    /// The share of the users that is pinned to its version at a moment.
    pub(super) fn pinned_at(&self, at: Timestamp) -> Option<TrafficShare> {
        self.pinned.iter().find(|(window, _)| window.contains(at)).map(|(_, share)| *share)
    }

    /// Whether users of an earlier version are where the new one goes.
    fn is_occupied(&self, faults: &Schedule, origin: Origin, now: Timestamp) -> bool {
        !self.installed.contains(&Environment::Production)
            && faults.faults.iter().any(|fault| match fault {
                Fault::Occupied { lasting } => now < origin.start + *lasting,
                _ => false,
            })
    }

    /// What is wrong with the platform at a moment.
    pub(super) fn platform_fate(
        &self,
        faults: &Schedule,
        origin: Origin,
        now: Timestamp,
    ) -> Option<PlatformFate> {
        self.platform_fates(faults, origin).find(|(window, _)| window.contains(now)).map(|(_, fate)| fate)
    }

    /// What is wrong with the platform at which times, as far as those are known.
    pub(super) fn platform_fates<'a>(
        &'a self,
        faults: &'a Schedule,
        origin: Origin,
    ) -> impl Iterator<Item = (Window, PlatformFate)> + 'a {
        faults.faults.iter().filter_map(move |fault| match fault {
            Fault::Platform { from, lasting, fate } => {
                let from = self.moment(origin, *from)?;
                Some((Window { from, until: from + *lasting }, *fate))
            }
            _ => None,
        })
    }

    /// What users got of the new version at which time.
    pub(super) fn effective(&self, faults: &Schedule, origin: Origin) -> Cow<'_, TrafficHistory> {
        let mut fates: Vec<(Window, PlatformFate)> = self.platform_fates(faults, origin).collect();
        if fates.is_empty() && self.pinned.is_empty() {
            return Cow::Borrowed(&self.history);
        }
        // Of two at once, the first of the schedule counts: it is applied last.
        fates.reverse();
        let mut history = self.history.clone();
        for (window, fate) in fates {
            history = history.changed_within(window, |share| fate.effective(share));
        }
        for (window, pinned) in &self.pinned {
            history = history.changed_within(*window, |share| share.max(*pinned));
        }
        Cow::Owned(history)
    }

    /// Gives the release's place this share.
    fn give(&mut self, faults: &Schedule, share: TrafficShare, cut: bool, now: Timestamp) {
        self.done.push(Deed::Given(now, share));
        let before = self.history.share();
        if let Some((window, _)) = self.pinned.last_mut()
            && window.contains(now)
            && (cut || !share.is_zero())
        {
            window.until = now;
        }
        if let Some((pinned, lasting)) = sticky(faults)
            && share.is_zero()
            && !cut
            && !before.is_zero()
        {
            self.pinned.push((Window { from: now, until: now + lasting }, pinned.min(before)));
        }
        // Whoever lives elsewhere, or nowhere, gets nothing of it.
        if self.lives || share.is_zero() {
            self.set(share, now);
        }
    }

    /// Notes that its users are that many from now on, through what was done for another release, or to both places.
    pub(super) fn follow(&mut self, share: Option<TrafficShare>, now: Timestamp) {
        self.lives = share.is_some();
        let share = share.unwrap_or(TrafficShare::ZERO);
        if share != self.history.share() {
            self.set(share, now);
        }
    }

    fn set(&mut self, share: TrafficShare, now: Timestamp) {
        if share > TrafficShare::ZERO && self.anchor.is_none() {
            self.anchor = Some(now);
        }
        self.restore(now, share);
    }

    /// The fate of the next call of a kind; none where nothing goes wrong.
    fn fate(&mut self, faults: &Schedule, wanted: DeployerCall) -> Option<DeployerFate> {
        let number = self.calls.entry(wanted).or_default();
        *number = number.saturating_add(1);
        faults.faults.iter().find_map(|fault| match fault {
            Fault::Deployer { call, nth, times, fate }
                if *call == wanted && Fault::hits(*nth, *times, *number) =>
            {
                Some(*fate)
            }
            _ => None,
        })
    }

    /// What is wrong with the answer to a question about a metric over a window.
    pub(super) fn metrics_fates<'a>(
        &'a self,
        faults: &'a Schedule,
        origin: Origin,
        metric: &'a MetricName,
        window: Window,
    ) -> impl Iterator<Item = (MetricsFate, Timestamp)> + 'a {
        faults.faults.iter().filter_map(move |fault| match fault {
            Fault::Metrics { of, from, lasting, fate } if of.include(metric) => {
                let from = self.moment(origin, *from)?;
                (window.from < from + *lasting && from < window.until).then_some((*fate, from))
            }
            _ => None,
        })
    }
}

/// How many users are pinned to a version that has them, and for how long.
fn sticky(faults: &Schedule) -> Option<(TrafficShare, Span)> {
    faults.faults.iter().find_map(|fault| match fault {
        Fault::Sticky { pinned, lasting } => Some((*pinned, *lasting)),
        _ => None,
    })
}

/// What the caller is told.
fn answer(fate: Option<DeployerFate>, operation: &'static str) -> Result<(), PortError> {
    let (kind, detail) = match fate {
        None | Some(DeployerFate::HalfwayUnnoticed | DeployerFate::Lie | DeployerFate::Late(_)) => {
            return Ok(());
        }
        // Nobody hears it.
        Some(DeployerFate::Hangs | DeployerFate::HangsAfterwards) => {
            (PortErrorKind::TimedOut, "there is no answer")
        }
        Some(DeployerFate::AnswerLost | DeployerFate::Halfway) => {
            (PortErrorKind::TimedOut, "the answer was lost")
        }
        Some(DeployerFate::Unavailable) => (PortErrorKind::Unavailable, "the platform is busy"),
        Some(DeployerFate::Refused) => (PortErrorKind::Rejected, "the platform's configuration forbids it"),
    };
    Err(PortError::new(NAME, operation, kind, detail))
}

/// How long the answer takes; none where it never comes.
fn delay(fate: Option<DeployerFate>) -> Option<Span> {
    match fate {
        Some(DeployerFate::Late(by)) => Some(by),
        Some(DeployerFate::Hangs | DeployerFate::HangsAfterwards) => None,
        None
        | Some(
            DeployerFate::Unavailable
            | DeployerFate::Refused
            | DeployerFate::AnswerLost
            | DeployerFate::Halfway
            | DeployerFate::HalfwayUnnoticed
            | DeployerFate::Lie,
        ) => Some(Span::ZERO),
    }
}

fn half_way(from: TrafficShare, to: TrafficShare) -> TrafficShare {
    TrafficShare::try_from(u16::midpoint(from.basis_points(), to.basis_points()))
        .expect("what lies between two shares is a share")
}

/// What the source says in place of a measurement; none where it has one all the same.
pub(super) fn in_place(fate: MetricsFate, since: Timestamp) -> Option<Answer> {
    Some(match fate {
        MetricsFate::Older(_) | MetricsFate::Delayed(_) | MetricsFate::Twice => return None,
        MetricsFate::Empty => Answer::NoData { detail: "no series matches".to_owned() },
        MetricsFate::NotANumber => Answer::NotFinite { written: "NaN".to_owned() },
        MetricsFate::Null => Answer::ProviderError { detail: "the answer has no value: null".to_owned() },
        MetricsFate::Stale => Answer::Stale { newest: since },
        MetricsFate::Down => Answer::ProviderError { detail: "503 Service Unavailable".to_owned() },
    })
}

/// The same answer with everything counted twice.
pub(super) fn twice(answer: Answer) -> Answer {
    let Answer::Value(measurement) = answer else {
        return answer;
    };
    Answer::Value(match measurement {
        Measurement::Counts { requests, errors } => {
            Measurement::Counts { requests: requests * 2, errors: errors * 2 }
        }
        Measurement::Exceedances { requests, exceedances, bound } => {
            Measurement::Exceedances { requests: requests * 2, exceedances: exceedances * 2, bound }
        }
        Measurement::Events { count, exposure } => {
            Measurement::Events { count: count * 2, exposure: exposure * 2 }
        }
        Measurement::Histogram(Histogram::Classic(classic)) => {
            let counts = classic.counts().iter().map(|count| count * 2).collect();
            let doubled = ClassicHistogram::new(classic.bounds().to_vec(), counts);
            Measurement::Histogram(Histogram::Classic(doubled.expect("there are as many counts as before")))
        }
        measurement @ (Measurement::Histogram(_) | Measurement::Gauge { .. }) => measurement,
    })
}

/// How far back the answer to a question lies, and how long it takes.
pub(super) fn lateness(fates: impl Iterator<Item = (MetricsFate, Timestamp)>) -> (Span, Span) {
    let mut late = (Span::ZERO, Span::ZERO);
    for (fate, _) in fates {
        match fate {
            MetricsFate::Older(by) => late.0 = late.0.max(by),
            MetricsFate::Delayed(by) => late.1 = late.1.max(by),
            MetricsFate::Empty
            | MetricsFate::NotANumber
            | MetricsFate::Null
            | MetricsFate::Stale
            | MetricsFate::Twice
            | MetricsFate::Down => {}
        }
    }
    late
}
