//! The real conductor with the SQLite journal in a world in which everything goes wrong that a schedule can name, under
//! tokio's paused clock.

mod kinds;
mod ports;
mod stage;
