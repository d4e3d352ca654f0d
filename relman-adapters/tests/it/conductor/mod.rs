//! The conductor, with the real core and journals, on simulated platforms under tokio's paused clock.

mod crash;
mod flows;
mod incidents;
mod left_alone;
mod once;
mod presence;
mod stage;
mod together;
