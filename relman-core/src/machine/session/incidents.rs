//! What a source of incidents lists, held against the record: it is recorded, and moves nothing.

use crate::{
    machine::{Action, RecordedIncident, Release},
    port::Incident,
    unit::{Text, Timestamp},
};

/// How many records one answer may lead to: the next look is not to wait for a storm of alerts, and what is left over is
/// found again in the next answer.
const MOST_AT_ONCE: usize = 16;

/// What of an answer is new to the record: ends first, so that what fires anew under its id is another incident. Whether
/// that is all of it.
pub(super) fn news(release: &Release, source: &Text, incidents: &[Incident]) -> (Vec<Action>, bool) {
    let open = release.incidents().iter().filter(|seen| seen.source == *source && seen.is_open());
    let ends: Vec<(&RecordedIncident, End)> =
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
    let mut actions: Vec<Action> = ended.chain(begun).collect();
    let whole = actions.len() <= MOST_AT_ONCE;
    actions.truncate(MOST_AT_ONCE);
    (actions, whole)
}

/// That an incident has ended, and when if the source says so.
struct End(Option<Timestamp>);

/// How an incident that is open on the record has ended, if it has.
fn end_of(seen: &RecordedIncident, incidents: &[Incident]) -> Option<End> {
    let begun = seen.incident.started_at;
    let same: Vec<&Incident> = incidents.iter().filter(|one| one.id == seen.incident.id).collect();
    let listed = same.iter().find(|one| one.started_at == begun).or_else(|| same.first());
    match listed {
        // A source that lists what fires has left it out.
        None => Some(End(None)),
        // An end before the beginning is none that could be recorded.
        Some(listed) => listed.ended_at.map(|ended_at| End((ended_at >= begun).then_some(ended_at))),
    }
}
