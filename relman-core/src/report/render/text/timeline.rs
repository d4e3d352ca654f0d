//! The timeline as text.

use std::fmt;

use crate::report::{
    facts::{counted, time},
    render::text::layout::wrapped,
    view::{Timeline, TimelineRow},
};

/// The text of rows, one below the other.
pub(in crate::report) fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[TimelineRow]) -> fmt::Result {
    rows.iter().try_for_each(|row| match row {
        TimelineRow::One(entry) => {
            let first = format!("{:<14}{} ", format!("#{}", entry.record), time(entry.at));
            wrapped(f, &first, &format!("{}: {}", entry.by, entry.sentence))
        }
        TimelineRow::Undriven(period) => {
            let first = format!("{:<14}{} ", "", time(period.from.at));
            wrapped(f, &first, &period.to_string())
        }
        TimelineRow::Looks {
            first,
            last,
            from,
            looks,
            too_few,
            not_proven,
            unmeasured,
            credit,
            step,
            until,
        } => {
            let records = format!("{:<14}{} ", format!("#{first}–#{last}"), time(*from));
            let result = match (unmeasured, too_few, not_proven) {
                (true, _, _) => "NOT MEASURED".to_owned(),
                (false, 0, 0) => "all clean".to_owned(),
                (false, _, 0) => format!("none breached, {too_few} on too few requests"),
                (false, 0, _) => format!("{not_proven} over the limit, not proven"),
                (false, _, _) => {
                    format!("{not_proven} over the limit, not proven, {too_few} on too few requests")
                }
            };
            let looks = counted(*looks, "evaluation", "evaluations");
            let until = time(*until);
            wrapped(
                f,
                &records,
                &format!("{looks} in step {step}, {result}, {credit} counted, until {until}"),
            )
        }
    })
}

struct Full<'a>(&'a Timeline);

impl fmt::Display for Full<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.heading.write(f, "Timeline")?;
        f.write_str("\n")?;
        let rows = self.0.entries.iter().flat_map(|entry| {
            let undriven = entry.then_undriven.as_deref().copied().map(TimelineRow::Undriven);
            std::iter::once(TimelineRow::One(entry.clone())).chain(undriven)
        });
        write_rows(f, &rows.collect::<Vec<_>>())
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Timeline")?;
        f.write_str("\n")?;
        write_rows(f, &self.rows())
    }
}

impl Timeline {
    /// Every record, as text.
    pub fn full(&self) -> impl fmt::Display + '_ {
        Full(self)
    }
}
