use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use relman_core::{
    plan::{Audience, Criterion, PerformanceImpact, Plan, RollbackContract, Scope},
    unit::{Tag, TrafficShare},
};

use super::Shown;
use crate::sample;

/// Tags of the shipped policy, from the plainest.
const TAGS: [&str; 6] =
    ["api", "configuration", "user-interface", "infrastructure", "payments", "authentication"];

/// Criteria, from the plainest. Those of one line differ in their threshold.
const SIMULATED: [&[&str]; 5] = [
    &["error_rate > 1%", "error_rate > 2%", "error_rate > 5%", "error_rate > 10%", "error_rate >= 0.5%"],
    &[
        "latency_p99 > 2x baseline",
        "latency_p99 > 1.5x baseline",
        "latency_p99 > 3x baseline",
        "latency_p95 > 4x baseline",
    ],
    &["latency_p95 > 300ms", "latency_p99 > 1s", "latency_p50 > 250ms"],
    &["log_errors > 1%", "log_errors > 5%", "log_errors > 3x baseline"],
    &["complaints > 3", "complaints > 0", "complaints > 10"],
];

/// Criteria on metrics that the simulated platform does not have.
const OTHERS: [&[&str]; 3] = [
    &["queue_depth > 10_000", "queue_depth > 100"],
    &["throughput < 0.8x baseline", "throughput < 0.5x baseline"],
    &["availability <= 99.9%", "availability < 99%"],
];

fn of(rows: &'static [&'static [&'static str]]) -> impl Strategy<Value = Criterion> + Clone {
    (0..rows.len(), 0..8_usize).prop_map(move |(row, column)| {
        let row = rows[row];
        row[column % row.len()].parse().expect("a constant criterion")
    })
}

/// Criteria on what a simulated platform measures: error rate, latency, error logs, and complaints. They shrink to
/// `error_rate > 1%`.
pub fn criterion() -> impl Strategy<Value = Criterion> + Clone {
    of(&SIMULATED)
}

/// Criteria on these and on metrics of people's own.
pub fn any_criterion() -> impl Strategy<Value = Criterion> + Clone {
    prop_oneof![3 => of(&SIMULATED), 1 => of(&OTHERS)]
}

/// Rollback contracts of one to four criteria, each on another metric. They shrink to `error_rate > 1%` alone.
///
/// # Panics
///
/// Never: criteria on different metrics are a contract.
pub fn contract(
    criteria: impl Strategy<Value = Criterion> + Clone,
) -> impl Strategy<Value = Shown<RollbackContract>> + Clone {
    vec(criteria, 1..=4).prop_map(|criteria| {
        let mut by_metric = BTreeMap::new();
        for criterion in criteria {
            by_metric.entry(criterion.metric.clone()).or_insert(criterion);
        }
        let contract = RollbackContract::new(by_metric.into_values().collect());
        Shown(contract.expect("criteria on different metrics are a contract"))
    })
}

/// Plans that fit every [`policy`](super::policy): the track is that of their risk, and the criteria are on what a
/// simulated platform measures. They shrink to a change that names nothing that it touches, with `error_rate > 1%`.
pub fn plan() -> impl Strategy<Value = Shown<Arc<Plan>>> + Clone {
    parts().prop_map(|parts| build("release-1", parts, |builder| builder))
}

/// Rehearsals on the track `drill`, which every [`drill_policy`](super::drill_policy) has.
///
/// # Panics
///
/// Never: what it is made of is constant.
pub fn drill_plan() -> impl Strategy<Value = Shown<Arc<Plan>>> + Clone {
    parts().prop_map(|parts| {
        build("drill-1", parts, |builder| builder.drill().track("drill".parse().expect("a valid name")))
    })
}

#[derive(Debug, Clone)]
struct Parts {
    contract: RollbackContract,
    touches: Vec<&'static str>,
    audience: Audience,
    performance: PerformanceImpact,
    /// In percent: the last share with a way back.
    none_after: Option<u16>,
}

fn parts() -> impl Strategy<Value = Parts> + Clone {
    let audience = select(&[Audience::BackendOnly, Audience::UserFacing][..]);
    let performance = select(&[PerformanceImpact::Neutral, PerformanceImpact::Sensitive][..]);
    let none_after = prop_oneof![3 => Just(None), 1 => select(&[Some(50), Some(10), Some(1)][..])];
    (contract(criterion()), vec(select(&TAGS[..]), 0..=2), audience, performance, none_after).prop_map(
        |(Shown(contract), touches, audience, performance, none_after)| Parts {
            contract,
            touches,
            audience,
            performance,
            none_after,
        },
    )
}

fn build(
    release: &str,
    parts: Parts,
    finish: impl Fn(relman_core::plan::PlanBuilder) -> relman_core::plan::PlanBuilder,
) -> Shown<Arc<Plan>> {
    let usual = sample::plan();
    let tag = |tag: &&str| tag.parse::<Tag>().expect("a constant tag");
    let scope = Scope {
        touches: parts.touches.iter().map(tag).collect(),
        audience: parts.audience,
        performance: parts.performance,
        ..usual.scope().clone()
    };
    let contract = match parts.none_after {
        Some(percent) => sample::without_way_back(parts.contract, TrafficShare::percent(percent)),
        None => parts.contract,
    };
    let builder = sample::builder(release, &[]).scope(scope).contract(contract);
    Shown(Arc::new(finish(builder).build().expect("its parts are valid")))
}
