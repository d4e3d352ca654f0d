//! What evidence promises, and what the familiar methods cost, on simulated releases. An optimised build tries enough of
//! them to hold the figures against others; an unoptimised one as many as a second allows.

use relman_testkit::lab::methods::{Comparison, Findings};

fn found(healthy: u32, broken: u32) -> Findings {
    Comparison::new().healthy_trials(healthy).broken_trials(broken).run().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_findings() {
    assert_eq!(found(2, 1), found(2, 1));
    assert_ne!(found(2, 1), Comparison::new().healthy_trials(2).broken_trials(1).seed(2).run().unwrap());
}

#[test]
fn no_trials_are_refused() {
    for comparison in [Comparison::new().healthy_trials(0), Comparison::new().broken_trials(2_000_000)] {
        let error = comparison.run().unwrap_err().to_string();
        assert!(error.ends_with("give from 1 to 1000000"), "{error}");
    }
}

/// What takes seconds in an optimised build alone.
#[cfg(not(debug_assertions))]
mod promises {
    use relman_testkit::lab::methods::{Method, Weather};

    use super::found;

    const RATES: [f64; 3] = [10.0, 100.0, 1_000.0];

    /// Of a thousand healthy releases that are each turned back with a probability of 1 %, more than 22 are in fewer than one
    /// of 5,000 cases.
    const MOST_OF_A_THOUSAND: u64 = 22;

    /// Mean minutes until errors of 0.2, 0.5, 1 and 2 % are found, from minute 0 and from minute 750 on, as a
    /// simulation by other code gave them.
    const MINUTES: [(Method, [f64; 4], [f64; 4]); 3] = [
        (Method::LimitFast, [61.0, 25.0, 10.0, 4.0], [7.0, 1.0, 1.0, 1.0]),
        (Method::BaselineFast, [94.0, 35.0, 25.0, 12.0], [15.0, 2.0, 1.0, 1.0]),
        (Method::BaselineBurstProof, [112.0, 43.0, 33.0, 21.0], [46.0, 25.0, 21.0, 19.0]),
    ];

    #[test]
    fn evidence_keeps_its_promise_where_it_makes_one() {
        let found = found(1_000, 300);
        let rough =
            [Weather::Bursts(5.0), Weather::Bursts(20.0), Weather::DailyIncident, Weather::DailyDrift];
        let proven = [Method::LimitBurstProof, Method::BaselineBurstProof];
        for method in proven {
            for weather in [Weather::Calm].into_iter().chain(rough) {
                for rate in RATES {
                    // Nobody promises that a limit is kept in an incident.
                    let Some(share) = found.healthy(method, weather, rate) else { continue };
                    assert_eq!(share.trials, 1_000);
                    assert!(share.hits <= MOST_OF_A_THOUSAND, "{method}, {weather:?}, {rate}: {share:?}");
                }
            }
        }
        for method in [Method::LimitFast, Method::BaselineFast] {
            for rate in RATES {
                assert!(found.healthy(method, Weather::Calm, rate).unwrap().hits <= MOST_OF_A_THOUSAND);
                // What believes in independent errors can only hold a release.
                assert!(found.healthy(method, Weather::Bursts(20.0), rate).unwrap().value > 0.99);
            }
        }
        for one in &found.at_each_request {
            assert!(one.ratio() > 1.0 && one.ratio() < 1.5, "{one:?}");
        }
        for (method, first, later) in MINUTES {
            for (onset, minutes) in [(0, first), (750, later)] {
                for (broken, minutes) in [0.002, 0.005, 0.01, 0.02].into_iter().zip(minutes) {
                    let found = found.detected(method, onset, broken).unwrap();
                    let mean = found.minutes.unwrap().value;
                    // The others are rounded to a minute, and these are the means of 300 releases.
                    let near = (mean - minutes).abs() <= 0.5 + 0.1 * minutes;
                    assert!(
                        near && found.found.value > 0.95,
                        "{method} from {onset}, {broken}: {mean}, not {minutes}"
                    );
                }
            }
        }
    }
}
