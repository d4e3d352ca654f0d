//! What people and services want from a release: each command is one input, decided on what the journal holds.

use std::{path::PathBuf, sync::Arc};

use relman_adapters::{Releases, SubmitError};
use relman_core::{
    event::{ActionItemKind, CheckOutcome, LessonKind, Record, Settlement},
    machine::{Action, ActionName, Refusal, Release},
    policy::{Policy, floors},
    port::{Directory, Journal},
    report::History,
    unit::{ReleaseId, Text},
};

use super::{
    presence::{self, Drivers, Performed},
    typed::Typed,
};
use crate::{
    cli::{
        self, Ack, Check, CheckResult, Complain, Global, Lesson, OfRelease, Override, Postmortem, Settle,
        WithReason, Withdraw,
    },
    config::{self, Config},
    failure::Failure,
    output, store,
};

/// `approve`.
pub(super) async fn approve(global: &Global, of: &OfRelease) -> Result<(), Failure> {
    Desk::open(global)?.act(global, &of.release, Action::ApprovePlan).await
}

/// `check`.
pub(super) async fn check(global: &Global, check: Check) -> Result<(), Failure> {
    let Check { release, name: check, outcome, evidence, items, all_items } = check;
    let desk = Desk::open(global)?;
    let items = if all_items {
        if check.as_str() != floors::MANUAL_QA {
            let problem = format!("the check {check} has no checklist: leave --all-items out");
            return Err(Failure::usage(problem));
        }
        let state = desk.releases.load(&release).await.map_err(|error| desk.explain(&error.into()))?;
        state.policy().map(Policy::qa_checklist).unwrap_or_default().to_vec()
    } else {
        items
    };
    let outcome = match outcome {
        CheckResult::Passed => CheckOutcome::Passed,
        CheckResult::Failed => CheckOutcome::Failed,
    };
    desk.act(global, &release, Action::RecordCheck { check, outcome, evidence, items }).await
}

/// `hold`.
pub(super) async fn hold(global: &Global, asked: WithReason) -> Result<(), Failure> {
    with_reason(global, asked, |reason| Action::Hold { reason }).await
}

/// `resume`.
pub(super) async fn resume(global: &Global, asked: WithReason) -> Result<(), Failure> {
    with_reason(global, asked, |reason| Action::Resume { reason }).await
}

/// `rollback`, which is left to a conductor.
pub(super) async fn roll_back(global: &Global, release: &ReleaseId, reason: Text) -> Result<(), Failure> {
    Desk::open(global)?.act(global, release, Action::RollBack { reason }).await
}

/// `abort`.
pub(super) async fn abort(global: &Global, asked: WithReason) -> Result<(), Failure> {
    with_reason(global, asked, |reason| Action::Abort { reason }).await
}

async fn with_reason(
    global: &Global,
    asked: WithReason,
    action: impl FnOnce(Text) -> Action,
) -> Result<(), Failure> {
    Desk::open(global)?.act(global, &asked.release, action(asked.reason)).await
}

/// `override`.
pub(super) async fn override_gate(global: &Global, asked: Override) -> Result<(), Failure> {
    let Override { release, gate, reason, expires } = asked;
    let expires_at = store::now() + expires;
    Desk::open(global)?.act(global, &release, Action::Override { gate, reason, expires_at }).await
}

/// `ack`.
pub(super) async fn acknowledge(global: &Global, ack: &Ack) -> Result<(), Failure> {
    let until = ack.length.map(|length| store::now() + length);
    Desk::open(global)?.act(global, &ack.release, Action::Acknowledge { until }).await
}

/// `postmortem`.
pub(super) async fn post_mortem(global: &Global, filed: Postmortem) -> Result<(), Failure> {
    let Postmortem { release, summary, root_cause, number, link } = filed;
    let action = Action::FilePostMortem { number, summary, root_cause, link };
    Desk::open(global)?.act(global, &release, action).await
}

/// `lesson`.
pub(super) async fn lesson(global: &Global, lesson: Lesson) -> Result<(), Failure> {
    let kind = match lesson.heading {
        cli::Heading::WentWell => LessonKind::WentWell,
        cli::Heading::WentBadly => LessonKind::WentBadly,
        cli::Heading::Lucky => LessonKind::Lucky,
    };
    let action = Action::RecordLesson { kind, text: lesson.text };
    Desk::open(global)?.act(global, &lesson.release, action).await
}

/// `action`.
pub(super) async fn action(global: &Global, asked: cli::Action) -> Result<(), Failure> {
    let cli::Action { release, what, kind, owner, due } = asked;
    let kind = match kind {
        cli::ActionKind::Prevent => ActionItemKind::Prevent,
        cli::ActionKind::Detect => ActionItemKind::Detect,
        cli::ActionKind::Mitigate => ActionItemKind::Mitigate,
        cli::ActionKind::Process => ActionItemKind::Process,
    };
    let action = Action::OpenActionItem { what, kind, owner, due: due.map(|due| store::now() + due) };
    Desk::open(global)?.act(global, &release, action).await
}

/// `settle`.
pub(super) async fn settle(global: &Global, settled: Settle) -> Result<(), Failure> {
    let Settle { release, how, number, note } = settled;
    let how = match how {
        cli::Settled::Done => Settlement::Done,
        cli::Settled::Dropped => Settlement::Dropped,
    };
    Desk::open(global)?.act(global, &release, Action::SettleActionItem { number, how, note }).await
}

/// `complain`. The same key again is told, and records nothing.
pub(super) async fn complain(global: &Global, complaint: Complain) -> Result<(), Failure> {
    let Complain { release, text, key } = complaint;
    let desk = Desk::open(global)?;
    let actor = config::actor(global)?;
    let done = desk.releases.command(&release, actor, Action::Complain { key: key.clone(), text }).await;
    let (release, records) = done.map_err(|error| desk.explain(&error))?;
    let known = release.complaints().iter().find(|one| one.key.is_some() && one.key == key);
    if let (true, Some(known), false) = (records.is_empty(), known, global.json) {
        let (record, by) = (known.record, &known.by);
        output::line(format_args!(
            "already on the record as {record}, by {by}: it counts once, and nothing was recorded"
        ))?;
    }
    desk.say(global, &release, &records).await
}

/// `withdraw`.
pub(super) async fn withdraw(global: &Global, asked: Withdraw) -> Result<(), Failure> {
    let Withdraw { release, key, record, reason } = asked;
    Desk::open(global)?.act(global, &release, Action::WithdrawComplaint { key, record, reason }).await
}

/// `close`.
pub(super) async fn close(global: &Global, of: &OfRelease) -> Result<(), Failure> {
    Desk::open(global)?.act(global, &of.release, Action::Close).await
}

/// Where people's wishes are taken: the releases of the journal, by the people of the configuration.
pub(super) struct Desk {
    pub(super) releases: Releases,
    pub(super) config: Config,
    path: PathBuf,
}

impl Desk {
    /// Opens a journal that is there.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the configuration can't be read or the journal can't be opened.
    pub(super) fn open(global: &Global) -> Result<Self, Failure> {
        config::actor(global)?;
        let config = Config::load(global)?;
        let path = store::path(global);
        let journal = store::open(&path)?;
        Ok(Self::on(journal, path, config))
    }

    /// On the journal at that path.
    pub(super) fn on(journal: Arc<dyn Journal>, path: PathBuf, config: Config) -> Self {
        let people: Arc<dyn Directory> = config.people();
        Self { releases: store::releases(journal, people), config, path }
    }

    /// Carries out a wish and says what came of it.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it is refused or can't be recorded.
    pub(super) async fn act(
        &self,
        global: &Global,
        release: &ReleaseId,
        action: Action,
    ) -> Result<(), Failure> {
        let actor = config::actor(global)?;
        let name = action.name();
        match self.releases.command(release, actor, action).await {
            Ok((release, records)) => {
                self.say(global, &release, &records).await?;
                self.say_who_carries_it_out(global, &release, name).await
            }
            Err(error) => {
                // A rollback that was asked for before, and that nobody carries out, is said to be just that.
                if let SubmitError::Refused(Refusal::AlreadyRollingBack(_)) = &error
                    && let Ok(release) = self.releases.load(release).await
                {
                    self.say_who_carries_it_out(global, &release, name).await.ok();
                }
                Err(self.explain(&error))
            }
        }
    }

    /// Says who carries out what was recorded. A rollback that nobody carries out is a failure.
    async fn say_who_carries_it_out(
        &self,
        global: &Global,
        release: &Release,
        action: ActionName,
    ) -> Result<(), Failure> {
        let driver = Drivers::of(&self.path).of_release(release.id()).await;
        let (said, performed) = presence::told(release, action, &driver, &Typed { global });
        match (said, performed) {
            (Some(said), Performed::Yes) if !global.json => output::line(said)?,
            (Some(said), Performed::No) => output::note(&said)?,
            (Some(_) | None, _) => {}
        }
        match (action, performed) {
            (ActionName::RollBack, Performed::No) => Err(Failure::Said),
            _ => Ok(()),
        }
    }

    /// Says what was recorded and what the release waits for now.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it can't be printed.
    pub(super) async fn say(
        &self,
        global: &Global,
        release: &Release,
        records: &[Record],
    ) -> Result<(), Failure> {
        if global.json {
            let Some(first) = records.first() else {
                return Ok(());
            };
            let journal = self.releases.journal();
            for line in journal.read(&release.id().into(), first.seq, records.len()).await? {
                output::record_json(&line).map_err(Failure::because)??;
            }
            return Ok(());
        }
        output::recorded(records)?;
        let history = History::new(release, &[], store::now());
        Ok(output::waiting(&history)?)
    }

    /// A refusal with what the core can't know: where the directory is.
    pub(super) fn explain(&self, error: &SubmitError) -> Failure {
        match error {
            SubmitError::Refused(refusal @ Refusal::UnknownActor(_)) => Failure::refused(format_args!(
                "{refusal}; the directory is [people] in {}",
                self.config.origin()
            )),
            error => Failure::because(error),
        }
    }
}
