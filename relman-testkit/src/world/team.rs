use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use relman_core::{
    event::{CheckOutcome, Gate, HoldCause},
    machine::{Action, Due, Effect, Phase, PhaseName, PostMortem, Principal, Release},
    policy::floors,
    unit::{Actor, CheckName, Role, Span, Text, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::world::FixedDirectory;

/// Who acts in a release: asked for what they do now, given where the release is.
///
/// Implemented by [`Team`] and by closures.
pub trait People {
    /// What people do now; nothing if they wait.
    fn act(&mut self, release: &Release, now: Timestamp) -> Vec<(Principal, Action)>;

    /// Whether they can be relied upon; nobody knows, unless they say so.
    fn diligence(&self) -> Diligence {
        Diligence::Unknown
    }
}

/// Whether people can be relied upon to do what a release needs from them, sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diligence {
    /// They do.
    DoTheirPart,
    /// They may leave it.
    Unknown,
}

impl<F: FnMut(&Release, Timestamp) -> Vec<(Principal, Action)>> People for F {
    fn act(&mut self, release: &Release, now: Timestamp) -> Vec<(Principal, Action)> {
        self(release, now)
    }
}

impl People for Team {
    fn act(&mut self, release: &Release, now: Timestamp) -> Vec<(Principal, Action)> {
        self.next(release, now)
    }

    fn diligence(&self) -> Diligence {
        let waits = self.failing.values().any(|then| *then == AfterFailure::Wait);
        if self.neglected.is_empty() && self.lapses.is_empty() && !waits {
            Diligence::DoTheirPart
        } else {
            Diligence::Unknown
        }
    }
}

/// People who carry a release all the way: they approve, record every check that is asked for, take on-call duty,
/// file what is owed and close.
///
/// - **ana** writes the plan, files post-mortems and closes.
/// - **bo** approves, and **cy** is the second approver, who signs the QA checklist, too.
/// - **eve** is the executive, who overrides a failed check where the team is told so.
/// - **oli** is on call.
/// - **ci** is the service that records automated checks.
///
/// What they do depends on the state of the release and the time alone, so that a team can be asked at any time, after
/// a restart, too, and by any driver.
///
/// # Examples
///
/// ```
/// use relman_testkit::{AfterFailure, Team};
///
/// let team = Team::new().with_failing("integration".parse()?, AfterFailure::Override);
/// assert!(team.directory().roles_of(&Team::actor("user:eve")).is_some());
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    neglected: BTreeSet<Duty>,
    failing: BTreeMap<CheckName, AfterFailure>,
    lapses: Vec<Lapse>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    takes_back_what_is_complete: bool,
}

/// Something that the team does, and that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Approve the plan.
    Approve,
    /// Record checks.
    Check,
    /// Be on call.
    OnCall,
    /// Resume a release whose deployer needed a person.
    Resume,
    /// File post-mortems.
    FilePostMortems,
    /// Close the release.
    Close,
}

impl Duty {
    /// Every duty, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Approve, Self::Check, Self::OnCall, Self::Resume, Self::FilePostMortems, Self::Close];

    /// The duty that an action fulfils; none for what is nobody's duty.
    pub fn of(action: &Action) -> Option<Self> {
        match action {
            Action::ApprovePlan => Some(Self::Approve),
            Action::RecordCheck { .. } => Some(Self::Check),
            Action::Acknowledge { .. } => Some(Self::OnCall),
            Action::Resume { .. } => Some(Self::Resume),
            Action::FilePostMortem { .. } => Some(Self::FilePostMortems),
            Action::Close => Some(Self::Close),
            Action::RecordPlan { .. }
            | Action::RevisePlan { .. }
            | Action::Hold { .. }
            | Action::RollBack { .. }
            | Action::Abort { .. }
            | Action::Override { .. }
            | Action::RecordLesson { .. }
            | Action::OpenActionItem { .. }
            | Action::SettleActionItem { .. }
            | Action::Complain { .. }
            | Action::WithdrawComplaint { .. }
            | Action::RecordIncident { .. }
            | Action::EndIncident { .. } => None,
        }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Approve => "approving the plan",
            Self::Check => "recording checks",
            Self::OnCall => "being on call",
            Self::Resume => "resuming",
            Self::FilePostMortems => "filing post-mortems",
            Self::Close => "closing",
        })
    }
}

/// What the team does after a check has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// It passes in a new run.
    PassNextTime,
    /// The executive overrides the gate.
    Override,
    /// The release is given up, or rolled back where it is in production.
    GiveUp,
    /// Nobody does anything.
    Wait,
}

/// A time in the validation in which nobody is on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapse {
    /// The first moment, after the validation began.
    pub from: Span,
    /// The moment after the last, after the validation began.
    pub until: Span,
}

/// With how much of a shift left on-call duty is acknowledged again: one part in so many.
const RENEW_WITH_LEFT: u64 = 8;

/// After how many failures of the deployer the team gives a release up that waits for a person.
const GIVEN_UP_AFTER: u32 = 12;

impl Team {
    /// A team in which everybody does their part.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same team, without something.
    #[must_use]
    pub fn without(mut self, duty: Duty) -> Self {
        self.neglected.insert(duty);
        self
    }

    /// The same team, and a check fails in its first run.
    #[must_use]
    pub fn with_failing(mut self, check: CheckName, then: AfterFailure) -> Self {
        self.failing.insert(check, then);
        self
    }

    /// The same team, and nobody is on call for a part of the validation.
    #[must_use]
    pub fn with_lapse(mut self, lapse: Lapse) -> Self {
        self.lapses.push(lapse);
        self
    }

    /// The same team, and a release that has completed is rolled back before anything else is done about it.
    #[must_use]
    pub fn with_rollback_after_completion(mut self) -> Self {
        self.takes_back_what_is_complete = true;
        self
    }

    /// Who is who, with the roles of the shipped policy.
    ///
    /// # Panics
    ///
    /// Never: the names of people and roles are constants.
    pub fn directory(&self) -> FixedDirectory {
        let everyone: [(&str, &[&str]); 6] = [
            ("user:ana", &["author", "developer"]),
            ("user:bo", &["approver"]),
            ("user:cy", &["approver", "qa"]),
            ("user:eve", &["executive"]),
            ("user:oli", &["on-call"]),
            ("service:ci", &["ci"]),
        ];
        everyone.into_iter().fold(FixedDirectory::default(), |directory, (actor, roles)| {
            let role = |role: &&str| role.parse::<Role>().expect("the team's roles have valid names");
            directory.with(Self::actor(actor), roles.iter().map(role))
        })
    }

    /// An actor by name, such as `user:ana`.
    ///
    /// # Panics
    ///
    /// Where the name is not one of an actor.
    pub fn actor(name: &str) -> Actor {
        name.parse().expect("the name is one of an actor, such as user:ana")
    }

    /// A member of the team, with what the directory says about them.
    ///
    /// # Panics
    ///
    /// Where the name is not one of an actor.
    pub fn principal(&self, name: &str) -> Principal {
        let actor = Self::actor(name);
        let roles = self.directory().roles_of(&actor);
        Principal { actor, roles }
    }

    /// What the team does now. Nothing is done twice: what is recorded is not recorded again.
    pub fn next(&self, release: &Release, now: Timestamp) -> Vec<(Principal, Action)> {
        let mut acts = Vec::new();
        match release.phase() {
            Phase::Planning => acts.extend(self.approve(release)),
            Phase::Staging { deployed_at: Some(_), .. } => {
                acts.extend(self.check(release, Gate::Staging, now));
            }
            Phase::Releasing(_) => acts.extend(self.take_duty(release, now)),
            Phase::Validating(step) => {
                acts.extend(self.take_duty(release, now));
                // Users have to have used it for a while before anybody can say that it works for them.
                if step.baked.times(4) >= step.bake {
                    acts.extend(self.check(release, Gate::Validation, now));
                }
            }
            Phase::Completed if self.takes_back_what_is_complete => {
                let reason = text("users can't get used to it");
                acts.push((self.principal("user:ana"), Action::RollBack { reason }));
            }
            Phase::Completed | Phase::RolledBack(_) | Phase::Aborted => acts.extend(self.finish(release)),
            Phase::Unplanned
            | Phase::Staging { deployed_at: None, .. }
            | Phase::RollingBack(_)
            | Phase::Closed(_) => {}
        }
        acts.extend(self.resume(release, now));
        acts
    }

    fn does(&self, duty: Duty) -> bool {
        !self.neglected.contains(&duty)
    }

    fn approve(&self, release: &Release) -> Vec<(Principal, Action)> {
        let (Some(policy), Some(risk), Some(plan)) = (release.policy(), release.risk(), release.plan())
        else {
            return Vec::new();
        };
        if !self.does(Duty::Approve) || plan.contract().is_none() {
            return Vec::new();
        }
        let approved = |name: &&str| !release.approvals().iter().any(|one| one.by == Self::actor(name));
        let needed = policy.approvals_for(plan, risk.level) as usize;
        let approvers = ["user:bo", "user:cy"].into_iter().take(needed).filter(approved);
        approvers.map(|name| (self.principal(name), Action::ApprovePlan)).collect()
    }

    /// Records every check that a gate asks for and nobody has recorded, and answers those that have failed.
    fn check(&self, release: &Release, gate: Gate, now: Timestamp) -> Vec<(Principal, Action)> {
        if !self.does(Duty::Check) {
            return Vec::new();
        }
        let overrides = |act: &(Principal, Action)| matches!(act.1, Action::Override { .. });
        let mut acts = Vec::new();
        for check in release.checks_asked(gate) {
            let then = self.failing.get(&check);
            match (release.checks().get(&check).map(|done| done.outcome), then) {
                (None, Some(_)) => acts.push(self.record(release, check, CheckOutcome::Failed)),
                (None, None) | (Some(CheckOutcome::Failed), Some(AfterFailure::PassNextTime) | None) => {
                    acts.push(self.record(release, check, CheckOutcome::Passed));
                }
                // One override covers every check of the gate that has failed by then.
                (Some(CheckOutcome::Failed), Some(AfterFailure::Override)) if !acts.iter().any(overrides) => {
                    acts.extend(self.override_gate(release, gate, &check, now));
                }
                (Some(CheckOutcome::Failed), Some(AfterFailure::GiveUp)) => {
                    acts.push(self.give_up(release, &check));
                }
                (Some(CheckOutcome::Failed), Some(AfterFailure::Override | AfterFailure::Wait))
                | (Some(CheckOutcome::Passed), _) => {}
            }
        }
        acts
    }

    fn record(&self, release: &Release, check: CheckName, outcome: CheckOutcome) -> (Principal, Action) {
        let by_hand = check.as_str() == floors::MANUAL_QA;
        let by = self.principal(if by_hand { "user:cy" } else { "service:ci" });
        let items = match (release.policy(), by_hand) {
            (Some(policy), true) => policy.qa_checklist().to_vec(),
            (Some(_) | None, _) => Vec::new(),
        };
        let evidence = text(&format!("https://ci.example.org/{}/{check}: {outcome}", release.id()));
        (by, Action::RecordCheck { check, outcome, evidence, items })
    }

    fn override_gate(
        &self,
        release: &Release,
        gate: Gate,
        check: &CheckName,
        now: Timestamp,
    ) -> Option<(Principal, Action)> {
        let longest = release.policy()?.overrides().longest;
        // An override that expires before the gate is reached would have to be given again.
        let too_early = release
            .phase()
            .step()
            .is_some_and(|step| step.bake.saturating_sub(step.baked).times(2) > longest);
        let in_force = release.overrides().get(&gate).is_some_and(|one| one.checks.contains(check));
        if too_early || in_force {
            return None;
        }
        let reason = text(&format!("{check} fails on a test of ours that is wrong; the risk is accepted"));
        Some((self.principal("user:eve"), Action::Override { gate, reason, expires_at: now + longest }))
    }

    fn give_up(&self, release: &Release, check: &CheckName) -> (Principal, Action) {
        self.take_back(release, text(&format!("{check} has failed")))
    }

    fn take_back(&self, release: &Release, reason: Text) -> (Principal, Action) {
        let in_production = release.phase().name().touches_production();
        let action = if in_production { Action::RollBack { reason } } else { Action::Abort { reason } };
        (self.principal("user:ana"), action)
    }

    /// Acknowledges on-call duty where cover is missing or about to end, and gives it up in time for a lapse.
    fn take_duty(&self, release: &Release, now: Timestamp) -> Option<(Principal, Action)> {
        let shift = release.policy()?.on_call().shift;
        let exposed = release.phase().step().is_some();
        if !self.does(Duty::OnCall) || !exposed {
            return None;
        }
        let lapses = self.lapses_of(release);
        if lapses.iter().any(|(from, until)| *from <= now && now < *until) {
            return None;
        }
        let leaves = lapses.iter().map(|(from, _)| *from).filter(|from| now < *from).min();
        let until = leaves.map_or(now + shift, |leaves| leaves.min(now + shift));
        let margin = Span::from_millis(shift.as_millis() / RENEW_WITH_LEFT);
        let wanted = match release.cover() {
            None => true,
            Some(cover) => {
                let stays_too_long = leaves.is_some_and(|leaves| cover.until > leaves);
                stays_too_long || (cover.until <= now + margin && cover.until < until)
            }
        };
        wanted.then(|| (self.principal("user:oli"), Action::Acknowledge { until: Some(until) }))
    }

    /// The lapses of the validation under way, as moments.
    fn lapses_of(&self, release: &Release) -> Vec<(Timestamp, Timestamp)> {
        match (release.phase().name(), release.phase().step()) {
            (PhaseName::Validating, Some(step)) => {
                let began = step.started_at;
                self.lapses.iter().map(|lapse| (began + lapse.from, began + lapse.until)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Resumes a release that waits for a person since the deployer has refused something, and gives it up where the
    /// deployer keeps refusing. What is held because it can't be taken back is taken back all the same: an executive
    /// allows it, so that a world has an end.
    fn resume(&self, release: &Release, now: Timestamp) -> Option<(Principal, Action)> {
        if self.does(Duty::Resume) && release.holds().contains_key(&HoldCause::Irreversible) {
            let reason = text("the data can be mended by hand");
            if release.overrides().contains_key(&Gate::WayBack) {
                return Some(self.take_back(release, reason));
            }
            let (gate, expires_at) = (Gate::WayBack, now + release.policy()?.overrides().longest);
            return Some((self.principal("user:eve"), Action::Override { gate, reason, expires_at }));
        }
        if self.does(Duty::Resume) && release.holds().contains_key(&HoldCause::Drift) {
            let reason = text("whoever moved the traffic has been told");
            return Some((self.principal("user:oli"), Action::Resume { reason }));
        }
        let waiting = release.outstanding().values().filter(|one| one.due == Due::WhenResumed);
        let failures = waiting.map(|one| one.failures).max()?;
        let held = release.holds().contains_key(&HoldCause::Deployer);
        if !self.does(Duty::Resume) || !held {
            return None;
        }
        if failures >= GIVEN_UP_AFTER {
            let reason = text("the platform does not take it");
            return Some(self.take_back(release, reason));
        }
        let reason = text("the platform's configuration is mended");
        Some((self.principal("user:oli"), Action::Resume { reason }))
    }

    /// Files what is owed and closes.
    fn finish(&self, release: &Release) -> Vec<(Principal, Action)> {
        // What was held back gets the new version first.
        if release.outstanding().values().any(|one| matches!(one.effect, Effect::SetTraffic { .. })) {
            return Vec::new();
        }
        let by = || self.principal("user:ana");
        let owed: Vec<_> = release.owed_post_mortems().collect();
        if owed.is_empty() {
            let close = self.does(Duty::Close).then(|| (by(), Action::Close));
            return close.into_iter().collect();
        }
        if !self.does(Duty::FilePostMortems) {
            return Vec::new();
        }
        let file = |owed: &&PostMortem| {
            let action = Action::FilePostMortem {
                number: Some(owed.number),
                summary: text(&format!("What led to {}, and what we learnt from it", owed.about)),
                root_cause: text("A path that no test of ours takes"),
                link: Some(text(&format!("https://wiki.example.org/{}/{}", release.id(), owed.number))),
            };
            (by(), action)
        };
        owed.iter().map(file).collect()
    }
}

fn text(text: &str) -> Text {
    text.parse().expect("what the team says is short and has no control characters")
}
