//! HAProxy: traffic moves by the weights of servers, through the runtime API.
//!
//! ```toml
//! socket = "/run/haproxy.sock"    # or: address = "127.0.0.1:9999"; sockets = [...] for several processes
//! backend = "app"                 # or: backends = [...]
//! stable = ["s1", "s2", "s3"]     # names, or patterns such as "web*"
//! candidate = "c1"
//! time_limit = "5s"
//! ```
//!
//! A place is a set of servers. With `stable` and `candidate`, a release that has passed is put on the stable servers by whatever
//! installs ([`SplitDeployer`](super::SplitDeployer)); with `first` and `second`, two equal pools change roles. The new version's servers
//! and the others may be in several backends and several processes: each of these gets the share.
//!
//! The socket needs `level admin`, because weights are changed. What HAProxy is told is read back: its answers
//! carry no status. Weights changed at run time are gone when HAProxy is reloaded, unless its state file is
//! in use; the share then is what the configuration file says, and the next observation shows it.
//!
//! What users get is what counts: a server that is down, draining or in maintenance counts nothing, one that is starting
//! slowly counts what it has reached, and a `backup` server counts only while no other one takes requests.
//!
//! When all traffic is taken back, the stable servers get the weights back that they were found with; after a restart in between,
//! those of HAProxy's configuration.
//!
//! # Cookies
//!
//! A user with a cookie of a server is sent to it whatever its weight. How many requests a server has served (`stot`) and how many
//! are under way (`scur`) tells whether users still come. Cutting them off puts the server into maintenance and ends its sessions; the next
//! installation takes it out of that again.

mod adapter;
mod config;
mod place;
mod pool;
mod runtime;
mod stat;
mod state;
mod weights;

pub use adapter::Haproxy;
pub use config::{Endpoint, HaproxyConfig, HaproxyConfigError};
pub use place::PlaceError;
