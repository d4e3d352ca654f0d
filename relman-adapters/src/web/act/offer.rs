use relman_core::{
    event::Gate,
    machine::{Action, Command, Input, Principal, Refusal, Release, decide},
    port::with_causes,
    unit::{Span, Text, Timestamp},
};

use crate::web::{front::Front, problem::Problem, shelf::Told, visit::Visit};

/// What people can do on the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Deed {
    Approve,
    Hold,
    Resume,
    RollBack,
    Override,
    Acknowledge,
    PostMortem,
}

impl Deed {
    pub(in crate::web) const ALL: [Self; 7] = [
        Self::Approve,
        Self::Acknowledge,
        Self::PostMortem,
        Self::Resume,
        Self::Override,
        Self::Hold,
        Self::RollBack,
    ];

    /// The name in addresses.
    pub(in crate::web) fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::RollBack => "roll-back",
            Self::Override => "override",
            Self::Acknowledge => "acknowledge",
            Self::PostMortem => "post-mortem",
        }
    }

    pub(in crate::web) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }

    pub(in crate::web) fn title(self) -> &'static str {
        match self {
            Self::Approve => "Approve the plan",
            Self::Hold => "Hold",
            Self::Resume => "Resume",
            Self::RollBack => "Roll back",
            Self::Override => "Override a gate",
            Self::Acknowledge => "Take on-call duty",
            Self::PostMortem => "File a post-mortem",
        }
    }

    /// Whether it has to be decided on exactly the state that was shown. What goes back is not: back beats forward.
    pub(in crate::web) fn is_exact(self) -> bool {
        match self {
            Self::Hold | Self::RollBack => false,
            Self::Approve | Self::Resume | Self::Override | Self::Acknowledge | Self::PostMortem => true,
        }
    }

    /// The class of its button.
    pub(in crate::web) fn class(self) -> &'static str {
        match self {
            Self::Hold | Self::RollBack => "back",
            Self::Approve | Self::Resume | Self::Override | Self::Acknowledge | Self::PostMortem => "",
        }
    }

    /// Whether somebody could do it now; what they would have to say is left open.
    pub(in crate::web) fn is_possible(
        self,
        release: &Release,
        by: &Principal,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let reason: Text = "to be said".parse().expect("a constant text");
        let tried = |action: Action| {
            let input = Input::Command(Command { by: by.clone(), action });
            decide(release, &input, now.max(release.last_at())).map(|_| ())
        };
        match self {
            Self::Approve => tried(Action::ApprovePlan),
            Self::Hold => tried(Action::Hold { reason }),
            Self::Resume => tried(Action::Resume { reason }),
            Self::RollBack => tried(Action::RollBack { reason }),
            Self::Acknowledge => tried(Action::Acknowledge { until: None }),
            Self::Override => {
                let gates = overridable(release, by, now);
                match gates.into_iter().next() {
                    Some(_) => Ok(()),
                    None => tried(override_of(Gate::Staging, reason, release, now)),
                }
            }
            Self::PostMortem => {
                let number = release.owed_post_mortems().next().map(|owed| owed.number);
                let action = Action::FilePostMortem {
                    number,
                    summary: reason.clone(),
                    root_cause: reason,
                    link: None,
                };
                tried(action)
            }
        }
    }
}

/// The gates that somebody could override now.
pub(in crate::web) fn overridable(release: &Release, by: &Principal, now: Timestamp) -> Vec<Gate> {
    let reason: Text = "to be said".parse().expect("a constant text");
    let possible = |gate: &Gate| {
        let action = override_of(*gate, reason.clone(), release, now);
        let input = Input::Command(Command { by: by.clone(), action });
        decide(release, &input, now.max(release.last_at())).is_ok()
    };
    [Gate::Staging, Gate::Validation, Gate::Freeze].into_iter().filter(possible).collect()
}

/// An override that lasts an hour, or as long as the policy allows where that is less.
fn override_of(gate: Gate, reason: Text, release: &Release, now: Timestamp) -> Action {
    let longest = release.policy().map_or(Span::from_hours(1), |policy| policy.overrides().longest);
    let expires_at = now.max(release.last_at()) + longest.min(Span::from_hours(1));
    Action::Override { gate, reason, expires_at }
}

/// An action on the page of a release: possible now, or not and why.
#[derive(Debug, Clone)]
pub(in crate::web) struct Offer {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) title: &'static str,
    pub(in crate::web) class: &'static str,
    pub(in crate::web) refused: Option<String>,
}

impl Offer {
    /// Every action for whoever is signed in; none for anybody else.
    ///
    /// # Errors
    ///
    /// [`Problem`] where the directory can't be asked who somebody is.
    pub(in crate::web) async fn all(front: &Front, visit: &Visit, told: &Told) -> Result<Vec<Self>, Problem> {
        let Some(by) = principal(front, visit).await? else { return Ok(Vec::new()) };
        let now = front.clock.now();
        let offer = |deed: Deed| {
            let refused = deed.is_possible(&told.release, &by, now).err().map(|refusal| refusal.to_string());
            Self { name: deed.name(), title: deed.title(), class: deed.class(), refused }
        };
        Ok(Deed::ALL.into_iter().map(offer).collect())
    }
}

/// Who is signed in, with what the directory says about them now.
///
/// # Errors
///
/// [`Problem`] where the directory can't be asked.
pub(in crate::web) async fn principal(front: &Front, visit: &Visit) -> Result<Option<Principal>, Problem> {
    let Some(actor) = &visit.actor else { return Ok(None) };
    let input = front.releases.authorised(actor, Action::ApprovePlan).await;
    match input {
        Ok(Input::Command(command)) => Ok(Some(command.by)),
        // A command with the actor's roles is what was asked for.
        Ok(
            Input::Outcome { .. } | Input::Look(_) | Input::Traffic { .. } | Input::Flows(_) | Input::Tick,
        ) => Ok(None),
        Err(error) => Err(Problem::failed(visit, with_causes(&error))),
    }
}
