use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

/// What the query API sends, with success and with failure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    status: Status,
    data: Option<Data>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    /// Of VictoriaMetrics: some of its stores did not answer.
    #[serde(default)]
    is_partial: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Success,
    Error,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "snake_case")]
enum Data {
    Vector(Vec<Series>),
    Scalar((f64, String)),
    Matrix(IgnoredAny),
    String(IgnoredAny),
}

/// One element of an instant vector.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    pub(super) metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
}

impl Series {
    /// The value as it is written; none in a native histogram.
    pub(super) fn written(&self) -> Option<&str> {
        self.value.as_ref().map(|(_, written)| written.as_str())
    }
}

/// The error in an answer, if it is one: `bad_data: parse error at …`.
pub(super) fn error_in(body: &[u8]) -> Option<String> {
    let response: Response = serde_json::from_slice(body).ok()?;
    (response.status == Status::Error).then(|| format!("{}: {}", response.error_type, response.error))
}

/// The series of a successful answer, and its warnings. A scalar is one series without labels.
pub(super) fn series_in(body: &[u8]) -> Result<(Vec<Series>, Vec<String>), String> {
    let response: Response = serde_json::from_slice(body)
        .map_err(|error| format!("its answer is not what the query API sends: {error}"))?;
    if response.status == Status::Error {
        return Err(format!("it answers with an error: {}: {}", response.error_type, response.error));
    }
    if response.is_partial {
        return Err("its answer is partial: some of its stores did not answer".to_owned());
    }
    let wrong_type = |found: &str| Err(format!("its answer is a {found}: one value at one time is needed"));
    let series = match response.data {
        Some(Data::Vector(series)) => series,
        Some(Data::Scalar(value)) => vec![Series { value: Some(value), ..Series::default() }],
        Some(Data::Matrix(_)) => return wrong_type("range vector"),
        Some(Data::String(_)) => return wrong_type("string"),
        None => return Err("its answer has no data".to_owned()),
    };
    Ok((series, response.warnings))
}
