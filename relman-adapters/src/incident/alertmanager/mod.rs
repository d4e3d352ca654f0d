//! Incidents from Prometheus Alertmanager, or whatever speaks its API (version 2): `GET /api/v2/alerts`.
//!
//! - An alert belongs to the service that one of its labels names: `service`, unless said otherwise.
//! - An alert that is silenced or inhibited is left out, unless said otherwise: people have said that they know of it.
//! - Alertmanager lists what fires now and forgets what has ended. So every alert in an answer still fires at its end,
//!   and one that ended in between is missing; the [port](relman_core::port::IncidentSource) allows for both. What
//!   began after the end of the window is left out.
//! - The id of an incident is the alert's fingerprint, which is the same for the same labels. The title is the name of
//!   the alert and its summary, the link is the one to the expression that fires.
//!
//! # Examples
//!
//! ```
//! use relman_adapters::incident::alertmanager::Alertmanager;
//! use relman_core::port::IncidentSource;
//!
//! let source = Alertmanager::builder("http://localhost:9093")
//!     .service_label("app")
//!     .matcher(r#"severity=~"page|critical""#)
//!     .build()?;
//! assert_eq!(source.name(), "alertmanager");
//! # Ok::<(), relman_adapters::incident::IncidentSetupError>(())
//! ```

mod adapter;
mod answer;
mod config;

pub use adapter::{Alertmanager, AlertmanagerBuilder};
pub use config::{AlertmanagerConfig, BasicAuth, Muted};
