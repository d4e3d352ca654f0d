#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    plan::Artifact,
    port::{Deployer, Environment, Target},
    unit::TrafficShare,
};

use crate::conformance::{Able, Unable};

/// A deployer to be checked, before a platform on which nothing has any traffic yet, and what can be done to that
/// platform past the deployer.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait DeployerFixture: Send + Sync {
    /// The deployer.
    fn deployer(&self) -> &dyn Deployer;

    /// What is deployed; `checkout` 2.41.0 in place of 2.40.3, unless the platform knows another service.
    fn target(&self) -> Target {
        sample_target()
    }

    /// Where this deployer installs; one that leaves staging to others says so here.
    fn environments(&self) -> Vec<Environment> {
        vec![Environment::Staging, Environment::Production]
    }

    /// The secrets that the deployer was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Whether the target is installed in an environment, as the platform has it.
    async fn installed(&self, environment: Environment) -> Able<bool> {
        let _ = environment;
        Err(Unable::unmentioned("look for what is installed"))
    }

    /// The share of the traffic that the platform routes to the canary.
    async fn routed(&self) -> Able<TrafficShare> {
        Err(Unable::unmentioned("look at the traffic past the deployer"))
    }

    /// How many changes of any kind the platform has made so far.
    async fn changes(&self) -> Able<u64> {
        Err(Unable::unmentioned("count the changes on the platform"))
    }

    /// Has somebody else route this share to the canary.
    async fn meddle(&self, share: TrafficShare) -> Able<()> {
        let _ = share;
        Err(Unable::unmentioned("change the traffic past the deployer"))
    }

    /// Has the platform make the next change and lose the answer.
    async fn lose_next_answer(&self) -> Able<()> {
        Err(Unable::unmentioned("lose an answer of the platform"))
    }

    /// Cuts the deployer off from its platform: nothing that it asks from now on is done or answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the deployer off from its platform"))
    }
}

/// `checkout` 2.41.0 in place of 2.40.3.
fn sample_target() -> Target {
    let text = |text: &str| text.parse().expect("a constant text");
    Target {
        release: "checkout-241".parse().expect("a constant name"),
        service: "checkout".parse().expect("a constant name"),
        artifact: Artifact { name: text("checkout"), version: text("2.41.0"), digest: None },
        baseline_version: "2.40.3".to_owned(),
    }
}
