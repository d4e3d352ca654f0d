use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use relman_core::{port::Incident, unit::Timestamp};
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::warn;

use super::{
    message::{List, Message},
    source::IncidentWebhook,
    store::Outcome,
};

/// A message is a few kilobytes; a list of all that fires has room for a few hundred of them.
const LARGEST_BODY: usize = 256 * 1_024;

impl IncidentWebhook {
    /// The router to which tools post; a host mounts it under a path of its own, behind TLS.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", post(take).put(replace))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.clone())
    }
}

async fn take(State(webhook): State<IncidentWebhook>, headers: HeaderMap, body: Bytes) -> Response {
    let message: Message = match proved(&webhook, &headers, &body) {
        Ok(message) => message,
        Err((status, problem)) => return said(status, &problem),
    };
    match message.incident() {
        Ok(incident) => {
            let now = webhook.0.clock.now();
            answer(webhook.0.store().take(incident, now))
        }
        Err(problem) => said(StatusCode::UNPROCESSABLE_ENTITY, &problem),
    }
}

async fn replace(State(webhook): State<IncidentWebhook>, headers: HeaderMap, body: Bytes) -> Response {
    let list: List = match proved(&webhook, &headers, &body) {
        Ok(list) => list,
        Err((status, problem)) => return said(status, &problem),
    };
    let mut firing: Vec<Incident> = Vec::with_capacity(list.incidents.len());
    for (place, message) in list.incidents.into_iter().enumerate() {
        match message.incident() {
            Ok(incident) if incident.ended_at.is_none() => firing.push(incident),
            Ok(_) => {
                let problem = format!("incidents[{place}]: it is resolved, and a list has only what fires");
                return said(StatusCode::UNPROCESSABLE_ENTITY, &problem);
            }
            Err(problem) => {
                return said(StatusCode::UNPROCESSABLE_ENTITY, &format!("incidents[{place}]: {problem}"));
            }
        }
    }
    let (at, now) = (Timestamp::from(list.at), webhook.0.clock.now());
    answer(webhook.0.store().replace(firing, at, now))
}

/// What is in a body, from a client that may post it.
fn proved<T: DeserializeOwned>(
    webhook: &IncidentWebhook,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, (StatusCode, String)> {
    if !webhook.0.is_proved(headers, body) {
        warn!("rejected an incident: its signature or token is missing or wrong");
        return Err((StatusCode::UNAUTHORIZED, "the signature or the token is missing or wrong".to_owned()));
    }
    serde_json::from_slice(body)
        .map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, format!("invalid body: {error}")))
}

fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Stored => json_of(StatusCode::OK, &json!({"outcome": "stored"})),
        Outcome::Unchanged => json_of(StatusCode::OK, &json!({"outcome": "unchanged"})),
        Outcome::TooOld => said(
            StatusCode::UNPROCESSABLE_ENTITY,
            "it began more than a day ago and is unknown, or its list is older than five minutes or from the future",
        ),
        Outcome::Full => said(StatusCode::SERVICE_UNAVAILABLE, "the store is full: send it again later"),
    }
}

fn said(status: StatusCode, problem: &str) -> Response {
    json_of(status, &json!({"error": problem}))
}

fn json_of(status: StatusCode, value: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
