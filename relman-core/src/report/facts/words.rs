//! Events in a sentence; times, counts and lists in words, the same in every sentence and every table.

use std::fmt;

use crate::{
    event::{CheckOutcome, CheckRecorded, Evaluated, Event, HoldCause, ObservedExposure, Reached, SetBy},
    judge::Outcome,
    unit::{Span, Timestamp, TrafficShare},
};

/// What an event says, in one sentence for a person.
///
/// There is a sentence for every kind of event; the one who caused it stands beside it.
#[expect(clippy::too_many_lines, reason = "one arm for each event is the point")]
pub fn sentence(event: &Event) -> String {
    match event {
        Event::PlanRecorded(recorded) => format!(
            "recorded the plan {:?}: {} risk, track {}",
            recorded.plan.title().as_str(),
            recorded.risk.level,
            recorded.track
        ),
        Event::PlanRevised(revised) => format!(
            "revised the plan {:?}: {} risk, track {}; earlier approvals are void",
            revised.plan.title().as_str(),
            revised.risk.level,
            revised.track
        ),
        Event::PlanApproved(approved) => format!("approved the plan in #{}", approved.plan_record),
        Event::GatePassed(passed) => match passed.sentences() {
            grounds if grounds.is_empty() => format!("{} gate passed", passed.gate),
            grounds => format!("{} gate passed: {}", passed.gate, grounds.join("; ")),
        },
        Event::GateFailed(failed) => {
            format!("{} gate FAILED: {}", failed.gate, failed.sentences().join("; "))
        }
        Event::StagingStarted(_) => "staging began".to_owned(),
        Event::Deployed(deployed) => format!("deployed to {}", deployed.environment),
        Event::CheckRecorded(check) => check_sentence(check),
        Event::TargetAdmitted(admitted) => format!(
            "holds the target {} (record {}), where users have {}",
            admitted.target, admitted.record.seq, admitted.stable
        ),
        Event::PromotionStarted(_) => "promotion began: the new version becomes the stable one".to_owned(),
        Event::Promoted(promoted) => {
            format!("promoted: the new version is the stable one, in the {} place", promoted.place)
        }
        Event::TargetLeft(_) => "left the target to the next release".to_owned(),
        Event::PlatformObserved(observed) => match &observed.exposure {
            ObservedExposure::Seen { share_bp } => {
                let detail = observed.detail.as_ref().map(|detail| format!("; {detail}")).unwrap_or_default();
                format!("production observed: {share_bp} of traffic where the new version goes{detail}")
            }
            ObservedExposure::Unknown { detail } => format!("production could NOT be observed: {detail}"),
        },
        Event::RolloutStarted(_) => "entered production with no traffic yet".to_owned(),
        Event::StepStarted(started) => {
            format!("step {} began: {} of traffic for at least {}", started.step, started.share, started.bake)
        }
        Event::TrafficSet(set) => match set.means {
            SetBy::Deployer => format!("traffic set to {}", set.share),
            SetBy::Observation => format!("traffic already at {}", set.share),
        },
        Event::TrafficDrifted(drifted) => {
            format!(
                "traffic DRIFTED: set to {}, observed at {}; setting it again",
                drifted.expected, drifted.observed
            )
        }
        Event::Evaluated(look) => look_sentence(look),
        Event::ContractBreached(breached) => format!("CONTRACT BREACHED: {}", breached.verdict),
        Event::ClockSkewed(skewed) => format!(
            "CLOCKS DIFFER: record {} is {} ahead of the conductor's clock; the release goes on by that clock",
            skewed.record, skewed.ahead
        ),
        Event::EffectFailed(failed) => {
            let next = match failed.retry_at {
                Some(at) => format!("retry at {}", time(at)),
                None => "no automatic retry".to_owned(),
            };
            let (what, attempt, detail) = (&failed.what, failed.attempt, &failed.detail);
            format!("FAILED to {what}, attempt {attempt}: {detail}; {next}")
        }
        Event::HoldPlaced(placed) => {
            let patience = match placed.roll_back_at {
                Some(at) => format!("; rolls back at {}", time(at)),
                None => String::new(),
            };
            let (what, reason) = (held(placed.cause), &placed.reason);
            let unblocked_by = reason.unblocked_by();
            format!("HELD{what}: {reason}; to resume: {unblocked_by}{patience}")
        }
        Event::HoldReleased(released) => {
            format!("released the hold{}: {}", held(released.cause), released.reason)
        }
        Event::ValidationStarted(started) => format!("validation began: {}", started.length),
        Event::OnCallAcknowledged(acknowledged) => {
            format!("is on call until {}", time(acknowledged.until))
        }
        Event::OnCallHandedOver(handed_over) => {
            format!("took over on-call duty from {} until {}", handed_over.from, time(handed_over.until))
        }
        Event::CoverLapsed(lapsed) => {
            format!("NOBODY ON CALL: the cover of {} has ended", lapsed.person)
        }
        Event::OverrideGranted(granted) => {
            let freezes = granted.freezes.iter().map(|freeze| format!("the freeze ({freeze})"));
            let covered: Vec<String> =
                granted.checks.iter().map(ToString::to_string).chain(freezes).collect();
            let covered =
                if covered.is_empty() { String::new() } else { format!(" for {}", commas(covered)) };
            let until = time(granted.expires_at);
            format!("OVERRODE the {} gate{covered} until {until}: {}", granted.gate, granted.reason)
        }
        Event::OverrideExpired(expired) => {
            format!("the override of the {} gate expired unused", expired.gate)
        }
        Event::PostMortemOpened(opened) => {
            format!("opened post-mortem {} on {}", opened.number, opened.about)
        }
        Event::PostMortemFiled(filed) => {
            let link = filed.link.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
            format!("filed post-mortem {}, root cause: {}{link}", filed.number, filed.root_cause)
        }
        Event::LessonRecorded(lesson) => format!("recorded a lesson ({}): {}", lesson.kind, lesson.text),
        Event::ActionItemOpened(opened) => format!(
            "opened action item {} ({}) for {}, due {}: {}",
            opened.number,
            opened.kind,
            opened.owner,
            time(opened.due),
            opened.what
        ),
        Event::ActionItemSettled(settled) => {
            format!("action item {} {}: {}", settled.number, settled.how, settled.note)
        }
        Event::ComplaintRecorded(complaint) => {
            let key = complaint.key.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
            format!("recorded a complaint{key}: {}", complaint.text)
        }
        Event::ComplaintWithdrawn(withdrawn) => {
            format!("withdrew the complaint of record {}: {}", withdrawn.record, withdrawn.reason)
        }
        Event::IncidentReported(seen) => {
            let incident = &seen.incident;
            let severity =
                incident.severity.as_ref().map(|severity| format!(" ({severity})")).unwrap_or_default();
            let until = match incident.ended_at {
                Some(ended_at) => format!(" until {}", time(ended_at)),
                None => String::new(),
            };
            let since = time(incident.started_at);
            format!(
                "INCIDENT{severity} since {since}{until}, {} {}: {}",
                seen.source, incident.id, incident.title
            )
        }
        Event::IncidentEnded(ended) => {
            let when = match ended.ended_at {
                Some(ended_at) => format!(" at {}", time(ended_at)),
                None => String::new(),
            };
            format!("incident {} {} ended{when}", ended.source, ended.id)
        }
        Event::RollbackStarted(started) => {
            format!("ROLLBACK began at {} of traffic: {}", started.share, started.trigger)
        }
        Event::RollbackUnconfirmed(unconfirmed) => {
            format!("rollback NOT CONFIRMED, attempt {}: {}", unconfirmed.attempt, unconfirmed.shown)
        }
        Event::ZeroTrafficObserved(zero) => {
            format!("zero traffic observed, {} of {} times: {}", zero.times, zero.needed, zero.detail)
        }
        Event::PinnedUsersObserved(pinned) => {
            let reached = Reached { more: pinned.more, sessions: pinned.sessions };
            format!(
                "no share, but pinned users still reach it ({reached}): cut off at {}",
                time(pinned.cut_at)
            )
        }
        Event::PinnedUsersCut(cut) => format!("pinned users CUT OFF after {}", cut.drained),
        Event::RollbackConfirmed(confirmed) => {
            let by = confirmed.by.map_or_else(String::new, |by| format!(", {by}"));
            format!("rollback confirmed: zero traffic observed after {}{by}", confirmed.took)
        }
        Event::ReleaseCompleted(completed) => {
            format!("release completed, validated for {}", completed.validated)
        }
        Event::ReleaseAborted(aborted) => format!("ABORTED before production: {}", aborted.reason),
        Event::ReleaseClosed(_) => "closed the release".to_owned(),
        Event::Notified(notified) => {
            format!("notified {} via {}: {}", notified.audience, notified.channel, notified.moment)
        }
        Event::NotificationAbandoned(abandoned) => format!(
            "FAILED to notify {} ({}), gave up: {}",
            abandoned.channel, abandoned.moment, abandoned.detail
        ),
    }
}

fn held(cause: HoldCause) -> &'static str {
    match cause {
        HoldCause::Manual => "",
        HoldCause::Unmeasured => " for missing data",
        HoldCause::Deployer => " for the deployer",
        HoldCause::Suspicion => " on suspicion",
        HoldCause::Platform => " for the platform",
        HoldCause::Drift => " because the traffic is moved",
        HoldCause::Irreversible => " in place of a rollback",
        HoldCause::Target => " for the target",
        HoldCause::Freeze => " by a freeze",
    }
}

fn check_sentence(check: &CheckRecorded) -> String {
    let outcome = match check.outcome {
        CheckOutcome::Passed => "passed",
        CheckOutcome::Failed => "FAILED",
    };
    let items = match check.items.len() as u64 {
        0 => String::new(),
        count => format!(", {} confirmed", counted(count, "item", "items")),
    };
    format!("check {} {outcome}: {}{items}", check.check, check.evidence)
}

fn look_sentence(look: &Evaluated) -> String {
    let seen = match &look.exposure {
        ObservedExposure::Seen { share_bp: TrafficShare::ZERO } => "with no traffic".to_owned(),
        ObservedExposure::Seen { share_bp } => format!("at {share_bp}"),
        ObservedExposure::Unknown { detail } => format!("with traffic unknown ({detail})"),
    };
    let verdicts = match look.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Pass).count() {
        _ if look.lacks_verdicts() => "verdicts recorded by their hash".to_owned(),
        clean if clean == look.verdicts.len() => "all clean".to_owned(),
        _ => {
            let other = look.verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Pass);
            other.map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
    };
    let counts =
        if look.credit == Span::ZERO { "not counted".to_owned() } else { format!("{} counted", look.credit) };
    format!("evaluation in step {} {seen}: {verdicts}; {counts}", look.step)
}

/// The moment to the second, as terminals show it: `2026-11-22 18:04:05Z`.
pub(in crate::report) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}Z", &text[..10], &text[11..19])
}

/// A span to the second. Nobody reads the milliseconds.
pub(in crate::report) fn whole(span: Span) -> Span {
    Span::from_millis(span.as_millis() / 1_000 * 1_000)
}

/// Names, with commas between; `none` where there are none.
pub(in crate::report) fn commas<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `1 look`, `2 looks`.
pub(in crate::report) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `#3, #7`: the numbers of records.
pub(in crate::report) fn numbers(records: &[u64]) -> String {
    records.iter().map(|record| format!("#{record}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{
            EffectId, Gate, NotificationAbandoned, OnCallHandedOver, OverrideExpired, PlanApproved,
            ReleaseAborted, TrafficDrifted, TrafficSet,
        },
        port::NotifyOn,
        unit::Text,
    };

    #[test]
    fn what_happens_seldom_has_a_sentence_too() {
        let effect = EffectId { record: 7, index: 0 };
        let roles = std::collections::BTreeSet::new();
        let events: [(Event, &str); 7] = [
            (PlanApproved { plan_record: 3, roles: roles.clone() }.into(), "approved the plan in #3"),
            (
                TrafficSet { effect, share: TrafficShare::percent(10), means: SetBy::Observation }.into(),
                "traffic already at 10%",
            ),
            (
                TrafficDrifted { expected: TrafficShare::percent(1), observed: TrafficShare::percent(5) }
                    .into(),
                "traffic DRIFTED: set to 1%, observed at 5%; setting it again",
            ),
            (
                OnCallHandedOver {
                    from: "user:olu".parse().unwrap(),
                    until: "2026-11-23T20:00:00.000Z".parse().unwrap(),
                    roles: roles.clone(),
                }
                .into(),
                "took over on-call duty from user:olu until 2026-11-23 20:00:00Z",
            ),
            (OverrideExpired { gate: Gate::Freeze }.into(), "the override of the freeze gate expired unused"),
            (
                ReleaseAborted { reason: Text::of("the change is not needed"), roles }.into(),
                "ABORTED before production: the change is not needed",
            ),
            (
                NotificationAbandoned {
                    effect,
                    moment: NotifyOn::Completed,
                    channel: "releases".parse().unwrap(),
                    detail: Text::of("410 gone"),
                }
                .into(),
                "FAILED to notify releases (completed), gave up: 410 gone",
            ),
        ];
        for (event, said) in events {
            assert_eq!(sentence(&event), said);
        }
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        assert_eq!(time("2026-11-22T18:04:05.123Z".parse().unwrap()), "2026-11-22 18:04:05Z");
    }
}
