//! Measurements from Prometheus, or whatever speaks its HTTP API (Thanos, Mimir, VictoriaMetrics).
//!
//! Each metric has one or two queries in PromQL, in which these names are replaced before they are sent:
//!
//! | name | becomes | may stand |
//! | --- | --- | --- |
//! | `{{window}}` | the length of the window: `60s`, `1500ms` | outside of strings |
//! | `{{arm}}` | `canary` or `baseline` | in a string |
//! | `{{version}}` | the version of that arm | in a string |
//! | `{{service}}` | the service | in a string |
//! | `{{release}}` | the release | in a string |
//!
//! A name in a string is escaped for it, and for a regular expression too behind `=~` and `!~`, so that version
//! `2.41.0` doesn't match `2x41x0`. Every query has `{{arm}}` or `{{version}}`: one without would compare an arm
//! with itself. The exception is a gauge or a count of events with `scope = "shared"`, which belongs to no arm; the
//! baseline of such a metric has no data, so that nothing can be compared with it.
//!
//! # Unmeasured is not zero
//!
//! - An empty result is [`NoData`](relman_core::judge::Answer::NoData), also when only one of two queries is empty.
//!   A service that exports its error counter from the start, at zero, is measured from the start. For one that
//!   exports it with the first error only, write the errors as
//!   `sum(increase(errors_total{…}[{{window}}])) or 0 * sum(increase(requests_total{…}[{{window}}]))`: no errors
//!   where there are requests, and still nothing where there is nothing. `… or vector(0)` works too, and turns a
//!   label that is misspelt in the first part into a clean result for ever.
//! - `increase` is extrapolated to the ends of the window and so is a fraction; it is rounded to the nearest
//!   integer. The parts of a pair are rounded apart, so errors are capped at requests.
//!
//! # Look less often than you scrape
//!
//! A look asks about the time since the last one, and `increase` needs two samples in it. A track that looks every
//! 1 s on scrapes of 1 s is held for missing data for good; with `look_every` at four times the scrape interval or
//! more, there is always something to see.
//!
//! # Stale is not fresh
//!
//! `increase` over a window still answers when a version stopped half a window ago, and an instant query stamps its
//! answer with the time it was asked for. So every metric has a `freshness` query, its own or the source's, whose
//! one value is the time of the newest sample, in seconds:
//!
//! ```text
//! max(max_over_time(timestamp(http_requests_total{version="{{version}}"})[{{window}}:5s]))
//! ```
//!
//! `timestamp` gives the time of the sample itself, the subquery looks back past the moment at which Prometheus
//! marks a vanished series as gone, and the steps of `5s` should be no longer than the scrape interval. Where the
//! newest sample is older than the end of the window by more than `stale_after` (one minute unless said otherwise:
//! four scrapes of 15 seconds or two of 30), the answer is [`Stale`](relman_core::judge::Answer::Stale); where there
//! is none, `NoData`.
//!
//! # Examples
//!
//! ```
//! use relman_adapters::metrics::prometheus::{Prometheus, PrometheusMetric};
//! use relman_core::port::MetricsSource;
//!
//! let source = Prometheus::builder("http://localhost:9090")
//!     .freshness(r#"max(max_over_time(timestamp(http_requests_total{version="{{version}}"})[{{window}}:5s]))"#)
//!     .metric(
//!         "error_rate".parse()?,
//!         PrometheusMetric::counts(
//!             r#"sum(increase(http_requests_total{version="{{version}}"}[{{window}}]))"#,
//!             r#"sum(increase(http_requests_total{version="{{version}}",code=~"5.."}[{{window}}]))"#,
//!         ),
//!     )
//!     .build()?;
//! assert!(source.knows(&"error_rate".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod config;
mod measure;
mod plan;
mod source;
mod template;

pub use config::{GaugeUnit, HistogramUnit, PrometheusConfig, PrometheusMetric, Scope};
pub use plan::PrometheusError;
pub use source::{Prometheus, PrometheusBuilder};
pub use template::TemplateError;

#[cfg(test)]
mod tests;
