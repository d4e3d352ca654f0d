//! The drill: the files that a deploy tool reads, the tool that conducts it, and the people who take part.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use relman_core::policy::Policy;
use thiserror::Error;
use toml::{Table, Value};

use crate::{record::Log, settings::Settings, watched::Watched};

/// The release.
pub const RELEASE: &str = "drill-1";

/// How long a journal may be unreadable, as one is that is being made.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many steps the drill has.
pub const STEPS: u64 = 4;

/// The first step is as long as it takes to see what few requests there are; the two in the middle are so long that
/// Prometheus' five seconds show nothing but the share of the step.
const TRACK: &str = r#"
use = "drills"
highest_risk = "standard"
look_every = "1s"
min_requests = 20
steps = [
    { share = "1%", bake = "6s" },
    { share = "10%", bake = "8s" },
    { share = "50%", bake = "8s" },
    { share = "100%", bake = "10s" },
]
"#;

const PLAN: &str = r#"# The plan of the drill.
release = "drill-1"
title = "A new version on real traffic"
kind = "drill"
track = "drill"

[scope]
service = "app"
summary = "Answers as the old version does"
artifact = { name = "app", version = "CANARY" }
replaces = "BASELINE"
audience = "user-facing"
touches = ["api"]

[contract]
criteria = ["error_rate > 1%", "latency_p99 > 1s"]

[[communication]]
audience = "internal"
channel = "releases"
moments = ["rollout-started", "validation-started", "rollback-started", "rolled-back", "completed"]
"#;

/// Who takes part, and in which roles.
const PEOPLE: &str = r#"
"user:ana" = ["author", "developer"]
"user:bo" = ["approver"]
"user:oli" = ["on-call"]
"service:ci" = ["ci"]
"#;

/// Installs nothing, because both versions run already. It takes the question and says that it is done.
const INSTALLER: &str = "#!/bin/sh\ncat >/dev/null\necho '{\"ok\":true}'\n";

/// A folder with the files of a drill, and the deploy tool that works in it.
#[derive(Debug, Clone)]
pub struct Drill {
    dir: PathBuf,
    tool: PathBuf,
}

/// Which versions take part.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// The old one.
    pub baseline: &'a str,
    /// The new one.
    pub canary: &'a str,
}

/// Why a drill could not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DrillError {
    /// The machine does not do its part.
    #[error("failed to {operation}")]
    Io {
        /// What was tried.
        operation: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The deploy tool refuses.
    #[error("`deploy-tool {words}` has ended with {status}: {said}")]
    Refused {
        /// What it was asked.
        words: String,
        /// Its status.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// The deploy tool prints what is no record.
    #[error("`deploy-tool log --json` prints something that is no record")]
    Record(#[from] serde_json::Error),
}

impl Drill {
    /// Writes `relman.toml`, `policy.toml`, `plan.toml` and an installer into a folder that is there.
    ///
    /// # Errors
    ///
    /// [`DrillError::Io`] where they can't be written.
    pub fn prepare(
        dir: &Path,
        tool: PathBuf,
        settings: &Settings,
        versions: Versions<'_>,
    ) -> Result<Self, DrillError> {
        let dir = fs::canonicalize(dir).map_err(io("find the folder"))?;
        let installer = dir.join("install.sh");
        let plan = PLAN.replace("CANARY", versions.canary).replace("BASELINE", versions.baseline);
        for (path, text) in [
            (dir.join("relman.toml"), configuration(settings, &installer).to_string()),
            (dir.join("policy.toml"), policy().to_string()),
            (dir.join("plan.toml"), plan),
            (installer.clone(), INSTALLER.to_owned()),
        ] {
            fs::write(path, text).map_err(io("write the files of the drill"))?;
        }
        fs::set_permissions(&installer, fs::Permissions::from_mode(0o700))
            .map_err(io("make the installer executable"))?;
        Ok(Self { dir, tool })
    }

    /// Where the files and the journal are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("relman.db")
    }

    /// Starts `deploy-tool run`, which also goes on with a drill that was interrupted.
    ///
    /// # Errors
    ///
    /// [`DrillError::Io`] where it can't be started.
    pub fn conduct(&self) -> Result<Running, DrillError> {
        let journal = self.journal().display().to_string();
        let words = ["--journal", &journal, "--as", "user:ana", "run", "plan.toml"].map(ToOwned::to_owned);
        let watched = Watched::spawn("conductor", &self.tool, &words, &self.dir);
        watched.map(Running).map_err(io("start the deploy tool"))
    }

    /// Gives a command to the deploy tool in a process of its own, and returns what it printed.
    ///
    /// # Errors
    ///
    /// [`DrillError::Refused`] where its status is not 0.
    pub fn tool(&self, words: &[&str]) -> Result<String, DrillError> {
        let output = self.output(words)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(DrillError::Refused { words: words.join(" "), status: output.status, said });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn output(&self, words: &[&str]) -> Result<Output, DrillError> {
        Command::new(&self.tool)
            .arg("--journal")
            .arg(self.journal())
            .args(words)
            .current_dir(&self.dir)
            .env_remove("RELMAN_AS")
            .stdin(Stdio::null())
            .output()
            .map_err(io("run the deploy tool"))
    }

    /// What has happened so far: nothing before the plan is recorded.
    ///
    /// # Errors
    ///
    /// [`DrillError`] where the deploy tool can't be asked, or doesn't print records.
    pub fn log(&self) -> Result<Log, DrillError> {
        let words = ["log", RELEASE, "--json"];
        let begin = Instant::now();
        let mut output = self.output(&words)?;
        while !output.status.success() && !is_nothing_yet(&output) && begin.elapsed() < PATIENCE {
            eprintln!("asking again: {}", said(&output));
            thread::sleep(Duration::from_millis(50));
            output = self.output(&words)?;
        }
        if output.status.success() {
            return Ok(Log::from_lines(&String::from_utf8_lossy(&output.stdout))?);
        }
        if is_nothing_yet(&output) {
            return Ok(Log::default());
        }
        let said = said(&output);
        Err(DrillError::Refused { words: words.join(" "), status: output.status, said })
    }

    /// Does what people and services have to do now: approve, check, take on-call duty, and check again.
    ///
    /// # Errors
    ///
    /// [`DrillError::Refused`] where the deploy tool doesn't let them.
    pub fn take_part(&self, log: &Log) -> Result<(), DrillError> {
        if log.has("plan_recorded") && !log.has("plan_approved") {
            self.tool(&["--as", "user:bo", "approve", RELEASE])?;
        }
        if log.has("staging_started") {
            for check in ["unit", "integration", "end-to-end"] {
                self.check(log, check)?;
            }
        }
        if log.has("step_started") && !log.has("on_call_acknowledged") && !log.has("rollback_started") {
            self.tool(&["--as", "user:oli", "ack", RELEASE, "--for", "30m"])?;
        }
        if log.has("validation_started") && !log.has("rollback_started") {
            self.check(log, "user-flows")?;
        }
        Ok(())
    }

    fn check(&self, log: &Log, check: &str) -> Result<(), DrillError> {
        if !log.has_check(check) {
            let words = ["--as", "service:ci", "check", RELEASE, check, "passed", "--evidence", "all green"];
            self.tool(&words)?;
        }
        Ok(())
    }
}

/// A deploy tool that conducts the drill. Dropped, it is ended; the drill can be gone on with.
#[derive(Debug)]
pub struct Running(Watched);

impl Running {
    /// How it ended, if it has: with 0 where the release is complete, with 1 where it was rolled back.
    ///
    /// # Errors
    ///
    /// [`DrillError::Io`] where the system doesn't tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, DrillError> {
        self.0.ended().map_err(io("look after the deploy tool"))
    }

    /// Kills it with SIGKILL, and returns when it is gone.
    ///
    /// # Errors
    ///
    /// [`DrillError::Io`] where the system doesn't do so.
    pub fn kill(&mut self) -> Result<(), DrillError> {
        self.0.kill().map_err(io("kill the deploy tool"))
    }

    /// The last lines that it printed.
    pub fn last_words(&self) -> String {
        self.0.last_words()
    }

    /// Where everything is that it printed.
    pub fn printed(&self) -> &Path {
        self.0.log()
    }
}

/// Whether the conductor has not made the journal or not recorded the plan yet. Whatever else is said must not pass
/// for a drill in which nothing has happened.
fn is_nothing_yet(output: &Output) -> bool {
    let said = said(output);
    ["there is no journal", "there is no release"].iter().any(|nothing| said.contains(nothing))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

fn io(operation: &'static str) -> impl Fn(io::Error) -> DrillError {
    move |source| DrillError::Io { operation: operation.to_owned(), source }
}

fn table(text: &str) -> Table {
    text.parse().expect("a constant of this file is TOML")
}

/// `relman.toml`.
fn configuration(settings: &Settings, installer: &Path) -> Table {
    let settings: Table = table(&settings.to_toml());
    let of_kind = |kind: &str, name: &str| {
        let mut table = settings[name].as_table().cloned().unwrap_or_default();
        table.insert("kind".to_owned(), kind.into());
        Value::Table(table)
    };
    let mut configuration = table("policy = \"policy.toml\"\n");
    let installer = Table::from_iter([
        ("kind".to_owned(), "command".into()),
        ("program".to_owned(), installer.display().to_string().into()),
    ]);
    let log = || Value::Table(Table::from_iter([("kind".to_owned(), "log".into())]));
    let notifiers = Table::from_iter(["releases", "on-call"].map(|channel| (channel.to_owned(), log())));
    configuration.extend([
        ("people".to_owned(), Value::Table(table(PEOPLE))),
        ("deployer".to_owned(), of_kind("haproxy", "haproxy")),
        ("installer".to_owned(), Value::Table(installer)),
        ("metrics".to_owned(), of_kind("prometheus", "prometheus")),
        ("notifiers".to_owned(), Value::Table(notifiers)),
    ]);
    configuration
}

/// The policy that ships with relman, with a track of seconds that only a drill can take.
fn policy() -> Table {
    let mut policy = table(Policy::SHIPPED_TOML);
    policy.insert("name".to_owned(), "the shipped policy, with a track of seconds for drills".into());
    for (section, key, value) in [
        ("tracks", "drill", Value::Table(table(TRACK))),
        ("rollback", "retry_every", "1s".into()),
        ("rollback", "confirm_every", "500ms".into()),
    ] {
        policy[section]
            .as_table_mut()
            .expect("the section is in the shipped policy")
            .insert(key.to_owned(), value);
    }
    policy
}

#[cfg(test)]
mod tests {
    use relman_core::plan::Plan;

    use super::*;

    #[test]
    fn the_policy_has_the_plans_track() {
        let policy = Policy::from_toml(&policy().to_string()).unwrap();
        let plan = Plan::from_toml(&PLAN.replace("CANARY", "2.0.0").replace("BASELINE", "1.0.0")).unwrap();
        assert_eq!(plan.release().to_string(), RELEASE);
        let track = policy.track(plan.track().unwrap()).unwrap();
        assert_eq!(track.steps().len() as u64, STEPS);
    }
}
