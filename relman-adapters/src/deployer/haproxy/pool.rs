use std::fmt;

use relman_core::{port::Place as PlaceSeen, unit::TrafficShare};

use super::{
    config::Endpoint,
    place::Place,
    state::{Server, Servers},
    weights::{Side, Totals, Weights},
};

/// The servers of one backend of one process, by the places that they are in.
pub(super) struct Pool<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) backend: &'a str,
    canary: Vec<&'a Server>,
    baseline: Vec<&'a Server>,
    others: Vec<&'a Server>,
    /// What the configuration calls the places.
    names: [&'static str; 2],
}

/// Why a backend's servers don't make two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotTwoPlaces {
    /// A place has no server, or not all of those that are named. They may be about to be added.
    Missing(String),
    /// A server is in both places.
    Both(String),
}

impl<'a> Pool<'a> {
    pub(super) fn of(
        (endpoint, backend): (&'a Endpoint, &'a str),
        servers: &'a Servers,
        canary: &Place,
        baseline: &Place,
    ) -> Result<Self, NotTwoPlaces> {
        let there: Vec<&str> = servers.all().iter().map(|server| server.name.as_str()).collect();
        for place in [canary, baseline] {
            if let Some(missing) = place.missing(&there).next() {
                return Err(NotTwoPlaces::Missing(format!(
                    "there is no server {missing} (`{}`) in the backend {backend}; its servers: {}",
                    place.field(),
                    servers.names()
                )));
            }
        }
        let mut pool = Self {
            endpoint,
            backend,
            canary: vec![],
            baseline: vec![],
            others: vec![],
            names: [canary.field(), baseline.field()],
        };
        for server in servers.all() {
            match (canary.has(&server.name), baseline.has(&server.name)) {
                (true, true) => {
                    return Err(NotTwoPlaces::Both(format!(
                        "the server {} of the backend {backend} is in `{}` ({canary}) and in `{}` ({baseline}): a server is in one place",
                        server.name,
                        canary.field(),
                        baseline.field()
                    )));
                }
                (true, false) => pool.canary.push(server),
                (false, true) => pool.baseline.push(server),
                (false, false) => pool.others.push(server),
            }
        }
        // Servers without weight, or for the case that all others fail, are nobody's.
        pool.others.retain(|server| server.weight > 0 && !server.is_backup);
        Ok(pool)
    }

    pub(super) fn server(&self, side: Side, index: usize) -> Option<&'a Server> {
        self.side(side).get(index).copied()
    }

    pub(super) fn canary(&self) -> &[&'a Server] {
        &self.canary
    }

    /// The weights that are set, whether or not the servers are up.
    pub(super) fn weights(&self) -> Weights {
        self.read(|server| server.weight)
    }

    /// The weights of HAProxy's configuration.
    pub(super) fn initial(&self) -> Weights {
        self.read(|server| server.initial)
    }

    fn read(&self, weight: impl Fn(&Server) -> u32) -> Weights {
        let of = |servers: &[&Server]| servers.iter().map(|server| weight(server)).collect();
        Weights { canary: of(&self.canary), baseline: of(&self.baseline) }
    }

    fn side(&self, side: Side) -> &[&'a Server] {
        match side {
            Side::Canary => &self.canary,
            Side::Baseline => &self.baseline,
        }
    }

    /// What the weights that are set come to.
    pub(super) fn set(&self) -> Totals {
        self.weights().totals(self.weight_of_others())
    }

    /// The weight that is set for servers in neither place.
    pub(super) fn weight_of_others(&self) -> u32 {
        self.others.iter().map(|server| server.weight).sum()
    }

    /// What these weights would come to now: a server that takes no requests counts nothing, and neither does a backup while others
    /// take them.
    pub(super) fn effective(&self, weights: &Weights) -> Totals {
        let weighted = |servers: &[&'a Server], weights: &[u32]| -> Vec<(&'a Server, u32)> {
            servers.iter().copied().zip(weights.iter().copied()).collect()
        };
        self.counted(
            &weighted(&self.canary, &weights.canary),
            &weighted(&self.baseline, &weights.baseline),
            |server| server.weight,
        )
    }

    /// What the weights that count now come to: less than those that are set while a server starts slowly.
    pub(super) fn counting(&self) -> Totals {
        let weighted = |servers: &[&'a Server]| -> Vec<(&'a Server, u32)> {
            servers.iter().map(|server| (*server, server.counts)).collect()
        };
        self.counted(&weighted(&self.canary), &weighted(&self.baseline), |server| server.counts)
    }

    fn counted(
        &self,
        canary: &[(&Server, u32)],
        baseline: &[(&Server, u32)],
        of_others: impl Fn(&Server) -> u32,
    ) -> Totals {
        let takes = |server: &Server, weight: u32| server.takes_requests() && weight > 0;
        let others: u32 =
            self.others.iter().filter(|server| server.takes_requests()).map(|server| of_others(server)).sum();
        let all = || canary.iter().chain(baseline);
        let backups_wait =
            others > 0 || all().any(|(server, weight)| !server.is_backup && takes(server, *weight));
        let sum = |servers: &[(&Server, u32)]| -> u32 {
            let counted = servers
                .iter()
                .filter(|(server, weight)| takes(server, *weight) && !(server.is_backup && backups_wait));
            counted.map(|(_, weight)| *weight).sum()
        };
        Totals { canary: sum(canary), baseline: sum(baseline), others }
    }

    /// Whether any server would take a request.
    fn serves(&self) -> bool {
        self.effective(&self.weights()).all() > 0
    }

    /// The servers of the canary that can't be given more, in words.
    pub(super) fn not_ready(&self) -> Vec<String> {
        let waiting = self.canary.iter().filter(|server| !server.is_ready());
        waiting.map(|server| format!("{} is {}", server.name, server.state())).collect()
    }

    /// The servers that are not the canary's and take no requests, or fewer than they should, in words.
    pub(super) fn missing(&self) -> Vec<String> {
        self.baseline.iter().chain(&self.others).filter_map(|server| said(server)).collect()
    }

    /// The place of the new version.
    pub(super) fn canary_place(&self) -> PlaceSeen {
        seen(&self.canary)
    }

    /// The place of the old version: its servers, and what counts as such.
    pub(super) fn baseline_place(&self) -> PlaceSeen {
        seen(&self.baseline.iter().chain(&self.others).copied().collect::<Vec<_>>())
    }

    /// The share that users get, and the one that is set.
    pub(super) fn shares(&self) -> (TrafficShare, TrafficShare) {
        (self.counting().share(), self.set().share())
    }
}

/// What is wrong with a server, in HAProxy's own words.
fn said(server: &Server) -> Option<String> {
    let backup = server.is_backup.then(|| format!("{} is a backup server", server.name));
    server.trouble().or(backup)
}

fn seen(servers: &[&Server]) -> PlaceSeen {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let ready = servers.iter().filter(|server| server.takes_requests()).count();
    let sum = |of: fn(&Server) -> Option<u64>| servers.iter().map(|server| of(server)).sum::<Option<u64>>();
    let mut place = PlaceSeen::new().with_ready(count(ready), count(servers.len()));
    (place.served, place.sessions) = (sum(|server| server.served), sum(|server| server.sessions));
    let trouble: Vec<String> = servers.iter().filter_map(|server| said(server)).collect();
    if trouble.is_empty() { place } else { place.with_trouble(trouble.join(", ")) }
}

/// What is known of a place in several pools.
pub(super) fn together(name: String, places: impl Iterator<Item = PlaceSeen>) -> PlaceSeen {
    let mut all = PlaceSeen::new().with_name(name);
    let mut troubles = Vec::new();
    for (index, place) in places.enumerate() {
        let add = |one: Option<u64>, more: Option<u64>| match index {
            0 => more,
            // What one of them can't tell is not known of all.
            _ => one.zip(more).map(|(one, more)| one.saturating_add(more)),
        };
        (all.served, all.sessions) = (add(all.served, place.served), add(all.sessions, place.sessions));
        let (ready, of) = place.ready.unwrap_or_default();
        let (ready_before, of_before) = all.ready.unwrap_or_default();
        all.ready = Some((ready_before + ready, of_before + of));
        troubles.extend(place.trouble);
    }
    troubles.dedup();
    if troubles.is_empty() { all } else { all.with_trouble(troubles.join(", ")) }
}

impl fmt::Display for Pool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |servers: &[&Server]| servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let [canary, baseline] = self.names;
        match (self.canary.as_slice(), self.baseline.as_slice()) {
            ([one], [other]) => write!(f, "backend {}: {one}, {other}", self.backend)?,
            (one, other) => {
                write!(f, "backend {}: {canary}: {}; {baseline}: {}", self.backend, list(one), list(other))?;
            }
        }
        if !self.others.is_empty() {
            write!(f, "; counted as {baseline}: {}", list(&self.others))?;
        }
        if !self.serves() {
            f.write_str("; no server takes requests, so they are answered with 503")?;
        }
        Ok(())
    }
}
