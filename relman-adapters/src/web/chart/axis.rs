use relman_core::unit::{Span, Timestamp};

/// The height of the box that charts are drawn in.
pub(super) const HEIGHT: f64 = 200.0;

/// A mark on an axis: its place in per cent from the left or from the top, and its label.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct Tick {
    pub(in crate::web) at: String,
    pub(in crate::web) label: String,
    pub(in crate::web) anchor: &'static str,
}

/// Time from left to right.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct TimeAxis {
    from: Timestamp,
    until: Timestamp,
    label: Label,
}

/// What is written on a time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    /// The time of day, in UTC.
    Clock,
    /// The time since the start of the axis.
    Since,
}

/// Distances between ticks that people are used to, in minutes.
const STEPS_MINUTES: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080];

/// How many labels fit on a phone.
const MOST_TICKS: u64 = 6;

impl TimeAxis {
    /// An axis from one time to a later one, at least a minute long.
    pub(in crate::web) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until: until.max(from + Span::from_minutes(1)), label: Label::Clock }
    }

    /// The same axis, labelled with the time since its start.
    pub(in crate::web) fn since_start(self) -> Self {
        Self { label: Label::Since, ..self }
    }

    pub(in crate::web) fn until(self) -> Timestamp {
        self.until
    }

    fn length(self) -> u64 {
        self.until.since(self.from).as_millis()
    }

    /// The place of a time, between 0 and 1000.
    pub(in crate::web) fn x(self, at: Timestamp) -> f64 {
        (at.since(self.from).as_millis() as f64 / self.length() as f64 * 1_000.0).min(1_000.0)
    }

    /// Whether a time is on the axis.
    pub(in crate::web) fn has(self, at: Timestamp) -> bool {
        (self.from..=self.until).contains(&at)
    }

    pub(in crate::web) fn ticks(self) -> Vec<Tick> {
        let minute = 60_000;
        let fits = |step: &&u64| self.length() / (**step * minute) < MOST_TICKS;
        let step = STEPS_MINUTES.iter().find(fits).copied().unwrap_or(STEPS_MINUTES[STEPS_MINUTES.len() - 1])
            * minute;
        let start = u64::try_from(self.from.as_millis()).unwrap_or(0);
        let first = match self.label {
            Label::Clock => start.next_multiple_of(step) - start,
            Label::Since => 0,
        };
        let mut ticks = Vec::new();
        let mut after = first;
        while after <= self.length() {
            let at = self.from + Span::from_millis(after);
            let label = match self.label {
                Label::Clock => at.to_string().get(11..16).unwrap_or_default().to_owned(),
                Label::Since if after == 0 => "start".to_owned(),
                Label::Since => format!("+{}", Span::from_millis(after)),
            };
            ticks.push(tick(after as f64 / self.length() as f64 * 100.0, label));
            after += step;
        }
        ticks
    }
}

/// A tick whose label stays inside at both ends.
pub(super) fn tick(at: f64, label: String) -> Tick {
    let anchor = match () {
        () if at < 3.0 => "start",
        () if at > 97.0 => "end",
        () => "middle",
    };
    Tick { at: format!("{at:.2}"), label, anchor }
}

/// A coordinate to one decimal place; nobody sees more.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ticks_stand_at_round_times() {
        let axis = TimeAxis::new(at("2026-11-23T07:10:52.035Z"), at("2026-11-23T13:40:52.035Z"));
        let labels: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["08:00", "10:00", "12:00"]);
        let labels: Vec<String> = axis.since_start().ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["start", "+2h", "+4h", "+6h"]);
    }

    #[test]
    fn no_time_lies_outside_the_box() {
        let axis = TimeAxis::new(at("2026-11-23T07:00:00.000Z"), at("2026-11-23T08:00:00.000Z"));
        assert!((axis.x(at("2026-11-23T07:30:00.000Z")) - 500.0).abs() < 1e-9);
        assert!((axis.x(at("2027-11-23T07:30:00.000Z")) - 1_000.0).abs() < 1e-9);
        assert!(axis.x(at("2025-11-23T07:30:00.000Z")).abs() < 1e-9);
        // A release that has just started has an axis, too.
        let now = at("2026-11-23T07:00:00.000Z");
        assert_eq!(TimeAxis::new(now, now).length(), 60_000);
    }
}
