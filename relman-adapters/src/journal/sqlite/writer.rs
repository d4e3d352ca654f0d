use std::{
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use relman_core::{
    chain::{Head, SealedLine},
    unit::ReleaseId,
};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    open::PATIENCE,
    store::{self, Append, Outcome},
};

/// A caller's thread is lent to a commit only while commits are this fast: a disk that takes longer has its own
/// thread wait for it, and the runtime goes on.
const INLINE_LIMIT: Duration = Duration::from_millis(5);

/// The longest wait for callers that were just answered. A disk so slow that half a commit takes longer would not
/// notice.
const GATHER_LIMIT: Duration = Duration::from_millis(2);

/// The most appends in one transaction: bounds how long one commit takes and what it holds in memory.
const MAX_GROUP: usize = 1024;

/// The one connection that writes, and who may use it when.
///
/// A lone append is committed at once by the caller: handing it to another thread would cost a third of it.
/// Whoever comes while a commit is under way queues up, and a thread of the writer's own commits the whole queue
/// in one transaction. An append that is queued is committed even if its caller goes away; one that is committed
/// inline has no point at which the caller could.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when `jobs` has reached `wanted`, and when the writer closes.
    enough: Condvar,
    connection: Mutex<Connection>,
}

struct State {
    jobs: Vec<Job>,
    mode: Mode,
    /// How many jobs the thread waits for.
    wanted: usize,
    /// How long the last commit took.
    last_commit: Duration,
    closing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nobody is queued: callers commit for themselves.
    Idle,
    /// The thread commits, or gathers those that will be back in a moment: everybody queues.
    Grouping,
    /// The thread is gone: nobody would take a job.
    Stopped,
}

struct Job {
    release: ReleaseId,
    expected: Option<Head>,
    lines: Vec<SealedLine>,
    reply: oneshot::Sender<Outcome>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let state = State {
            jobs: Vec::new(),
            mode: Mode::Idle,
            wanted: 1,
            last_commit: Duration::ZERO,
            closing: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            enough: Condvar::new(),
            connection: Mutex::new(connection),
        });
        let mine = Arc::clone(&shared);
        let thread = thread::Builder::new().name("relman-journal".to_owned()).spawn(move || {
            let stop = StopOnDrop(&mine);
            stop.0.run();
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Commits on the caller's thread; `None`, with nothing done, where that would mean to wait for somebody.
    pub(super) fn commit_inline(&self, append: &Append<'_>) -> Option<Outcome> {
        {
            let state = self.shared.state();
            if state.mode != Mode::Idle || !state.jobs.is_empty() || state.last_commit > INLINE_LIMIT {
                return None;
            }
        }
        let mut connection = match self.shared.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // Another process that writes is waited for by the thread.
        connection.busy_timeout(Duration::ZERO).ok()?;
        let start = Instant::now();
        let outcome = match store::commit(&mut connection, std::slice::from_ref(append)) {
            Ok(mut outcomes) => outcomes.pop().expect("one append has one outcome"),
            Err(failure) if failure.is_busy() => return None,
            Err(failure) => Err(failure.to_append_error()),
        };
        drop(connection);
        self.shared.state().last_commit = start.elapsed();
        Some(outcome)
    }

    /// Queues an append for the next group. The receiver fails only where the writer's thread is gone.
    pub(super) fn enqueue(&self, append: &Append<'_>) -> oneshot::Receiver<Outcome> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            release: append.release.clone(),
            expected: append.expected,
            lines: append.lines.to_vec(),
            reply,
        };
        let mut state = self.shared.state();
        if state.mode != Mode::Stopped {
            state.jobs.push(job);
            if state.jobs.len() >= state.wanted {
                self.shared.enough.notify_one();
            }
        }
        answer
    }
}

impl Drop for Writer {
    /// Waits until what is queued is committed, so that the file is closed when the journal is gone.
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.enough.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened, and every caller has had an error since.
            let _ = thread.join();
        }
    }
}

/// Lets go of everybody who waits, even where the thread panics.
struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.mode = Mode::Stopped;
        state.jobs.clear();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that could panic half-way runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut callers = 0;
        while self.wait_for_jobs(callers) {
            callers = self.commit_queue();
        }
    }

    /// Waits until there is a group to commit; `false` when the writer closes and nothing is left.
    ///
    /// The callers that were just answered are about to come back. Without waiting for them, two half-groups would
    /// take turns, each paying for a whole commit.
    fn wait_for_jobs(&self, callers: usize) -> bool {
        let mut state = self.state();
        if callers > 1 {
            state.wanted = callers;
            let patience = (state.last_commit / 2).min(GATHER_LIMIT);
            let short = |state: &mut State| state.jobs.len() < state.wanted && !state.closing;
            state = match self.enough.wait_timeout_while(state, patience, short) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        state.wanted = 1;
        if state.jobs.is_empty() {
            state.mode = Mode::Idle;
        }
        while state.jobs.is_empty() && !state.closing {
            state = self.enough.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.mode = Mode::Grouping;
        !state.jobs.is_empty()
    }

    /// Commits what is queued, answers, and returns how many callers there are to be expected.
    fn commit_queue(&self) -> usize {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Now and not before: an inline commit may have been under way, and more callers have come meanwhile.
        let jobs = {
            let mut state = self.state();
            let taken = state.jobs.len().min(MAX_GROUP);
            let rest = state.jobs.split_off(taken);
            mem::replace(&mut state.jobs, rest)
        };
        let start = Instant::now();
        let appends: Vec<_> = jobs
            .iter()
            .map(|Job { release, expected, lines, .. }| Append { release, expected: *expected, lines })
            .collect();
        // Without patience, the next statement says that the file is busy, which is an answer as well.
        let _ = connection.busy_timeout(PATIENCE);
        let outcomes = store::commit_group(&mut connection, &appends);
        drop(connection);

        let callers = {
            let mut state = self.state();
            state.last_commit = start.elapsed();
            let callers = jobs.len() + state.jobs.len();
            if callers == 1 {
                // A single caller does better alone.
                state.mode = Mode::Idle;
            }
            callers
        };
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            // The caller may have gone away; its records are stored all the same.
            let _ = job.reply.send(outcome);
        }
        callers
    }
}
