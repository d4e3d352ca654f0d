use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use relman_core::unit::Actor;

use super::visit::{Acts, Visit};

/// What stands around every page of the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shell<'a> {
    /// The path under which the front is mounted.
    pub(super) base: &'a str,
    /// Who is signed in.
    pub(super) actor: Option<&'a Actor>,
    /// Whether anybody can be.
    pub(super) acts: Acts,
    /// Where they sign in and out.
    pub(super) sign_in: Option<&'a str>,
}

impl<'a> Shell<'a> {
    pub(super) fn of(visit: &'a Visit) -> Self {
        Self {
            base: &visit.base,
            actor: visit.actor.as_ref(),
            acts: visit.acts,
            sign_in: visit.sign_in.as_deref(),
        }
    }

    /// The address of the overview.
    pub(super) fn home(&self) -> &str {
        // A router that is nested under a path is reached without a slash at its end.
        if self.base.is_empty() { "/" } else { self.base }
    }

    /// Who is signed in, in words.
    pub(super) fn who(&self) -> String {
        match (self.actor, self.acts) {
            (Some(actor), _) => format!("You are {actor}"),
            (None, Acts::SignedIn) => "You are not signed in".to_owned(),
            (None, Acts::Nobody) => "Read-only".to_owned(),
        }
    }
}

/// A page as an answer.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        // Nothing that is shown has a fallible form.
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the page can't be made: {error}")).into_response()
        }
    }
}
