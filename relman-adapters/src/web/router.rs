use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware, routing::get};

use super::{
    act, asset, file, front::Front, live, overview, policy, problem::Problem, storyboard, validation,
    visit::Visit,
};

/// The largest form: four texts of 4,000 characters, each of which may take twelve bytes on the way.
const LARGEST_FORM: usize = 256 * 1_024;

pub(super) fn router(front: Front) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .route("/events", get(live::of_overview))
        .route("/style.css", get(asset::style))
        .route("/live.js", get(asset::script))
        .route("/icon.svg", get(asset::icon))
        .route("/releases/{release}", get(storyboard::storyboard))
        .route("/releases/{release}/storyboard.html", get(file::download))
        .route("/releases/{release}/validation", get(validation::dashboard))
        .route("/releases/{release}/looks/{step}", get(storyboard::looks))
        .route("/releases/{release}/artifacts/{name}", get(storyboard::artifact))
        .route("/releases/{release}/records/{seq}", get(storyboard::record))
        .route("/releases/{release}/record.jsonl", get(storyboard::record_file))
        .route("/releases/{release}/package.zip", get(storyboard::package_file))
        .route("/releases/{release}/events", get(live::of_release))
        .route("/releases/{release}/act/{action}", get(act::ask).post(act::act))
        .fallback(nothing_there)
        .layer(middleware::map_response(policy::with_headers))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(Arc::new(front))
}

async fn nothing_there(visit: Visit) -> Problem {
    Problem::new(&visit, StatusCode::NOT_FOUND, "there is no such page")
}
