//! What a person sees in five seconds, and what the frames of a page say of it.

use crate::fixture::{Driven, act, counts, drill_plan, healthy, policy_text, secs, share, with};
use relman_core::{
    event::Gate,
    judge::{Arm, MissingKind},
    machine::{Action, PhaseName, Release, Turn},
    port::Deployment,
    report::{
        Driving, FrameState, GateState, Glance, GroundKind, Health, History, IncidentState, Status,
        StoryArtifact, Storyboard, SummaryFold, Timeline, TimelineRow, UpcomingTime,
    },
};

fn history(driven: &Driven) -> History<'_> {
    History::new(&driven.release, &driven.journal.records, driven.now)
}

/// The word, which lists and reports have in common.
fn word(driven: &Driven) -> String {
    let health = Health::of(&driven.release, driven.now, Driving::Unknown);
    assert_eq!(Status::of(&history(driven)).health, health);
    let mut fold = SummaryFold::new(driven.release.id().clone());
    driven.journal.records.iter().for_each(|record| fold.push(record).unwrap());
    assert_eq!(fold.at(driven.now).unwrap().health, health);
    health.to_string()
}

/// In staging, with everything passed, in front of a place that has users.
fn without_a_place() -> Driven {
    let mut driven = Driven::drill();
    driven.production = Some(Ok(Deployment::at(share(100))));
    let mut driven = driven.staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven
}

fn rolled_back() -> Driven {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:ben", act::roll_back());
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    // Its target is free.
    driven.perform();
    driven
}

#[test]
fn one_word_says_how_a_release_is() {
    let unplanned = Release::new("checkout-241".parse().unwrap());
    let at = Driven::drill().now;
    assert_eq!(Health::of(&unplanned, at, Driving::Unknown).to_string(), "waiting for a plan");

    let contract =
        "[contract]\ncriteria = [\"error_rate > 1%\", \"latency_p99 > 2x baseline\", \"complaints > 3\"]\n";
    let planned = Driven::planned(&with(&drill_plan(), contract, ""), &policy_text());
    assert_eq!(word(&planned), "waiting for a rollback contract");
    assert_eq!(word(&Driven::drill()), "waiting for approval");

    let mut staging = Driven::drill().staging();
    assert_eq!(word(&staging), "progressing", "it is being deployed");
    let last = staging.checked_but_one();
    assert_eq!(word(&staging), "waiting for checks");
    staging.does("service:ci", act::failed(&last));
    assert_eq!(word(&staging), "waiting for checks", "a failed one has to be mended");
    staging.does("user:ben", act::abort());
    staging.perform();
    assert_eq!(word(&staging), "done");

    assert_eq!(word(&without_a_place()), "waiting for the platform");
    let mut held = Driven::drill().in_step(2);
    assert_eq!(word(&held), "progressing");
    held.does("user:ben", act::hold());
    assert_eq!(word(&held), "waiting to be resumed");
    held.does("user:ben", act::roll_back());
    assert_eq!(word(&held), "rolling back");

    let mut validating = Driven::drill().validating();
    assert_eq!(word(&validating), "waiting for on-call");
    validating.does("user:olu", act::acknowledge());
    assert_eq!(
        word(&validating),
        "progressing",
        "a check that is asked for later does not stand in the way yet"
    );
    assert_eq!(word(&rolled_back()), "done");
    let mut completed = Driven::drill().completed();
    completed.perform();
    assert_eq!(word(&completed), "done");
    completed.does("user:ana", Action::Close);
    assert_eq!(word(&completed), "done");
}

#[test]
fn what_is_wrong_is_said_before_what_people_want() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:ben", act::hold());
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    assert_eq!(driven.release.holds().len(), 2);
    assert_eq!(word(&driven), "degraded");

    // A deployer that fails is trouble before it is a hold.
    let mut driven = Driven::drill().staging();
    driven.failed("deploy to staging", Some(secs(10)));
    assert!(driven.release.holds().is_empty());
    assert_eq!(word(&driven), "degraded");
}

#[test]
fn a_freeze_is_waited_for_once_nothing_else_is_missing() {
    let until = Driven::drill().now + secs(3_600);
    let from = Driven::drill().now;
    let policy = policy_text()
        + &format!("[[freeze]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nreason = \"year-end\"\n");
    let mut driven = Driven::planned(&drill_plan(), &policy).staging();
    let last = driven.checked_but_one();
    assert_eq!(word(&driven), "waiting for checks");
    driven.does("user:qin", act::passed(&last));
    assert_eq!(word(&driven), "waiting for the freeze to end");
    driven.does("user:eva", act::override_gate(Gate::Freeze, until));
    driven.done("deploy to production");
    driven.done("set traffic to 1%");
    assert_eq!(word(&driven), "progressing");
}

#[test]
fn a_release_without_a_conductor_says_so_where_it_needs_one() {
    let of = |driven: &Driven, driving| Health::of(&driven.release, driven.now, driving);
    let mut held = Driven::drill().in_step(2);
    held.does("user:ben", act::hold());
    let cases: Vec<(Driven, bool)> = vec![
        (Driven::drill(), false),
        (Driven::drill().staging(), true),
        (held, true),
        (Driven::drill().validating(), true),
        (Driven::drill().completed(), false),
        (rolled_back(), false),
    ];
    for (driven, needs_one) in cases {
        let undriven = of(&driven, Driving::Undriven);
        assert_eq!(undriven == Health::NobodyDriving, needs_one, "{:?}", driven.phase());
        let summary = |driving| {
            let mut fold = SummaryFold::new(driven.release.id().clone());
            driven.journal.records.iter().for_each(|record| fold.push(record).unwrap());
            fold.driven_at(driven.now, driving).unwrap().health
        };
        assert_eq!(summary(Driving::Undriven), undriven);
        let status = Status::of(&history(&driven).with_driving(Driving::Undriven));
        assert_eq!(status.health, undriven);
        assert_eq!(of(&driven, Driving::Unknown), of(&driven, Driving::Driven));
    }

    // Where nobody has said, the record shows it: nothing was written for longer than an evaluation may take.
    let mut driven = Driven::drill().in_step(2);
    driven.perform();
    driven.healthy_look();
    driven.wait(secs(100));
    assert_eq!(word(&driven), "progressing");
    driven.wait(secs(100));
    assert_eq!(word(&driven), "nobody is driving");
    assert_eq!(of(&driven, Driving::Driven), Health::Progressing, "whoever knows better is believed");
}

fn glance(driven: &Driven) -> Glance {
    Glance::of(&history(driven))
}

/// What is live, what is happening, what is waited for and whose turn that is, what comes next.
fn said(driven: &Driven) -> [String; 4] {
    let glance = glance(driven);
    let waits =
        glance.waits.map_or("nothing".to_owned(), |awaited| format!("{}, {}", awaited.what, awaited.turn));
    let next = glance.next.map_or("nothing".to_owned(), |next| next.what);
    let said = [glance.live.says(), glance.happening, waits, next];
    assert!(said.iter().all(|phrase| phrase.chars().count() < 72), "{said:?}");
    said
}

#[test]
fn five_seconds_say_what_is_live_what_happens_whose_turn_it_is_and_what_comes_next() {
    assert_eq!(
        said(&Driven::drill()),
        [
            "2.40.3 for all traffic",
            "planned, 0 of 1 approval given",
            "approvals: 0 of 1 for standard risk, a person's turn",
            "staging",
        ]
    );
    let mut staging = Driven::drill().staging();
    staging.checked_but_one();
    let [live, happening, waits, next] = said(&staging);
    assert_eq!((live.as_str(), next.as_str()), ("2.40.3 for all traffic", "1% of traffic"));
    assert_eq!(happening, "in staging, 2 of 3 checks passed");
    assert!(waits.starts_with("the check ") && waits.ends_with("a person's turn"), "{waits}");

    let mut step = Driven::drill().in_step(2);
    let rest = |driven: &Driven| glance(driven).live.rest();
    assert_eq!(rest(&step), "2.40.3 for 90%, as it was set; not observed yet");
    step.healthy_look();
    let [live, happening, _, next] = said(&step);
    assert_eq!((live.as_str(), next.as_str()), ("2.41.0 for 10% of traffic", "50% of traffic"));
    assert!(happening.starts_with("step 2 of 4 at 10%: "), "{happening}");
    assert_eq!(rest(&step), "2.40.3 for 90%, as observed");
    let upcoming = glance(&step).next.unwrap();
    assert!(upcoming.at.is_some_and(|at| at > step.now) && upcoming.when == UpcomingTime::AtTheEarliest);
    assert!(glance(&step).over_at > upcoming.at);

    let mut back = step.clone();
    back.does("user:ben", act::roll_back());
    assert_eq!(said(&back)[1..3], ["taking all traffic back", "traffic at zero, the platform's turn"]);
    assert_eq!(said(&back)[0], "2.41.0 for 10% of traffic", "what was not taken back yet is live");
    back.done("set traffic to 0%");
    assert_eq!(rest(&back), "2.41.0 for none, as it was set; not observed yet");

    let validating = Driven::drill().validating();
    let [live, _, waits, next] = said(&validating);
    assert_eq!((live.as_str(), next.as_str()), ("2.41.0 for all traffic", "completion"));
    assert_eq!(waits, "on-call cover, a person's turn", "the one who has to act is said first");

    let mut completed = Driven::drill().completed();
    assert_eq!(said(&completed)[1..], ["completed", "someone to close it, a person's turn", "closing"]);
    assert!(glance(&completed).live.until.is_some(), "what is live since its end, it does not know");
    completed.perform();
    completed.does("user:ana", Action::Close);
    assert_eq!(said(&completed)[1..], ["completed", "nothing", "nothing"]);
}

#[test]
fn what_it_waits_for_in_a_hold_is_a_phrase_and_the_reason_stands_beside_it() {
    let mut driven = Driven::drill().in_step(2);
    driven.look_without("error_rate", Arm::Canary, MissingKind::ProviderError);
    let glance = glance(&driven);
    let waits = glance.waits.unwrap();
    assert_eq!((waits.what.as_str(), waits.turn), ("metrics to report again", Turn::World));
    assert_eq!(waits.unblocked_by, "every watched metric reports again");
    let next = glance.next.unwrap();
    assert_eq!((next.what.as_str(), next.when), ("rollback", UpcomingTime::Unless));
    let patience = driven.release.holds().values().find_map(|hold| hold.roll_back_at);
    assert_eq!(next.at, patience);
    assert!(glance.happening.starts_with("held: step 2 of 4 at 10%"));
}

#[test]
fn a_share_that_is_not_as_set_or_not_known_is_said() {
    let mut driven = Driven::drill().in_step(2);
    driven.look_at(Ok("8%".parse().unwrap()), healthy);
    let live = glance(&driven).live;
    assert_eq!(live.says(), "2.41.0 for 8% of traffic");
    assert_eq!(live.rest(), "2.40.3 for 92%, as observed; 10% is set");
    let mut driven = Driven::drill().in_step(2);
    driven.look_at(Err("connection refused"), healthy);
    let live = glance(&driven).live;
    assert_eq!(live.says(), "2.41.0 for 10% of traffic");
    assert_eq!(live.rest(), "2.40.3 for 90%, as it was set: the platform can't be observed");
}

#[test]
fn the_time_in_which_nobody_drove_is_on_the_timeline_and_in_the_step() {
    let mut driven = Driven::drill().in_step(2);
    driven.healthy_look();
    driven.perform();
    let last = driven.journal.records.len() as u64 - 1;
    driven.wait(secs(3_600));
    let undriven = |driven: &Driven| Storyboard::of(&history(driven)).release.undriven;
    let open = undriven(&driven);
    assert_eq!(open.len(), 1);
    assert!(open[0].until.is_none() && open[0].lasted >= secs(3_590), "{open:?}");
    let now = glance(&driven);
    assert_eq!(now.waits.unwrap().turn, Turn::Person, "someone has to start a conductor");
    assert_eq!((now.next.unwrap().at, now.over_at), (None, None), "nothing comes at any time");
    assert!(now.live.rest().ends_with("as last observed; nobody has looked since"), "{}", now.live.rest());
    let text = Timeline::of(&history(&driven)).to_string();
    assert!(text.contains("NOBODY IS DRIVING IT"), "{text}");

    driven.healthy_look();
    let closed = undriven(&driven);
    assert_eq!((closed.len(), closed[0].from.record), (1, last));
    let until = closed[0].until.unwrap();
    assert!(driven.journal.records[usize::try_from(until.record).unwrap()].event.kind() == "evaluated");
    let board = Storyboard::of(&history(&driven));
    assert_eq!(board.release.steps[1].scheduled.undriven, closed[0].lasted);
    assert_eq!(board.release.steps[1].scheduled.held, secs(0));
    let rows = Timeline::of(&history(&driven)).rows();
    let at = rows.iter().position(|row| matches!(row, TimelineRow::Undriven(_))).unwrap();
    assert!(
        matches!(&rows[at + 1], TimelineRow::One(entry) if entry.record > last)
            || matches!(&rows[at + 1], TimelineRow::Looks { first, .. } if *first > last)
    );
    // A conductor that measures nothing is there.
    let mut outage = Driven::drill().in_step(2);
    for _ in 0..20 {
        outage.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    }
    assert_eq!(undriven(&outage), []);
}

#[test]
fn an_incident_of_a_release_that_is_over_does_not_fire_for_good() {
    let mut driven = Driven::drill().in_step(2);
    driven.by_itself(act::incident("a-1", driven.now));
    let state = |driven: &Driven| Storyboard::of(&history(driven)).verify.incidents[0].state;
    assert_eq!(state(&driven), IncidentState::Firing);
    driven.does("user:ben", act::roll_back());
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.wait(secs(86_400));
    assert_eq!(state(&driven), IncidentState::NotFollowed);
}

#[test]
fn every_metric_that_is_watched_is_in_the_release_frame() {
    let mut driven = Driven::drill().in_step(2);
    driven.healthy_look();
    let board = Storyboard::of(&history(&driven));
    let limited = board.release.criteria.iter().map(|story| story.criterion.metric.to_string());
    let others = board.release.watched.iter().map(|metric| metric.metric.to_string());
    let shown: std::collections::BTreeSet<String> = limited.chain(others).collect();
    assert!(driven.release.watched().iter().all(|metric| shown.contains(metric.as_str())), "{shown:?}");
    let logs = &board.release.watched[0];
    assert_eq!((logs.metric.as_str(), logs.unmeasured), ("log_errors", 0));
    assert!(logs.last.is_some() && logs.measured > 0);
    let before = Storyboard::of(&history(&Driven::drill()));
    assert!(before.release.watched.iter().any(|metric| metric.metric.as_str() == "log_errors"));
}

#[test]
fn every_frame_that_was_reached_leads_to_an_artifact_that_is_there() {
    let driven = Driven::drill().completed();
    let history = history(&driven);
    let board = Storyboard::of(&history);
    for frame in board.frames().into_iter().filter(|frame| frame.state != FrameState::NotReached) {
        assert!(!frame.artifacts.is_empty(), "{}", frame.name);
        for artifact in &frame.artifacts {
            assert!(artifact.text(&history).is_some(), "{artifact}");
            assert!(artifact.json(&history).unwrap().is_some(), "{artifact}");
            assert_eq!(artifact.to_string().parse::<StoryArtifact>().unwrap(), *artifact);
        }
    }
    let tests = StoryArtifact::TestReport.text(&history).unwrap();
    assert!(tests.contains("unit passed") && tests.contains("gate staging: passed"), "{tests}");
    assert!(StoryArtifact::TestReport.text(&crate::glance::history(&Driven::drill())).is_none());
}

#[test]
fn a_gate_says_of_each_ground_how_it_stood() {
    // Clean on enough data, and then too few requests until the bake time is served.
    let mut driven = Driven::drill().released();
    driven.healthy_look();
    while driven.step() == 1 {
        driven.look_as(|metric, arm| match (metric.as_str(), arm) {
            ("error_rate", Arm::Canary) => counts(0, 0),
            _ => healthy(metric, arm),
        });
        driven.perform();
    }
    let board = Storyboard::of(&history(&driven));
    let gate = &board.release.frame.gates[0];
    assert_eq!(gate.state, GateState::Passed);
    for ground in &gate.grounds {
        let undecided = ground.kind == GroundKind::Undecided;
        assert_eq!(undecided, ground.clean_at.is_some(), "{ground:?}");
    }
}

#[test]
fn words_are_the_same_in_json() {
    for health in Health::ALL {
        let json = serde_json::to_value(health).unwrap();
        let name = json.as_str().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
    assert_eq!(serde_json::to_value(Health::WaitingForApproval).unwrap(), "waiting_for_approval");
    assert_eq!(serde_json::to_value(Health::NobodyDriving).unwrap(), "nobody_driving");
    assert!(Health::ALL.is_sorted(), "the most urgent first");
}
