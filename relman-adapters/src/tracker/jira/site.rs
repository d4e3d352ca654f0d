use std::fmt;

use relman_core::port::{PortError, PortErrorKind, ReleaseTag};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{config::Settings, wire};
use crate::tracker::api::{Api, MOST_PAGES};

pub(super) const NAME: &str = "jira";

const VERSION: &str = "find the version";
const MAKE_VERSION: &str = "create the version";
const NOTE: &str = "note in the version what is being created";
const SEARCH: &str = "search for the issue";
const CREATE: &str = "create the issue";
const LOOK: &str = "read the issue";
const COMMENTS: &str = "list the comments";
const TRANSITIONS: &str = "list the transitions of the issue";

/// The fields of an issue that the adapter reads.
const FIELDS: &str = "summary,description,status,attachment";

/// A [`Tracker`](relman_core::port::Tracker) that keeps copies in a project of Jira Cloud. See the [module](super).
pub struct Jira {
    pub(super) api: Api,
    pub(super) project: String,
    pub(super) settings: Settings,
}

impl Jira {
    pub(super) fn new(api: Api, project: String, settings: Settings) -> Self {
        Self { api, project, settings }
    }

    pub(super) fn to(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.api.request(method, &[&["rest", "api", "3"], segments].concat())
    }

    /// The version of the tag, where there is one.
    pub(super) async fn version(&self, tag: &ReleaseTag) -> Result<Option<wire::Version>, PortError> {
        let name = tag.as_str();
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let request = self.to(Method::GET, &["project", &self.project, "version"]).query(&[
                ("query", name),
                ("startAt", &start.to_string()),
                ("maxResults", "50"),
            ]);
            let (page, _) = self.api.ask::<wire::Versions>(VERSION, request).await?;
            let last = page.is_last.unwrap_or(true) || page.values.is_empty();
            start += page.values.len();
            // The query finds names that only hold it.
            if let Some(version) = page.values.into_iter().find(|version| version.name == name) {
                return Ok(Some(version));
            }
            if last {
                return Ok(None);
            }
        }
        Err(self.api.endless(VERSION))
    }

    /// The version for the tag; created if it does not exist yet.
    pub(super) async fn version_or_new(&self, tag: &ReleaseTag) -> Result<wire::Version, PortError> {
        if let Some(version) = self.version(tag).await? {
            return Ok(version);
        }
        let project = self.to(Method::GET, &["project", &self.project]);
        let (project, _) = self.api.ask::<wire::Project>(MAKE_VERSION, project).await?;
        let id: u64 = project.id.parse().map_err(|_| {
            let detail = format!("the id of the project is {:?} and has to be a number", project.id);
            self.api.error(MAKE_VERSION, PortErrorKind::InvalidAnswer, detail)
        })?;
        let new = json!({ "name": tag.as_str(), "projectId": id });
        let reply = self.api.send(MAKE_VERSION, self.to(Method::POST, &["version"]).json(&new)).await?;
        if reply.status == StatusCode::BAD_REQUEST
            && String::from_utf8_lossy(&reply.body).contains("already exists")
        {
            return Err(self.api.conflict(MAKE_VERSION, "a version for the tag", &reply));
        }
        let reply = self.api.accept(MAKE_VERSION, reply)?;
        self.api.read(MAKE_VERSION, &reply)
    }

    /// Writes the description of a version.
    pub(super) async fn describe(&self, version: &wire::Version, description: &str) -> Result<(), PortError> {
        let request = self.to(Method::PUT, &["version", &version.id]);
        let change = json!({ "description": description });
        self.api.done(NOTE, request.json(&change)).await.map(drop)
    }

    /// The issue with this key, where there is one.
    pub(super) async fn issue(&self, key: &str) -> Result<Option<wire::Issue>, PortError> {
        let request = self.to(Method::GET, &["issue", key]).query(&[("fields", FIELDS)]);
        self.api.look_up(LOOK, request).await
    }

    /// The key of the oldest issue with a label: people may have cloned it.
    pub(super) async fn search(&self, label: &str) -> Result<Option<String>, PortError> {
        let jql = format!("project = \"{}\" AND labels = \"{label}\" ORDER BY created ASC", self.project);
        let mut found: Vec<wire::FoundIssue> = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut query = json!({ "jql": jql, "fields": ["labels"], "maxResults": 50 });
            if let Some(next) = &next {
                query["nextPageToken"] = json!(next);
            }
            let request = self.to(Method::POST, &["search", "jql"]).json(&query);
            let (page, _) = self.api.ask::<wire::Found>(SEARCH, request).await?;
            found.extend(page.issues);
            next = page.next_page;
            if next.is_none() {
                let number = |issue: &wire::FoundIssue| issue.id.parse().unwrap_or(u64::MAX);
                return Ok(found.into_iter().min_by_key(number).map(|issue| issue.key));
            }
        }
        Err(self.api.endless(SEARCH))
    }

    /// Creates an issue with these fields, besides the project's own, and gives its key.
    pub(super) async fn create(&self, mut fields: Value) -> Result<String, PortError> {
        fields["project"] = json!({ "key": self.project });
        let request = self.to(Method::POST, &["issue"]).json(&json!({ "fields": fields }));
        Ok(self.api.ask::<wire::Created>(CREATE, request).await?.0.key)
    }

    /// Every comment of an issue.
    pub(super) async fn comments(&self, key: &str) -> Result<Vec<wire::Comment>, PortError> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let request = self
                .to(Method::GET, &["issue", key, "comment"])
                .query(&[("startAt", all.len().to_string().as_str()), ("maxResults", "100")]);
            let (page, _) = self.api.ask::<wire::Comments>(COMMENTS, request).await?;
            let last = page.comments.is_empty();
            all.extend(page.comments);
            if last || all.len() >= page.total {
                return Ok(all);
            }
        }
        Err(self.api.endless(COMMENTS))
    }

    /// The ways out of the status that an issue has.
    pub(super) async fn ways(&self, key: &str) -> Result<Vec<wire::Way>, PortError> {
        let request = self.to(Method::GET, &["issue", key, "transitions"]);
        Ok(self.api.ask::<wire::Ways>(TRANSITIONS, request).await?.0.transitions)
    }
}

impl fmt::Debug for Jira {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jira")
            .field("project", &self.project)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
