//! What people take upon themselves, and what they learn: on-call, post-mortems, lessons, action items; complaints and incidents.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::Gate;
use crate::{
    event::wire::incident,
    port::Incident,
    unit::{Actor, Role, Text, Timestamp},
};

facts! {
    /// A named person is on call for the release.
    struct OnCallAcknowledged {
        /// When the cover ends, unless someone acknowledges again.
        until: Timestamp,
        /// The person's roles.
        roles: BTreeSet<Role>,
    }

    /// On-call duty went from one person to the one who caused this record.
    struct OnCallHandedOver {
        /// Who had it.
        from: Actor,
        /// When the cover ends, unless someone acknowledges again.
        until: Timestamp,
        /// The roles of the one who has it now.
        roles: BTreeSet<Role>,
    }

    /// Nobody is on call for the release any more.
    struct CoverLapsed {
        /// Who was.
        person: Actor,
    }

    /// A post-mortem is owed. The release can't be closed before it is filed.
    struct PostMortemOpened {
        /// Its number in the release, from 1.
        number: u32,
        /// What it is about.
        about: PostMortemCause,
    }

    /// A post-mortem was filed.
    struct PostMortemFiled {
        /// Its number in the release.
        number: u32,
        /// What happened and what was learnt.
        summary: Text,
        /// What caused it.
        root_cause: Text,
        /// Where the whole text is.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        link: Option<Text>,
        /// The roles of the one who filed it.
        roles: BTreeSet<Role>,
    }

    /// Something that was learnt from the release was written down.
    struct LessonRecorded {
        /// Under which heading of a retrospective it stands.
        kind: LessonKind,
        /// What was learnt.
        text: Text,
        /// The roles of the one who wrote it down.
        roles: BTreeSet<Role>,
    }

    /// Someone took on an action item because of the release.
    struct ActionItemOpened {
        /// Its number in the release, from 1.
        number: u32,
        /// What is to be done.
        what: Text,
        /// What it is good for.
        kind: ActionItemKind,
        /// Who does it.
        owner: Actor,
        /// When it is to be done.
        due: Timestamp,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// An action item was done, or dropped.
    struct ActionItemSettled {
        /// Its number in the release.
        number: u32,
        /// In which way.
        how: Settlement,
        /// What shows that it is done, or why it was dropped.
        note: Text,
        /// The roles of the one who settled it.
        roles: BTreeSet<Role>,
    }

    /// A customer's complaint was recorded.
    struct ComplaintRecorded {
        /// What the customer said.
        text: Text,
        /// Which complaint it is, where whoever recorded it has said so.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        key: Option<Text>,
        /// The roles of the one who recorded it.
        roles: BTreeSet<Role>,
    }

    /// A complaint was withdrawn: it counts no more from here on.
    struct ComplaintWithdrawn {
        /// The record that holds it.
        record: u64,
        /// Why.
        reason: Text,
        /// The roles of the one who withdrew it.
        roles: BTreeSet<Role>,
    }

    /// An incident of the service was seen, by a source of incidents or a person, once production was entered.
    struct IncidentReported {
        /// Who told of it: the name of the source. With the incident's id it says which incident it is.
        source: Text,
        /// The incident, as it was when it was first seen.
        #[serde(with = "incident")]
        incident: Incident,
        /// The roles of the one who recorded it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }

    /// An incident that was seen does not fire any more.
    struct IncidentEnded {
        /// Who told of it: the name of the source.
        source: Text,
        /// The incident, as the source names it.
        id: Text,
        /// When it ended, by the source's clock; by the time of this record, where the source does not say.
        #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
        ended_at: Option<Timestamp>,
        /// The roles of the one who recorded it; none for relman.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        roles: BTreeSet<Role>,
    }
}

/// What a post-mortem is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PostMortemCause {
    /// An override of a gate.
    Override {
        /// The gate.
        gate: Gate,
    },
    /// A rollback.
    Rollback,
}

impl fmt::Display for PostMortemCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override { gate } => write!(f, "the override of the {gate} gate"),
            Self::Rollback => f.write_str("the rollback"),
        }
    }
}

/// The headings of a retrospective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LessonKind {
    /// What went well, and is to be kept.
    WentWell,
    /// What went badly, and is to be changed.
    WentBadly,
    /// Where it was luck that nothing worse happened.
    Lucky,
}

impl LessonKind {
    /// Every heading, in the order in which people go through them.
    pub const ALL: [Self; 3] = [Self::WentWell, Self::WentBadly, Self::Lucky];
}

impl fmt::Display for LessonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WentWell => "went well",
            Self::WentBadly => "went badly",
            Self::Lucky => "where we were lucky",
        })
    }
}

/// What an action item is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionItemKind {
    /// It can't happen again.
    Prevent,
    /// It is noticed sooner.
    Detect,
    /// It does less harm, or is over sooner.
    Mitigate,
    /// People work in another way.
    Process,
}

impl ActionItemKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Prevent, Self::Detect, Self::Mitigate, Self::Process];
}

impl fmt::Display for ActionItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Prevent => "prevent",
            Self::Detect => "detect",
            Self::Mitigate => "mitigate",
            Self::Process => "process",
        })
    }
}

/// How an action item came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// It was done.
    Done,
    /// It is not done any more, for a reason.
    Dropped,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Dropped => "dropped",
        })
    }
}
