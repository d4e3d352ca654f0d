//! Where the other programs of this workspace are.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use thiserror::Error;

/// Why a program of this workspace is not there.
#[derive(Debug, Clone, Error)]
#[error("the program {} is not built: {problem}; `cargo build {}` builds it", program.name, program.selection().join(" "))]
pub struct NotBuilt {
    program: Program,
    problem: String,
}

/// A program of this workspace.
#[derive(Debug, Clone, Copy)]
struct Program {
    name: &'static str,
    package: &'static str,
    /// The feature of the package that it has to be built with.
    feature: Option<&'static str>,
}

const DEPLOY_TOOL: Program =
    Program { name: "deploy-tool", package: "deploy-tool", feature: Some("adapters") };

const SERVICE: Program = Program { name: "service", package: "real-canary", feature: None };

impl Program {
    /// What cargo has to be told to build it.
    fn selection(&self) -> Vec<&'static str> {
        let features = self.feature.map(|feature| ["--features", feature]);
        ["-p", self.package].into_iter().chain(features.into_iter().flatten()).collect()
    }

    /// Whether it is there, and was built with its feature: its `--version` names those.
    fn is_at(&self, path: &Path) -> bool {
        let Some(feature) = self.feature else { return path.is_file() };
        let said = Command::new(path).arg("--version").output();
        said.is_ok_and(|said| {
            String::from_utf8_lossy(&said.stdout).split_whitespace().any(|word| word == feature)
        })
    }
}

/// The deploy tool.
///
/// It is looked for in the target directory that this executable is in, and built by cargo where it is not there, or
/// there without adapters: cargo builds a program of another package only where it is asked to.
///
/// # Errors
///
/// [`NotBuilt`] where it can't be built.
pub fn deploy_tool_path() -> Result<PathBuf, NotBuilt> {
    static PATH: OnceLock<Result<PathBuf, NotBuilt>> = OnceLock::new();
    PATH.get_or_init(|| find(DEPLOY_TOOL)).clone()
}

/// The service that is released, found as [`deploy_tool_path`] is.
///
/// # Errors
///
/// [`NotBuilt`] where it can't be built.
pub fn service_path() -> Result<PathBuf, NotBuilt> {
    static PATH: OnceLock<Result<PathBuf, NotBuilt>> = OnceLock::new();
    PATH.get_or_init(|| find(SERVICE)).clone()
}

fn find(wanted: Program) -> Result<PathBuf, NotBuilt> {
    let not_built = |problem: &dyn fmt::Display| NotBuilt { program: wanted, problem: problem.to_string() };
    let executable = env::current_exe().map_err(|error| not_built(&error))?;
    let profile = profile_dir(&executable).ok_or_else(|| not_built(&"this executable is in no directory"))?;
    let program = profile.join(format!("{}{}", wanted.name, env::consts::EXE_SUFFIX));
    if !wanted.is_at(&program) {
        build(&wanted, profile).map_err(|problem| not_built(&problem))?;
    }
    if wanted.is_at(&program) { Ok(program) } else { Err(not_built(&"cargo has put it somewhere else")) }
}

/// The directory of the profile, such as `target/debug`. Tests and examples are one level deeper.
fn profile_dir(executable: &Path) -> Option<&Path> {
    let dir = executable.parent()?;
    let deeper = ["deps", "examples"].iter().any(|name| dir.ends_with(name));
    if deeper { dir.parent() } else { Some(dir) }
}

fn build(program: &Program, profile_dir: &Path) -> Result<(), String> {
    // Cargo says which one it is to those whom it runs.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = profile_dir.parent().ok_or("the target directory has no name")?;
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--bin", program.name]).args(program.selection());
    command.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile_dir.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().map_err(|error: io::Error| format!("cargo can't be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo has ended with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_beside_those_that_run_and_above_the_tests() {
        for executable in ["t/debug/real-canary", "t/debug/deps/end_to_end-1", "t/debug/examples/a"] {
            assert_eq!(profile_dir(Path::new(executable)), Some(Path::new("t/debug")), "{executable}");
        }
    }
}
