use std::cmp::Ordering;

use async_trait::async_trait;
use relman_core::{
    port::{
        DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, PortError, PortErrorKind,
        Retry, Target, TrafficRequest,
    },
    unit::TrafficShare,
};
use tokio::sync::Mutex;

use super::{
    Endpoint, HaproxyConfig,
    runtime::{ADAPTER, ask},
    stat,
    state::{Backend, Servers},
    weights::{Change, MAX_LOSS_BASIS_POINTS, READABLE_TOTAL, Unrepresentable, Weights},
};

/// Routes traffic by the weights of two HAProxy servers.
///
/// - Weights that are as wished already are left alone: nothing is sent.
/// - A change is read back and compared, because HAProxy's answers carry no status.
/// - More traffic goes only to a canary that is up and has passed its last health check, and only where the
///   baseline is there to take the rest. Less traffic is a matter of weights alone: nothing stands in its way.
/// - A share that weights from 0 to 256 can't give is set to the nearest one below, up to 0.1 % away, or refused.
/// - The baseline's weight is lowered only where the share can't be had otherwise (from about three quarters on):
///   after that HAProxy gives the canary more than its share for some hundred requests. Otherwise it does not.
/// - Between two commands the canary never has more than before or after, and some server always has weight.
/// - Going to 0 % is done whatever the state of the baseline. Where it is down, requests are answered with 503
///   then: a version that was found to be bad is not what they go to instead.
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
    /// a state that the other one ends.
    changing: Mutex<()>,
}

impl Haproxy {
    /// A deployer for this HAProxy. It connects for each exchange anew, so this can't fail.
    pub fn new(config: HaproxyConfig) -> Self {
        Self { config, changing: Mutex::new(()) }
    }

    async fn servers(&self, operation: &'static str) -> Result<Servers, PortError> {
        let HaproxyConfig { endpoint, backend, time_limit, .. } = &self.config;
        let answer = ask(endpoint, *time_limit, operation, &format!("show servers state {backend}")).await?;
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
        let answer = ask(endpoint, *time_limit, operation, &format!("show stat {backend} 4 -1")).await?;
        let stats = stat::parse(&answer, backend).map_err(|problem| unreadable("show stat", problem))?;
        Ok(servers.with_stats(&stats))
    }

    fn backend<'a>(&self, servers: &'a Servers, operation: &'static str) -> Result<Backend<'a>, PortError> {
        let HaproxyConfig { backend, canary, baseline, .. } = &self.config;
        let named = |role, name: &str| {
            servers.named(name).ok_or_else(|| {
                let detail = format!(
                    "there is no server {name} in the backend {backend} for the {role}; its servers: {}",
                    servers.names()
                );
                failed(operation, PortErrorKind::Rejected, detail)
            })
        };
        Ok(Backend { servers, canary: named("canary", canary)?, baseline: named("baseline", baseline)? })
    }

    /// Sets one weight. HAProxy answers an empty line where it has done so.
    async fn change(&self, operation: &'static str, change: Change) -> Result<(), PortError> {
        let HaproxyConfig { endpoint, backend, canary, baseline, time_limit } = &self.config;
        let (server, weight) = match change {
            Change::Canary(weight) => (canary, weight),
            Change::Baseline(weight) => (baseline, weight),
        };
        let line = format!("set server {backend}/{server} weight {weight}");
        let answer = ask(endpoint, *time_limit, operation, &line).await?;
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(());
        }
        let kind = if answer.to_lowercase().contains("permission denied") {
            PortErrorKind::Unauthorized
        } else {
            PortErrorKind::Rejected
        };
        Err(failed(operation, kind, format!("HAProxy answered {:?} to `{line}`", start_of(answer))))
    }

    /// Checks that a canary may be given the wished weights, where these are more than it has.
    fn allow_more(
        &self,
        backend: &Backend<'_>,
        wanted: Weights,
        share: TrafficShare,
    ) -> Result<(), PortError> {
        let refuse = |detail| Err(failed(SET_TRAFFIC, PortErrorKind::Unavailable, detail));
        if !backend.canary.is_ready() {
            return refuse(format!(
                "the canary's server {} is {}: it gets more traffic once it is up and has passed a health check",
                self.config.canary,
                backend.canary.state()
            ));
        }
        let effective = backend.effective(wanted).share(backend.others_in_use());
        if effective > share {
            return refuse(exceeded(backend, effective, share));
        }
        Ok(())
    }
}

const DEPLOY: &str = "deploy";
const SET_TRAFFIC: &str = "set traffic";
const OBSERVE: &str = "observe the traffic";

#[async_trait]
impl Deployer for Haproxy {
    fn name(&self) -> &'static str {
        ADAPTER
    }

    fn capabilities(&self) -> DeployerCapabilities {
        let share_tolerance =
            TrafficShare::try_from(MAX_LOSS_BASIS_POINTS).expect("ten basis points are a share");
        DeployerCapabilities::new().with_share_tolerance(share_tolerance)
    }

    /// Installs nothing: succeeds once the canary's server is up and has passed a health check.
    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        if request.environment == Environment::Staging {
            let detail = "HAProxy routes traffic and installs nothing: join it with a deployer that installs \
                (SplitDeployer), which then serves staging";
            return Err(failed(DEPLOY, PortErrorKind::Rejected, detail));
        }
        let servers = self.servers(DEPLOY).await?;
        let Some(canary) = servers.named(&self.config.canary) else {
            // Where something else installs the server, it may be about to be added.
            let detail = format!(
                "there is no server {} in the backend {} yet; its servers: {}",
                self.config.canary,
                self.config.backend,
                servers.names()
            );
            return Err(failed(DEPLOY, PortErrorKind::Unavailable, detail).with_retry(Retry::Yes));
        };
        if !canary.is_ready() {
            let detail = format!("the canary's server {} is {}", self.config.canary, canary.state());
            return Err(failed(DEPLOY, PortErrorKind::Unavailable, detail).with_retry(Retry::Yes));
        }
        Ok(())
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        let share = request.share;
        let _changing = self.changing.lock().await;
        let servers = self.servers(SET_TRAFFIC).await?;
        let before = self.backend(&servers, SET_TRAFFIC)?;
        let (now, others) = (before.weights(), before.weight_of_others());
        let wanted =
            Weights::for_share(share, now, others).map_err(|problem| refuse(share, others, problem))?;
        if now.total(others) > 0 && now.compare_share(wanted, others) == Ordering::Equal {
            return not_exceeded(&before, share);
        }
        if now.compare_share(wanted, others) == Ordering::Less {
            self.allow_more(&before, wanted, share)?;
        }
        for change in now.changes_to(wanted) {
            // One exchange for each: in a line of two, HAProxy performs the second although the first has failed.
            self.change(SET_TRAFFIC, change).await?;
        }
        let servers = self.servers(SET_TRAFFIC).await?;
        let after = self.backend(&servers, SET_TRAFFIC)?;
        if after.weights() != wanted {
            let detail = format!(
                "the weights read back are {} for the canary and {} for the baseline, not the {} and {} that were \
                 set: something else changes them as well",
                after.canary.weight, after.baseline.weight, wanted.canary, wanted.baseline
            );
            return Err(failed(SET_TRAFFIC, PortErrorKind::InvalidAnswer, detail).with_retry(Retry::Yes));
        }
        not_exceeded(&after, share)
    }

    /// One line for `socat`: the baseline gets weight before the canary loses its own, so that at no moment nobody has
    /// any.
    fn by_hand(&self, _: &Target) -> Option<String> {
        let HaproxyConfig { endpoint, backend, canary, baseline, .. } = &self.config;
        let address = match endpoint {
            Endpoint::Socket(path) => {
                format!("UNIX-CONNECT:{}", shlex::try_quote(&path.display().to_string()).ok()?)
            }
            Endpoint::Address(address) if address.is_ipv6() => format!("TCP6:{address}"),
            Endpoint::Address(address) => format!("TCP:{address}"),
        };
        Some(format!(
            "echo 'set server {backend}/{baseline} weight {READABLE_TOTAL}; set server {backend}/{canary} weight 0' \
             | socat stdio {address}"
        ))
    }

    async fn observe(&self, _: &Target) -> Result<Deployment, PortError> {
        let servers = self.servers(OBSERVE).await?;
        let backend = self.backend(&servers, OBSERVE)?;
        Ok(Deployment::at(backend.counting().share(backend.others_counting()))
            .with_set_share(backend.weights().share(backend.weight_of_others()))
            .with_canary(backend.canary_place())
            .with_baseline(backend.baseline_place())
            .with_detail(format!("backend {}: {backend}", self.config.backend)))
    }
}

fn failed(operation: &'static str, kind: PortErrorKind, detail: impl Into<String>) -> PortError {
    PortError::new(ADAPTER, operation, kind, detail)
}

/// Weights that are right still give the canary too much where the baseline takes no requests.
fn not_exceeded(backend: &Backend<'_>, share: TrafficShare) -> Result<(), PortError> {
    let effective = backend.effective(backend.weights()).share(backend.others_in_use());
    if effective > share {
        return Err(failed(SET_TRAFFIC, PortErrorKind::Unavailable, exceeded(backend, effective, share)));
    }
    Ok(())
}

fn exceeded(backend: &Backend<'_>, effective: TrafficShare, share: TrafficShare) -> String {
    format!(
        "of the baseline's servers {}, so the canary gets {effective} of the traffic with the weights for {share}",
        backend.missing().join(" and ")
    )
}

fn refuse(share: TrafficShare, others: u32, problem: Unrepresentable) -> PortError {
    let possible = match problem {
        Unrepresentable::TooSmall(smallest) => format!("the smallest is {smallest}"),
        Unrepresentable::TooFar(nearest) => format!("the nearest below is {nearest}"),
    };
    let because = if others > 0 {
        format!(" while other servers of the backend hold a weight of {others}")
    } else {
        String::new()
    };
    let detail = format!("{share} can't be set with weights from 0 to 256{because}: {possible}");
    failed(SET_TRAFFIC, PortErrorKind::Rejected, detail)
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
