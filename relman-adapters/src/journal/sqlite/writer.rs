use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use relman_core::{
    chain::{Head, SealedLine},
    port::{AppendError, PortError, PortErrorKind, StreamIndex},
    unit::StreamId,
};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{Notify, futures::Notified, oneshot};

use super::{
    fault::{NAME, UNKNOWN, fault, is_busy, unknown},
    open::PATIENCE,
    place::Place,
    table,
};

const APPEND: &str = "append records";

/// How many appends share a transaction at most: enough to make the sync's cost vanish among them, few enough
/// for the transaction to stay within milliseconds.
const GROUP: usize = 256;

type Answer = Result<Option<Head>, AppendError>;

/// The one who appends: a queue of requests and the connection that serves it.
///
/// Whoever waits for an answer and finds the connection free commits **everything** that is queued in one
/// transaction, without suspending: a future that is no longer polled can hold up nobody but itself. Afterwards
/// it wakes all who still wait, and the first of them to run is next. Until it runs, callers that were just
/// answered have had time to queue again, so that groups are full ones.
pub(super) struct Writer {
    path: PathBuf,
    place: Place,
    /// Wakes those who wait for changes.
    appended: Notify,
    queue: Mutex<VecDeque<Request>>,
    connection: Mutex<Connection>,
    freed: Notify,
    /// A thread waits for the lock of another process and will then serve the queue.
    outwaiting: AtomicBool,
}

struct Request {
    stream: StreamId,
    expected: Option<Head>,
    lines: Vec<SealedLine>,
    index: StreamIndex,
    reply: oneshot::Sender<Answer>,
}

/// Whether the queue was served.
enum Served {
    Yes,
    /// Another process holds the lock; the queue is untouched.
    Busy,
}

impl Writer {
    pub(super) fn new(path: &Path, connection: Connection) -> Self {
        Self {
            path: path.to_owned(),
            place: Place::of(path),
            appended: Notify::new(),
            queue: Mutex::default(),
            connection: Mutex::new(connection),
            freed: Notify::new(),
            outwaiting: AtomicBool::new(false),
        }
    }

    /// Appends lines that are linked. The caller may drop the future: all lines are then stored, or none.
    pub(super) async fn append(
        self: &Arc<Self>,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        index: &StreamIndex,
    ) -> Answer {
        let (reply, mut answer) = oneshot::channel();
        let (stream, lines, index) = (stream.clone(), lines.to_vec(), index.clone());
        let request = Request { stream, expected, lines, index, reply };
        lock(&self.queue).push_back(request);
        // Tasks that are ready to append as well run first and join the group. Without this, a runtime of one
        // thread would never form a group. It costs a lone append a microsecond.
        tokio::task::yield_now().await;
        loop {
            // Made before looking at the connection, so that a wake-up after the look is not missed.
            let freed = self.freed.notified();
            // Who has been answered leaves the others, who are still gathering, alone.
            if answer.is_empty() {
                self.serve();
            }
            tokio::select! {
                biased;
                answer = &mut answer => return answer.unwrap_or_else(|_| Err(self.lost())),
                () = freed => {}
            }
        }
    }

    /// Serves the queue if nobody else does.
    ///
    /// This blocks the runtime's thread for a transaction, about 0.3 ms: no longer than a slow computation
    /// between two awaits. Handing it to a thread for blocking work costs a lone append a third of its speed.
    /// Waiting for another process may take much longer, and is handed to a thread.
    fn serve(self: &Arc<Self>) {
        if self.outwaiting.load(Ordering::Acquire) {
            return;
        }
        let Some(mut turn) = self.try_turn() else { return };
        match self.commit_group(turn.connection(), Duration::ZERO) {
            Served::Yes => {}
            Served::Busy => {
                self.outwaiting.store(true, Ordering::Release);
                drop(turn);
                self.outwait();
            }
        }
    }

    fn outwait(self: &Arc<Self>) {
        let writer = Arc::clone(self);
        let started = thread::Builder::new().name("relman-journal".to_owned()).spawn(move || {
            let connection = lock(&writer.connection);
            let mut turn = Turn { writer: &writer, connection: Some(connection), kind: TurnKind::Outwaited };
            // After the full patience this answers everybody, so the result is always `Yes`.
            writer.commit_group(turn.connection(), PATIENCE);
        });
        if let Err(error) = started {
            self.outwaiting.store(false, Ordering::Release);
            let detail = format!("{}: no thread to wait for its lock ({error})", self.path.display());
            for request in self.take_group() {
                let error = PortError::new(NAME, APPEND, PortErrorKind::Unavailable, detail.clone());
                request.answer(Err(error.into()));
            }
            self.freed.notify_waiters();
        }
    }

    /// Wakes at the next append of this process.
    pub(super) fn appended(&self) -> Notified<'_> {
        self.appended.notified()
    }

    /// Gives a stream an index.
    pub(super) fn reindex(
        &self,
        stream: &StreamId,
        head: Head,
        index: &StreamIndex,
    ) -> Result<(), PortError> {
        let connection = lock(&self.connection);
        connection
            .busy_timeout(PATIENCE)
            .and_then(|()| table::reindex(&connection, stream, head, index))
            .map_err(|error| fault("write an index", &self.path, &error))
    }

    fn try_turn(&self) -> Option<Turn<'_>> {
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            // A transaction that was left by a panic has been rolled back on the way out.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Turn { writer: self, connection: Some(connection), kind: TurnKind::Ordinary })
    }

    /// Commits what is queued, each append checked by itself, and answers once the commit has returned.
    fn commit_group(&self, connection: &mut Connection, patience: Duration) -> Served {
        if lock(&self.queue).is_empty() {
            return Served::Yes;
        }
        if let Err(error) = self.place.check(APPEND) {
            for request in self.take_group() {
                let error = PortError::new(NAME, APPEND, error.kind(), error.detail().to_owned());
                request.answer(Err(error.into()));
            }
            return Served::Yes;
        }
        let begun = connection
            .busy_timeout(patience)
            .and_then(|()| connection.transaction_with_behavior(TransactionBehavior::Immediate));
        let transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) if is_busy(&error) && patience.is_zero() => return Served::Busy,
            Err(error) => {
                self.fail(self.take_group(), &error);
                return Served::Yes;
            }
        };
        // Taken only now, so that the group has everybody who came while the lock was waited for.
        let group = self.take_group();
        // What fails hurts its own append alone: then each is done once more, whole or not at all.
        let all =
            || group.iter().map(|request| request.perform(&transaction)).collect::<rusqlite::Result<_>>();
        let done: rusqlite::Result<Vec<Answer>> = table::whole(&transaction, all);
        let answers = match done {
            Ok(answers) => answers,
            Err(_) if !transaction.is_autocommit() => {
                let mut answers = Vec::with_capacity(group.len());
                for request in &group {
                    match table::whole(&transaction, || request.perform(&transaction)) {
                        Ok(answer) => answers.push(answer),
                        // A full disk, for one, makes SQLite give up the whole transaction.
                        Err(error) if transaction.is_autocommit() => {
                            drop(transaction);
                            self.fail(group, &error);
                            return Served::Yes;
                        }
                        Err(error) => answers.push(Err(fault(APPEND, &self.path, &error).into())),
                    }
                }
                answers
            }
            Err(error) => {
                drop(transaction);
                self.fail(group, &error);
                return Served::Yes;
            }
        };
        // Conflicts wait for the commit as well: the head they report may be one that this group stores.
        match transaction.commit() {
            Ok(()) => {
                group.into_iter().zip(answers).for_each(|(request, answer)| request.answer(answer));
                self.appended.notify_waiters();
            }
            Err(error) => self.fail_unknown(group, &error),
        }
        Served::Yes
    }

    /// The next group, without those whose callers are gone: what was given up before it began never happens.
    fn take_group(&self) -> Vec<Request> {
        let mut queue = lock(&self.queue);
        queue.retain(|request| !request.reply.is_closed());
        let size = queue.len().min(GROUP);
        queue.drain(..size).collect()
    }

    fn fail(&self, group: Vec<Request>, error: &rusqlite::Error) {
        for request in group {
            request.answer(Err(fault(APPEND, &self.path, error).into()));
        }
    }

    fn fail_unknown(&self, group: Vec<Request>, error: &rusqlite::Error) {
        for request in group {
            request.answer(Err(unknown(APPEND, &self.path, error).into()));
        }
    }

    fn lost(&self) -> AppendError {
        let detail = format!("{}: the writer stopped; {UNKNOWN}", self.path.display());
        PortError::new(NAME, APPEND, PortErrorKind::Unavailable, detail).into()
    }
}

impl Request {
    fn perform(&self, connection: &Connection) -> rusqlite::Result<Answer> {
        let found = table::found(connection, &self.stream)?;
        let actual = found.as_ref().map(|found| found.head);
        if actual != self.expected {
            let (stream, expected) = (self.stream.clone(), self.expected);
            return Ok(Err(AppendError::Conflict { stream, expected, actual }));
        }
        table::insert(connection, &self.stream, &self.lines, found.as_ref(), &self.index)?;
        Ok(Ok(self.lines.last().map(SealedLine::head).or(actual)))
    }

    fn answer(self, answer: Answer) {
        // A caller that is gone doesn't want to know.
        let _ = self.reply.send(answer);
    }
}

/// The right to use the connection. Giving it up, also by a panic, wakes those who still wait.
struct Turn<'a> {
    writer: &'a Writer,
    connection: Option<MutexGuard<'a, Connection>>,
    kind: TurnKind,
}

enum TurnKind {
    Ordinary,
    /// It was taken to wait for another process, and ends that wait.
    Outwaited,
}

impl Turn<'_> {
    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("the connection is there until the turn is dropped")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // First free, then wake: who is woken finds the connection free.
        self.connection = None;
        if matches!(self.kind, TurnKind::Outwaited) {
            self.writer.outwaiting.store(false, Ordering::Release);
        }
        let waits_for_thread = self.writer.outwaiting.load(Ordering::Acquire);
        if !waits_for_thread && !lock(&self.writer.queue).is_empty() {
            self.writer.freed.notify_waiters();
        }
    }
}

/// Locks what a panic can't leave half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
