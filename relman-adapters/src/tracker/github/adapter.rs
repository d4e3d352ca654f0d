use std::fmt;

use async_trait::async_trait;
use relman_core::port::{
    Asset, PhaseState, PhaseStatus, Place, PortError, PortErrorKind, Publication, Published, ReleaseTag,
    Retry, Standing, Subject, Tracker, TrackerCapabilities,
};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK},
};
use serde::de::DeserializeOwned;

use super::wire;
use crate::tracker::{
    api::{Api, MOST_PAGES, sha256},
    text::{BODY, Marker, Sectioned, compose, holds_a_section, line},
};

pub(super) const NAME: &str = "github";

const FIND: &str = "find the release";
const WRITE: &str = "write the release";
const FILES: &str = "look at the files";
const UPLOAD: &str = "upload a file";
const REMOVE: &str = "take an old file away";
const STATUS: &str = "set a commit status";
const TAG: &str = "look at the tagged commit";

/// The version of the API that the requests are written for.
const API_VERSION: &str = "2022-11-28";

/// GitHub takes at most 125,000 characters of text.
const BODY_CHARS: usize = 125_000;

/// GitHub takes at most 140 characters in a status.
const STATUS_CHARS: usize = 140;

/// How many entries GitHub gives on one page at most.
const PER_PAGE: &str = "100";

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

    fn of(&self, api: &Api, method: Method, segments: &[&str]) -> RequestBuilder {
        let place = ["repos", &self.owner, &self.repository];
        api.request(method, &[&place, segments].concat())
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION)
    }

    fn to(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.of(&self.api, method, segments)
    }

    /// Every entry of a list that comes in pages.
    async fn all<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        segments: &[&str],
    ) -> Result<Vec<T>, PortError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let request = self
                .to(Method::GET, segments)
                .query(&[("per_page", PER_PAGE), ("page", page.to_string().as_str())]);
            let (entries, headers) = self.api.ask::<Vec<T>>(operation, request).await?;
            all.extend(entries);
            if !has_next(&headers) {
                return Ok(all);
            }
        }
        Err(self.endless(operation))
    }

    fn endless(&self, operation: &'static str) -> PortError {
        self.api.error(operation, PortErrorKind::InvalidAnswer, format!("more than {MOST_PAGES} pages"))
    }

    /// The release of the tag; nothing where there is none in a repository that can be seen.
    async fn release(&self, tag: &ReleaseTag) -> Result<Option<wire::Release>, PortError> {
        let by_tag = self.to(Method::GET, &["releases", "tags", tag.as_str()]);
        if let Some(release) = self.api.look_up(FIND, by_tag).await? {
            return Ok(Some(release));
        }
        // A copy that somebody has turned into a draft has no address by its tag any more. And GitHub answers 404 for
        // what may not be seen, too: then the list of releases is an error.
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
            let request = self
                .to(Method::GET, &segments)
                .query(&[("per_page", PER_PAGE), ("page", page.to_string().as_str())]);
            let reply = self.api.send(TAG, request).await?;
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
        Err(self.endless(TAG))
    }

    /// Makes the release, or brings its text up to date.
    async fn write(
        &self,
        publication: &Publication,
        found: Option<(wire::Release, Sectioned)>,
    ) -> Result<wire::Release, PortError> {
        let subject = publication.subject();
        let marker = Marker::new(&subject.release, BODY, publication.head());
        let title = line(publication.title(), 250);
        let prerelease = publication.standing() != Standing::Completed;
        let make_latest = if prerelease { "false" } else { "legacy" };
        let Some((release, text)) = found else {
            let body = Sectioned::parse("", &subject.release).with(&marker, &self.inside(publication, 0)?);
            let new = wire::ReleaseText {
                tag_name: Some(subject.tag.as_str()),
                name: Some(&title),
                body: &body,
                prerelease: Some(prerelease),
                make_latest: Some(make_latest),
            };
            return self.create(&new).await;
        };
        let body = text.with(&marker, &self.inside(publication, text.others_chars())?);
        let ours = text.names_the_whole();
        let current = release.body.as_deref().unwrap_or_default().replace("\r\n", "\n") == body
            && (!ours
                || (release.name.as_deref() == Some(title.as_str()) && release.prerelease == prerelease));
        if current {
            return Ok(release);
        }
        let change = wire::ReleaseText {
            tag_name: None,
            name: ours.then_some(title.as_str()),
            body: &body,
            prerelease: ours.then_some(prerelease),
            make_latest: ours.then_some(make_latest),
        };
        let id = release.id.to_string();
        let request = self.to(Method::PATCH, &["releases", &id]).json(&change);
        Ok(self.api.ask(WRITE, request).await?.0)
    }

    async fn create(&self, new: &wire::ReleaseText<'_>) -> Result<wire::Release, PortError> {
        let reply = self.api.send(WRITE, self.to(Method::POST, &["releases"]).json(new)).await?;
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY
            && String::from_utf8_lossy(&reply.body).contains(TAKEN)
        {
            // Made a moment ago by a request whose answer was lost, and not to be seen everywhere yet.
            let detail = format!(
                "there is a release for the tag that was not found before: {}",
                self.api.excerpt(&reply)
            );
            return Err(self.api.error(WRITE, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
        }
        let reply = self.api.accept(WRITE, reply)?;
        self.api.read(WRITE, &reply)
    }

    /// The text of the section, as long as the text around it allows.
    fn inside(&self, publication: &Publication, others: usize) -> Result<String, PortError> {
        // The markers themselves need some of it.
        let room = BODY_CHARS.saturating_sub(others + 2 * MARKER_CHARS);
        compose(publication, self.capabilities(), room)
            .map_err(|problem| self.api.error(WRITE, PortErrorKind::Rejected, problem.to_string()))
    }

    /// Uploads a file unless it is there.
    async fn put_asset(
        &self,
        release: &wire::Release,
        there: &[wire::Asset],
        subject: &Subject,
        asset: &Asset,
    ) -> Result<(), PortError> {
        let name = format!("{}.{}", subject.release, asset.name);
        let digest = sha256(&asset.bytes);
        let label = format!("{name}{LABEL}{})", &digest[..16]);
        if let Some(old) = there.iter().find(|old| old.name == name) {
            let uploaded = old.state == "uploaded" && old.size == asset.bytes.len() as u64;
            let same = match &old.digest {
                Some(old) => *old == format!("sha256:{digest}"),
                None => old.label.as_deref() == Some(label.as_str()),
            };
            if uploaded && same {
                return Ok(());
            }
            // Half an upload has no label yet; a whole file without one was put there by a person.
            let ours = match old.label.as_deref().unwrap_or_default() {
                "" => old.state != "uploaded",
                label => label.contains(LABEL),
            };
            if !ours {
                let detail = format!("somebody else's file is called {name}: rename it");
                return Err(self.api.error(UPLOAD, PortErrorKind::Rejected, detail));
            }
            let old = old.id.to_string();
            let request = self.to(Method::DELETE, &["releases", "assets", &old]);
            self.api.remove(REMOVE, request).await?;
        }
        let id = release.id.to_string();
        let request = self
            .of(&self.uploads, Method::POST, &["releases", &id, "assets"])
            .query(&[("name", &name), ("label", &label)])
            .header(CONTENT_TYPE, &asset.media_type)
            .body(asset.bytes.clone());
        let reply = self.uploads.send(UPLOAD, request).await?;
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY {
            // It was not in the list a moment ago. The next attempt looks again.
            let detail =
                format!("there is a file {name} that was not listed: {}", self.uploads.excerpt(&reply));
            return Err(self.uploads.error(UPLOAD, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
        }
        self.uploads.accept(UPLOAD, reply).map(drop)
    }

    /// Adds a status unless the latest one of its context says the same.
    async fn put_status(
        &self,
        release: &wire::Release,
        sha: &str,
        there: &[wire::Status],
        subject: &Subject,
        phase: &PhaseStatus,
    ) -> Result<(), PortError> {
        let context = format!("relman/{}/{}", subject.release, phase.key);
        let description = line(&phase.summary, STATUS_CHARS);
        let state = match phase.state {
            PhaseState::UnderWay => "pending",
            PhaseState::Passed => "success",
            PhaseState::Failed => "failure",
        };
        let said = there.iter().find(|status| status.context == context).is_some_and(|status| {
            status.state == state && status.description.as_deref().unwrap_or_default() == description
        });
        if said {
            return Ok(());
        }
        let new = wire::NewStatus {
            state,
            context: &context,
            description: &description,
            target_url: &release.html_url,
        };
        self.api.done(STATUS, self.to(Method::POST, &["statuses", sha]).json(&new)).await.map(drop)
    }
}

/// What GitHub says where a name is taken.
const TAKEN: &str = "already_exists";

/// What a label of ours has before the file's hash.
const LABEL: &str = " (SHA-256 ";

/// The longest marker: a release id, a key, a number, a hash and the comment around them.
const MARKER_CHARS: usize = 300;

/// Whether there is another page, from `Link` as RFC 8288 has it.
fn has_next(headers: &HeaderMap) -> bool {
    headers.get_all(LINK).iter().any(|link| link.to_str().is_ok_and(|link| link.contains("rel=\"next\"")))
}

#[async_trait]
impl Tracker for GitHub {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> TrackerCapabilities {
        TrackerCapabilities {
            notes: Place::InTheBody,
            post_mortems: Place::InTheBody,
            phases: Place::OfItsOwn,
            body_chars: BODY_CHARS,
        }
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        let subject = publication.subject();
        let (sha, statuses) = self.tagged(&subject.tag).await?;
        let found = self.release(&subject.tag).await?.map(|release| {
            let text = Sectioned::of(release.body.as_deref().unwrap_or_default(), &subject.release);
            (release, text)
        });
        if let Some((release, text)) = &found
            && let Some(head) = text.head().filter(|head| head.seq > publication.head().seq)
        {
            return Ok(Published { url: release.html_url.clone(), head });
        }
        let release = self.write(publication, found).await?;
        if !publication.assets().is_empty() {
            let id = release.id.to_string();
            let there = self.all(FILES, &["releases", &id, "assets"]).await?;
            for asset in publication.assets() {
                self.put_asset(&release, &there, subject, asset).await?;
            }
        }
        for phase in publication.phases() {
            self.put_status(&release, &sha, &statuses, subject, phase).await?;
        }
        Ok(Published { url: release.html_url, head: publication.head() })
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        let Some(release) = self.release(&subject.tag).await? else { return Ok(None) };
        let text = Sectioned::parse(release.body.as_deref().unwrap_or_default(), &subject.release);
        Ok(text.head().map(|head| Published { url: release.html_url, head }))
    }
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("repository", &format_args!("{}/{}", self.owner, self.repository))
            .finish_non_exhaustive()
    }
}
