//! Looks for a release that breaks a law, with seeds that nobody has tried, until the time is over.
//!
//! ```text
//! cargo run --release -p relman-testkit --example search -- [SECONDS]
//! cargo run --release -p relman-testkit --example search -- --seed N
//! cargo run --release -p relman-testkit --example search -- --worlds N [FIRST SEED]
//! ```
//!
//! The first seed is the time; it is printed. What refutes a law is printed with the command that shows it again.
//!
//! With `--worlds` only the lab is tried: in so many random worlds, under random policies and outages, each of its trials is held
//! against a session that gets the same numbers. A hundred thousand worlds take minutes.

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

/// What is tried, and for how long.
struct Search {
    laws: &'static [Law],
    first: u64,
    /// So many seeds at most.
    seeds: u64,
    until: Option<Instant>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let found = match arguments[..] {
        [] => for_seconds(SECONDS),
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => check(Law::ALL, seed).map(|()| format!("seed {seed}: {} laws hold", Law::ALL.len())),
            Err(_) => return usage(),
        },
        ["--worlds", worlds] => match worlds.parse() {
            Ok(worlds) => in_worlds(worlds, seed_of_today()),
            Err(_) => return usage(),
        },
        ["--worlds", worlds, first] => match (worlds.parse(), first.parse()) {
            (Ok(worlds), Ok(first)) => in_worlds(worlds, first),
            _ => return usage(),
        },
        [seconds] => match seconds.parse() {
            Ok(seconds) => for_seconds(seconds),
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
    eprintln!(
        "failed to read the arguments: give a number of seconds, --seed and a number, or --worlds and how many, with the \
         first seed behind it where it is to be the same"
    );
    ExitCode::from(2)
}

/// A first seed that nobody has tried: far enough apart that tomorrow's seeds are none of today's.
fn seed_of_today() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    since_1970 * 1_000_000
}

fn for_seconds(seconds: u64) -> Result<String, Refuted> {
    let first = seed_of_today();
    println!("seeds from {first} on, for {seconds} s");
    let until = Some(Instant::now() + Duration::from_secs(seconds));
    Search { laws: Law::ALL, first, seeds: u64::MAX, until }.run()
}

fn in_worlds(worlds: u64, first: u64) -> Result<String, Refuted> {
    let seeds = worlds.div_ceil(u64::from(Law::Trials.cases()));
    println!("{worlds} worlds, from seed {first} on: again with -- --worlds {worlds} {first}");
    let began = Instant::now();
    let said = Search { laws: &[Law::Trials], first, seeds, until: None }.run()?;
    Ok(format!("{said}, in {:.0} s", began.elapsed().as_secs_f64()))
}

/// Tries laws on one seed.
fn check(laws: &[Law], seed: u64) -> Result<(), Refuted> {
    laws.iter().try_for_each(|law| law.check(seed))
}

impl Search {
    /// Tries seed after seed, on all cores.
    fn run(&self) -> Result<String, Refuted> {
        let tried = AtomicU64::new(0);
        let refuted: Mutex<Option<Refuted>> = Mutex::new(None);
        let found = || refuted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let in_time = || self.until.is_none_or(|until| Instant::now() < until);
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
                scope.spawn(|| {
                    while in_time() && found().is_none() {
                        let next = tried.fetch_add(1, Ordering::Relaxed);
                        if next >= self.seeds {
                            break;
                        }
                        if let Err(refuted) = check(self.laws, self.first + next) {
                            found().get_or_insert(refuted);
                        }
                    }
                });
            }
        });
        let refuted = found().take();
        let tried = tried.into_inner().min(self.seeds);
        if let Some(refuted) = refuted {
            return Err(refuted);
        }
        let cases = self.laws.iter().map(|law| format!("{law} in {} cases", tried * u64::from(law.cases())));
        Ok(format!("{tried} seeds: {}", cases.collect::<Vec<_>>().join(", ")))
    }
}
