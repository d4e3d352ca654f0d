//! A folder with a configuration, a plan and a journal, and the tool that works in it.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The people of the tests: an author, two approvers, on-call, an executive, and CI.
pub(crate) const CONFIG: &str = r#"
[people]
"user:ana" = ["author", "developer"]
"user:ben" = ["approver"]
"user:cleo" = ["approver", "qa"]
"user:dora" = ["on-call"]
"user:eve" = ["executive", "approver"]
"user:nobody" = []
"service:ci" = ["ci"]
"#;

pub(crate) const PLAN: &str = r#"
release = "checkout-241"
title = "Faster tax lookup"
[scope]
service = "checkout"
summary = "Caches tax rates for a minute"
artifact = { name = "checkout", version = "2.41.0" }
replaces = "2.40.3"
audience = "user-facing"
touches = ["api"]
[contract]
criteria = ["error_rate > 1%"]
[[communication]]
audience = "internal"
channel = "releases"
moments = ["completed"]
"#;

/// A folder to work in.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a call of the tool came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// The lines of the answer as JSON objects.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// That the tool was content.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }

    /// That the tool refused, and said this.
    #[track_caller]
    pub(crate) fn refused(self, part: &str) -> Self {
        self.ended(1, part)
    }

    /// That the tool did not understand, and said this.
    #[track_caller]
    pub(crate) fn misused(self, part: &str) -> Self {
        self.ended(2, part)
    }

    #[track_caller]
    fn ended(self, status: i32, part: &str) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.err.contains(part) && !self.err.contains("panicked"), "{part}: {self:?}");
        self
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Bench {
    /// A folder with people and a plan.
    pub(crate) fn new() -> Self {
        let bench = Self { dir: TempDir::new().unwrap() };
        bench.write("relman.toml", CONFIG);
        bench.write("plan.toml", PLAN);
        bench
    }

    /// A folder whose journal holds the first records of a release.
    pub(crate) fn in_staging() -> Self {
        let bench = Self::new();
        bench.run("--as user:ana plan plan.toml").done();
        bench.run("--as user:ben approve checkout-241").done();
        for check in ["unit", "integration"] {
            bench.run(&format!("--as service:ci check checkout-241 {check} passed --evidence green")).done();
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The tool with these words, in this folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deploy-tool"));
        command.args(words).current_dir(self.dir.path()).env_remove("RELMAN_AS").stdin(Stdio::null());
        command
    }

    /// Runs the tool; words are parted by spaces.
    pub(crate) fn run(&self, words: &str) -> Answer {
        self.run_words(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the tool with words that hold spaces.
    pub(crate) fn run_words(&self, words: &[&str]) -> Answer {
        self.command(words).output().unwrap().into()
    }

    /// Runs the tool with words that hold spaces, and this on its standard input.
    pub(crate) fn run_on(&self, words: &[&str], input: impl AsRef<[u8]>) -> Answer {
        let mut command = self.command(words);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // A tool that refuses does not read to the end.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        child.wait_with_output().unwrap().into()
    }

    /// The stored lines of the release, with their line feeds.
    pub(crate) fn export(&self) -> Vec<u8> {
        self.command(&["export", "checkout-241"]).output().unwrap().stdout
    }
}
