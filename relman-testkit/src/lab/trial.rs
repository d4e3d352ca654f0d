//! One release in one world: the machine's rules for looks, without its records.
//!
//! The machine decides, seals and folds a record for each look, which is what makes it trustworthy and what takes ten
//! microseconds. A trial keeps only what the next look depends on, and judges with the same judge. That both come to
//! the same end on the same numbers is a property, tested in `trial_tests.rs`.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use relman_core::{
    judge::{
        Answer, Answers, Arm, Control, Evaluation, Evidence, Judge, Measurement, MissingKind, Outcome,
        Undecided, assess,
    },
    policy::NoDataAction,
    unit::{MetricName, Span, Timestamp, TrafficShare, Window},
};

use super::{
    outage::Outage,
    setup::{About, Rule, Setup},
    traffic::{ArmCounts, Stretch, Traffic},
};
use crate::world::{World, draw::Draw};

/// What became of a release. Times are after the first exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trial {
    pub(super) end: End,
    /// The step in which it ended, from 1.
    pub(super) step: u32,
    /// How many looks were taken in that step.
    pub(super) looks: u64,
    /// When it ended: completed, or the breach.
    pub(super) at: Span,
    /// When zero traffic was confirmed, after a rollback; the end otherwise.
    pub(super) zero_at: Span,
    /// From when on a regression showed, if one did.
    pub(super) onset: Option<Span>,
    pub(super) requests_harmed: f64,
    pub(super) users_harmed: f64,
}

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It passed every gate.
    Completed,
    /// It was rolled back.
    RolledBack(Cause),
    /// It was still under way when the longest time had passed.
    Unfinished,
}

/// Why a release was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A criterion held; its place in the contract.
    Criterion(usize),
    /// Something could not be measured for too long.
    Unmeasured,
}

/// One look, for whoever wants to see what was drawn.
#[cfg_attr(
    not(feature = "proptest"),
    expect(dead_code, reason = "what is seen is read by the comparison alone")
)]
pub(super) struct Witnessed<'a> {
    pub(super) look: Stretch,
    pub(super) canary: &'a ArmCounts,
    pub(super) baseline: &'a ArmCounts,
    /// The complaints that this look leads to.
    pub(super) complaints: &'a [Span],
}

/// Tries a release once. `witness` sees every look that is drawn.
pub(super) fn trial(
    setup: &Setup,
    world: &World,
    draw: Draw,
    start: Timestamp,
    longest: Span,
    witness: impl FnMut(&Witnessed<'_>),
) -> Trial {
    Run::new(setup, world, draw, start, witness).run(longest)
}

/// Draws what a release would meet that nothing stops, and judges nothing; the sum of what was drawn.
pub(super) fn draw_alone(setup: &Setup, world: &World, draw: Draw, start: Timestamp) -> f64 {
    let mut traffic = Traffic::new(world, setup.draws, draw, start);
    let mut from = Span::ZERO;
    let mut drawn = 0.0;
    for step in &setup.steps {
        let mut baked = Span::ZERO;
        while baked < step.bake {
            let until = from + setup.look_every;
            traffic.look(Stretch { from, until, share: step.share }, |_| drawn += 1.0);
            drawn += traffic.canary.requests() as f64 + traffic.baseline.requests() as f64;
            (from, baked) = (until, baked + setup.look_every);
        }
    }
    drawn
}

/// A release under way.
struct Run<'a, W> {
    setup: &'a Setup,
    outages: Vec<Outage>,
    traffic: Traffic<'a>,
    witness: W,
    start: Timestamp,
    now: Span,
    /// The step's place in the track.
    step: usize,
    baked: Span,
    looks: u64,
    judge: Judge,
    /// Which criteria are clean in this step, by their place in the contract.
    clean: BTreeSet<usize>,
    hold: Option<Hold>,
    /// When complaints come, the next one first.
    complaints: BinaryHeap<Reverse<Span>>,
    complained: u64,
    latest_complaints: Vec<Span>,
}

/// A hold because something can't be measured.
#[derive(Clone, Copy)]
struct Hold {
    roll_back_at: Option<Span>,
}

/// What a look leads to.
enum Next {
    Evaluation,
    End(End),
}

impl<'a, W: FnMut(&Witnessed<'_>)> Run<'a, W> {
    fn new(setup: &'a Setup, world: &'a World, draw: Draw, start: Timestamp, witness: W) -> Self {
        Self {
            setup,
            // Whoever runs a lab has refused what is no outage.
            outages: Outage::all(world).unwrap_or_default(),
            traffic: Traffic::new(world, setup.draws, draw, start),
            witness,
            start,
            now: Span::ZERO,
            step: 0,
            baked: Span::ZERO,
            looks: 0,
            judge: setup.judge.clone(),
            clean: BTreeSet::new(),
            hold: None,
            complaints: BinaryHeap::new(),
            complained: 0,
            latest_complaints: Vec::new(),
        }
    }

    fn run(mut self, longest: Span) -> Trial {
        loop {
            let until = self.now + self.setup.look_every;
            if until > longest {
                return match self.before(longest) {
                    Some((at, cause)) => self.ended(at, End::RolledBack(cause)),
                    None => self.ended(longest, End::Unfinished),
                };
            }
            let look = Stretch { from: self.now, until, share: self.share() };
            if let Some((at, cause)) = self.before(until) {
                // Users were harmed up to that moment.
                self.traffic.look(Stretch { until: at, ..look }, |_| {});
                return self.ended(at, End::RolledBack(cause));
            }
            self.draw(look);
            self.now = until;
            if let Next::End(end) = self.look(look) {
                return self.ended(until, end);
            }
        }
    }

    fn share(&self) -> TrafficShare {
        self.setup.steps[self.step].share
    }

    /// Draws a look, and the complaints that it leads to.
    fn draw(&mut self, look: Stretch) {
        let latest = &mut self.latest_complaints;
        latest.clear();
        self.traffic.look(look, |at| latest.push(at));
        let (canary, baseline) = (&self.traffic.canary, &self.traffic.baseline);
        (self.witness)(&Witnessed { look, canary, baseline, complaints: latest });
        self.complaints.extend(self.latest_complaints.iter().copied().map(Reverse));
    }

    /// What happens before a look is taken: complaints come, and the patience of a hold ends.
    fn before(&mut self, look_at: Span) -> Option<(Span, Cause)> {
        let out_of_patience = self.hold.and_then(|hold| hold.roll_back_at);
        loop {
            // What comes at the moment of the look comes after it.
            let complaint = self.complaints.peek().map(|at| at.0).filter(|at| *at < look_at);
            let next = complaint.unwrap_or(look_at);
            if let Some(at) = out_of_patience.filter(|at| *at <= next) {
                return Some((at, Cause::Unmeasured));
            }
            let at = complaint?;
            self.complaints.pop();
            self.complained += 1;
            let breached = self.setup.rules.iter().position(|rule| {
                rule.about == About::Complaints && complaints_outcome(rule, self.complained) == Outcome::Fail
            });
            if let Some(index) = breached {
                return Some((at, Cause::Criterion(index)));
            }
        }
    }

    /// Takes the look that is drawn: judges it, and acts upon it.
    fn look(&mut self, look: Stretch) -> Next {
        self.looks += 1;
        let mut gaps = self.gaps(look);
        self.judge(look);
        for index in 0..self.setup.rules.len() {
            match self.judge.outcome(index) {
                // A value that a verdict misses counts where nothing else is missing.
                Some(Outcome::Undecided(Undecided::Missing { missing, .. })) => {
                    self.clean.remove(&index);
                    if gaps.is_empty() {
                        gaps.push(*missing);
                    }
                }
                Some(Outcome::Undecided(Undecided::NotProven | Undecided::NotExcluded { .. })) => {
                    self.clean.remove(&index);
                }
                Some(Outcome::Pass) => {
                    self.clean.insert(index);
                }
                Some(Outcome::Fail | Outcome::Undecided(_)) | None => {}
            }
        }
        if gaps.is_empty() {
            self.baked = self.baked + self.setup.look_every;
        }
        if let Some(index) = self.judge.failed() {
            return Next::End(End::RolledBack(Cause::Criterion(index)));
        }
        if let Some(cause) = self.act_on_gaps(&gaps) {
            return Next::End(End::RolledBack(cause));
        }
        self.advance()
    }

    /// Shows the look to the judge.
    fn judge(&mut self, look: Stretch) {
        let control = if look.share == TrafficShare::FULL { Control::Frozen } else { Control::Concurrent };
        let shown = Shown {
            rules: &self.setup.rules,
            canary: &self.traffic.canary,
            baseline: &self.traffic.baseline,
            missing: self.gone(look),
            control,
        };
        self.judge.observe(&Evaluation {
            step: u32::try_from(self.step + 1).unwrap_or(u32::MAX),
            window: Window { from: self.start + look.from, until: self.start + look.until },
            control,
            // The platform of a lab splits the traffic as it should.
            share: None,
            exclude: self.setup.steps[self.step].exclude,
            complaints: self.complained,
            observations: &shown,
        });
    }

    /// What each criterion's metric has in place of a value, where an outage hits it.
    fn gone(&self, look: Stretch) -> Vec<Option<Answer>> {
        if self.outages.is_empty() {
            return Vec::new();
        }
        let gone = |rule: &Rule| {
            Outage::hits(&self.outages, &rule.criterion.metric, look)
                .map(|missing| missing_answer(missing, self.start))
        };
        self.setup.rules.iter().map(gone).collect()
    }

    /// The ways in which watched metrics have no value. An outage hits both arms.
    fn gaps(&self, look: Stretch) -> Vec<MissingKind> {
        if self.outages.is_empty() {
            return Vec::new();
        }
        let watched = self.setup.watched.iter();
        watched.filter_map(|metric| Outage::hits(&self.outages, metric, look)).collect()
    }

    /// Holds, rolls back or goes on, as the policy says.
    fn act_on_gaps(&mut self, gaps: &[MissingKind]) -> Option<Cause> {
        if gaps.is_empty() {
            self.hold = None;
            return None;
        }
        let rules = &self.setup.no_data;
        if gaps.iter().any(|missing| rules.rule(*missing).action == NoDataAction::RollBack) {
            return Some(Cause::Unmeasured);
        }
        let patience = gaps.iter().filter_map(|missing| rules.rule(*missing).roll_back_after).min();
        let roll_back_at = patience.map(|patience| self.now + patience);
        // While it is held, another kind of gap may leave less patience, and never more.
        let place = match self.hold.map(|hold| hold.roll_back_at) {
            None => true,
            Some(None) => roll_back_at.is_some(),
            Some(Some(before)) => roll_back_at.is_some_and(|at| at < before),
        };
        if place {
            self.hold = Some(Hold { roll_back_at });
        }
        None
    }

    /// Goes to the next step, or to the end, where the step has passed.
    fn advance(&mut self) -> Next {
        let passed = self.hold.is_none()
            && self.baked >= self.setup.steps[self.step].bake
            && self.clean.len() == self.setup.rules.len()
            && self.judge.suspicion().is_none();
        if !passed {
            return Next::Evaluation;
        }
        if self.step + 1 == self.setup.steps.len() {
            return Next::End(End::Completed);
        }
        self.step += 1;
        (self.baked, self.looks) = (Span::ZERO, 0);
        self.clean.clear();
        Next::Evaluation
    }

    fn ended(self, at: Span, end: End) -> Trial {
        let zero_at = match end {
            End::RolledBack(_) => at + self.setup.confirmed_after,
            End::Completed | End::Unfinished => at,
        };
        let Traffic { onset, requests_harmed, users_harmed, .. } = self.traffic;
        let step = u32::try_from(self.step + 1).unwrap_or(u32::MAX);
        Trial { end, step, looks: self.looks, at, zero_at, onset, requests_harmed, users_harmed }
    }
}

/// A look as its judge sees it.
#[derive(Debug)]
struct Shown<'a> {
    rules: &'a [Rule],
    canary: &'a ArmCounts,
    baseline: &'a ArmCounts,
    /// What a rule's metric has in place of a value; empty where nothing is missing.
    missing: Vec<Option<Answer>>,
    control: Control,
}

impl Answers for Shown<'_> {
    fn answer(&self, metric: &MetricName, arm: Arm) -> Option<&Answer> {
        let (index, rule) =
            self.rules.iter().enumerate().find(|(_, rule)| rule.criterion.metric == *metric)?;
        let About::Metric(kind) = rule.about else { return None };
        if let Some(Some(missing)) = self.missing.get(index) {
            return Some(missing);
        }
        match arm {
            Arm::Canary => Some(self.canary.answer(kind)),
            // What nobody compares with is not drawn.
            Arm::Baseline if self.control == Control::Concurrent && self.compares(metric) => {
                Some(self.baseline.answer(kind))
            }
            Arm::Baseline => None,
        }
    }
}

impl Shown<'_> {
    fn compares(&self, metric: &MetricName) -> bool {
        self.rules.iter().any(|rule| rule.compares && rule.criterion.metric == *metric)
    }
}

fn missing_answer(missing: MissingKind, at: Timestamp) -> Answer {
    let detail = String::new();
    match missing {
        MissingKind::NoData => Answer::NoData { detail },
        MissingKind::Stale => Answer::Stale { newest: at },
        MissingKind::ProviderError => Answer::ProviderError { detail },
        MissingKind::NotFinite => Answer::NotFinite { written: detail },
    }
}

fn complaints_outcome(rule: &Rule, count: u64) -> Outcome {
    let counted = Answer::Value(Measurement::Events { count, exposure: 0 });
    assess(&rule.criterion, Evidence { canary: &counted, baseline: None, min_requests: 0 }).outcome
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
