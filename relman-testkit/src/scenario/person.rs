use std::{collections::BTreeSet, fmt, sync::Arc};

use relman_core::{
    event::{ActionItemKind, CheckOutcome, Gate, LessonKind, Settlement},
    machine::{Action, Principal},
    plan::Plan,
    policy::{Policy, floors},
    port::Incident,
    unit::{Actor, CheckName, Role, Span, Timestamp},
};

use super::{Story, When, when::text};
use crate::Team;

/// Somebody who wants something, with the roles that the directory gives them.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    actor: Actor,
    roles: Option<BTreeSet<Role>>,
}

/// Somebody by name. Members of the [`Team`] have their roles; anybody else is a stranger, whom the directory does not
/// know.
///
/// # Panics
///
/// Where the name is not one of an actor, such as `user:ana`.
///
/// # Examples
///
/// ```
/// use relman_testkit::scenario::{given, planned, someone};
///
/// given(planned()).when(someone("user:mallory").approves()).then_refused("unknown to the directory");
/// ```
pub fn someone(name: &str) -> Person {
    let Principal { actor, roles } = Team::new().principal(name);
    Person { actor, roles }
}

/// What somebody wants; what depends on the moment, such as the end of an override, is worked out when it is wanted.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Want {
    /// To do this, as it stands.
    Action(Box<Action>),
    /// To record a check, with evidence, and with every item of the checklist where it asks for one.
    Check(CheckName, CheckOutcome),
    /// To override a gate for some time.
    Override(Gate, Span),
    /// To be on call for some time; for the policy's shift, if absent.
    TakeDuty(Option<Span>),
}

impl Person {
    /// The same person, to whom the directory gives these roles.
    ///
    /// # Panics
    ///
    /// Where a name is not one of a role.
    #[must_use]
    pub fn with_roles<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        let role = |name: &str| name.parse().expect("the name is one of a role, such as approver");
        self.roles = Some(roles.into_iter().map(role).collect());
        self
    }

    /// The same person, whom the directory does not know.
    #[must_use]
    pub fn unknown(mut self) -> Self {
        self.roles = None;
        self
    }

    /// They record the plan of a new release.
    pub fn plans(self, plan: Arc<Plan>, policy: Arc<Policy>) -> When {
        self.does(Action::RecordPlan { plan, policy })
    }

    /// They change the plan.
    pub fn revises(self, plan: Arc<Plan>, policy: Arc<Policy>) -> When {
        self.does(Action::RevisePlan { plan, policy })
    }

    /// They approve the plan.
    pub fn approves(self) -> When {
        self.does(Action::ApprovePlan)
    }

    /// They record that a check has passed; a checklist with every item of it.
    ///
    /// # Panics
    ///
    /// Where the name is not one of a check.
    pub fn passes(self, check: &str) -> When {
        self.records(check, CheckOutcome::Passed)
    }

    /// They record that a check has failed.
    ///
    /// # Panics
    ///
    /// Where the name is not one of a check.
    pub fn fails(self, check: &str) -> When {
        self.records(check, CheckOutcome::Failed)
    }

    fn records(self, check: &str, outcome: CheckOutcome) -> When {
        let check = check.parse().expect("the name is one of a check, such as unit");
        When::Command(self, Want::Check(check, outcome))
    }

    /// They hold the release.
    pub fn holds(self) -> When {
        self.does(Action::Hold { reason: text("the graphs look odd") })
    }

    /// They resume it.
    pub fn resumes(self) -> When {
        self.does(Action::Resume { reason: text("the graphs are fine again") })
    }

    /// They roll it back.
    pub fn rolls_back(self) -> When {
        self.does(Action::RollBack { reason: text("users can't pay") })
    }

    /// They give it up before production.
    pub fn aborts(self) -> When {
        self.does(Action::Abort { reason: text("it is not needed any more") })
    }

    /// They override a gate for some time.
    pub fn overrides(self, gate: Gate, lasts: Span) -> When {
        When::Command(self, Want::Override(gate, lasts))
    }

    /// They are on call for the policy's shift.
    pub fn takes_duty(self) -> When {
        When::Command(self, Want::TakeDuty(None))
    }

    /// They are on call for some time.
    pub fn takes_duty_for(self, lasts: Span) -> When {
        When::Command(self, Want::TakeDuty(Some(lasts)))
    }

    /// They file a post-mortem, by its number.
    pub fn files_post_mortem(self, number: u32) -> When {
        self.does(Action::FilePostMortem {
            number: Some(number),
            summary: text("What happened, and what we learnt from it"),
            root_cause: text("A path that no test of ours takes"),
            link: None,
        })
    }

    /// They record an incident of the service, of a source by the name of `pager`.
    pub fn records_incident(self, incident: Incident) -> When {
        self.does(Action::RecordIncident { source: text("pager"), incident })
    }

    /// They say that an incident of that source is over, and when it ended; now, if absent.
    pub fn ends_incident(self, id: &str, ended_at: Option<Timestamp>) -> When {
        self.does(Action::EndIncident { source: text("pager"), id: text(id), ended_at })
    }

    /// They record a customer's complaint that has a key: the same one counts once.
    pub fn complains_about(self, key: &str) -> When {
        self.does(Action::Complain { key: Some(text(key)), text: text("I can't pay") })
    }

    /// They withdraw the complaint with a key.
    pub fn withdraws(self, key: &str) -> When {
        let reason = text("it was about another shop");
        self.does(Action::WithdrawComplaint { key: Some(text(key)), record: None, reason })
    }

    /// They record a customer's complaint.
    pub fn complains(self) -> When {
        self.does(Action::Complain { key: None, text: text("I can't pay") })
    }

    /// They write down what they have learnt.
    pub fn writes_down(self, kind: LessonKind) -> When {
        self.does(Action::RecordLesson { kind, text: text("Everybody knew whom to call") })
    }

    /// They open an action item for somebody.
    pub fn opens_action_item(self, kind: ActionItemKind, owner: Actor, due: Timestamp) -> When {
        self.does(Action::OpenActionItem {
            what: text("Test with foreign addresses"),
            kind,
            owner,
            due: Some(due),
        })
    }

    /// They say that an action item is done or dropped, by its number.
    pub fn settles_action_item(self, number: u32, how: Settlement) -> When {
        self.does(Action::SettleActionItem { number: Some(number), how, note: text("See the change") })
    }

    /// They close the release.
    pub fn closes(self) -> When {
        self.does(Action::Close)
    }

    /// They want this, whatever it is.
    pub fn does(self, action: Action) -> When {
        When::Command(self, Want::Action(Box::new(action)))
    }

    pub(super) fn principal(&self) -> Principal {
        Principal { actor: self.actor.clone(), roles: self.roles.clone() }
    }
}

impl Want {
    /// The action that it is at this moment.
    pub(super) fn action(&self, story: &Story) -> Action {
        let now = story.now();
        match self {
            Self::Action(action) => Action::clone(action),
            Self::Check(check, outcome) => {
                let signed = check.as_str() == floors::MANUAL_QA && *outcome == CheckOutcome::Passed;
                let items = story.release().policy().filter(|_| signed).map(Policy::qa_checklist);
                let evidence = text(&format!("https://ci.example.org/{check}: {outcome}"));
                let (check, outcome) = (check.clone(), *outcome);
                Action::RecordCheck { check, outcome, evidence, items: items.unwrap_or_default().to_vec() }
            }
            Self::Override(gate, lasts) => {
                let reason = text("the test is wrong, and the risk is accepted");
                Action::Override { gate: *gate, reason, expires_at: now + *lasts }
            }
            Self::TakeDuty(lasts) => Action::Acknowledge { until: lasts.map(|lasts| now + lasts) },
        }
    }
}

/// The name, and the roles where they are not those of the team.
impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.actor.fmt(f)?;
        if self.roles == Team::new().directory().roles_of(&self.actor) {
            return Ok(());
        }
        match &self.roles {
            None => f.write_str(" (unknown)"),
            Some(roles) if roles.is_empty() => f.write_str(" (without a role)"),
            Some(roles) => {
                let names: Vec<&str> = roles.iter().map(Role::as_str).collect();
                write!(f, " ({})", names.join(", "))
            }
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(action) => match &**action {
                Action::RecordPlan { plan, .. } => write!(f, "records the plan of {}", plan.release()),
                Action::RevisePlan { plan, .. } => write!(f, "revises the plan of {}", plan.release()),
                Action::ApprovePlan => f.write_str("approves"),
                Action::RecordCheck { check, outcome, .. } => write!(f, "records {check}: {outcome}"),
                Action::Hold { .. } => f.write_str("holds"),
                Action::Resume { .. } => f.write_str("resumes"),
                Action::RollBack { .. } => f.write_str("rolls back"),
                Action::Abort { .. } => f.write_str("aborts"),
                Action::Override { gate, expires_at, .. } => write!(f, "overrides {gate} until {expires_at}"),
                Action::Acknowledge { until: Some(until) } => write!(f, "takes duty until {until}"),
                Action::Acknowledge { until: None } => f.write_str("takes duty"),
                Action::FilePostMortem { number: Some(number), .. } => {
                    write!(f, "files post-mortem {number}")
                }
                Action::FilePostMortem { number: None, .. } => f.write_str("files the post-mortem"),
                Action::RecordLesson { kind, .. } => write!(f, "writes down, {kind}"),
                Action::OpenActionItem { owner, .. } => write!(f, "opens an action item for {owner}"),
                Action::SettleActionItem { number: Some(number), how, .. } => {
                    write!(f, "says that action item {number} is {how}")
                }
                Action::SettleActionItem { number: None, how, .. } => {
                    write!(f, "says that the action item is {how}")
                }
                Action::Complain { key: None, .. } => f.write_str("complains"),
                Action::Complain { key: Some(key), .. } => write!(f, "complains ({key})"),
                Action::WithdrawComplaint { key: Some(key), .. } => {
                    write!(f, "withdraws the complaint {key}")
                }
                Action::WithdrawComplaint { key: None, .. } => f.write_str("withdraws a complaint"),
                Action::RecordIncident { incident, .. } => write!(f, "records the incident {}", incident.id),
                Action::EndIncident { id, .. } => write!(f, "says that the incident {id} is over"),
                Action::Close => f.write_str("closes"),
            },
            Self::Check(check, outcome) => write!(f, "records {check}: {outcome}"),
            Self::Override(gate, lasts) => write!(f, "overrides {gate} for {lasts}"),
            Self::TakeDuty(Some(lasts)) => write!(f, "takes duty for {lasts}"),
            Self::TakeDuty(None) => f.write_str("takes duty"),
        }
    }
}

impl fmt::Debug for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
