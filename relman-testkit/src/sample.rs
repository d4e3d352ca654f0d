//! Plans and policies to try things with.

use std::sync::Arc;

use relman_core::{
    plan::{Artifact, Audience, PerformanceImpact, Plan, PlanBuilder, RollbackContract, Scope, WayBack},
    policy::Policy,
    port::{Incident, NotifyOn},
    unit::{ReleaseId, Tag, Timestamp, TrafficShare},
};

/// A moment at which simulations start: a Monday morning.
///
/// # Panics
///
/// Never: the moment is a constant.
pub fn start() -> Timestamp {
    "2026-11-23T08:00:00.000Z".parse().expect("a constant moment")
}

/// A plan with a contract on errors and latency, for the shipped policy's standard track.
///
/// # Panics
///
/// Never: a test builds it.
pub fn plan() -> Arc<Plan> {
    Arc::new(builder("checkout-241", &["api"]).build().expect("a test builds the sample plan"))
}

/// A plan that touches payments: high risk, with manual QA and a second approver.
///
/// # Panics
///
/// Never: a test builds it.
pub fn high_risk_plan() -> Arc<Plan> {
    Arc::new(builder("checkout-242", &["payments"]).build().expect("a test builds the sample plan"))
}

/// A rehearsal on the track of [`drill_policy`]: minutes in place of a day.
///
/// # Panics
///
/// Never: a test builds it.
pub fn drill_plan() -> Arc<Plan> {
    let drill = builder("drill-1", &["api"]).drill().track("drill".parse().expect("a valid name"));
    Arc::new(drill.build().expect("a test builds the sample plan"))
}

/// A contract of a change that can't be taken back beyond a share.
///
/// # Panics
///
/// Never: its texts are short.
pub fn without_way_back(contract: RollbackContract, none_after: TrafficShare) -> RollbackContract {
    let text = |text: &str| text.parse().expect("a constant text");
    let way_back =
        WayBack::new(none_after, text("the migration drops a column"), text("roll forward with the fix"));
    contract.with_way_back(way_back).expect("its texts are short")
}

/// The shipped policy and a track for drills: 1, 10 and 50 % for five minutes each, 100 % for ten. A single look
/// decides, by the plain comparison: evidence would want more of them.
///
/// # Panics
///
/// Never: a test reads it.
pub fn drill_policy() -> Arc<Policy> {
    with_drill_track("10s", ["5m", "5m", "5m", "10m"])
}

/// The shipped policy and the shortest track for drills: 1, 10, 50 and 100 % for five seconds each, with a look every
/// second. A whole release is some fifty records, for tests that need many.
///
/// # Panics
///
/// Never: a test reads it.
pub fn brief_drill_policy() -> Arc<Policy> {
    with_drill_track("1s", ["5s"; 4])
}

/// The same with a look every minute and steps of five: for what takes a conductor seconds to do.
///
/// # Panics
///
/// Never: a test reads it.
pub fn brief_policy() -> Arc<Policy> {
    with_drill_track("1m", ["5m"; 4])
}

/// An incident of the sample plans' service that fires from a moment on.
///
/// # Panics
///
/// Where the id is empty or not a text.
pub fn incident(id: &str, started_at: Timestamp) -> Incident {
    Incident::new(
        id.parse().expect("an id is a text"),
        "Payments are declined".parse().expect("a constant text"),
        "checkout".parse().expect("a constant name"),
        started_at,
    )
    .with_severity("critical".parse().expect("a constant text"))
    .with_url("https://alerts.example.org/7c1f".parse().expect("a constant text"))
}

fn with_drill_track(look_every: &str, [first, second, third, validation]: [&str; 4]) -> Arc<Policy> {
    let track = format!(
        r#"
[tracks.drill]
highest_risk = "high"
use = "drills"
look_every = "{look_every}"
min_requests = 100
steps = [
    {{ share = "1%", bake = "{first}" }},
    {{ share = "10%", bake = "{second}" }},
    {{ share = "50%", bake = "{third}" }},
    {{ share = "100%", bake = "{validation}" }},
]

[judging]
method = "threshold"
sample_ratio = "warn"

[risk]
"#
    );
    let text = Policy::SHIPPED_TOML.replacen("[risk]\n", &track, 1);
    Arc::new(Policy::from_toml(&text).expect("a test reads the policy for drills"))
}

/// A builder with everything that a plan needs, for changes of your own.
///
/// # Panics
///
/// Where the release or a tag is not a valid name.
pub fn builder(release: &str, touches: &[&str]) -> PlanBuilder {
    let release: ReleaseId = release.parse().expect("a valid release id");
    let touches = touches.iter().map(|tag| tag.parse::<Tag>().expect("a valid tag")).collect();
    let text = |text: &str| text.parse().expect("a constant text");
    let criteria = ["error_rate > 1%", "latency_p99 > 2x baseline", "complaints > 3"];
    let criteria = criteria.map(|criterion| criterion.parse().expect("a constant criterion"));
    Plan::builder(release)
        .title(text("Faster tax lookup"))
        .scope(Scope {
            target: None,
            service: "checkout".parse().expect("a valid name"),
            summary: text("Caches tax rates for a minute"),
            artifact: Artifact { name: text("checkout"), version: text("2.41.0"), digest: None },
            replaces: text("2.40.3"),
            audience: Audience::UserFacing,
            performance: PerformanceImpact::Neutral,
            touches,
            links: Vec::new(),
        })
        .contract(RollbackContract::new(criteria.into()).expect("a constant contract"))
        .tell(
            text("internal"),
            "releases".parse().expect("a valid name"),
            [NotifyOn::RolloutStarted, NotifyOn::StepStarted, NotifyOn::Completed, NotifyOn::RollbackStarted],
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_can_be_built() {
        assert!(drill_plan().is_drill());
        assert_ne!(plan().release(), high_risk_plan().release());
        for policy in [drill_policy(), brief_drill_policy(), brief_policy()] {
            assert!(policy.track(&"drill".parse().unwrap()).is_some());
        }
        assert!(start() > Timestamp::from_millis(0));
    }
}
