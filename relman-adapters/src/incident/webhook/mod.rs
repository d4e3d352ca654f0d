//! Incidents that any tool posts: a router that a host mounts, and a store that is the
//! [`IncidentSource`](relman_core::port::IncidentSource).
//!
//! # What is posted
//!
//! `POST /` with one incident as JSON, when it begins to fire and again when it has ended:
//!
//! ```json
//! {
//!   "id": "INC-7",
//!   "title": "Payments are declined",
//!   "severity": "critical",
//!   "service": "checkout",
//!   "status": "firing",
//!   "started_at": "2026-11-23T09:00:00Z",
//!   "url": "https://incidents.example.org/INC-7"
//! }
//! ```
//!
//! `status` is `firing` or `resolved`; `ended_at` is there with `resolved` and only then. `severity` and `url` may be
//! left out. Times are RFC 3339, in any offset. A field that is not one of these is refused.
//!
//! `PUT /` with `{"at": "2026-11-23T09:10:00Z", "incidents": [ … ]}`, each as above, says what fires at that moment, all of
//! it: whatever else is known has ended. A tool that has nothing to tell puts an empty list. Until the first such list the source does not know what
//! fires, and says so; with [`AtStart::NothingFires`] it takes silence for peace.
//!
//! # Who may post
//!
//! Each request carries `Relman-Signature: sha256=` and the HMAC-SHA256 (RFC 2104) of the body in lower-case hex, made
//! with the shared key: the form in which relman signs its own webhooks. Or, where no key but a token is configured,
//! `Authorization: Bearer` and the token. Both are compared in constant time.
//!
//! # Answers
//!
//! | status | means |
//! | --- | --- |
//! | 200 `{"outcome":"stored"}` | it is known now |
//! | 200 `{"outcome":"unchanged"}` | it was known, or something newer is: a repetition, or one that came late |
//! | 401 | the signature or the token is missing or wrong |
//! | 413 | the body is longer than 256 KiB |
//! | 422 | it is not what is described above, or too old to be told from a repetition, or a list from the future |
//! | 503 | the store is full: it is to be sent again later |
//!
//! # Repetitions
//!
//! An incident is its id and its beginning. What has ended stays ended, whoever repeats the message with which it began;
//! a message about an earlier time under the same id changes nothing. What has ended is remembered for a day, and an
//! incident that began longer ago is not taken as news. A list is no older than five minutes and newer than the one
//! before, or it changes nothing. So what is known is not undone by a repetition. A restart forgets all of it: what
//! is repeated then of the day before is taken as news, until the next list says otherwise.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use relman_adapters::{clock::SystemClock, incident::webhook::IncidentWebhook, secret::Secret};
//! use relman_core::port::IncidentSource;
//!
//! let incidents = IncidentWebhook::signed(Secret::new("a key of at least 16 bytes"), Arc::new(SystemClock)).build()?;
//! assert_eq!(incidents.name(), "incident-webhook");
//! let app: axum::Router = axum::Router::new().nest("/incidents", incidents.router());
//! # Ok::<(), relman_adapters::incident::IncidentSetupError>(())
//! ```

mod message;
mod router;
mod source;
mod store;

pub use source::{AtStart, IncidentWebhook, IncidentWebhookBuilder};
