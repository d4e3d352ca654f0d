//! What a source of incidents tells, beside the looks: it is recorded, and moves nothing.

use std::sync::Arc;

use relman_core::{
    machine::{Action, Command, Input, Principal, Release, SeenIncident},
    port::{Incident, IncidentSource, with_causes},
    unit::{ServiceName, Text, Window},
};

use super::{perform::bounded, ports::Ports};

/// How many records one answer may lead to. Each is written durably, and the next look is not to wait for a storm of
/// alerts: what is left over is found again by the next answer.
const MOST_AT_ONCE: usize = 16;

/// What a source has told, or why it has not.
pub(super) struct Told {
    pub(super) window: Window,
    pub(super) incidents: Result<Vec<Incident>, String>,
}

/// Asks the source. Never fails: that it could not be asked is part of what comes back.
pub(super) async fn listen(
    ports: Arc<Ports>,
    source: Arc<dyn IncidentSource>,
    service: ServiceName,
    window: Window,
) -> Told {
    let incidents = match bounded(ports.limits.call_time, source.incidents(&service, window)).await {
        Ok(Ok(incidents)) => Ok(incidents),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(detail) => Err(detail),
    };
    Told { window, incidents }
}

/// What of an answer is new to the record: ends first, so that what fires anew under its id is another incident.
pub(super) enum News {
    /// All of it.
    Whole(Vec<Input>),
    /// As much as is recorded at once.
    Part(Vec<Input>),
}

/// Holds an answer of a source against what is on the record of a release.
pub(super) fn news(release: &Release, source: &Text, incidents: &[Incident]) -> News {
    let open = release.incidents().iter().filter(|seen| seen.source == *source && seen.is_open());
    let ends: Vec<(&SeenIncident, End)> =
        open.filter_map(|seen| Some((seen, end_of(seen, incidents)?))).collect();
    // An id whose incident ends here may be another one's at once.
    let is_new = |incident: &&Incident| {
        let ends_now = ends.iter().any(|(seen, _)| {
            seen.incident.id == incident.id && seen.incident.started_at != incident.started_at
        });
        ends_now || !release.knows_incident(source, incident)
    };
    let begun = incidents
        .iter()
        .filter(is_new)
        .map(|incident| Action::RecordIncident { source: source.clone(), incident: incident.clone() });
    let ended = ends.iter().map(|(seen, end)| Action::EndIncident {
        source: source.clone(),
        id: seen.incident.id.clone(),
        ended_at: end.0,
    });
    let mut inputs: Vec<Input> = ended
        .chain(begun)
        .map(|action| Input::Command(Command { by: Principal::relman(), action }))
        .collect();
    if inputs.len() > MOST_AT_ONCE {
        inputs.truncate(MOST_AT_ONCE);
        return News::Part(inputs);
    }
    News::Whole(inputs)
}

/// That an incident has ended, and when if the source says so.
struct End(Option<relman_core::unit::Timestamp>);

/// How an incident that is open on the record has ended, if it has.
fn end_of(seen: &SeenIncident, incidents: &[Incident]) -> Option<End> {
    let begun = seen.incident.started_at;
    let same: Vec<&Incident> = incidents.iter().filter(|one| one.id == seen.incident.id).collect();
    let told = same.iter().find(|one| one.started_at == begun).or_else(|| same.first());
    match told {
        // A source that names what fires has left it out.
        None => Some(End(None)),
        // An end before the beginning is none that could be recorded.
        Some(told) => told.ended_at.map(|ended_at| End((ended_at >= begun).then_some(ended_at))),
    }
}
