#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    port::UserFlows,
    unit::{FlowName, ServiceName},
};

use crate::conformance::{Able, Unable};

/// User flows to be checked, and the service that they try: at first, each of them works.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait UserFlowsFixture: Send + Sync {
    /// The user flows.
    fn user_flows(&self) -> &dyn UserFlows;

    /// The service that they try.
    fn service(&self) -> ServiceName {
        "checkout".parse().expect("a constant name")
    }

    /// The secrets that the flows were given, as texts that neither a report nor an error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Breaks one flow of the service, and says which: it still answers, and wrongly.
    async fn break_one(&self) -> Able<FlowName> {
        Err(Unable::unmentioned("break a flow"))
    }

    /// Mends what [`break_one`](Self::break_one) has broken.
    async fn mend(&self) -> Able<()> {
        Err(Unable::unmentioned("mend a flow"))
    }

    /// From now on the service takes requests and never answers one.
    async fn hang(&self) -> Able<()> {
        Err(Unable::unmentioned("make the service hang"))
    }

    /// Completes after the two minutes that one check may take, by the timer of the runtime.
    async fn two_minutes(&self) -> Able<()> {
        Err(Unable::unmentioned("wait for two minutes"))
    }

    /// From now on nothing can be found out about any flow.
    async fn blind(&self) -> Able<()> {
        Err(Unable::unmentioned("keep the adapter from trying"))
    }

    /// Everything that users see and that checking must not change, in any form that can be compared.
    async fn seen_by_users(&self) -> Able<String> {
        Err(Unable::unmentioned("look at what users see"))
    }
}
