//! How people are told: implementations of [`Notifier`](relman_core::port::Notifier).
//!
//! A notifier delivers whatever it is given to one place; [`Channels`] decides which notifier serves which channel of
//! a communication plan.

mod log;
mod router;
#[cfg(feature = "slack")]
mod slack;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(any(feature = "slack", feature = "webhook"))]
pub use crate::retry::RetryPolicy;
pub use log::LogNotifier;
pub use router::Channels;
#[cfg(any(feature = "slack", feature = "webhook"))]
pub use router::NotifierError;
#[cfg(feature = "slack")]
pub use slack::{Mention, Slack, SlackBuilder, SlackConfig};
#[cfg(feature = "webhook")]
pub use webhook::{Webhook, WebhookBuilder, WebhookConfig};
