use relman_core::{
    port::{PortError, PortErrorKind, Retry, Subject},
    unit::{ReleaseId, Span},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    adapter::Jira,
    ledger::{self, Entry},
    wire,
};
use crate::tracker::api::MOST_PAGES;

const VERSION: &str = "find the version";
const MAKE_VERSION: &str = "make the version";
const NOTE: &str = "note in the version what is being made";
const SEARCH: &str = "search for the issue";
const CREATE: &str = "make the issue";
const LOOK: &str = "look at the issue";

/// How often the search is asked while it may not know an issue yet.
const LOOKS: u64 = 6;

/// What the adapter wants to know of an issue.
const FIELDS: &str = "summary,description,status,attachment";

/// An issue that may have to be made.
pub(super) struct Wanted<'a> {
    /// Which part of the release it is, as it is noted in the version.
    pub(super) part: &'a str,
    /// The label by which the search finds it.
    pub(super) label: &'a str,
    /// Its fields but for the project, the version and the labels.
    pub(super) fields: Value,
}

/// The label of the issue of a release.
pub(super) fn label(release: &ReleaseId) -> String {
    format!("relman/{release}")
}

/// What the version says about the issue of a part.
fn noted(subject: &Subject, version: &wire::Version, part: &str) -> Option<Entry> {
    ledger::read(version.description.as_deref().unwrap_or_default(), &subject.release, part)
}

impl Jira {
    /// The version of the tag, where there is one.
    pub(super) async fn version(&self, subject: &Subject) -> Result<Option<wire::Version>, PortError> {
        let name = subject.tag.as_str();
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
        Err(self.endless(VERSION))
    }

    /// The version of the tag, which is made where there is none.
    pub(super) async fn version_or_new(&self, subject: &Subject) -> Result<wire::Version, PortError> {
        if let Some(version) = self.version(subject).await? {
            return Ok(version);
        }
        let project = self.to(Method::GET, &["project", &self.project]);
        let (project, _) = self.api.ask::<wire::Project>(MAKE_VERSION, project).await?;
        let id: u64 = project.id.parse().map_err(|_| {
            let detail = format!("the number of the project is {:?}", project.id);
            self.api.error(MAKE_VERSION, PortErrorKind::InvalidAnswer, detail)
        })?;
        let new = json!({ "name": subject.tag.as_str(), "projectId": id });
        let reply = self.api.send(MAKE_VERSION, self.to(Method::POST, &["version"]).json(&new)).await?;
        if reply.status == StatusCode::BAD_REQUEST
            && String::from_utf8_lossy(&reply.body).contains("already exists")
        {
            // Made a moment ago by a request whose answer was lost.
            let detail =
                format!("there is a version that was not found before: {}", self.api.excerpt(&reply));
            return Err(self.api.error(MAKE_VERSION, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
        }
        let reply = self.api.accept(MAKE_VERSION, reply)?;
        self.api.read(MAKE_VERSION, &reply)
    }

    /// The issue of a part, which is made where there is none. `version` is kept as Jira has it.
    pub(super) async fn issue_or_new(
        &self,
        subject: &Subject,
        version: &mut wire::Version,
        wanted: Wanted<'_>,
    ) -> Result<wire::Issue, PortError> {
        let entry = noted(subject, version, wanted.part);
        if let Some(Entry::Made(key)) = &entry
            && let Some(issue) = self.issue(key).await?
        {
            return Ok(issue);
        }
        let found = match &entry {
            None => self.search(wanted.label).await?,
            // One that was made and can't be seen was deleted, or Jira errs: the search may only lag.
            Some(Entry::BeingMade | Entry::Made(_)) => self.search_patiently(wanted.label).await?,
        };
        let key = if let Some(key) = found {
            key
        } else {
            // From here on, an attempt that knows nothing of this one gives the search time.
            self.note(subject, version, wanted.part, &Entry::BeingMade).await?;
            self.create(version, wanted.label, wanted.fields).await?
        };
        self.note(subject, version, wanted.part, &Entry::Made(key.clone())).await?;
        let issue = self.issue(&key).await?;
        issue.ok_or_else(|| {
            let detail = format!("{key} was made or found, and can't be seen now");
            self.api.error(LOOK, PortErrorKind::InvalidAnswer, detail).with_retry(Retry::Yes)
        })
    }

    /// The issue of a part, where there is one.
    pub(super) async fn find_issue(
        &self,
        subject: &Subject,
        version: &wire::Version,
        part: &str,
        label: &str,
    ) -> Result<Option<wire::Issue>, PortError> {
        let entry = noted(subject, version, part);
        if let Some(Entry::Made(key)) = &entry
            && let Some(issue) = self.issue(key).await?
        {
            return Ok(Some(issue));
        }
        match (self.search(label).await?, entry) {
            (Some(key), _) => self.issue(&key).await,
            (None, None | Some(Entry::Made(_))) => Ok(None),
            (None, Some(Entry::BeingMade)) => {
                let detail = "it may have been made, and the search does not know it yet";
                Err(self.api.error(SEARCH, PortErrorKind::Unavailable, detail))
            }
        }
    }

    async fn note(
        &self,
        subject: &Subject,
        version: &mut wire::Version,
        part: &str,
        entry: &Entry,
    ) -> Result<(), PortError> {
        if noted(subject, version, part).as_ref() == Some(entry) {
            return Ok(());
        }
        let old = version.description.as_deref().unwrap_or_default();
        let description = ledger::write(old, &subject.release, part, entry);
        let request = self.to(Method::PUT, &["version", &version.id]);
        self.api.done(NOTE, request.json(&json!({ "description": description }))).await?;
        version.description = Some(description);
        Ok(())
    }

    async fn issue(&self, key: &str) -> Result<Option<wire::Issue>, PortError> {
        let request = self.to(Method::GET, &["issue", key]).query(&[("fields", FIELDS)]);
        self.api.look_up(LOOK, request).await
    }

    /// The key of the oldest issue with a label: somebody may have cloned it.
    async fn search(&self, label: &str) -> Result<Option<String>, PortError> {
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
        Err(self.endless(SEARCH))
    }

    /// The same, with the time that the search may need to know an issue.
    async fn search_patiently(&self, label: &str) -> Result<Option<String>, PortError> {
        let pause = Span::from_millis(self.settings.settle.as_millis() / LOOKS);
        for _ in 0..LOOKS {
            if let Some(key) = self.search(label).await? {
                return Ok(Some(key));
            }
            tokio::time::sleep(pause.to_std()).await;
        }
        self.search(label).await
    }

    async fn create(
        &self,
        version: &wire::Version,
        label: &str,
        mut fields: Value,
    ) -> Result<String, PortError> {
        fields["project"] = json!({ "key": self.project });
        fields["labels"] = json!([label]);
        fields["fixVersions"] = json!([{ "id": version.id }]);
        let request = self.to(Method::POST, &["issue"]).json(&json!({ "fields": fields }));
        Ok(self.api.ask::<wire::Created>(CREATE, request).await?.0.key)
    }
}
