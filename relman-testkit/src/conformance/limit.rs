//! How long a check may take. An adapter that never answers fails its check, and one that blocks the thread that asks it
//! ends the process with its name: nothing hangs in silence.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Waker},
    thread,
    time::Duration,
};

/// How long a check may take. No check takes more than seconds, on a slow machine with servers as well.
pub(super) const LONGEST: Duration = Duration::from_mins(2);

/// Watches one check from a thread of its own, whatever the clock of the test does.
pub(super) struct Limit {
    shared: Arc<(Mutex<Progress>, Condvar)>,
}

#[derive(Default)]
struct Progress {
    waker: Option<Waker>,
    expired: bool,
    done: bool,
}

impl Limit {
    /// Starts to watch. Who has not noticed after twice the time that it is over, blocks the thread: `blocked` is called.
    pub(super) fn start(longest: Duration, blocked: impl FnOnce() + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Progress>, Condvar)>::default();
        let watched = shared.clone();
        thread::spawn(move || {
            let (progress, changed) = &*watched;
            let is_done = || {
                let progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = changed.wait_timeout_while(progress, longest, |progress| !progress.done);
                waited.unwrap_or_else(PoisonError::into_inner).0.done
            };
            if is_done() {
                return;
            }
            let waker = {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                progress.expired = true;
                progress.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
            if !is_done() {
                blocked();
            }
        });
        Self { shared }
    }

    /// Whether the time is over; asks to be polled again when it is.
    pub(super) fn is_over(&self, context: &Context<'_>) -> bool {
        let mut progress = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.waker = Some(context.waker().clone());
        progress.expired
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).done = true;
        self.shared.1.notify_all();
    }
}

/// Says which check blocks, and ends the process: nothing else would end the wait.
pub(super) fn end(check: &'static str) {
    eprintln!(
        "{check}: the adapter has blocked the thread that asked it for {} s, so this process ends. A port's method is async: what \
         blocks belongs on a thread of its own",
        2 * LONGEST.as_secs()
    );
    std::process::exit(101);
}
