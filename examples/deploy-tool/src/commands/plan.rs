//! `plan`: records the plan of a release, or revises it.

use relman_core::machine::{Action, Phase};

use super::people::Desk;
use crate::{
    cli::{Global, Plan},
    config::{self, Config},
    failure::Failure,
    output, store,
};

/// Records a new plan; in planning, revises it where it has changed.
pub(super) async fn run(global: &Global, asked: &Plan) -> Result<(), Failure> {
    // Everything that can be wrong with the invocation comes before a journal is made.
    config::actor(global)?;
    let config = Config::load(global)?;
    let plan = config::plan(&asked.plan)?;
    let policy = config.policy(asked.policy.as_deref())?;
    let path = store::path(global);
    let desk = Desk::on(store::open_or_create(&path)?, path, config);

    let id = plan.release().clone();
    let release = desk.releases.load(&id).await.map_err(|error| desk.explain(&error.into()))?;
    let action = match release.phase() {
        Phase::Planning if release.plan() == Some(&*plan) && release.policy() == Some(&*policy) => {
            if !global.json {
                output::line(format_args!("nothing to record: {id} has this plan and this policy already"))?;
            }
            return desk.say(global, &release, &[]).await;
        }
        Phase::Planning => Action::RevisePlan { plan, policy },
        Phase::Unplanned
        | Phase::Staging { .. }
        | Phase::Releasing(_)
        | Phase::Validating(_)
        | Phase::RollingBack(_)
        | Phase::Completed
        | Phase::RolledBack(_)
        | Phase::Aborted
        | Phase::Closed(_) => Action::RecordPlan { plan, policy },
    };
    desk.act(global, &id, action).await
}
