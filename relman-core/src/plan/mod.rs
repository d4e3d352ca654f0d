//! What is to be released: scope, risk, rollback contract, communication plan and track.

mod communication;
mod contract;
mod criterion;
#[expect(clippy::module_inception, reason = "the type that the module is named after")]
mod plan;
mod scope;

pub use communication::{CommunicationPlan, Notice, NotifyOn};
pub(crate) use contract::COMPLAINTS;
pub use contract::{ContractError, RollbackContract, WayBack};
pub use criterion::{Comparator, Criterion, CriterionError, Quantity, Threshold, Unit};
pub(crate) use plan::PlanDocument;
pub use plan::{Plan, PlanBuilder, PlanError, PlanFileError, ReleaseKind};
pub use scope::{Artifact, Audience, PerformanceImpact, RiskAssessment, RiskLevel, RiskReason, Scope};
