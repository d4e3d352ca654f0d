//! What is shown while a release is conducted: a bar on a terminal, and a line for each record that is news.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};
use relman_adapters::conductor::Update;
use relman_core::{
    event::{Event, Record},
    machine::Release,
    report::TimelineEntry,
    unit::{Span, Timestamp},
};

use crate::output;

/// A display of a release under way.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Progress {
    /// Shows nothing.
    pub(super) fn silent() -> Self {
        Self { bar: None, lines: false }
    }

    /// Lines alone.
    pub(super) fn lines() -> Self {
        Self { bar: None, lines: true }
    }

    /// Lines, and below them a bar where there is a terminal.
    pub(super) fn of_demo() -> Self {
        let bar = io::stdout().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {wide_msg}");
            ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, lines: true }
    }

    /// Shows what has changed.
    pub(super) fn show(&self, update: &Update) {
        for record in update.records.iter().filter(|record| is_news(record)) {
            let entry = TimelineEntry::of(record);
            let at = &record.at.to_string()[..16];
            self.say(&format!("{} {:<14} {}", at.replace('T', " "), entry.by.to_string(), entry.sentence));
        }
        if let Some(bar) = &self.bar {
            let (done, planned) = observed(&update.release);
            bar.set_length(planned.as_millis());
            bar.set_position(done.as_millis());
            bar.set_message(now_at(&update.release, update.release.last_at()));
        }
    }

    /// Prints a line above the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            // A reader that has gone away ends the display, not the release.
            None if self.lines => drop(output::line(line)),
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Looks are many and notifications are seen elsewhere; what they lead to is news.
fn is_news(record: &Record) -> bool {
    !matches!(
        record.event,
        Event::Evaluated(_)
            | Event::Notified(_)
            | Event::ZeroTrafficObserved(_)
            | Event::PinnedUsersObserved(_)
    )
}

fn now_at(release: &Release, now: Timestamp) -> String {
    release.one_line(now)
}

/// How long the release was observed, over all steps, and how long it has to be.
fn observed(release: &Release) -> (Span, Span) {
    let Some((_, track)) = release.track() else {
        return (Span::ZERO, Span::from_hours(1));
    };
    let planned = track.steps().iter().fold(Span::ZERO, |sum, step| sum + step.bake);
    let done = match release.phase().step() {
        Some(step) => {
            let before = track.steps().iter().take(step.number as usize - 1);
            before.fold(step.baked, |sum, step| sum + step.bake)
        }
        None if release.phase().name().is_end() => planned,
        None => Span::ZERO,
    };
    (done, planned)
}
