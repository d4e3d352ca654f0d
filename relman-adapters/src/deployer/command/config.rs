use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use relman_core::{
    port::Promotion,
    unit::{Span, TrafficShare},
};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::process::Program;

/// How long a program may take where nothing else is configured: enough for a platform that waits until an
/// instance is up, and short enough that a rollback is not kept waiting for a program that hangs.
const DEFAULT_TIME_LIMIT: Span = Span::from_secs(60);

/// Which program a [`CommandDeployer`](super::CommandDeployer) runs, and how.
///
/// # Examples
///
/// ```
/// use relman_adapters::deployer::command::CommandConfig;
/// use relman_core::unit::Span;
///
/// let from_file: CommandConfig = toml::from_str(
///     r#"
///     program = "/opt/deploy/app"
///     args = ["--quiet"]
///     time_limit = "5m"
///     "#,
/// )?;
/// let in_code = CommandConfig::new("/opt/deploy/app", ["--quiet"]).with_time_limit(Span::from_minutes(5));
/// assert_eq!(from_file, in_code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    pub(super) program: PathBuf,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) environment: Vec<String>,
    #[serde(default = "default_time_limit", deserialize_with = "from_text")]
    pub(super) time_limit: Span,
    #[serde(default = "no_tolerance", deserialize_with = "from_text")]
    pub(super) share_tolerance: TrafficShare,
    #[serde(default)]
    pub(super) promotion: Promotion,
    #[serde(default)]
    pub(super) operations: BTreeSet<Operation>,
}

/// Something that a program may be able to do beyond what every one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// It is asked to put the new version into the stable place when a release has passed.
    Promote,
    /// It is asked which share it would set.
    Reachable,
    /// It understands `cut` in a request for no traffic.
    Cut,
    /// Its observations say which version is in each place, also where another deployer routes the traffic.
    Versions,
}

impl CommandConfig {
    /// A program with its arguments, 60 seconds to answer, and no tolerance for shares.
    ///
    /// A program without a slash is looked for in `PATH`.
    pub fn new<A: Into<String>>(program: impl AsRef<Path>, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            time_limit: DEFAULT_TIME_LIMIT,
            share_tolerance: TrafficShare::ZERO,
            promotion: Promotion::Swap,
            operations: BTreeSet::new(),
        }
    }

    pub(super) fn knows(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    pub(super) fn program(&self) -> Program<'_> {
        Program {
            path: &self.program,
            args: &self.args,
            environment: &self.environment,
            time_limit: self.time_limit,
        }
    }

    /// The same with the names of environment variables that the program is to see, besides `PATH`, `HOME`,
    /// `USER`, `LANG`, `TZ` and `TMPDIR`. It sees no others, so that it doesn't come by secrets of its host.
    #[must_use]
    pub fn with_environment<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.environment = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with another time limit for each request.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Span) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// The same with how far an observed share may be from the one that was set without being drift.
    #[must_use]
    pub fn with_share_tolerance(mut self, share_tolerance: TrafficShare) -> Self {
        self.share_tolerance = share_tolerance;
        self
    }

    /// The same with what becomes of the places when a release has passed.
    #[must_use]
    pub fn with_promotion(mut self, promotion: Promotion) -> Self {
        self.promotion = promotion;
        self
    }

    /// The same with what the program can do beyond what every one is asked for.
    #[must_use]
    pub fn with_operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = operations.into_iter().collect();
        self
    }
}

fn default_time_limit() -> Span {
    DEFAULT_TIME_LIMIT
}

fn no_tolerance() -> TrafficShare {
    TrafficShare::ZERO
}

/// Reads a value the way people write it, `5m` or `0.5%`, rather than as the integer that records have.
fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_the_way_people_write_it() {
        let config: CommandConfig = toml::from_str(
            "program = \"deploy\"\nenvironment = [\"KUBECONFIG\"]\nshare_tolerance = \"0.5%\"\n",
        )
        .unwrap();
        let expected = CommandConfig::new("deploy", [""; 0])
            .with_environment(["KUBECONFIG"])
            .with_share_tolerance("0.5%".parse().unwrap());
        assert_eq!(config, expected);
        assert_eq!(config.time_limit, Span::from_secs(60));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("args = []", "missing field `program`"),
            ("program = \"a\"\nprogramme = \"b\"", "unknown field `programme`"),
            ("program = \"a\"\ntime_limit = \"soon\"", "is not a duration such as 30m"),
            ("program = \"a\"\nshare_tolerance = \"5\"", "it does not end in %"),
        ] {
            let error = toml::from_str::<CommandConfig>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
