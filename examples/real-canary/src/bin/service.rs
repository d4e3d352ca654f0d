//! One version of the service that is released.

use std::{io, net::Ipv4Addr, process::ExitCode, time::Duration};

use clap::Parser;
use real_canary::service::{ErrorRate, Service};
use tokio::{net::TcpListener, signal::unix};

/// Answers requests on loopback, fails as often as it is told, and measures itself.
#[derive(Parser)]
struct Args {
    /// The port on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// The version that it says it is
    #[arg(long)]
    version: String,
    /// How many requests fail, from 0 to 1
    #[arg(long, default_value = "0")]
    error_rate: ErrorRate,
    /// How long an answer takes
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await?;
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let latency = Duration::from_millis(args.latency_ms);
    Service::new(args.version, args.error_rate, latency).serve(listener, stop).await
}
