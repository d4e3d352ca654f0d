//! Every artifact of every scenario of the demo against its golden file, in Markdown and JSON; and what holds of
//! artifacts whatever happened to a release.
//!
//! The files are in `tests/golden/artifacts/`. After an intended change, this writes them anew:
//! `RELMAN_UPDATE_GOLDEN=1 cargo test -p relman-testkit --test it artifacts::`.

mod golden;
mod hostile;
mod laws;
mod story;
