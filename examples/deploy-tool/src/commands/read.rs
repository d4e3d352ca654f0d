//! What there is to read: reports of the core, as text or as JSON.

use relman_core::{
    machine::Missing,
    port::{JournalExt, StreamState, Streams},
    report::{EvidenceReport, History, PlanReport, RollbackLog, Schedule, Status, Timeline, Waiting},
    unit::ReleaseId,
};
use serde::Serialize;

use super::presence::{self, Drivers};
use crate::{
    cli::Global,
    failure::Failure,
    output,
    store::{self, Stored},
};

/// `status`: one release in full, or a line for each.
pub(super) async fn status(global: &Global, release: Option<&ReleaseId>) -> Result<(), Failure> {
    let Some(id) = release else {
        return every_status(global).await;
    };
    let Stored { release, records } = tell(global, id).await?;
    let history = History::new(&release, &records, store::now());
    let status = Status::of(&history);
    if global.json {
        return status_json(&status, &history);
    }
    output::report(status)?;
    if let Some(who) = presence::of_status(&store::path(global), &release).await {
        output::line("")?;
        output::line(who)?;
    }
    if !release.missing(history.now).is_empty() {
        output::line("")?;
        output::report(Waiting::of(&history).others())?;
    }
    Ok(())
}

/// As text, from what the journal keeps beside the streams: of thousands of releases none is read. A release whose record is
/// broken does not hide the others.
async fn every_status(global: &Global) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let streams = journal.every_release(Streams::All).await?;
    if streams.is_empty() && !global.json {
        output::line(format_args!("no releases in {}", path.display()))?;
    }
    let (mut all_good, now) = (true, store::now());
    let drivers = Drivers::of(&path);
    for (id, stream) in streams {
        if let (Some(index), false) = (&stream.index, global.json) {
            // The line is as of the last record; what was due since then is due all the same.
            let overdue = index.due.filter(|due| index.state == StreamState::Ended && *due < now);
            let overdue = overdue.filter(|_| !index.line.contains("OVERDUE"));
            let overdue = overdue.map(|due| format!(", OVERDUE ITEMS since {due}")).unwrap_or_default();
            let alone = drivers.leave_alone(&stream).await;
            let alone = if alone { "; NOBODY IS DRIVING" } else { "" };
            output::line(format_args!("{}{overdue}{alone}", index.line))?;
            continue;
        }
        match store::tell(&*journal, &id).await {
            Ok(Some(Stored { release, records })) => {
                let history = History::new(&release, &records, store::now());
                if global.json {
                    status_json(&Status::of(&history), &history)?;
                } else {
                    output::line(release.one_line(history.now))?;
                }
            }
            Ok(None) => {
                all_good = false;
                output::error(&format!("{id} has a head and no records; `verify` says more"))?;
            }
            Err(failure) => {
                all_good = false;
                output::error(&failure.to_string())?;
            }
        }
    }
    if all_good { Ok(()) } else { Err(Failure::Said) }
}

/// One object a release: its status, and the whole list of what it waits for.
fn status_json(status: &Status, history: &History<'_>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct WithMissing<'a> {
        // The one place where flattening is harmless: this is written and never read back.
        #[serde(flatten)]
        status: &'a Status,
        missing: Vec<Missing>,
    }
    let missing = history.release.missing(history.now);
    Ok(output::report_json(&WithMissing { status, missing })?)
}

/// `log`: what happened, record by record.
pub(super) async fn log(global: &Global, id: &ReleaseId, full: bool) -> Result<(), Failure> {
    if global.json {
        return log_json(global, id).await;
    }
    let Stored { release, records } = tell(global, id).await?;
    let timeline = Timeline::of(&History::new(&release, &records, store::now()));
    Ok(if full { output::report(timeline.full()) } else { output::report(timeline) }?)
}

/// Prints the stored records without understanding them, so that a newer event or a broken record does not hide
/// what stands before it.
async fn log_json(global: &Global, id: &ReleaseId) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let lines = journal.read_to_end(&id.into(), 0).await?;
    if lines.is_empty() {
        return Err(store::no_such_release(&*journal, &path, id).await);
    }
    for (seq, line) in lines.iter().enumerate() {
        let printed = output::record_json(line);
        printed.map_err(|malformed| Failure::refused(format_args!("{id}, record {seq}: {malformed}")))??;
    }
    Ok(())
}

/// `schedule`: what was planned beside what happened.
pub(super) async fn schedule(global: &Global, id: &ReleaseId) -> Result<(), Failure> {
    let told = tell(global, id).await?;
    let schedule = Schedule::of(&History::new(&told.release, &told.records, store::now()));
    print(global, schedule, || format!("{id} has no plan, so there is no schedule"))
}

/// `evidence`: what spoke for and against a release, look by look.
pub(super) async fn evidence(global: &Global, id: &ReleaseId) -> Result<(), Failure> {
    let told = tell(global, id).await?;
    let course = EvidenceReport::of(&History::new(&told.release, &told.records, store::now()));
    print(global, course, || {
        format!("nothing was measured of {id} yet: it is {}", told.release.phase().name())
    })
}

/// `show`: the plan in force.
pub(super) async fn plan(global: &Global, id: &ReleaseId) -> Result<(), Failure> {
    let told = tell(global, id).await?;
    let plan = PlanReport::of(&History::new(&told.release, &told.records, store::now()));
    print(global, plan, || format!("{id} has no plan"))
}

/// `rollback-log`: why a release was taken back.
pub(super) async fn rollback_log(global: &Global, id: &ReleaseId) -> Result<(), Failure> {
    let told = tell(global, id).await?;
    let log = RollbackLog::of(&History::new(&told.release, &told.records, store::now()));
    let phase = told.release.phase().name();
    print(global, log, || format!("{id} was never rolled back: it is {phase}"))
}

fn print<R: Serialize + std::fmt::Display>(
    global: &Global,
    report: Option<R>,
    why_none: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let report = report.ok_or_else(|| Failure::Refused(why_none()))?;
    Ok(if global.json { output::report_json(&report) } else { output::report(report) }?)
}

async fn tell(global: &Global, id: &ReleaseId) -> Result<Stored, Failure> {
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    match store::tell(&*journal, id).await? {
        Some(told) => Ok(told),
        None => Err(store::no_such_release(&*journal, &path, id).await),
    }
}
