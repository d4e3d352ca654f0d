use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use relman_core::{
    port::{Promotion, Slot},
    unit::{Span, UnitError},
};
use serde::Deserialize;
use thiserror::Error;

use super::place::{Place, PlaceError};

/// How long one exchange with HAProxy may take where nothing else is configured. It answers within a
/// millisecond when it is well; seconds mean that it is not.
const DEFAULT_TIME_LIMIT: Span = Span::from_secs(5);

/// Where HAProxy's runtime API listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// Which HAProxy processes, which of their backends, and which servers are which place.
///
/// Read from a file it has `socket` or `address` (`sockets` or `addresses` for several processes), `backend` (`backends` for
/// several), the two places, and `time_limit` where five seconds for each exchange are not right. Each place is the name of a server,
/// a pattern such as `web*`, or a list of them; in every backend of every process, each place has one server or more. The places are
/// called by what becomes of them when a release has passed:
///
/// | names | promotion |
/// | --- | --- |
/// | `stable`, `candidate` | [`Replace`](Promotion::Replace): what installs puts the new version on the stable servers |
/// | `first`, `second` | [`Swap`](Promotion::Swap): two equal pools, which change roles |
/// | `baseline`, `canary` | the same, for one server each |
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
///     stable = ["s1", "s2", "s3"]
///     candidate = "c1"
///     "#,
/// )?;
/// let socket = Endpoint::Socket("/run/haproxy.sock".into());
/// let in_code = HaproxyConfig::replacing(socket, "app", ["s1", "s2", "s3"], ["c1"])?;
/// assert_eq!(from_file, in_code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ConfigFile")]
pub struct HaproxyConfig {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) backends: Vec<String>,
    /// The first place and the second one.
    pub(super) places: [Place; 2],
    pub(super) promotion: Promotion,
    pub(super) time_limit: Span,
}

impl HaproxyConfig {
    /// Two servers that change roles: the canary's place is the second one to begin with. The time limit is five seconds.
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
        let (baseline, canary) = (vec![baseline.into()], vec![canary.into()]);
        Self::build(
            vec![endpoint],
            vec![backend.into()],
            [("baseline", baseline), ("canary", canary)],
            Promotion::Swap,
        )
    }

    /// Two equal pools that change roles. Each server is a name or a pattern such as `blue*`.
    ///
    /// # Errors
    ///
    /// [`HaproxyConfigError`], as for [`new`](Self::new), and where a pool is empty.
    pub fn swapping<A: Into<String>, B: Into<String>>(
        endpoint: Endpoint,
        backend: impl Into<String>,
        first: impl IntoIterator<Item = A>,
        second: impl IntoIterator<Item = B>,
    ) -> Result<Self, HaproxyConfigError> {
        let (first, second) = (all(first), all(second));
        Self::build(
            vec![endpoint],
            vec![backend.into()],
            [("first", first), ("second", second)],
            Promotion::Swap,
        )
    }

    /// Stable servers, and those that a candidate is tried on first. Each is a name or a pattern such as `web*`.
    ///
    /// # Errors
    ///
    /// [`HaproxyConfigError`], as for [`swapping`](Self::swapping).
    pub fn replacing<A: Into<String>, B: Into<String>>(
        endpoint: Endpoint,
        backend: impl Into<String>,
        stable: impl IntoIterator<Item = A>,
        candidate: impl IntoIterator<Item = B>,
    ) -> Result<Self, HaproxyConfigError> {
        let (stable, candidate) = (all(stable), all(candidate));
        Self::build(
            vec![endpoint],
            vec![backend.into()],
            [("stable", stable), ("candidate", candidate)],
            Promotion::Replace,
        )
    }

    fn build(
        endpoints: Vec<Endpoint>,
        backends: Vec<String>,
        [(first, of_first), (second, of_second)]: [(&'static str, Vec<String>); 2],
        promotion: Promotion,
    ) -> Result<Self, HaproxyConfigError> {
        let endpoints: Vec<Endpoint> =
            endpoints.into_iter().map(checked_endpoint).collect::<Result<_, _>>()?;
        let backends: Vec<String> = backends.into_iter().map(checked_backend).collect::<Result<_, _>>()?;
        if let Some(twice) = repeated(&endpoints) {
            return Err(HaproxyConfigError::Twice { what: "process", name: twice.to_string() });
        }
        if let Some(twice) = repeated(&backends) {
            return Err(HaproxyConfigError::Twice { what: "backend", name: twice.clone() });
        }
        if endpoints.is_empty() {
            return Err(HaproxyConfigError::NoEndpoint);
        }
        if backends.is_empty() {
            return Err(HaproxyConfigError::NoBackend);
        }
        let places = [Place::new(first, of_first)?, Place::new(second, of_second)?];
        if let Some(name) = places[0].shared_with(&places[1]) {
            let name = name.to_owned();
            return Err(HaproxyConfigError::SameServer { name, first, second });
        }
        Ok(Self { endpoints, backends, places, promotion, time_limit: DEFAULT_TIME_LIMIT })
    }

    /// The same configuration for one more process, which has the same backends.
    ///
    /// # Errors
    ///
    /// [`HaproxyConfigError`] where its address is not on this machine, or it is among the others.
    pub fn with_process(mut self, endpoint: Endpoint) -> Result<Self, HaproxyConfigError> {
        let endpoint = checked_endpoint(endpoint)?;
        if self.endpoints.contains(&endpoint) {
            return Err(HaproxyConfigError::Twice { what: "process", name: endpoint.to_string() });
        }
        self.endpoints.push(endpoint);
        Ok(self)
    }

    /// The same configuration for one more backend, which has servers of both places, too.
    ///
    /// # Errors
    ///
    /// [`HaproxyConfigError`] where its name is one that HAProxy can't have, or it is among the others.
    pub fn with_backend(mut self, backend: impl Into<String>) -> Result<Self, HaproxyConfigError> {
        let backend = checked_backend(backend.into())?;
        if self.backends.contains(&backend) {
            return Err(HaproxyConfigError::Twice { what: "backend", name: backend });
        }
        self.backends.push(backend);
        Ok(self)
    }

    /// The same configuration with another time limit for each exchange with HAProxy.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Span) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// The servers of a place.
    pub(super) fn place(&self, slot: Slot) -> &Place {
        match slot {
            Slot::First => &self.places[0],
            Slot::Second => &self.places[1],
        }
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
    /// No backend.
    #[error("neither `backend` nor `backends` says which backend the servers are in")]
    NoBackend,
    /// Both spellings of something.
    #[error("both `{one}` and `{many}` are given: `{many}` alone is enough for several")]
    OneAndMany {
        /// The field for one.
        one: &'static str,
        /// The field for several.
        many: &'static str,
    },
    /// A process or a backend that is named twice.
    #[error("the {what} {name} is named twice")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Which one.
        name: String,
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
    /// A place that can't be one.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Not two places.
    #[error(
        "the places are named by {found}: give `stable` and `candidate` (the stable servers get the new version when a release has \
         passed), `first` and `second` (two equal pools change roles), or `baseline` and `canary` (the same, for one server each)"
    )]
    Places {
        /// The fields that are given.
        found: String,
    },
    /// One server in both roles.
    #[error("{name} is in `{first}` and in `{second}`: a server is in one place")]
    SameServer {
        /// The server.
        name: String,
        /// One place.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// The time limit can't be read as one.
    #[error("invalid time limit: {0}")]
    TimeLimit(UnitError),
}

fn all<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

fn repeated<T: PartialEq>(all: &[T]) -> Option<&T> {
    all.iter().enumerate().find(|(index, one)| all[..*index].contains(one)).map(|(_, one)| one)
}

fn checked_endpoint(endpoint: Endpoint) -> Result<Endpoint, HaproxyConfigError> {
    match endpoint {
        // The runtime API has no authentication: whoever reaches the port is its administrator.
        Endpoint::Address(address) if !address.ip().is_loopback() => {
            Err(HaproxyConfigError::NotLoopback { address })
        }
        Endpoint::Socket(path) if path == Path::new("") => Err(HaproxyConfigError::NoEndpoint),
        endpoint => Ok(endpoint),
    }
}

fn checked_backend(name: String) -> Result<String, HaproxyConfigError> {
    if is_name(&name) { Ok(name) } else { Err(HaproxyConfigError::Name { field: "backend", name }) }
}

/// A name becomes part of a command line, where a semicolon or a line feed would start another command.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !name.is_empty() && name.chars().all(allowed)
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    socket: Option<PathBuf>,
    sockets: Option<Vec<PathBuf>>,
    address: Option<SocketAddr>,
    addresses: Option<Vec<SocketAddr>>,
    backend: Option<String>,
    backends: Option<Vec<String>>,
    stable: Option<OneOrMany>,
    candidate: Option<OneOrMany>,
    first: Option<OneOrMany>,
    second: Option<OneOrMany>,
    baseline: Option<OneOrMany>,
    canary: Option<OneOrMany>,
    time_limit: Option<String>,
}

/// A name, or a list of names.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of a server, a pattern such as \"web*\", or a list of them")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        }
    }
}

/// The values of a field that is spelled in one way for one, and in another for several.
fn one_or_many<T>(
    (one, value): (&'static str, Option<T>),
    (many, values): (&'static str, Option<Vec<T>>),
) -> Result<Vec<T>, HaproxyConfigError> {
    match (value, values) {
        (Some(_), Some(_)) => Err(HaproxyConfigError::OneAndMany { one, many }),
        (Some(value), None) => Ok(vec![value]),
        (None, values) => Ok(values.unwrap_or_default()),
    }
}

impl TryFrom<ConfigFile> for HaproxyConfig {
    type Error = HaproxyConfigError;

    fn try_from(file: ConfigFile) -> Result<Self, HaproxyConfigError> {
        let sockets = one_or_many(("socket", file.socket), ("sockets", file.sockets))?;
        let addresses = one_or_many(("address", file.address), ("addresses", file.addresses))?;
        let endpoints = match (sockets.is_empty(), addresses.is_empty()) {
            (false, false) => return Err(HaproxyConfigError::TwoEndpoints),
            (_, true) => sockets.into_iter().map(Endpoint::Socket).collect(),
            (true, false) => addresses.into_iter().map(Endpoint::Address).collect(),
        };
        let backends = one_or_many(("backend", file.backend), ("backends", file.backends))?;
        let given: Vec<(&'static str, OneOrMany)> = [
            ("stable", file.stable),
            ("candidate", file.candidate),
            ("first", file.first),
            ("second", file.second),
            ("baseline", file.baseline),
            ("canary", file.canary),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
        let promotion = match names.as_slice() {
            ["stable", "candidate"] => Promotion::Replace,
            ["first", "second"] | ["baseline", "canary"] => Promotion::Swap,
            [] => return Err(HaproxyConfigError::Places { found: "nothing".to_owned() }),
            names => {
                let found = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
                return Err(HaproxyConfigError::Places { found });
            }
        };
        let mut given = given.into_iter().map(|(name, servers)| (name, Vec::from(servers)));
        let (Some(first), Some(second)) = (given.next(), given.next()) else {
            return Err(HaproxyConfigError::Places { found: "nothing".to_owned() });
        };
        let config = Self::build(endpoints, backends, [first, second], promotion)?;
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

    fn read(text: &str) -> HaproxyConfig {
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_file_says_where_and_which() {
        let config = read(&format!("address = \"127.0.0.1:9999\"\ntime_limit = \"500ms\"\n{SERVERS}"));
        assert_eq!(config.endpoints[0].to_string(), "127.0.0.1:9999");
        assert_eq!(config.time_limit, Span::from_millis(500));
        assert_eq!(config.promotion, Promotion::Swap);
        assert_eq!(config.place(Slot::Second).to_string(), "canary");
    }

    #[test]
    fn several_processes_backends_and_servers_are_lists() {
        let config = read(
            "sockets = [\"/a\", \"/b\"]\nbackends = [\"app\", \"api\"]\nstable = [\"s1\", \"web*\"]\ncandidate = \"c1\"",
        );
        assert_eq!((config.endpoints.len(), config.backends.len()), (2, 2));
        assert_eq!(config.promotion, Promotion::Replace);
        assert_eq!(config.place(Slot::First).to_string(), "s1, web*");
    }

    #[test]
    fn what_can_not_be_right_is_refused_and_named() {
        let places = |text: &str| format!("socket = \"/s\"\nbackend = \"a\"\n{text}");
        for (text, message) in [
            (SERVERS.to_owned(), "neither `socket` nor `address`"),
            (format!("socket = \"/s\"\naddress = \"127.0.0.1:1\"\n{SERVERS}"), "both `socket` and `address`"),
            (format!("socket = \"\"\n{SERVERS}"), "neither `socket` nor `address`"),
            (format!("sockets = []\n{SERVERS}"), "neither `socket` nor `address`"),
            (format!("socket = \"/s\"\nsockets = [\"/t\"]\n{SERVERS}"), "both `socket` and `sockets`"),
            (format!("sockets = [\"/s\", \"/s\"]\n{SERVERS}"), "the process /s is named twice"),
            (
                format!("address = \"192.0.2.1:9999\"\n{SERVERS}"),
                "192.0.2.1:9999 is not an address of this machine",
            ),
            (format!("socket = \"/s\"\ntime_limit = \"5\"\n{SERVERS}"), "invalid time limit"),
            (format!("socket = \"/s\"\nservers = 1\n{SERVERS}"), "unknown field `servers`"),
            ("socket = \"/s\"\nstable = \"a\"\ncandidate = \"b\"".to_owned(), "neither `backend` nor"),
            (places("baseline = \"b\"\ncanary = \"b\""), "b is in `baseline` and in `canary`"),
            (
                places("stable = [\"s1\", \"s2\"]\ncandidate = [\"s2\"]"),
                "s2 is in `stable` and in `candidate`",
            ),
            (places("stable = [\"s1\", \"s1\"]\ncandidate = \"c\""), "`stable` names s1 twice"),
            (places("stable = []\ncandidate = \"c\""), "`stable` names no server"),
            (places("stable = \"\"\ncandidate = \"c\""), "\"\" in `stable` is neither a server's name"),
            (places("stable = 3\ncandidate = \"c\""), "expected the name of a server, a pattern such as"),
            (places("stable = \"s\"\ncanary = \"c\""), "the places are named by `stable` and `canary`"),
            (places("stable = \"s\""), "the places are named by `stable`"),
            (places(""), "the places are named by nothing"),
            (
                places("baseline = \"b\"\ncanary = \"c weight 1; shutdown\""),
                "\"c weight 1; shutdown\" in `canary` is neither a server's name",
            ),
        ] {
            let error = toml::from_str::<HaproxyConfig>(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
