use std::collections::BTreeMap;

use relman_core::{
    port::Incident,
    unit::{ServiceName, Span, Text, Timestamp, Window},
};

/// How long an incident that has ended is remembered: longer than any look is apart from the next, and than any tool
/// tries a message again.
pub(super) const REMEMBERED: Span = Span::from_hours(24);

/// How far the moment of a list may be from now: two clocks, and a request that took its time.
const LIST_LASTS: Span = Span::from_minutes(5);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is known now.
    Stored,
    /// It was known, or something newer is.
    Unchanged,
    /// It began so long ago that its end may be forgotten; a list, that its moment is not near.
    TooOld,
    /// There is no room.
    Full,
}

/// What is known, by service and id: of each id the newest incident.
#[derive(Debug)]
pub(super) struct Store {
    known: BTreeMap<(ServiceName, Text), Incident>,
    room: usize,
    /// The moment of the last list.
    listed_at: Option<Timestamp>,
    /// Whether a list of everything that fires has arrived.
    pub(super) is_complete: bool,
    /// Whether something had to be turned away since the last whole list.
    pub(super) turned_away: bool,
}

impl Store {
    pub(super) fn new(room: usize, is_complete: bool) -> Self {
        Self { known: BTreeMap::new(), room, listed_at: None, is_complete, turned_away: false }
    }

    /// Takes one message.
    pub(super) fn take(&mut self, incident: Incident, now: Timestamp) -> Outcome {
        self.forget(now);
        let key = (incident.service.clone(), incident.id.clone());
        let is_full = self.known.len() >= self.room;
        match self.known.get_mut(&key) {
            Some(known) if known.started_at > incident.started_at => Outcome::Unchanged,
            Some(known) if known.started_at == incident.started_at => {
                let mut newer = incident;
                // What has ended stays ended.
                newer.ended_at = known.ended_at.or(newer.ended_at);
                if known.ended_at.is_some() || *known == newer {
                    return Outcome::Unchanged;
                }
                *known = newer;
                Outcome::Stored
            }
            Some(known) => {
                *known = incident;
                Outcome::Stored
            }
            None if incident.started_at + REMEMBERED < now => Outcome::TooOld,
            None if is_full => {
                self.turned_away = true;
                Outcome::Full
            }
            None => {
                self.known.insert(key, incident);
                Outcome::Stored
            }
        }
    }

    /// Takes all that fires at a moment: whatever else fired has ended by then.
    pub(super) fn replace(&mut self, firing: Vec<Incident>, at: Timestamp, now: Timestamp) -> Outcome {
        if at + LIST_LASTS < now || at > now + LIST_LASTS {
            return Outcome::TooOld;
        }
        if self.listed_at.is_some_and(|listed_at| listed_at >= at) {
            return Outcome::Unchanged;
        }
        self.forget(now);
        let mut next = self.known.clone();
        let key = |incident: &Incident| (incident.service.clone(), incident.id.clone());
        let listed: Vec<_> = firing.iter().map(key).collect();
        for (key, known) in &mut next {
            if known.ended_at.is_none() && !listed.contains(key) {
                known.ended_at = Some(at.max(known.started_at));
            }
        }
        // A list says what fires, so it is believed about what began long ago, too.
        for incident in firing {
            next.insert(key(&incident), incident);
        }
        if next.len() > self.room {
            self.turned_away = true;
            return Outcome::Full;
        }
        (self.is_complete, self.turned_away, self.listed_at) = (true, false, Some(at));
        let outcome = if next == self.known { Outcome::Unchanged } else { Outcome::Stored };
        self.known = next;
        outcome
    }

    /// The incidents of a service that fired at some time in a window, in the order of the port.
    pub(super) fn of(&self, service: &ServiceName, window: Window) -> Vec<Incident> {
        let of_service = self.known.values().filter(|one| one.service == *service && one.fires_in(window));
        let mut told: Vec<Incident> = of_service.cloned().collect();
        told.sort_by(|one, other| (one.started_at, &one.id).cmp(&(other.started_at, &other.id)));
        told
    }

    fn forget(&mut self, now: Timestamp) {
        self.known.retain(|_, one| one.ended_at.is_none_or(|ended| ended + REMEMBERED >= now));
    }
}
