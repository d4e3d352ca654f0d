//! Laws: order and scale that don't matter, promises that don't depend on how criteria are put together, and bits.

use proptest::prelude::*;

use super::{release_for_tests::*, *};
use crate::{
    chain::Digest,
    judge::{
        Answer, Arm, Control, Outcome, Pool, Verdict,
        evidence::{Alpha, Scheme, Sequential, StartWeights},
        factor::{
            Arms, BurstProofAgainstBaseline, BurstProofLimit, Counts, Factor, RateAgainstBaseline, RateLimit,
        },
    },
};

/// Requests, and those that went wrong.
type Errors = (u64, u64);

fn arbitrary_counts() -> impl Strategy<Value = Errors> {
    (1_u64..20_000).prop_flat_map(|requests| (Just(requests), 0..=requests))
}

fn arbitrary_latency() -> impl Strategy<Value = Answer> {
    prop::array::uniform9(0_u64..4_000).prop_map(latency)
}

/// The logarithms of a verdict in both channels.
fn ln(verdict: &Verdict) -> (f64, f64) {
    let strength = verdict.strength.expect("judged by evidence");
    (strength.fast.get(), strength.robust.get())
}

fn known_start() -> Judging {
    Judging { start_weights: Scheme::First, ..Judging::default() }
}

/// What shards amount to, in an order.
fn sum<'a>(shards: impl Iterator<Item = &'a Answer>) -> Answer {
    let mut pool = Pool::default();
    for shard in shards {
        pool.add(shard.measurement().expect("a shard has a value"));
    }
    pool.answer().expect("there are shards")
}

proptest! {
    #[test]
    fn one_criterion_has_the_bits_of_its_factor(
        looks in prop::collection::vec((arbitrary_counts(), arbitrary_counts()), 1..12),
        steps in prop::collection::vec(1_u32..4, 12),
    ) {
        fn check<F: Factor>(
            criterion: &str,
            (fast, robust): (F, impl Factor<Interval = F::Interval>),
            looks: &[(Errors, Errors)],
            steps: &[u32],
            interval: impl Fn(Arms) -> F::Interval,
        ) {
            let weights = StartWeights::new(Scheme::Steps, PLANNED.to_vec());
            let (mut fast, mut robust) = (Sequential::new(fast, weights.clone()), Sequential::new(robust, weights));
            let mut release = Release::by_evidence(&[criterion]);
            let mut steps = steps.to_vec();
            steps.sort_unstable();
            for ((canary, baseline), step) in looks.iter().zip(steps) {
                release.step = step;
                let verdict = release.both("error_rate", counts(canary.0, canary.1), counts(baseline.0, baseline.1));
                let arms = Arms {
                    canary: Counts::new(canary.0, canary.1).unwrap(),
                    baseline: Counts::new(baseline.0, baseline.1).unwrap(),
                };
                let expected = (fast.observe(step - 1, &interval(arms)), robust.observe(step - 1, &interval(arms)));
                let (fast, robust) = ln(&verdict);
                assert_eq!((fast.to_bits(), robust.to_bits()), (expected.0.to_bits(), expected.1.to_bits()));
            }
        }
        let limit = (RateLimit::new(0.01).unwrap(), BurstProofLimit::new(0.01).unwrap());
        check("error_rate > 1%", limit, &looks, &steps, |arms| arms.canary);
        let baseline = (RateAgainstBaseline::new(2.0).unwrap(), BurstProofAgainstBaseline::new(2.0).unwrap());
        check("error_rate > 2x baseline", baseline, &looks, &steps, |arms| arms);
    }

    #[test]
    fn evidence_never_rises_in_a_look_at_or_below_the_limit(
        looks in prop::collection::vec(arbitrary_counts(), 0..10),
        requests in 1_u64..1_000,
        part in 0_u64..=100,
    ) {
        let mut limited = Release::by_evidence(&["error_rate > 1%"]);
        let mut compared = Release::by_evidence(&["error_rate > 2x baseline"]);
        let mut before = [(0.0, 0.0); 2];
        for (requests, errors) in looks {
            let verdict = compared.both("error_rate", counts(requests, errors), counts(9 * requests, errors));
            before = [ln(&limited.errors(requests, errors)), ln(&verdict)];
        }
        // One in a hundred, or less.
        let errors = requests * part / 100;
        let verdict = compared.both("error_rate", counts(100 * requests, errors), counts(200 * requests, requests));
        let after = [ln(&limited.errors(100 * requests, errors)), ln(&verdict)];
        for (before, after) in before.into_iter().zip(after) {
            let slack = |before: f64| 1e-12 * (1.0 + before.abs());
            prop_assert!(after.0 <= before.0 + slack(before.0), "fast: {:?}, then {:?}", before, after);
            prop_assert!(after.1 <= before.1 + slack(before.1), "robust: {:?}, then {:?}", before, after);
        }
    }

    #[test]
    fn with_a_known_start_a_release_that_is_clean_on_average_is_never_suspected(
        looks in prop::collection::vec((1_u64..100, 0_u64..100), 1..12),
    ) {
        let mut release = Release::new(&["error_rate > 1%"], &known_start(), 100);
        let errors: u64 = looks.iter().map(|(_, errors)| errors).sum();
        // As many clean requests as it takes come first.
        release.errors(100 * errors + 1, 0);
        for (more, errors) in looks {
            release.errors(more + errors, errors);
        }
        prop_assert_eq!(release.judge.suspicion(), None);
    }

    #[test]
    fn the_order_of_shards_does_not_matter(
        shards in prop::collection::vec((arbitrary_counts(), arbitrary_latency(), arbitrary_latency()), 1..6),
        turn in 0_usize..6,
    ) {
        let criteria = ["error_rate > 1%", "latency_p99 > 2x baseline"];
        let errors: Vec<Answer> = shards.iter().map(|(one, _, _)| counts(one.0, one.1)).collect();
        let canary: Vec<Answer> = shards.iter().map(|(_, one, _)| one.clone()).collect();
        let baseline: Vec<Answer> = shards.iter().map(|(_, _, one)| one.clone()).collect();
        let verdicts = |turn: usize| {
            let merged = |shards: &[Answer]| {
                let (before, after) = shards.split_at(turn % shards.len());
                sum(after.iter().chain(before))
            };
            let mut release = Release::by_evidence(&criteria);
            (0..3).map(|_| release.look(&[
                ("error_rate", Arm::Canary, merged(&errors)),
                ("latency_p99", Arm::Canary, merged(&canary)),
                ("latency_p99", Arm::Baseline, merged(&baseline)),
            ])).collect::<Vec<_>>()
        };
        prop_assert_eq!(verdicts(0), verdicts(turn));
    }

    #[test]
    fn shorter_intervals_leave_the_likelihood_as_it_is(
        looks in prop::collection::vec((arbitrary_counts(), arbitrary_counts()), 1..8),
    ) {
        let half = |(requests, errors): (u64, u64)| [(requests / 2, errors / 2), (requests.div_ceil(2), errors.div_ceil(2))];
        let mut whole = Release::new(&["error_rate > 1%"], &known_start(), 100);
        let mut halves = Release::new(&["error_rate > 1%"], &known_start(), 100);
        for (canary, _) in looks {
            let one = ln(&whole.errors(canary.0, canary.1)).0;
            let [first, second] = half(canary);
            halves.errors(first.0, first.1);
            let other = ln(&halves.errors(second.0, second.1)).0;
            prop_assert!((one - other).abs() <= 1e-11 * (1.0 + one.abs()), "{} and {}", one, other);
        }
    }

    #[test]
    fn more_traffic_at_the_same_rates_is_stronger_evidence(errors in 13_u64..200, times in 2_u64..20) {
        let evidence = |times: u64| ln(&Release::by_evidence(&["error_rate > 1%"]).errors(600 * times, errors * times));
        let (once, more) = (evidence(1), evidence(times));
        prop_assert!(more.0 > once.0);
        // A look is one bet, however many requests it has.
        prop_assert!((more.1 - once.1).abs() <= 1e-12 * (1.0 + once.1.abs()));
    }

    #[test]
    fn criteria_together_alarm_no_later_than_with_a_split(
        looks in prop::collection::vec([arbitrary_rate(), arbitrary_rate(), arbitrary_rate()], 1..25),
    ) {
        let names = ["error_rate", "timeout_rate", "crash_rate"];
        let criteria = names.map(|name| format!("{name} > 1%"));
        let third = Alpha::new(Alpha::default().get() / 3.0).unwrap();
        let mut together = Release::by_evidence(&criteria.each_ref().map(String::as_str));
        let mut apart = criteria.each_ref().map(|criterion| {
            Release::new(&[criterion], &Judging { alpha: third, ..Judging::default() }, 100)
        });
        for look in looks {
            let answers: Vec<_> = names.iter().zip(look).map(|(name, errors)| (*name, Arm::Canary, counts(600, errors))).collect();
            let verdicts = together.look(&answers);
            let mut split = false;
            for (release, answer) in apart.iter_mut().zip(&answers) {
                release.look(std::slice::from_ref(answer));
                split |= release.judge.failed().is_some();
            }
            let failed = together.judge.failed();
            prop_assert!(failed.is_some() || !split);
            let marked = verdicts.iter().position(|verdict| verdict.outcome == Outcome::Fail);
            prop_assert_eq!(marked, failed);
            if split {
                break;
            }
        }
    }

    #[test]
    fn the_first_look_at_a_multiple_of_a_quantile_accuses_nobody(
        canary in arbitrary_latency(),
        baseline in arbitrary_latency(),
        frozen in any::<bool>(),
    ) {
        let mut release = Release::by_evidence(&["latency_p99 > 2x baseline"]);
        if frozen {
            release.control = Control::Frozen;
        }
        let verdict = release.both("latency_p99", canary, baseline);
        prop_assert_ne!(&verdict.outcome, &Outcome::Fail);
        prop_assert_eq!((release.judge.failed(), release.judge.suspicion()), (None, None));
        prop_assert_eq!(ln(&verdict), (0.0, 0.0));
    }

    #[test]
    fn nothing_in_the_last_look_is_never_a_pass(
        looks in prop::collection::vec(prop::option::of((arbitrary_counts(), arbitrary_latency())), 0..8),
        by_threshold in any::<bool>(),
    ) {
        let judging = Judging::by(if by_threshold { MethodChoice::Threshold } else { MethodChoice::Evidence });
        let mut release = Release::new(
            &["error_rate > 1%", "error_rate > 2x baseline", "latency_p99 > 2x baseline", "latency_p99 > 1s"],
            &judging,
            0,
        );
        for look in looks.into_iter().chain([None]) {
            let answers = look.map(|((requests, errors), slow)| [
                ("error_rate", Arm::Canary, counts(requests, errors)),
                ("error_rate", Arm::Baseline, counts(requests, errors)),
                ("latency_p99", Arm::Canary, slow.clone()),
                ("latency_p99", Arm::Baseline, slow),
            ]);
            for verdict in release.look(answers.as_ref().map_or(&[], |answers| answers.as_slice())) {
                prop_assert!(answers.is_some() || verdict.outcome != Outcome::Pass, "{}", verdict);
            }
        }
    }

    /// What evidence keeps of the past is what the likely start needs, and it is found by the counts of all looks.
    #[test]
    fn what_came_since_is_the_end_of_the_looks(
        looks in prop::collection::vec(arbitrary_rate(), 1..40),
    ) {
        let mut release = Release::by_evidence(&["error_rate > 1%"]);
        for (number, errors) in looks.iter().enumerate() {
            let verdict = release.errors(600, *errors);
            let strength = verdict.strength.unwrap();
            let since = strength.since.unwrap();
            let start = "2026-11-23T14:00:00.000Z".parse::<crate::unit::Timestamp>().unwrap();
            let first = usize::try_from(since.since(start).as_millis() / 60_000).unwrap();
            let arms = strength.arms.unwrap();
            prop_assert_eq!(arms.canary.errors(), looks[first..=number].iter().sum::<u64>());
            prop_assert_eq!(arms.canary.requests(), 600 * (number + 1 - first) as u64);
        }
    }
}

/// Errors of six hundred requests: mostly few.
fn arbitrary_rate() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..10, 0_u64..40]
}

#[test]
fn fixed_looks_give_the_same_bits_everywhere() {
    let criteria =
        ["error_rate > 1%", "timeout_rate > 2x baseline", "latency_p99 > 2x baseline", "success_rate < 99%"];
    let mut numbers = Numbers(0x5eed);
    let mut release = Release::by_evidence(&criteria);
    let mut bytes = Vec::new();
    for number in 0..200_u64 {
        release.step = if number < 30 {
            1
        } else if number < 150 {
            2
        } else {
            3
        };
        release.control = if number < 180 { Control::Concurrent } else { Control::Frozen };
        let requests = 500 + numbers.next() % 200;
        let few = |numbers: &mut Numbers| numbers.next() % 8;
        let latencies = |numbers: &mut Numbers| {
            let part =
                [300, 600, 500, 150, 20, 4, 2, 1, 1].map(|count| count / 2 + numbers.next() % (count + 1));
            latency(part)
        };
        let answers = [
            ("error_rate", Arm::Canary, counts(requests, few(&mut numbers))),
            ("timeout_rate", Arm::Canary, counts(requests, few(&mut numbers))),
            ("timeout_rate", Arm::Baseline, counts(9 * requests, 9 * few(&mut numbers))),
            ("latency_p99", Arm::Canary, latencies(&mut numbers)),
            ("latency_p99", Arm::Baseline, latencies(&mut numbers)),
            ("success_rate", Arm::Canary, counts(requests, requests - few(&mut numbers))),
        ];
        for verdict in release.look(&answers) {
            bytes.extend(serde_json::to_vec(&verdict).unwrap());
        }
    }
    assert_eq!(Digest::of_line(&bytes).to_string(), PINNED);
}

/// Written down on x86-64; debug and release builds and every other machine have to give the same.
const PINNED: &str = "df8d051fd04cb004eab882ead5fb47b904136beb7f64eda27c0099f158065c86";
