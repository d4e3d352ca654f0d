use relman_core::unit::Span;
use serde::{Deserialize, Deserializer, de::Error};

/// Reads a span as people write it in a file: `10s`, `1m 30s`.
pub(crate) fn span_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
