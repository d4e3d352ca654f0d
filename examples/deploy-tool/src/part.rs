//! What this binary was built with.
//!
//! The demo is what people try first, and compiles without what it does not need. What a binary leaves out is still
//! part of its command line and of its configuration, and answers with how to build it.

use std::sync::LazyLock;

use crate::failure::Failure;

/// A part of the tool behind a feature of its package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Real platforms, metrics, channels and trackers.
    Adapters,
    /// Policies in simulated worlds.
    Lab,
    /// JSON Schemas.
    Schema,
    /// Pages and the release package.
    Web,
}

impl Part {
    const ALL: [Self; 4] = [Self::Adapters, Self::Lab, Self::Schema, Self::Web];

    /// The part that a command needs; `None` where every build has it.
    pub(crate) fn of_command(name: &str) -> Option<Self> {
        match name {
            "flows" | "publish" | "run" => Some(Self::Adapters),
            "lab" => Some(Self::Lab),
            "schema" => Some(Self::Schema),
            "package" | "serve" | "storyboard" => Some(Self::Web),
            _ => None,
        }
    }

    /// The feature that turns it on.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::Adapters => "adapters",
            Self::Lab => "lab",
            Self::Schema => "schema",
            Self::Web => "web",
        }
    }

    /// Whether this binary has it.
    pub(crate) fn is_built(self) -> bool {
        match self {
            Self::Adapters => cfg!(feature = "adapters"),
            Self::Lab => cfg!(feature = "lab"),
            Self::Schema => cfg!(feature = "schema"),
            Self::Web => cfg!(feature = "web"),
        }
    }

    /// How a command fails that needs it, in a binary without it.
    #[cfg_attr(feature = "full", allow(dead_code, reason = "a binary with everything misses nothing"))]
    pub(crate) fn missing(self) -> Failure {
        let feature = self.feature();
        Failure::usage(format_args!(
            "this deploy-tool was built without `{feature}`: build it with `--features {feature}`"
        ))
    }
}

/// The version, and the features of this binary.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let built: Vec<&str> =
            Part::ALL.into_iter().filter(|part| part.is_built()).map(Part::feature).collect();
        let built = if built.is_empty() { "none".to_owned() } else { built.join(" ") };
        format!("{}\nfeatures: {built}", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_says_how_it_is_built() {
        let said = Part::Web.missing().to_string();
        assert_eq!(said, "this deploy-tool was built without `web`: build it with `--features web`");
    }

    #[test]
    fn the_version_names_the_features_of_the_binary() {
        let features = version().lines().last().unwrap_or_default().replace("features: ", "");
        for part in Part::ALL {
            assert_eq!(
                features.split(' ').any(|feature| feature == part.feature()),
                part.is_built(),
                "{part:?}"
            );
        }
    }
}
