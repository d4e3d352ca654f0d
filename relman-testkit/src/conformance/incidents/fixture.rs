#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    port::IncidentSource,
    unit::{ServiceName, Timestamp},
};

use crate::conformance::{Able, Unable};

/// A source of incidents to be checked, and a service of which nothing fires at first.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait IncidentFixture: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn IncidentSource;

    /// A service of which nothing fires as long as the fixture makes nothing fire.
    fn service(&self) -> ServiceName;

    /// What time it is for the source.
    fn now(&self) -> Timestamp;

    /// The secrets that the source was given, as texts that no error may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// Makes an incident of a service fire from a moment on, past the adapter; returns when the source can know of it.
    /// The name tells two of them apart, and says later which one is to end.
    async fn fire(&self, service: &ServiceName, name: &str, from: Timestamp) -> Able<()> {
        let _ = (service, name, from);
        Err(Unable::unmentioned("make an incident fire"))
    }

    /// Ends an incident that fires, past the adapter; returns when the source can know of it.
    async fn end(&self, service: &ServiceName, name: &str) -> Able<()> {
        let _ = (service, name);
        Err(Unable::unmentioned("end an incident"))
    }

    /// Cuts the adapter off: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the adapter off"))
    }
}
