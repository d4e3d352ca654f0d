use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use relman_core::{
    event::Record,
    machine::{Append, Batch, BatchId, Call, CallId, Input, Outcome, Read, Refusal, Release, Session},
    port::{AppendError, JournalExt, PortErrorKind, with_causes},
    unit::{ReleaseId, Span},
};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::Instant,
};
use tracing::{debug, info, warn};

use super::{
    executor::within,
    presence::{Held, Presence},
    shared::{Asked, Basis, JOURNAL_TIME, KnownHead, Message, Shared, Update},
};
use crate::{
    LoadError, SubmitError,
    releases::{CONFLICTS, append},
};

/// The longest time without a look at the clock: one that stood still with the machine is noticed within this time.
const LONGEST_SLEEP: Span = Span::from_secs(30);

/// The right to drive a release, where conductors have leases.
pub(super) struct Claimed {
    pub(super) presence: Arc<Presence>,
    pub(super) held: Held,
}

/// How it came that a release is not driven any more.
pub(super) enum Driven {
    /// It has reached an end and everybody was told, or it was asked to stop and nothing is under way any more.
    Settled(Release),
    /// It was asked to stop, and calls were under way longer than that waits for.
    CutOff(Release),
    /// The claim is lost: another may drive it by now.
    Lost(Release),
}

/// Performs what the session of one release asks for: appends, calls, reads, and waits. Decides nothing.
pub(super) struct Driver<'a> {
    shared: Arc<Shared>,
    id: ReleaseId,
    session: Session,
    /// The last record that is known to be stored, for whoever watches the journal.
    head: KnownHead,
    inbox: &'a mut mpsc::UnboundedReceiver<Message>,
    /// Whose turn it is; nobody else's, where there are no leases.
    claimed: Option<Arc<Claimed>>,
    calls: JoinSet<(CallId, Outcome)>,
    aborts: BTreeMap<CallId, AbortHandle>,
    /// Commands whose records are not stored yet.
    waiting: BTreeMap<BatchId, Asked>,
    /// Commands that others were faster than, to be decided anew.
    again: Vec<Asked>,
    /// Until when calls under way are waited for, once nothing new is to be started.
    give_up_at: Option<Instant>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        shared: Arc<Shared>,
        release: Release,
        head: KnownHead,
        inbox: &'a mut mpsc::UnboundedReceiver<Message>,
        claimed: Option<Claimed>,
    ) -> Self {
        let config = shared.session_config();
        let now = shared.releases.clock().now();
        Self {
            id: release.id().clone(),
            session: Session::open(release, now, config),
            shared,
            head,
            inbox,
            claimed: claimed.map(Arc::new),
            calls: JoinSet::new(),
            aborts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            again: Vec::new(),
            give_up_at: None,
        }
    }

    /// Drives the release until it has reached an end and everybody was told, or until nothing is under way any more
    /// after it was asked to stop, or until the claim on it is lost. Returns the release as it is then.
    pub(super) async fn drive(&mut self) -> Driven {
        self.publish(Vec::new());
        loop {
            if !self.may_act() {
                let lost = self.lost();
                return if self.give_up_at.is_some() { Driven::CutOff(lost) } else { Driven::Lost(lost) };
            }
            // Boxed: a hundred thousand drivers wait for an hour, and have nothing to carry out meanwhile.
            Box::pin(self.carry_out()).await;
            // What was said meanwhile is heard first.
            let is_over = self.session.is_over() && self.inbox.is_empty();
            if is_over || (self.give_up_at.is_some() && self.session.is_idle()) {
                return Driven::Settled(self.session.release().clone());
            }
            let timeout = self.sleep();
            let claimed = self.claimed.clone();
            tokio::select! {
                biased;
                () = lost(claimed.as_deref()) => {}
                message = self.inbox.recv() => self.hear(message),
                Some(done) = self.calls.join_next() => {
                    // A call that was aborted has ended for the session already.
                    if let Ok((call, outcome)) = done {
                        self.aborts.remove(&call);
                        if self.aborts.is_empty() {
                            // An emptied map keeps its room.
                            self.aborts = BTreeMap::new();
                        }
                        self.tell(Input::Answered(call, outcome));
                    }
                }
                () = tokio::time::sleep_until(timeout) => self.tell(Input::Tick),
            }
            if self.give_up_at.is_some_and(|at| at <= Instant::now()) {
                return Driven::CutOff(self.session.release().clone());
            }
        }
    }

    fn may_act(&self) -> bool {
        self.claimed.as_ref().is_none_or(|claimed| claimed.presence.holds(claimed.held))
    }

    /// Whoever waits for a command is told to try again: whether another records it first is not known.
    fn lost(&mut self) -> Release {
        warn!(release = %self.id, "the lease has run out; nothing is done before the release is claimed again");
        for asked in std::mem::take(&mut self.waiting).into_values().chain(std::mem::take(&mut self.again)) {
            let _ = asked.reply.send(Err(SubmitError::Stopped(self.id.clone())));
        }
        self.session.release().clone()
    }

    fn sleep(&self) -> Instant {
        let now = self.shared.releases.clock().now();
        let wait = self.session.poll_timeout().map_or(LONGEST_SLEEP, |at| at.since(now).min(LONGEST_SLEEP));
        let wake = Instant::now() + wait.to_std();
        self.give_up_at.map_or(wake, |at| at.min(wake))
    }

    fn tell(&mut self, input: Input) {
        let now = self.shared.releases.clock().now();
        // Only commands are refused.
        let _ = self.session.handle(input, now);
    }

    /// Does what the session asks for, until it asks for nothing more.
    async fn carry_out(&mut self) {
        while self.may_act() {
            if let Some(batch) = self.session.poll_append() {
                let (id, outcome) = (batch.id, self.append(batch).await);
                self.tell(Input::Appended(id, outcome));
            } else if let Some(read) = self.session.poll_read() {
                self.publish_recorded();
                let input = self.read(read).await;
                self.tell(input);
            } else if self.session.is_settled() && !self.again.is_empty() {
                for asked in std::mem::take(&mut self.again) {
                    self.ask(asked);
                }
            } else {
                break;
            }
            self.publish_recorded();
            self.give_back_lost();
        }
        while let Some(call) = self.session.poll_abort() {
            if let Some(handle) = self.aborts.remove(&call) {
                handle.abort();
            }
        }
        while let Some(call) = self.session.poll_call() {
            debug!(release = %self.id, call = %call.id, urgency = ?call.urgency, "calling");
            let (id, shared, claimed) = (call.id, self.shared.clone(), self.claimed.clone());
            let handle = self.calls.spawn(async move { (id, make(&shared, call, claimed.as_deref()).await) });
            self.aborts.insert(id, handle);
        }
        while let Some(alarm) = self.session.poll_alarm() {
            self.shared.clone().sound(alarm);
        }
    }

    async fn append(&mut self, batch: Batch) -> Append {
        let journal = self.shared.releases.journal().clone();
        match within(JOURNAL_TIME, "journal", append(&*journal, &self.id, &batch)).await {
            Ok(Ok(_)) => Append::Stored,
            Ok(Err(AppendError::Conflict { .. })) => Append::Conflict,
            Ok(Err(failed)) => {
                let detail = with_causes(&failed);
                warn!(release = %self.id, error = detail, "the journal did not take a record; the stream is read again");
                let full = matches!(&failed, AppendError::Port(port) if port.kind() == PortErrorKind::Full);
                Append::Unknown { detail, full }
            }
            Err(detail) => {
                warn!(release = %self.id, error = detail, "the journal did not take a record; the stream is read again");
                Append::Unknown { detail, full: false }
            }
        }
    }

    async fn read(&self, read: Read) -> Input {
        let from = match read {
            Read::After(head) => head.map_or(0, |head| head.seq + 1),
            Read::Whole => 0,
        };
        let journal = self.shared.releases.journal().clone();
        let lines = match within(JOURNAL_TIME, "journal", journal.read_to_end(&(&self.id).into(), from)).await
        {
            Ok(Ok(lines)) => lines,
            Ok(Err(failed)) => return Input::Unreadable(with_causes(&failed)),
            Err(detail) => return Input::Unreadable(detail),
        };
        let records: Result<Vec<Arc<Record>>, _> =
            lines.iter().map(|line| Record::read(line).map(Arc::new)).collect();
        match (records, read) {
            (Ok(records), Read::After(_)) => Input::Foreign(records),
            (Ok(records), Read::Whole) => Input::Reloaded(records),
            (Err(broken), _) => Input::Unreadable(with_causes(&LoadError::Replay(broken.into()))),
        }
    }

    /// Hands on the records that are stored now, and answers whoever waits for them.
    fn publish_recorded(&mut self) {
        let mut records = Vec::new();
        while let Some(record) = self.session.poll_recorded() {
            info!(release = %self.id, seq = record.seq, kind = record.event.kind(), by = %record.by, "recorded");
            records.push(record);
        }
        if records.is_empty() {
            return;
        }
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = self.session.stored();
        let stored = self.session.is_settled();
        let done: Vec<BatchId> = if stored { self.waiting.keys().copied().collect() } else { Vec::new() };
        for batch in done {
            if let Some(asked) = self.waiting.remove(&batch) {
                let new = records.iter().map(|record| Record::clone(record)).collect();
                // Whoever asked may have gone away.
                let _ = asked.reply.send(Ok((self.session.release().clone(), new)));
            }
        }
        self.publish(records);
    }

    fn publish(&self, records: Vec<Arc<Record>>) {
        if self.shared.updates.receiver_count() > 0 {
            let release = Arc::new(self.session.release().clone());
            // Nobody listening is fine.
            let _ = self.shared.updates.send(Update { release, records: records.into() });
        }
    }

    fn hear(&mut self, message: Option<Message>) {
        match message {
            Some(Message::Command(asked)) => self.ask(*asked),
            Some(Message::Changed) => self.tell(Input::Changed),
            Some(Message::Stop) => {
                self.give_up_at = Some(Instant::now() + self.shared.limits.grace);
                self.tell(Input::Stop);
            }
            // The conductor is gone.
            None => self.give_up_at = Some(Instant::now()),
        }
    }

    fn ask(&mut self, asked: Asked) {
        if asked.tries > CONFLICTS {
            let _ = asked.reply.send(Err(SubmitError::Crowded(self.id.clone())));
            return;
        }
        if let Basis::Seen(seen) = asked.on
            && (seen != self.session.stored() || !self.session.is_settled())
        {
            let now = self.session.stored();
            let _ = asked.reply.send(Err(SubmitError::Stale { release: self.id.clone(), seen, now }));
            return;
        }
        let now = self.shared.releases.clock().now();
        match self.session.handle(Input::Action(asked.command.clone()), now) {
            Ok(Some(batch)) => {
                self.waiting.insert(batch, asked);
            }
            Ok(None) => {
                let _ = asked.reply.send(Ok((self.session.release().clone(), Vec::new())));
            }
            Err(refusal) => {
                let _ = asked.reply.send(Err(SubmitError::Refused(refusal)));
            }
        }
    }

    /// Commands whose records were not stored: decided anew where others were faster, given back where the journal does
    /// not work.
    fn give_back_lost(&mut self) {
        while let Some(batch) = self.session.poll_lost() {
            let Some(mut asked) = self.waiting.remove(&batch) else { continue };
            if let Some(why) = self.session.trouble() {
                let refusal = Refusal::JournalUnavailable { release: self.id.clone(), why: why.to_owned() };
                let _ = asked.reply.send(Err(SubmitError::Refused(refusal)));
            } else {
                asked.tries += 1;
                self.again.push(asked);
            }
        }
    }
}

/// Makes a call, if it is still this conductor's turn once it is the call's.
async fn make(shared: &Shared, call: Call, claimed: Option<&Claimed>) -> Outcome {
    let Some(claimed) = claimed else { return shared.executor.make(call, || true).await };
    shared.executor.make(call, || claimed.presence.holds(claimed.held)).await
}

/// Returns when the claim is lost; never, where there are no leases.
async fn lost(claimed: Option<&Claimed>) {
    match claimed {
        Some(claimed) => claimed.presence.lost(claimed.held).await,
        None => std::future::pending().await,
    }
}
