use chrono::{DateTime, Utc};
use relman_core::{
    port::Incident,
    unit::{ServiceName, Text, Timestamp, UnitError},
};
use serde::Deserialize;

use crate::incident::source::{LONGEST_SEVERITY, LONGEST_TITLE, cut, link};

/// An id is a key and is never cut: two that differ at the end would become one.
const LONGEST_ID: usize = 200;

/// One incident, as it is posted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    id: String,
    title: String,
    #[serde(default)]
    severity: Option<String>,
    service: String,
    status: Status,
    started_at: DateTime<Utc>,
    #[serde(default)]
    ended_at: Option<DateTime<Utc>>,
    #[serde(default)]
    url: Option<String>,
}

/// All that fires now.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) at: DateTime<Utc>,
    pub(super) incidents: Vec<Message>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Firing,
    Resolved,
}

impl Message {
    /// The incident.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub(super) fn incident(self) -> Result<Incident, String> {
        if self.id.chars().count() > LONGEST_ID {
            return Err(format!("`id` is longer than {LONGEST_ID} characters"));
        }
        let id: Text = self.id.parse().map_err(|error: UnitError| format!("`id`: {error}"))?;
        let service: ServiceName =
            self.service.parse().map_err(|error: UnitError| format!("`service`: {error}"))?;
        let title = cut(&self.title, LONGEST_TITLE).ok_or("`title` is empty: say what goes wrong")?;
        let started_at = Timestamp::from(self.started_at);
        let ended_at = self.ended_at.map(Timestamp::from);
        match (self.status, ended_at) {
            (Status::Firing, None) => {}
            (Status::Firing, Some(_)) => return Err("`ended_at` is there, and `status` is firing".to_owned()),
            (Status::Resolved, None) => {
                return Err("`status` is resolved, and `ended_at` is missing".to_owned());
            }
            (Status::Resolved, Some(ended_at)) if ended_at < started_at => {
                return Err(format!("`ended_at` is {ended_at}, before `started_at`, {started_at}"));
            }
            (Status::Resolved, Some(_)) => {}
        }
        let mut incident = Incident::new(id, title, service, started_at);
        incident.severity = self.severity.and_then(|severity| cut(&severity, LONGEST_SEVERITY));
        incident.ended_at = ended_at;
        incident.url = self.url.and_then(|url| link(&url));
        Ok(incident)
    }
}
