use super::{Effect, Phase, Release};
use crate::{
    event::{Event, HoldCause},
    port::{Environment, NotifyOn, Urgency},
    target::LeftAs,
    unit::{Text, TrafficShare},
};

/// How often on-call is paged again while a rollback is not confirmed: at the first failure, then at every tenth,
/// so that a page stays a page.
const PAGE_EVERY: u32 = 10;

/// The effects that an event asks for, given the state that it led to.
#[expect(clippy::too_many_lines, reason = "one arm for each event is the point")]
pub(super) fn react(release: &Release, event: &Event) -> Vec<Effect> {
    match event {
        Event::StagingStarted(_) => {
            let mut effects = vec![Effect::Deploy { environment: Environment::Staging }];
            effects.extend(tell(release, NotifyOn::Staging, "staging begins", "The plan is approved."));
            effects
        }
        Event::RolloutStarted(_) => {
            let mut effects = vec![Effect::Deploy { environment: Environment::Production }];
            let body = "Staging has passed. The new version is installed and gets no traffic yet.";
            effects.extend(tell(release, NotifyOn::RolloutStarted, "the rollout begins", body));
            effects
        }
        Event::StepStarted(started) => {
            let mut effects = vec![Effect::set_traffic(started.share)];
            let title = format!("step {}: {} of the traffic", started.step, started.share);
            let body = format!("It will be observed for at least {}.", started.bake);
            effects.extend(tell(release, NotifyOn::StepStarted, &title, &body));
            effects
        }
        Event::TrafficDrifted(drifted) => vec![Effect::set_traffic(drifted.expected)],
        Event::HoldPlaced(placed) => {
            let title = format!("held: {}", placed.reason);
            let body = format!("It resumes when {}.", placed.reason.unblocked_by());
            let mut effects = tell(release, NotifyOn::Held, &title, &body);
            match placed.cause {
                // Nothing is wrong: it goes on without anyone, or when a person says so.
                HoldCause::Manual | HoldCause::Target | HoldCause::Freeze => {}
                HoldCause::Unmeasured
                | HoldCause::Deployer
                | HoldCause::Suspicion
                | HoldCause::Platform
                | HoldCause::Drift
                | HoldCause::Irreversible => {
                    effects.extend(page(release, NotifyOn::Held, &title, &body));
                }
            }
            effects
        }
        Event::HoldReleased(released) => {
            tell(release, NotifyOn::Resumed, "resumed", &released.reason.to_string())
        }
        Event::GateFailed(failed) => {
            let title = format!("the {} gate has failed", failed.gate);
            tell(release, NotifyOn::Held, &title, &failed.sentences().join("\n"))
        }
        Event::ValidationStarted(started) => {
            let traffic = match release.track().map(|(_, track)| track.hold_back()) {
                Some(held_back) if !held_back.is_zero() => format!("All of the traffic but {held_back}"),
                Some(_) | None => "All of the traffic".to_owned(),
            };
            let body =
                format!("{traffic} is on the new version. It will be validated for {}.", started.length);
            let mut effects = tell(release, NotifyOn::ValidationStarted, "validation begins", &body);
            if release.cover.is_none() {
                effects.extend(page_for_cover(release));
            }
            effects
        }
        Event::CoverLapsed(_) if release.phase.name().touches_production() => page_for_cover(release),
        // Nobody needs it yet.
        Event::CoverLapsed(_) => Vec::new(),
        Event::OverrideGranted(granted) => {
            let title = format!("the {} gate is overridden", granted.gate);
            tell(release, NotifyOn::Overridden, &title, &granted.reason.to_string())
        }
        Event::ClockSkewed(skewed) => {
            let body = format!(
                "Record {} is {} ahead of the clock of the conductor: one of the two clocks is wrong. The release continues \
                 by the conductor's own clock. Check the time on the machine that wrote the record, and on the conductor's.",
                skewed.record, skewed.ahead
            );
            page(release, NotifyOn::ClockSkewed, "a clock is wrong", &body)
        }
        Event::RollbackStarted(started) => {
            let mut effects = vec![Effect::set_traffic(TrafficShare::ZERO)];
            let body = format!("{}. It had {} of the traffic.", started.trigger, started.share);
            effects.extend(tell(release, NotifyOn::RollbackStarted, "rolling back", &body));
            effects.extend(page(release, NotifyOn::RollbackStarted, "rolling back", &body));
            effects
        }
        Event::RollbackUnconfirmed(unconfirmed) => {
            let mut effects = vec![Effect::SetTraffic { share: TrafficShare::ZERO, cut: was_cut(release) }];
            if unconfirmed.attempt % PAGE_EVERY == 1 {
                let body = format!("Attempt {}: {}", unconfirmed.attempt, unconfirmed.shown);
                effects.extend(page(
                    release,
                    NotifyOn::RollbackUnconfirmed,
                    "the rollback is not confirmed",
                    &body,
                ));
            }
            effects
        }
        Event::PinnedUsersCut(cut) => {
            let body = format!(
                "The platform shows no share for the new version, and users still reach it, as with a cookie. They had {} to go, and \
                 are cut off now.",
                cut.drained
            );
            let mut effects = vec![Effect::SetTraffic { share: TrafficShare::ZERO, cut: true }];
            effects.extend(page(release, NotifyOn::RollbackUnconfirmed, "pinned users are cut off", &body));
            effects
        }
        Event::EffectFailed(failed) => {
            let rolling_back = matches!(release.phase, Phase::RollingBack(_));
            let traffic =
                release.outstanding.get(&failed.effect).is_some_and(|one| !one.effect.is_notification());
            if rolling_back && traffic && failed.attempt % PAGE_EVERY == 1 {
                let body = format!("Attempt {} to {}: {}", failed.attempt, failed.what, failed.detail);
                return page(release, NotifyOn::RollbackUnconfirmed, "the rollback is failing", &body);
            }
            Vec::new()
        }
        Event::RollbackConfirmed(confirmed) => {
            let by = confirmed.by.map_or_else(String::new, |by| format!(", {by}"));
            let body = format!("The platform shows zero traffic, after {}{by}.", confirmed.took);
            let mut effects = leave(release, LeftAs::RolledBack);
            effects.extend(tell(release, NotifyOn::RolledBack, "rolled back, and confirmed", &body));
            effects.extend(page(release, NotifyOn::RolledBack, "rolled back, and confirmed", &body));
            effects
        }
        Event::ReleaseCompleted(completed) => {
            let body = format!("It was validated for {} under on-call cover.", completed.validated);
            let held_back = release.track().map(|(_, track)| track.hold_back());
            let mut effects = leave(release, LeftAs::Promoted);
            if !release.promoted && held_back.is_some_and(|held_back| !held_back.is_zero()) {
                effects.push(Effect::set_traffic(TrafficShare::FULL));
            }
            effects.extend(tell(release, NotifyOn::Completed, "complete", &body));
            effects
        }
        Event::ReleaseAborted(aborted) => {
            let mut effects = leave(release, LeftAs::Aborted);
            let reason = aborted.reason.to_string();
            effects.extend(tell(release, NotifyOn::Aborted, "aborted before production", &reason));
            effects
        }
        Event::PromotionStarted(_) => {
            let held_back = release.track().map(|(_, track)| track.hold_back());
            let mut effects = Vec::new();
            if held_back.is_some_and(|held_back| !held_back.is_zero()) {
                effects.push(Effect::set_traffic(TrafficShare::FULL));
            }
            effects.push(Effect::Promote);
            effects
        }
        Event::PlanRecorded(_)
        | Event::PlanRevised(_)
        | Event::PlanApproved(_)
        | Event::GatePassed(_)
        | Event::Deployed(_)
        | Event::CheckRecorded(_)
        | Event::TrafficSet(_)
        | Event::TargetAdmitted(_)
        | Event::PlatformObserved(_)
        | Event::Promoted(_)
        | Event::TargetLeft(_)
        | Event::Evaluated(_)
        | Event::ContractBreached(_)
        | Event::OnCallAcknowledged(_)
        | Event::OnCallHandedOver(_)
        | Event::OverrideExpired(_)
        | Event::PostMortemOpened(_)
        | Event::PostMortemFiled(_)
        | Event::LessonRecorded(_)
        | Event::ActionItemOpened(_)
        | Event::ActionItemSettled(_)
        | Event::ComplaintRecorded(_)
        | Event::ComplaintWithdrawn(_)
        | Event::IncidentReported(_)
        | Event::IncidentEnded(_)
        | Event::ZeroTrafficObserved(_)
        | Event::PinnedUsersObserved(_)
        | Event::ReleaseClosed(_)
        | Event::Notified(_)
        | Event::NotificationAbandoned(_) => Vec::new(),
    }
}

/// The target is free for the next release: of one that has asked for it.
fn leave(release: &Release, how: LeftAs) -> Vec<Effect> {
    let asked = release.admission.is_some() || release.asked_for_target;
    if asked { vec![Effect::LeaveTarget { how }] } else { Vec::new() }
}

/// `[drill] checkout-241: …`: every message of a drill says that it is one.
fn headline(release: &Release, title: &str) -> String {
    let drill = if release.is_drill() { "[drill] " } else { "" };
    format!("{drill}{}: {title}", release.id)
}

/// Messages to everybody whom the communication plan names for the moment.
fn tell(release: &Release, moment: NotifyOn, title: &str, body: &str) -> Vec<Effect> {
    let Some(plan) = release.plan() else {
        return Vec::new();
    };
    plan.communication()
        .due_at(moment)
        .map(|notice| Effect::Notify {
            moment,
            audience: notice.audience.clone(),
            channel: notice.channel.clone(),
            urgency: Urgency::Inform,
            title: headline(release, title),
            body: body.to_owned(),
        })
        .collect()
}

/// A page to on-call, whatever the communication plan says.
fn page(release: &Release, moment: NotifyOn, title: &str, body: &str) -> Vec<Effect> {
    let Some(policy) = release.policy() else {
        return Vec::new();
    };
    vec![Effect::Notify {
        moment,
        audience: Text::of("on-call"),
        channel: policy.on_call().channel.clone(),
        urgency: Urgency::Page,
        title: headline(release, title),
        body: body.to_owned(),
    }]
}

fn page_for_cover(release: &Release) -> Vec<Effect> {
    let body = "Validation time counts only while someone is on call. Run `ack` to continue.";
    page(release, NotifyOn::CoverMissing, "nobody is on call", body)
}

/// Whether users who were pinned to the new version have been cut off: then whoever is asked once more is asked for that, too.
fn was_cut(release: &Release) -> bool {
    matches!(&release.phase, Phase::RollingBack(rollback) if rollback.cut)
}
