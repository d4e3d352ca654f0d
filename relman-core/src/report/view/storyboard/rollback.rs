use serde::Serialize;

use crate::{
    event::{Event, PostMortemCause},
    judge::MissingKind,
    plan::Criterion,
    policy::{NoDataAction, Policy},
    port::NotifyOn,
    report::{
        facts::{History, Mark, contract},
        view::{
            AfterStart, ChecklistItem, Frame, FrameName, FrameState, RollbackLog, RollbackStatus, artifacts,
            closing_items,
        },
    },
    unit::Actor,
};

/// The way back: its procedure and criteria from the plan on, and its log once there is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RollbackFrame {
    /// What every frame has.
    pub frame: Frame,
    /// What would happen, or has happened, in order; none before a plan.
    pub procedure: Vec<ProcedureStep>,
    /// The criteria, any one of which rolls the release back when breached.
    pub thresholds: Vec<Criterion>,
    /// What happens where nothing can be measured, one sentence a case.
    pub without_data: Vec<String>,
    /// The log; none where there was no rollback.
    pub log: Option<RollbackLog>,
}

/// One step of the procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProcedureStep {
    /// What happens.
    pub what: String,
    /// Who or what does it.
    pub who: String,
    /// When it happened in this release, after the start of the rollback; it has not, if absent.
    pub done: Option<AfterStart>,
}

impl RollbackFrame {
    pub(in crate::report) fn of(history: &History<'_>) -> Self {
        let log = RollbackLog::of(history);
        let (state, says) = match log.as_ref().map(|log| log.status) {
            None => (FrameState::NotReached, not_needed(history)),
            Some(RollbackStatus::Requested | RollbackStatus::Confirming) => {
                let status = log.as_ref().map(|log| log.status.to_string()).unwrap_or_default();
                (FrameState::UnderWay, status)
            }
            Some(RollbackStatus::Confirmed | RollbackStatus::Closed) => {
                let took =
                    log.as_ref().and_then(|log| log.confirmed).map(|confirmed| confirmed.after.to_string());
                let took = took.unwrap_or_default();
                (FrameState::Passed, format!("Zero traffic was confirmed by observation after {took}."))
            }
        };
        Self {
            frame: Frame {
                name: FrameName::Rollback,
                state,
                says,
                entered: log.as_ref().map(|log| log.started),
                left: log.as_ref().and_then(|log| log.confirmed).map(|confirmed| confirmed.mark),
                checklist: checklist(history, log.as_ref()),
                gates: Vec::new(),
                artifacts: artifacts(history, FrameName::Rollback),
            },
            procedure: history
                .release
                .policy()
                .map(|policy| procedure(history, policy, log.as_ref()))
                .unwrap_or_default(),
            thresholds: contract(history).to_vec(),
            without_data: history.release.policy().map(without_data).unwrap_or_default(),
            log,
        }
    }
}

fn not_needed(history: &History<'_>) -> String {
    match history.ended() {
        Some(ended) => format!("Not reached: the release {} without it.", ended.how),
        None if history.release.plan().is_none() => "Not reached: nothing is planned yet.".to_owned(),
        None => "Not reached: this is how it would go.".to_owned(),
    }
}

fn procedure(history: &History<'_>, policy: &Policy, log: Option<&RollbackLog>) -> Vec<ProcedureStep> {
    let rules = policy.rollback();
    let started = log.map(|log| AfterStart { mark: log.started, after: crate::unit::Span::ZERO });
    let notices: Vec<String> = history
        .release
        .plan()
        .map(|plan| {
            let notices = plan.communication().due_at(NotifyOn::RollbackStarted);
            notices.map(|notice| format!("{} via {}", notice.audience, notice.channel)).collect()
        })
        .unwrap_or_default();
    let notices = notices.into_iter().chain([format!("on-call via {}", policy.on_call().channel)]);
    let notices: Vec<String> = notices.collect();
    let notified_at = log.and_then(|log| {
        let is_it =
            |event: &Event| matches!(event, Event::Notified(one) if one.moment == NotifyOn::RollbackStarted);
        let record = history.first_from(log.started.record, is_it)?;
        Some(AfterStart { mark: Mark::of(record), after: record.at.since(log.started.at) })
    });
    let filed = log.and_then(|log| {
        let cause = log.root_cause.as_ref()?;
        Some(AfterStart { mark: cause.filed, after: cause.filed.at.since(log.started.at) })
    });
    let step =
        |what: String, who: &str, done: Option<AfterStart>| ProcedureStep { what, who: who.to_owned(), done };
    vec![
        step(
            "A criterion of the contract is breached, metrics are missing for longer than the policy allows, or a \
             person asks for it with a reason"
                .to_owned(),
            "relman, in the same decision, or anyone the directory knows",
            started,
        ),
        step(
            format!("All traffic goes back to the old version; retried every {} until it is done", rules.retry_every),
            "the deployer",
            log.and_then(|log| log.zero_set),
        ),
        step(
            format!(
                "The platform shows zero traffic on the new version {} times in a row, {} apart; otherwise it is set \
                 again",
                rules.confirmations, rules.confirm_every
            ) + &format!(
                ". Users who are pinned to the new version have {} to go, and are cut off then",
                rules.drain
            ),
            "the platform, asked by relman",
            log.and_then(|log| log.confirmed),
        ),
        step(format!("Notifications go out: {}", notices.join(", ")), "relman, alongside the traffic change, never before it", notified_at),
        step(
            "A post-mortem is filed; until then the release can't be closed".to_owned(),
            "anyone who may operate the release",
            filed,
        ),
    ]
}

fn without_data(policy: &Policy) -> Vec<String> {
    MissingKind::ALL
        .into_iter()
        .map(|kind| {
            let rule = policy.no_data().rule(kind);
            match (rule.action, rule.roll_back_after) {
                (NoDataAction::RollBack, _) => format!("{kind}: rolled back at once"),
                (NoDataAction::Hold, Some(patience)) => {
                    format!("{kind}: held, and rolled back after {patience}")
                }
                (NoDataAction::Hold, None) => format!("{kind}: held until it can be measured again"),
            }
        })
        .collect()
}

fn checklist(history: &History<'_>, log: Option<&RollbackLog>) -> Vec<ChecklistItem> {
    let Some(log) = log else { return Vec::new() };
    let system = Actor::relman();
    let moment = |what: &str, moment: Option<AfterStart>| {
        let item = ChecklistItem::of(what, moment.map(|moment| (&system, moment.mark)));
        match moment {
            Some(moment) => item.with(format!("after {}", moment.after)),
            None => item,
        }
    };
    let mut items = vec![
        ChecklistItem::done("Rollback began", &log.by, log.started).with(log.trigger.to_string()),
        moment("Zero traffic set", log.zero_set),
        moment("Zero traffic first observed", log.zero_seen),
    ];
    if log.pinned.is_some() {
        items.push(moment("Pinned users first seen", log.pinned));
    }
    if log.cut.is_some() {
        items.push(moment("Pinned users cut off", log.cut));
    }
    let confirmed = match log.confirmed_by {
        None => "Zero traffic confirmed by observation".to_owned(),
        Some(by) => format!("Zero traffic confirmed by observation, {by}"),
    };
    items.push(moment(&confirmed, log.confirmed));
    items.extend(closing_items(history, |about| *about == PostMortemCause::Rollback));
    items
}
