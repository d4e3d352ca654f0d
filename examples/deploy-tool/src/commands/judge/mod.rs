//! `judge`: what a gate would have made of the past.

mod course;
mod judged;
mod lines;
#[cfg(feature = "adapters")]
mod past;
mod rule;
mod show;

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal},
    path::Path,
};

use self::{
    judged::Verdict,
    lines::{LineError, Observations},
    rule::Asked,
    show::Shown,
};
#[cfg(feature = "adapters")]
use super::block_on;
use crate::{
    cli::{Global, judge::Judge},
    failure::Failure,
    output,
};

/// Reads what was observed, judges it, and says what came of it.
pub(super) fn run(global: &Global, judge: &Judge) -> Result<(), Failure> {
    if global.json && judge.table {
        return Err(Failure::usage("--table is for people and --json for programs; give one of them"));
    }
    let asked = Asked::of(judge)?;
    let observations = match (&judge.past.prometheus, &judge.file) {
        #[cfg(feature = "adapters")]
        (Some(url), _) => block_on(past::read(global, &asked, &judge.past, url))??,
        #[cfg(not(feature = "adapters"))]
        (Some(_), _) => return Err(crate::part::Part::Adapters.missing()),
        (None, Some(path)) => from_file(path, &asked)?,
        (None, None) => from_standard_input(&asked)?,
    };
    let judged = course::judge(&asked, &observations)?;
    let shown = Shown { asked: &asked, observations: &observations, judged: &judged };
    if global.json {
        output::json(&shown.document())?;
    } else {
        if judge.table {
            output::line(shown.table())?;
        }
        output::line(shown.sentence())?;
        for warning in &judged.warnings {
            output::line(format_args!("warning: {warning}"))?;
        }
    }
    if judge.exit_code && judged.verdict != Verdict::Pass {
        return Err(Failure::Said);
    }
    Ok(())
}

fn from_file(path: &Path, asked: &Asked) -> Result<Observations, Failure> {
    let file = File::open(path).map_err(|error| {
        Failure::usage(format_args!("failed to read the observations {}: {error}", path.display()))
    })?;
    lines::read(BufReader::new(file), &asked.criterion, asked.arms())
        .map_err(|error| wrong(&path.display().to_string(), &error))
}

fn from_standard_input(asked: &Asked) -> Result<Observations, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        output::note("reads intervals from the standard input, one JSON object a line; Ctrl-D ends them")?;
    }
    lines::read(input.lock(), &asked.criterion, asked.arms()).map_err(|error| wrong("standard input", &error))
}

fn wrong(origin: &str, error: &LineError) -> Failure {
    Failure::usage(format_args!("failed to read the observations: {origin}, {error}"))
}
