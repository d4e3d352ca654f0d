//! The deploy tool from outside: what it prints, what it refuses, and its exit status.

mod bench;
mod config;
mod people;
mod read;
mod verify_export;
mod verify_journal;
