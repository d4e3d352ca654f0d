//! Every artifact of every scenario of the demo against its golden file, in Markdown and JSON; and what holds of
//! artifacts whatever happened to a release.
//!
//! The files are in `tests/golden/artifacts/`. After an intended change, this writes them anew:
//! `INSTA_UPDATE=always cargo test -p relman-testkit --test it artifacts::`.

mod golden;
mod hostile;
mod laws;
mod story;
