//! Ends the process of many releases at every point, and again at every point of what follows; holds each run against
//! every invariant, and says how many crash points there were.
//!
//! ```text
//! cargo run --release -p relman-testkit --example crash_points -- [AT_LEAST] [SEEDS] [CRASHES]
//! ```

use std::{process::ExitCode, time::Instant};

use relman_testkit::crash_points::{Explorer, Scenario};

/// More than a million crash points with two crashes in one run, found by trying.
const SEEDS: u64 = 11;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let mut next = |default| match arguments.next() {
        None => Some(default),
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => None,
    };
    let (Some(at_least), Some(seeds), Some(crashes)) = (next(1_000_000), next(SEEDS), next(2)) else {
        eprintln!("failed to read the arguments: give numbers");
        return ExitCode::from(2);
    };
    let started = Instant::now();
    let depth = u32::try_from(crashes).unwrap_or(u32::MAX);
    match Explorer::new(Scenario::shipped(seeds)).depth(depth).run() {
        Ok(explored) => {
            println!(
                "{} crash points in {} scenarios ({}), {} runs to their own end, {} records, in {:.1} s",
                explored.crash_points,
                explored.scenarios,
                describe(&explored.by_crashes),
                explored.to_the_end,
                explored.records,
                started.elapsed().as_secs_f64()
            );
            if explored.crash_points < at_least {
                eprintln!("failed to explore {at_least} crash points: give more seeds");
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn describe(by_crashes: &[u64]) -> String {
    let each = (1..).zip(by_crashes).map(|(crashes, points)| format!("{points} with {crashes} in one run"));
    each.collect::<Vec<_>>().join(", ")
}
