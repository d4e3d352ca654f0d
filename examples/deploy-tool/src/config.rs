//! `relman.toml`: who people are, and which adapters a release uses.
#![cfg_attr(
    not(feature = "adapters"),
    expect(clippy::zero_sized_map_values, reason = "what is read over has no size")
)]

#[cfg(feature = "adapters")]
pub(crate) mod adapters;
/// A binary without adapters leaves their tables unread: whoever approves or reads needs none of them.
#[cfg(not(feature = "adapters"))]
mod adapters {
    use serde::de::IgnoredAny;

    pub(super) type DeployerConfig = IgnoredAny;
    pub(super) type IncidentsConfig = IgnoredAny;
    pub(super) type MetricsConfig = IgnoredAny;
    pub(super) type NotifierConfig = IgnoredAny;
    pub(super) type TrackerConfig = IgnoredAny;
    pub(super) type UserFlowConfig = IgnoredAny;
}

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use relman_adapters::{directory::StaticDirectory, secret::SecretSource};
use relman_core::{
    plan::Plan,
    policy::Policy,
    port::with_causes,
    unit::{Actor, Channel, MetricName},
};
use serde::Deserialize;

use self::adapters::{
    DeployerConfig, IncidentsConfig, MetricsConfig, NotifierConfig, TrackerConfig, UserFlowConfig,
};
use crate::{cli::Global, failure::Failure};

/// The configuration where nothing is said.
const DEFAULT_CONFIG: &str = "relman.toml";

/// A configuration with where it comes from.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// The file; none where there is none and none was named.
    path: Option<PathBuf>,
    file: ConfigFile,
}

/// A configuration as people write it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    /// The policy, relative to this file; the one that ships with relman, if absent.
    #[serde(default)]
    policy: Option<PathBuf>,
    /// Who has which roles.
    #[serde(default)]
    people: StaticDirectory,
    /// What routes traffic, and installs versions unless `installer` does.
    #[serde(default)]
    deployer: Option<DeployerConfig>,
    /// What installs versions.
    #[serde(default)]
    installer: Option<DeployerConfig>,
    /// Where measurements come from.
    #[serde(default)]
    metrics: Option<MetricsConfig>,
    /// Where incidents come from.
    #[serde(default)]
    incidents: Option<IncidentsConfig>,
    /// Metrics that count the incidents of some severities.
    #[serde(default)]
    incident_metrics: BTreeMap<MetricName, Vec<String>>,
    /// Who delivers what is said on a channel.
    #[serde(default)]
    notifiers: BTreeMap<Channel, NotifierConfig>,
    /// What users do, and what tries it while a release is validated.
    #[serde(default)]
    user_flows: Vec<UserFlowConfig>,
    /// The web pages.
    #[serde(default)]
    web: WebConfig,
    /// Where copies of releases are kept.
    #[serde(default)]
    trackers: Vec<TrackerConfig>,
    /// What a version is tagged as on trackers; `v{version}`, if absent.
    #[serde(default)]
    tag: Option<String>,
}

/// The web pages, and who signs in to them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebConfig {
    /// Where to listen.
    #[serde(default)]
    pub(crate) listen: Option<SocketAddr>,
    /// Names under which the pages are reached, beside loopback and the address itself.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// The tokens by which people sign in: where each is found.
    #[serde(default)]
    pub(crate) tokens: BTreeMap<Actor, SecretSource>,
    /// The SHA-256 of such tokens, for those that this machine need not know.
    #[serde(default)]
    pub(crate) token_hashes: BTreeMap<Actor, String>,
}

fn parsed(path: &Path, text: &str) -> Result<ConfigFile, Failure> {
    toml::from_str(text).map_err(|error| {
        // Not the error's own text, which quotes the line: a line may hold what is secret.
        let place = match error.span() {
            Some(span) => place(text, span.start),
            None => String::new(),
        };
        let (path, message) = (path.display(), error.message());
        Failure::usage(format_args!("failed to read the configuration {path}{place}: {message}"))
    })
}

impl Config {
    /// The configuration of this invocation: of the file that was named, or of `relman.toml` if it is there.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with file, line and what is wrong.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let (path, text) = match &global.config {
            Some(path) => (path.clone(), read(path, "configuration")?),
            None => match fs::read_to_string(DEFAULT_CONFIG) {
                Ok(text) => (DEFAULT_CONFIG.into(), text),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
                Err(error) => return Err(unreadable(Path::new(DEFAULT_CONFIG), "configuration", &error)),
            },
        };
        let file = parsed(&path, &text)?;
        Ok(Self { path: Some(path), file })
    }

    /// The configuration of a file that must be there.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with file, line and what is wrong.
    pub(crate) fn read_file(path: &Path) -> Result<Self, Failure> {
        Ok(Self { path: Some(path.to_owned()), file: parsed(path, &read(path, "configuration")?)? })
    }

    /// Where the configuration of this invocation is, or would be.
    pub(crate) fn place(global: &Global) -> PathBuf {
        global.config.clone().unwrap_or_else(|| DEFAULT_CONFIG.into())
    }

    /// Where the configuration comes from, in words.
    pub(crate) fn origin(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("{DEFAULT_CONFIG}, which is not there"),
        }
    }

    /// Who people are.
    pub(crate) fn people(&self) -> Arc<StaticDirectory> {
        Arc::new(self.file.people.clone())
    }

    /// The policy: of the file named on the command line, of the configuration, or the one that ships with relman.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with the file and what is wrong.
    pub(crate) fn policy(&self, named: Option<&Path>) -> Result<Arc<Policy>, Failure> {
        match named.map(Path::to_owned).or_else(|| self.policy_file()) {
            Some(path) => policy(&path),
            None => Ok(Arc::new(Policy::shipped())),
        }
    }

    /// The policy of this configuration as somebody has written it.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where the file can't be read.
    pub(crate) fn policy_text(&self) -> Result<String, Failure> {
        match self.policy_file() {
            Some(path) => read(&path, "policy"),
            None => Ok(Policy::SHIPPED_TOML.to_owned()),
        }
    }

    fn policy_file(&self) -> Option<PathBuf> {
        let folder = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        self.file.policy.as_ref().map(|policy| folder.join(policy))
    }

    /// What routes traffic.
    pub(crate) fn deployer(&self) -> Option<&DeployerConfig> {
        self.file.deployer.as_ref()
    }

    /// What installs versions, where that is not the deployer.
    pub(crate) fn installer(&self) -> Option<&DeployerConfig> {
        self.file.installer.as_ref()
    }

    /// Where measurements come from.
    pub(crate) fn metrics(&self) -> Option<&MetricsConfig> {
        self.file.metrics.as_ref()
    }

    /// What users do, and what tries it.
    pub(crate) fn user_flows(&self) -> &[UserFlowConfig] {
        &self.file.user_flows
    }

    /// Where incidents come from.
    pub(crate) fn incidents(&self) -> Option<&IncidentsConfig> {
        self.file.incidents.as_ref()
    }

    /// Metrics that count the incidents of some severities.
    pub(crate) fn incident_metrics(&self) -> &BTreeMap<MetricName, Vec<String>> {
        &self.file.incident_metrics
    }

    /// Where copies of releases are kept.
    pub(crate) fn trackers(&self) -> &[TrackerConfig] {
        &self.file.trackers
    }

    /// What a version is tagged as, with places for `{service}` and `{version}`.
    pub(crate) fn tag(&self) -> &str {
        self.file.tag.as_deref().unwrap_or("v{version}")
    }

    /// The web pages.
    pub(crate) fn web(&self) -> &WebConfig {
        &self.file.web
    }

    /// Who delivers what is said on a channel.
    pub(crate) fn notifiers(&self) -> &BTreeMap<Channel, NotifierConfig> {
        &self.file.notifiers
    }
}

/// Reads a policy.
///
/// # Errors
///
/// [`Failure::Usage`] with the file, the line and what is wrong.
pub(crate) fn policy(path: &Path) -> Result<Arc<Policy>, Failure> {
    let text = read(path, "policy")?;
    let policy = Policy::from_toml(&text)
        .map_err(|error| Failure::usage(format_args!("{}: {}", path.display(), with_causes(&error))))?;
    Ok(Arc::new(policy))
}

/// Reads a plan.
///
/// # Errors
///
/// [`Failure::Usage`] with the file, the line and what is wrong.
pub(crate) fn plan(path: &Path) -> Result<Arc<Plan>, Failure> {
    let text = read(path, "plan")?;
    let plan = Plan::from_toml(&text)
        .map_err(|error| Failure::usage(format_args!("{}: {}", path.display(), with_causes(&error))))?;
    Ok(Arc::new(plan))
}

/// Who acts.
///
/// # Errors
///
/// [`Failure::Usage`] where nobody said so.
pub(crate) fn actor(global: &Global) -> Result<&Actor, Failure> {
    global.actor.as_ref().ok_or_else(|| {
        Failure::usage("nobody said who acts: add --as user:NAME or --as service:NAME, or set RELMAN_AS")
    })
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| unreadable(path, what, &error))
}

fn unreadable(path: &Path, what: &str, error: &dyn Display) -> Failure {
    Failure::usage(format_args!("failed to read the {what} {}: {error}", path.display()))
}

/// The line and column of a byte, for a message.
fn place(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(", line {line}, column {column}")
}
