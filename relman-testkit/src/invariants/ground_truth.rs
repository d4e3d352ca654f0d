//! What has to hold of what happened, beside what was recorded of it.

use std::{borrow::Borrow, collections::BTreeMap};

use relman_core::{
    chain::{Digest, verify_lines},
    event::{Event, HoldCause, ObservedExposure, Record},
    judge::{Outcome, Undecided},
    machine::Release,
    port::{Notification, PortErrorKind, with_causes},
    unit::{Span, Timestamp, TrafficShare},
};

use super::violation::Broken;
use crate::{
    Ending, Run,
    world::{
        Call, CallAnswer, Happening, What,
        fault::{DeployerFate, Fault, PersonFate, When},
        team::Diligence,
    },
};

/// What was recorded and what happened, at the end of a run or on the way.
pub(super) struct GroundTruth<'a, R> {
    records: &'a [R],
    happened: &'a [Happening],
}

impl<R> Clone for GroundTruth<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for GroundTruth<'_, R> {}

impl<'a, R: Borrow<Record>> GroundTruth<'a, R> {
    pub(super) fn new(records: &'a [R], happened: &'a [Happening]) -> Self {
        Self { records, happened }
    }

    pub(super) fn happened(&self) -> &'a [Happening] {
        self.happened
    }

    fn records(&self) -> impl Iterator<Item = &'a Record> {
        self.records.iter().map(Borrow::borrow)
    }
}

/// What is asked of the world rests on a record that was durable before: the key holds its hash.
pub(super) fn append_before_act(truth: GroundTruth<'_, impl Borrow<Record>>) -> Result<(), Broken> {
    for happening in truth.happened {
        let What::Called { key, call, .. } = &happening.what else { continue };
        let digest = cause(key);
        let asked =
            truth.records().take(index(happening.records)).any(|record| Some(record.digest) == digest);
        if !asked {
            return Err(broken(happening, format!("{call} has the key {key}, and no record is behind it")));
        }
    }
    Ok(())
}

/// The hash of the record that a key is made from.
fn cause(key: &str) -> Option<Digest> {
    key.split_once('-')?.0.parse().ok()
}

/// The share at the end of what happened before there were more than so many records.
fn share_before(truth: GroundTruth<'_, impl Borrow<Record>>, records: u64) -> TrafficShare {
    let earlier = truth.happened.iter().rev().filter(|happening| happening.records <= records);
    earlier
        .filter_map(|happening| change(&happening.what))
        .map(|(_, after)| after)
        .next()
        .unwrap_or(TrafficShare::ZERO)
}

/// The share of the traffic before and after something.
fn change(what: &What) -> Option<(TrafficShare, TrafficShare)> {
    match what {
        What::Called { call: Call::Route(_), before, after, .. }
        | What::Drifted { before, after }
        | What::Arrived { before, after, .. } => Some((*before, *after)),
        What::Called { .. } | What::Crashed | What::AppendFailed | What::CommandFailed | What::Alarmed => {
            None
        }
    }
}

/// An effect may be performed any number of times and leaves the world as if it were performed once: a repetition is
/// the same request, and once its outcome is recorded or a newer effect was performed, it changes nothing, unless the
/// platform had lied about it. What was recorded as done is so, unless the platform lied or someone else has changed it since. A message that comes twice
/// is the same message.
pub(super) fn net_effect_is_as_if_once(truth: GroundTruth<'_, impl Borrow<Record>>) -> Result<(), Broken> {
    let mut requests: BTreeMap<&str, Call> = BTreeMap::new();
    let mut newest: Option<&str> = None;
    for happening in truth.happened {
        let What::Called { call, key, before, after, .. } = &happening.what else { continue };
        if *requests.entry(key).or_insert(*call) != *call {
            return Err(broken(happening, format!("the key {key} stands for two requests")));
        }
        let Call::Route(_) = call else { continue };
        let outdated = newest.is_some_and(|newest| newest != key)
            && truth
                .happened
                .iter()
                .take_while(|earlier| !std::ptr::eq(*earlier, happening))
                .any(|earlier| matches!(&earlier.what, What::Called { key: again, .. } if again == key));
        let over = outdated || is_recorded(truth, happening.records, key);
        if over && before != after && !was_a_lie(truth, key) {
            return Err(broken(happening, format!("{call} is done again after it was over (key {key})")));
        }
        if !outdated {
            newest = Some(key);
        }
    }
    recorded_as_done_is_done(truth)
}

/// A message that comes twice is the same message.
pub(super) fn a_message_that_comes_twice_is_the_same(run: &Run) -> Result<(), Broken> {
    let mut sent: BTreeMap<&str, &Notification> = BTreeMap::new();
    for notification in &run.sent {
        let first = sent.entry(&notification.key).or_insert(notification);
        if *first != notification {
            let what = format!("the key {} stands for two messages", notification.key);
            return Err(Broken { seq: run.records.len() as u64, what });
        }
    }
    Ok(())
}

/// Whether the platform has said that it has done what has this key, and had not.
fn was_a_lie(truth: GroundTruth<'_, impl Borrow<Record>>, key: &str) -> bool {
    truth.happened.iter().any(|happening| match &happening.what {
        What::Called { call: Call::Route(share), key: asked, answer: CallAnswer::Done, after, .. } => {
            asked == key && share != after
        }
        _ => false,
    })
}

/// Whether the outcome of the effect with this key is among the first records.
fn is_recorded(truth: GroundTruth<'_, impl Borrow<Record>>, records: u64, key: &str) -> bool {
    let digest = cause(key);
    let cause = truth.records().find(|record| Some(record.digest) == digest);
    cause.is_some_and(|cause| {
        truth.records().take(index(records)).any(|record| match &record.event {
            Event::TrafficSet(set) => set.effect.record == cause.seq,
            _ => false,
        })
    })
}

fn recorded_as_done_is_done(truth: GroundTruth<'_, impl Borrow<Record>>) -> Result<(), Broken> {
    for record in truth.records() {
        let Event::TrafficSet(set) = &record.event else { continue };
        let earlier = truth.happened.iter().rev().filter(|happening| happening.records <= record.seq);
        let excused = match earlier.map(|happening| &happening.what).find(|what| change(what).is_some()) {
            Some(What::Drifted { .. } | What::Arrived { .. }) => true,
            Some(What::Called { call: Call::Route(share), answer, after, .. }) => {
                after == share || *answer == CallAnswer::Done
            }
            _ => false,
        };
        let is = share_before(truth, record.seq);
        if is != set.share && !excused {
            return Err(Broken::by(record, format!("{} is recorded as done, and it is {is}", set.share)));
        }
    }
    Ok(())
}

/// Reading the stored bytes anew gives the state that was reached live.
pub(super) fn replay_equals_live(run: &Run) -> Result<(), Broken> {
    let last = run.records.len() as u64;
    let replayed = Release::replay(run.release.id().clone(), run.lines.iter().map(Vec::as_slice));
    match replayed {
        Ok(release) if release == run.release => {}
        Ok(release) => {
            let (then, now) = (run.release.phase().name(), release.phase().name());
            return Err(Broken { seq: last, what: format!("live it was {then}, and a replay is {now}") });
        }
        Err(error) => return Err(Broken { seq: last, what: with_causes(&error) }),
    }
    let mut reader = Release::new(run.release.id().clone());
    for (record, line) in run.records.iter().zip(&run.lines) {
        if reader.read(line).ok().as_ref() != Some(record) {
            return Err(Broken::by(record, "its line reads otherwise"));
        }
    }
    Ok(())
}

/// The stored bytes verify as one chain up to the head.
pub(super) fn chain_verifies(run: &Run) -> Result<(), Broken> {
    let verified = verify_lines(Some(run.release.id().into()), &run.lines, run.release.head());
    verified.map(|_| ()).map_err(|broken| Broken { seq: broken.seq, what: with_causes(&broken) })
}

/// Once a rollback or an abort is recorded, nobody asks the platform to install the new version or to give it traffic.
pub(super) fn back_beats_forward(truth: GroundTruth<'_, impl Borrow<Record>>) -> Result<(), Broken> {
    let back = truth
        .records()
        .find(|record| matches!(record.event, Event::RollbackStarted(_) | Event::ReleaseAborted(_)));
    let Some(back) = back else { return Ok(()) };
    for happening in truth.happened.iter().filter(|happening| happening.records > back.seq) {
        let What::Called { call, .. } = &happening.what else { continue };
        let forward = match call {
            Call::Install(_) | Call::Promote => true,
            Call::Route(share) => *share > TrafficShare::ZERO,
            Call::Notify => false,
        };
        if forward {
            return Err(broken(happening, format!("{call} after record {} has taken it back", back.seq)));
        }
    }
    Ok(())
}

/// The platform never gives the new version more than the step under way allows. Where someone else has given it
/// more, the first look that sees it leads to a push back; where it does so by itself, to a hold.
pub(super) fn exposure_on_the_platform_never_above_step(
    truth: GroundTruth<'_, impl Borrow<Record>>,
) -> Result<(), Broken> {
    for happening in truth.happened {
        let What::Called { before, after, call, .. } = &happening.what else { continue };
        let allowed = allowed(truth, happening.records);
        if after > before && *after > allowed {
            let what = format!("{call} raises the traffic to {after} where {allowed} is allowed");
            return Err(broken(happening, what));
        }
    }
    let (mut on_its_way, mut held) = (false, false);
    for record in truth.records() {
        match &record.event {
            // The weights are right: there is nothing to push.
            Event::HoldPlaced(placed) if placed.cause == HoldCause::Platform => held = true,
            Event::HoldReleased(released) if released.cause == HoldCause::Platform => held = false,
            Event::StepStarted(_) | Event::TrafficDrifted(_) => on_its_way = true,
            Event::TrafficSet(_) => on_its_way = false,
            Event::Evaluated(look) => {
                let ObservedExposure::Seen { share_bp } = look.exposure else { continue };
                let allowed = allowed(truth, record.seq);
                let same_decision = truth.records().skip(index(record.seq) + 1).take(4);
                let acted =
                    same_decision.take_while(|next| next.at == record.at).any(|next| match &next.event {
                        Event::TrafficDrifted(_) | Event::RollbackStarted(_) => true,
                        Event::HoldPlaced(placed) => placed.cause == HoldCause::Platform,
                        _ => false,
                    });
                if share_bp > allowed && !on_its_way && !held && !acted {
                    let what = format!("it sees {share_bp} where {allowed} is allowed, and lets it be");
                    return Err(Broken::by(record, what));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The share that the first so many records allow.
fn allowed(truth: GroundTruth<'_, impl Borrow<Record>>, records: u64) -> TrafficShare {
    let share = truth.records().take(index(records)).filter_map(|record| match &record.event {
        Event::StepStarted(started) => Some(started.share),
        // What was held back.
        Event::ReleaseCompleted(_) => Some(TrafficShare::FULL),
        Event::RollbackStarted(_) => Some(TrafficShare::ZERO),
        _ => None,
    });
    share.last().unwrap_or(TrafficShare::ZERO)
}

/// When a rollback is confirmed, the new version has no traffic on the platform, and gets none afterwards by a change that
/// was asked for before.
pub(super) fn platform_is_at_zero_when_confirmed(
    truth: GroundTruth<'_, impl Borrow<Record>>,
) -> Result<(), Broken> {
    for record in truth.records().filter(|one| matches!(one.event, Event::RollbackConfirmed(_))) {
        let is = share_before(truth, record.seq);
        if is > TrafficShare::ZERO {
            return Err(Broken::by(record, format!("it is confirmed, and the platform has {is}")));
        }
        let late = truth.happened.iter().filter(|happening| happening.records > record.seq).find(
            |happening| matches!(&happening.what, What::Arrived { after, .. } if *after > TrafficShare::ZERO),
        );
        if let Some(late) = late {
            return Err(Broken::by(record, format!("it is confirmed, and then {late}")));
        }
    }
    Ok(())
}

/// Every call ends exactly once: by its answer, or by being aborted.
pub(super) fn every_call_ends_once(run: &Run) -> Result<(), Broken> {
    match run.loose_ends.first() {
        None => Ok(()),
        Some(what) => Err(Broken { seq: run.records.len() as u64, what: what.clone() }),
    }
}

/// How long a journal may fail before on-call has heard of it: the patience of a session and the pause between two tries.
const JOURNAL_PATIENCE: Span = Span::from_secs(45);

/// A session that has something to record tries again within this time. After a longer pause it had nothing to record,
/// and the journal stood in nobody's way.
const LONGEST_PAUSE: Span = Span::from_secs(15);

/// While a release is in production and users have it, a journal that fails for long is told to on-call.
pub(super) fn nobody_is_left_alone(run: &Run) -> Result<(), Broken> {
    let mut exposed = false;
    // Since when it fails, and when it did last.
    let mut failing: Option<(Timestamp, Timestamp)> = None;
    let mut told = false;
    let mut records = 0;
    for happening in &run.happened {
        // A record more, and the journal works.
        if happening.records > records {
            (records, failing, told) = (happening.records, None, false);
        }
        if let Some((_, after)) = change(&happening.what) {
            exposed = after > TrafficShare::ZERO;
        }
        match happening.what {
            What::Alarmed => told = true,
            What::AppendFailed if exposed && is_in_production(&run.records, records) => {
                let at = happening.at;
                let since = match failing {
                    Some((since, last)) if at.since(last) <= LONGEST_PAUSE => since,
                    _ => at,
                };
                failing = Some((since, at));
                if !told && at.since(since) > JOURNAL_PATIENCE {
                    let what =
                        format!("the journal has failed since {since}, users have it, and nobody was told");
                    return Err(broken(happening, what));
                }
            }
            // Whoever is gone knows nothing of it.
            What::Crashed => failing = None,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a release is on its way or on its way back, after so many records.
fn is_in_production(records: &[Record], first: u64) -> bool {
    let known = records.iter().take(index(first)).rev();
    let mut turns = known.filter_map(|record| match record.event {
        Event::StepStarted(_) | Event::RollbackStarted(_) => Some(true),
        Event::ReleaseCompleted(_) | Event::RollbackConfirmed(_) | Event::ReleaseClosed(_) => Some(false),
        _ => None,
    });
    turns.next().unwrap_or(false)
}

/// Once failures have stopped, a release whose people do their part reaches an end. It gets twice the time of its
/// track, the longest patience of its policy and an hour; and what people are late, clocks went back and processes
/// were gone for. One whose values lie at their limit may wait for evidence that never comes.
pub(super) fn nobody_waits_for_ever(run: &Run) -> Result<(), Broken> {
    let done = run.release.phase().name().is_end();
    if run.diligence != Diligence::DoTheirPart || done || waits_for_evidence(run) {
        return Ok(());
    }
    let bound = failures_until(run) + patience(run);
    let last = run.records.len() as u64;
    let phase = run.release.phase().name();
    let missing = || {
        let missing = run.release.missing(run.ended_at);
        missing.iter().map(|one| one.what.clone()).collect::<Vec<_>>().join("; ")
    };
    match run.ending {
        Ending::Closed => Ok(()),
        Ending::OutOfTime if run.ended_at < bound => Ok(()),
        Ending::OutOfTime => {
            let what = format!("it is still {phase}, and should have ended by {bound}: {}", missing());
            Err(Broken { seq: last, what })
        }
        Ending::Stalled => {
            let what = format!("it is {phase}, and nothing is due any more: {}", missing());
            Err(Broken { seq: last, what })
        }
    }
}

/// Whether the newest look has values, enough of them, and they say neither yes nor no; or no more than that a breach is
/// likely.
fn waits_for_evidence(run: &Run) -> bool {
    if run.release.holds().contains_key(&HoldCause::Suspicion) {
        return true;
    }
    let looks = run.records.iter().rev().find_map(|record| match &record.event {
        Event::Evaluated(look) => Some(&look.verdicts),
        _ => None,
    });
    looks.is_some_and(|verdicts| {
        verdicts.iter().any(|verdict| {
            matches!(
                verdict.outcome,
                Outcome::Undecided(Undecided::NotProven | Undecided::NotExcluded { .. })
            )
        })
    })
}

/// How often one duty can come up while a release is on its way: cover is renewed, checks are repeated.
const OCCASIONS: u64 = 8;

/// How long a release may take once nothing fails any more.
fn patience(run: &Run) -> Span {
    let track = run
        .release
        .track()
        .map_or(Span::ZERO, |(_, track)| track.steps().iter().fold(Span::ZERO, |sum, step| sum + step.bake));
    let no_data = run.release.policy().map_or(Span::ZERO, |policy| {
        let rules =
            relman_core::judge::MissingKind::ALL.map(|kind| policy.no_data().rule(kind).roll_back_after);
        rules.into_iter().flatten().max().unwrap_or(Span::ZERO)
    });
    let late = run.faults.faults.iter().fold(Span::ZERO, |sum, fault| match fault {
        Fault::Person { fate: PersonFate::Late(by), .. } => sum + by.times(OCCASIONS),
        // A clock that is wrong keeps nobody waiting; a conductor that starts with one measures nothing, and goes back.
        Fault::Clock { .. } => sum + Span::from_hours(1),
        Fault::Append { times, .. } => sum + Span::from_secs(10).times(u64::from(*times)),
        Fault::Deployer { fate: DeployerFate::Hangs | DeployerFate::HangsAfterwards, times, .. } => {
            sum + Span::from_minutes(2).times(u64::from(*times))
        }
        // Whoever is pinned is drained for five minutes, and cut off then.
        Fault::Sticky { .. } => sum + Span::from_minutes(10),
        Fault::Crash { down_for, .. } => sum + *down_for,
        _ => sum,
    });
    track.times(2) + no_data + Span::from_hours(1) + late
}

/// The last moment at which something failed, or was going to.
fn failures_until(run: &Run) -> Timestamp {
    let id = run.release.id();
    let happened = run.happened.iter().filter(|happening| failed(&happening.what)).map(|one| one.at);
    let planned = run.faults.faults.iter().filter_map(|fault| match fault {
        Fault::Metrics { from, lasting, .. } | Fault::Platform { from, lasting, .. } => {
            Some(run.platform.moment(id, *from)? + *lasting)
        }
        Fault::Occupied { lasting } => Some(run.platform.moment(id, When::AfterStart(*lasting))?),
        Fault::Clock { at, .. } => run.platform.moment(id, *at),
        _ => None,
    });
    let start = run.records.first().map_or(run.ended_at, |record| record.at);
    happened.chain(planned).max().unwrap_or(start).max(start)
}

fn failed(what: &What) -> bool {
    match what {
        // What is not installed is refused for ever: that does not count as a failure that may go on.
        What::Called { answer: CallAnswer::Failed(kind), .. } => *kind != PortErrorKind::Rejected,
        What::Called { call: Call::Route(share), after, .. } => share != after,
        What::Called { .. } => false,
        What::Drifted { .. }
        | What::Arrived { .. }
        | What::Crashed
        | What::AppendFailed
        | What::CommandFailed => true,
        What::Alarmed => false,
    }
}

fn broken(happening: &Happening, what: String) -> Broken {
    Broken { seq: happening.records, what }
}

fn index(records: u64) -> usize {
    usize::try_from(records).unwrap_or(usize::MAX)
}
