use relman_core::machine::{Decision, Principal};

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

    /// What the core calls it.
    pub(in crate::web) fn decision(self) -> Decision {
        match self {
            Self::Approve => Decision::Approve,
            Self::Hold => Decision::Hold,
            Self::Resume => Decision::Resume,
            Self::RollBack => Decision::RollBack,
            Self::Override => Decision::Override,
            Self::Acknowledge => Decision::Acknowledge,
            Self::PostMortem => Decision::FilePostMortem,
        }
    }
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
                cached.release.may(action.decision(), &by, now).err().map(|refusal| refusal.to_string());
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
    let by = state.releases.principal(actor).await;
    by.map(Some).map_err(|error| Problem::failed(context, error))
}
