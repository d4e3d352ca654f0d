//! The values everything else is made of: identifiers, time, shares and exact numbers.
//!
//! Each is parsed once, into a type that can't hold a wrong value; see [`UnitError`]
//! for what parsing refuses.

mod actor;
pub(crate) mod as_text;
mod decimal;
mod error;
mod finite;
mod id;
mod ratio;
mod share;
mod span;
mod text;
mod time;

pub use actor::{Actor, ActorKind};
pub use decimal::Decimal;
pub use error::UnitError;
pub(crate) use error::{schema_as_text, serde_as_text};
pub use finite::Finite;
pub use id::{Channel, CheckName, FlowName, MetricName, ReleaseId, Role, ServiceName, Tag, TrackName};
pub use ratio::Ratio;
pub use share::TrafficShare;
pub use span::Span;
pub use text::Text;
pub use time::{Timestamp, Window};
