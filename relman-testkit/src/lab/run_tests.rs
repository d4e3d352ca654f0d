use std::sync::Mutex;

use relman_core::{chain::Digest, unit::TrafficShare};

use super::*;
use crate::world::{Complaints, Incident, Regression, World};

/// The digest of the report of [`drill`].
const REPORT: &str = "30ddcb3bfd8c1252f629131309eebd57194c947c8f86d7dfb4bd559dc5aa0b5f";

fn drill() -> Lab {
    let worlds = [
        World::default(),
        World::default().with(Regression::errors_from_share(TrafficShare::percent(10), 0.03)),
        World::default().with(Regression::latency_after(Span::from_minutes(3), 3.0)),
    ];
    let worlds = worlds.map(|world| world.with(Complaints::of(0.01, Span::from_minutes(2))));
    let track = "drill".parse().unwrap();
    Lab::new(sample::drill_policy()).track(track).against(worlds).trials(40)
}

fn json(lab: &Lab) -> String {
    serde_json::to_string(&lab.run().unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_report_on_any_number_of_cores() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| json(&drill()))
    };
    let one = on(1);
    assert_eq!(one, on(3));
    assert_ne!(one, json(&drill().seed(2)));
    // Kept from a debug build; a release build and another machine have to come to the same.
    assert_eq!(Digest::of_line(one.as_bytes()).to_string(), REPORT);
}

#[test]
fn policies_meet_the_same_random_numbers() {
    let policy = sample::drill_policy();
    let report = drill().beside(policy.clone()).run().unwrap();
    for world in &report.worlds {
        let [first, second] = world.policies.as_slice() else { panic!("two policies") };
        assert_eq!((first.rolled_back, &first.regression), (second.rolled_back, &second.regression));
        let difference = second.beside_the_first.as_ref().unwrap();
        assert_eq!((difference.requests_harmed.low, difference.requests_harmed.high), (Some(0.0), Some(0.0)));
    }
    let labels: Vec<&str> = report.policies.iter().map(|policy| policy.label.as_str()).collect();
    assert_eq!(labels, ["relman shipped policy (1)", "relman shipped policy (2)"]);
    // The order of worlds does not matter, nor which others there are.
    let mut lab = drill();
    lab.worlds.rotate_left(1);
    let rotated = lab.run().unwrap();
    assert_eq!(rotated.worlds[0].policies[0].rolled_back, report.worlds[1].policies[0].rolled_back);
}

#[test]
fn a_larger_regression_is_found_sooner_and_a_stricter_track_harms_fewer() {
    let worlds = [0.02, 0.2].map(|rate| World::calm().with(Regression::errors_after(Span::ZERO, rate)));
    let steps = "steps = [\n    { share = \"1%\", bake = \"30m\" },\n    { share = \"10%\", bake = \"2h\" },";
    let hasty = "steps = [\n    { share = \"5%\", bake = \"5m\" },\n    { share = \"40%\", bake = \"5m\" },";
    let text = Policy::SHIPPED_TOML;
    assert!(text.contains(steps));
    let hasty = Policy::from_toml(&text.replacen(steps, hasty, 1)).unwrap();
    let report = Lab::new(Policy::shipped()).beside(hasty).against(worlds).trials(30).run().unwrap();
    let minutes = |world: usize| {
        let found = report.worlds[world].policies[0].regression.as_ref().unwrap();
        assert_eq!(found.detected.hits, 30);
        found.minutes_to_detect.unwrap().mean.value
    };
    assert!(minutes(1) < minutes(0), "{report}");
    let difference = report.worlds[1].policies[1].beside_the_first.as_ref().unwrap();
    assert!(difference.requests_harmed.low.unwrap() > 0.0, "{report}");
}

#[test]
fn harm_is_what_a_healthy_version_would_not_have_done() {
    let report = drill().against([
        World::default(),
        World::default().with(Incident::of_errors(Span::from_minutes(1), Span::from_minutes(2), 0.5)),
        World::default().with(Regression::errors_from_share(TrafficShare::FULL, 0.004)),
    ]);
    let report = report.run().unwrap();
    assert!(report.worlds[0].policies[0].regression.is_none());
    assert!(report.worlds[1].kind.is_healthy(), "an incident is nobody's regression");
    assert_eq!(report.worlds[1].policies[0].rolled_back.hits, 40);
    let found = report.worlds[2].policies[0].regression.as_ref().unwrap();
    assert_eq!(found.detected.trials + found.before_onset.hits, 40, "{found:?}");
    // Those that it was not found in were exposed for ten minutes: 50 a second, 0.3 % more than usual.
    let most = found.requests_harmed.unwrap().p90.value;
    assert!((60.0..100.0).contains(&most), "{most}");
    let users = found.users_harmed.unwrap().p90.value;
    assert!(users < most && users > most * 0.9, "{users} of {most}: few users meet two");
}

#[test]
fn progress_ends_with_all_of_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    drill().on_progress(move |progress| all.lock().unwrap().push(progress)).run().unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.contains(&Progress { done: 120, total: 120 }), "{seen:?}");
    assert!(seen.iter().all(|progress| progress.total == 120 && progress.done <= 120));
}

#[test]
fn nonsense_is_refused_with_what_would_be_right() {
    let refused = |lab: Lab| lab.run().unwrap_err().to_string();
    let says = |lab: Lab, part: &str| {
        let said = refused(lab);
        assert!(said.starts_with("failed to ") && said.contains(part), "{said}");
    };
    says(drill().trials(0), "at least 1 and at most 1000000");
    says(drill().trials(2_000_000), "2000000 trials");
    says(drill().against(Vec::<Case>::new()), "worlds::standard() has a set");
    says(drill().against([World::default(), World::default()]), "both are called `healthy at 50/s`");
    let track = "dril".parse().unwrap();
    says(drill().track(track), "there is no track `dril`; this policy has drill, high-risk");
    for (world, part) in [
        (World { requests_per_second: 0.0, ..World::default() }, "requests_per_second is 0: above 0"),
        (World { error_rate: f64::NAN, ..World::default() }, "error_rate is NaN: between 0 and 1"),
        (World { burst_size: 0.5, ..World::default() }, "burst_size is 0.5: between 1 and a million"),
        (
            World::default().with(Regression::errors_after(Span::ZERO, 7.0)),
            "regression is 7: between 0 and 1",
        ),
    ] {
        says(drill().against([world]), part);
    }
    let plan = |criteria: &[&str]| {
        let criteria = criteria.iter().map(|criterion| criterion.parse().unwrap()).collect();
        let contract = relman_core::plan::RollbackContract::new(criteria).unwrap();
        Arc::new(sample::builder("lab", &["api"]).contract(contract).build().unwrap())
    };
    says(drill().plan(plan(&["queue_depth > 10"])), "`queue_depth > 10` can't be simulated");
    let unknown = Arc::new(sample::builder("lab", &["kitchen"]).build().unwrap());
    says(Lab::new(Policy::shipped()).plan(unknown), "does not know the tag `kitchen`");
}

#[test]
fn what_is_watched_and_not_simulated_is_taken_as_measured() {
    let watch = Policy::SHIPPED_TOML.replacen("\"log_errors\"]", "\"log_errors\", \"queue_depth\"]", 1);
    let policy = Policy::from_toml(&watch).unwrap();
    let report = Lab::new(policy).against([World::calm()]).trials(2).run().unwrap();
    assert_eq!(report.policies[0].taken_as_there, ["queue_depth"]);
    assert_eq!(report.worlds[0].policies[0].completed.hits, 2);
    assert!(report.to_string().contains("taken as measured: queue_depth"), "{report}");
}

#[test]
fn every_standard_world_can_be_run() {
    let report = Lab::new(Policy::shipped()).trials(1).run().unwrap();
    assert_eq!(report.worlds.len(), worlds::standard().len());
}
