//! `target`, `freeze` and `unfreeze`: what is live where, what waits, and what stops everything.

use relman_adapters::SubmitError;
use relman_core::{
    policy::{Freeze, Permission},
    port::{JournalExt, Streams, with_causes},
    target::{TargetError, TargetState, Targets},
    unit::{Actor, StreamId, TargetName},
};
use serde::Serialize;

use super::people::Desk;
use crate::{
    cli::{self, Global},
    config,
    failure::Failure,
    output, store,
};

/// `target`: every target, or one in full.
pub(super) async fn run(global: &Global, name: Option<&TargetName>) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let targets = Targets::new(&*journal, store::now());
    let names: Vec<TargetName> = if let Some(name) = name {
        vec![name.clone()]
    } else {
        let streams = journal.every_stream(Streams::All).await?;
        let of_targets = streams.into_iter().filter_map(|stored| match stored.stream {
            StreamId::Target(name) => Some(name),
            StreamId::Release(_) | StreamId::Estate => None,
        });
        of_targets.collect()
    };
    let estate = targets.estate().await.map_err(|error| failed(&error))?;
    if name.is_none() && names.is_empty() && !global.json {
        output::line(format_args!(
            "no target is known in {}: the first release makes its own",
            path.display()
        ))?;
    }
    for name in names {
        let state = targets.load(&name).await.map_err(|error| failed(&error))?;
        if global.json {
            output::json(&TargetLine::of(&name, &state))?;
        } else {
            show(&name, &state)?;
        }
    }
    if !global.json {
        freezes("every target", &estate)?;
    }
    Ok(())
}

fn show(name: &TargetName, state: &TargetState) -> std::io::Result<()> {
    match state.stable() {
        Some(stable) => output::line(format_args!(
            "{name}: {} is live since {}, in the {} place",
            stable.version, stable.since, stable.place
        ))?,
        None => output::line(format_args!("{name}: nothing is known to be live"))?,
    }
    if state.registered().is_some_and(|registered| registered.rehearsal) {
        output::line("  a rehearsal target: it meets no users")?;
    }
    if let Some(former) = state.former() {
        output::line(format_args!("  before:  {}", former.version))?;
    }
    match state.holder() {
        Some(holder) => output::line(format_args!(
            "  holds:   {}, with {}, since {}",
            holder.release, holder.version, holder.since
        ))?,
        None => output::line("  holds:   nobody: the next release enters at once")?,
    }
    for queued in state.queue() {
        output::line(format_args!(
            "  waits:   {}, with {}, since {}",
            queued.release, queued.version, queued.since
        ))?;
    }
    freezes(name.as_str(), state)
}

fn freezes(of: &str, state: &TargetState) -> std::io::Result<()> {
    for (number, declared) in state.freezes() {
        let (freeze, by, at) = (declared.freeze.name(), &declared.by, declared.at);
        output::line(format_args!("{of}: FROZEN by {by} at {at}: {freeze} (freeze {number})"))?;
    }
    let adopted = state.policy().into_iter().flat_map(|policy| &policy.freezes);
    for freeze in adopted {
        let now = if freeze.frozen_at(store::now()).is_some() { "FROZEN now" } else { "a freeze" };
        output::line(format_args!("{of}: {now}, by the policy: {}", freeze.name()))?;
    }
    Ok(())
}

/// `freeze`: anyone in the directory may, as they may hold a release.
pub(super) async fn freeze(global: &Global, asked: &cli::Freeze) -> Result<(), Failure> {
    let (desk, actor) = (Desk::open(global)?, config::actor(global)?);
    known(&desk, actor).await?;
    let on = stream(asked.target.as_ref());
    let now = store::now();
    let mut freeze = Freeze::once(now, None, asked.reason.clone());
    freeze.until.clone_from(&asked.until);
    let targets = Targets::new(&**desk.releases.journal(), now);
    let number = targets.freeze(&on, actor, &freeze).await.map_err(|error| failed(&error))?;
    if global.json {
        output::json(&serde_json::json!({ "freeze": number, "on": on.name() }))?;
    } else {
        let of = asked.target.as_ref().map(|target| format!(" --target {target}")).unwrap_or_default();
        output::line(format_args!(
            "{}: whatever goes forward stands still at its next look; going back is never frozen",
            what(asked.target.as_ref())
        ))?;
        output::line(format_args!("  To lift it: deploy-tool unfreeze {number}{of} --reason \"…\""))?;
    }
    Ok(())
}

/// `unfreeze`: takes the permission to operate releases.
pub(super) async fn unfreeze(global: &Global, asked: &cli::Unfreeze) -> Result<(), Failure> {
    let (desk, actor) = (Desk::open(global)?, config::actor(global)?);
    may_operate(&desk, actor, "lift a freeze").await?;
    let targets = Targets::new(&**desk.releases.journal(), store::now());
    let on = stream(asked.target.as_ref());
    targets.unfreeze(&on, actor, asked.number, &asked.reason).await.map_err(|error| failed(&error))?;
    if !global.json {
        output::line(format_args!(
            "freeze {} is lifted: what it held goes on at its next look",
            asked.number
        ))?;
    }
    Ok(())
}

/// `adopt`: takes the permission to operate releases.
pub(super) async fn adopt(global: &Global, asked: &cli::Adopt) -> Result<(), Failure> {
    let (desk, actor) = (Desk::open(global)?, config::actor(global)?);
    may_operate(&desk, actor, "adopt a policy").await?;
    let policy = desk.config.policy(asked.policy.as_deref())?;
    let targets = Targets::new(&**desk.releases.journal(), store::now());
    targets.adopt(actor, &policy).await.map_err(|error| failed(&error))?;
    if !global.json {
        let freezes = policy.freezes().len();
        output::line(format_args!(
            "adopted: {} freezes of the policy `{}` are in force everywhere",
            freezes,
            policy.name()
        ))?;
    }
    Ok(())
}

/// Whether the configured policy lets somebody operate releases.
async fn may_operate(desk: &Desk, actor: &Actor, what: &str) -> Result<(), Failure> {
    let roles = known(desk, actor).await?;
    let policy = desk.config.policy(None)?;
    if policy.roles().allow(Permission::Operate, &roles) {
        return Ok(());
    }
    let needed: Vec<String> =
        policy.roles().allowing(Permission::Operate).iter().map(ToString::to_string).collect();
    Err(Failure::refused(format_args!(
        "{actor} may not {what}: that takes one of the roles {}",
        needed.join(", ")
    )))
}

/// The roles of somebody whom the directory knows.
async fn known(
    desk: &Desk,
    actor: &Actor,
) -> Result<std::collections::BTreeSet<relman_core::unit::Role>, Failure> {
    let by = desk.releases.principal(actor).await.map_err(|error: SubmitError| desk.explain(&error))?;
    by.roles.ok_or_else(|| {
        Failure::refused(format_args!(
            "{actor} is unknown to the directory: only people and services it knows may act"
        ))
    })
}

fn stream(target: Option<&TargetName>) -> StreamId {
    target.map_or(StreamId::Estate, StreamId::from)
}

fn what(target: Option<&TargetName>) -> String {
    target.map_or_else(|| "every target is frozen".to_owned(), |target| format!("{target} is frozen"))
}

fn failed(error: &TargetError) -> Failure {
    Failure::refused(with_causes(error))
}

/// A target as `target --json` prints it.
#[derive(Serialize)]
struct TargetLine<'a> {
    target: &'a TargetName,
    live: Option<String>,
    before: Option<String>,
    held_by: Option<String>,
    waiting: Vec<String>,
    frozen: bool,
}

impl<'a> TargetLine<'a> {
    fn of(target: &'a TargetName, state: &TargetState) -> Self {
        let now = store::now();
        let frozen = state.freezes().values().any(|one| one.freeze.frozen_at(now).is_some());
        Self {
            target,
            live: state.stable().map(|stable| stable.version.to_string()),
            before: state.former().map(|former| former.version.to_string()),
            held_by: state.holder().map(|holder| holder.release.to_string()),
            waiting: state.queue().iter().map(|one| one.release.to_string()).collect(),
            frozen,
        }
    }
}
