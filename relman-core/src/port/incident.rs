use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::unit::{ServiceName, Text, Timestamp, Window};

/// Where incidents come from: an alert manager, an on-call tool.
#[async_trait]
pub trait IncidentSource: Send + Sync {
    /// The name of the source, for records, errors and logs. With an incident's own id it names the incident in a
    /// release's record, so two sources of one conductor have different names, and a name never changes.
    fn name(&self) -> &str;

    /// The incidents of a service that fired at some time in a window, each once.
    ///
    /// - **Complete for the end of the window**: whatever fires at `window.until` is in the answer. An incident that
    ///   was in an earlier answer and not yet ended, and is missing in a later one, has ended in between.
    /// - **As far as known for the time before**: an incident that has ended in the window is in the answer, with its
    ///   end, if the source still knows it. A source that forgets what has ended leaves it out.
    /// - **In order**: by `started_at`, then by `id`.
    /// - **Of the service alone**: an incident of another service is left out, whatever the source groups it with.
    /// - **Reading changes nothing**: the same question at the same time gives the same answer.
    /// - **Not knowing is an error**: a source that can't be asked, or whose answer can't be read whole, never gives
    ///   an empty list or half of one. An empty list says that nothing fires.
    ///
    /// # Errors
    ///
    /// [`PortError`] where it is not known what fires.
    async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError>;
}

/// Something that goes wrong with a service, as a source of incidents describes it.
///
/// # Examples
///
/// ```
/// use relman_core::{port::Incident, unit::{Span, Timestamp, Window}};
///
/// let started_at: Timestamp = "2026-11-23T09:00:00.000Z".parse()?;
/// let (id, title) = ("7c1f".parse()?, "Payments are declined".parse()?);
/// let incident = Incident::new(id, title, "checkout".parse()?, started_at)
///     .with_severity("critical".parse()?)
///     .with_end(started_at + Span::from_minutes(5));
/// let later = Window { from: started_at + Span::from_minutes(4), until: started_at + Span::from_minutes(9) };
/// assert!(incident.fires_in(later));
/// assert!(!incident.fires_in(Window { from: later.until, until: later.until + Span::from_minutes(1) }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Incident {
    /// Which one it is: the source gives no two incidents that fire at the same time the same id, and one incident the
    /// same id in every answer. What fires anew after its end may have its id again.
    pub id: Text,
    /// What goes wrong, in a few words.
    pub title: Text,
    /// How bad it is, in the source's own words; none where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Text>,
    /// The service.
    pub service: ServiceName,
    /// When it began, by the source's clock.
    pub started_at: Timestamp,
    /// When it ended, by the source's clock and never before it began; it fires, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Where people read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text>,
}

impl Incident {
    /// Describes an incident of a service that has been firing since `started_at`, with no severity and no link.
    pub fn new(id: Text, title: Text, service: ServiceName, started_at: Timestamp) -> Self {
        Self { id, title, severity: None, service, started_at, ended_at: None, url: None }
    }

    /// Sets how bad it is, in the source's own words.
    #[must_use]
    pub fn with_severity(mut self, severity: Text) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets when it ended, which is never before it began.
    #[must_use]
    pub fn with_end(mut self, ended_at: Timestamp) -> Self {
        self.ended_at = Some(ended_at);
        self
    }

    /// Sets where people read about it.
    #[must_use]
    pub fn with_url(mut self, url: Text) -> Self {
        self.url = Some(url);
        self
    }

    /// Whether it fired at some time in a window: it had begun when the window ended, and had not ended before the
    /// window began.
    pub fn fires_in(&self, window: Window) -> bool {
        self.started_at <= window.until && self.ended_at.is_none_or(|ended| ended > window.from)
    }
}
