use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, Poisson};
use relman_core::{
    chain::Digest,
    judge::{Arm, ClassicHistogram, Histogram},
    unit::{Finite, ReleaseId, Window},
};

/// The upper bounds of the latency buckets in milliseconds, as services commonly choose them.
const BOUNDS_MS: [f64; 10] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0];

/// Where numbers come from: a stream of randomness for each question, so that an answer depends on the question
/// alone and not on what was asked before.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The randomness of one quantity of one arm over one window.
    pub(super) fn of(seed: u64, release: &ReleaseId, quantity: &str, arm: Arm, window: Window) -> Self {
        let question = format!("{seed}\n{release}\n{quantity}\n{arm}\n{window}");
        Self(ChaCha8Rng::from_seed(*Digest::of_line(question.as_bytes()).as_bytes()))
    }

    /// How many come when so many are expected.
    pub(super) fn count(&mut self, expected: f64) -> u64 {
        match Poisson::new(expected) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count drawn from a Poisson distribution is a whole number that is not negative"
            )]
            Ok(poisson) => poisson.sample(&mut self.0) as u64,
            // Nothing is expected.
            Err(_) => 0,
        }
    }

    /// How many of `whole` are hit when each is with this probability.
    pub(super) fn part(&mut self, whole: u64, probability: f64) -> u64 {
        let binomial = Binomial::new(whole, probability.clamp(0.0, 1.0));
        binomial.map_or(0, |binomial| binomial.sample(&mut self.0)).min(whole)
    }

    /// How so many log-normal latencies are spread over the buckets, added to `counts`.
    ///
    /// Drawn bucket by bucket with the distribution's own probabilities, which is the same in law as drawing each
    /// latency by itself, and costs ten draws in place of thousands.
    pub(super) fn latencies(&mut self, requests: u64, median_ms: f64, spread: f64, counts: &mut [u64]) {
        let mut left = requests;
        let mut below = 0.0;
        for (count, bound) in counts.iter_mut().zip(BOUNDS_MS) {
            let up_to = log_normal_below(bound, median_ms, spread);
            let inside = if below < 1.0 { (up_to - below) / (1.0 - below) } else { 1.0 };
            let hit = self.part(left, inside);
            *count += hit;
            left -= hit;
            below = up_to;
        }
        if let Some(last) = counts.last_mut() {
            *last += left;
        }
    }
}

/// The probability that a log-normal value is at most `bound`.
fn log_normal_below(bound: f64, median: f64, spread: f64) -> f64 {
    let deviations = libm::log(bound / median) / spread;
    0.5 * libm::erfc(-deviations * std::f64::consts::FRAC_1_SQRT_2)
}

/// One count for each bucket, all zero.
pub(super) fn no_latencies() -> Vec<u64> {
    vec![0; BOUNDS_MS.len() + 1]
}

/// The histogram with these counts.
pub(super) fn histogram(counts: Vec<u64>) -> Histogram {
    let bounds = BOUNDS_MS.iter().map(|bound| Finite::new(*bound).expect("the bounds are finite")).collect();
    Histogram::Classic(
        ClassicHistogram::new(bounds, counts).expect("the bounds rise and there is a count for each"),
    )
}

#[cfg(test)]
mod tests {
    use relman_core::unit::Timestamp;

    use super::*;

    fn draw(seed: u64) -> Draw {
        let window = Window { from: Timestamp::from_millis(0), until: Timestamp::from_millis(60_000) };
        Draw::of(seed, &"checkout-241".parse().unwrap(), "requests", Arm::Canary, window)
    }

    #[test]
    fn draws_are_where_they_are_expected() {
        let requests = draw(1).count(1_000_000.0);
        assert!((990_000..1_010_000).contains(&requests), "{requests}");
        let errors = draw(1).part(1_000_000, 0.001);
        assert!((850..1_150).contains(&errors), "{errors}");
        assert_eq!(draw(1).part(10, 0.0), 0);
        assert_eq!(draw(1).part(10, 7.0), 10);
        assert_eq!(draw(1).count(0.0), 0);
    }

    #[test]
    fn latencies_have_the_median_and_the_spread_of_the_world() {
        let mut counts = no_latencies();
        draw(1).latencies(1_000_000, 80.0, 0.4, &mut counts);
        assert_eq!(counts.iter().sum::<u64>(), 1_000_000);
        // 80 ms · e^(0.4 · 2.326) is 203 ms, read off the bucket from 100 to 250 ms.
        let p99 = histogram(counts).quantile(0.99).unwrap().get();
        assert!((200.0..250.0).contains(&p99), "{p99}");
    }

    #[test]
    fn another_seed_gives_other_numbers() {
        assert_eq!(draw(1).count(1e6), draw(1).count(1e6));
        assert_ne!(draw(1).count(1e6), draw(2).count(1e6));
    }
}
