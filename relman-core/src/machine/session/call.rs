use std::{collections::BTreeMap, fmt};

use crate::{
    chain::{Head, SealedLine},
    event::{EffectId, Unreachable},
    judge::Observation,
    machine::{EvaluationRequest, Preflight},
    plan::NotifyOn,
    port::{
        DeployRequest, Deployment, FlowReport, Incident, Notification, PortError, PromoteRequest, Promotion,
        Retry, Slot, StreamIndex, Target, TrafficRequest,
    },
    target::{Admission, LeftAs, Standing},
    unit::{Channel, ReleaseId, ServiceName, TargetName, Timestamp, TrafficShare, Window},
};

/// Which call of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which batch of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub(super) u64);

/// Something that the outside world is asked: to do something, or to say something.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// Which call; the answer names it.
    pub id: CallId,
    /// What is asked.
    pub request: Request,
    /// What it may wait for.
    pub urgency: CallUrgency,
    /// When it is aborted as not answered, by the clock that the session is given.
    pub deadline: Timestamp,
}

impl Call {
    /// The idempotency key: the same for every repetition. None for a question, which changes nothing.
    pub fn key(&self) -> Option<&str> {
        match &self.request {
            Request::Deploy(request) => Some(&request.key),
            Request::SetTraffic(request) => Some(&request.key),
            Request::Promote(request) => Some(&request.key),
            Request::LeaveTarget(left) => Some(&left.key),
            Request::Notify(notification) => Some(&notification.key),
            Request::Measure(_)
            | Request::Preflight(_)
            | Request::ObservePlatform(_)
            | Request::CheckFlows(_)
            | Request::ListIncidents { .. } => None,
        }
    }

    /// The sequence number of the record that asked for a change of the platform; none for anything else. Of two
    /// changes, the one with the larger generation is the later one.
    pub fn generation(&self) -> Option<u64> {
        match &self.request {
            Request::Deploy(request) => Some(request.generation),
            Request::SetTraffic(request) => Some(request.generation),
            Request::Promote(request) => Some(request.generation),
            Request::Notify(_)
            | Request::Measure(_)
            | Request::Preflight(_)
            | Request::LeaveTarget(_)
            | Request::ObservePlatform(_)
            | Request::CheckFlows(_)
            | Request::ListIncidents { .. } => None,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Install the artifact; answered by [`Outcome::Done`].
    Deploy(DeployRequest),
    /// Route the traffic; answered by [`Outcome::Done`].
    SetTraffic(TrafficRequest),
    /// Make the new version the stable one, and observe the platform as the next release would find it: with the place that is
    /// stable then. Answered by [`Outcome::Observed`].
    Promote(PromoteRequest),
    /// Ask for the target, and look at production before it is entered; answered by [`Outcome::Preflight`].
    Preflight(Preflight),
    /// Note in the target's stream that the release has ended; answered by [`Outcome::Done`].
    LeaveTarget(LeaveTarget),
    /// Tell people; answered by [`Outcome::Done`].
    Notify(Notification),
    /// Measure the metrics of a step and observe the platform; answered by [`Outcome::Measured`].
    Measure(EvaluationRequest),
    /// Observe where the traffic is; answered by [`Outcome::Observed`].
    ObservePlatform(Target),
    /// Try the key user flows of a service; answered by [`Outcome::FlowsChecked`].
    CheckFlows(ServiceName),
    /// List the incidents of a service; answered by [`Outcome::IncidentsListed`].
    ListIncidents {
        /// The service.
        service: ServiceName,
        /// The time that is asked about.
        window: Window,
    },
}

/// A release that has ended leaves its target to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaveTarget {
    /// The target.
    pub target: TargetName,
    /// The release.
    pub release: ReleaseId,
    /// How it has ended.
    pub how: LeftAs,
    /// The place of the version that users have now.
    pub place: Slot,
    /// The last record of the release.
    pub head: Option<Head>,
    /// The idempotency key: the same for every repetition of this request.
    pub key: String,
}

/// Whether production can be entered.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PreflightAnswer {
    /// Whether the release holds its target.
    pub admission: Admission,
    /// How a version becomes the stable one there.
    pub promotion: Promotion,
    /// What keeps everything on the target from going forward.
    pub standing: Standing,
    /// Where the traffic is, with the stable place that the admission names, or why that is not known.
    pub deployment: Result<Deployment, String>,
    /// The shares of the track that the platform can't give.
    pub unreachable: Vec<Unreachable>,
}

impl PreflightAnswer {
    /// What became of the request for the target, and what the platform shows, with nothing that stands in the way.
    pub fn new(admission: Admission, promotion: Promotion, deployment: Result<Deployment, String>) -> Self {
        Self { admission, promotion, standing: Standing::open(), deployment, unreachable: Vec::new() }
    }

    /// With what keeps everything on the target from going forward.
    #[must_use]
    pub fn under(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// With the shares of the track that the platform can't give.
    #[must_use]
    pub fn without(mut self, unreachable: Vec<Unreachable>) -> Self {
        self.unreachable = unreachable;
        self
    }
}

/// What a call may wait for, where calls share a bounded number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallUrgency {
    /// It takes users back, or finds out whether they are: it waits for nothing.
    Back,
    /// It moves or measures a release.
    Ordinary,
    /// A message to people; apart from the others, so that neither waits for the other.
    Message,
    /// It stands beside the release: nothing waits for it.
    Aside,
}

/// How a call ended. Every call has one, and the first one counts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Done,
    /// What was measured.
    Measured {
        /// One observation for each metric and arm that the question named.
        observations: Vec<Observation>,
        /// Where the traffic is, or why that is not known.
        deployment: Result<Deployment, String>,
        /// How far an observed share may be from the real one.
        tolerance: TrafficShare,
        /// What keeps everything on the target from going forward; none where that could not be found out.
        standing: Option<Standing>,
    },
    /// Whether production can be entered.
    Preflight(Box<PreflightAnswer>),
    /// Where the traffic is.
    Observed {
        /// What the platform showed.
        deployment: Deployment,
        /// How far an observed share may be from the real one.
        tolerance: TrafficShare,
    },
    /// How the user flows do.
    FlowsChecked(FlowReport),
    /// What fires.
    IncidentsListed(Vec<Incident>),
    /// There was no answer, or a failure for one.
    Failed {
        /// Why, in one line and without secrets.
        detail: String,
        /// Whether trying again makes sense, and when.
        retry: Retry,
    },
}

impl Outcome {
    /// An error of a port, with its causes.
    pub fn of_error(error: &PortError) -> Self {
        Self::Failed { detail: crate::port::with_causes(error), retry: error.retry() }
    }

    /// The call panicked: a bug in the adapter. It is tried again, as what may have been done is not known.
    pub fn panicked(message: &str) -> Self {
        let detail = format!("the adapter panicked; this is a bug in it: {message}");
        Self::Failed { detail, retry: Retry::Yes }
    }

    /// There was no answer in time.
    pub fn timed_out() -> Self {
        Self::Failed { detail: "no answer in time".to_owned(), retry: Retry::Yes }
    }
}

/// Records to append to the journal, all or none.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Batch {
    /// Which batch; what became of it names it.
    pub id: BatchId,
    /// The head that the stream has to have.
    pub expected: Option<Head>,
    /// The records.
    pub lines: Vec<SealedLine>,
    /// Whether it takes users back: then it may use what a journal keeps in reserve for a full disk.
    pub urgent: bool,
    /// What the journal keeps beside the stream from then on.
    pub index: StreamIndex,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Append {
    /// It is stored, durably.
    Stored,
    /// Somebody else appended first: nothing is stored.
    Conflict,
    /// The journal failed, and whether the batch is stored is not known.
    Unknown {
        /// Why, in one line.
        detail: String,
        /// Whether there is no room: somebody has to make some.
        full: bool,
    },
}

/// What a session wants to read from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// What others have appended after this head, as [`Input::Foreign`](super::Input::Foreign).
    After(Option<Head>),
    /// The whole stream, as [`Input::Reloaded`](super::Input::Reloaded).
    Whole,
}

/// Something that on-call has to hear though it can't be recorded: the journal does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarm {
    /// The release.
    pub release: ReleaseId,
    /// The on-call channel of its policy; none before there is one.
    pub channel: Option<Channel>,
    /// What happened.
    pub moment: NotifyOn,
    /// One line.
    pub title: String,
    /// What is wrong, and what to do.
    pub body: String,
    /// A key of its own: an alarm that is delivered twice has it twice.
    pub key: String,
    /// What would have to be taken back by hand, where users have the new version.
    pub target: Option<Target>,
}

impl Alarm {
    /// An alarm of whoever drives releases, about one that can't be driven.
    pub fn new(release: ReleaseId, title: String, body: String, key: String) -> Self {
        let moment = NotifyOn::JournalUnavailable;
        Self { release, channel: None, moment, title, body, key, target: None }
    }
}

/// What a call is for, and until when it is waited for.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) purpose: Purpose,
    pub(super) deadline: Timestamp,
}

#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful of calls are under way at a time, and most are looks"
)]
pub(super) enum Purpose {
    /// It carries out an effect.
    Effect(EffectId),
    /// It finds out whether an effect is carried out already.
    Doubt(EffectId),
    /// It looks at a step; the question is in the time of the stream.
    Look(EvaluationRequest),
    /// It confirms a rollback.
    Confirm,
    /// It looks at production before that is entered.
    Preflight,
    Flows,
    Incidents(Window),
}

/// The calls under way.
pub(super) type Calls = BTreeMap<CallId, Running>;

/// Takes a call off those under way; they keep no room once there is none.
pub(super) fn ended(calls: &mut Calls, id: CallId) -> Option<Running> {
    let ended = calls.remove(&id);
    if calls.is_empty() {
        *calls = Calls::new();
    }
    ended
}
