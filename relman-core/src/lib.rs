//! The pure core of relman: what a software release may do, and the record of what it did.
//!
//! A release goes from a plan over staging to production, step by step, and is validated there or taken back. This
//! crate holds the rules for that, and nothing else: it never opens a socket, reads a clock or starts a thread. A
//! [`Session`](machine::Session) drives one release without I/O; a driver around it stores what it decides, makes the
//! calls that it asks for, and tells it how they ended. `relman-adapters` has such a driver; an adapter for your
//! platform needs this crate alone.
//!
//! ```text
//!    people, CI, on-call         metrics, platform, incidents       steady clock
//!             │ Action                       │ Answered                   │ now
//!             ▼                              ▼                            ▼
//!   ┌─────────────────────────────────────────────────────────────────────────────┐
//!   │  Session::handle(Input, now)                                                │
//!   │    decide ─▶ records of a hash chain · fold ─▶ the release · then: calls    │
//!   └─────────────────────────────────────────────────────────────────────────────┘
//!             │ poll_append()    │ poll_call()     │ poll_abort()   │ poll_timeout()
//!             ▼                  ▼                 ▼                ▼
//!       what to store first  what to ask   what to drop      when to say Tick
//! ```
//!
//! # A first release
//!
//! From the plan to staging. A driver would append the lines to its [`Journal`](port::Journal), and make the call.
//!
//! ```
//! use std::sync::Arc;
//! use relman_core::{machine::Append, prelude::*};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = Plan::from_toml(r#"
//!     release = "checkout-241"
//!     title = "Faster tax lookup"
//!
//!     [scope]
//!     service = "checkout"
//!     summary = "Caches tax rates for a minute"
//!     artifact = { name = "checkout", version = "2.41.0" }
//!     replaces = "2.40.3"
//!     audience = "user-facing"
//!     touches = ["api"]
//!
//!     [contract]
//!     criteria = ["error_rate > 1%", "latency_p99 > 2x baseline", "complaints > 3"]
//!
//!     [[communication]]
//!     audience = "internal"
//!     channel = "releases"
//!     moments = ["rollout-started", "completed", "rollback-started"]
//! "#)?;
//!
//! let now: Timestamp = "2026-11-23T08:00:00.000Z".parse()?;
//! let release = Release::new(plan.release().clone());
//! let mut session = Session::open(release, now, SessionConfig::default());
//! let mut records: Vec<Record> = Vec::new();
//! let mut act = |session: &mut Session, who: &str, role: &str, action| {
//!     let by = Principal { actor: who.parse()?, roles: Some([role.parse()?].into()) };
//!     session.handle(Input::Action(Command { by, action }), now)?;
//!     while let Some(batch) = session.poll_append() {
//!         // … append batch.lines, durably, and then:
//!         session.handle(Input::Appended(batch.id, Append::Stored), now)?;
//!     }
//!     records.extend(std::iter::from_fn(|| session.poll_recorded()).map(|record| (*record).clone()));
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//!
//! let policy = Arc::new(Policy::shipped());
//! act(&mut session, "user:ana", "author", Action::RecordPlan { plan: Arc::new(plan), policy })?;
//!
//! // Nobody approves their own plan, whatever roles they have.
//! let refused = act(&mut session, "user:ana", "approver", Action::ApprovePlan).unwrap_err();
//! assert!(refused.to_string().contains("user:ana"));
//!
//! act(&mut session, "user:ben", "approver", Action::ApprovePlan)?;
//! assert_eq!(session.release().phase().name(), PhaseName::Staging);
//!
//! // What a driver has to do now, and what people see.
//! let call = session.poll_call().ok_or("staging is to be deployed")?;
//! assert!(matches!(call.request, Request::Deploy(_)));
//! assert_eq!(session.release().one_line(now), "checkout-241: staging, waiting for the staging deployment");
//! # Ok(()) }
//! ```
//!
//! # Modules, as a ladder
//!
//! Each uses those above it alone; read from the top.
//!
//! | module | holds |
//! | --- | --- |
//! | [`unit`](mod@unit) | ids, time, shares and exact numbers |
//! | [`plan`] | scope, risk, rollback contract, communication plan |
//! | [`chain`] | hashes, links, strict reading and verification |
//! | [`judge`] | observations and verdicts |
//! | [`policy`] | tracks, gates, roles, what to do without data; and the floors under every policy |
//! | [`port`] | the traits that the outside world implements |
//! | [`event`] | what happened, and the records that hold it |
//! | [`machine`] | the state of a release, its rules, and the session that drives it |
//! | [`report`] | what the records amount to, for people |
//! | [`docs`] | architecture, record format and determinism, as pages |
//!
//! [`prelude`] has the everyday names.

pub mod unit;

pub mod plan;

pub mod chain;

pub mod judge;

pub mod policy;

pub mod port;

pub mod event;

pub mod target;

pub mod machine;

pub mod report;

pub mod docs;

pub mod prelude;
