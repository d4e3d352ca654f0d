use std::hash::{Hash, Hasher};

use relman_core::{
    port::{Promotion, Slot, Target},
    unit::{ReleaseId, TrafficShare},
};

/// The two places of one service, which all of its releases share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ground {
    places: [Occupied; 2],
    /// The share of the traffic that the second place has.
    second: TrafficShare,
}

/// What is in a place; nothing is known of what was there before the first release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Occupied {
    by: Option<ReleaseId>,
    version: Option<String>,
}

/// The candidate's place of a target: where roles don't change, it is always the second.
pub(super) fn candidate(promotion: Promotion, target: &Target) -> Slot {
    match promotion {
        Promotion::Swap => target.candidate(),
        Promotion::Replace => Slot::Second,
    }
}

impl Ground {
    /// The share of the traffic that a place has.
    pub(super) fn share(&self, slot: Slot) -> TrafficShare {
        match slot {
            Slot::First => self.second.rest(),
            Slot::Second => self.second,
        }
    }

    /// Gives a place this share, and the other one the rest.
    pub(super) fn give(&mut self, slot: Slot, share: TrafficShare) {
        self.second = match slot {
            Slot::First => share.rest(),
            Slot::Second => share,
        };
    }

    /// Puts a release's version into a place.
    pub(super) fn move_in(&mut self, slot: Slot, release: &ReleaseId, version: Option<&str>) {
        let place = &mut self.places[slot as usize];
        place.by = Some(release.clone());
        place.version = version.map(str::to_owned).or(place.version.take());
    }

    /// Empties a place.
    pub(super) fn clear(&mut self, slot: Slot) {
        self.places[slot as usize] = Occupied::default();
    }

    /// The version in a place, as far as that is known.
    pub(super) fn version(&self, slot: Slot) -> Option<&str> {
        self.places[slot as usize].version.as_deref()
    }

    /// The releases whose versions are there.
    pub(super) fn releases(&self) -> impl Iterator<Item = &ReleaseId> {
        self.places.iter().filter_map(|place| place.by.as_ref())
    }

    /// The share of the users that have a release's version; none where it is nowhere.
    pub(super) fn users_of(&self, release: &ReleaseId) -> Option<TrafficShare> {
        let there = |slot: &Slot| self.places[*slot as usize].by.as_ref() == Some(release);
        let places: Vec<Slot> = Slot::ALL.into_iter().filter(there).collect();
        match places.as_slice() {
            [] => None,
            [slot] => Some(self.share(*slot)),
            _ => Some(TrafficShare::FULL),
        }
    }

    pub(super) fn hash_future(&self, state: &mut impl Hasher) {
        self.hash(state);
    }
}
