//! Looks for a release that breaks a law, with seeds that nobody has tried, until the time is over.
//!
//! ```text
//! cargo run --release -p relman-testkit --example search -- [SECONDS]
//! cargo run --release -p relman-testkit --example search -- --seed N
//! ```
//!
//! The first seed is the time; it is printed. What refutes a law is printed with the command that shows it again.

use std::{
    num::NonZero,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use relman_testkit::search::{Law, Refuted};

/// How long it looks where nobody says it.
const SECONDS: u64 = 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let found = match arguments[..] {
        [] => search(SECONDS),
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => check(seed),
            Err(_) => return usage(),
        },
        [seconds] => match seconds.parse() {
            Ok(seconds) => search(seconds),
            Err(_) => return usage(),
        },
        _ => return usage(),
    };
    match found {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(refuted) => {
            eprintln!("{refuted}");
            eprintln!(
                "see it again: cargo run --release -p relman-testkit --example search -- --seed {}",
                refuted.seed
            );
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("failed to read the arguments: give a number of seconds, or --seed and a number");
    ExitCode::from(2)
}

/// Tries every law on one seed.
fn check(seed: u64) -> Result<String, Refuted> {
    Law::ALL.iter().try_for_each(|law| law.check(seed))?;
    Ok(format!("seed {seed}: {} laws hold", Law::ALL.len()))
}

/// Tries every law on seed after seed, on all cores.
fn search(seconds: u64) -> Result<String, Refuted> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    // Far enough apart that tomorrow's seeds are none of today's.
    let first = since_1970 * 1_000_000;
    println!("seeds from {first} on, for {seconds} s");
    let until = Instant::now() + Duration::from_secs(seconds);
    let tried = AtomicU64::new(0);
    let refuted: Mutex<Option<Refuted>> = Mutex::new(None);
    let found = || refuted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while Instant::now() < until && found().is_none() {
                    let seed = first + tried.fetch_add(1, Ordering::Relaxed);
                    if let Err(refuted) = check(seed) {
                        found().get_or_insert(refuted);
                    }
                }
            });
        }
    });
    let refuted = found().take();
    let tried = tried.into_inner();
    if let Some(refuted) = refuted {
        return Err(refuted);
    }
    let cases = Law::ALL.iter().map(|law| format!("{law} in {} cases", tried * u64::from(law.cases())));
    Ok(format!("{tried} seeds: {}", cases.collect::<Vec<_>>().join(", ")))
}
