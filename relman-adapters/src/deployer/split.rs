use std::{fmt, sync::Arc};

use async_trait::async_trait;
use relman_core::port::{
    DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, Place, PortError, PortErrorKind,
    PromoteRequest, Promotion, Retry, Target, TrafficRequest, with_causes,
};
use relman_core::unit::TrafficShare;

/// A deployer made of two: one installs, the other routes traffic.
///
/// - `deploy` asks the one that installs. For production it then asks the one that routes as well, so that a
///   load balancer can say when the new server has passed its health check.
/// - `set_traffic`, `observe`, `reachable` and `by_hand` ask the one that routes, and its capabilities count.
/// - `promote` of a platform that replaces ([`Promotion::Replace`]) asks the one that installs to put the new version into the
///   stable place, and once that is done the one that routes to take all traffic back to it. Where places change roles, it asks the one
///   that routes.
/// - Which version is in which place is what the one that installs says, where it can
///   ([`tells_versions`](DeployerCapabilities::tells_versions)) and the one that routes can't. Where it does not answer, versions are
///   left out, and the detail says why: where the traffic is does not depend on it.
///
/// Errors come from the part that failed, under its own name.
#[derive(Clone)]
pub struct SplitDeployer {
    name: String,
    installs: Arc<dyn Deployer>,
    routes: Arc<dyn Deployer>,
}

impl SplitDeployer {
    /// Joins a deployer that installs and one that routes.
    pub fn new(installs: Arc<dyn Deployer>, routes: Arc<dyn Deployer>) -> Self {
        Self { name: format!("{}+{}", installs.name(), routes.name()), installs, routes }
    }

    /// Every stable instance takes requests, as far as can be told: nobody is sent to fewer than there were.
    async fn wait_for_the_stable_place(&self, target: &Target) -> Result<(), PortError> {
        let stable = self.routes.observe(target).await?.baseline;
        let Some((ready, of)) = stable.ready.filter(|(ready, of)| ready < of) else { return Ok(()) };
        let said = stable.trouble.map_or_else(String::new, |trouble| format!(" ({trouble})"));
        let detail = format!(
            "{ready} of {of} stable instances take requests{said}: users stay where they are until all of them do"
        );
        let name = self.routes.name();
        Err(PortError::new(name, "promote", PortErrorKind::Unavailable, detail).with_retry(Retry::Yes))
    }
}

impl fmt::Debug for SplitDeployer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplitDeployer")
            .field("installs", &self.installs.name())
            .field("routes", &self.routes.name())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Deployer for SplitDeployer {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> DeployerCapabilities {
        let mut capabilities = self.routes.capabilities();
        capabilities.tells_versions |= self.installs.capabilities().tells_versions;
        capabilities
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        self.installs.deploy(request).await?;
        match request.environment {
            Environment::Staging => Ok(()),
            Environment::Production => self.routes.deploy(request).await,
        }
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        self.routes.set_traffic(request).await
    }

    async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
        match self.routes.capabilities().promotion {
            Promotion::Swap => self.routes.promote(request).await,
            Promotion::Replace => {
                self.installs.promote(request).await?;
                self.wait_for_the_stable_place(&request.target).await?;
                // The stable place has the new version from here on: giving it all of the traffic exposes nobody to another.
                let PromoteRequest { target, key, generation, .. } = request.clone();
                let key = format!("{key}-traffic");
                let back = TrafficRequest::new(target, TrafficShare::ZERO, key).with_generation(generation);
                self.routes.set_traffic(&back).await
            }
        }
    }

    async fn reachable(&self, target: &Target, share: TrafficShare) -> Result<TrafficShare, PortError> {
        self.routes.reachable(target, share).await
    }

    fn by_hand(&self, target: &Target) -> Option<String> {
        self.routes.by_hand(target)
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        if self.routes.capabilities().tells_versions || !self.installs.capabilities().tells_versions {
            return self.routes.observe(target).await;
        }
        let (routed, installed) = tokio::join!(self.routes.observe(target), self.installs.observe(target));
        let mut found = routed?;
        match installed {
            Ok(installed) => {
                complete(&mut found.canary, installed.canary);
                complete(&mut found.baseline, installed.baseline);
            }
            Err(error) => {
                let unknown = format!("the versions are not known: {}", with_causes(&error));
                found.detail =
                    if found.detail.is_empty() { unknown } else { format!("{}; {unknown}", found.detail) };
            }
        }
        Ok(found)
    }
}

/// Adds the version to what is known of a place.
fn complete(place: &mut Place, installed: Place) {
    place.version = place.version.take().or(installed.version);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use relman_core::{
        plan::Artifact,
        unit::{ServiceName, TrafficShare},
    };

    use super::*;

    /// Writes down what it is asked, under its name, and refuses to install where it is told to.
    struct Scribe {
        name: &'static str,
        log: Arc<Mutex<Vec<String>>>,
        installs: Result<(), PortErrorKind>,
    }

    impl Scribe {
        fn note(&self, what: &str) {
            self.log.lock().unwrap().push(format!("{} {what}", self.name));
        }
    }

    #[async_trait]
    impl Deployer for Scribe {
        fn name(&self) -> &str {
            self.name
        }

        fn capabilities(&self) -> DeployerCapabilities {
            let share_tolerance = TrafficShare::percent(if self.name == "routes" { 1 } else { 2 });
            let capabilities = DeployerCapabilities::new()
                .with_share_tolerance(share_tolerance)
                .with_promotion(Promotion::Replace);
            if self.name == "installs" { capabilities.telling_versions() } else { capabilities }
        }

        async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
            self.note(&format!("promotes {}", request.target.artifact.version));
            self.installs.map_err(|kind| PortError::new(self.name, "promote", kind, "as told"))
        }

        async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
            self.note(&format!("deploys to {}", request.environment));
            self.installs.map_err(|kind| PortError::new(self.name, "deploy", kind, "as told"))
        }

        async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
            self.note(&format!("sets {}", request.share));
            Ok(())
        }

        fn by_hand(&self, target: &Target) -> Option<String> {
            Some(format!("{} --off {}", self.name, target.service))
        }

        async fn observe(&self, _: &Target) -> Result<Deployment, PortError> {
            self.note("observes");
            let place = || Place::new().with_version(format!("as {} says", self.name));
            let share = TrafficShare::ZERO;
            Ok(match self.name {
                "installs" => Deployment::at(TrafficShare::FULL).with_canary(place()).with_baseline(place()),
                _ => Deployment::at(share)
                    .with_canary(place().with_ready(1, 1))
                    .with_baseline(Place::new().with_ready(3, 3)),
            })
        }
    }

    fn target() -> Target {
        Target::new(
            "checkout-241".parse().unwrap(),
            "checkout".parse::<ServiceName>().unwrap(),
            Artifact { name: "checkout".parse().unwrap(), version: "2.41.0".parse().unwrap(), digest: None },
            "2.40.3",
        )
    }

    fn deploy_to(environment: Environment) -> DeployRequest {
        DeployRequest::new(target(), environment, "k")
    }

    fn split(installs: Result<(), PortErrorKind>) -> (SplitDeployer, Arc<Mutex<Vec<String>>>) {
        let log = Arc::default();
        let scribe = |name, installs| -> Arc<dyn Deployer> {
            Arc::new(Scribe { name, log: Arc::clone(&log), installs })
        };
        (SplitDeployer::new(scribe("installs", installs), scribe("routes", Ok(()))), Arc::clone(&log))
    }

    #[tokio::test]
    async fn each_part_is_asked_for_what_it_does() {
        let (split, log) = split(Ok(()));
        split.deploy(&deploy_to(Environment::Staging)).await.unwrap();
        split.deploy(&deploy_to(Environment::Production)).await.unwrap();
        let share = TrafficShare::percent(1);
        split.set_traffic(&TrafficRequest::new(target(), share, "k")).await.unwrap();
        let found = split.observe(&target()).await.unwrap();
        assert_eq!(found.canary_share, TrafficShare::ZERO);
        assert_eq!(found.canary.version.as_deref(), Some("as routes says"));
        assert_eq!(found.baseline.version.as_deref(), Some("as installs says"));
        split.promote(&PromoteRequest::new(target(), "k")).await.unwrap();
        let expected = [
            "installs deploys to staging",
            "installs deploys to production",
            "routes deploys to production",
            "routes sets 1%",
            "routes observes",
            "installs observes",
            "installs promotes 2.41.0",
            "routes observes",
            "routes sets 0%",
        ];
        assert_eq!(*log.lock().unwrap(), expected);
        assert_eq!(split.name(), "installs+routes");
        assert_eq!(split.by_hand(&target()).unwrap(), "routes --off checkout");
        assert_eq!(split.capabilities().share_tolerance, TrafficShare::percent(1));
    }

    #[tokio::test]
    async fn nothing_is_routed_to_what_could_not_be_installed() {
        let (split, log) = split(Err(PortErrorKind::Unavailable));
        let error = split.deploy(&deploy_to(Environment::Production)).await.unwrap_err();
        assert_eq!((error.adapter(), error.kind()), ("installs", PortErrorKind::Unavailable));
        assert_eq!(*log.lock().unwrap(), ["installs deploys to production"]);
        split.promote(&PromoteRequest::new(target(), "k")).await.unwrap_err();
        assert_eq!(log.lock().unwrap()[1..], ["installs promotes 2.41.0"]);
    }
}
