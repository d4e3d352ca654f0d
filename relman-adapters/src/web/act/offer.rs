use relman_core::{
    event::Gate,
    machine::{Action, Command, Input, Principal, Refusal, Release, decide},
    unit::{Span, Text, Timestamp},
};

use crate::web::{
    release_cache::CachedRelease,
    response::Problem,
    state::{AppState, RequestContext},
};

/// An action that the pages offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum PageAction {
    Approve,
    Hold,
    Resume,
    RollBack,
    Override,
    Acknowledge,
    PostMortem,
}

impl PageAction {
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

    pub(in crate::web) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
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

    /// Whether the release must still be in the state that the page showed. Not for what goes back: back beats forward.
    pub(in crate::web) fn is_exact(self) -> bool {
        match self {
            Self::Hold | Self::RollBack => false,
            Self::Approve | Self::Resume | Self::Override | Self::Acknowledge | Self::PostMortem => true,
        }
    }

    /// The CSS class of its button.
    pub(in crate::web) fn class(self) -> &'static str {
        match self {
            Self::Hold | Self::RollBack => "back",
            Self::Approve | Self::Resume | Self::Override | Self::Acknowledge | Self::PostMortem => "",
        }
    }

    /// Tries whether a person could do it now, whatever they would write in the form.
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

/// The gates that a person could override now.
pub(in crate::web) fn overridable(release: &Release, by: &Principal, now: Timestamp) -> Vec<Gate> {
    let reason: Text = "to be said".parse().expect("a constant text");
    let possible = |gate: &Gate| {
        let action = override_of(*gate, reason.clone(), release, now);
        let input = Input::Command(Command { by: by.clone(), action });
        decide(release, &input, now.max(release.last_at())).is_ok()
    };
    [Gate::Staging, Gate::Validation, Gate::Freeze].into_iter().filter(possible).collect()
}

/// An override for an hour, or for as long as the policy allows where that is shorter.
fn override_of(gate: Gate, reason: Text, release: &Release, now: Timestamp) -> Action {
    let longest = release.policy().map_or(Span::from_hours(1), |policy| policy.overrides().longest);
    let expires_at = now.max(release.last_at()) + longest.min(Span::from_hours(1));
    Action::Override { gate, reason, expires_at }
}

/// An action on the page of a release: possible now, or refused and why.
#[derive(Debug, Clone)]
pub(in crate::web) struct Offer {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) title: &'static str,
    pub(in crate::web) class: &'static str,
    pub(in crate::web) refused: Option<String>,
}

impl Offer {
    /// Every action for a person who is signed in; none for others.
    ///
    /// # Errors
    ///
    /// [`Problem`] where the directory fails.
    pub(in crate::web) async fn all(
        state: &AppState,
        context: &RequestContext,
        cached: &CachedRelease,
    ) -> Result<Vec<Self>, Problem> {
        let Some(by) = principal(state, context).await? else { return Ok(Vec::new()) };
        let now = state.clock.now();
        let offer = |action: PageAction| {
            let refused =
                action.is_possible(&cached.release, &by, now).err().map(|refusal| refusal.to_string());
            Self { name: action.name(), title: action.title(), class: action.class(), refused }
        };
        Ok(PageAction::ALL.into_iter().map(offer).collect())
    }
}

/// Who is signed in, with the roles that the directory gives them now.
///
/// # Errors
///
/// [`Problem`] where the directory fails.
pub(in crate::web) async fn principal(
    state: &AppState,
    context: &RequestContext,
) -> Result<Option<Principal>, Problem> {
    let Some(actor) = &context.actor else { return Ok(None) };
    let input = state.releases.authorised(actor, Action::ApprovePlan).await;
    match input {
        Ok(Input::Command(command)) => Ok(Some(command.by)),
        // `authorised` only ever makes commands.
        Ok(
            Input::Outcome { .. } | Input::Look(_) | Input::Traffic { .. } | Input::Flows(_) | Input::Tick,
        ) => Ok(None),
        Err(error) => Err(Problem::failed(context, error)),
    }
}
