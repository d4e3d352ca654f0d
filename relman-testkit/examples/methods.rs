//! Compares the ways to decide, and prints what each costs as Markdown tables.
//!
//! ```text
//! cargo run --release -p relman-testkit --example methods -- [HEALTHY_TRIALS] [BROKEN_TRIALS] [SEED]
//! ```

use std::{io::IsTerminal, process::ExitCode};

use relman_testkit::lab::methods::Comparison;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let mut next = |default| match arguments.next() {
        None => Some(default),
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => None,
    };
    let (Some(healthy), Some(broken), Some(seed)) = (next(1_000), next(500), next(1)) else {
        eprintln!("failed to read the arguments: give numbers");
        return ExitCode::from(2);
    };
    let mut comparison = Comparison::new().healthy_trials(healthy).broken_trials(broken).seed(seed.into());
    if std::io::stderr().is_terminal() {
        comparison = comparison.on_progress(|at| eprint!("\r{} of {} releases", at.done, at.total));
    }
    match comparison.run() {
        Ok(findings) => {
            print!("{findings}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
