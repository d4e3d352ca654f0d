//! An incident, as a record holds it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    port::Incident,
    unit::{ServiceName, Text, Timestamp},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    id: Text,
    title: Text,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    severity: Option<Text>,
    service: ServiceName,
    started_at: Timestamp,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "crate::chain::present", skip_serializing_if = "Option::is_none")]
    url: Option<Text>,
}

pub(in crate::event) fn serialize<S: Serializer>(
    incident: &Incident,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Incident { id, title, severity, service, started_at, ended_at, url } = incident.clone();
    Recorded { id, title, severity, service, started_at, ended_at, url }.serialize(serializer)
}

pub(in crate::event) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Incident, D::Error> {
    let Recorded { id, title, severity, service, started_at, ended_at, url } =
        Recorded::deserialize(deserializer)?;
    Ok(Incident { id, title, severity, service, started_at, ended_at, url })
}
