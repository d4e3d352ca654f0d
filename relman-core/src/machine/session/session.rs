use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{Append, Batch, BatchId, Call, CallId, Outcome, Read, call::Calls};
use crate::{
    chain::Head,
    event::{EffectId, Record},
    machine::{
        Action, Command, PhaseName, Refusal, Release,
        command::Cause,
        decide::{Decided, Moment, Rules, Undecidable, decide},
    },
    port::with_causes,
    unit::{Span, Text, Timestamp},
};

/// How far the record may be ahead of the clock before that is noted: clocks that are kept by a time server differ by
/// less.
const TOLERATED_SKEW: Span = Span::from_secs(5);

/// How a session drives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a call may be under way; also how long zero traffic is watched after a change whose outcome is not
    /// known. Two minutes by default: longer than an adapter's own limit, so that the adapter's better message comes
    /// first.
    pub call_time: Span,
    /// How long after a check of the user flows that passed they are checked again: 15 minutes by default, half an
    /// hour at most. None where nothing checks them.
    pub check_flows_every: Option<Span>,
    /// How long after a check of the user flows that did not pass they are checked again: a minute by default.
    pub check_flows_again_after: Span,
    /// The name of the source of incidents, as records have it; none where there is none.
    pub incidents: Option<Text>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            call_time: Span::from_minutes(2),
            check_flows_every: None,
            check_flows_again_after: Span::from_minutes(1),
            incidents: None,
        }
    }
}

/// Something that a session is told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Input {
    /// A person or a service wants something.
    Action(Command),
    /// A call has ended.
    Answered(CallId, Outcome),
    /// An append has ended.
    Appended(BatchId, Append),
    /// What others have appended, in order, from the head that was asked for on. Records that are known are passed
    /// over.
    Foreign(Vec<Arc<Record>>),
    /// The whole stream.
    Reloaded(Vec<Arc<Record>>),
    /// Others have appended, as far as somebody who watches the journal can tell: it is read.
    Changed,
    /// The journal could not be read; why, in one line.
    Unreadable(String),
    /// Time has passed.
    Tick,
    /// Nothing new is to be started.
    Stop,
}

/// One release being driven: what is decided, recorded, asked and answered, without I/O.
///
/// Told what happened by [`handle`](Self::handle), it says what is to be done. After each `handle`, and after
/// [`open`](Self::open), drain the polls in this order, then wait for the next input, at the latest until
/// [`poll_timeout`](Self::poll_timeout):
///
/// 1. [`poll_append`](Self::poll_append): append the batch, and tell the session with [`Input::Appended`] before
///    anything else is polled. There may be another batch then.
/// 2. [`poll_recorded`](Self::poll_recorded): records that are durable now, for whoever follows.
/// 3. [`poll_abort`](Self::poll_abort): calls that are not wanted any more. They have ended, whatever they still do.
/// 4. [`poll_call`](Self::poll_call): calls to make. Each is answered once by [`Input::Answered`], unless it is aborted;
///    an answer that comes later means nothing.
/// 5. [`poll_read`](Self::poll_read): what to read from the journal.
/// 6. [`poll_alarm`](Self::poll_alarm): what on-call has to hear though it can't be recorded.
///
/// # Guarantees
///
/// - **Append before act**: a call that changes something leaves `poll_call` only after the record that asks for it is
///   stored. After an append that failed, or whose outcome is not known, nothing is called before the stream was read
///   again.
/// - **Every call ends exactly once**: by its answer, or by `poll_abort`, at its deadline at the latest.
/// - **Back beats forward**: a rollback aborts what goes forward and waits for nothing. Before anything is tried that
///   goes forward and that was not asked for by a record just written, the stream is read for what others have
///   decided.
/// - **Once**: what may have been done before is asked for at the platform before it is done again, and carries the same
///   key and generation.
/// - **Its own clock**: `now` is the steady clock of whoever drives. It never runs backwards, and no record from the
///   future is waited for: that is recorded as [`ClockSkewed`](crate::event::ClockSkewed).
///
/// Deterministic: the same inputs at the same times give the same outputs.
///
/// # Examples
///
/// ```
/// use relman_core::{
///     machine::{Action, Append, Command, Input, Principal, Release, Session, SessionConfig},
///     plan::Plan,
///     policy::Policy,
/// };
/// use std::{collections::BTreeSet, sync::Arc};
///
/// let plan = Plan::from_toml(
///     r#"
///     release = "checkout-241"
///     title = "Faster tax lookup"
///     [scope]
///     service = "checkout"
///     summary = "Caches tax rates for a minute"
///     artifact = { name = "checkout", version = "2.41.0" }
///     replaces = "2.40.3"
///     audience = "user-facing"
///     touches = ["api"]
///     [contract]
///     criteria = ["error_rate > 1%"]
///     [[communication]]
///     audience = "internal"
///     channel = "releases"
///     moments = ["completed", "rollback-started"]
///     "#,
/// )?;
/// let now = "2026-11-30T09:00:00.000Z".parse()?;
/// let mut session = Session::open(Release::new(plan.release().clone()), now, SessionConfig::default());
/// let by = Principal { actor: "user:ana".parse()?, roles: Some(BTreeSet::from(["author".parse()?])) };
/// let action = Action::RecordPlan { plan: Arc::new(plan), policy: Arc::new(Policy::shipped()) };
/// session.handle(Input::Action(Command { by, action }), now)?;
/// let batch = session.poll_append().ok_or("a plan is recorded")?;
/// assert_eq!((batch.expected, batch.lines.len()), (None, 1));
/// // … append the lines to a journal, durably, and then:
/// session.handle(Input::Appended(batch.id, Append::Stored), now)?;
/// assert_eq!(session.poll_recorded().map(|record| record.event.kind()), Some("plan_recorded"));
/// assert!(session.poll_call().is_none(), "nothing happens before the plan is approved");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "an append, a read, an alarm and a stop are under way independently"
)]
pub struct Session {
    pub(super) config: SessionConfig,
    /// What the release amounts to, the records that are decided and not stored included.
    pub(super) release: Release,
    /// The last record that is known to be stored.
    pub(super) stored: Option<Head>,
    pub(super) now: Timestamp,
    /// The time that it was told last, which may be earlier: what its records say of the clock.
    clock: Timestamp,
    pub(super) next_id: u64,
    pub(super) standing: Standing,
    /// For how many more batches others are expected to be first now and then. So long the release as it is stored is
    /// kept beside what is decided, so that losing a race costs what others have appended, not the whole stream.
    pub(super) contested: u32,
    /// The release as it is stored, while something is pending and the stream is contested.
    pub(super) as_stored: Option<Box<Release>>,
    /// Whether the newest outcome or look on the record is another's: that one is left to go first.
    pub(super) others_drive: bool,
    /// Until when another is left to go first.
    pub(super) act_after: Timestamp,
    /// Decided and not stored, in order; the first one may be under way.
    pub(super) pending: VecDeque<Pending>,
    pub(super) appending: bool,
    /// Outcomes of effects whose record is lost: to be recorded once the stream is read again.
    pub(super) kept: Vec<Cause>,
    pub(super) lost: VecDeque<BatchId>,
    /// The last record of an append whose outcome is not known.
    pub(super) unsure: Option<Pending>,
    pub(super) failures: u32,
    /// Why the journal does not work, while it does not.
    pub(super) trouble: Option<String>,
    pub(super) alarm_at: Option<Timestamp>,
    pub(super) alarmed: bool,
    pub(super) recorded: VecDeque<Arc<Record>>,
    pub(super) calls: Calls,
    pub(super) out_calls: VecDeque<Call>,
    pub(super) out_aborts: VecDeque<CallId>,
    pub(super) read: Option<Read>,
    /// Whether a read is under way.
    pub(super) reading: bool,
    /// Whether the release is exactly what the journal holds at this moment.
    pub(super) fresh: bool,
    /// Effects that may have been carried out: found without an outcome at the start, or tried before.
    pub(super) in_doubt: BTreeSet<EffectId>,
    /// Of these, the ones that the platform was found not to show.
    pub(super) not_shown: BTreeSet<EffectId>,
    /// Not before this is a look asked for again whose answer led to nothing.
    pub(super) look_after: Timestamp,
    /// The same for the confirmation of a rollback.
    pub(super) confirm_after: Timestamp,
    /// The same for a look at production before that is entered.
    pub(super) platform_after: Timestamp,
    /// How many of them in a row had no answer.
    pub(super) platform_unseen: u32,
    pub(super) flows_after: Timestamp,
    /// Up to when the source of incidents was listened to, and all of it is recorded.
    pub(super) heard_until: Option<Timestamp>,
    pub(super) stopping: bool,
    /// Whether users had the new version, or may have had it, by what was last known to be stored.
    pub(super) was_in_production: bool,
}

/// Whether the session knows what the journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does, but for what is pending.
    Ready,
    /// It does not, and waits before it reads.
    Suspended { until: Timestamp },
    /// It does not, and reads the whole stream.
    Reading,
    /// Others were first: the release is as it was stored, and what is behind that is read.
    CatchingUp,
}

#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) batch: Batch,
    pub(super) records: Vec<Record>,
    /// What has to be decided anew should the batch be lost.
    pub(super) keep: Option<Cause>,
    pub(super) drives: bool,
}

/// What a session that waits keeps in memory besides the record: two with the same record and the same of this go on
/// alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AtRest {
    in_doubt: Vec<(u64, u32)>,
    look_after: Option<Timestamp>,
    confirm_after: Option<Timestamp>,
    platform_after: Option<Timestamp>,
    platform_unseen: u32,
    flows_after: Option<Timestamp>,
    heard_until: Option<Timestamp>,
    others_drive: bool,
    act_after: Option<Timestamp>,
}

impl Session {
    /// Takes up a release: as its record has just been read, or without records. What it was waiting for without an
    /// outcome is in doubt.
    pub fn open(release: Release, now: Timestamp, config: SessionConfig) -> Self {
        let mut session = Self {
            in_doubt: release.outstanding().keys().copied().collect(),
            was_in_production: is_in_production(&release),
            stored: release.head(),
            release,
            now,
            clock: now,
            config,
            next_id: 0,
            standing: Standing::Ready,
            contested: 0,
            as_stored: None,
            others_drive: false,
            act_after: now,
            pending: VecDeque::new(),
            appending: false,
            kept: Vec::new(),
            lost: VecDeque::new(),
            unsure: None,
            failures: 0,
            trouble: None,
            alarm_at: None,
            alarmed: false,
            recorded: VecDeque::new(),
            calls: Calls::new(),
            out_calls: VecDeque::new(),
            out_aborts: VecDeque::new(),
            read: None,
            reading: false,
            fresh: true,
            not_shown: BTreeSet::new(),
            look_after: now,
            confirm_after: now,
            platform_after: now,
            platform_unseen: 0,
            flows_after: now,
            heard_until: None,
            stopping: false,
        };
        session.note_skew();
        session.tell(&Cause::Tick);
        session.schedule();
        session
    }

    /// Decides one command on a release as its record has just been read, for whoever does not drive it: what follows is
    /// left to the one who does. Returns the batch to append, none where there is nothing to record, and the release
    /// as it is once that is stored.
    ///
    /// # Errors
    ///
    /// The [`Refusal`]; nothing is to be recorded then.
    pub fn record(
        mut release: Release,
        command: &Command,
        now: Timestamp,
    ) -> Result<(Option<Batch>, Release, Vec<Record>), Refusal> {
        command.action.check()?;
        let expected = release.head();
        let command = on_stream_time(command, now.max(release.last_at()).since(now));
        let cause = Cause::Action(command);
        let moment = Moment { now, clock: now, rules: Rules::Current };
        let Decided { lines, records } =
            decide(&mut release, &cause, moment, Span::ZERO).map_err(|error| refused(&release, error))?;
        let urgent = is_going_back(&release);
        let index = release.index();
        let batch = (!lines.is_empty()).then_some(Batch { id: BatchId(0), expected, lines, urgent, index });
        Ok((batch, release, records))
    }

    /// Tells the session what happened, at a time of its own steady clock: one that is earlier than before counts as no
    /// later.
    ///
    /// Returns the batch that a command's records are in: it is carried out once that is stored, and lost where
    /// [`poll_lost`](Self::poll_lost) names it. None where the command changes nothing.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for a command that is not allowed, or while the session does not know what the journal holds; nothing
    /// else is refused.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Result<Option<BatchId>, Refusal> {
        self.now = self.now.max(now);
        self.clock = now;
        self.fresh = false;
        self.note_skew();
        self.end_overdue_calls();
        let mut done = Ok(None);
        match input {
            Input::Action(command) => done = self.act(&command),
            Input::Answered(call, outcome) => self.answered(call, outcome),
            Input::Appended(batch, outcome) => self.appended(batch, outcome),
            Input::Foreign(records) => self.foreign(&records),
            Input::Reloaded(records) => self.reloaded(&records),
            Input::Unreadable(detail) => self.fail(detail, false),
            Input::Changed => self.changed(),
            Input::Tick => {
                self.tell(&Cause::Tick);
            }
            Input::Stop => self.stopping = true,
        }
        if let Standing::Suspended { until } = self.standing
            && until <= self.now
        {
            self.reload();
        }
        self.note_skew();
        self.schedule();
        done
    }

    /// The next records to append. There is none while an append is under way, or the session has to read first.
    pub fn poll_append(&mut self) -> Option<Batch> {
        if self.appending || self.standing != Standing::Ready {
            return None;
        }
        let pending = self.pending.front_mut()?;
        self.appending = true;
        let lines = std::mem::take(&mut pending.batch.lines);
        let Batch { id, expected, urgent, ref index, .. } = pending.batch;
        Some(Batch { id, expected, lines, urgent, index: index.clone() })
    }

    /// The next record that is stored, of this session or of others, in order.
    pub fn poll_recorded(&mut self) -> Option<Arc<Record>> {
        taken(&mut self.recorded)
    }

    /// A batch that a command was promised, and that is certainly not stored: others were first, or the journal failed. Once
    /// the session has read the stream again, the command may be tried anew.
    pub fn poll_lost(&mut self) -> Option<BatchId> {
        self.lost.pop_front()
    }

    /// The next call that is not wanted any more. It has ended: its answer means nothing.
    pub fn poll_abort(&mut self) -> Option<CallId> {
        self.out_aborts.pop_front()
    }

    /// The next call to make.
    pub fn poll_call(&mut self) -> Option<Call> {
        taken(&mut self.out_calls)
    }

    /// What to read from the journal now.
    pub fn poll_read(&mut self) -> Option<Read> {
        let read = self.read.take();
        self.reading |= read.is_some();
        read
    }

    /// When to say [`Input::Tick`] at the latest, if nothing happens before; never, if absent.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let calls = self.calls.values().map(|running| running.deadline).min();
        let alarm = self.alarm_at.filter(|_| self.trouble.is_some() && self.is_left_alone());
        let own = match self.standing {
            Standing::Suspended { until } => Some(until),
            Standing::Reading | Standing::CatchingUp => None,
            Standing::Ready if self.pending.is_empty() => self.next_deadline(),
            Standing::Ready => None,
        };
        [calls, alarm, own].into_iter().flatten().min()
    }

    /// The release, as it is with everything that was decided.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The last record that is known to be stored.
    pub fn stored(&self) -> Option<Head> {
        self.stored
    }

    /// Whether everything that was decided is stored, as far as is known.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.standing == Standing::Ready
    }

    /// Whether the release has reached an end and everybody was told: only a command changes it now.
    pub fn is_over(&self) -> bool {
        self.is_settled()
            && self.calls.is_empty()
            && self.release.phase().name().is_end()
            && self.release.outstanding().is_empty()
    }

    /// Whether no call is under way, and nothing is to be appended.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.pending.is_empty()
    }

    /// Whether a call is under way, as far as the session knows: neither answered nor aborted.
    pub fn waits_for(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Why the journal does not work, while it does not.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What the session keeps in memory besides the record. None in the middle of something.
    pub fn at_rest(&self) -> Option<AtRest> {
        if !self.is_settled() || !self.calls.is_empty() || self.read.is_some() || self.reading {
            return None;
        }
        let to_come = |at: Timestamp| (at > self.now).then_some(at);
        let doubts = self.in_doubt.iter().filter(|effect| self.release.outstanding().contains_key(effect));
        Some(AtRest {
            in_doubt: doubts.map(|effect| (effect.record, effect.index)).collect(),
            look_after: to_come(self.look_after),
            confirm_after: to_come(self.confirm_after),
            platform_after: to_come(self.platform_after),
            platform_unseen: self.platform_unseen,
            flows_after: to_come(self.flows_after),
            heard_until: self.heard_until,
            others_drive: self.others_drive,
            act_after: to_come(self.act_after),
        })
    }

    /// The time of the stream: the own clock, and as much more as the record is ahead.
    pub(super) fn stream_now(&self) -> Timestamp {
        (self.now + self.release.skew()).max(self.release.last_at())
    }

    /// A time of the stream by the own clock.
    pub(super) fn own_time(&self, at: Timestamp) -> Timestamp {
        at.minus(self.release.skew())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_settled()
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn call_id(&mut self) -> CallId {
        CallId(self.id())
    }

    pub(super) fn read_after_head(&mut self) {
        if !self.reading {
            self.read = Some(Read::After(self.stored));
        }
    }

    /// Records that the stream is ahead of the own clock, where it is by more than clocks differ.
    pub(super) fn note_skew(&mut self) {
        if !self.is_ready() {
            return;
        }
        let ahead = self.release.last_at().since(self.now);
        if ahead > self.release.skew() + TOLERATED_SKEW {
            self.tell(&Cause::ClockSkew { ahead });
        }
    }

    fn act(&mut self, command: &Command) -> Result<Option<BatchId>, Refusal> {
        if self.standing != Standing::Ready {
            let why = self.trouble.clone().unwrap_or_else(|| "its record is being read again".to_owned());
            return Err(Refusal::JournalUnavailable { release: self.release.id().clone(), why });
        }
        // What time has brought about comes first, and stands whatever becomes of the command.
        self.tell(&Cause::Tick);
        command.action.check()?;
        let command = on_stream_time(command, self.stream_now().since(self.now));
        self.decide(&Cause::Action(command))
    }

    /// Decides on something that is never refused; whether anything is to be recorded.
    pub(super) fn tell(&mut self, cause: &Cause) -> bool {
        if self.standing != Standing::Ready {
            // What has happened to an effect is not found out again.
            if matches!(cause, Cause::Outcome { .. }) {
                self.kept.push(cause.clone());
            }
            return false;
        }
        match self.decide(cause) {
            Ok(batch) => batch.is_some(),
            Err(refusal) => {
                // Nothing that is told here is refused; what can't be written is a fault that people have to hear of.
                self.fail(refusal.to_string(), false);
                false
            }
        }
    }

    pub(super) fn decide(&mut self, cause: &Cause) -> Result<Option<BatchId>, Refusal> {
        let moment = Moment { now: self.stream_now(), clock: self.clock, rules: Rules::Current };
        let expected = self.release.head();
        let was_going_back = is_going_back(&self.release);
        if self.contested > 0 && self.pending.is_empty() {
            self.as_stored = Some(Box::new(self.release.clone()));
        }
        match decide(&mut self.release, cause, moment, self.config.call_time) {
            Ok(Decided { lines, .. }) if lines.is_empty() => Ok(None),
            Ok(Decided { lines, records }) => {
                let id = BatchId(self.id());
                // The last record of a way back, too.
                let urgent = was_going_back || is_going_back(&self.release);
                let keep = matches!(cause, Cause::Outcome { .. }).then(|| cause.clone());
                let drives =
                    matches!(cause, Cause::Measured(_) | Cause::Outcome { .. } | Cause::Traffic { .. });
                let batch = Batch { id, expected, lines, urgent, index: self.release.index() };
                self.pending.push_back(Pending { batch, records, keep, drives });
                Ok(Some(id))
            }
            Err(error) => {
                let refusal = refused(&self.release, error);
                if self.release.head() != expected {
                    // It is half-way.
                    self.lose();
                    self.reload();
                }
                Err(refusal)
            }
        }
    }
}

impl Outcome {
    /// Why there is no answer of the kind that was asked for.
    pub(in crate::machine) fn failure(self) -> String {
        match self {
            Self::Failed { detail, .. } => detail,
            Self::Done
            | Self::Measured { .. }
            | Self::Observed { .. }
            | Self::Preflight(_)
            | Self::FlowsChecked(_)
            | Self::IncidentsListed(_) => "the answer is not one to the question".to_owned(),
        }
    }
}

fn is_going_back(release: &Release) -> bool {
    release.phase().name() == PhaseName::RollingBack
}

/// A command whose times are those of the calendar, in the time of a stream that is ahead of it.
fn on_stream_time(command: &Command, ahead: Span) -> Command {
    let mut command = command.clone();
    if ahead <= TOLERATED_SKEW {
        return command;
    }
    match &mut command.action {
        Action::Override { expires_at, .. } => *expires_at = *expires_at + ahead,
        Action::Acknowledge { until: Some(until) } => *until = *until + ahead,
        _ => {}
    }
    command
}

fn refused(release: &Release, error: Undecidable) -> Refusal {
    match error {
        Undecidable::Refused(refusal) => refusal,
        Undecidable::Unwritable(error) => {
            Refusal::Unwritable { release: release.id().clone(), why: with_causes(&error) }
        }
    }
}

/// Whether users have the new version, or may have it, and something is still to be done about it.
pub(super) fn is_in_production(release: &Release) -> bool {
    let phase = release.phase().name();
    phase.touches_production() && !phase.is_end()
}

/// The next of a queue, which keeps no room once it is empty: of a hundred thousand sessions nearly all have nothing to say.
pub(super) fn taken<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    next
}
