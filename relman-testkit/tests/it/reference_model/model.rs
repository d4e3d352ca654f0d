//! The release machine as `PROCESS` describes it, in whole seconds, without records, effects, keys or observations.
//!
//! It knows the drill track of five looks a step, one a second, and says of every move whether it is allowed and where
//! the release is afterwards. Where the machine and this model disagree, one of them does not do what people were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use crate::reference_model::{
    moves::{GateName, Move, Passes},
    people::{May, Who},
};

mod onward;
mod world;

/// The shares of the steps in per cent.
pub const SHARES: [u32; 4] = [1, 10, 50, 100];
/// How long a step has to be observed.
const BAKE: u64 = 5;
/// How long a release is held without data before it goes back.
const PATIENCE: u64 = 2 * HOUR;
const SHIFT: u64 = 12 * HOUR;
pub const OVERRIDE: u64 = HOUR;
const HOUR: u64 = 3_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Planning,
    Staging,
    Releasing,
    Validating,
    RollingBack,
    Completed,
    RolledBack,
    Aborted,
    Closed,
}

/// What the platform was asked to do and has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Install,
    Traffic(u32),
}

/// When the platform is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    At(u64),
    WhenResumed,
}

/// A look that was asked for and has no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looking {
    number: usize,
    from: u64,
    until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    pub baked: u64,
    /// Whether the traffic is where it should be.
    set: bool,
    looked_until: u64,
    counts_from: u64,
    errors_clean: bool,
    latency_clean: bool,
    /// How often the traffic was found elsewhere.
    drifts: u32,
}

/// Whether the last move was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Allowed,
    Refused,
}

/// Rules that can be got wrong; the tests show that a model with one of them wrong is refuted.
pub trait Rules: std::fmt::Debug + Clone + 'static {
    fn authors_may_approve() -> bool {
        false
    }
    fn held_time_counts() -> bool {
        false
    }
    fn rollback_owes_a_post_mortem() -> bool {
        true
    }
    fn zeros_that_confirm() -> u32 {
        2
    }
}

/// The rules as they are.
#[derive(Debug, Clone)]
pub struct AsWritten;
impl Rules for AsWritten {}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the process")]
pub struct Model<R> {
    pub risk: Risk,
    pub now: u64,
    pub phase: Phase,
    pub step: Option<Step>,
    authors: BTreeSet<&'static str>,
    pub approvers: BTreeSet<&'static str>,
    checks: BTreeMap<&'static str, Passes>,
    pub held: bool,
    /// When patience ends.
    pub unmeasured: Option<u64>,
    pub deployer_held: bool,
    /// Held because someone else moves the traffic.
    pub drift_held: bool,
    asked: Option<Asked>,
    due: Due,
    /// Whether the platform has been asked, and not answered yet.
    under_way: bool,
    failures: u32,
    looking: Option<Looking>,
    /// When the next question may be asked, where the answer to the last one led to nothing.
    ask_after: u64,
    /// Since when the artifact is installed in the phase under way.
    installed: bool,
    pub cover: Option<(&'static str, u64)>,
    overridden: BTreeMap<GateName, (BTreeSet<&'static str>, u64)>,
    pub owed: BTreeSet<u32>,
    opened: u32,
    complaints: u32,
    /// In per cent, as it was last set or seen to be.
    pub exposure: u32,
    zeros: u32,
    next_zero: u64,
    unconfirmed: u32,
    /// Whether a change that gives users the new version may still arrive: a call may be under way longer than any of
    /// these lives lasts.
    in_doubt: bool,
    pub answer: Answer,
    rules: PhantomData<R>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    Standard,
    High,
}

impl<R: Rules> Model<R> {
    /// Ana has recorded the plan.
    pub fn planned(risk: Risk) -> Self {
        Self {
            risk,
            now: 0,
            phase: Phase::Planning,
            step: None,
            authors: ["user:ana"].into(),
            approvers: BTreeSet::new(),
            checks: BTreeMap::new(),
            held: false,
            unmeasured: None,
            deployer_held: false,
            drift_held: false,
            asked: None,
            due: Due::At(0),
            under_way: false,
            failures: 0,
            looking: None,
            ask_after: 0,
            installed: false,
            cover: None,
            overridden: BTreeMap::new(),
            owed: BTreeSet::new(),
            opened: 0,
            complaints: 0,
            exposure: 0,
            zeros: 0,
            next_zero: 0,
            unconfirmed: 0,
            in_doubt: false,
            answer: Answer::Allowed,
            rules: PhantomData,
        }
    }

    /// Whether the world can do this now; people can try everything at any time.
    pub fn is_possible(&self, one: Move) -> bool {
        match one {
            Move::PlatformDone | Move::PlatformFails | Move::PlatformRefuses => self.awaits_platform(),
            Move::Look(_) => self.is_watched(),
            Move::TrafficShown(_) => self.phase == Phase::RollingBack && self.asked.is_none(),
            _ => true,
        }
    }

    /// Whether the platform has been asked for something, or is asked again by itself.
    fn awaits_platform(&self) -> bool {
        self.asked.is_some() && (self.under_way || self.due != Due::WhenResumed)
    }

    fn is_watched(&self) -> bool {
        self.step.as_ref().is_some_and(|step| step.set || self.exposure > 0)
    }

    pub fn after(&self, one: Move) -> Self {
        let mut next = self.clone();
        next.now = match (one, self.due) {
            (Move::Wait(seconds), _) => self.now + seconds,
            (Move::PlatformDone | Move::PlatformFails | Move::PlatformRefuses, Due::At(at))
                if !self.under_way =>
            {
                self.now.max(at)
            }
            (Move::TrafficShown(_), _) => self.now.max(self.next_zero).max(self.ask_after),
            _ => self.now,
        };
        next.expire();
        next.schedule();
        // Patience that has ended meanwhile takes back what the platform was asked for.
        let answer =
            if next.phase == self.phase || one.is_by_somebody() { next.take(one) } else { Answer::Allowed };
        next.advance();
        next.schedule();
        Self { answer, ..next }
    }

    /// Asks for what is due: nothing is asked twice at a time.
    fn schedule(&mut self) {
        let due = matches!(self.due, Due::At(at) if at <= self.now);
        self.under_way = self.asked.is_some() && (self.under_way || due);
        let Some(step) = &self.step else {
            self.looking = None;
            return;
        };
        let (number, from, until) = (step.number, step.looked_until, self.now);
        let due = self.is_watched() && self.look_is_due() <= self.now;
        if self.looking.is_none() && due {
            self.looking = Some(Looking { number, from, until });
        }
    }

    fn look_is_due(&self) -> u64 {
        self.step.as_ref().map_or(self.now, |step| step.looked_until + 1).max(self.ask_after)
    }

    /// Asks the platform for something, unless a person holds what goes forward.
    fn ask(&mut self, asked: Asked) {
        (self.asked, self.due, self.under_way, self.failures) = (Some(asked), Due::At(self.now), false, 0);
        self.suspend();
    }

    fn suspend(&mut self) {
        let forward = match self.asked {
            Some(Asked::Install) => true,
            Some(Asked::Traffic(percent)) => percent > self.exposure,
            None => false,
        };
        if (self.held || self.drift_held) && forward {
            self.due = Due::WhenResumed;
        }
    }

    fn expire(&mut self) {
        let now = self.now;
        self.cover = self.cover.filter(|(_, until)| *until > now);
        self.overridden.retain(|_, (_, until)| *until > now);
        if self.unmeasured.is_some_and(|until| until <= now) {
            self.roll_back();
        }
    }

    fn take(&mut self, one: Move) -> Answer {
        let allowed = match one {
            Move::Approve(who) => self.approve(who),
            Move::Revise(who) => self.revise(who),
            Move::Check(who, check, passes) => self.check(who, check, passes),
            Move::Hold(who) => {
                let runs = matches!(
                    self.phase,
                    Phase::Planning | Phase::Staging | Phase::Releasing | Phase::Validating
                );
                let allowed = who.is_known() && runs && !self.held;
                self.held |= allowed;
                self.suspend();
                allowed
            }
            Move::Resume(who) => {
                let allowed = who.may(May::Operate) && (self.held || self.deployer_held || self.drift_held);
                if allowed {
                    if self.held
                        && let Some(step) = &mut self.step
                    {
                        step.counts_from = self.now;
                    }
                    (self.held, self.deployer_held, self.drift_held) = (false, false, false);
                    if let Some(step) = &mut self.step {
                        step.drifts = 0;
                    }
                    self.due = Due::At(self.now);
                }
                allowed
            }
            Move::RollBack(who) => {
                let there = matches!(self.phase, Phase::Releasing | Phase::Validating | Phase::Completed);
                let allowed = who.is_known() && there;
                if allowed {
                    self.roll_back();
                }
                allowed
            }
            Move::Abort(who) => {
                let allowed = who.may(May::Operate) && matches!(self.phase, Phase::Planning | Phase::Staging);
                if allowed {
                    self.end(Phase::Aborted);
                }
                allowed
            }
            Move::Override(who, gate) => self.grant(who, gate),
            Move::TakeDuty(who) => self.take_duty(who),
            Move::File(who, number) => who.may(May::Operate) && self.owed.remove(&number),
            Move::Complain(who) => self.complain(who),
            Move::Close(who) => {
                let ended = matches!(self.phase, Phase::Completed | Phase::RolledBack | Phase::Aborted);
                let allowed = who.may(May::Operate) && ended && self.owed.is_empty();
                if allowed {
                    self.phase = Phase::Closed;
                }
                allowed
            }
            Move::PlatformDone => {
                self.platform_done();
                true
            }
            Move::PlatformFails | Move::PlatformRefuses => {
                self.platform_fails(one);
                true
            }
            Move::Look(seen) => {
                self.wait_and_look(seen);
                true
            }
            Move::TrafficShown(percent) => {
                self.traffic_shown(percent);
                true
            }
            Move::Wait(_) => true,
        };
        if allowed { Answer::Allowed } else { Answer::Refused }
    }

    fn approve(&mut self, who: Who) -> bool {
        let is_author = self.authors.contains(who.name()) && !R::authors_may_approve();
        self.phase == Phase::Planning
            && who.may(May::Approve)
            && who.is_a_person()
            && !is_author
            && self.approvers.insert(who.name())
    }

    fn revise(&mut self, who: Who) -> bool {
        let allowed = self.phase == Phase::Planning && who.may(May::Plan);
        if allowed {
            self.authors.insert(who.name());
            self.approvers.clear();
        }
        allowed
    }

    /// The checks that the gate of the phase asks for.
    fn asked_checks(&self) -> &'static [&'static str] {
        match (self.phase, self.risk) {
            (Phase::Staging, Risk::Standard) => &["unit", "integration", "end-to-end"],
            (Phase::Staging, Risk::High) => &["unit", "integration", "end-to-end", "manual-qa"],
            (Phase::Validating, _) => &["user-flows"],
            _ => &[],
        }
    }

    /// The next check that is neither passed nor overridden.
    pub fn open_check(&self) -> Option<&'static str> {
        let covered = self.gate().and_then(|gate| self.overridden.get(&gate)).map(|(checks, _)| checks);
        let open = |check: &&&str| {
            self.checks.get(**check) != Some(&Passes::Yes)
                && !covered.is_some_and(|checks| checks.contains(**check))
        };
        self.asked_checks().iter().find(open).copied()
    }

    fn gate(&self) -> Option<GateName> {
        match self.phase {
            Phase::Staging => Some(GateName::Staging),
            Phase::Validating => Some(GateName::Validation),
            _ => None,
        }
    }

    fn check(&mut self, who: Who, check: &'static str, passes: Passes) -> bool {
        let signs = check != "manual-qa" || who.is_a_person();
        let allowed = who.may(May::Check) && self.asked_checks().contains(&check) && signs;
        if allowed {
            self.checks.insert(check, passes);
        }
        allowed
    }

    fn grant(&mut self, who: Who, gate: GateName) -> bool {
        let apart = !self.authors.contains(who.name()) && !self.approvers.contains(who.name());
        if !who.may(May::Override) || !who.is_a_person() || !apart || self.gate() != Some(gate) {
            return false;
        }
        let failed = |check: &&&str| self.checks.get(**check) == Some(&Passes::No);
        let failed: BTreeSet<_> = self.asked_checks().iter().filter(failed).copied().collect();
        if failed.is_empty() {
            return false;
        }
        self.overridden.insert(gate, (failed, self.now + OVERRIDE));
        self.owe();
        true
    }

    fn owe(&mut self) {
        self.opened += 1;
        self.owed.insert(self.opened);
    }

    fn take_duty(&mut self, who: Who) -> bool {
        let there =
            matches!(self.phase, Phase::Planning | Phase::Staging | Phase::Releasing | Phase::Validating);
        let allowed = there && who.may(May::OnCall) && who.is_a_person();
        if allowed {
            if self.cover.is_none()
                && let Some(step) = &mut self.step
            {
                step.counts_from = self.now;
            }
            self.cover = Some((who.name(), self.now + SHIFT));
        }
        allowed
    }

    fn complain(&mut self, who: Who) -> bool {
        let had_users =
            !matches!(self.phase, Phase::Planning | Phase::Staging | Phase::Aborted | Phase::Closed);
        let allowed = who.is_known() && had_users;
        if allowed {
            self.complaints += 1;
            if self.complaints > 3 && matches!(self.phase, Phase::Releasing | Phase::Validating) {
                self.roll_back();
            }
        }
        allowed
    }

    fn roll_back(&mut self) {
        self.in_doubt = matches!(self.asked, Some(Asked::Traffic(percent)) if percent > 0);
        self.end(Phase::RollingBack);
        self.ask(Asked::Traffic(0));
        (self.zeros, self.unconfirmed, self.next_zero) = (0, 0, 0);
        if R::rollback_owes_a_post_mortem() {
            self.owe();
        }
    }

    /// Nothing that still wanted to go forward survives.
    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        (self.step, self.asked, self.cover, self.unmeasured) = (None, None, None, None);
        (self.held, self.deployer_held, self.drift_held, self.failures) = (false, false, false, 0);
        self.overridden.clear();
    }

    /// Goes forward as far as nothing is missing.
    fn advance(&mut self) {
        while !self.held && !self.deployer_held && !self.drift_held && self.unmeasured.is_none() {
            match self.phase {
                Phase::Planning if self.approvers.len() >= self.approvals_needed() => {
                    self.phase = Phase::Staging;
                    self.ask(Asked::Install);
                }
                Phase::Staging if self.installed && self.open_check().is_none() => {
                    (self.phase, self.installed) = (Phase::Releasing, false);
                    self.ask(Asked::Install);
                    self.checks.clear();
                    self.overridden.clear();
                }
                Phase::Releasing if self.installed && self.step.is_none() => self.start_step(1),
                Phase::Releasing if self.step_has_passed() => {
                    let number = self.step.as_ref().map_or(0, |step| step.number);
                    self.start_step(number + 1);
                }
                Phase::Validating
                    if self.step_has_passed() && self.cover.is_some() && self.open_check().is_none() =>
                {
                    self.end(Phase::Completed);
                }
                _ => return,
            }
        }
    }

    pub fn approvals_needed(&self) -> usize {
        match self.risk {
            Risk::Standard => 1,
            Risk::High => 2,
        }
    }

    fn step_has_passed(&self) -> bool {
        self.step.as_ref().is_some_and(|step| {
            let fresh = self.now - step.looked_until <= 2;
            step.set && fresh && step.baked >= BAKE && step.errors_clean && step.latency_clean
        })
    }

    fn start_step(&mut self, number: usize) {
        let now = self.now;
        self.ask(Asked::Traffic(SHARES[number - 1]));
        self.step = Some(Step {
            number,
            baked: 0,
            set: false,
            looked_until: now,
            counts_from: now,
            errors_clean: false,
            latency_clean: false,
            drifts: 0,
        });
    }
}

/// Where traffic that has drifted is, in per cent: on no step.
pub const ELSEWHERE: u32 = 30;
