//! How templates show numbers, moments and records.

use std::borrow::Cow;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, value::Value};
use serde::{Deserialize, de::DeserializeOwned};

use super::escape;
use crate::{
    judge::{Verdict, significant},
    report::facts::time,
    unit::{Span, Timestamp, TrafficShare},
};

/// The name of the escaping, which every template has.
const MARKDOWN: AutoEscape = AutoEscape::Custom(Cow::Borrowed("markdown"));

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.set_auto_escape_callback(|_| MARKDOWN);
    environment.set_formatter(print);
    environment.add_filter("duration", |ms: u64| Span::from_millis(ms).to_string());
    environment.add_filter("share", share);
    environment.add_filter("percent", |ratio: f64| format!("{}%", significant(ratio * 100.0)));
    environment.add_filter("number", |number: f64| significant(number));
    environment.add_filter("time", |at: &Value| read::<Timestamp>(at, "a moment").map(time));
    environment.add_filter("mark", mark);
    environment.add_filter("record", |seq: u64| Value::from_safe_string(record(seq)));
    environment.add_filter("records", |seqs: Vec<u64>| {
        let seqs: Vec<String> = seqs.into_iter().map(record).collect();
        Value::from_safe_string(seqs.join(", "))
    });
    environment.add_filter("verdict", |value: &Value| {
        read::<Verdict>(value, "a verdict").map(|verdict| verdict.to_string())
    });
    environment.add_filter("words", |name: String| name.replace(['_', '-'], " "));
    environment.add_filter("quote", |text: String| Value::from_safe_string(escape::quote(&text)));
}

/// Prints a value: escaped, unless a filter has made Markdown of it.
fn print(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written = if value.is_undefined() {
        // An `if` without `else`; whatever else is missing was refused before.
        Ok(())
    } else if value.is_none() {
        out.write_str("none")
    } else if value.is_safe() {
        out.write_str(&value.to_string())
    } else {
        out.write_str(&escape::line(&value.to_string()))
    };
    written.map_err(|_| Error::from(ErrorKind::WriteFailure))
}

fn share(basis_points: u64) -> Result<String, Error> {
    let share = u16::try_from(basis_points).ok().and_then(|share| TrafficShare::try_from(share).ok());
    share.map(|share| share.to_string()).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("{basis_points} is not a share in basis points, 0 to 10000"),
        )
    })
}

/// A moment with its record.
fn mark(value: &Value) -> Result<Value, Error> {
    #[derive(Deserialize)]
    struct Marked {
        at: Timestamp,
        record: u64,
    }
    let marked: Marked = read(value, "a moment with its record")?;
    Ok(Value::from_safe_string(format!("{} {}", time(marked.at), record(marked.record))))
}

/// As a code span, which a forge does not take for the number of an issue.
fn record(seq: u64) -> String {
    format!("`#{seq}`")
}

/// What a value of a template is in the words of the core.
fn read<T: DeserializeOwned>(value: &Value, what: &str) -> Result<T, Error> {
    serde_json::to_value(value).and_then(serde_json::from_value).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, format!("the value is not {what}")).with_source(error)
    })
}
