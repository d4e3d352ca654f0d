//! Replays a trace that a failing run has written, and says what was wrong with it.
//!
//! ```text
//! cargo run -p relman-testkit --example replay -- FILE
//! ```

use std::process::ExitCode;

use relman_testkit::{Invariants, Trace, TraceError};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("failed to replay: name the file of a trace");
        return ExitCode::from(2);
    };
    match replay(&path) {
        Ok(violations) if violations.is_empty() => {
            println!("replayed byte for byte; every invariant holds");
            ExitCode::SUCCESS
        }
        Ok(violations) => {
            println!("replayed byte for byte");
            for violation in &violations {
                println!("{violation}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn replay(path: &std::ffi::OsStr) -> Result<Vec<relman_testkit::Violation>, TraceError> {
    let trace = Trace::read(path)?;
    print!("{}", trace.simulation().faults());
    Ok(Invariants::violations_of_run(&trace.replay()?))
}
