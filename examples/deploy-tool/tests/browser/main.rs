//! The pages in a real browser: Chromium without a window, driven by its own protocol.
//!
//! Where there is no Chromium these tests say so and pass over; with `RELMAN_REQUIRE_SERVICES=1` they fail. axe-core is
//! read from the file that `RELMAN_AXE` names, on the same terms. `RELMAN_SCREENSHOTS` names a folder for pictures.

// The whole folder is a test, and its helpers fail it by panicking.
#![allow(clippy::unwrap_used)]

mod chromium;
mod live;
mod storyboards;
mod tool;
