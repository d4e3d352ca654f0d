//! `lab`: what a policy does to users, measured in simulated worlds before production is one of them.

use indicatif::{ProgressBar, ProgressStyle};
use relman_testkit::lab;

use super::page::{Kind, Page};
use crate::{
    cli::{Global, Lab},
    config,
    failure::Failure,
    output,
};

/// Tries the policies and shows the report.
pub(super) fn run(global: &Global, asked: &Lab) -> Result<(), Failure> {
    let mut lab = lab::Lab::new(config::policy(&asked.policy)?).trials(asked.trials).seed(asked.seed);
    if let Some(other) = &asked.against {
        lab = lab.beside(config::policy(other)?);
    }
    if let Some(plan) = &asked.plan {
        lab = lab.plan(config::plan(plan)?);
    }
    if let Some(track) = &asked.track {
        lab = lab.track(track.clone());
    }
    lab.check().map_err(Failure::usage)?;
    // Half a minute of work is not lost to a folder that is not there.
    let page = asked.html.as_deref().map(|path| Page::prepare(path, Kind::Html)).transpose()?;
    let bar = bar();
    let shown = bar.clone();
    let lab = lab.on_progress(move |progress| {
        shown.set_length(progress.total);
        shown.set_position(progress.done);
    });
    let report = lab.run();
    bar.finish_and_clear();
    let report = report.map_err(Failure::usage)?;
    if global.json {
        output::json(&report)?;
    } else {
        output::report(&report)?;
    }
    let Some(page) = page else {
        return Ok(());
    };
    let path = page.write(report.to_html().as_bytes())?;
    if !global.json {
        output::line(format_args!("\nwrote {}", path.display()))?;
    }
    Ok(())
}

/// A bar on the error output, where that is a terminal.
fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {percent:>3}%  {human_pos} of {human_len} trials, {eta} left");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
