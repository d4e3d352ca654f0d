//! The commands, each in a file by what it is about.

pub(crate) mod demo;
mod export;
mod flows;
mod handover;
mod init;
mod judge;
mod lab;
mod outcome;
mod package;
mod page;
mod people;
mod plan;
mod progress;
mod publish;
mod read;
mod report;
pub(crate) mod run;
mod schema;
mod serve;
mod storyboard;
mod verify;

use std::future::Future;

use crate::{
    cli::{Cli, Command},
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
        Command::Lab(lab) => lab::run(global, &lab),
        Command::Judge(asked) => judge::run(global, &asked),
        Command::Run(run) => run::run(global, &run),
        Command::Serve(serve) => serve::run(global, &serve),
        Command::Flows(flows) => block_on(flows::run(global, &flows))?,
        Command::Plan(plan) => block_on(plan::run(global, &plan))?,
        Command::Approve(of) => block_on(people::approve(global, &of))?,
        Command::Check(check) => block_on(people::check(global, check))?,
        Command::Hold(hold) => block_on(people::hold(global, hold))?,
        Command::Resume(resume) => block_on(people::resume(global, resume))?,
        Command::Rollback(rollback) => block_on(people::roll_back(global, rollback))?,
        Command::Abort(abort) => block_on(people::abort(global, abort))?,
        Command::Override(asked) => block_on(people::override_gate(global, asked))?,
        Command::Ack(ack) => block_on(people::acknowledge(global, &ack))?,
        Command::Postmortem(filed) => block_on(people::post_mortem(global, filed))?,
        Command::Lesson(lesson) => block_on(people::lesson(global, lesson))?,
        Command::Action(action) => block_on(people::action(global, action))?,
        Command::Settle(settled) => block_on(people::settle(global, settled))?,
        Command::Complain(complaint) => block_on(people::complain(global, complaint))?,
        Command::Close(of) => block_on(people::close(global, &of))?,
        Command::Status { release } => block_on(read::status(global, release.as_ref()))?,
        Command::Log { release, full } => block_on(read::log(global, &release, full))?,
        Command::Schedule(of) => block_on(read::schedule(global, &of.release))?,
        Command::Show(of) => block_on(read::plan(global, &of.release))?,
        Command::Evidence(of) => block_on(read::evidence(global, &of.release))?,
        Command::RollbackLog(of) => block_on(read::rollback_log(global, &of.release))?,
        Command::Storyboard { release, output } => {
            block_on(storyboard::run(global, &release, output.as_deref()))?
        }
        Command::Handover(asked) => block_on(handover::run(global, &asked))?,
        Command::Publish(publish) => block_on(publish::run(global, &publish))?,
        Command::Package(package) => block_on(package::run(global, &package))?,
        Command::Report(report) => block_on(report::report(global, &report))?,
        Command::Metrics(metrics) => block_on(report::metrics(global, &metrics))?,
        Command::Owed => block_on(report::owed(global))?,
        Command::Verify(verify) => block_on(verify::run(global, &verify))?,
        Command::Export { release, output } => block_on(export::run(global, &release, output.as_deref()))?,
        Command::Schema { of } => schema::run(of),
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
