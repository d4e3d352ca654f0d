//! Every integration test of this crate, in one program: what takes time is to link it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[cfg(feature = "alertmanager")]
mod alertmanager_server;
#[cfg(all(unix, feature = "command"))]
mod command;
mod conductor;
#[cfg(feature = "full")]
mod conformance;
#[cfg(feature = "sqlite")]
mod faults;
#[cfg(all(unix, feature = "command", feature = "probe"))]
mod flows;
#[cfg(all(feature = "handover", feature = "sqlite"))]
mod handover;
#[cfg(feature = "haproxy")]
mod haproxy;
#[cfg(feature = "incident-webhook")]
mod incident_webhook;
#[cfg(feature = "sqlite")]
mod journal_sqlite;
#[cfg(all(feature = "handover", feature = "sqlite", feature = "web"))]
mod old_names;
#[cfg(all(unix, feature = "web"))]
mod package;
#[cfg(feature = "prometheus")]
mod prometheus_server;
#[cfg(feature = "sqlite")]
mod support;
#[cfg(all(feature = "github", feature = "gitlab", feature = "jira", feature = "web"))]
mod trackers;
#[cfg(all(feature = "sqlite", feature = "web"))]
mod web;
