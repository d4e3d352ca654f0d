//! What a configuration says about the other side: where it is, and how long it may take.

use std::{fmt, net::IpAddr};

use relman_core::unit::Span;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;
use url::{Host, Url};

/// A URL that may be connected to: `https`, or plain `http` to this very machine.
///
/// `Debug` shows nothing of it, because the URL of a webhook is a secret.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    transport: Transport,
}

/// How the bytes get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Encrypted, and the other side is known by its certificate.
    Tls,
    /// In the clear, without leaving this machine.
    Loopback,
}

/// Why a URL can't be connected to. The URL itself is never shown: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It doesn't parse.
    #[error("it is not a URL such as https://example.org/path: {problem}")]
    NotAUrl {
        /// What the parser says.
        problem: String,
    },
    /// It is neither https nor http.
    #[error("its scheme is {scheme}: only https is allowed, and http to a loopback host")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It would cross a network in the clear.
    #[error(
        "it is plain http to a host that is not loopback: use https, or http to 127.0.0.1, [::1] or localhost where a \
         proxy on this machine adds the encryption"
    )]
    Plaintext,
    /// It carries a user name or a password, which URLs spill into logs.
    #[error("it carries a user name or a password: take them out and configure a token")]
    Credentials,
    /// The machine's certificates can't be used.
    #[error("the encryption can't be set up: {problem}")]
    Tls {
        /// What went wrong.
        problem: String,
    },
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(|error| EndpointError::NotAUrl { problem: error.to_string() })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Credentials);
        }
        let transport = match url.scheme() {
            "https" => Transport::Tls,
            "http" if is_loopback(&url) => Transport::Loopback,
            "http" => return Err(EndpointError::Plaintext),
            scheme => return Err(EndpointError::Scheme { scheme: scheme.to_owned() }),
        };
        Ok(Self { url, transport })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// The same place with further path segments behind its own.
    #[cfg(any(
        feature = "alertmanager",
        feature = "github",
        feature = "gitlab",
        feature = "jira",
        feature = "prometheus"
    ))]
    pub(crate) fn with_segments(mut self, segments: &[&str]) -> Self {
        if let Ok(mut path) = self.url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        // The client resolves this name itself, to loopback addresses only.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Reads a span as people write it in a file: `10s`, `1m 30s`.
pub(crate) fn span_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_stays_on_this_machine() {
        for (text, transport) in [
            ("https://example.org/a", Transport::Tls),
            ("https://127.0.0.1:9090", Transport::Tls),
            ("http://127.0.0.1:9090", Transport::Loopback),
            ("http://127.8.9.1", Transport::Loopback),
            ("http://[::1]:9090/x", Transport::Loopback),
            ("http://LOCALHOST/x", Transport::Loopback),
        ] {
            assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.transport()), Ok(transport), "{text}");
        }
        for text in [
            "http://example.org",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://[::ffff:192.0.2.1]",
        ] {
            assert_eq!(Endpoint::parse(text).map(|_| ()), Err(EndpointError::Plaintext), "{text}");
        }
    }

    #[test]
    fn other_urls_are_refused_without_being_repeated() {
        for text in
            ["hunter2", "ftp://hunter2.example.org", "https://hunter2@example.org", "https://a:hunter2@b"]
        {
            let error = Endpoint::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_does_not_show_its_url() {
        assert_eq!(format!("{:?}", Endpoint::parse("https://example.org/hunter2").unwrap()), "[secret]");
    }
}
