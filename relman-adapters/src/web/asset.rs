//! The style sheet, the script and the icon, which are part of the program.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// The style of every page, and of a storyboard file.
pub(super) const STYLE: &str = include_str!("../../templates/web/style.css");

/// Keeps a page current.
const SCRIPT: &str = include_str!("../../templates/web/live.js");

const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 14V10H5V7H9V4H15V14Z" fill="#0a66a8"/></svg>"##;

fn asset(kind: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], content).into_response()
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}
