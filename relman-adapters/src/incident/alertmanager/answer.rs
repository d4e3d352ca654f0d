use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use relman_core::{
    port::Incident,
    unit::{ServiceName, Text, Timestamp, UnitError, Window},
};
use serde::Deserialize;

use crate::incident::source::{LONGEST_SEVERITY, LONGEST_TITLE, cut, link};

/// An alert, as the API sends it; what is not needed is left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    fingerprint: String,
    starts_at: DateTime<Utc>,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "generatorURL", default)]
    generator_url: String,
}

/// The labels of an installation.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    pub(super) service: String,
    pub(super) severity: String,
}

/// The incidents of a service in an answer, in the order of the port.
///
/// # Errors
///
/// Why the answer can't be read, in words.
pub(super) fn incidents_in(
    body: &[u8],
    labels: &Labels,
    service: &ServiceName,
    window: Window,
) -> Result<Vec<Incident>, String> {
    let alerts: Vec<Alert> = serde_json::from_slice(body)
        .map_err(|error| format!("its answer is not what the API sends: {error}"))?;
    let of_service = alerts
        .iter()
        .filter(|alert| alert.labels.get(&labels.service).is_some_and(|name| name == service.as_str()));
    let mut incidents =
        of_service.map(|alert| alert.incident(labels, service)).collect::<Result<Vec<Incident>, String>>()?;
    incidents.retain(|incident| incident.fires_in(window));
    incidents.sort_by(|one, other| (one.started_at, &one.id).cmp(&(other.started_at, &other.id)));
    Ok(incidents)
}

impl Alert {
    fn incident(&self, labels: &Labels, service: &ServiceName) -> Result<Incident, String> {
        let id: Text = self
            .fingerprint
            .parse()
            .map_err(|error: UnitError| format!("a fingerprint in its answer: {error}"))?;
        let name = self.labels.get("alertname").map(String::as_str);
        let summary = self.annotations.get("summary").map(String::as_str);
        let said = [name, summary].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let title = cut(&said, LONGEST_TITLE).unwrap_or_else(|| id.clone());
        // Without an end: `endsAt` of what fires is when it would be over if nobody told of it any more.
        let mut incident = Incident::new(id, title, service.clone(), Timestamp::from(self.starts_at));
        incident.severity =
            self.labels.get(&labels.severity).and_then(|severity| cut(severity, LONGEST_SEVERITY));
        incident.url = link(&self.generator_url);
        Ok(incident)
    }
}
