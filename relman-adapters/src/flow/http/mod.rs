mod adapter;
mod config;
mod expected;
mod status;

pub use adapter::HttpFlow;
pub use config::{FlowMethod, FlowRedirects, HttpFlowConfig, HttpFlowError};
pub use status::{StatusRange, Statuses, StatusesError};
