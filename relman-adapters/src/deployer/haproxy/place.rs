use std::fmt;

use thiserror::Error;

use super::config::is_name;

/// The servers of a place: their names, or patterns in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What the configuration calls it.
    field: &'static str,
    servers: Vec<String>,
}

/// Why a place can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// It has no server.
    #[error("`{field}` names no server")]
    Empty {
        /// The field that names it.
        field: &'static str,
    },
    /// A name that HAProxy can't have given to a server, nor a pattern of one.
    #[error(
        "{name:?} in `{field}` is neither a server's name (1 or more of a-z A-Z 0-9 - _ . :) nor a pattern of names, such as \"web*\""
    )]
    Name {
        /// The field that names it.
        field: &'static str,
        /// What stands there.
        name: String,
    },
    /// A server that is named twice.
    #[error("`{field}` names {name} twice")]
    Twice {
        /// The field that names it.
        field: &'static str,
        /// The server.
        name: String,
    },
}

impl Place {
    pub(super) fn new(field: &'static str, servers: Vec<String>) -> Result<Self, PlaceError> {
        if servers.is_empty() {
            return Err(PlaceError::Empty { field });
        }
        for (index, name) in servers.iter().enumerate() {
            let name = name.clone();
            if name.is_empty() || !name.split('*').all(|part| part.is_empty() || is_name(part)) {
                return Err(PlaceError::Name { field, name });
            }
            if servers[..index].contains(&name) {
                return Err(PlaceError::Twice { field, name });
            }
        }
        Ok(Self { field, servers })
    }

    /// What the configuration calls it.
    pub(super) fn field(&self) -> &'static str {
        self.field
    }

    /// Whether a server is in it.
    pub(super) fn has(&self, server: &str) -> bool {
        self.servers.iter().any(|pattern| matches(pattern, server))
    }

    /// The names that stand for one server each and are not found among those that there are.
    pub(super) fn missing<'a>(&'a self, there: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let is_missing = |name: &&String| !there.iter().any(|server| matches(name, server));
        self.servers.iter().filter(is_missing).map(String::as_str)
    }

    /// The servers' names, where each is named and none is matched by a pattern.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.servers.iter().all(|name| !name.contains('*')).then_some(self.servers.as_slice())
    }

    /// A name that is in both.
    pub(super) fn shared_with<'a>(&'a self, other: &Self) -> Option<&'a str> {
        self.servers
            .iter()
            .find(|name| other.servers.contains(name) || (!name.contains('*') && other.has(name)))
            .map(String::as_str)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.servers.join(", "))
    }
}

/// Whether a name is of a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            let mut ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.any(|at| matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("web1", "web1", true),
            ("web1", "web10", false),
            ("web*", "web1", true),
            ("web*", "web", true),
            ("web*", "api-web", false),
            ("*-eu", "web1-eu", true),
            ("*-eu", "web1-us", false),
            ("w*1*u", "web1-eu", true),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
