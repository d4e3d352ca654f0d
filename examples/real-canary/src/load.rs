//! The load: so many requests a second, and a tally of who has answered them.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{http::Client, service::VERSION_HEADER};

/// How many requests may be waiting for an answer. More would say nothing new about a service that is too slow.
const MAX_WAITING: usize = 512;

/// A load that runs until it is stopped or dropped.
///
/// Requests are sent at the rate whether or not earlier ones have been answered, as those of real users are.
#[derive(Debug)]
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    task: JoinHandle<()>,
}

/// Who has answered so far, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By version.
    pub versions: BTreeMap<String, Answers>,
    /// Answers that no version has given: those of HAProxy itself.
    pub unrouted: u64,
    /// Requests without any answer, and those that were not sent because 512 were waiting.
    pub unanswered: u64,
}

/// How many answers a version has given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// With a status below 500.
    pub fine: u64,
    /// With a status of 500 and more.
    pub failed: u64,
}

impl Answers {
    /// All of them.
    pub fn all(self) -> u64 {
        self.fine + self.failed
    }
}

impl Tally {
    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.versions.values().map(|answers| answers.all()).sum::<u64>() + self.unrouted + self.unanswered
    }

    /// What a version has answered: nothing where it is not in the tally.
    pub fn of(&self, version: &str) -> Answers {
        self.versions.get(version).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests", self.requests())?;
        for (version, answers) in &self.versions {
            write!(f, ", {} by {version} ({} failed)", answers.all(), answers.failed)?;
        }
        for (count, what) in [(self.unrouted, "answered by no version"), (self.unanswered, "not answered")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl Load {
    /// Starts to send so many requests a second.
    pub fn start(url: impl Into<String>, requests_per_second: NonZeroU32) -> Self {
        let tally = Arc::default();
        let task = tokio::spawn(send(url.into(), requests_per_second, None, Arc::clone(&tally)));
        Self { tally, task }
    }

    /// The tally so far.
    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Sends no more, and gives the tally without the requests that are still waiting.
    pub fn stop(self) -> Tally {
        self.tally()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends so many requests a second for so long, and waits for their answers.
pub async fn run_for(url: impl Into<String>, requests_per_second: NonZeroU32, time: Duration) -> Tally {
    let tally = Arc::default();
    send(url.into(), requests_per_second, Some(time), Arc::clone(&tally)).await;
    lock(&tally).clone()
}

async fn send(url: String, rate: NonZeroU32, time: Option<Duration>, tally: Arc<Mutex<Tally>>) {
    let (client, url) = (Client::default(), Arc::<str>::from(url));
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    let mut ticks = interval(Duration::from_secs(1) / rate.get());
    // What a busy machine delays is made up for: the rate is what was asked for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = time.map(|time| Instant::now() + time);
    loop {
        let now = ticks.tick().await;
        if end.is_some_and(|end| now >= end) {
            break;
        }
        let Ok(place) = Arc::clone(&waiting).try_acquire_owned() else {
            lock(&tally).unanswered += 1;
            continue;
        };
        let (client, url, tally) = (client.clone(), Arc::clone(&url), Arc::clone(&tally));
        tokio::spawn(async move {
            count(&tally, client.get(&url).await.ok());
            drop(place);
        });
    }
    // All places are free again once the last answer has come.
    let places = u32::try_from(MAX_WAITING).expect("512 is a u32");
    drop(waiting.acquire_many(places).await);
}

fn count(tally: &Mutex<Tally>, answer: Option<crate::http::Answer>) {
    let mut tally = lock(tally);
    let Some(answer) = answer else {
        tally.unanswered += 1;
        return;
    };
    let version = answer.headers.get(VERSION_HEADER).and_then(|version| version.to_str().ok());
    let Some(version) = version else {
        tally.unrouted += 1;
        return;
    };
    let answers = tally.versions.entry(version.to_owned()).or_default();
    if answer.status.is_server_error() {
        answers.failed += 1;
    } else {
        answers.fine += 1;
    }
}

/// Counters are whole whatever happened to the thread that counted last.
fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::service::Service;

    #[tokio::test]
    async fn answers_are_counted_by_version_and_outcome() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Service::new("2.0.0", 0.1.try_into().unwrap(), Duration::ZERO);
        tokio::spawn(service.serve(listener, std::future::pending()));
        let rate = NonZeroU32::new(200).unwrap();
        let tally = run_for(url.clone(), rate, Duration::from_millis(500)).await;
        assert_eq!(tally.of("2.0.0").all(), tally.requests(), "{tally}");
        assert_eq!(tally.of("2.0.0").failed, tally.requests() / 10, "{tally}");
        assert!((80..=110).contains(&tally.requests()), "{tally}");

        let tally = run_for(format!("{url}/health"), rate, Duration::from_millis(50)).await;
        assert_eq!(tally.unrouted, tally.requests(), "{tally}");
    }

    #[tokio::test]
    async fn requests_without_an_answer_are_counted_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let tally = run_for(url, NonZeroU32::new(100).unwrap(), Duration::from_millis(100)).await;
        assert!(tally.requests() > 0);
        assert_eq!(tally.unanswered, tally.requests());
    }
}
