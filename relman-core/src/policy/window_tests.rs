use proptest::prelude::*;

use super::*;
use crate::unit::Span;

fn window(text: &str) -> FreezeWindow {
    text.parse().unwrap()
}

fn utc(text: &str) -> Timestamp {
    format!("{text}:00.000Z").parse().unwrap()
}

/// The window that a moment lies in, to the minute, in UTC.
fn around(text: &str, now: &str) -> Option<(String, String)> {
    let minute = |at: Timestamp| at.to_string()[..16].to_owned();
    window(text).at(utc(now)).map(|found| (minute(found.from), minute(found.until)))
}

fn is(text: &str, now: &str, from: &str, until: &str) {
    assert_eq!(around(text, now), Some((from.to_owned(), until.to_owned())), "{text} at {now}");
    let (first, last) = (utc(from), utc(until));
    let just_before = |at: Timestamp| at.minus(Span::from_millis(1));
    let found = window(text);
    assert_eq!(found.at(first).map(|one| one.until), Some(last), "its first moment is in it");
    assert_eq!(found.at(just_before(last)).map(|one| one.from), Some(first), "and the one before its last");
    assert_ne!(found.at(last).map(|one| one.from), Some(first));
    assert_ne!(found.at(just_before(first)).map(|one| one.from), Some(first));
}

#[test]
fn a_weekly_window_follows_the_clocks_of_its_zone() {
    let weekend = "Fri 16:00–Mon 08:00 Europe/Berlin";
    is(weekend, "2026-11-28T12:00", "2026-11-27T15:00", "2026-11-30T07:00");
    is(weekend, "2026-07-18T12:00", "2026-07-17T14:00", "2026-07-20T06:00");
    assert_eq!(around(weekend, "2026-11-27T14:59"), None);
    assert_eq!(around(weekend, "2026-11-30T07:00"), None);
    is("Sat–Sun Europe/Berlin", "2026-11-28T12:00", "2026-11-27T23:00", "2026-11-29T23:00");
    is("Sunday Europe/Berlin", "2026-11-29T12:00", "2026-11-28T23:00", "2026-11-29T23:00");
    is("Mon 09:00–Mon 08:00 UTC", "2026-11-28T12:00", "2026-11-23T09:00", "2026-11-30T08:00");
    is("Sat 00:00–Sun 24:00 UTC", "2026-11-28T12:00", "2026-11-28T00:00", "2026-11-30T00:00");
}

#[test]
fn a_yearly_window_holds_whole_days_and_passes_the_turn_of_the_year() {
    let holidays = "Dec 20–Jan 3 Europe/Berlin";
    is(holidays, "2026-12-24T12:00", "2026-12-19T23:00", "2027-01-03T23:00");
    is(holidays, "2027-01-02T12:00", "2026-12-19T23:00", "2027-01-03T23:00");
    assert_eq!(around(holidays, "2027-01-03T23:00"), None);
    is("24 Dec UTC", "2026-12-24T12:00", "2026-12-24T00:00", "2026-12-25T00:00");
    is(
        "Nov 26 18:00–Nov 30 09:00 America/New_York",
        "2026-11-28T00:00",
        "2026-11-26T23:00",
        "2026-11-30T14:00",
    );
    is("Feb 20–Feb 29 UTC", "2027-02-24T00:00", "2027-02-20T00:00", "2027-03-01T00:00");
    is("Feb 20–Feb 29 UTC", "2028-02-24T00:00", "2028-02-20T00:00", "2028-03-01T00:00");
    is("Feb 29–Mar 2 UTC", "2027-03-01T12:00", "2027-03-01T00:00", "2027-03-03T00:00");
    assert_eq!(around("Feb 29 UTC", "2027-03-01T00:00"), None, "there is no such day in that year");
}

#[test]
fn a_daily_window_passes_midnight() {
    let nights = "daily 22:00–06:00 Europe/Berlin";
    is(nights, "2026-11-28T01:00", "2026-11-27T21:00", "2026-11-28T05:00");
    is(nights, "2026-11-28T21:00", "2026-11-28T21:00", "2026-11-29T05:00");
    assert_eq!(around(nights, "2026-11-28T12:00"), None);
    is("daily 09:00-17:00 UTC", "2026-11-28T12:00", "2026-11-28T09:00", "2026-11-28T17:00");
    is("Daily 18:00–24:00 UTC", "2026-11-28T20:00", "2026-11-28T18:00", "2026-11-29T00:00");
}

#[test]
fn in_berlin_the_night_in_spring_is_an_hour_shorter_and_the_one_in_autumn_an_hour_longer() {
    let nights = "daily 22:00–06:00 Europe/Berlin";
    is(nights, "2026-03-29T00:30", "2026-03-28T21:00", "2026-03-29T04:00");
    is(nights, "2026-10-25T01:30", "2026-10-24T20:00", "2026-10-25T05:00");
    // 02:30 is skipped in spring: the moment of the change. In autumn it comes twice: the first begins, the second ends.
    is("daily 02:30–04:00 Europe/Berlin", "2026-03-29T01:30", "2026-03-29T01:00", "2026-03-29T02:00");
    is("daily 01:00–02:30 Europe/Berlin", "2026-03-29T00:30", "2026-03-29T00:00", "2026-03-29T01:00");
    is("daily 02:30–04:00 Europe/Berlin", "2026-10-25T01:00", "2026-10-25T00:30", "2026-10-25T03:00");
    is("daily 01:00–02:30 Europe/Berlin", "2026-10-25T01:00", "2026-10-24T23:00", "2026-10-25T01:30");
    assert_eq!(around("daily 02:10–02:50 Europe/Berlin", "2026-03-29T01:00"), None, "it never is that time");
    is("daily 02:10–02:50 Europe/Berlin", "2026-10-25T01:30", "2026-10-25T00:10", "2026-10-25T01:50");
}

#[test]
fn lord_howe_changes_by_half_an_hour() {
    // 02:00 becomes 02:30 on October 4, and 02:00 becomes 01:30 on April 5.
    is("daily 02:15–03:00 Australia/Lord_Howe", "2026-10-03T15:45", "2026-10-03T15:30", "2026-10-03T16:00");
    is("daily 01:45–03:00 Australia/Lord_Howe", "2026-04-04T15:00", "2026-04-04T14:45", "2026-04-04T16:30");
    is("daily 01:00–01:45 Australia/Lord_Howe", "2026-04-04T15:00", "2026-04-04T14:00", "2026-04-04T15:15");
}

#[test]
fn apia_left_out_a_friday() {
    // The clock went from the end of December 29 to the beginning of December 31, 2011, at 10:00 UTC.
    assert_eq!(around("Dec 30 Pacific/Apia", "2011-12-30T10:00"), None);
    is("Dec 29–Dec 30 Pacific/Apia", "2011-12-30T00:00", "2011-12-29T10:00", "2011-12-30T10:00");
    is("Dec 30–Dec 31 Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-31T10:00");
    is("Fri 16:00–Mon 08:00 Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00", "2012-01-01T18:00");
    let nights = "daily 22:00–06:00 Pacific/Apia";
    is(nights, "2011-12-30T09:00", "2011-12-30T08:00", "2011-12-30T10:00");
    is(nights, "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-30T16:00");
}

#[test]
fn the_next_one_is_known_before_it_begins() {
    let next = |text: &str, now: &str| window(text).next_after(utc(now)).unwrap().from;
    assert_eq!(next("Fri 16:00–Mon 08:00 Europe/Berlin", "2026-11-25T12:00"), utc("2026-11-27T15:00"));
    assert_eq!(next("Fri 16:00–Mon 08:00 Europe/Berlin", "2026-11-28T12:00"), utc("2026-12-04T15:00"));
    assert_eq!(next("Dec 20–Jan 3 UTC", "2027-01-01T12:00"), utc("2027-12-20T00:00"));
    assert_eq!(next("daily 22:00–06:00 UTC", "2026-11-28T23:00"), utc("2026-11-29T22:00"));
}

#[test]
fn it_reads_as_people_write_it_and_prints_as_it_was_written() {
    for text in [
        "Fri 16:00–Mon 08:00 Europe/Berlin",
        "Fri 16:00 - Mon 8:00 Europe/Berlin",
        "friday 16:00—monday 08:00 Europe/Berlin",
        "20 December – 3. January America/Port-au-Prince",
        "Dec 20-Jan 3 Etc/GMT-5",
        "daily 22:00-06:00 UTC",
    ] {
        assert_eq!(window(text).to_string(), text);
        let json = serde_json::to_string(&window(text)).unwrap();
        assert_eq!(serde_json::from_str::<FreezeWindow>(&json).unwrap(), window(text));
    }
}

#[test]
fn what_is_wrong_is_named_with_an_example_of_what_is_right() {
    for (text, problem) in [
        ("Fri 16:00–Mon 08:00", "it ends without a time zone; add one such as Europe/Berlin or UTC"),
        ("Dec 20–Jan 3", "it ends without a time zone"),
        ("Sat–Sun", "it ends without a time zone"),
        ("Fri 16:00–Mon 08:00 Berlin", "`Berlin` is not a time zone; write Europe/Berlin"),
        ("Fri 16:00–Mon 08:00 europe/berlin", "`europe/berlin` is not a time zone; write Europe/Berlin"),
        ("Fri 16:00–Mon 08:00 CEST", "`CEST` is not a time zone; write one such as Europe/Berlin or UTC"),
        ("Europe/Berlin", "it says no times"),
        ("", "`` is not a time zone"),
        ("Fri 16:00 Europe/Berlin", "it has no end; write from–until"),
        ("16:00–18:00 UTC", "it says no days; write daily 16:00–18:00, or a day before each time"),
        ("Fri 16:00–Jan 3 UTC", "`Fri 16:00` and `Jan 3` have to be of one kind: two weekdays or two dates"),
        ("Fri 16:00–08:00 UTC", "have to be of one kind"),
        ("Fre 16:00–Mon 08:00 UTC", "`Fre` is neither a weekday such as Fri nor a time such as 16:00"),
        ("Fri 25:00–Mon 08:00 UTC", "`25:00` is not a time of the day such as 08:00 or 16:30"),
        ("Fri 16:0–Mon 08:00 UTC", "`16:0` is not a time of the day"),
        ("Feb 30–Mar 3 UTC", "`Feb 30` is not a date such as Dec 20"),
        ("daily Fri–Sat UTC", "after `daily` come two times such as 22:00–06:00"),
        ("daily 22:00 UTC", "it has no end"),
        ("Fri 16:00–Fri 16:00 UTC", "it ends where it begins again, so it would never end"),
        ("Mon–Sun UTC", "it would never end"),
        ("Jan 1–Dec 31 UTC", "it would never end"),
        ("daily 00:00–24:00 UTC", "it would never end"),
        ("Fri 24:00–Mon 08:00 UTC", "it begins at 24:00; write 00:00 of the next day"),
        ("Fri 16:00–Sat 08:00–Mon 08:00 UTC", "it has more than one dash"),
        ("Fri 16:00–  UTC", "one side of the dash is empty"),
    ] {
        let error = text.parse::<FreezeWindow>().unwrap_err().to_string();
        assert!(error.contains(problem), "{text}: {error}");
        assert!(
            error.contains("is not a freeze window such as \"Fri 16:00–Mon 08:00 Europe/Berlin\""),
            "{error}"
        );
    }
}

/// The windows of these zones and times are checked against the clock itself, minute by minute.
fn any_daily() -> impl Strategy<Value = (String, u32, u32)> {
    const ZONES: [&str; 5] =
        ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana", "Asia/Kathmandu"];
    let zone = proptest::sample::select(&ZONES[..]);
    (zone, 0..DAY, 0..DAY).prop_filter("it ends", |(_, from, until)| from != until).prop_map(
        |(zone, from, until)| {
            let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            (format!("daily {}–{} {zone}", time(from), time(until)), from, until)
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_clock_shows_inside_a_window_is_frozen(
        (text, from, until) in any_daily(),
        minutes in 21_000_000_i64..31_000_000,
    ) {
        let now = timestamp(minutes * 60_000);
        let shown = window(&text).local(now).unwrap().format("%H %M").to_string();
        let (hours, minute) = shown.split_once(' ').unwrap();
        let shown = hours.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap();
        let inside = if from < until { from <= shown && shown < until } else { from <= shown || shown < until };
        // The reverse is not so: where the clock is put back, the window lasts until the second of two ends.
        prop_assert!(!inside || window(&text).at(now).is_some(), "{} at {}", text, now);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<FreezeWindow>();
    }

    #[test]
    fn every_moment_has_an_answer(millis in proptest::num::i64::ANY) {
        for text in ["Fri 16:00–Mon 08:00 Europe/Berlin", "Dec 20–Jan 3 Pacific/Apia", "daily 22:00–06:00 Asia/Tokyo"] {
            let now = timestamp(millis);
            if let Some(found) = window(text).at(now) {
                prop_assert!(found.contains(now));
            }
            window(text).in_zone(now);
        }
    }
}
