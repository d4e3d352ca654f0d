//! What the supervisor and every driver of a conductor work with, and what passes between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use relman_core::{
    chain::Head,
    event::Record,
    machine::{Alarm, Command, PhaseName, Refusal, Release, SessionConfig},
    policy::Policy,
    port::{Notification, Urgency, with_causes},
    unit::{Channel, ReleaseId, Span, Text},
};
use thiserror::Error;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
};
use tracing::error;

use super::{
    Limits,
    executor::{Executor, guarded, within},
    presence::Presence,
};
use crate::{LoadError, Releases, SubmitError};

/// How long one append or read of the journal may take. Longer than a store is busy, and shorter than the patience of
/// whoever waits for a rollback.
pub(super) const JOURNAL_TIME: Duration = Duration::from_secs(30);

/// How long a release may be without a driver before on-call is told.
pub(super) const ALARM_AFTER: Duration = Duration::from_secs(15);

/// How often on-call is told again.
pub(super) const ALARM_EVERY: Duration = Duration::from_mins(15);

/// What every driver works with.
pub(super) struct Shared {
    pub(super) releases: Releases,
    pub(super) executor: Executor,
    /// That this conductor is there, for others to know; nobody knows, if absent.
    pub(super) presence: Option<Arc<Presence>>,
    pub(super) limits: Limits,
    pub(super) incident_source: Option<Text>,
    /// Where on-call is told of a release whose policy is not known.
    pub(super) last_resort: Option<Channel>,
    pub(super) updates: broadcast::Sender<Update>,
    pub(super) driven: Mutex<BTreeMap<ReleaseId, Driven>>,
    /// The policies of the releases that were taken up last, the newest last.
    pub(super) policies: Mutex<Vec<Arc<Policy>>>,
}

/// A release that has a driver.
pub(super) struct Driven {
    pub(super) inbox: mpsc::UnboundedSender<Message>,
    pub(super) head: KnownHead,
    pub(super) task: JoinHandle<()>,
    pub(super) end: Arc<watch::Sender<Option<End>>>,
}

pub(super) type End = Result<Arc<Release>, Arc<Stopped>>;

/// What has changed in a release.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Update {
    /// The release as it is now.
    pub release: Arc<Release>,
    /// The records that are new; none when its driver has just begun.
    pub records: Arc<[Arc<Record>]>,
}

impl Update {
    /// An update, as a conductor would send it.
    pub fn new(release: Arc<Release>, records: Arc<[Arc<Record>]>) -> Self {
        Self { release, records }
    }
}

/// Why a release is not driven here any more. What is recorded stays; a new start goes on from there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The conductor was ended at once, whatever was under way.
    #[error("{0} is not driven any more: the conductor was killed")]
    Killed(ReleaseId),
    /// The runtime that drove it is shutting down.
    #[error("{0} is not driven any more: its runtime has shut down")]
    Gone(ReleaseId),
}

/// Why a release is not driven.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConductError {
    /// The release can't be loaded, or the journal can't be listed.
    #[error("failed to load the release")]
    Load(#[from] LoadError),
    /// Something that the plan or the policy needs is not configured. Nothing has been touched yet.
    #[error("failed to conduct {release}: {problem}")]
    NotReady {
        /// The release.
        release: ReleaseId,
        /// What is missing, and what would be right.
        problem: String,
    },
    /// It was planned under rules that this version refuses. Its record is read and shown for good; users that have it can
    /// be taken back, and nobody gets it any more.
    #[error(
        "failed to conduct {release}: it was planned under rules that are refused today; {}",
        if *in_production { "`rollback` takes it back, and is carried out" } else { "revise its plan, or abort it" }
    )]
    OlderRules {
        /// The release.
        release: ReleaseId,
        /// Whether users may have it.
        in_production: bool,
        /// What is refused.
        #[source]
        refusal: Box<Refusal>,
    },
}

/// The last record that a driver knows of.
pub(super) type KnownHead = Arc<Mutex<Option<Head>>>;

/// What a driver is told by people and by the rest of the process.
pub(super) enum Message {
    /// A person or a service gives a command.
    Command(Box<Asked>),
    /// Others have appended.
    Changed,
    /// Nothing new is to be started.
    Stop,
}

/// What a command is carried out on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Basis {
    /// The state that there is.
    Whatever,
    /// Exactly the state after this record.
    Seen(Option<Head>),
}

/// A command, and where its outcome is awaited.
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) on: Basis,
    pub(super) reply: oneshot::Sender<Result<(Release, Vec<Record>), SubmitError>>,
    pub(super) tries: u32,
}

impl Shared {
    /// Lets a release share its policy with those that were taken up before, where they have the same.
    pub(super) fn share_policy(&self, release: &mut Release) {
        /// An organisation has one policy, or one for each of a few kinds of service, and changes it once a month.
        const KEPT: usize = 16;
        let Some(policy) = release.shared_policy() else { return };
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if !policies.iter().any(|known| release.share_policy(known)) {
            policies.push(policy);
            if policies.len() > KEPT {
                policies.remove(0);
            }
        }
    }

    pub(super) fn driven(&self) -> MutexGuard<'_, BTreeMap<ReleaseId, Driven>> {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a release that has ended, unless something was said to it meanwhile: then it goes on.
    pub(super) fn forget(
        &self,
        release: &ReleaseId,
        messages: &mut mpsc::UnboundedReceiver<Message>,
    ) -> bool {
        let mut driven = self.driven();
        if driven.contains_key(release) && !messages.is_empty() {
            return false;
        }
        messages.close();
        driven.remove(release);
        true
    }

    pub(super) fn sound_for(self: Arc<Self>, release: Option<ReleaseId>, title: &str, body: String) {
        let release = release.unwrap_or_else(|| "relman".parse().expect("a constant id"));
        let key = format!("alarm-{release}-{}-supervisor", self.releases.clock().now().as_millis());
        let alarm = Alarm::new(release, title.to_owned(), body, key);
        self.sound(alarm);
    }

    /// Whether the release may be driven, and everything that it will need is configured. In production it is too late to
    /// ask for configuration: such a release has to be driven, if only to be taken back.
    pub(super) fn is_ready(&self, release: &Release) -> Result<(), ConductError> {
        let (Some(plan), Some(policy)) = (release.plan(), release.policy()) else {
            return Ok(());
        };
        let phase = release.phase().name();
        match phase {
            PhaseName::Unplanned
            | PhaseName::Planning
            | PhaseName::Staging
            | PhaseName::Releasing
            | PhaseName::Validating => release.check_rules().map_err(|refusal| {
                let release = release.id().clone();
                ConductError::OlderRules {
                    release,
                    in_production: phase.touches_production(),
                    refusal: refusal.into(),
                }
            })?,
            // It is taken back, or at its end: whatever rules it began under.
            PhaseName::RollingBack
            | PhaseName::Completed
            | PhaseName::RolledBack
            | PhaseName::Aborted
            | PhaseName::Closed => {}
        }
        if phase.touches_production() || phase == PhaseName::Closed {
            return Ok(());
        }
        let mut problems = Vec::new();
        // An adapter that panics here is one that can't be asked: what it knows is found out when it is used.
        let knows = |metric| guarded(|| self.executor.metrics.knows(metric)).unwrap_or(true);
        let unknown: Vec<String> =
            release.watched().iter().filter(|metric| !knows(metric)).map(ToString::to_string).collect();
        if !unknown.is_empty() {
            let source = guarded(|| self.executor.metrics.name().to_owned()).unwrap_or_default();
            problems.push(format!("{source} has no query for {}: add one for each", unknown.join(", ")));
        }
        let planned = plan.communication().notices.iter().map(|notice| &notice.channel);
        let serves = |channel: &Channel| guarded(|| self.executor.notifier.serves(channel)).unwrap_or(true);
        let unserved: BTreeSet<String> = planned
            .chain([&policy.on_call().channel])
            .filter(|channel| !serves(channel))
            .map(ToString::to_string)
            .collect();
        if !unserved.is_empty() {
            let names: Vec<String> = unserved.into_iter().collect();
            problems
                .push(format!("no notifier serves the channel {}: configure one for each", names.join(", ")));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(ConductError::NotReady { release: release.id().clone(), problem: problems.join("; ") })
    }

    /// How sessions drive here.
    pub(super) fn session_config(&self) -> SessionConfig {
        let mut config = SessionConfig::default();
        config.call_time = span_of(self.limits.call_time);
        config.check_flows_every =
            self.executor.user_flows.is_some().then(|| span_of(self.limits.check_flows_every));
        config.check_flows_again_after = span_of(self.limits.check_flows_again_after);
        config.incidents.clone_from(&self.incident_source);
        config
    }

    /// Tells on-call what can't be recorded: through a channel that needs no journal, and in the log.
    pub(super) fn sound(self: Arc<Self>, alarm: Alarm) {
        let by_hand = alarm.target.as_ref().and_then(|target| self.executor.by_hand(target));
        let body = match by_hand {
            Some(by_hand) => format!("{} To take the traffic off by hand: {by_hand}", alarm.body),
            None => alarm.body,
        };
        error!(release = %alarm.release, alarm.title, body, "on-call is told");
        let Some(channel) = alarm.channel.or_else(|| self.last_resort.clone()) else {
            error!(release = %alarm.release, "no channel of last resort is configured, so nobody is paged");
            return;
        };
        let notification = Notification::new(alarm.release, alarm.moment, "on-call", channel, alarm.key)
            .with_urgency(Urgency::Page)
            .with_title(alarm.title)
            .with_body(body);
        tokio::spawn(async move {
            let told =
                within(self.limits.call_time, "notifier", self.executor.notifier.notify(&notification)).await;
            match told {
                Ok(Ok(())) => {}
                Ok(Err(failed)) => error!(error = with_causes(&failed), "on-call can't be told either"),
                Err(detail) => error!(error = detail, "on-call can't be told either"),
            }
        });
    }
}

/// A span of the core, to the millisecond.
pub(super) fn span_of(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
