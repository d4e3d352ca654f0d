use std::fmt::Display;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    page::{Shell, html},
    visit::Visit,
};

/// A request that can't be answered with what it asked for, and why.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    says: String,
    visit: Visit,
}

#[derive(Template)]
#[template(path = "web/problem.html")]
struct ProblemPage<'a> {
    shell: Shell<'a>,
    title: &'a str,
    says: &'a str,
}

impl Problem {
    pub(super) fn new(visit: &Visit, status: StatusCode, says: impl Display) -> Self {
        Self { status, says: says.to_string(), visit: visit.clone() }
    }

    /// There is no such thing.
    pub(super) fn not_found(visit: &Visit, says: impl Display) -> Self {
        Self::new(visit, StatusCode::NOT_FOUND, says)
    }

    /// Something that the pages rest on has failed.
    pub(super) fn failed(visit: &Visit, says: impl Display) -> Self {
        Self::new(visit, StatusCode::INTERNAL_SERVER_ERROR, says)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Refused",
            _ => "It did not work",
        };
        let page = ProblemPage { shell: Shell::of(&self.visit), title, says: &self.says };
        (self.status, html(&page)).into_response()
    }
}
