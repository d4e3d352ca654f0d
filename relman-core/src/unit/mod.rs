//! The values everything else is made of: identifiers, time, shares and exact numbers.
//!
//! Each is parsed once, into a type that can't hold a wrong value; see [`UnitError`]
//! for what parsing refuses.

mod actor;
pub(crate) mod as_text;
pub(crate) mod file;
mod id;
mod number;
mod share;
mod stream;
mod text;
mod time;

pub use actor::{Actor, ActorKind};
pub use as_text::UnitError;
pub(crate) use as_text::{schema_as_text, serde_as_text};
pub use id::{Channel, CheckName, FlowName, MetricName, ReleaseId, Role, ServiceName, Tag, TrackName};
pub use number::{Decimal, Finite, Ratio};
pub use share::TrafficShare;
pub use stream::{StreamId, TargetName};
pub use text::Text;
pub use time::{Span, Timestamp, Window};
