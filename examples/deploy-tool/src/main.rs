//! A complete deploy tool on relman: one binary, one journal file.
//!
//! Shows how a host embeds the library: [`config`] turns a file into ports, [`commands`] hands people's wishes to
//! [`Releases`](relman_adapters::Releases), and everything that is printed is a report of the core.

#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        reason = "what a part alone uses is still parsed, so that its absence can be explained"
    )
)]

mod cli;
mod commands;
mod config;
mod failure;
mod output;
mod part;
#[cfg(feature = "adapters")]
mod ports;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
