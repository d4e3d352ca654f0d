use std::fmt;

use serde::{Deserialize, Serialize};

/// What is deployed: a name and a version, and the digest where the registry gives one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The name, as the deployer knows it: `registry.example.org/checkout`.
    pub name: String,
    /// The version: `2.41.0`.
    pub version: String,
    /// The content's digest: `sha256:9f86d0…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
