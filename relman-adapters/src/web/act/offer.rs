use relman_core::machine::{ActionName, Principal};

use crate::web::{
    release_cache::CachedRelease,
    response::Problem,
    state::{AppState, RequestContext},
};

/// The actions that the pages offer, in the order in which a person looks for them.
const OFFERED: [ActionName; 7] = [
    ActionName::ApprovePlan,
    ActionName::Acknowledge,
    ActionName::FilePostMortem,
    ActionName::Resume,
    ActionName::Override,
    ActionName::Hold,
    ActionName::RollBack,
];

/// The action with this name, if the pages offer it.
pub(super) fn offered(name: &str) -> Option<ActionName> {
    ActionName::by_name(name).filter(|action| OFFERED.contains(action))
}

/// Whether an action stops a release or takes it back: what is done in a hurry, and never refused because the page is stale.
pub(super) fn stops(action: ActionName) -> bool {
    matches!(action, ActionName::Hold | ActionName::RollBack | ActionName::Abort)
}

/// The CSS class of its button. What stops a release does not look like what takes it back from users.
pub(super) fn class(action: ActionName) -> &'static str {
    match action {
        ActionName::RollBack | ActionName::Abort => "back",
        ActionName::Hold => "pause",
        _ => "",
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
        let offer = |action: ActionName| {
            let refused = cached.release.may(action, &by, now).err().map(|refusal| refusal.to_string());
            let rules = action.rules();
            Self { name: rules.name, title: rules.title, class: class(action), refused }
        };
        Ok(OFFERED.into_iter().map(offer).collect())
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
