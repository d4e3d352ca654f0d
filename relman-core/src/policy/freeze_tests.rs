use super::*;
use crate::{policy::Policy, port::with_causes};

fn at(text: &str) -> Timestamp {
    text.parse::<WrittenTime>().unwrap().at()
}

fn policy(freezes: &str) -> Result<Policy, String> {
    Policy::from_toml(&format!("{}\n{freezes}", Policy::SHIPPED_TOML)).map_err(|error| with_causes(&error))
}

#[test]
fn a_moment_has_an_offset_and_stays_as_it_was_written() {
    for text in [
        "2026-12-23T00:00+01:00",
        "2026-12-23T00:00:00+01:00",
        "2026-12-23 00:00:00.000 +01:00",
        "2026-12-22T23:00:00.000Z",
        "2026-12-22t23:00z",
    ] {
        let written: WrittenTime = text.parse().unwrap();
        assert_eq!(written.at().to_string(), "2026-12-22T23:00:00.000Z", "{text}");
        assert_eq!(written.to_string(), text);
    }
    for (text, problem) in [
        ("2026-12-23", "it says no time of the day with its offset from UTC"),
        ("2026-12-23T00:00", "it says no time of the day with its offset from UTC"),
        ("2026-12-23T00:00+1", "its offset has to be Z, or hours and minutes such as +01:00"),
        ("2026-12-32T00:00+01:00", "there is no such day or time of the day"),
        ("soon", "it says no time of the day"),
        ("", "it says no time of the day"),
    ] {
        let error = text.parse::<WrittenTime>().unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("such as 2026-12-23T00:00+01:00"), "{error}");
    }
}

#[test]
fn a_policy_keeps_its_freezes_as_people_wrote_them() {
    let read = policy(
        "[[freeze]]\nfrom = \"2026-12-23T00:00+01:00\"\nuntil = 2027-01-04T00:00:00+01:00\nreason = \"year-end\"\n\
         [[freeze]]\nwindow = \"Fri 16:00-Mon 08:00 Europe/Berlin\"\nreason = \"weekend\"\n\
         [[freeze]]\nwindow = \"daily 22:00–06:00 UTC\"\nuntil = \"2027-01-04T00:00Z\"\nreason = \"nights\"\n",
    )
    .unwrap();
    let json = serde_json::to_string(&read).unwrap();
    let freezes = r#""freezes":[{"from":"2026-12-23T00:00+01:00","until":"2027-01-04T00:00:00+01:00","reason":"year-end"},{"window":"Fri 16:00-Mon 08:00 Europe/Berlin","reason":"weekend"},{"until":"2027-01-04T00:00Z","window":"daily 22:00–06:00 UTC","reason":"nights"}]"#;
    assert!(json.contains(freezes), "{json}");
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), read);
}

#[test]
fn a_freeze_says_what_it_is_and_until_when_in_its_zone_and_in_utc() {
    let read = policy(
        "[[freeze]]\nfrom = \"2026-12-23T00:00+01:00\"\nuntil = \"2027-01-04T00:00+01:00\"\nreason = \"year-end\"\n\
         [[freeze]]\nwindow = \"Fri 16:00–Mon 08:00 Europe/Berlin\"\nreason = \"weekend\"\n",
    )
    .unwrap();
    let said = |now: &str| read.frozen_at(at(now)).map(|frozen| frozen.to_string());
    assert_eq!(
        said("2026-12-28T12:00Z").unwrap(),
        "the freeze (weekend, Fri 16:00–Mon 08:00 Europe/Berlin) until Mon 2027-01-04 08:00 CET (2027-01-04T07:00:00.000Z)",
        "the year's end lies in a weekend, which ends last"
    );
    assert_eq!(
        Frozen::by(&read.freezes()[..1], at("2026-12-28T12:00Z")).unwrap().to_string(),
        "the freeze (year-end) until 2027-01-04T00:00+01:00 (2027-01-03T23:00:00.000Z)"
    );
    assert_eq!(said("2026-12-22T12:00Z"), None);
    assert_eq!(
        said("2026-11-28T12:00Z").unwrap(),
        "the freeze (weekend, Fri 16:00–Mon 08:00 Europe/Berlin) until Mon 2026-11-30 08:00 CET (2026-11-30T07:00:00.000Z)"
    );
}

#[test]
fn a_freeze_that_is_declared_may_have_no_end() {
    let stop = Freeze::once(at("2026-11-28T12:00Z"), None, "incident 4711".parse().unwrap());
    assert_eq!(stop.frozen_at(at("2026-11-28T11:59Z")), None);
    let frozen = stop.frozen_at(at("2036-11-28T12:00Z")).unwrap();
    assert_eq!(frozen.to_string(), "the freeze (incident 4711) until a person lifts it");
    let night = Freeze::recurring("daily 22:00–06:00 UTC".parse().unwrap(), "night".parse().unwrap());
    let both = [night, stop];
    assert_eq!(
        Frozen::by(&both, at("2026-11-28T23:00Z")).unwrap().until,
        None,
        "it is the one that ends last"
    );
    assert_eq!(Frozen::by(&both, at("2026-11-27T23:00Z")).unwrap().until, Some(at("2026-11-28T06:00Z")));
}

#[test]
fn freezes_that_leave_no_time_between_them_are_followed_for_a_year_and_no_further() {
    let daily = |window: &str| Freeze::recurring(window.parse().unwrap(), "always".parse().unwrap());
    let always = [daily("daily 00:00–12:00 UTC"), daily("daily 12:00–24:00 UTC")];
    let until = Frozen::by(&always, at("2026-11-28T01:00Z")).unwrap().until.unwrap();
    assert!(until > at("2027-11-28T01:00Z") && until < at("2028-01-28T01:00Z"), "{until}");
}

#[test]
fn a_freeze_that_is_wrong_is_named_with_an_example() {
    for (freeze, problem) in [
        (
            "reason = \"x\"",
            "the freeze `x` has no times: give from and until, or a window such as \"Fri 16:00–Mon 08:00",
        ),
        ("from = 2026-12-23T00:00:00Z\nreason = \"x\"", "the freeze `x` has no end: give"),
        ("until = 2026-12-23T00:00:00Z\nreason = \"x\"", "the freeze `x` has no beginning: give"),
        (
            "from = 2026-12-23T00:00:00Z\nuntil = 2026-12-22T00:00:00Z\nreason = \"x\"",
            "the freeze from 2026-12-23T00:00:00Z ends before it begins, at 2026-12-22T00:00:00Z",
        ),
        (
            "from = 2026-12-23\nuntil = 2026-12-24\nreason = \"x\"",
            "\"2026-12-23\" is not a moment with an offset such as",
        ),
        ("from = 5\nuntil = 6\nreason = \"x\"", "a moment with an offset such as 2026-12-23T00:00+01:00"),
        ("window = \"Fri 16:00–Mon 08:00\"\nreason = \"x\"", "it ends without a time zone; add one such as"),
    ] {
        let error = policy(&format!("[[freeze]]\n{freeze}\n")).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}
