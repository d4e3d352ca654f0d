//! A deployer that is any executable: a shell script, a platform's own command line, a tool of the house.
//!
//! ```toml
//! program = "/opt/deploy/app"
//! args = ["--quiet"]
//! environment = ["KUBECONFIG"]   # handed on, besides PATH, HOME and a few more
//! time_limit = "60s"
//! share_tolerance = "0.5%"
//! ```
//!
//! # What it is asked
//!
//! The program is started once for each request and finds one line of JSON on its standard input. A share is in
//! basis points: 100 is 1 %.
//!
//! ```json
//! {"operation":"deploy","target":{"release":"checkout-241","service":"checkout",
//!  "artifact":{"name":"checkout","version":"2.41.0"},"baseline_version":"2.40.3"},
//!  "environment":"staging","key":"9c1f"}
//! {"operation":"set_traffic","target":{"release":"checkout-241"},"share":100,"key":"9c20"}
//! {"operation":"observe","target":{"release":"checkout-241"}}
//! ```
//!
//! (`target` has the same fields in each.) The promises of [`Deployer`](relman_core::port::Deployer) are the
//! program's to keep: a request may come twice with the same key, and a share is never exceeded.
//!
//! # What it answers
//!
//! It writes one JSON object of at most 64 KiB to its standard output and exits with status 0:
//!
//! | request | answer |
//! | --- | --- |
//! | `deploy`, `set_traffic` | `{"ok":true}` once it is done |
//! | `observe` | `{"canary_share":100,"detail":"1 of 100 instances"}`, and more that it can tell |
//! | any | `{"error":{"kind":"rejected","detail":"no such service"}}`, with any exit status |
//!
//! What `observe` may tell besides the share that users get, all of which may be left out:
//!
//! ```json
//! {"canary_share":1400,"set_share":1000,"detail":"weights 10 and 90",
//!  "canary":{"version":"2.41.0","ready":[1,1]},
//!  "baseline":{"version":"2.40.3","ready":[2,3],"trouble":"s3 is starting slowly"}}
//! ```
//!
//! `set_share` is the share that is set, where users may get another one; of the place of each version `version` is what is
//! installed there, `ready` how many instances take requests and of how many, and `trouble` what is wrong there, in the
//! platform's own word. Before production is entered, a share other than 0 in the new version's place holds the release, and
//! so does a baseline of another version than the one that the plan replaces. Leave out what the platform can't tell.
//!
//! The kinds of errors are `unavailable`, `timed_out`, `throttled` (with `"retry_after_ms":5000` where that is
//! known), `rejected`, `unauthorized` and `invalid_answer`, as in
//! [`PortErrorKind`](relman_core::port::PortErrorKind).
//!
//! Any other exit than status 0 is an error that may be tried again, and carries the last 2 KiB of what the
//! program wrote to its standard error. That text ends up in logs and records: a program must not write
//! secrets to it. Silence is no success.
//!
//! # How it ends
//!
//! The program is done when it has exited and nobody holds its output open any more. At the time limit, and when the
//! request is given up, it is killed together with every process of its group.

mod adapter;
mod config;

pub use adapter::CommandDeployer;
pub use config::{CommandConfig, Operation};
