//! Starts the stack and says how a deploy tool reaches it, until Ctrl-C.

use std::{error::Error, num::NonZeroU32, path::PathBuf, process::ExitCode};

use clap::Parser;
use real_canary::stack::{Stack, StackConfig};

/// Starts two services, HAProxy, Prometheus and a load, and writes the settings that a deploy tool needs.
#[derive(Parser)]
struct Args {
    /// The `service` executable; the one beside this where nothing is said
    #[arg(long)]
    service: Option<PathBuf>,
    /// Requests a second
    #[arg(long, default_value = "200")]
    rate: NonZeroU32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let service = match args.service {
        Some(service) => service,
        None => std::env::current_exe()?.with_file_name("service"),
    };
    let config = StackConfig { requests_per_second: args.rate, ..StackConfig::new(service) };
    let stack = tokio::select! {
        stack = Stack::start(config) => stack?,
        interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
    };
    println!("{}", stack.settings().to_toml());
    println!("# Ready; Ctrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    println!("# {}", stack.tally());
    Ok(())
}
