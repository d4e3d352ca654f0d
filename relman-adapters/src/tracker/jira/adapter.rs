use async_trait::async_trait;
use relman_core::{
    port::{
        PhaseState, Placement, PortError, PortErrorKind, Publication, Published, Retry, Standing, Subject,
        Tracker, TrackerCapabilities,
    },
    unit::ReleaseId,
};
use reqwest::{
    Method,
    multipart::{Form, Part as FormPart},
};
use serde_json::{Value, json};

use super::{
    adf::{document, marker_in, text_of},
    ledger::{self, Entry},
    site::{Jira, NAME},
    wire,
};
use crate::tracker::{
    api::Removal,
    reconcile::{
        self, Draft, FileNames, Item, NewFile, Part, Profile, Remote, RemoteFile, Sight, StatusWords,
    },
    text::Page,
};

const FIND: &str = "find the issue";
const WRITE: &str = "write the issue";
const COMMENT: &str = "write a comment";
const UPLOAD: &str = "attach a file";
const REMOVE: &str = "delete an old file";
const TRANSITION: &str = "move the issue to its last status";
const RELEASED: &str = "mark the version as released";

// Jira takes at most 32,767 characters in a text; the rest is for what it counts besides the words.
const CAPABILITIES: TrackerCapabilities =
    TrackerCapabilities::new(30_000).with_notes(Placement::OfItsOwn).with_post_mortems(Placement::OfItsOwn);

/// One release in a project of Jira.
struct JiraRemote<'a> {
    jira: &'a Jira,
    subject: &'a Subject,
    /// The version of the tag, with its description as Jira has it.
    version: Option<wire::Version>,
    /// The issue of the release, as it was last read.
    copy: Option<wire::Issue>,
    /// The comments of that issue, once they are read.
    comments: Option<Vec<wire::Comment>>,
}

impl Jira {
    fn remote<'a>(&'a self, subject: &'a Subject) -> JiraRemote<'a> {
        JiraRemote { jira: self, subject, version: None, copy: None, comments: None }
    }
}

/// The label by which the search finds the issue of a part.
fn label(release: &ReleaseId, part: Part<'_>) -> String {
    match part {
        Part::Copy => format!("relman/{release}"),
        Part::Note(key) | Part::PostMortem(key) => format!("relman/{release}/{key}"),
    }
}

/// How the version notes the issue of a part.
fn entry_name(part: Part<'_>) -> String {
    match part {
        Part::Copy => "issue".to_owned(),
        Part::Note(key) | Part::PostMortem(key) => format!("post-mortem/{key}"),
    }
}

impl JiraRemote<'_> {
    /// What the version notes about the issue of a part.
    fn noted(&self, part: Part<'_>) -> Option<Entry> {
        let description = self.version.as_ref()?.description.as_deref()?;
        ledger::read(description, &self.subject.release, &entry_name(part))
    }

    async fn note(&mut self, part: Part<'_>, entry: &Entry) -> Result<(), PortError> {
        if self.noted(part).as_ref() == Some(entry) {
            return Ok(());
        }
        let Some(version) = &mut self.version else { return Ok(()) };
        let old = version.description.as_deref().unwrap_or_default();
        let description = ledger::write(old, &self.subject.release, &entry_name(part), entry);
        self.jira.describe(version, &description).await?;
        version.description = Some(description);
        Ok(())
    }

    fn item(&self, part: Part<'_>, id: &str, key: &str, title: Option<&str>, body: Option<&Value>) -> Item {
        let text = body.map(text_of).unwrap_or_default();
        let marker = body.and_then(marker_in);
        let ours = marker.filter(|marker| marker.is_of(&self.subject.release, part.name()));
        Item {
            id: id.to_owned(),
            url: self.jira.api.address(&["browse", key]),
            title: title.map(str::to_owned),
            page: Page::alone(ours, &text),
            text,
            is_prerelease: None,
        }
    }

    /// The part that an issue is. The issue of the release is kept: its files and its status are in it.
    fn issue_item(&mut self, part: Part<'_>, issue: wire::Issue) -> Item {
        let wire::Fields { summary, description, .. } = &issue.fields;
        let item = self.item(part, &issue.key, &issue.key, summary.as_deref(), description.as_ref());
        if part == Part::Copy {
            self.copy = Some(issue);
        }
        item
    }

    async fn find_issue(&mut self, part: Part<'_>) -> Result<Sight, PortError> {
        if self.version.is_none() {
            self.version = self.jira.version(&self.subject.tag).await?;
            if self.version.is_none() {
                return Ok(Sight::Never);
            }
        }
        let noted = self.noted(part);
        if let Some(Entry::Made(key)) = &noted
            && let Some(issue) = self.jira.issue(key).await?
        {
            return Ok(Sight::There(Box::new(self.issue_item(part, issue))));
        }
        if let Some(key) = self.jira.search(&label(&self.subject.release, part)).await? {
            let issue = self.read(&key).await?;
            return Ok(Sight::There(Box::new(self.issue_item(part, issue))));
        }
        Ok(match noted {
            None => Sight::Never,
            Some(Entry::BeingMade) => Sight::Begun,
            Some(Entry::Made(_)) => Sight::Gone,
        })
    }

    /// The issue with a key that Jira has just named.
    async fn read(&self, key: &str) -> Result<wire::Issue, PortError> {
        self.jira.issue(key).await?.ok_or_else(|| {
            let detail = format!("Jira names the issue {key} and does not show it");
            self.jira.api.error(FIND, PortErrorKind::InvalidAnswer, detail).with_retry(Retry::Yes)
        })
    }

    async fn create_issue(&mut self, part: Part<'_>, draft: &Draft) -> Result<Item, PortError> {
        // From here on, an attempt that knows nothing of this one gives the search time.
        self.note(part, &Entry::BeingMade).await?;
        let settings = &self.jira.settings;
        let issue_type = match part {
            Part::Copy => &settings.issue_type,
            Part::Note(_) | Part::PostMortem(_) => &settings.post_mortem_type,
        };
        let key = self
            .jira
            .create(json!({
                "summary": draft.title,
                "description": body(&draft.page),
                "issuetype": { "name": issue_type },
                "labels": [label(&self.subject.release, part)],
                "fixVersions": self.version.iter().map(|version| json!({ "id": version.id })).collect::<Vec<_>>(),
            }))
            .await?;
        self.note(part, &Entry::Made(key.clone())).await?;
        let issue = self.read(&key).await?;
        Ok(self.issue_item(part, issue))
    }

    async fn find_comment(&mut self, part: Part<'_>) -> Result<Sight, PortError> {
        let Some(copy) = &self.copy else { return Ok(Sight::Never) };
        if self.comments.is_none() {
            self.comments = Some(self.jira.comments(&copy.key).await?);
        }
        let ours = self.comments.iter().flatten().find(|comment| {
            marker_in(&comment.body).is_some_and(|marker| marker.is_of(&self.subject.release, part.name()))
        });
        Ok(ours.map_or(Sight::Never, |comment| {
            Sight::There(Box::new(self.item(part, &comment.id, &copy.key, None, Some(&comment.body))))
        }))
    }

    /// Writes a comment, a new one without an id.
    async fn write_comment(
        &self,
        part: Part<'_>,
        id: Option<&str>,
        draft: &Draft,
    ) -> Result<Item, PortError> {
        let copy = self.copy.as_ref().map(|copy| copy.key.as_str()).unwrap_or_default();
        let request = match id {
            Some(id) => self.jira.to(Method::PUT, &["issue", copy, "comment", id]),
            None => self.jira.to(Method::POST, &["issue", copy, "comment"]),
        };
        let (comment, _) = self
            .jira
            .api
            .ask::<wire::Comment>(COMMENT, request.json(&json!({ "body": body(&draft.page) })))
            .await?;
        Ok(self.item(part, &comment.id, copy, None, Some(&comment.body)))
    }

    /// Moves the issue of a release that is over to the status where it stays.
    async fn put_away(&self, issue: &wire::Issue, standing: Standing) -> Result<(), PortError> {
        let named = match standing {
            Standing::UnderWay => return Ok(()),
            Standing::Completed | Standing::RolledBack | Standing::Aborted => {
                self.jira.settings.transitions.named(standing)
            }
        };
        let status = &issue.fields.status;
        let is_there = named.map_or_else(|| status.is_done(), |name| same(&status.name, name));
        if is_there {
            return Ok(());
        }
        let ways = self.jira.ways(&issue.key).await?;
        let wanted = |way: &&wire::Way| match named {
            Some(name) => same(&way.to.name, name) || same(&way.name, name),
            None => way.to.is_done(),
        };
        let Some(way) = ways.iter().find(wanted) else {
            // The transition of that name was taken and has led elsewhere; another one would lead on from there.
            if named.is_some() && status.is_done() {
                return Ok(());
            }
            let ends: Vec<&str> = ways.iter().map(|way| way.to.name.as_str()).collect();
            let detail = format!(
                "no transition leads from {} to {}; there are transitions to {}: name one of them in `transitions`",
                status.name,
                named.unwrap_or("a status that is done"),
                ends.join(", ")
            );
            return Err(self.jira.api.error(TRANSITION, PortErrorKind::Rejected, detail));
        };
        let body = json!({ "transition": { "id": way.id } });
        let request = self.jira.to(Method::POST, &["issue", &issue.key, "transitions"]).json(&body);
        self.jira.api.done(TRANSITION, request).await.map(drop)
    }

    async fn mark_released(&self, version: &wire::Version) -> Result<(), PortError> {
        if version.released {
            return Ok(());
        }
        let request = self.jira.to(Method::PUT, &["version", &version.id]).json(&json!({ "released": true }));
        self.jira.api.done(RELEASED, request).await.map(drop)
    }
}

/// A page in Jira's own form.
fn body(page: &Page) -> Value {
    page.section().map_or(Value::Null, |section| document(&section.text, &section.marker))
}

/// Whether two names of statuses are the same to a person.
fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[async_trait]
impl Remote for JiraRemote<'_> {
    fn profile(&self) -> Profile {
        Profile {
            adapter: NAME,
            capabilities: CAPABILITIES,
            // Jira takes at most 255 characters in a summary.
            title_chars: 255,
            marker_chars: 0,
            // Phases are in the body.
            status_chars: 0,
            status_words: StatusWords::Latest,
            state_name: |_: PhaseState| "",
            file_names: FileNames::Hashed,
            settle: self.jira.settings.settle,
        }
    }

    async fn prepare(&mut self) -> Result<(), PortError> {
        self.version = Some(self.jira.version_or_new(&self.subject.tag).await?);
        Ok(())
    }

    async fn find(&mut self, part: Part<'_>) -> Result<Sight, PortError> {
        match part {
            Part::Copy | Part::PostMortem(_) => self.find_issue(part).await,
            Part::Note(_) => self.find_comment(part).await,
        }
    }

    async fn create(&mut self, part: Part<'_>, draft: &Draft) -> Result<Item, PortError> {
        match part {
            Part::Copy | Part::PostMortem(_) => self.create_issue(part, draft).await,
            Part::Note(_) => self.write_comment(part, None, draft).await,
        }
    }

    async fn update(&mut self, part: Part<'_>, there: &Item, draft: &Draft) -> Result<Item, PortError> {
        match part {
            Part::Note(_) => self.write_comment(part, Some(&there.id), draft).await,
            Part::Copy | Part::PostMortem(_) => {
                let fields = json!({ "summary": draft.title, "description": body(&draft.page) });
                let request = self.jira.to(Method::PUT, &["issue", &there.id]);
                self.jira.api.done(WRITE, request.json(&json!({ "fields": fields }))).await?;
                let text = self.shown(&draft.page);
                Ok(Item { title: draft.title.clone(), text, page: draft.page.clone(), ..there.clone() })
            }
        }
    }

    async fn remember(&mut self, part: Part<'_>, there: &Item) -> Result<(), PortError> {
        match part {
            Part::Copy | Part::PostMortem(_) => self.note(part, &Entry::Made(there.id.clone())).await,
            Part::Note(_) => Ok(()),
        }
    }

    /// Jira changes details of the form when it keeps a text, but not its words.
    fn shown(&self, page: &Page) -> String {
        text_of(&body(page))
    }

    async fn files(&mut self, _: &Item) -> Result<Vec<RemoteFile>, PortError> {
        let files = self.copy.iter().flat_map(|issue| &issue.fields.attachment);
        let file = |file: &wire::Attachment| RemoteFile {
            id: file.id.clone(),
            name: file.filename.clone(),
            size: file.size,
            hash: None,
            is_whole: true,
            is_ours: true,
        };
        Ok(files.map(file).collect())
    }

    async fn upload(&mut self, copy: &Item, file: &NewFile<'_>) -> Result<(), PortError> {
        let part = FormPart::bytes(file.asset.bytes.clone()).file_name(file.name.clone());
        let part = part.mime_str(&file.asset.media_type).map_err(|_| {
            let detail = format!("{:?} is not a media type", file.asset.media_type);
            self.jira.api.error(UPLOAD, PortErrorKind::Rejected, detail)
        })?;
        let request = self
            .jira
            .to(Method::POST, &["issue", &copy.id, "attachments"])
            .timeout(self.jira.settings.upload_timeout.to_std())
            // Jira asks for it, since a form could come from a page in a browser.
            .header("x-atlassian-token", "no-check")
            .multipart(Form::new().part("file", part));
        self.jira.api.done(UPLOAD, request).await.map(drop)
    }

    async fn remove(&mut self, file: &RemoteFile) -> Result<Removal, PortError> {
        let request = self.jira.to(Method::DELETE, &["attachment", &file.id]);
        self.jira.api.remove(REMOVE, request).await
    }

    async fn close(&mut self, _: &Item, standing: Standing) -> Result<(), PortError> {
        if let Some(issue) = &self.copy {
            self.put_away(issue, standing).await?;
        }
        match &self.version {
            Some(version) if standing == Standing::Completed => self.mark_released(version).await,
            Some(_) | None => Ok(()),
        }
    }
}

#[async_trait]
impl Tracker for Jira {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> TrackerCapabilities {
        CAPABILITIES
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        reconcile::publish(&mut self.remote(publication.subject()), publication).await
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        reconcile::find(&mut self.remote(subject)).await
    }
}
