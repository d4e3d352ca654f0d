//! What a policy file may say, at the very edge of each range.

use crate::fixture::PLAN;
use relman_core::{
    plan::{Plan, RiskLevel},
    policy::{Policy, floors},
    port::with_causes,
    unit::{MetricName, Span},
};

/// The shipped policy with one part of its text replaced; what is wrong with it otherwise.
fn with(from: &str, to: &str) -> Result<Policy, String> {
    assert!(Policy::SHIPPED_TOML.contains(from), "the shipped policy does not have {from:?}");
    Policy::from_toml(&Policy::SHIPPED_TOML.replacen(from, to, 1)).map_err(|error| with_causes(&error))
}

#[track_caller]
fn allowed(from: &str, to: &str) {
    with(from, to).unwrap_or_else(|error| panic!("{to}: {error}"));
}

#[track_caller]
fn refused(from: &str, to: &str, why: &str) {
    let error = with(from, to).map(|_| ()).expect_err(to);
    assert!(error.contains(why), "{error}");
}

/// A list of so many texts.
fn many(count: usize) -> String {
    let items: Vec<String> = (0..count).map(|number| format!("\"item{number}\"")).collect();
    items.join(", ")
}

/// A drill track with this time between looks, and these bake times.
fn drill(look_every: &str, bakes: [&str; 4]) -> String {
    let steps: Vec<String> = ["1%", "10%", "50%", "100%"]
        .iter()
        .zip(bakes)
        .map(|(share, bake)| format!("{{ share = \"{share}\", bake = \"{bake}\" }}"))
        .collect();
    format!(
        "[tracks.drill]\nhighest_risk = \"high\"\nuse = \"drills\"\nlook_every = \"{look_every}\"\nsteps = [{}]\n\n[risk]",
        steps.join(", ")
    )
}

#[test]
fn durations_are_allowed_up_to_their_ends_and_no_further() {
    for (field, shipped, least, too_little, most, too_much, why) in [
        ("retry_every", "10s", "100ms", "99ms", "5m", "5m 1ms", "users are waiting"),
        ("confirm_every", "5s", "100ms", "99ms", "5m", "5m 1ms", "users are waiting"),
        ("shift", "12h", "1s", "999ms", "24h", "24h 1ms", "between 1s and 24h"),
        ("longest", "24h", "1s", "999ms", "72h", "72h 1ms", "between 1s and 72h"),
    ] {
        let line = |value: &str| format!("{field} = \"{value}\"");
        for value in [least, most] {
            allowed(&line(shipped), &line(value));
        }
        for value in [too_little, too_much] {
            refused(&line(shipped), &line(value), why);
        }
    }
}

#[test]
fn numbers_are_allowed_up_to_their_ends_and_no_further() {
    for confirmations in ["1", "20"] {
        allowed("confirmations = 2", &format!("confirmations = {confirmations}"));
    }
    for confirmations in ["0", "21"] {
        refused("confirmations = 2", &format!("confirmations = {confirmations}"), "1 to 20 observations");
    }
    allowed("standard = 1", "standard = 10");
    refused("standard = 1", "standard = 11", "1 to 10 approvals");
    refused("standard = 1", "standard = 0", "1 to 10 approvals");
    allowed("high = 2", "high = 10");
    refused("high = 2", "high = 1", "at least 2 for high risk");
    assert_eq!(with("high = 2\n", "high = 3\n").unwrap().approvals(RiskLevel::High), 3);
}

#[test]
fn lists_are_allowed_up_to_their_ends_and_no_further() {
    let shipped = "watch = [\"error_rate\", \"latency_p99\", \"log_errors\"]\n";
    let watching = |count| with(shipped, &format!("watch = [{}]\n", many(count)));
    assert_eq!(watching(16).unwrap().watch().len(), 16);
    assert!(watching(17).unwrap_err().contains("at most 16 metrics"));
    let silent = with(shipped, "").unwrap();
    let watched: Vec<&str> = silent.watch().iter().map(MetricName::as_str).collect();
    assert_eq!(watched, ["error_rate", "latency_p99", "log_errors"], "where a file says nothing");

    let (_, checklist) = Policy::SHIPPED_TOML.split_once("qa_checklist = ").unwrap();
    let (checklist, _) = checklist.split_once("\n\n").unwrap();
    let asking = |count| with(checklist, &format!("[{}]", many(count)));
    assert_eq!(asking(64).unwrap().qa_checklist().len(), 64);
    assert!(asking(65).unwrap_err().contains("64 items"));

    let freezes = |count: usize| {
        let freeze = |day: usize| {
            let (month, day) = (day / 28 + 1, day % 28 + 1);
            format!(
                "[[freeze]]\nfrom = \"2026-{month:02}-{day:02}T00:00:00.000Z\"\nuntil = \"2026-{month:02}-{day:02}T01:00:00.000Z\"\nreason = \"x\"\n"
            )
        };
        let all: String = (0..count).map(freeze).collect();
        Policy::from_toml(&format!("{}\n{all}", Policy::SHIPPED_TOML)).map_err(|error| with_causes(&error))
    };
    assert!(freezes(64).is_ok());
    assert!(freezes(65).unwrap_err().contains("64 freezes"));

    let tracks = |count: usize| {
        let more: String = (3..count)
            .map(|number| {
                drill("1s", ["5s"; 4])
                    .replace("[tracks.drill]", &format!("[tracks.drill{number}]"))
                    .replace("\n[risk]", "")
            })
            .collect();
        with("[risk]", &format!("{more}\n[risk]"))
    };
    assert_eq!(tracks(16).unwrap().tracks().len(), 16);
    assert!(tracks(17).unwrap_err().contains("16 tracks"));
}

#[test]
fn a_track_is_what_its_file_says_and_what_it_leaves_out_has_a_default() {
    let policy = with("[risk]", &drill("1s", ["5s", "6s", "7s", "8s"])).unwrap();
    let drill_track = policy.track(&"drill".parse().unwrap()).unwrap();
    assert_eq!(drill_track.validation(), Span::from_secs(8));
    assert_eq!(drill_track.min_requests(), 100);
    assert!(drill_track.checks().is_empty());
    let without_looks = drill("1s", ["5m"; 4]).replace("look_every = \"1s\"\n", "");
    let policy = with("[risk]", &without_looks).unwrap();
    assert_eq!(policy.track(&"drill".parse().unwrap()).unwrap().look_every(), Span::from_minutes(1));
    let more =
        drill("1s", ["5s"; 4]).replace("use = \"drills\"\n", "use = \"drills\"\nchecks = [\"chaos\"]\n");
    let policy = with("[risk]", &more).unwrap();
    let checks = policy.track(&"drill".parse().unwrap()).unwrap().checks().clone();
    assert_eq!(checks, ["chaos".parse().unwrap()].into());
}

#[test]
fn a_track_keeps_to_its_floors_up_to_their_ends() {
    allowed("share = \"1%\"", "share = \"5%\"");
    refused("share = \"1%\"", "share = \"5.01%\"", "its first step is 5.01%");
    for (look, least, too_short) in [("100ms", "500ms", "499ms"), ("1s", "5s", "4s 999ms")] {
        allowed("[risk]", &drill(look, [least; 4]));
        refused("[risk]", &drill(look, [too_short, least, least, least]), "step 1 bakes for");
        refused("[risk]", &drill(look, [least, least, too_short, least]), "step 3 bakes for");
    }
    refused("[risk]", &drill("99ms", ["1m"; 4]), "it looks every 99ms: the shortest interval is 100ms");
    // Rare looks are refused however long the steps are, and at the longest interval short steps are.
    allowed("[risk]", &drill("15m", ["75m"; 4]));
    refused("[risk]", &drill("15m 1ms", ["10h"; 4]), "it looks every 15m 1ms");
    refused("[risk]", &drill("15m", ["74m"; 4]), "at least 5 looks a step");
    assert_eq!(floors::MIN_LOOKS, 5);
    let flat = drill("1s", ["5s"; 4]).replace("\"10%\"", "\"1%\"");
    refused("[risk]", &flat, "step 2 is 1% after 1%");
    let falling = drill("1s", ["5s"; 4]).replace("\"50%\"", "\"5%\"");
    refused("[risk]", &falling, "step 3 is 5% after 10%");
}

#[test]
fn a_track_for_drills_is_nobodys_default() {
    let text = Policy::SHIPPED_TOML.replacen("[risk]", &drill("1s", ["5s"; 4]), 1).replacen(
        "low = \"standard\"",
        "low = \"drill\"",
        1,
    );
    let error = with_causes(&Policy::from_toml(&text).unwrap_err());
    assert!(error.contains("default_track.low is `drill`: that track is for drills only"), "{error}");
}

#[test]
fn an_assessment_says_what_the_authors_word_did() {
    let policy = Policy::shipped();
    let reasons = |declared: &str| {
        let plan = Plan::from_toml(&crate::fixture::with(PLAN, "\n[scope]", &format!("{declared}\n[scope]")))
            .unwrap();
        policy.assess(&plan).sentences().join("; ")
    };
    let touched = "it touches api, which is standard risk";
    assert_eq!(reasons(""), touched);
    assert_eq!(reasons("risk = \"standard\""), touched);
    assert_eq!(reasons("risk = \"high\""), format!("{touched}; the author raised it to high"));
    assert_eq!(reasons("risk = \"low\""), format!("{touched}; the author said low, which can't lower it"));
}
