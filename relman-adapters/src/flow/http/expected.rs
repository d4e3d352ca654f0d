use std::{collections::BTreeMap, fmt};

use relman_core::unit::Span;
use serde_json::Value;

use super::{HttpFlowConfig, Statuses};

/// How many characters of a value are quoted: enough for a state or a version.
const QUOTED_CHARS: usize = 60;

/// What an answer has to be.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    status: Statuses,
    within: Span,
    contains: Option<String>,
    json: BTreeMap<String, Value>,
}

impl Expected {
    pub(super) fn of(config: &HttpFlowConfig) -> Self {
        Self {
            status: config.status.clone(),
            within: config.within.unwrap_or(config.timeout),
            contains: config.contains.clone(),
            json: config.json.clone(),
        }
    }

    /// What is wrong with an answer; nothing where it is right. Of the body, it quotes what was asked for and nothing
    /// else: the rest may be a customer's.
    pub(super) fn wrongs(&self, status: u16, latency: Span, body: &[u8]) -> Vec<String> {
        let mut wrongs = Vec::new();
        if !self.status.contain(status) {
            wrongs.push(format!("status {status}"));
        }
        if latency > self.within {
            wrongs.push(format!("an answer after {latency}"));
        }
        // An error page does not hold what the page holds; that it is one says enough.
        if !wrongs.is_empty() {
            return wrongs;
        }
        let holds = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
        if self.contains.as_deref().is_some_and(|text| !holds(text)) {
            wrongs.push(format!("a body of {} bytes without that text", body.len()));
        }
        if !self.json.is_empty() {
            let wrong = |found: &Value, pointer: &str, value: &Value| match found.pointer(pointer) {
                Some(found) if found == value => None,
                Some(found) => Some(format!("{pointer} = {}", quoted(found))),
                None => Some(format!("nothing at {pointer}")),
            };
            match serde_json::from_slice::<Value>(body) {
                Ok(found) => {
                    wrongs.extend(self.json.iter().filter_map(|(at, value)| wrong(&found, at, value)));
                }
                Err(_) => wrongs.push(format!("a body of {} bytes that is not JSON", body.len())),
            }
        }
        wrongs
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {} within {}", self.status, self.within)?;
        if let Some(text) = &self.contains {
            write!(f, ", a body with {}", quoted(&Value::from(text.as_str())))?;
        }
        for (pointer, value) in &self.json {
            write!(f, ", {pointer} = {}", quoted(value))?;
        }
        Ok(())
    }
}

/// A value as JSON, cut. What is nested is not shown: it may hold what nobody asked about.
fn quoted(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    };
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(contains: Option<&str>, json: &[(&str, Value)], body: &str) -> Vec<String> {
        let json = json.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect();
        let contains = contains.map(str::to_owned);
        let config = HttpFlowConfig { contains, json, ..HttpFlowConfig::new("https://example.org") };
        Expected::of(&config).wrongs(200, Span::from_millis(5), body.as_bytes())
    }

    #[test]
    fn a_body_is_looked_at_as_text_and_as_json() {
        let open = [("/state", Value::from("open"))];
        assert_eq!(wrongs(Some("open"), &open, r#"{"state":"open"}"#), [""; 0]);
        assert_eq!(wrongs(Some("basket"), &[], "a page"), ["a body of 6 bytes without that text"]);
        assert_eq!(wrongs(None, &open, r#"{"state":"shut"}"#), ["/state = \"shut\""]);
        assert_eq!(wrongs(None, &open, r#"{"state":{"a":1}}"#), ["/state = an object"]);
        assert_eq!(wrongs(None, &open, "[]"), ["nothing at /state"]);
        assert_eq!(wrongs(None, &open, "<html>"), ["a body of 6 bytes that is not JSON"]);
        assert_eq!(wrongs(None, &[("", Value::from(7))], "7"), [""; 0]);
    }

    #[test]
    fn a_wrong_status_says_enough() {
        let config =
            HttpFlowConfig { contains: Some("x".to_owned()), ..HttpFlowConfig::new("https://example.org") };
        let wrongs = Expected::of(&config).wrongs(500, Span::from_secs(11), b"");
        assert_eq!(wrongs, ["status 500", "an answer after 11s"]);
    }
}
