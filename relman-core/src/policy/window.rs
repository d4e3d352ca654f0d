//! Windows of time that come again every day, week or year, in the time zone of the people who keep them.

use std::{fmt, str::FromStr};

use chrono::{
    DateTime, Datelike, Days, LocalResult, Month, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Weekday,
};
use chrono_tz::Tz;

use crate::unit::{Timestamp, UnitError, Window, schema_as_text, serde_as_text};

const WHAT: &str = "a freeze window such as \"Fri 16:00–Mon 08:00 Europe/Berlin\", \"Dec 20–Jan 3 Europe/Berlin\" \
     or \"daily 22:00–06:00 Europe/Berlin\"";

/// A window that comes again every day, week or year, in a time zone of the IANA database.
///
/// | written | is |
/// | --- | --- |
/// | `Fri 16:00–Mon 08:00 Europe/Berlin` | every week |
/// | `Sat–Sun Europe/Berlin`, `Sun Europe/Berlin` | every week, whole days, the last one included |
/// | `Dec 20–Jan 3 Europe/Berlin`, `Dec 24 Europe/Berlin` | every year, whole days, the last one included |
/// | `Nov 26 18:00–Nov 30 09:00 America/New_York` | every year |
/// | `daily 22:00–06:00 Europe/Berlin` | every day |
///
/// Days and months may be written in full, and the dash as a hyphen. It prints and travels as it was written.
///
/// Where the clock is put forward, a beginning or an end that it never shows is the moment of the change. Where it is
/// put back, a beginning that it shows twice is the first, and an end the second: a doubt makes the window longer. A
/// day that a zone left out has no moments, so a window of that day alone does not come in that year. February 29 is
/// the midnight before March 1 in other years.
///
/// # Examples
///
/// ```
/// use relman_core::policy::FreezeWindow;
///
/// let weekend: FreezeWindow = "Fri 16:00–Mon 08:00 Europe/Berlin".parse()?;
/// let saturday = "2026-11-28T12:00:00.000Z".parse()?;
/// let now = weekend.at(saturday).expect("a Saturday is in it");
/// assert_eq!(now.until.to_string(), "2026-11-30T07:00:00.000Z");
/// assert_eq!(weekend.in_zone(now.until), "Mon 2026-11-30 08:00 CET");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeWindow {
    written: String,
    rule: Rule,
    zone: Tz,
}

/// When it comes. Minutes are of the day, and 1,440 is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Daily { from: u32, until: u32 },
    Weekly { from: (Weekday, u32), until: (Weekday, u32) },
    Yearly { from: (MonthDay, u32), until: (MonthDay, u32) },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MonthDay {
    month: u32,
    day: u32,
}

const DAY: u32 = 24 * 60;

/// A year that has every day.
const LEAP_YEAR: i32 = 2000;

impl FreezeWindow {
    /// The one that a moment lies in, from its first moment up to and without its last.
    pub fn at(&self, now: Timestamp) -> Option<Window> {
        self.around(now).into_iter().filter(|window| window.contains(now)).max_by_key(|window| window.until)
    }

    /// The next one that begins after a moment.
    pub fn next_after(&self, now: Timestamp) -> Option<Window> {
        self.around(now).into_iter().filter(|window| window.from > now).min_by_key(|window| window.from)
    }

    /// A moment on the clocks of the window's zone: `Mon 2026-11-30 08:00 CET`.
    pub fn in_zone(&self, at: Timestamp) -> String {
        self.local(at)
            .map_or_else(|| at.to_string(), |local| local.format("%a %Y-%m-%d %H:%M %Z").to_string())
    }

    /// The name of the zone.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    fn local(&self, at: Timestamp) -> Option<DateTime<Tz>> {
        DateTime::from_timestamp_millis(at.as_millis()).map(|utc| utc.with_timezone(&self.zone))
    }

    /// Those that begin near a moment: every one that it may lie in, and the next.
    fn around(&self, now: Timestamp) -> Vec<Window> {
        let Some(today) = self.local(now).map(|local| local.date_naive()) else {
            return Vec::new();
        };
        let windows: Vec<(Option<NaiveDateTime>, Option<NaiveDateTime>)> = match self.rule {
            // A zone may leave out a day, and begin one later than its neighbours do: hence two days to either side.
            Rule::Daily { from, until } => days(today, -2..=2)
                .map(|day| (moment(day, from), moment(day, if until > from { until } else { until + DAY })))
                .collect(),
            Rule::Weekly { from, until } => days(today, -9..=9)
                .filter(|day| day.weekday() == from.0)
                .map(|day| (moment(day, from.1), moment(day, from.1 + minutes_in_week(from, until))))
                .collect(),
            Rule::Yearly { from, until } => (today.year() - 2..=today.year() + 2)
                .map(|year| {
                    let ends = if minutes_in_year(until) > minutes_in_year(from) { year } else { year + 1 };
                    (from.0.moment(year, from.1), until.0.moment(ends, until.1))
                })
                .collect(),
        };
        let windows = windows
            .into_iter()
            .filter_map(|(from, until)| Some(Window { from: self.first(from?)?, until: self.last(until?)? }));
        windows.filter(|window| window.from < window.until).collect()
    }

    /// When the clock first shows a time or, where it never does, a later one.
    fn first(&self, local: NaiveDateTime) -> Option<Timestamp> {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(timestamp(at.timestamp_millis())),
            LocalResult::None => self.skipped(local),
        }
    }

    /// When the clock last shows a time or, where it never does, first a later one.
    fn last(&self, local: NaiveDateTime) -> Option<Timestamp> {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(_, at) => Some(timestamp(at.timestamp_millis())),
            LocalResult::None => self.skipped(local),
        }
    }

    /// The change of the clock that skips a time: the first moment at which it shows a later one.
    fn skipped(&self, local: NaiveDateTime) -> Option<Timestamp> {
        // No zone is further from UTC than this, before a change or after it.
        let reach = TimeDelta::hours(26);
        let as_utc = local.and_utc();
        let (before, after) = (as_utc.checked_sub_signed(reach)?, as_utc.checked_add_signed(reach)?);
        let (mut before, mut after) = (before.timestamp_millis(), after.timestamp_millis());
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.local(timestamp(middle))?.naive_local() < local {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(timestamp(after))
    }
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn days(today: NaiveDate, offsets: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = NaiveDate> {
    offsets.filter_map(move |offset| today.checked_add_signed(TimeDelta::days(offset)))
}

fn moment(day: NaiveDate, minutes: u32) -> Option<NaiveDateTime> {
    day.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::minutes(minutes.into()))
}

/// How long a weekly window is; nothing for one that never ends.
fn minutes_in_week(from: (Weekday, u32), until: (Weekday, u32)) -> u32 {
    let minute = |(day, minutes): (Weekday, u32)| day.num_days_from_monday() * DAY + minutes;
    (minute(until) + 14 * DAY - minute(from)) % (7 * DAY)
}

/// The minute of a year that has every day.
fn minutes_in_year((day, minutes): (MonthDay, u32)) -> u32 {
    let date = NaiveDate::from_ymd_opt(LEAP_YEAR, day.month, day.day);
    date.map_or(0, |date| date.ordinal0() * DAY) + minutes
}

impl MonthDay {
    fn moment(self, year: i32, minutes: u32) -> Option<NaiveDateTime> {
        match NaiveDate::from_ymd_opt(year, self.month, self.day) {
            Some(date) => moment(date, minutes),
            None => moment(
                NaiveDate::from_ymd_opt(year, self.month, self.day - 1)?.checked_add_days(Days::new(1))?,
                0,
            ),
        }
    }
}

/// One side of the dash. Without minutes it is a whole day.
#[derive(Debug, Clone, Copy)]
enum Side {
    Time(u32),
    Weekday(Weekday, Option<u32>),
    Date(MonthDay, Option<u32>),
}

impl FromStr for FreezeWindow {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = |problem: String| UnitError::new(text, WHAT, problem);
        let written = text.trim();
        let (times, zone) = written.rsplit_once(char::is_whitespace).unwrap_or(("", written));
        let zone = zone_of(zone).map_err(wrong)?;
        let rule = rule_of(times.trim()).map_err(wrong)?;
        Ok(Self { written: written.to_owned(), rule, zone })
    }
}

fn zone_of(name: &str) -> Result<Tz, String> {
    if let Ok(zone) = name.parse() {
        return Ok(zone);
    }
    let is_of_the_times =
        name.contains([':', '–', '—']) || side_of(name).is_ok() || name.parse::<u32>().is_ok();
    if is_of_the_times {
        return Err("it ends without a time zone; add one such as Europe/Berlin or UTC".to_owned());
    }
    // People know their city, and seldom the spelling of the database.
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    let is_meant = |zone: &&Tz| {
        let known = zone.name().to_ascii_lowercase();
        known == wanted || known.rsplit('/').next() == Some(wanted.as_str())
    };
    Err(match chrono_tz::TZ_VARIANTS.iter().find(is_meant) {
        Some(zone) => format!("`{name}` is not a time zone; write {}", zone.name()),
        None => format!("`{name}` is not a time zone; write one such as Europe/Berlin or UTC"),
    })
}

fn rule_of(times: &str) -> Result<Rule, String> {
    let (is_daily, sides) = match times.split_once(char::is_whitespace) {
        Some((first, rest)) if first.eq_ignore_ascii_case("daily") => (true, rest),
        Some(_) | None => (false, times),
    };
    let sides: Vec<&str> = sides.split(['-', '–', '—']).map(str::trim).collect();
    let (from, until) = match sides[..] {
        [""] => return Err("it says no times".to_owned()),
        [day] => match side_of(day)? {
            Side::Weekday(_, None) | Side::Date(_, None) if !is_daily => (day, day),
            Side::Time(_) | Side::Weekday(..) | Side::Date(..) => {
                return Err("it has no end; write from–until".to_owned());
            }
        },
        [from, until] => (from, until),
        _ => return Err("it has more than one dash".to_owned()),
    };
    let rule = match (is_daily, side_of(from)?, side_of(until)?) {
        (true, Side::Time(from), Side::Time(until)) => Rule::Daily { from, until },
        (true, ..) => return Err("after `daily` come two times such as 22:00–06:00".to_owned()),
        (false, Side::Time(_), Side::Time(_)) => {
            return Err(format!("it says no days; write daily {from}–{until}, or a day before each time"));
        }
        (false, Side::Weekday(from, at), Side::Weekday(until, end)) => {
            Rule::Weekly { from: (from, at.unwrap_or(0)), until: (until, end.unwrap_or(DAY)) }
        }
        (false, Side::Date(from, at), Side::Date(until, end)) => {
            Rule::Yearly { from: (from, at.unwrap_or(0)), until: (until, end.unwrap_or(DAY)) }
        }
        (false, ..) => {
            return Err(format!("`{from}` and `{until}` have to be of one kind: two weekdays or two dates"));
        }
    };
    let (starts, length) = match rule {
        Rule::Daily { from, until } => (from, (until + DAY - from) % DAY),
        Rule::Weekly { from, until } => (from.1, minutes_in_week(from, until)),
        Rule::Yearly { from, until } => {
            let year = 366 * DAY;
            (from.1, (minutes_in_year(until) + year - minutes_in_year(from)) % year)
        }
    };
    if starts == DAY {
        return Err("it begins at 24:00; write 00:00 of the next day".to_owned());
    }
    if length == 0 {
        return Err("it ends where it begins again, so it would never end".to_owned());
    }
    Ok(rule)
}

fn side_of(text: &str) -> Result<Side, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        [] => Err("one side of the dash is empty".to_owned()),
        [time] if time.contains(':') => Ok(Side::Time(minutes_of(time)?)),
        [day] => Ok(Side::Weekday(weekday_of(day)?, None)),
        [day, time] if time.contains(':') => Ok(Side::Weekday(weekday_of(day)?, Some(minutes_of(time)?))),
        [month, day] => Ok(Side::Date(month_day_of(month, day)?, None)),
        [month, day, time] => Ok(Side::Date(month_day_of(month, day)?, Some(minutes_of(time)?))),
        _ => Err(format!(
            "`{text}` is neither a weekday, a date nor a time, such as Fri 16:00, Dec 20 or 22:00"
        )),
    }
}

fn weekday_of(word: &str) -> Result<Weekday, String> {
    word.parse().map_err(|_| format!("`{word}` is neither a weekday such as Fri nor a time such as 16:00"))
}

/// `Dec 20`, or `20 Dec` as much of the world writes it.
fn month_day_of(first: &str, second: &str) -> Result<MonthDay, String> {
    let (month, day) =
        if first.starts_with(|c: char| c.is_ascii_digit()) { (second, first) } else { (first, second) };
    let wrong = || format!("`{first} {second}` is not a date such as Dec 20");
    let month = month.parse::<Month>().map_err(|_| wrong())?.number_from_month();
    let day = day.trim_end_matches('.').parse().map_err(|_| wrong())?;
    NaiveDate::from_ymd_opt(LEAP_YEAR, month, day).map(|_| MonthDay { month, day }).ok_or_else(wrong)
}

fn minutes_of(time: &str) -> Result<u32, String> {
    let wrong = || format!("`{time}` is not a time of the day such as 08:00 or 16:30");
    let (hours, minutes) = time.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let is_plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { digits.parse::<u32>().ok() } else { None }
    };
    match (number(hours), number(minutes).filter(|_| minutes.len() == 2)) {
        (Some(hours), Some(minutes)) if minutes < 60 && hours * 60 + minutes <= DAY => {
            Ok(hours * 60 + minutes)
        }
        (Some(_) | None, Some(_) | None) => Err(wrong()),
    }
}

impl fmt::Display for FreezeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

serde_as_text!(FreezeWindow);
schema_as_text!(
    FreezeWindow,
    "FreezeWindow",
    "A time that comes again every week, year or day, with a zone of the IANA database: \
     Fri 16:00–Mon 08:00 Europe/Berlin, Dec 20–Jan 3 Europe/Berlin, daily 22:00–06:00 Europe/Berlin",
    "Fri 16:00–Mon 08:00 Europe/Berlin",
    r"^\s*\S.*\s[A-Za-z][A-Za-z0-9_+/-]*\s*$"
);

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
