use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{
        PhaseState, Placement, PortError, PortErrorKind, Publication, Published, ReleaseTag, Retry, Standing,
        Subject, Tracker, TrackerCapabilities,
    },
    unit::Span,
};
use reqwest::{Method, RequestBuilder, StatusCode, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use super::{
    evidence::{Evidence, Snapshot},
    wire,
};
use crate::tracker::{
    api::{Api, MOST_PAGES, Removal},
    reconcile::{
        self, Draft, FileNames, Item, NewFile, Part, Patience, Profile, Remote, RemoteFile, Sight, Status,
        StatusWords,
    },
    text::{Page, Section, line_ends},
};

pub(super) const NAME: &str = "gitlab";

const FIND: &str = "find the release";
const WRITE: &str = "write the release";
const FILES: &str = "list the files";
const UPLOAD: &str = "upload a file";
const REMOVE: &str = "delete an old file";
const LINK: &str = "link a file";
const STATUS: &str = "set a commit status";
const TAG: &str = "find the tagged commit";
const EVIDENCE: &str = "ask for release evidence";

const PROFILE: Profile = Profile {
    adapter: NAME,
    // GitLab takes at most a million characters of text.
    capabilities: TrackerCapabilities::new(1_000_000).with_phases(Placement::OfItsOwn),
    // GitLab takes at most 255 characters in a name.
    title_chars: 250,
    // Two comments with a release id, a key, a number and a hash between them; and one about the snapshot.
    marker_chars: 1_000,
    // GitLab keeps 255 characters of a status.
    status_chars: 255,
    status_words: StatusWords::First,
    state_name,
    file_names: FileNames::Hashed,
    // A release is found by its tag at once.
    settle: Span::ZERO,
};

/// How many entries GitLab gives on one page at most.
const PER_PAGE: &str = "100";

/// The generic package of a project in which the files are.
const PACKAGE: &str = "relman";

/// A [`Tracker`] that keeps copies on GitLab Releases. See the [module](super).
pub struct GitLab {
    api: Api,
    project: String,
    evidence: Evidence,
    settle: Span,
    upload_timeout: Span,
}

impl GitLab {
    pub(super) fn new(
        api: Api,
        project: String,
        evidence: Evidence,
        settle: Span,
        upload_timeout: Span,
    ) -> Self {
        Self { api, project, evidence, settle, upload_timeout }
    }

    fn remote<'a>(&'a self, subject: &'a Subject) -> GitLabRemote<'a> {
        GitLabRemote {
            gitlab: self,
            subject,
            commit: String::new(),
            snapshots: 0,
            snapshot: None,
            package: None,
            links: Vec::new(),
        }
    }

    fn to(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.api.request(method, &[&["projects", &self.project], segments].concat())
    }

    /// Every entry of a list that comes in pages.
    async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, PortError> {
        let mut all = Vec::new();
        let mut page = "1".to_owned();
        for _ in 0..MOST_PAGES {
            let request = self
                .to(Method::GET, segments)
                .query(query)
                .query(&[("per_page", PER_PAGE), ("page", page.as_str())]);
            let (entries, headers) = self.api.ask::<Vec<T>>(operation, request).await?;
            all.extend(entries);
            // Empty on the last page.
            match headers.get("x-next-page").and_then(|next| next.to_str().ok()).map(str::trim) {
                None | Some("") => return Ok(all),
                Some(next) => next.clone_into(&mut page),
            }
        }
        Err(self.api.endless(operation))
    }

    /// The release of the tag; `None` where a project that the token may see has none.
    async fn release(&self, tag: &ReleaseTag) -> Result<Option<wire::Release>, PortError> {
        let by_tag = self.to(Method::GET, &["releases", tag.as_str()]);
        if let Some(release) = self.api.look_up(FIND, by_tag).await? {
            return Ok(Some(release));
        }
        // GitLab answers 404 for what the token may not see, too: then the list of releases is an error.
        let list = self.to(Method::GET, &["releases"]).query(&[("per_page", "1")]);
        self.api.done(FIND, list).await?;
        Ok(None)
    }
}

/// One release on GitLab.
struct GitLabRemote<'a> {
    gitlab: &'a GitLab,
    subject: &'a Subject,
    /// The tagged commit, once it is known.
    commit: String,
    /// How many snapshots the release had when it was last read.
    snapshots: usize,
    /// What an earlier attempt noted about the snapshot at the end of the release.
    snapshot: Option<Snapshot>,
    /// The package that holds the files, where there is one.
    package: Option<String>,
    links: Vec<wire::Link>,
}

impl GitLabRemote<'_> {
    fn item(&mut self, release: wire::Release) -> Item {
        self.snapshots = release.evidences.len();
        let tag = self.subject.tag.as_str();
        let api = &self.gitlab.api;
        let address = || api.address(&["projects", &self.gitlab.project, "releases", tag]);
        let text = release.description.unwrap_or_default();
        Item {
            id: tag.to_owned(),
            url: release.links.page.unwrap_or_else(address),
            title: release.name,
            page: Page::shared(&text, &self.subject.release),
            text: line_ends(&text),
            is_prerelease: None,
        }
    }

    /// The version of the package that holds the files of this release.
    fn version(&self) -> String {
        format!("release-{}", self.subject.release)
    }

    /// Writes the copy with another note about the snapshot.
    async fn note(
        &self,
        copy: &Item,
        section: &Section,
        old: Snapshot,
        new: Snapshot,
    ) -> Result<(), PortError> {
        let text = section.text.replace(&old.to_string(), &new.to_string());
        let description = copy.page.clone().with(section.marker.clone(), text).to_string();
        let change = wire::ReleaseText { tag_name: None, name: None, description: &description };
        let request = self.gitlab.to(Method::PUT, &["releases", &copy.id]).json(&change);
        self.gitlab.api.done(WRITE, request).await.map(drop)
    }

    /// Whether the release shows more snapshots than before, within the time that GitLab may need to take one.
    async fn shows_more(&self, before: usize) -> Result<bool, PortError> {
        let mut patience = Patience::new(self.gitlab.settle);
        while patience.wait().await {
            let release = self.gitlab.release(&self.subject.tag).await?;
            if release.is_some_and(|release| release.evidences.len() > before) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl Remote for GitLabRemote<'_> {
    fn profile(&self) -> Profile {
        PROFILE
    }

    async fn prepare(&mut self) -> Result<(), PortError> {
        let tag = &self.subject.tag;
        let request = self.gitlab.to(Method::GET, &["repository", "tags", tag.as_str()]);
        if let Some(tag) = self.gitlab.api.look_up::<wire::Tag>(TAG, request).await? {
            self.commit = tag.commit.id;
            return Ok(());
        }
        let detail = format!(
            "there is no tag {tag} in {}, or the token may not see it: push the tag first",
            self.gitlab.project
        );
        Err(self.gitlab.api.error(TAG, PortErrorKind::Rejected, detail))
    }

    async fn find(&mut self, _: Part<'_>) -> Result<Sight, PortError> {
        let Some(release) = self.gitlab.release(&self.subject.tag).await? else { return Ok(Sight::Never) };
        Ok(Sight::There(Box::new(self.item(release))))
    }

    async fn create(&mut self, _: Part<'_>, draft: &Draft) -> Result<Item, PortError> {
        let api = &self.gitlab.api;
        let text = draft.page.to_string();
        let new = wire::ReleaseText {
            tag_name: Some(self.subject.tag.as_str()),
            name: draft.title.as_deref(),
            description: &text,
        };
        let reply = api.send(WRITE, self.gitlab.to(Method::POST, &["releases"]).json(&new)).await?;
        if reply.status == StatusCode::CONFLICT {
            return Err(api.conflict(WRITE, "a release for the tag", &reply));
        }
        let reply = api.accept(WRITE, reply)?;
        let release = api.read(WRITE, &reply)?;
        Ok(self.item(release))
    }

    async fn update(&mut self, _: Part<'_>, there: &Item, draft: &Draft) -> Result<Item, PortError> {
        let text = draft.page.to_string();
        let change = wire::ReleaseText { tag_name: None, name: draft.title.as_deref(), description: &text };
        let request = self.gitlab.to(Method::PUT, &["releases", &there.id]).json(&change);
        let (release, _) = self.gitlab.api.ask(WRITE, request).await?;
        Ok(self.item(release))
    }

    fn footer(&mut self, there: Option<&Item>, standing: Standing) -> Option<String> {
        self.snapshot = there.and_then(|item| Snapshot::read(&item.page.section()?.text));
        let is_wanted = self.gitlab.evidence.is_wanted(standing);
        let noted = self.snapshot.or_else(|| is_wanted.then_some(Snapshot::BeingAsked(self.snapshots)));
        noted.map(|snapshot| snapshot.to_string())
    }

    async fn files(&mut self, copy: &Item) -> Result<Vec<RemoteFile>, PortError> {
        let version = self.version();
        let query = [("package_type", "generic"), ("package_name", PACKAGE), ("package_version", &version)];
        let packages: Vec<wire::Package> = self.gitlab.all(FILES, &["packages"], &query).await?;
        // The filter finds names that are only similar.
        let ours = packages.iter().find(|package| package.name == PACKAGE && package.version == version);
        self.package = ours.map(|package| package.id.to_string());
        let files: Vec<wire::PackageFile> = match &self.package {
            Some(package) => self.gitlab.all(FILES, &["packages", package, "package_files"], &[]).await?,
            None => Vec::new(),
        };
        self.links = self.gitlab.all(FILES, &["releases", &copy.id, "assets", "links"], &[]).await?;
        Ok(files.into_iter().map(file).collect())
    }

    async fn upload(&mut self, _: &Item, file: &NewFile<'_>) -> Result<(), PortError> {
        let request = self
            .gitlab
            .to(Method::PUT, &["packages", "generic", PACKAGE, &self.version(), &file.name])
            .timeout(self.gitlab.upload_timeout.to_std())
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(file.asset.bytes.clone());
        self.gitlab.api.done(UPLOAD, request).await.map(drop)
    }

    /// Links to the file under the name that people know it by.
    async fn show(&mut self, copy: &Item, file: &NewFile<'_>) -> Result<(), PortError> {
        let GitLab { api, project, .. } = self.gitlab;
        let url =
            api.address(&["projects", project, "packages", "generic", PACKAGE, &self.version(), &file.name]);
        let name = format!("{}.{}", self.subject.release, file.asset.name);
        let links = ["releases", &copy.id, "assets", "links"];
        let request = match self.links.iter().find(|link| link.name == name) {
            Some(link) if link.url == url => return Ok(()),
            Some(link) => self.gitlab.to(Method::PUT, &[&links[..], &[&link.id.to_string()]].concat()),
            None => self.gitlab.to(Method::POST, &links),
        };
        let text = wire::LinkText { name: &name, url: &url, link_type: "other" };
        api.done(LINK, request.json(&text)).await.map(drop)
    }

    /// Only a Maintainer may.
    async fn remove(&mut self, file: &RemoteFile) -> Result<Removal, PortError> {
        let Some(package) = &self.package else { return Ok(Removal::Gone) };
        let request = self.gitlab.to(Method::DELETE, &["packages", package, "package_files", &file.id]);
        self.gitlab.api.remove(REMOVE, request).await
    }

    async fn statuses(&mut self) -> Result<Vec<Status>, PortError> {
        let commit = ["repository", "commits", &self.commit, "statuses"];
        let statuses: Vec<wire::Status> = self.gitlab.all(STATUS, &commit, &[]).await?;
        let status = |status: wire::Status| Status {
            name: status.name,
            state: status.status,
            // Not compared: they stay what they were.
            words: String::new(),
        };
        Ok(statuses.into_iter().map(status).collect())
    }

    async fn set_status(&mut self, copy: &Item, status: &Status) -> Result<(), PortError> {
        let api = &self.gitlab.api;
        let new = wire::NewStatus {
            state: &status.state,
            git_ref: self.subject.tag.as_str(),
            name: &status.name,
            description: &status.words,
            target_url: &copy.url,
        };
        let request = self.gitlab.to(Method::POST, &["statuses", &self.commit]).json(&new);
        let reply = api.send(STATUS, request).await?;
        if reply.status == StatusCode::CONFLICT {
            let detail = format!("another client is changing it right now: {}", api.excerpt(&reply));
            return Err(api.error(STATUS, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
        }
        api.accept(STATUS, reply).map(drop)
    }

    /// Asks for a snapshot unless it was taken, and notes that it was asked for.
    async fn close(&mut self, copy: &Item, standing: Standing) -> Result<(), PortError> {
        let Some(section) = copy.page.section().filter(|_| self.gitlab.evidence.is_wanted(standing)) else {
            return Ok(());
        };
        let noted = Snapshot::read(&section.text);
        let Some(begun @ Snapshot::BeingAsked(before)) = noted else { return Ok(()) };
        // Only an attempt before this one can have asked already.
        let may_be_late = self.snapshot == noted;
        let is_taken = self.snapshots > before || (may_be_late && self.shows_more(before).await?);
        if !is_taken {
            let request = self.gitlab.to(Method::POST, &["releases", &copy.id, "evidence"]);
            self.gitlab.api.done(EVIDENCE, request).await?;
        }
        self.note(copy, section, begun, Snapshot::Asked).await
    }
}

/// A file as GitLab lists it.
fn file(file: wire::PackageFile) -> RemoteFile {
    RemoteFile {
        id: file.id.to_string(),
        name: file.file_name,
        size: file.size,
        hash: file.file_sha256,
        is_whole: true,
        // The package is relman's.
        is_ours: true,
    }
}

/// What GitLab calls the state of a phase.
fn state_name(state: PhaseState) -> &'static str {
    match state {
        PhaseState::UnderWay => "running",
        PhaseState::Passed => "success",
        PhaseState::Failed => "failed",
    }
}

#[async_trait]
impl Tracker for GitLab {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> TrackerCapabilities {
        PROFILE.capabilities
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        reconcile::publish(&mut self.remote(publication.subject()), publication).await
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        reconcile::find(&mut self.remote(subject)).await
    }
}

impl fmt::Debug for GitLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitLab")
            .field("project", &self.project)
            .field("evidence", &self.evidence)
            .finish_non_exhaustive()
    }
}
