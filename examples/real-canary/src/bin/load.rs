//! Sends requests at a fixed rate and says who has answered.

use std::{num::NonZeroU32, time::Duration};

use clap::Parser;
use real_canary::load::{Load, run_for};

/// Sends requests at a fixed rate and says who has answered.
#[derive(Parser)]
struct Args {
    /// Where to, such as `http://127.0.0.1:8080/`
    url: String,
    /// Requests a second
    #[arg(long, default_value = "200")]
    rate: NonZeroU32,
    /// For how long; until Ctrl-C where nothing is said
    #[arg(long)]
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let tally = if let Some(seconds) = args.seconds {
        run_for(args.url, args.rate, Duration::from_secs(seconds)).await
    } else {
        let load = Load::start(args.url, args.rate);
        tokio::signal::ctrl_c().await?;
        load.stop()
    };
    println!("{tally}");
    Ok(())
}
