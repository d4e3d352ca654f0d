//! `serve`: the pages of the library in a process of their own, with sign-in by token.
//!
//! The host to copy: it mounts [`Web`](relman_adapters::web::Web) under a path, says who somebody is by a
//! [session], and looks at the name by which it is [reached](guard).

mod guard;
mod host;
mod session;
mod sign_in;

pub(super) use host::run;
