//! What a trial sees at a look: drawn from one stream of randomness, in a fixed order.

use relman_core::{
    judge::{Answer, Arm, Histogram, Measurement},
    unit::{Span, Timestamp, TrafficShare},
};

use super::setup::{Draws, Wanted};
use crate::world::{
    Complaints, World,
    behaviour::{Behaviour, Conditions, Severity, part_of},
    draw::{Draw, histogram, no_latencies},
    metrics::Kind,
};

/// A part of a look in which nothing changes. Times are after the first exposure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) from: Span,
    pub(super) until: Span,
    pub(super) share: TrafficShare,
}

/// The traffic of one trial.
pub(super) struct Traffic<'a> {
    world: &'a World,
    draws: Draws,
    draw: Draw,
    start: Timestamp,
    /// The moments at which something changes that are still to come, the next one last.
    turns: Vec<Span>,
    severity: Severity,
    canary_behaviour: Behaviour,
    baseline_behaviour: Behaviour,
    pub(super) canary: ArmCounts,
    pub(super) baseline: ArmCounts,
    /// From when on a regression showed.
    pub(super) onset: Option<Span>,
    /// Requests that were harmed beyond what the healthy version does.
    pub(super) requests_harmed: f64,
    /// Users who met at least one of those.
    pub(super) users_harmed: f64,
}

/// What was measured of an arm over one look, kept as a judge wants it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ArmCounts {
    requests: u64,
    errors: u64,
    log_errors: u64,
    counts: Answer,
    log_counts: Answer,
    latencies: Answer,
}

impl ArmCounts {
    fn nothing() -> Self {
        let counts = Answer::Value(Measurement::Counts { requests: 0, errors: 0 });
        let latencies = Histogram::Classic(histogram(no_latencies()));
        Self {
            requests: 0,
            errors: 0,
            log_errors: 0,
            log_counts: counts.clone(),
            counts,
            latencies: Answer::Value(Measurement::Histogram(latencies)),
        }
    }

    /// What a criterion about this is judged on.
    pub(super) fn answer(&self, kind: Kind) -> &Answer {
        match kind {
            Kind::Errors => &self.counts,
            Kind::LogErrors => &self.log_counts,
            Kind::Latency => &self.latencies,
        }
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    fn buckets(&mut self) -> &mut [u64] {
        match &mut self.latencies {
            Answer::Value(Measurement::Histogram(Histogram::Classic(latencies))) => latencies.counts_mut(),
            _ => &mut [],
        }
    }

    fn clear(&mut self) {
        (self.requests, self.errors, self.log_errors) = (0, 0, 0);
        self.buckets().fill(0);
    }

    /// Adds the requests of a stretch.
    fn draw(&mut self, draw: &mut Draw, world: &World, wanted: Wanted, load: &Load<'_>) {
        let requests = draw.requests(world.requests.arrivals, load.expected);
        self.requests += requests;
        if wanted.errors {
            let errors = draw.errors(requests, load.shared, load.behaviour);
            self.errors += errors;
            if wanted.log_errors {
                self.log_errors += errors + draw.part(requests - errors, world.log_noise);
            }
        }
        if wanted.latencies {
            draw.latencies(requests, &load.behaviour.latencies, self.buckets());
        }
    }

    /// Makes what was counted an answer.
    fn settle(&mut self) {
        let counts = |errors| Answer::Value(Measurement::Counts { requests: self.requests, errors });
        (self.counts, self.log_counts) = (counts(self.errors), counts(self.log_errors));
    }
}

/// What comes to an arm over a stretch.
struct Load<'a> {
    expected: f64,
    /// Errors of bursts that hit both arms.
    shared: u64,
    behaviour: &'a Behaviour,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(world: &'a World, draws: Draws, draw: Draw, start: Timestamp) -> Self {
        let mut severity = Severity::default();
        let before = Conditions { at: start, since: None, share: TrafficShare::ZERO };
        world.severity(before, &mut severity);
        let mut turns = world.turns();
        turns.reverse();
        Self {
            world,
            draws,
            draw,
            start,
            turns,
            canary_behaviour: world.behaviour(Arm::Canary, &severity),
            baseline_behaviour: world.behaviour(Arm::Baseline, &severity),
            severity,
            canary: ArmCounts::nothing(),
            baseline: ArmCounts::nothing(),
            onset: None,
            requests_harmed: 0.0,
            users_harmed: 0.0,
        }
    }

    /// Draws what happens over one look. Complaints come later: `complain` gets the time of each.
    pub(super) fn look(&mut self, look: Stretch, complain: impl FnMut(Span)) {
        self.canary.clear();
        self.baseline.clear();
        let weather = self.draw.weather(self.world.requests.arrivals);
        let mut upset = 0.0;
        let mut from = look.from;
        while from < look.until {
            while self.turns.last().is_some_and(|turn| *turn <= from) {
                self.turns.pop();
            }
            let until = self.turns.last().map_or(look.until, |turn| look.until.min(*turn));
            upset += self.stretch(Stretch { from, until, ..look }, weather);
            from = until;
        }
        self.canary.settle();
        if look.share < TrafficShare::FULL {
            self.baseline.settle();
        }
        self.complaints(look.until, upset, complain);
    }

    /// Draws the requests of a stretch; how many users have a reason to complain.
    fn stretch(&mut self, stretch: Stretch, weather: f64) -> f64 {
        let length = stretch.until.saturating_sub(stretch.from);
        let middle = stretch.from + Span::from_millis(length.as_millis() / 2);
        let at = self.start + middle;
        let conditions = Conditions { at, since: Some(middle), share: stretch.share };
        if self.world.severity(conditions, &mut self.severity) {
            self.canary_behaviour = self.world.behaviour(Arm::Canary, &self.severity);
            self.baseline_behaviour = self.world.behaviour(Arm::Baseline, &self.severity);
        }
        if self.onset.is_none() && self.severity.shows() {
            self.onset = Some(stretch.from);
        }
        let seconds = length.as_millis() as f64 / 1_000.0;
        let both = self.world.rate_at(at) * seconds * weather;
        let part = part_of(stretch.share);
        let (of_canary, of_baseline) = self.shared_bursts(both, part);
        let before = self.canary.requests;
        let load = Load { expected: both * part, shared: of_canary, behaviour: &self.canary_behaviour };
        self.canary.draw(&mut self.draw, self.world, self.draws.canary, &load);
        if stretch.share < TrafficShare::FULL && self.draws.baseline.anything() {
            let expected = both * (1.0 - part);
            let load = Load { expected, shared: of_baseline, behaviour: &self.baseline_behaviour };
            self.baseline.draw(&mut self.draw, self.world, self.draws.baseline, &load);
        }
        let requests = (self.canary.requests - before) as f64;
        let users = requests / self.world.requests_per_user;
        self.requests_harmed += requests * self.canary_behaviour.requests_harmed;
        self.users_harmed += users * self.canary_behaviour.users_harmed;
        users * self.canary_behaviour.users_upset
    }

    /// The errors of bursts that hit both arms, in the canary and in the baseline.
    fn shared_bursts(&mut self, both: f64, part: f64) -> (u64, u64) {
        match self.world.shared_bursts() {
            None => (0, 0),
            Some(rate) => {
                let errors = self.draw.in_bursts(both * rate, self.world.burst_size);
                let of_canary = self.draw.part(errors, part);
                (of_canary, errors - of_canary)
            }
        }
    }

    fn complaints(&mut self, until: Span, upset: f64, mut complain: impl FnMut(Span)) {
        let Complaints { per_harmed_user, delay } = self.world.complaints;
        if !self.draws.complaints || per_harmed_user <= 0.0 || upset <= 0.0 {
            return;
        }
        for _ in 0..self.draw.count(upset * per_harmed_user) {
            complain(until + self.draw.delay(delay) + Span::from_millis(1));
        }
    }
}
