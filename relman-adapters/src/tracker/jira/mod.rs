//! Copies of releases in a project of Jira Cloud.
//!
//! ```toml
//! site = "https://acme.atlassian.net"
//! project = "SHOP"
//! account = "release-bot@example.org"
//! token = { env = "JIRA_TOKEN" }
//! issue_type = "Task"
//! post_mortem_type = "Bug"
//! transitions = { completed = "Done", rolled_back = "Rejected" }
//! ```
//!
//! With an account, the token is an API token of that account; without one, it is a bearer token. It needs to browse
//! the project, to create, edit and transition issues, to comment, to attach and to administer versions.
//!
//! - The copy is an issue with the label `relman/RELEASE`, and the version of the tag is its fix version. The
//!   issue's description is relman's alone; the comments of people stay.
//! - Notes are comments, one for each key.
//! - Files are attachments under names with the beginning of their SHA-256. An old version is deleted once the new one
//!   is there, where the token has the permission.
//! - Post-mortems are issues with the label `relman/RELEASE/KEY`. People work on them, so one is only written again when
//!   the note was made from a longer record.
//! - When the release is over, its issue moves to the configured status, or else to the first that Jira counts as done;
//!   when it is completed, its version is marked as released.
//!
//! # One issue, though Jira's search lags
//!
//! Jira's search may not find an issue for some time after it was created. So before an issue is created, the
//! description of the version, which never lags, notes it: `relman checkout-241 issue: being made`. Afterwards the key
//! of the issue is noted there. An attempt that finds the first note and no key knows that an answer was lost, and gives
//! the search time (`settle`) before it creates another.

mod adapter;
mod adf;
mod builder;
mod config;
mod ledger;
mod site;
mod wire;

pub use builder::JiraBuilder;
pub use config::{JiraConfig, Transitions};
pub use site::Jira;
