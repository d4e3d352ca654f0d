//! The commands, each in a file by what it is about.

#[cfg(feature = "adapters")]
mod back;
pub(crate) mod demo;
mod export;
#[cfg(feature = "adapters")]
mod flows;
mod handover;
mod init;
mod judge;
#[cfg(feature = "lab")]
mod lab;
mod outcome;
#[cfg(feature = "web")]
mod package;
#[cfg(any(feature = "lab", feature = "web"))]
mod page;
mod people;
mod plan;
mod presence;
mod progress;
#[cfg(feature = "adapters")]
mod publish;
mod read;
mod report;
#[cfg(feature = "adapters")]
mod run;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "web")]
mod serve;
#[cfg(feature = "web")]
mod storyboard;
mod target;
mod typed;
mod verify;

use std::future::Future;

use crate::{
    cli::{Cli, Command, Rollback},
    failure::Failure,
};

/// Carries out what the command line says.
///
/// # Errors
///
/// [`Failure`], which knows the exit status.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let global = &global;
    match command {
        Command::Demo(demo) => demo::run(global, &demo),
        Command::Init { dir } => init::run(&dir),
        #[cfg(feature = "lab")]
        Command::Lab(lab) => lab::run(global, &lab),
        #[cfg(not(feature = "lab"))]
        Command::Lab(_) => Err(crate::part::Part::Lab.missing()),
        Command::Judge(asked) => judge::run(global, &asked),
        #[cfg(feature = "adapters")]
        Command::Run(run) => run::run(global, &run),
        #[cfg(not(feature = "adapters"))]
        Command::Run(_) => Err(crate::part::Part::Adapters.missing()),
        #[cfg(feature = "web")]
        Command::Serve(serve) => serve::run(global, &serve),
        #[cfg(not(feature = "web"))]
        Command::Serve(_) => Err(crate::part::Part::Web.missing()),
        #[cfg(feature = "adapters")]
        Command::Flows(flows) => block_on(flows::run(global, &flows))?,
        #[cfg(not(feature = "adapters"))]
        Command::Flows(_) => Err(crate::part::Part::Adapters.missing()),
        Command::Plan(plan) => block_on(plan::run(global, &plan))?,
        Command::Approve(of) => block_on(people::approve(global, &of))?,
        Command::Check(check) => block_on(people::check(global, check))?,
        Command::Hold(hold) => block_on(people::hold(global, hold))?,
        Command::Resume(resume) => block_on(people::resume(global, resume))?,
        #[cfg(feature = "adapters")]
        Command::Rollback(Rollback { release, reason, now: true }) => back::run(global, &release, reason),
        #[cfg(not(feature = "adapters"))]
        Command::Rollback(Rollback { now: true, .. }) => Err(crate::part::Part::Adapters.missing()),
        Command::Rollback(Rollback { release, reason, now: false }) => {
            block_on(people::roll_back(global, &release, reason))?
        }
        Command::Abort(abort) => block_on(people::abort(global, abort))?,
        Command::Override(asked) => block_on(people::override_gate(global, asked))?,
        Command::Ack(ack) => block_on(people::acknowledge(global, &ack))?,
        Command::Postmortem(filed) => block_on(people::post_mortem(global, filed))?,
        Command::Lesson(lesson) => block_on(people::lesson(global, lesson))?,
        Command::Action(action) => block_on(people::action(global, action))?,
        Command::Settle(settled) => block_on(people::settle(global, settled))?,
        Command::Complain(complaint) => block_on(people::complain(global, complaint))?,
        Command::Withdraw(withdrawn) => block_on(people::withdraw(global, withdrawn))?,
        Command::Close(of) => block_on(people::close(global, &of))?,
        Command::Status { release } => block_on(read::status(global, release.as_ref()))?,
        Command::Target { target } => block_on(target::run(global, target.as_ref()))?,
        Command::Freeze(asked) => block_on(target::freeze(global, &asked))?,
        Command::Unfreeze(asked) => block_on(target::unfreeze(global, &asked))?,
        Command::Adopt(asked) => block_on(target::adopt(global, &asked))?,
        Command::Presence => block_on(presence::run(global))?,
        Command::Log { release, full } => block_on(read::log(global, &release, full))?,
        Command::Schedule(of) => block_on(read::schedule(global, &of.release))?,
        Command::Show(of) => block_on(read::plan(global, &of.release))?,
        Command::Evidence(of) => block_on(read::evidence(global, &of.release))?,
        Command::RollbackLog(of) => block_on(read::rollback_log(global, &of.release))?,
        #[cfg(feature = "web")]
        Command::Storyboard { release, output } => {
            block_on(storyboard::run(global, &release, output.as_deref()))?
        }
        #[cfg(not(feature = "web"))]
        Command::Storyboard { .. } => Err(crate::part::Part::Web.missing()),
        Command::Handover(asked) => block_on(handover::run(global, &asked))?,
        Command::Backup { to } => block_on(export::backup(global, &to))?,
        #[cfg(feature = "adapters")]
        Command::Publish(publish) => block_on(publish::run(global, &publish))?,
        #[cfg(not(feature = "adapters"))]
        Command::Publish(_) => Err(crate::part::Part::Adapters.missing()),
        #[cfg(feature = "web")]
        Command::Package(package) => block_on(package::run(global, &package))?,
        #[cfg(not(feature = "web"))]
        Command::Package(_) => Err(crate::part::Part::Web.missing()),
        Command::Report(report) => block_on(report::report(global, &report))?,
        Command::Metrics(metrics) => block_on(report::metrics(global, &metrics))?,
        Command::Owed => block_on(report::owed(global))?,
        Command::Verify(verify) => block_on(verify::run(global, &verify))?,
        Command::Export { release, output } => block_on(export::run(global, &release, output.as_deref()))?,
        #[cfg(feature = "schema")]
        Command::Schema { of } => schema::run(of),
        #[cfg(not(feature = "schema"))]
        Command::Schema { .. } => Err(crate::part::Part::Schema.missing()),
    }
}

/// Runs a short command on a runtime of its own; the conductor's commands make theirs.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format_args!("failed to start the runtime: {error}")))?;
    Ok(runtime.block_on(work))
}
