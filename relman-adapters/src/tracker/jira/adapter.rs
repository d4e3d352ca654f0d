use std::fmt;

use async_trait::async_trait;
use relman_core::port::{
    Asset, Note, Place, PortError, PortErrorKind, Publication, Published, Standing, Subject, Tracker,
    TrackerCapabilities,
};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tracing::info;

use super::{
    adf::{document, marker_in, text_of},
    config::Settings,
    issue::{Wanted, label},
    ledger::ISSUE,
    wire,
};
use crate::tracker::{
    api::{Api, MOST_PAGES},
    stored::{is_other_version, stored_name},
    text::{BODY, Marker, compose, cut, line, note_text},
};

pub(super) const NAME: &str = "jira";

const WRITE: &str = "write the issue";
const COMMENTS: &str = "look at the comments";
const COMMENT: &str = "write a comment";
const UPLOAD: &str = "attach a file";
const REMOVE: &str = "take an old file away";
const TRANSITION: &str = "put the issue away";
const RELEASED: &str = "mark the version as released";

/// Jira takes at most 32,767 characters in a text; the rest is for what it counts besides the words.
const BODY_CHARS: usize = 30_000;

/// Jira takes at most 255 characters in a summary.
const SUMMARY_CHARS: usize = 255;

/// A [`Tracker`] that keeps copies in a project of Jira Cloud. See the [module](super).
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

    pub(super) fn endless(&self, operation: &'static str) -> PortError {
        self.api.error(operation, PortErrorKind::InvalidAnswer, format!("more than {MOST_PAGES} pages"))
    }

    fn page(&self, issue: &wire::Issue) -> String {
        self.api.address(&["browse", &issue.key])
    }

    /// Writes the issue's own texts where they are not what they should be.
    async fn write(&self, issue: &wire::Issue, summary: &str, description: &Value) -> Result<(), PortError> {
        let there = issue.fields.description.as_ref().map(text_of).unwrap_or_default();
        if issue.fields.summary.as_deref() == Some(summary) && there == text_of(description) {
            return Ok(());
        }
        let change = json!({ "fields": { "summary": summary, "description": description } });
        let request = self.to(Method::PUT, &["issue", &issue.key]).json(&change);
        self.api.done(WRITE, request).await.map(drop)
    }

    async fn comments(&self, key: &str) -> Result<Vec<wire::Comment>, PortError> {
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
        Err(self.endless(COMMENTS))
    }

    async fn put_comment(
        &self,
        key: &str,
        there: &[wire::Comment],
        subject: &Subject,
        note: &Note,
    ) -> Result<(), PortError> {
        let marker = Marker::new(&subject.release, note.key.as_str(), note.head);
        let text = cut(&format!("## {}\n\n{}", note.title, note_text(note)), BODY_CHARS);
        let body = document(&text, &marker);
        let ours = there.iter().find_map(|comment| {
            let marker = marker_in(&comment.body)?;
            marker.is_of(&subject.release, note.key.as_str()).then_some((comment, marker))
        });
        let request = match ours {
            Some((_, there)) if there.head.seq > note.head.seq => return Ok(()),
            Some((comment, _)) if text_of(&comment.body) == text_of(&body) => return Ok(()),
            Some((comment, _)) => self.to(Method::PUT, &["issue", key, "comment", &comment.id]),
            None => self.to(Method::POST, &["issue", key, "comment"]),
        };
        self.api.done(COMMENT, request.json(&json!({ "body": body }))).await.map(drop)
    }

    async fn put_asset(&self, issue: &wire::Issue, asset: &Asset) -> Result<(), PortError> {
        let stored = stored_name(asset);
        let size = asset.bytes.len() as u64;
        let there = &issue.fields.attachment;
        if !there.iter().any(|file| file.filename == stored && file.size == size) {
            let part = Part::bytes(asset.bytes.clone()).file_name(stored.clone());
            let part = part.mime_str(&asset.media_type).map_err(|_| {
                let detail = format!("{:?} is not a media type", asset.media_type);
                self.api.error(UPLOAD, PortErrorKind::Rejected, detail)
            })?;
            let request = self
                .to(Method::POST, &["issue", &issue.key, "attachments"])
                .timeout(self.settings.upload_timeout.to_std())
                // Jira asks for it, since a form could come from a page that somebody looks at.
                .header("x-atlassian-token", "no-check")
                .multipart(Form::new().part("file", part));
            self.api.done(UPLOAD, request).await?;
        }
        for old in there.iter().filter(|file| is_other_version(&file.filename, &asset.name, &stored)) {
            self.remove(&issue.key, old).await?;
        }
        Ok(())
    }

    /// Takes the old version of a file away, where the token may.
    async fn remove(&self, key: &str, old: &wire::Attachment) -> Result<(), PortError> {
        let reply = self.api.send(REMOVE, self.to(Method::DELETE, &["attachment", &old.id])).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(()),
            StatusCode::FORBIDDEN if reply.retry_after.is_none() => {
                info!(issue = key, file = old.filename, "the token may not take an old file away: it stays");
                Ok(())
            }
            _ => self.api.accept(REMOVE, reply).map(drop),
        }
    }

    async fn put_post_mortem(
        &self,
        subject: &Subject,
        version: &mut wire::Version,
        about: &str,
        note: &Note,
    ) -> Result<(), PortError> {
        let marker = Marker::new(&subject.release, note.key.as_str(), note.head);
        let text = format!("Post-mortem of the release {}, {about}.\n\n{}", subject.release, note_text(note));
        let description = document(&cut(&text, BODY_CHARS), &marker);
        let summary = line(&note.title, SUMMARY_CHARS);
        let wanted = Wanted {
            part: &format!("post-mortem/{}", note.key),
            label: &format!("{}/{}", label(&subject.release), note.key),
            fields: json!({
                "summary": summary,
                "description": description,
                "issuetype": { "name": self.settings.post_mortem_type },
            }),
        };
        let issue = self.issue_or_new(subject, version, wanted).await?;
        // People work on it: what they wrote stays until the record has more to say.
        let there = issue.fields.description.as_ref().and_then(marker_in);
        if there.is_some_and(|there| there.head.seq < note.head.seq) {
            self.write(&issue, &summary, &description).await?;
        }
        Ok(())
    }

    /// Moves the issue of a release that is over to where it belongs.
    async fn put_away(&self, issue: &wire::Issue, standing: Standing) -> Result<(), PortError> {
        let named = match standing {
            Standing::UnderWay => return Ok(()),
            Standing::Completed | Standing::RolledBack | Standing::Aborted => {
                self.settings.transitions.named(standing)
            }
        };
        let status = &issue.fields.status;
        let there = named.map_or_else(|| status.is_done(), |name| same(&status.name, name));
        if there {
            return Ok(());
        }
        let request = self.to(Method::GET, &["issue", &issue.key, "transitions"]);
        let (ways, _) = self.api.ask::<wire::Ways>(TRANSITION, request).await?;
        let wanted = |way: &&wire::Way| match named {
            Some(name) => same(&way.to.name, name) || same(&way.name, name),
            None => way.to.is_done(),
        };
        let Some(way) = ways.transitions.iter().find(wanted) else {
            // A transition by its own name has led elsewhere, and a second one would lead on: it is done with.
            if named.is_some() && status.is_done() {
                return Ok(());
            }
            let ends: Vec<&str> = ways.transitions.iter().map(|way| way.to.name.as_str()).collect();
            let detail = format!(
                "no way leads from {} to {}; there are ways to {}: name one of them in `transitions`",
                status.name,
                named.unwrap_or("a status that is done"),
                ends.join(", ")
            );
            return Err(self.api.error(TRANSITION, PortErrorKind::Rejected, detail));
        };
        let body = json!({ "transition": { "id": way.id } });
        let request = self.to(Method::POST, &["issue", &issue.key, "transitions"]).json(&body);
        self.api.done(TRANSITION, request).await.map(drop)
    }

    async fn mark_released(&self, version: &wire::Version) -> Result<(), PortError> {
        if version.released {
            return Ok(());
        }
        let request = self.to(Method::PUT, &["version", &version.id]).json(&json!({ "released": true }));
        self.api.done(RELEASED, request).await.map(drop)
    }
}

/// Whether two names of statuses are the same to a person.
fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[async_trait]
impl Tracker for Jira {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> TrackerCapabilities {
        TrackerCapabilities {
            notes: Place::OfItsOwn,
            post_mortems: Place::OfItsOwn,
            phases: Place::InTheBody,
            body_chars: BODY_CHARS,
        }
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        let subject = publication.subject();
        let mut version = self.version_or_new(subject).await?;
        let marker = Marker::new(&subject.release, BODY, publication.head());
        let text = compose(publication, self.capabilities(), BODY_CHARS)
            .map_err(|problem| self.api.error(WRITE, PortErrorKind::Rejected, problem.to_string()))?;
        let description = document(&text, &marker);
        let summary = line(publication.title(), SUMMARY_CHARS);
        let wanted = Wanted {
            part: ISSUE,
            label: &label(&subject.release),
            fields: json!({
                "summary": summary,
                "description": description,
                "issuetype": { "name": self.settings.issue_type },
            }),
        };
        let issue = self.issue_or_new(subject, &mut version, wanted).await?;
        let there = issue.fields.description.as_ref().and_then(marker_in).map(|marker| marker.head);
        if let Some(head) = there.filter(|head| head.seq > publication.head().seq) {
            return Ok(Published { url: self.page(&issue), head });
        }
        self.write(&issue, &summary, &description).await?;
        for asset in publication.assets() {
            self.put_asset(&issue, asset).await?;
        }
        if !publication.notes().is_empty() {
            let comments = self.comments(&issue.key).await?;
            for note in publication.notes() {
                self.put_comment(&issue.key, &comments, subject, note).await?;
            }
        }
        for post_mortem in publication.post_mortems() {
            self.put_post_mortem(subject, &mut version, &issue.key, post_mortem).await?;
        }
        self.put_away(&issue, publication.standing()).await?;
        if publication.standing() == Standing::Completed {
            self.mark_released(&version).await?;
        }
        Ok(Published { url: self.page(&issue), head: publication.head() })
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        let Some(version) = self.version(subject).await? else { return Ok(None) };
        let label = label(&subject.release);
        let Some(issue) = self.find_issue(subject, &version, ISSUE, &label).await? else { return Ok(None) };
        let marker = issue.fields.description.as_ref().and_then(marker_in);
        let ours = marker.filter(|marker| marker.is_of(&subject.release, BODY));
        Ok(ours.map(|marker| Published { url: self.page(&issue), head: marker.head }))
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
