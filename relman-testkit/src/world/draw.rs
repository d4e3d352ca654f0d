use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
#[cfg(feature = "lab")]
use rand_distr::StandardUniform;
use rand_distr::{Binomial, Distribution, Exp1, Gamma, Geometric, Poisson};
use relman_core::{
    chain::Digest,
    judge::{Arm, ClassicHistogram, Histogram},
    unit::{Finite, ReleaseId, Span, Window},
};

use super::{
    Arrivals,
    behaviour::{BOUNDS_MS, Behaviour, Latencies},
};

/// Where numbers come from.
///
/// The simulated platform has a stream of randomness for each question, so that an answer depends on the question
/// alone and not on what was asked before. The lab has one for each trial, which costs less.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The randomness of one quantity of one arm over one window.
    pub(super) fn of(seed: u64, release: &ReleaseId, quantity: &str, arm: Arm, window: Window) -> Self {
        Self::about(&format!("{seed}\n{release}\n{quantity}\n{arm}\n{window}"))
    }

    /// The randomness that belongs to a question.
    pub(crate) fn about(question: &str) -> Self {
        Self(ChaCha8Rng::from_seed(*Digest::of_line(question.as_bytes()).as_bytes()))
    }

    /// How many come when so many are expected.
    pub(crate) fn count(&mut self, expected: f64) -> u64 {
        match Poisson::new(expected) {
            Ok(poisson) => whole(poisson.sample(&mut self.0)),
            // Nothing is expected.
            Err(_) => 0,
        }
    }

    /// How many requests come when so many are expected.
    pub(crate) fn requests(&mut self, arrivals: Arrivals, expected: f64) -> u64 {
        match arrivals {
            Arrivals::Exact => whole((expected + 0.5).floor()),
            Arrivals::ByChance | Arrivals::Varying { .. } => self.count(expected),
        }
    }

    /// By how much more or less than usual is to be expected in a look.
    pub(crate) fn weather(&mut self, arrivals: Arrivals) -> f64 {
        match arrivals {
            Arrivals::Exact | Arrivals::ByChance => 1.0,
            Arrivals::Varying { variation } => {
                let variance = variation * variation;
                Gamma::new(1.0 / variance, variance).map_or(1.0, |gamma| gamma.sample(&mut self.0))
            }
        }
    }

    /// How many of `whole` are hit when each is with this probability.
    pub(crate) fn part(&mut self, whole: u64, probability: f64) -> u64 {
        if whole == 0 {
            return 0;
        }
        let binomial = Binomial::new(whole, probability.clamp(0.0, 1.0));
        binomial.map_or(0, |binomial| binomial.sample(&mut self.0)).min(whole)
    }

    /// How many are hit when so many are expected and they come in bursts of this mean size.
    pub(crate) fn in_bursts(&mut self, expected: f64, size: f64) -> u64 {
        let bursts = self.count(expected / size);
        // The size is one more than the failures before a success.
        match Geometric::new(1.0 / size) {
            Ok(more) => (0..bursts).map(|_| 1 + more.sample(&mut self.0)).sum(),
            Err(_) => bursts,
        }
    }

    /// How many of these requests fail, besides those that a burst of both arms has hit already.
    pub(crate) fn errors(&mut self, requests: u64, hit: u64, behaviour: &Behaviour) -> u64 {
        let mut errors = hit.min(requests);
        for (rate, size) in &behaviour.bursts {
            errors = requests.min(errors + self.in_bursts(requests as f64 * rate, *size));
        }
        errors + self.part(requests - errors, behaviour.errors)
    }

    /// A number between 0 and 1, each as likely as the others.
    #[cfg(feature = "lab")]
    pub(crate) fn uniform(&mut self) -> f64 {
        StandardUniform.sample(&mut self.0)
    }

    /// A delay of this mean.
    pub(crate) fn delay(&mut self, mean: Span) -> Span {
        let times: f64 = Exp1.sample(&mut self.0);
        Span::from_millis(whole((times * mean.as_millis() as f64).floor()))
    }

    /// How so many latencies are spread over the buckets, added to `counts`.
    ///
    /// Drawn bucket by bucket with the distribution's own probabilities, which is the same in law as drawing each
    /// latency on its own, and costs a few draws in place of thousands.
    pub(crate) fn latencies(&mut self, requests: u64, latencies: &Latencies, counts: &mut [u64]) {
        let mut left = requests;
        for (count, inside) in counts.iter_mut().zip(latencies.inside()) {
            if left == 0 {
                return;
            }
            let hit = self.part(left, *inside);
            *count += hit;
            left -= hit;
        }
        if let Some(last) = counts.last_mut() {
            *last += left;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is drawn is a whole number that is not negative, and the conversion saturates"
)]
fn whole(drawn: f64) -> u64 {
    drawn as u64
}

/// One count for each bucket, all zero.
pub(crate) fn no_latencies() -> Vec<u64> {
    vec![0; BOUNDS_MS.len() + 1]
}

/// The histogram with these counts.
pub(crate) fn histogram(counts: Vec<u64>) -> ClassicHistogram {
    let bounds = BOUNDS_MS.iter().map(|bound| Finite::new(*bound).expect("the bounds are finite")).collect();
    ClassicHistogram::new(bounds, counts).expect("the bounds rise and there is a count for each")
}

/// The same as a metrics source answers it.
pub(super) fn as_histogram(counts: Vec<u64>) -> Histogram {
    Histogram::Classic(histogram(counts))
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
        assert_eq!(draw(1).requests(Arrivals::Exact, 29.7), 30);
    }

    #[test]
    fn latencies_have_the_median_and_the_spread_of_the_world() {
        let mut counts = no_latencies();
        draw(1).latencies(1_000_000, &Latencies::log_normal(80.0, 0.4), &mut counts);
        assert_eq!(counts.iter().sum::<u64>(), 1_000_000);
        // 80 ms · e^(0.4 · 2.326) is 203 ms, read off the bucket from 100 to 250 ms.
        let p99 = as_histogram(counts).quantile(0.99).unwrap().get();
        assert!((200.0..250.0).contains(&p99), "{p99}");
    }

    /// Mean and variance of many draws.
    fn moments(mut drawn: impl FnMut() -> f64) -> (f64, f64) {
        let all: Vec<f64> = (0..20_000).map(|_| drawn()).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let squares = all.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>();
        (mean, squares / all.len() as f64)
    }

    #[test]
    fn bursts_keep_the_mean_and_widen_the_spread() {
        let mut draw = draw(1);
        // A Poisson number of geometric sizes with mean b has the variance mean · (2b − 1).
        let (mean, variance) = moments(|| draw.in_bursts(10.0, 5.0) as f64);
        assert!((mean - 10.0).abs() < 0.3, "{mean}");
        assert!((variance - 90.0).abs() < 5.0, "{variance}");
        let (mean, variance) = moments(|| draw.in_bursts(10.0, 1.0) as f64);
        assert!((mean - 10.0).abs() < 0.1 && (variance - 10.0).abs() < 0.5, "{mean} {variance}");
    }

    #[test]
    fn the_weather_goes_up_and_down_around_one() {
        let mut draw = draw(1);
        let (mean, variance) = moments(|| draw.weather(Arrivals::Varying { variation: 0.2 }));
        assert!((mean - 1.0).abs() < 0.01 && (variance - 0.04).abs() < 0.002, "{mean} {variance}");
    }

    #[test]
    fn delays_have_their_mean() {
        let mut draw = draw(1);
        let (mean, _) = moments(|| draw.delay(Span::from_secs(10)).as_millis() as f64);
        assert!((mean - 10_000.0).abs() < 300.0, "{mean}");
    }

    #[test]
    fn another_seed_gives_other_numbers() {
        assert_eq!(draw(1).count(1e6), draw(1).count(1e6));
        assert_ne!(draw(1).count(1e6), draw(2).count(1e6));
    }
}
