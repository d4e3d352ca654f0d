use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{
        PhaseState, Placement, PortError, PortErrorKind, Publication, Published, ReleaseTag, Subject,
        Tracker, TrackerCapabilities,
    },
    unit::Span,
};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK},
};
use serde::de::DeserializeOwned;

use super::wire;
use crate::tracker::{
    api::{Api, MOST_PAGES, Removal},
    reconcile::{
        self, Draft, FileNames, Item, NewFile, Part, Profile, Remote, RemoteFile, Sight, Status, StatusWords,
    },
    text::{Page, holds_a_section, line_ends},
};

pub(super) const NAME: &str = "github";

const FIND: &str = "find the release";
const WRITE: &str = "write the release";
const FILES: &str = "list the files";
const UPLOAD: &str = "upload a file";
const REMOVE: &str = "delete an old file";
const STATUS: &str = "set a commit status";
const TAG: &str = "find the tagged commit";

/// The version of the API that the requests are written for.
const API_VERSION: &str = "2022-11-28";

const PROFILE: Profile = Profile {
    adapter: NAME,
    // GitHub takes at most 125,000 characters of text.
    capabilities: TrackerCapabilities::new(125_000).with_phases(Placement::OfItsOwn),
    // GitHub cuts nothing here; more than this is not a title.
    title_chars: 250,
    // Two comments, each with a release id; one with a key, a number and a hash besides.
    marker_chars: 600,
    // GitHub takes at most 140 characters in a status.
    status_chars: 140,
    status_words: StatusWords::Latest,
    state_name,
    file_names: FileNames::Shared,
    // A release is found by its tag at once.
    settle: Span::ZERO,
};

/// How many entries GitHub gives on one page at most.
const PER_PAGE: &str = "100";

/// What GitHub says where a name is taken.
const TAKEN: &str = "already_exists";

/// What a label of ours has before the file's hash.
const LABEL: &str = " (SHA-256 ";

/// A [`Tracker`] that keeps copies on GitHub Releases. See the [module](super).
pub struct GitHub {
    api: Api,
    uploads: Api,
    owner: String,
    repository: String,
}

impl GitHub {
    pub(super) fn new(api: Api, uploads: Api, owner: String, repository: String) -> Self {
        Self { api, uploads, owner, repository }
    }

    fn remote<'a>(&'a self, subject: &'a Subject) -> GitHubRemote<'a> {
        GitHubRemote { github: self, subject, commit: String::new(), statuses: Vec::new() }
    }

    fn of(&self, api: &Api, method: Method, segments: &[&str]) -> RequestBuilder {
        let place = ["repos", &self.owner, &self.repository];
        api.request(method, &[&place, segments].concat())
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION)
    }

    fn to(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.of(&self.api, method, segments)
    }

    fn page(&self, segments: &[&str], page: u32) -> RequestBuilder {
        let query = [("per_page", PER_PAGE), ("page", &page.to_string())];
        self.to(Method::GET, segments).query(&query)
    }

    /// Every entry of a list that comes in pages.
    async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        segments: &[&str],
    ) -> Result<Vec<T>, PortError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let (entries, headers) = self.api.ask::<Vec<T>>(operation, self.page(segments, page)).await?;
            all.extend(entries);
            if !has_next(&headers) {
                return Ok(all);
            }
        }
        Err(self.api.endless(operation))
    }

    /// The release of the tag; `None` where a repository that the token may see has none.
    async fn release(&self, tag: &ReleaseTag) -> Result<Option<wire::Release>, PortError> {
        let by_tag = self.to(Method::GET, &["releases", "tags", tag.as_str()]);
        if let Some(release) = self.api.look_up(FIND, by_tag).await? {
            return Ok(Some(release));
        }
        // A copy that a person has turned into a draft has no address by its tag any more. And GitHub answers 404 for
        // what the token may not see, too: then the list of releases is an error.
        let all: Vec<wire::Release> = self.all(FIND, &["releases"]).await?;
        let ours = |release: &wire::Release| {
            release.tag_name == tag.as_str() && holds_a_section(release.body.as_deref().unwrap_or_default())
        };
        Ok(all.into_iter().find(ours))
    }

    /// The tagged commit, and the latest status of each context on it.
    async fn tagged(&self, tag: &ReleaseTag) -> Result<(String, Vec<wire::Status>), PortError> {
        let segments: Vec<&str> =
            ["commits", "tags"].into_iter().chain(tag.as_str().split('/')).chain(["status"]).collect();
        let mut statuses = Vec::new();
        for page in 1..=MOST_PAGES {
            let reply = self.api.send(TAG, self.page(&segments, page)).await?;
            if reply.status == StatusCode::NOT_FOUND {
                let detail = format!(
                    "there is no tag {tag} in {}/{}, or the token may not see it: push the tag first",
                    self.owner, self.repository
                );
                return Err(self.api.error(TAG, PortErrorKind::Rejected, detail));
            }
            let reply = self.api.accept(TAG, reply)?;
            let combined: wire::CombinedStatus = self.api.read(TAG, &reply)?;
            statuses.extend(combined.statuses);
            if !has_next(&reply.headers) {
                return Ok((combined.sha, statuses));
            }
        }
        Err(self.api.endless(TAG))
    }
}

/// Whether there is another page, from `Link` as RFC 8288 has it.
fn has_next(headers: &HeaderMap) -> bool {
    headers.get_all(LINK).iter().any(|link| link.to_str().is_ok_and(|link| link.contains("rel=\"next\"")))
}

/// One release on GitHub.
struct GitHubRemote<'a> {
    github: &'a GitHub,
    subject: &'a Subject,
    /// The tagged commit, once it is known.
    commit: String,
    /// The latest status of each context on it. GitHub gives both with one answer.
    statuses: Vec<wire::Status>,
}

impl GitHubRemote<'_> {
    fn item(&self, release: wire::Release) -> Item {
        let text = release.body.unwrap_or_default();
        Item {
            id: release.id.to_string(),
            url: release.html_url,
            title: release.name,
            page: Page::shared(&text, &self.subject.release),
            text: line_ends(&text),
            is_prerelease: Some(release.prerelease),
        }
    }
}

#[async_trait]
impl Remote for GitHubRemote<'_> {
    fn profile(&self) -> Profile {
        PROFILE
    }

    async fn prepare(&mut self) -> Result<(), PortError> {
        (self.commit, self.statuses) = self.github.tagged(&self.subject.tag).await?;
        Ok(())
    }

    async fn find(&mut self, _: Part<'_>) -> Result<Sight, PortError> {
        let release = self.github.release(&self.subject.tag).await?;
        Ok(release.map_or(Sight::Never, |release| Sight::There(Box::new(self.item(release)))))
    }

    async fn create(&mut self, _: Part<'_>, draft: &Draft) -> Result<Item, PortError> {
        let api = &self.github.api;
        let text = draft.page.to_string();
        let new = wire::ReleaseText::new(Some(self.subject.tag.as_str()), draft, &text);
        let reply = api.send(WRITE, self.github.to(Method::POST, &["releases"]).json(&new)).await?;
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY
            && String::from_utf8_lossy(&reply.body).contains(TAKEN)
        {
            return Err(api.conflict(WRITE, "a release for the tag", &reply));
        }
        let reply = api.accept(WRITE, reply)?;
        Ok(self.item(api.read(WRITE, &reply)?))
    }

    async fn update(&mut self, _: Part<'_>, there: &Item, draft: &Draft) -> Result<Item, PortError> {
        let text = draft.page.to_string();
        let change = wire::ReleaseText::new(None, draft, &text);
        let request = self.github.to(Method::PATCH, &["releases", &there.id]).json(&change);
        let (release, _) = self.github.api.ask(WRITE, request).await?;
        Ok(self.item(release))
    }

    async fn files(&mut self, copy: &Item) -> Result<Vec<RemoteFile>, PortError> {
        let files: Vec<wire::Asset> = self.github.all(FILES, &["releases", &copy.id, "assets"]).await?;
        Ok(files.into_iter().map(file).collect())
    }

    async fn upload(&mut self, copy: &Item, file: &NewFile<'_>) -> Result<(), PortError> {
        let api = &self.github.uploads;
        let label = format!("{}{LABEL}{})", file.name, file.short_hash());
        let request = self
            .github
            .of(api, Method::POST, &["releases", &copy.id, "assets"])
            .query(&[("name", &file.name), ("label", &label)])
            .header(CONTENT_TYPE, &file.asset.media_type)
            .body(file.asset.bytes.clone());
        let reply = api.send(UPLOAD, request).await?;
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Err(api.conflict(UPLOAD, &format!("a file {}", file.name), &reply));
        }
        api.accept(UPLOAD, reply).map(drop)
    }

    async fn remove(&mut self, file: &RemoteFile) -> Result<Removal, PortError> {
        let request = self.github.to(Method::DELETE, &["releases", "assets", &file.id]);
        self.github.api.remove(REMOVE, request).await
    }

    async fn statuses(&mut self) -> Result<Vec<Status>, PortError> {
        let status = |status: &wire::Status| Status {
            name: status.context.clone(),
            state: status.state.clone(),
            words: status.description.clone().unwrap_or_default(),
        };
        Ok(self.statuses.iter().map(status).collect())
    }

    async fn set_status(&mut self, copy: &Item, status: &Status) -> Result<(), PortError> {
        let new = wire::NewStatus {
            state: &status.state,
            context: &status.name,
            description: &status.words,
            target_url: &copy.url,
        };
        let request = self.github.to(Method::POST, &["statuses", &self.commit]).json(&new);
        self.github.api.done(STATUS, request).await.map(drop)
    }
}

/// A file as GitHub lists it.
fn file(asset: wire::Asset) -> RemoteFile {
    let is_whole = asset.state == "uploaded";
    let label = asset.label.unwrap_or_default();
    let noted = label.split_once(LABEL).and_then(|(_, hash)| hash.strip_suffix(')'));
    RemoteFile {
        id: asset.id.to_string(),
        name: asset.name,
        size: asset.size,
        // Half an upload has no label yet; a whole file without one was put there by a person.
        is_ours: if label.is_empty() { !is_whole } else { noted.is_some() },
        hash: match asset.digest {
            Some(digest) => digest.strip_prefix("sha256:").map(str::to_owned),
            None => noted.map(str::to_owned),
        },
        is_whole,
    }
}

/// What GitHub calls the state of a phase.
fn state_name(state: PhaseState) -> &'static str {
    match state {
        PhaseState::UnderWay => "pending",
        PhaseState::Passed => "success",
        PhaseState::Failed => "failure",
    }
}

#[async_trait]
impl Tracker for GitHub {
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

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("repository", &format_args!("{}/{}", self.owner, self.repository))
            .finish_non_exhaustive()
    }
}
