//! Pages and actions for people: the storyboard of every release, an overview, and forms for what people may do.
//!
//! [`Web`] makes an [`axum::Router`] that a host mounts under a path of its own. The pages are rendered on the server and
//! work without scripts; a small one keeps them current. They load nothing from other hosts, under a
//! Content-Security-Policy that would not let them, and they escape every text of a person, a platform or a metrics
//! source.
//!
//! Reading needs no sign-in. Acting needs a host that says who sends a request ([`SignedIn`]); without one, the pages are
//! read-only. Each form carries the exact head of the release that its page showed, and an action that goes forward is
//! refused where the release has moved since: a stale page can't approve what it did not show. Holding and rolling back
//! are never refused for that: back beats forward.
//!
//! [`storyboard_file`] renders the same storyboard as one HTML file that stands alone.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use relman_adapters::{Releases, clock::SystemClock, directory::StaticDirectory, journal::MemoryJournal, web::Web};
//!
//! let journal = Arc::new(MemoryJournal::default());
//! let releases = Releases::new(journal, Arc::new(StaticDirectory::default()), Arc::new(SystemClock));
//! let app: axum::Router = axum::Router::new().nest("/relman", Web::new(releases).router());
//! # let _ = app;
//! ```

mod act;
mod app;
mod chart;
mod download;
mod form_key;
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
mod format;
mod live;
mod overview;
mod release_cache;
mod release_index;
mod response;
mod state;
mod storyboard;
mod view;

pub use app::Web;
pub use state::SignedIn;
pub use storyboard::storyboard_file;
