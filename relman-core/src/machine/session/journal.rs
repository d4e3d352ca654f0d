//! What becomes of the session's records, and what it does while the journal does not work.

use std::sync::Arc;

use super::{
    Alarm, Append, BatchId, Read, Session,
    session::{Standing, is_in_production, taken},
};
use crate::{
    chain::Head,
    event::{Event, Record},
    machine::{PhaseName, Release, command::Cause},
    plan::NotifyOn,
    port::with_causes,
    unit::Span,
};

/// The first pause after a journal has failed, and the longest: short enough that a release whose users are exposed is
/// not left alone for long.
const PAUSE_AFTER_FAILURE: (Span, Span) = (Span::from_secs(1), Span::from_secs(10));

/// How long a journal may fail before on-call is told: a restart of a database is over by then.
const ALARM_AFTER: Span = Span::from_secs(15);

/// How many batches a session that has lost a race counts on losing another: two conductors on one release, or a
/// command of another process, which soon is forgotten.
const CONTESTED_FOR: u32 = 100;

/// How much later than another that drives the release a session acts, should the other not do so: longer than a look
/// or a change usually takes.
const AFTER_OTHERS: Span = Span::from_secs(5);

/// How often on-call is told again.
const ALARM_EVERY: Span = Span::from_minutes(15);

impl Session {
    pub(super) fn appended(&mut self, batch: BatchId, outcome: Append) {
        let is_it = self.pending.front().is_some_and(|pending| pending.batch.id == batch);
        if !is_it || !self.appending {
            return;
        }
        match outcome {
            Append::Stored => {
                self.appending = false;
                let Some(pending) = taken(&mut self.pending) else { return };
                self.contested = self.contested.saturating_sub(1);
                self.others_drive &= !pending.drives;
                self.as_stored =
                    self.as_stored.take().filter(|_| !self.pending.is_empty()).and_then(|mut base| {
                        pending
                            .records
                            .iter()
                            .try_for_each(|record| base.apply(record))
                            .is_ok()
                            .then_some(base)
                    });
                self.recorded.extend(pending.records.into_iter().map(Arc::new));
                self.stored = self.recorded.back().map(|record| record.head()).or(self.stored);
                self.fresh = self.pending.is_empty();
                if self.fresh {
                    self.was_in_production = is_in_production(&self.release);
                }
                self.works_again();
            }
            Append::Conflict => {
                self.lose();
                self.contested = CONTESTED_FOR;
                self.catch_up();
            }
            Append::Unknown { detail, full } => self.fail(detail, full),
        }
    }

    pub(super) fn works_again(&mut self) {
        self.failures = 0;
        self.trouble = None;
        self.alarm_at = None;
    }

    /// The journal does not work: nothing is called any more, until the stream was read again.
    pub(super) fn fail(&mut self, detail: String, full: bool) {
        self.reading = false;
        self.lose();
        self.failures += 1;
        let (first, longest) = PAUSE_AFTER_FAILURE;
        let pause = first.times(1_u64 << (self.failures - 1).min(10)).min(longest);
        self.standing = Standing::Suspended { until: self.now + pause };
        let at = if full { self.now } else { self.now + ALARM_AFTER };
        self.alarm_at = Some(self.alarm_at.unwrap_or(at));
        self.trouble = Some(detail);
    }

    /// Whatever is decided and not stored is not decided.
    pub(super) fn lose(&mut self) {
        if std::mem::take(&mut self.appending) {
            self.unsure = self.pending.pop_front();
        }
        for pending in std::mem::take(&mut self.pending) {
            self.lost.push_back(pending.batch.id);
            self.kept.extend(pending.keep);
        }
    }

    /// What the stream says of the batch of which it was not known whether it is stored.
    pub(super) fn settle_what_is_unsure(&mut self, records: &[Arc<Record>]) {
        let Some(pending) = self.unsure.take() else { return };
        let last = pending.records.last().map(Record::head);
        if last.is_some_and(|head| records.iter().any(|record| record.head() == head)) {
            // It is: what got lost is the answer.
            self.works_again();
        } else {
            self.lost.push_back(pending.batch.id);
            self.kept.extend(pending.keep);
        }
    }

    /// Reads the whole stream: what the release is as it is stored, is not known any more.
    pub(super) fn reload(&mut self) {
        self.as_stored = None;
        self.standing = Standing::Reading;
        self.read = Some(Read::Whole);
    }

    /// Goes back to the release as it was stored, and reads what others have appended since.
    fn catch_up(&mut self) {
        let Some(stored) = self.as_stored.take() else { return self.reload() };
        self.release = *stored;
        self.standing = Standing::CatchingUp;
        self.read = Some(Read::After(self.stored));
    }

    /// Reads what others have appended, unless it is about to find out anyway.
    pub(super) fn changed(&mut self) {
        if self.is_ready() {
            self.read_after_head();
        }
    }

    /// Folds what others have appended.
    pub(super) fn foreign(&mut self, records: &[Arc<Record>]) {
        self.reading = false;
        // While an append is under way, it tells whether others were first.
        if !self.is_ready() && self.standing != Standing::CatchingUp {
            return;
        }
        let known = self.stored.map_or(0, |head| head.seq + 1);
        if self.standing == Standing::CatchingUp && records.iter().all(|record| record.seq < known) {
            // Somebody was first, and is not to be found.
            return self.reload();
        }
        for record in records.iter().filter(|record| record.seq >= known) {
            let Ok(record) = self.release.take(record) else {
                self.reload();
                return;
            };
            self.stored = Some(record.head());
            self.recorded.push_back(record);
        }
        if self.release.check_whole().is_err() {
            // What is wrong with it is said where the whole stream is read.
            self.reload();
            return;
        }
        self.go_on(known, records);
    }

    /// Folds the whole stream anew.
    pub(super) fn reloaded(&mut self, records: &[Arc<Record>]) {
        self.reading = false;
        if self.standing != Standing::Reading {
            return;
        }
        let mut release = Release::new(self.release.id().clone());
        let folded: Result<Vec<Arc<Record>>, _> = records.iter().map(|record| release.take(record)).collect();
        let folded = match folded.and_then(|records| release.check_whole().map(|()| records)) {
            Ok(folded) => folded,
            Err(error) => {
                let detail = format!("the record can't be trusted: {}", with_causes(&error));
                return self.fail(detail, false);
            }
        };
        if let Some(lost) = self.stored.filter(|stored| !holds(records, *stored)) {
            let now = match release.head() {
                None => "the stream is empty".to_owned(),
                Some(head) if head.seq < lost.seq => format!("the stream ends with record {}", head.seq),
                Some(_) => "another record has its place".to_owned(),
            };
            let detail = format!(
                "record {} was stored, and now {now}: an older copy may be in the journal's place",
                lost.seq
            );
            return self.fail(detail, false);
        }
        let known = self.stored.map_or(0, |head| head.seq + 1);
        self.recorded.extend(folded.into_iter().filter(|record| record.seq >= known));
        self.stored = release.head();
        self.release = release;
        self.go_on(known, records);
    }

    /// Goes on from what is stored. Records up to the known number are no news.
    fn go_on(&mut self, known: u64, records: &[Arc<Record>]) {
        let unsure: Vec<Head> =
            self.unsure.iter().flat_map(|pending| &pending.records).map(Record::head).collect();
        let mut new = records.iter().filter(|record| record.seq >= known && !unsure.contains(&record.head()));
        if new.any(|record| is_by_a_driver(&record.event)) {
            self.let_others_go_first();
        }
        self.was_in_production = is_in_production(&self.release);
        if self.standing != Standing::Ready {
            self.in_doubt.extend(self.release.outstanding().keys());
            self.settle_what_is_unsure(records);
            self.standing = Standing::Ready;
        }
        self.note_skew();
        for cause in std::mem::take(&mut self.kept) {
            self.tell(&cause);
        }
        self.fresh = !self.tell(&Cause::Tick) && self.pending.is_empty();
    }

    /// Another drives the release: what is next is the other's, too, unless it does not come.
    fn let_others_go_first(&mut self) {
        self.others_drive = true;
        self.act_after = self.now + AFTER_OTHERS;
        let next = self.release.phase().step().and_then(|step| self.release.next_look(step));
        if let Some((_, next)) = next {
            self.look_after = self.own_time(next) + AFTER_OTHERS;
        }
    }

    /// What on-call has to hear though it can't be recorded.
    pub fn poll_alarm(&mut self) -> Option<Alarm> {
        let trouble = self.trouble.clone();
        match (self.alarm_at, trouble) {
            (Some(at), Some(trouble)) if at <= self.now && self.is_left_alone() => {
                self.alarm_at = Some(self.now + ALARM_EVERY);
                self.alarmed = true;
                Some(self.alarm(&trouble))
            }
            (_, None) if self.alarmed => {
                self.alarmed = false;
                let title = format!("{}: relman can record again", self.release.id());
                let body = "The journal works again, and the release is driven again.".to_owned();
                Some(self.alarm_of(title, body, false))
            }
            _ => None,
        }
    }

    /// Whether users have the new version, or may have it, and nothing is done for want of a journal. While there is
    /// nothing to record, one that has failed stands in nobody's way.
    pub(super) fn is_left_alone(&self) -> bool {
        (self.was_in_production || is_in_production(&self.release)) && !self.is_settled()
    }

    /// What on-call is told while nothing can be recorded.
    pub(super) fn alarm(&mut self, trouble: &str) -> Alarm {
        let (id, share) = (self.release.id(), self.release.exposure());
        let title = format!("{id}: relman can't record, and does nothing");
        let traffic = if share.is_zero() && self.release.phase().name() != PhaseName::RollingBack {
            "No user has the new version.".to_owned()
        } else {
            format!("Traffic is still at {share}, and a breach would not take it back.")
        };
        let body = format!(
            "The journal does not work: {trouble}. {traffic} Repair the journal (on a full disk, make room): relman tries \
             again every few seconds and goes on from there."
        );
        self.alarm_of(title, body, !share.is_zero())
    }

    pub(super) fn alarm_of(&mut self, title: String, body: String, exposed: bool) -> Alarm {
        let number = self.id();
        let key = format!("alarm-{}-{}-{number}", self.release.id(), self.now.as_millis());
        Alarm {
            key,
            release: self.release.id().clone(),
            channel: self.release.policy().map(|policy| policy.on_call().channel.clone()),
            moment: NotifyOn::JournalUnavailable,
            title,
            body,
            target: if exposed { self.release.target() } else { None },
        }
    }
}

/// Whether only whoever drives a release records this.
fn is_by_a_driver(event: &Event) -> bool {
    matches!(
        event,
        Event::Evaluated(_)
            | Event::Deployed(_)
            | Event::TrafficSet(_)
            | Event::Notified(_)
            | Event::EffectFailed(_)
            | Event::ZeroTrafficObserved(_)
            | Event::PinnedUsersObserved(_)
            | Event::PinnedUsersCut(_)
    )
}

/// Whether a stream that was read from its beginning has this record.
fn holds(records: &[Arc<Record>], head: Head) -> bool {
    let index = usize::try_from(head.seq).unwrap_or(usize::MAX);
    records.get(index).is_some_and(|record| record.head() == head)
}
