use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    port::Moment,
    unit::{Channel, Text},
};

/// Who is told, through which channel, at which moments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct CommunicationPlan {
    /// One entry for each audience and channel.
    pub notices: Vec<Notice>,
}

/// One audience, one channel, and the moments at which it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Who is told: internal teams, customers, compliance.
    pub audience: Text,
    /// Through which channel; the host maps the name to a notifier.
    pub channel: Channel,
    /// When.
    pub moments: BTreeSet<Moment>,
}

impl CommunicationPlan {
    /// The notices that are due at a moment.
    pub fn due_at(&self, moment: Moment) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(move |notice| notice.moments.contains(&moment))
    }
}
