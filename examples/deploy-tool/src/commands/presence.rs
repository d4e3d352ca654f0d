//! Whether anybody carries out what is recorded: what people are told after a command, and `presence` for a watchdog.

use std::path::Path;

use relman_adapters::lease::SqliteLeases;
use relman_core::{
    machine::{ActionName, Release},
    port::{
        DrivenBy, JournalExt, Leases, LeasesExt, Presence, StoredStream, StreamIndex, StreamState, Streams,
        TakesUp,
    },
    unit::{ReleaseId, Timestamp},
};
use serde::Serialize;

use super::typed::Typed;
use crate::{
    cli::Global,
    failure::{Failure, with_causes},
    output,
    store::{self, Stored},
};

/// Whom to ask who drives; nobody knows where the leases can't be read.
pub(super) struct Drivers(Result<SqliteLeases, String>);

/// Who drives a release, as far as is known.
pub(super) enum Known {
    By(DrivenBy),
    /// The leases can't be read: why.
    Not(String),
}

impl Drivers {
    /// Those of a journal that is there.
    pub(super) fn of(path: &Path) -> Self {
        Self(SqliteLeases::open_read_only(path).map_err(|error| with_causes(&error)))
    }

    pub(super) async fn of_release(&self, id: &ReleaseId) -> Known {
        match &self.0 {
            Ok(leases) => match leases.driver_of(id).await {
                Ok(driver) => Known::By(driver),
                Err(error) => Known::Not(with_causes(&error)),
            },
            Err(why) => Known::Not(why.clone()),
        }
    }

    /// Of a list: whether nobody is driving a release for which something is due.
    pub(super) async fn leave_alone(&self, stream: &StoredStream) -> bool {
        let is_due = |index: &StreamIndex| index.state == StreamState::Open && index.due.is_some();
        let Some(release) = stream.release() else { return false };
        stream.index.as_ref().is_some_and(is_due)
            && matches!(self.of_release(release).await, Known::By(DrivenBy::Nobody { .. }))
    }
}

/// What became of a command, once it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Performed {
    /// It is carried out, or there is nothing to carry out.
    Yes,
    /// It is recorded, and nobody carries it out, as far as is known.
    No,
}

/// What somebody who gave a command is told about who carries it out. The one place for all commands.
pub(super) fn told(
    release: &Release,
    action: ActionName,
    driver: &Known,
    typed: &Typed<'_>,
) -> (Option<String>, Performed) {
    if !release.needs_a_conductor() {
        return (None, Performed::Yes);
    }
    let id = release.id();
    let only_messages = release.phase().name().is_end()
        && release.outstanding().values().all(|one| one.effect.is_notification());
    let driver = match driver {
        Known::By(DrivenBy::Conductor(Presence { conductor, seen, .. })) => {
            let seconds = seen.as_millis() / 1_000;
            let what = if only_messages { "tells people" } else { what_follows(action) };
            return (
                Some(format!("relman {what} (conductor {conductor}, seen {seconds} s ago)")),
                Performed::Yes,
            );
        }
        Known::By(nobody @ DrivenBy::Nobody { .. }) => nobody.to_string(),
        Known::Not(why) => {
            // What nobody knows is promised to nobody.
            let said = format!("recorded; whether a conductor carries it out is not known: {why}");
            return (Some(said), Performed::No);
        }
    };
    if only_messages {
        return (Some(format!("recorded; people are told once a conductor runs: {driver}")), Performed::No);
    }
    let users = match release.exposure() {
        share if share.is_zero() => String::new(),
        share => format!(
            "\n  Users:             {share} of the traffic is on the new version, and nothing is measured"
        ),
    };
    let head = match action {
        ActionName::RollBack | ActionName::Abort | ActionName::Resume => {
            format!("recorded, and NOT performed: {driver}")
        }
        _ => format!("recorded, and nobody is driving {id}: {driver}"),
    };
    let mut said = format!("{head}{users}");
    if action == ActionName::RollBack {
        said.push_str("\n  To perform it now: ");
        said.push_str(&typed.back_now(id));
    }
    let plan = "PLAN.toml";
    said.push_str("\n  To go on:          ");
    said.push_str(&typed.line(None, &format!("run {plan}")));
    said.push_str(", with the plan of the release");
    (Some(said), Performed::No)
}

/// What a conductor does about a command, for a person.
fn what_follows(action: ActionName) -> &'static str {
    match action {
        ActionName::RollBack | ActionName::Abort => "carries it out",
        ActionName::RecordPlan
        | ActionName::RevisePlan
        | ActionName::ApprovePlan
        | ActionName::RecordCheck
        | ActionName::Hold
        | ActionName::Resume
        | ActionName::Override
        | ActionName::Acknowledge
        | ActionName::FilePostMortem
        | ActionName::RecordLesson
        | ActionName::OpenActionItem
        | ActionName::SettleActionItem
        | ActionName::Complain
        | ActionName::WithdrawComplaint
        | ActionName::RecordIncident
        | ActionName::EndIncident
        | ActionName::Close => "carries out what follows from it",
    }
}

/// A conductor as `presence` prints it for programs.
#[derive(Serialize)]
struct ConductorLine {
    conductor: String,
    present: bool,
    takes_up: &'static str,
    since: Timestamp,
    seen: Timestamp,
}

/// A release that needs a conductor, as `presence` prints it for programs.
#[derive(Serialize)]
struct ReleaseLine<'a> {
    release: &'a ReleaseId,
    driven_by: Option<String>,
    exposure_bp: u32,
}

/// `presence`: who is there, and which releases nobody drives; the exit status is 1 where there is one.
pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let leases = SqliteLeases::open_read_only(&path)?;
    let now = store::now();
    for one in leases.conductors().await? {
        conductor_line(global, &one, now)?;
    }
    let mut left_alone = false;
    let mut open = 0;
    for (id, _) in journal.every_release(Streams::Open).await? {
        let id = &id;
        let release = match store::tell(&*journal, id).await {
            Ok(Some(Stored { release, .. })) if release.needs_a_conductor() => release,
            Ok(_) => continue,
            Err(failure) => {
                left_alone = true;
                output::error(&failure.to_string())?;
                continue;
            }
        };
        open += 1;
        let driver = leases.driver_of(id).await?;
        left_alone |= !driver.is_anybody();
        release_line(global, &release, &driver)?;
    }
    if open == 0 && !global.json {
        output::line("no release needs a conductor")?;
    }
    if left_alone { Err(Failure::Said) } else { Ok(()) }
}

fn conductor_line(global: &Global, one: &Presence, now: Timestamp) -> Result<(), Failure> {
    let (since, seen) = (now.minus(one.since), now.minus(one.seen));
    let (name, takes_up) = match one.takes_up {
        TakesUp::Everything => ("everything", "drives every open release"),
        TakesUp::Named => ("named", "drives what it was started for"),
    };
    if global.json {
        let (conductor, present) = (one.conductor.to_string(), one.is_present());
        return Ok(output::json(&ConductorLine { conductor, present, takes_up: name, since, seen })?);
    }
    let (since, seen) = (seconds(since), seconds(seen));
    Ok(output::line(if one.is_present() {
        format!("conductor {}: running since {since}, last seen {seen}, {takes_up}", one.conductor)
    } else {
        format!("conductor {}: GONE, last seen {seen}", one.conductor)
    })?)
}

fn release_line(global: &Global, release: &Release, driver: &DrivenBy) -> Result<(), Failure> {
    let (id, share) = (release.id(), release.exposure());
    if global.json {
        let driven_by = match driver {
            DrivenBy::Conductor(present) => Some(present.conductor.to_string()),
            DrivenBy::Nobody { .. } => None,
        };
        let exposure_bp = u32::from(share.basis_points());
        return Ok(output::json(&ReleaseLine { release: id, driven_by, exposure_bp })?);
    }
    let phase = release.phase().name();
    Ok(output::line(match driver {
        DrivenBy::Conductor(_) => format!("{id}: {phase}, {share} of the traffic, driven by {driver}"),
        DrivenBy::Nobody { .. } => {
            format!("{id}: NOBODY IS DRIVING: {phase}, {share} of the traffic; {driver}")
        }
    })?)
}

/// A moment to the second.
fn seconds(at: Timestamp) -> String {
    format!("{}Z", &at.to_string()[..19])
}

/// Of one release, for its status: nothing, where it needs no conductor.
pub(super) async fn of_status(path: &Path, release: &Release) -> Option<String> {
    if !release.needs_a_conductor() {
        return None;
    }
    Some(match Drivers::of(path).of_release(release.id()).await {
        Known::By(driver @ DrivenBy::Conductor(_)) => format!("driven by {driver}"),
        Known::By(driver @ DrivenBy::Nobody { .. }) => {
            format!(
                "NOBODY IS DRIVING {}: {driver}; nothing is measured, and a breach would not take it back",
                release.id()
            )
        }
        Known::Not(why) => format!("whether a conductor is running is not known: {why}"),
    })
}

/// Who has taken over a release that was just given back. Waited for while anybody is there who might.
#[cfg(feature = "adapters")]
pub(super) async fn taken_over(path: &Path, id: &ReleaseId) -> Option<DrivenBy> {
    /// Who stands by looks once a second.
    const LOOKS: u32 = 15;
    let leases = SqliteLeases::open_read_only(path).ok()?;
    for _ in 0..LOOKS {
        if let driver @ DrivenBy::Conductor(_) = leases.driver_of(id).await.ok()? {
            return Some(driver);
        }
        if !leases.conductors().await.ok()?.iter().any(Presence::is_present) {
            return None;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    None
}

/// Another conductor that drives a release.
#[cfg(feature = "adapters")]
pub(super) async fn another(
    path: &Path,
    id: &ReleaseId,
    own: Option<&relman_core::port::ConductorId>,
) -> Option<DrivenBy> {
    match Drivers::of(path).of_release(id).await {
        Known::By(DrivenBy::Conductor(other)) if Some(&other.conductor) != own => {
            Some(DrivenBy::Conductor(other))
        }
        Known::By(_) | Known::Not(_) => None,
    }
}
