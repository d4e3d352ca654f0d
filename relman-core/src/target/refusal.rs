use thiserror::Error;

use crate::unit::{ReleaseId, TargetName, Text, Timestamp};

/// Why a target does not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetRefusal {
    /// Users have another version by now.
    #[error(
        "{release} can't be rolled back any more: users of {target} have {live}{}, and taking traffic from its own version would take nothing from them; to go back to {former}, plan it as a new release that replaces {live}",
        through.as_ref().map(|(by, since)| format!(", released by {by}, since {since}")).unwrap_or_default()
    )]
    NotLive {
        /// The release that should go back.
        release: ReleaseId,
        /// The target.
        target: TargetName,
        /// What users have.
        live: Text,
        /// The version before that one.
        former: Text,
        /// The release that has brought it, where it was one.
        through: Option<(ReleaseId, Timestamp)>,
    },
    /// Another release moves the traffic.
    #[error(
        "{release} can't be rolled back now: {holder} holds {target} since {since} and moves its traffic; roll that one back first, or wait until it has ended"
    )]
    Held {
        /// The release that should go back.
        release: ReleaseId,
        /// The target.
        target: TargetName,
        /// The release that holds it.
        holder: ReleaseId,
        /// Since when.
        since: Timestamp,
    },
    /// A target that meets users is reached by no drill, and one for rehearsals by nothing else.
    #[error("{}", if *.rehearsal {
        format!("{target} is a rehearsal target, which meets no users: a release belongs on a production target")
    } else {
        format!("{target} is a production target: a drill belongs on a rehearsal target, which meets no users")
    })]
    WrongKind {
        /// The target.
        target: TargetName,
        /// Whether it is for rehearsals.
        rehearsal: bool,
    },
    /// There is no such freeze.
    #[error("there is no freeze {number} to lift; in force: {}", if in_force.is_empty() { "none" } else { in_force.as_str() })]
    NoSuchFreeze {
        /// The number that was asked for.
        number: u64,
        /// The freezes there are.
        in_force: String,
    },
    /// The freeze would never hold.
    #[error("the freeze is over already: it ends at {until}")]
    Past {
        /// When it ends.
        until: Timestamp,
    },
}
