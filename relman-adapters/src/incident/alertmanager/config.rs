use relman_core::unit::Span;
use serde::Deserialize;

use crate::{http::span_from_text, secret::SecretSource};

/// An Alertmanager as a file describes it.
///
/// ```toml
/// url = "https://alertmanager.example.org"
/// bearer = { env = "ALERTMANAGER_TOKEN" }
/// service_label = "app"
/// matchers = ['severity=~"page|critical"']
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Where it is; a path in front of `/api/v2` belongs to it. https, or http to a loopback host.
    pub url: String,
    /// A token to send along.
    #[serde(default)]
    pub bearer: Option<SecretSource>,
    /// A name and a password to send along.
    #[serde(default)]
    pub basic: Option<BasicAuth>,
    /// The label that names the service: `service` by default.
    #[serde(default = "default_service_label")]
    pub service_label: String,
    /// The label that says how bad it is: `severity` by default.
    #[serde(default = "default_severity_label")]
    pub severity_label: String,
    /// What else an alert has to match, as Alertmanager writes it: `severity=~"page|critical"`.
    #[serde(default)]
    pub matchers: Vec<String>,
    /// Whether alerts count that are silenced or inhibited: left out by default.
    #[serde(default)]
    pub muted: Muted,
    /// How long one question may take: `10s` by default.
    #[serde(default = "default_timeout", deserialize_with = "span_from_text")]
    pub timeout: Span,
}

/// A name and a password, for a proxy in front that asks for them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretSource,
}

/// What becomes of alerts that are silenced or inhibited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Muted {
    /// They are left out: people know of them, or another alert says it better.
    #[default]
    LeftOut,
    /// They count like any other.
    Counted,
}

pub(super) fn default_service_label() -> String {
    "service".to_owned()
}

pub(super) fn default_severity_label() -> String {
    "severity".to_owned()
}

/// As long as a query of metrics may take: both are part of a look.
pub(super) const fn default_timeout() -> Span {
    Span::from_secs(10)
}
