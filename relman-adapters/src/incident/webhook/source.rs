use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use axum::http::{HeaderMap, header::AUTHORIZATION};
use hmac::{Hmac, KeyInit, Mac};
use relman_core::{
    port::{Clock, Incident, IncidentSource, PortError, PortErrorKind},
    unit::{ServiceName, Window},
};
use sha2::Sha256;

use super::store::Store;
use crate::{incident::IncidentSetupError, secret::Secret};

const NAME: &str = "incident-webhook";

/// RFC 2104 asks for a key as long as the hash; half of it is still beyond guessing.
const SHORTEST_KEY: usize = 16;

/// A few kilobytes each: some megabytes in all, whatever is posted.
const ROOM: usize = 1_000;

/// What is known before the first list of what fires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AtStart {
    /// Nothing: the source does not know what fires until the first list arrives.
    #[default]
    Unknown,
    /// That nothing fires: for tools that post what happens and never put a list. Then an incident that began before this
    /// program started is unknown.
    NothingFires,
}

/// An [`IncidentSource`] of what tools post to its router. See the [module](super) for the form.
///
/// Cheap to clone: clones share what is known. It is kept in memory, and gone with the process.
#[derive(Clone)]
pub struct IncidentWebhook(pub(super) Arc<Inner>);

pub(super) struct Inner {
    store: Mutex<Store>,
    proof: Proof,
    pub(super) clock: Arc<dyn Clock>,
}

/// How a client shows that it may post.
#[derive(Debug, Clone)]
enum Proof {
    Signature(Secret),
    Bearer(Secret),
}

/// Puts an [`IncidentWebhook`] together.
#[must_use]
pub struct IncidentWebhookBuilder {
    proof: Proof,
    clock: Arc<dyn Clock>,
    at_start: AtStart,
    room: usize,
}

impl IncidentWebhookBuilder {
    /// Says what is known before anybody has said what fires.
    pub fn at_start(mut self, at_start: AtStart) -> Self {
        self.at_start = at_start;
        self
    }

    /// Keeps at most so many incidents, 1,000 by default. While there is no room, the source does not know
    /// what fires.
    pub fn room(mut self, incidents: usize) -> Self {
        self.room = incidents;
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// [`IncidentSetupError::Field`] where the key or the token is shorter than 16 bytes.
    pub fn build(self) -> Result<IncidentWebhook, IncidentSetupError> {
        let (field, secret) = match &self.proof {
            Proof::Signature(key) => ("key", key),
            Proof::Bearer(token) => ("token", token),
        };
        let bytes = secret.expose().len();
        if bytes < SHORTEST_KEY {
            let problem = format!("it has {bytes} bytes, at least {SHORTEST_KEY} are needed");
            return Err(IncidentSetupError::Field { adapter: NAME, field, problem });
        }
        let store = Mutex::new(Store::new(self.room, self.at_start == AtStart::NothingFires));
        Ok(IncidentWebhook(Arc::new(Inner { store, proof: self.proof, clock: self.clock })))
    }
}

impl IncidentWebhook {
    /// Starts with a shared key of at least 16 bytes, with which every body is signed.
    pub fn signed(key: Secret, clock: Arc<dyn Clock>) -> IncidentWebhookBuilder {
        Self::with(Proof::Signature(key), clock)
    }

    /// Starts with a token of at least 16 bytes, for tools that can't sign.
    pub fn bearer(token: Secret, clock: Arc<dyn Clock>) -> IncidentWebhookBuilder {
        Self::with(Proof::Bearer(token), clock)
    }

    fn with(proof: Proof, clock: Arc<dyn Clock>) -> IncidentWebhookBuilder {
        IncidentWebhookBuilder { proof, clock, at_start: AtStart::default(), room: ROOM }
    }
}

impl Inner {
    /// Whether a request comes from a client that may post. Compares in constant time.
    pub(super) fn is_proved(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        match &self.proof {
            Proof::Signature(key) => {
                let sent = headers.get("relman-signature").and_then(|value| value.to_str().ok());
                let digits = sent.and_then(|sent| sent.strip_prefix("sha256="));
                digits.and_then(bytes_of).is_some_and(|sent| mac(key, body).verify_slice(&sent).is_ok())
            }
            Proof::Bearer(token) => {
                let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                let sent = sent.and_then(|sent| sent.strip_prefix("Bearer "));
                // Of both the same is made with the token as key, so that neither length nor content shows.
                sent.is_some_and(|sent| {
                    let expected = mac(token, token.expose().as_bytes()).finalize().into_bytes();
                    mac(token, sent.as_bytes()).verify_slice(&expected).is_ok()
                })
            }
        }
    }

    /// What is known. A panic with the lock held can't leave it half changed: each change is one assignment.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mac(key: &Secret, body: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac
}

/// The bytes of lower-case hex digits; none where it is anything else.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(is_hex) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[async_trait]
impl IncidentSource for IncidentWebhook {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Answers from memory. It does not know before the first list of all that fires, nor after something had to be
    /// turned away for lack of room, until the next one.
    async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError> {
        let unknown =
            |why: &str| Err(PortError::new(NAME, "say what fires", PortErrorKind::Unavailable, why));
        let store = self.0.store();
        if !store.is_complete {
            return unknown("nobody has put a list of all that fires since this program began");
        }
        if store.turned_away {
            return unknown("there was no room for an incident, and no list of all that fires since");
        }
        Ok(store.of(service, window))
    }
}

impl fmt::Debug for IncidentWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncidentWebhook").field("proof", &self.0.proof).finish_non_exhaustive()
    }
}
