//! Incidents of the service, as a source or a person tells of them. None of it moves a release: whether incidents
//! matter to it, its contract says, by what it measures.

use super::{Draft, admit::LONGEST};
use crate::{
    event::{IncidentEnded, IncidentReported},
    machine::{ActionName, Principal, Refusal, release::MOST_INCIDENTS},
    port::Incident,
    unit::{Text, Timestamp},
};

impl Draft<'_> {
    pub(super) fn record_incident(
        &mut self,
        by: &Principal,
        source: &Text,
        incident: &Incident,
    ) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::RecordIncident, by)?;
        let release = self.release.id.clone();
        if let Some(plan) = self.release.plan().filter(|plan| plan.scope().service != incident.service) {
            let (released, service) = (plan.scope().service.clone(), incident.service.clone());
            return Err(Refusal::IncidentOfAnotherService { release, released, service });
        }
        if self.release.knows_incident(source, incident) {
            let (source_name, id) = (source.to_string(), incident.id.to_string());
            return Err(Refusal::IncidentKnown { release, source_name, id });
        }
        in_order(incident.started_at, incident.ended_at)?;
        if self.release.incidents.len() >= MOST_INCIDENTS {
            return Err(Refusal::TooManyIncidents { release, most: MOST_INCIDENTS });
        }
        let seen = IncidentReported { source: source.clone(), incident: incident.clone(), roles };
        // Text without control characters always becomes JSON; were it not to, the record would not either.
        let bytes = serde_json::to_vec(&seen).map_or(usize::MAX, |bytes| bytes.len());
        if bytes > LONGEST {
            return Err(Refusal::IncidentTooLong { bytes, most: LONGEST });
        }
        self.push(&by.actor, seen);
        Ok(())
    }

    pub(super) fn end_incident(
        &mut self,
        by: &Principal,
        source: &Text,
        id: &Text,
        ended_at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let roles = self.release.may_now(ActionName::EndIncident, by)?;
        let Some(open) = self.release.incidents.iter().find(|one| one.is_open_as(source, id)) else {
            let (source_name, id) = (source.to_string(), id.to_string());
            return Err(Refusal::NoIncidentOpen { release: self.release.id.clone(), source_name, id });
        };
        in_order(open.incident.started_at, ended_at)?;
        self.push(&by.actor, IncidentEnded { source: source.clone(), id: id.clone(), ended_at, roles });
        Ok(())
    }
}

/// What ends does not end before it begins.
fn in_order(started_at: Timestamp, ended_at: Option<Timestamp>) -> Result<(), Refusal> {
    match ended_at {
        Some(ended_at) if ended_at < started_at => Err(Refusal::IncidentTimes { started_at, ended_at }),
        Some(_) | None => Ok(()),
    }
}
