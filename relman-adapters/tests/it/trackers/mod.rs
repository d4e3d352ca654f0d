//! The trackers against servers in this process that keep state as the real ones do, hold every request against the
//! official description of its API, and fail in every way at every request.

mod conformance;
mod demo;
mod description;
mod failures;
mod github;
mod gitlab;
mod jira;
mod others;
mod publishing;
mod server;
mod world;
