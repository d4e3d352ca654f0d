use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::{Mutex as SyncMutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use relman_core::{
    port::{
        DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, PortError, PortErrorKind,
        PromoteRequest, Promotion, Retry, Slot, Target, TrafficRequest,
    },
    unit::{ReleaseId, TrafficShare},
};
use tokio::sync::Mutex;

use super::{
    Endpoint, HaproxyConfig,
    place::Place,
    pool::{NotTwoPlaces, Pool, together},
    runtime::{ADAPTER, ask},
    stat,
    state::{Server, Servers},
    weights::{Change, Ground, MAX_LOSS_BASIS_POINTS, READABLE_TOTAL, Side, Unrepresentable, Weights},
};

/// Routes traffic by the weights of HAProxy servers: those of the new version's place against those of the other one, in each backend of
/// each process.
///
/// - Weights that are as wished already are left alone: nothing is sent.
/// - A change is read back and compared, because HAProxy's answers carry no status.
/// - More traffic goes only to a canary whose servers are up and have passed their last health check, and only where the
///   baseline is there to take the rest. Less traffic is a matter of weights alone: nothing stands in its way.
/// - A share that weights from 0 to 256 can't give is set to the nearest one below, up to 0.1 % away, or refused.
/// - The baseline's weights are lowered only where the share can't be had otherwise: after that HAProxy gives the canary more than its
///   share for some hundred requests. Otherwise it does not.
/// - Servers of one place share what it gets as they did when they were found. Where all traffic is taken back, the baseline's weights
///   are put back as they were found before the first change, or as HAProxy's configuration has them where another process made that.
/// - Between two commands the canary never has more than before or after, and some server always has weight.
/// - Going to 0 % is done whatever the state of the baseline. Where it is down, requests are answered with 503
///   then: a version that was found to be bad is not what they go to instead.
/// - Cutting the new version off puts its servers into maintenance, which no cookie reaches, and ends their sessions. The next
///   [`deploy`](Deployer::deploy) makes them ready again.
/// - Of several backends or processes with different shares, the largest one is observed.
///
/// # Examples
///
/// ```
/// use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
/// use relman_core::{port::Deployer, unit::TrafficShare};
///
/// let config = HaproxyConfig::new(Endpoint::Address("127.0.0.1:9999".parse()?), "app", "canary", "stable")?;
/// let haproxy = Haproxy::new(config);
/// assert_eq!(haproxy.name(), "haproxy");
/// assert_eq!(haproxy.capabilities().share_tolerance, "0.1%".parse::<TrafficShare>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Haproxy {
    config: HaproxyConfig,
    /// Held from reading the weights until they are read back: two changes at once would each be computed from
    /// a state that the other one ends. With what was found before the first of them.
    changing: Mutex<Found>,
    /// The servers that were last seen, for what is said without asking.
    seen: SyncMutex<BTreeMap<String, Vec<String>>>,
}

/// What a release found before it got any traffic: the weights by server, for each backend of each process.
#[derive(Debug, Default)]
struct Found {
    release: Option<ReleaseId>,
    weights: BTreeMap<(usize, String), BTreeMap<String, u32>>,
}

/// What each backend of each process has said, in the order of the configuration.
type Answers = Vec<(usize, String, Servers)>;

impl Haproxy {
    /// A deployer for this HAProxy. It connects for each exchange anew, so this can't fail.
    pub fn new(config: HaproxyConfig) -> Self {
        Self { config, changing: Mutex::default(), seen: SyncMutex::default() }
    }

    /// The place of the new version, and the other one.
    fn places(&self, target: &Target) -> [&Place; 2] {
        let candidate = match self.config.promotion {
            Promotion::Swap => target.candidate(),
            Promotion::Replace => Slot::Second,
        };
        [self.config.place(candidate), self.config.place(candidate.other())]
    }

    /// Asks every process about every backend.
    async fn answers(&self, operation: &'static str) -> Result<Answers, PortError> {
        let mut answers = Vec::new();
        for (index, endpoint) in self.config.endpoints.iter().enumerate() {
            for backend in &self.config.backends {
                answers.push((index, backend.clone(), self.servers(operation, endpoint, backend).await?));
            }
        }
        let names = answers.iter().map(|(_, backend, servers)| {
            let servers = servers.all().iter().map(|server| server.name.clone()).collect();
            (backend.clone(), servers)
        });
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = names.collect();
        Ok(answers)
    }

    async fn servers(
        &self,
        operation: &'static str,
        endpoint: &Endpoint,
        backend: &str,
    ) -> Result<Servers, PortError> {
        let time_limit = self.config.time_limit;
        let answer = ask(endpoint, time_limit, operation, &format!("show servers state {backend}")).await?;
        if answer.trim() == "Can't find backend." {
            let detail = format!("{endpoint} has no backend {backend}");
            return Err(failed(operation, PortErrorKind::Rejected, detail));
        }
        let unreadable = |asked: &str, problem: String| {
            let detail = format!("can't read the answer of {endpoint} to `{asked}`: {problem}");
            failed(operation, PortErrorKind::InvalidAnswer, detail)
        };
        let servers =
            Servers::parse(&answer, backend).map_err(|problem| unreadable("show servers state", problem))?;
        // Of type 4, which are servers, all.
        let answer = ask(endpoint, time_limit, operation, &format!("show stat {backend} 4 -1")).await?;
        let stats = stat::parse(&answer, backend).map_err(|problem| unreadable("show stat", problem))?;
        Ok(servers.with_stats(&stats))
    }

    /// The servers of each backend of each process, by their places for a target.
    fn pools<'a>(
        &'a self,
        answers: &'a Answers,
        target: &Target,
        operation: &'static str,
    ) -> Result<Vec<Pool<'a>>, PortError> {
        let [canary, baseline] = self.places(target);
        let pool = |(index, backend, servers): &'a (usize, String, Servers)| {
            let endpoint = &self.config.endpoints[*index];
            Pool::of((endpoint, backend), servers, canary, baseline).map_err(|problem| match problem {
                NotTwoPlaces::Missing(detail) | NotTwoPlaces::Both(detail) => {
                    failed(operation, PortErrorKind::Rejected, self.at(endpoint, detail))
                }
            })
        };
        answers.iter().map(pool).collect()
    }

    /// A text about one process, which is named where there are several.
    fn at(&self, endpoint: &Endpoint, text: impl std::fmt::Display) -> String {
        if self.config.endpoints.len() > 1 { format!("at {endpoint}, {text}") } else { text.to_string() }
    }

    /// Tells a process to do something. HAProxy answers an empty line where it has done so.
    async fn tell(&self, operation: &'static str, endpoint: &Endpoint, line: &str) -> Result<(), PortError> {
        let answer = ask(endpoint, self.config.time_limit, operation, line).await?;
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(());
        }
        let kind = if answer.to_lowercase().contains("permission denied") {
            PortErrorKind::Unauthorized
        } else {
            PortErrorKind::Rejected
        };
        let detail = format!("HAProxy answered {:?} to `{line}`", start_of(answer));
        Err(failed(operation, kind, self.at(endpoint, detail)))
    }

    async fn set_weight(&self, pool: &Pool<'_>, change: Change) -> Result<(), PortError> {
        let Some(server) = pool.server(change.place, change.server) else { return Ok(()) };
        let line = format!("set server {}/{} weight {}", pool.backend, server.name, change.weight);
        self.tell(SET_TRAFFIC, pool.endpoint, &line).await
    }

    /// Makes sure that a canary may be given the wished weights, where these are more than it has.
    fn allow_more(&self, pool: &Pool<'_>, wanted: &Weights, share: TrafficShare) -> Result<(), PortError> {
        let waiting = pool.not_ready();
        if !waiting.is_empty() {
            let detail = format!(
                "the canary's server {}: it gets more traffic once it is up and has passed a health check",
                waiting.join(" and ")
            );
            return Err(failed(SET_TRAFFIC, PortErrorKind::Unavailable, self.at(pool.endpoint, detail)));
        }
        self.not_exceeded(pool, wanted, share)
    }

    /// Weights that are right still give the canary too much where the baseline takes no requests.
    fn not_exceeded(&self, pool: &Pool<'_>, weights: &Weights, share: TrafficShare) -> Result<(), PortError> {
        let effective = pool.effective(weights).share();
        if effective <= share {
            return Ok(());
        }
        let detail = format!(
            "of the baseline's servers {}, so the canary gets {effective} of the traffic with the weights for {share}",
            pool.missing().join(" and ")
        );
        Err(failed(SET_TRAFFIC, PortErrorKind::Unavailable, self.at(pool.endpoint, detail)))
    }

    /// The weights that a share comes to in a pool.
    fn wanted(
        &self,
        pool: &Pool<'_>,
        found: &Weights,
        share: TrafficShare,
        operation: &'static str,
    ) -> Result<Weights, PortError> {
        let (now, others) = (pool.weights(), pool.weight_of_others());
        Ground { now: &now, found, others }.for_share(share).map_err(|problem| {
            refuse(
                operation,
                share,
                &self.at(pool.endpoint, format!("backend {}", pool.backend)),
                others,
                problem,
            )
        })
    }

    /// Leads one pool to the weights for a share.
    async fn move_to(&self, pool: &Pool<'_>, wanted: &Weights) -> Result<(), PortError> {
        for change in pool.weights().changes_to(wanted) {
            // One exchange for each: in a line of two, HAProxy performs the second although the first has failed.
            self.set_weight(pool, change).await?;
        }
        Ok(())
    }

    /// Makes sure that every pool has the weights that were set, and that they come to no more than the share.
    async fn read_back(
        &self,
        target: &Target,
        wanted: &[Weights],
        share: TrafficShare,
    ) -> Result<(), PortError> {
        let answers = self.answers(SET_TRAFFIC).await?;
        for (pool, wanted) in self.pools(&answers, target, SET_TRAFFIC)?.iter().zip(wanted) {
            let there = pool.weights();
            if there != *wanted {
                let detail = format!(
                    "the weights read back are {} for the canary and {} for the baseline, not the {} and {} that were \
                     set: something else changes them as well",
                    list(&there.canary),
                    list(&there.baseline),
                    list(&wanted.canary),
                    list(&wanted.baseline)
                );
                let detail = self.at(pool.endpoint, detail);
                return Err(failed(SET_TRAFFIC, PortErrorKind::InvalidAnswer, detail).with_retry(Retry::Yes));
            }
            self.not_exceeded(pool, &there, share)?;
        }
        Ok(())
    }

    /// Makes the servers of the new version ready that were cut off; what still has to be waited for, if anything.
    async fn let_in(
        &self,
        answers: &Answers,
        target: &Target,
        was_let_in: &mut bool,
    ) -> Result<Option<String>, PortError> {
        let [canary, baseline] = self.places(target);
        for (index, backend, servers) in answers {
            let endpoint = &self.config.endpoints[*index];
            let pool = match Pool::of((endpoint, backend), servers, canary, baseline) {
                Ok(pool) => pool,
                // Where something else installs the server, it may be about to be added.
                Err(NotTwoPlaces::Missing(detail)) => return Ok(Some(self.at(endpoint, detail))),
                Err(NotTwoPlaces::Both(detail)) => {
                    return Err(failed(DEPLOY, PortErrorKind::Rejected, self.at(endpoint, detail)));
                }
            };
            // A server that a person has put into maintenance keeps its weight; what was cut off has none.
            let shut_out = pool.canary().iter().filter(|server| server.is_shut_out && server.weight == 0);
            for server in shut_out {
                let line = format!("set server {backend}/{} state ready", server.name);
                self.tell(DEPLOY, endpoint, &line).await?;
                *was_let_in = true;
            }
            let waiting = pool.not_ready();
            if !waiting.is_empty() {
                return Ok(Some(self.at(endpoint, format!("the canary's server {}", waiting.join(" and ")))));
            }
        }
        Ok(None)
    }

    /// Shuts the servers of the new version out: no cookie leads there any more, and whoever is there is sent away.
    async fn cut(&self, pool: &Pool<'_>) -> Result<(), PortError> {
        for server in pool.canary() {
            let name = format!("{}/{}", pool.backend, server.name);
            if !server.is_in_maintenance() {
                self.tell(SET_TRAFFIC, pool.endpoint, &format!("set server {name} state maint")).await?;
            }
            if server.sessions != Some(0) || !server.is_in_maintenance() {
                self.tell(SET_TRAFFIC, pool.endpoint, &format!("shutdown sessions server {name}")).await?;
            }
        }
        Ok(())
    }
}

impl Found {
    /// What this release has found; nothing of what another one has.
    fn by(&mut self, release: &ReleaseId) -> &mut Self {
        if self.release.as_ref() != Some(release) {
            *self = Self { release: Some(release.clone()), weights: BTreeMap::new() };
        }
        self
    }

    /// The weights of a pool before the canary got any traffic. What is not remembered is what HAProxy's configuration says, unless the
    /// canary has nothing now.
    fn weights_of(&mut self, index: usize, pool: &Pool<'_>, share: TrafficShare) -> Weights {
        let key = (index, pool.backend.to_owned());
        let servers = |side| (0..).map_while(move |index| pool.server(side, index));
        let begins = pool.set().canary == 0 && pool.set().baseline > 0;
        if begins && !share.is_zero() {
            let all = [Side::Canary, Side::Baseline].into_iter().flat_map(servers);
            self.weights
                .entry(key.clone())
                .or_insert_with(|| all.map(|server| (server.name.clone(), server.weight)).collect());
        }
        let remembered = self.weights.get(&key);
        if remembered.is_none() && begins {
            return pool.weights();
        }
        let read = |side| {
            let weight = |server: &Server| {
                remembered.and_then(|found| found.get(&server.name)).copied().unwrap_or(server.initial)
            };
            servers(side).map(weight).collect()
        };
        Weights { canary: read(Side::Canary), baseline: read(Side::Baseline) }
    }
}

/// How long to wait before servers are looked at again that are about to be ready.
const PAUSE: Duration = Duration::from_millis(20);

const DEPLOY: &str = "deploy";
const SET_TRAFFIC: &str = "set traffic";
const OBSERVE: &str = "observe the traffic";
const REACHABLE: &str = "look up a share";

#[async_trait]
impl Deployer for Haproxy {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn capabilities(&self) -> DeployerCapabilities {
        let share_tolerance =
            TrafficShare::try_from(MAX_LOSS_BASIS_POINTS).expect("ten basis points are a share");
        DeployerCapabilities::new()
            .with_share_tolerance(share_tolerance)
            .with_promotion(self.config.promotion)
    }

    /// Installs nothing: succeeds once the canary's servers are up and have passed a health check. Those that a rollback has cut off are
    /// made ready.
    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        if request.environment == Environment::Staging {
            let detail = "HAProxy routes traffic and installs nothing: join it with a deployer that installs \
                (SplitDeployer), which then serves staging";
            return Err(failed(DEPLOY, PortErrorKind::Rejected, detail));
        }
        let _changing = self.changing.lock().await;
        // What is let in again has to pass a health check first, which is waited for as long as an exchange may take.
        let patience = Instant::now() + self.config.time_limit.to_std();
        let mut was_let_in = false;
        loop {
            let answers = self.answers(DEPLOY).await?;
            let waiting = self.let_in(&answers, &request.target, &mut was_let_in).await?;
            match waiting {
                None => return Ok(()),
                Some(_) if was_let_in && Instant::now() < patience => tokio::time::sleep(PAUSE).await,
                Some(detail) => {
                    return Err(failed(DEPLOY, PortErrorKind::Unavailable, detail).with_retry(Retry::Yes));
                }
            }
        }
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        let TrafficRequest { target, share, cut, .. } = request;
        let share = *share;
        let mut found = self.changing.lock().await;
        let answers = self.answers(SET_TRAFFIC).await?;
        let pools = self.pools(&answers, target, SET_TRAFFIC)?;
        let mut moves = Vec::new();
        for ((index, _, _), pool) in answers.iter().zip(&pools) {
            let found = found.by(&target.release).weights_of(*index, pool, share);
            let wanted = self.wanted(pool, &found, share, SET_TRAFFIC)?;
            let (now, others) = (pool.weights(), pool.weight_of_others());
            let order = now.totals(others).compare(&wanted.totals(others));
            // The same share in other numbers is right as well; at none of it, everything is to be as it was found.
            let right =
                now == wanted || (order == Ordering::Equal && pool.set().all() > 0 && !share.is_zero());
            if order == Ordering::Less {
                // Before anything is changed anywhere.
                self.allow_more(pool, &wanted, share)?;
            }
            moves.push(if right { now } else { wanted });
        }
        if share.is_zero() {
            // Whoever fails keeps nobody else from going back.
            let mut outcome = Ok(());
            for (pool, wanted) in pools.iter().zip(&moves) {
                let mut done = self.move_to(pool, wanted).await;
                if *cut && done.is_ok() {
                    done = self.cut(pool).await;
                }
                outcome = outcome.and(done);
            }
            outcome?;
        } else {
            for (pool, wanted) in pools.iter().zip(&moves) {
                self.move_to(pool, wanted).await?;
            }
        }
        let unchanged = pools.iter().zip(&moves).all(|(pool, wanted)| pool.weights() == *wanted);
        if unchanged {
            pools.iter().try_for_each(|pool| self.not_exceeded(pool, &pool.weights(), share))?;
        } else {
            self.read_back(target, &moves, share).await?;
        }
        if share.is_zero() {
            // Everything is as it was found.
            *found = Found::default();
        }
        Ok(())
    }

    async fn promote(&self, _: &PromoteRequest) -> Result<(), PortError> {
        match self.config.promotion {
            Promotion::Swap => Ok(()),
            Promotion::Replace => {
                let detail = "HAProxy routes traffic and installs nothing: join it with a deployer that installs (SplitDeployer), \
                    which puts the new version on the stable servers";
                Err(failed("promote", PortErrorKind::Rejected, detail))
            }
        }
    }

    async fn reachable(&self, target: &Target, share: TrafficShare) -> Result<TrafficShare, PortError> {
        let answers = self.answers(REACHABLE).await?;
        let mut reached = share;
        for pool in self.pools(&answers, target, REACHABLE)? {
            let wanted = self.wanted(&pool, &pool.initial(), share, REACHABLE)?;
            reached = reached.min(wanted.totals(pool.weight_of_others()).share());
        }
        Ok(reached)
    }

    /// One line for `socat` for each process: the baseline gets weight before the canary loses its own, so that at no moment nobody has
    /// any. Nothing, where the places are patterns and nothing was ever observed.
    fn by_hand(&self, target: &Target) -> Option<String> {
        let [canary, baseline] = self.places(target);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut commands = Vec::new();
        for backend in &self.config.backends {
            let servers = |place: &Place| -> Option<Vec<String>> {
                if let Some(names) = place.names() {
                    return Some(names.to_vec());
                }
                let known = seen.get(backend)?.iter().filter(|server| place.has(server));
                Some(known.cloned().collect())
            };
            let weigh = |servers: Vec<String>, weight: u32| {
                servers
                    .into_iter()
                    .map(move |server| format!("set server {backend}/{server} weight {weight}"))
            };
            commands.extend(weigh(servers(baseline)?, READABLE_TOTAL));
            commands.extend(weigh(servers(canary)?, 0));
        }
        let commands = commands.join("; ");
        let line = |endpoint: &Endpoint| {
            let address = match endpoint {
                Endpoint::Socket(path) => {
                    format!("UNIX-CONNECT:{}", shlex::try_quote(&path.display().to_string()).ok()?)
                }
                Endpoint::Address(address) if address.is_ipv6() => format!("TCP6:{address}"),
                Endpoint::Address(address) => format!("TCP:{address}"),
            };
            Some(format!("echo '{commands}' | socat stdio {address}"))
        };
        let lines: Option<Vec<String>> = self.config.endpoints.iter().map(line).collect();
        Some(lines?.join(" && "))
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        let answers = self.answers(OBSERVE).await?;
        let pools = self.pools(&answers, target, OBSERVE)?;
        let shares: Vec<(TrafficShare, TrafficShare)> = pools.iter().map(Pool::shares).collect();
        let (effective, set): (Vec<TrafficShare>, Vec<TrafficShare>) = shares.iter().copied().unzip();
        let most = |shares: &[TrafficShare]| shares.iter().copied().max().unwrap_or(TrafficShare::ZERO);
        let [canary, baseline] = self.places(target);
        let mut canary = together(canary.to_string(), pools.iter().map(Pool::canary_place));
        if set.iter().any(|share| share.distance(most(&set)) > MAX_LOSS_BASIS_POINTS) {
            // The largest one is what is reported. That others differ is said, too.
            let each = pools.iter().zip(&set).map(|(pool, share)| {
                format!("{} has {share}", self.at(pool.endpoint, format!("backend {}", pool.backend)))
            });
            let differ =
                format!("not everywhere the same share is set: {}", each.collect::<Vec<_>>().join("; "));
            canary.trouble = Some(canary.trouble.map_or(differ.clone(), |said| format!("{said}, {differ}")));
        }
        let detail = pools.iter().map(|pool| self.at(pool.endpoint, pool)).collect::<Vec<_>>().join("; ");
        Ok(Deployment::at(most(&effective))
            .with_set_share(most(&set))
            .with_canary(canary)
            .with_baseline(together(baseline.to_string(), pools.iter().map(Pool::baseline_place)))
            .with_detail(detail))
    }
}

fn failed(operation: &'static str, kind: PortErrorKind, detail: impl Into<String>) -> PortError {
    PortError::new(ADAPTER, operation, kind, detail)
}

fn list(weights: &[u32]) -> String {
    weights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn refuse(
    operation: &'static str,
    share: TrafficShare,
    place: &str,
    others: u32,
    problem: Unrepresentable,
) -> PortError {
    let possible = match problem {
        Unrepresentable::TooSmall(smallest) => format!("the smallest is {smallest}"),
        Unrepresentable::TooFar(nearest) => format!("the nearest below is {nearest}"),
    };
    let because = if others > 0 {
        format!(" while other servers of the backend hold a weight of {others}")
    } else {
        String::new()
    };
    let detail = format!("{place}: {share} can't be set with weights from 0 to 256{because}: {possible}");
    failed(operation, PortErrorKind::Rejected, detail)
}

/// As much of an answer as an error can carry: a first line tells what is wrong.
fn start_of(answer: &str) -> String {
    answer.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use relman_core::plan::Artifact;

    use super::*;

    #[test]
    fn a_person_can_take_the_traffic_off_with_socat() {
        let target = Target::new(
            "checkout-241".parse().unwrap(),
            "checkout".parse().unwrap(),
            Artifact { name: "checkout".parse().unwrap(), version: "2.41.0".parse().unwrap(), digest: None },
            "2.40.3",
        );
        let lines = "echo 'set server app/stable weight 100; set server app/canary weight 0' | socat stdio";
        for (endpoint, address) in [
            (Endpoint::Socket("/run/haproxy.sock".into()), "UNIX-CONNECT:/run/haproxy.sock"),
            (Endpoint::Socket("/run/my proxy.sock".into()), "UNIX-CONNECT:'/run/my proxy.sock'"),
            (Endpoint::Address("127.0.0.1:9999".parse().unwrap()), "TCP:127.0.0.1:9999"),
            (Endpoint::Address("[::1]:9999".parse().unwrap()), "TCP6:[::1]:9999"),
        ] {
            let haproxy = Haproxy::new(HaproxyConfig::new(endpoint, "app", "canary", "stable").unwrap());
            assert_eq!(haproxy.by_hand(&target), Some(format!("{lines} {address}")));
        }
    }
}
