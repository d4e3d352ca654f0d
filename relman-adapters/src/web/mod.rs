//! The web state: the storyboard of every release, an overview, and what people may do there.
//!
//! [`Web`] makes an [`axum::Router`] that a host mounts under a path of its own. The pages are made on the server and
//! work without a script; a small one keeps them current. They ask no other host for anything, under a
//! Content-Security-Policy that would not let them, and every text of a person, a platform or a metrics source comes
//! out as text.
//!
//! Reading needs nothing. Acting needs a host that says who somebody is ([`SignedIn`]); without one the pages are
//! read-only. A form carries the exact head of the release that its page showed, and what goes forward is refused
//! where the release has moved since: a stale page can't approve what it did not show. Holding and rolling back are
//! never refused for that: back beats forward.
//!
//! [`storyboard_file`] makes the same storyboard as one HTML file that stands alone.
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
