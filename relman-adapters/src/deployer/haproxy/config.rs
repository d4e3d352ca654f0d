use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use relman_core::unit::{Span, UnitError};
use serde::Deserialize;
use thiserror::Error;

/// How long one exchange with HAProxy may take where nothing else is configured. It answers within a
/// millisecond when it is well; seconds mean that it is not.
const DEFAULT_TIME_LIMIT: Span = Span::from_secs(5);

/// Where HAProxy's runtime API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket, `stats socket /run/haproxy.sock mode 600 level admin`.
    Socket(PathBuf),
    /// A TCP address of this machine, `stats socket ipv4@127.0.0.1:9999 level admin`.
    Address(SocketAddr),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Which HAProxy, which backend, and which two of its servers.
///
/// Read from a file it has either `socket` or `address`, then `backend`, `canary`, `baseline`, and
/// `time_limit` where five seconds for each exchange are not right.
///
/// # Examples
///
/// ```
/// use relman_adapters::deployer::haproxy::{Endpoint, HaproxyConfig};
///
/// let from_file: HaproxyConfig = toml::from_str(
///     r#"
///     socket = "/run/haproxy.sock"
///     backend = "app"
///     canary = "canary"
///     baseline = "stable"
///     "#,
/// )?;
/// let in_code = HaproxyConfig::new(Endpoint::Socket("/run/haproxy.sock".into()), "app", "canary", "stable")?;
/// assert_eq!(from_file, in_code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ConfigFile")]
pub struct HaproxyConfig {
    pub(super) endpoint: Endpoint,
    pub(super) backend: String,
    pub(super) canary: String,
    pub(super) baseline: String,
    pub(super) time_limit: Span,
}

impl HaproxyConfig {
    /// A configuration with the default time limit of five seconds.
    ///
    /// # Errors
    ///
    /// [`HaproxyConfigError`] where a name is one that HAProxy can't have, the two servers are the same, or
    /// the address is not on this machine.
    pub fn new(
        endpoint: Endpoint,
        backend: impl Into<String>,
        canary: impl Into<String>,
        baseline: impl Into<String>,
    ) -> Result<Self, HaproxyConfigError> {
        let endpoint = match endpoint {
            // The runtime API has no authentication: whoever reaches the port is its administrator.
            Endpoint::Address(address) if !address.ip().is_loopback() => {
                return Err(HaproxyConfigError::NotLoopback { address });
            }
            Endpoint::Socket(path) if path == Path::new("") => return Err(HaproxyConfigError::NoEndpoint),
            endpoint => endpoint,
        };
        let config = Self {
            endpoint,
            backend: checked_name("backend", backend.into())?,
            canary: checked_name("canary", canary.into())?,
            baseline: checked_name("baseline", baseline.into())?,
            time_limit: DEFAULT_TIME_LIMIT,
        };
        if config.canary == config.baseline {
            return Err(HaproxyConfigError::SameServer { name: config.canary });
        }
        Ok(config)
    }

    /// The same configuration with another time limit for each exchange with HAProxy.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Span) -> Self {
        self.time_limit = time_limit;
        self
    }
}

/// Why a configuration can't be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HaproxyConfigError {
    /// Neither a socket nor an address.
    #[error("neither `socket` nor `address` says where the runtime API of HAProxy is")]
    NoEndpoint,
    /// Both a socket and an address.
    #[error("both `socket` and `address` are given: one of them says where the runtime API of HAProxy is")]
    TwoEndpoints,
    /// An address on another machine.
    #[error(
        "{address} is not an address of this machine: the runtime API has no authentication, so only 127.0.0.0/8 and ::1 are taken"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// A name that HAProxy can't have given to anything.
    #[error(
        "{name:?} is not a name that HAProxy gives to a {field}: it has 1 or more of a-z A-Z 0-9 - _ . :"
    )]
    Name {
        /// The field it stands in.
        field: &'static str,
        /// What stands there.
        name: String,
    },
    /// One server in both roles.
    #[error("{name} is the canary and the baseline: they are two servers of the backend")]
    SameServer {
        /// The server.
        name: String,
    },
    /// The time limit can't be read as one.
    #[error("invalid time limit: {0}")]
    TimeLimit(UnitError),
}

/// A name becomes part of a command line, where a semicolon or a line feed would start another command.
fn checked_name(field: &'static str, name: String) -> Result<String, HaproxyConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(HaproxyConfigError::Name { field, name });
    }
    Ok(name)
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    socket: Option<PathBuf>,
    address: Option<SocketAddr>,
    backend: String,
    canary: String,
    baseline: String,
    time_limit: Option<String>,
}

impl TryFrom<ConfigFile> for HaproxyConfig {
    type Error = HaproxyConfigError;

    fn try_from(file: ConfigFile) -> Result<Self, HaproxyConfigError> {
        let endpoint = match (file.socket, file.address) {
            (Some(path), None) => Endpoint::Socket(path),
            (None, Some(address)) => Endpoint::Address(address),
            (None, None) => return Err(HaproxyConfigError::NoEndpoint),
            (Some(_), Some(_)) => return Err(HaproxyConfigError::TwoEndpoints),
        };
        let config = Self::new(endpoint, file.backend, file.canary, file.baseline)?;
        match file.time_limit {
            Some(text) => Ok(config.with_time_limit(text.parse().map_err(HaproxyConfigError::TimeLimit)?)),
            None => Ok(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: &str = "backend = \"app\"\ncanary = \"canary\"\nbaseline = \"stable\"\n";

    #[test]
    fn a_file_says_where_and_which() {
        let text = format!("address = \"127.0.0.1:9999\"\ntime_limit = \"500ms\"\n{SERVERS}");
        let config: HaproxyConfig = toml::from_str(&text).unwrap();
        assert_eq!(config.endpoint.to_string(), "127.0.0.1:9999");
        assert_eq!(config.time_limit, Span::from_millis(500));
    }

    #[test]
    fn what_can_not_be_right_is_refused_and_named() {
        for (head, servers, message) in [
            ("", SERVERS, "neither `socket` nor `address`"),
            ("socket = \"/s\"\naddress = \"127.0.0.1:1\"", SERVERS, "both `socket` and `address`"),
            ("socket = \"\"", SERVERS, "neither `socket` nor `address`"),
            ("address = \"192.0.2.1:9999\"", SERVERS, "192.0.2.1:9999 is not an address of this machine"),
            ("socket = \"/s\"\ntime_limit = \"5\"", SERVERS, "invalid time limit"),
            ("socket = \"/s\"\nsockets = 1", SERVERS, "unknown field `sockets`"),
            (
                "socket = \"/s\"\nbackend = \"a\"\nbaseline = \"b\"\ncanary = \"b\"",
                "",
                "b is the canary and the",
            ),
            (
                "socket = \"/s\"\nbackend = \"a\"\nbaseline = \"b\"\ncanary = \"c weight 1; shutdown\"",
                "",
                "\"c weight 1; shutdown\" is not a name that HAProxy gives to a canary",
            ),
        ] {
            let error =
                toml::from_str::<HaproxyConfig>(&format!("{head}\n{servers}")).unwrap_err().to_string();
            assert!(error.contains(message), "{head}: {error}");
        }
    }
}
