use std::fmt;

use async_trait::async_trait;
use relman_core::{
    port::{
        Asset, AssetName, PhaseState, PhaseStatus, Place, PortError, PortErrorKind, Publication, Published,
        ReleaseTag, Retry, Standing, Subject, Tracker, TrackerCapabilities,
    },
    unit::{ReleaseId, Span},
};
use reqwest::{Method, RequestBuilder, StatusCode, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tracing::info;

use super::{Evidence, snapshot::Snapshot, wire};
use crate::tracker::{
    api::{Api, MOST_PAGES, sha256},
    stored::{is_other_version, stored_name},
    text::{BODY, Marker, Sectioned, compose, line},
};

pub(super) const NAME: &str = "gitlab";

const FIND: &str = "find the release";
const WRITE: &str = "write the release";
const FILES: &str = "look at the files";
const UPLOAD: &str = "upload a file";
const REMOVE: &str = "take an old file away";
const LINK: &str = "link a file";
const STATUS: &str = "set a commit status";
const TAG: &str = "look at the tagged commit";
const EVIDENCE: &str = "ask for release evidence";

/// GitLab takes at most a million characters of text.
const BODY_CHARS: usize = 1_000_000;

/// GitLab keeps 255 characters of a status.
const STATUS_CHARS: usize = 255;

/// How many entries GitLab gives on one page at most.
const PER_PAGE: &str = "100";

/// How often a release is looked at while it may not show a snapshot yet.
const LOOKS: u64 = 6;

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
        Err(self.api.error(operation, PortErrorKind::InvalidAnswer, format!("more than {MOST_PAGES} pages")))
    }

    /// The tagged commit.
    async fn tagged(&self, tag: &ReleaseTag) -> Result<String, PortError> {
        let request = self.to(Method::GET, &["repository", "tags", tag.as_str()]);
        if let Some(tag) = self.api.look_up::<wire::Tag>(TAG, request).await? {
            return Ok(tag.commit.id);
        }
        let detail = format!(
            "there is no tag {tag} in {}, or the token may not see it: push the tag first",
            self.project
        );
        Err(self.api.error(TAG, PortErrorKind::Rejected, detail))
    }

    /// The release of the tag; nothing where there is none in a project that can be seen.
    async fn release(&self, tag: &ReleaseTag) -> Result<Option<wire::Release>, PortError> {
        let by_tag = self.to(Method::GET, &["releases", tag.as_str()]);
        if let Some(release) = self.api.look_up(FIND, by_tag).await? {
            return Ok(Some(release));
        }
        // GitLab answers 404 for what may not be seen, too: then the list of releases is an error.
        let list = self.to(Method::GET, &["releases"]).query(&[("per_page", "1")]);
        self.api.done(FIND, list).await?;
        Ok(None)
    }

    /// Makes the release, or brings its text up to date.
    async fn write(
        &self,
        publication: &Publication,
        found: Option<(wire::Release, Sectioned)>,
        snapshot: Option<Snapshot>,
    ) -> Result<wire::Release, PortError> {
        let subject = publication.subject();
        let marker = Marker::new(&subject.release, BODY, publication.head());
        let title = line(publication.title(), 250);
        let inside = |others: usize| {
            // The markers themselves need some of it.
            let room = BODY_CHARS.saturating_sub(others + 1_000);
            // The phases stand here as well: the words of a status can't be changed while its state stays the same.
            let places = TrackerCapabilities { phases: Place::InTheBody, ..self.capabilities() };
            let text = compose(publication, places, room)
                .map_err(|problem| self.api.error(WRITE, PortErrorKind::Rejected, problem.to_string()))?;
            Ok::<_, PortError>(match snapshot {
                Some(snapshot) => format!("{text}\n\n{snapshot}"),
                None => text,
            })
        };
        let Some((release, text)) = found else {
            let description = Sectioned::parse("", &subject.release).with(&marker, &inside(0)?);
            let new = wire::ReleaseText {
                tag_name: Some(subject.tag.as_str()),
                name: Some(&title),
                description: &description,
            };
            let reply = self.api.send(WRITE, self.to(Method::POST, &["releases"]).json(&new)).await?;
            if reply.status == StatusCode::CONFLICT {
                // Made a moment ago by a request whose answer was lost, and not to be seen everywhere yet.
                let detail = format!(
                    "there is a release for the tag that was not found before: {}",
                    self.api.excerpt(&reply)
                );
                return Err(self.api.error(WRITE, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
            }
            let reply = self.api.accept(WRITE, reply)?;
            return self.api.read(WRITE, &reply);
        };
        let description = text.with(&marker, &inside(text.others_chars())?);
        let ours = text.names_the_whole();
        let current = release.description.as_deref().unwrap_or_default().replace("\r\n", "\n") == description
            && (!ours || release.name.as_deref() == Some(title.as_str()));
        if current {
            return Ok(release);
        }
        let change = wire::ReleaseText {
            tag_name: None,
            name: ours.then_some(title.as_str()),
            description: &description,
        };
        let request = self.to(Method::PUT, &["releases", subject.tag.as_str()]).json(&change);
        Ok(self.api.ask(WRITE, request).await?.0)
    }

    /// The files of this release's package, with the number of the package.
    async fn files(&self, version: &str) -> Result<Option<(String, Vec<wire::PackageFile>)>, PortError> {
        let query = [("package_type", "generic"), ("package_name", PACKAGE), ("package_version", version)];
        let packages: Vec<wire::Package> = self.all(FILES, &["packages"], &query).await?;
        // The filter finds names that are only similar.
        let ours = packages.iter().find(|package| package.name == PACKAGE && package.version == version);
        let Some(package) = ours.map(|package| package.id.to_string()) else { return Ok(None) };
        let files = self.all(FILES, &["packages", &package, "package_files"], &[]).await?;
        Ok(Some((package, files)))
    }

    async fn put_assets(&self, publication: &Publication) -> Result<(), PortError> {
        let Subject { release, tag } = publication.subject();
        let version = format!("release-{release}");
        let there = self.files(&version).await?;
        let links: Vec<wire::Link> =
            self.all(FILES, &["releases", tag.as_str(), "assets", "links"], &[]).await?;
        for asset in publication.assets() {
            let files = there.as_ref().map_or(&[][..], |(_, files)| files);
            let stored = self.put_file(&version, files, asset).await?;
            self.put_link(publication.subject(), &version, &links, &asset.name, &stored).await?;
            if let Some((package, files)) = &there {
                for old in files.iter().filter(|file| is_other_version(&file.file_name, &asset.name, &stored))
                {
                    self.remove_file(package, release, old).await?;
                }
            }
        }
        Ok(())
    }

    /// Uploads a file unless it is there, and gives the name under which it is.
    async fn put_file(
        &self,
        version: &str,
        there: &[wire::PackageFile],
        asset: &Asset,
    ) -> Result<String, PortError> {
        let digest = sha256(&asset.bytes);
        let name = stored_name(asset);
        let whole = |file: &wire::PackageFile| {
            file.file_name == name
                && file.size == asset.bytes.len() as u64
                && file.file_sha256.as_ref().is_none_or(|there| *there == digest)
        };
        if there.iter().any(whole) {
            return Ok(name);
        }
        let request = self
            .to(Method::PUT, &["packages", "generic", PACKAGE, version, &name])
            .timeout(self.upload_timeout.to_std())
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(asset.bytes.clone());
        self.api.done(UPLOAD, request).await?;
        Ok(name)
    }

    /// Links to a file from the release, under the name that people know it by.
    async fn put_link(
        &self,
        Subject { release, tag }: &Subject,
        version: &str,
        there: &[wire::Link],
        name: &AssetName,
        stored: &str,
    ) -> Result<(), PortError> {
        let url =
            self.api.address(&["projects", &self.project, "packages", "generic", PACKAGE, version, stored]);
        let name = format!("{release}.{name}");
        let text = wire::LinkText { name: &name, url: &url, link_type: "other" };
        let links = ["releases", tag.as_str(), "assets", "links"];
        let request = match there.iter().find(|link| link.name == name) {
            Some(link) if link.url == url => return Ok(()),
            Some(link) => {
                let id = link.id.to_string();
                self.to(Method::PUT, &[&links[..], &[&id]].concat())
            }
            None => self.to(Method::POST, &links),
        };
        self.api.done(LINK, request.json(&text)).await.map(drop)
    }

    /// Takes the old version of a file away, where the token may.
    async fn remove_file(
        &self,
        package: &str,
        release: &ReleaseId,
        file: &wire::PackageFile,
    ) -> Result<(), PortError> {
        let id = file.id.to_string();
        let request = self.to(Method::DELETE, &["packages", package, "package_files", &id]);
        let reply = self.api.send(REMOVE, request).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(()),
            // Nothing links to it any more; only a Maintainer may take it away.
            StatusCode::FORBIDDEN if reply.retry_after.is_none() => {
                info!(%release, file = file.file_name, "the token may not take an old file away: it stays");
                Ok(())
            }
            _ => self.api.accept(REMOVE, reply).map(drop),
        }
    }

    /// Adds a status for each phase unless the latest of its name is the same.
    async fn put_statuses(&self, publication: &Publication, sha: &str, url: &str) -> Result<(), PortError> {
        if publication.phases().is_empty() {
            return Ok(());
        }
        let there: Vec<wire::Status> =
            self.all(STATUS, &["repository", "commits", sha, "statuses"], &[]).await?;
        for phase in publication.phases() {
            self.put_status(publication.subject(), &there, phase, sha, url).await?;
        }
        Ok(())
    }

    async fn put_status(
        &self,
        Subject { release, tag }: &Subject,
        there: &[wire::Status],
        phase: &PhaseStatus,
        sha: &str,
        url: &str,
    ) -> Result<(), PortError> {
        let name = format!("relman/{release}/{}", phase.key);
        let state = match phase.state {
            PhaseState::UnderWay => "running",
            PhaseState::Passed => "success",
            PhaseState::Failed => "failed",
        };
        // GitLab refuses a status that it has already.
        if there.iter().any(|status| status.name == name && status.status == state) {
            return Ok(());
        }
        let description = line(&phase.summary, STATUS_CHARS);
        let new = wire::NewStatus {
            state,
            git_ref: tag.as_str(),
            name: &name,
            description: &description,
            target_url: url,
        };
        let reply = self.api.send(STATUS, self.to(Method::POST, &["statuses", sha]).json(&new)).await?;
        if reply.status == StatusCode::CONFLICT {
            let detail = format!("somebody else is changing it just now: {}", self.api.excerpt(&reply));
            return Err(self.api.error(STATUS, PortErrorKind::Rejected, detail).with_retry(Retry::Yes));
        }
        self.api.accept(STATUS, reply).map(drop)
    }

    /// Whether a release that stands like this has a snapshot of its own, besides the one that GitLab takes at the
    /// beginning.
    fn wants_snapshot(&self, standing: Standing) -> bool {
        let over = match standing {
            Standing::UnderWay => false,
            Standing::Completed | Standing::RolledBack | Standing::Aborted => true,
        };
        match self.evidence {
            Evidence::NotAskedFor => false,
            Evidence::WhenOver => over,
        }
    }

    /// Asks for a snapshot unless it was taken, and notes that it was asked for.
    async fn ask_for_evidence(
        &self,
        publication: &Publication,
        release: wire::Release,
        before: usize,
        earlier: Earlier,
    ) -> Result<(), PortError> {
        let Subject { release: id, tag } = publication.subject();
        let taken = release.evidences.len() > before
            || match earlier {
                Earlier::NoAttempt => false,
                Earlier::MayHaveAsked => self.shows_more(tag, before).await?,
            };
        if !taken {
            let request = self.to(Method::POST, &["releases", tag.as_str(), "evidence"]);
            self.api.done(EVIDENCE, request).await?;
        }
        let text = Sectioned::of(release.description.as_deref().unwrap_or_default(), id);
        self.write(publication, Some((release, text)), Some(Snapshot::Asked)).await.map(drop)
    }

    /// Whether a release shows more snapshots than before, within the time that GitLab may need to take one.
    async fn shows_more(&self, tag: &ReleaseTag, before: usize) -> Result<bool, PortError> {
        let pause = Span::from_millis(self.settle.as_millis() / LOOKS);
        for _ in 0..LOOKS {
            tokio::time::sleep(pause.to_std()).await;
            let release = self.release(tag).await?;
            if release.is_some_and(|release| release.evidences.len() > before) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where people see the release.
    fn page(&self, release: &wire::Release, tag: &ReleaseTag) -> String {
        let page = release.links.page.clone();
        page.unwrap_or_else(|| self.api.address(&["projects", &self.project, "releases", tag.as_str()]))
    }
}

/// What attempts before this one may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    NoAttempt,
    MayHaveAsked,
}

#[async_trait]
impl Tracker for GitLab {
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
        let sha = self.tagged(&subject.tag).await?;
        let found = self.release(&subject.tag).await?.map(|release| {
            let text = Sectioned::of(release.description.as_deref().unwrap_or_default(), &subject.release);
            (release, text)
        });
        if let Some((release, text)) = &found
            && let Some(head) = text.head().filter(|head| head.seq > publication.head().seq)
        {
            return Ok(Published { url: self.page(release, &subject.tag), head });
        }
        let noted = found.as_ref().and_then(|(_, text)| Snapshot::read(text.section()?));
        let wanted = self.wants_snapshot(publication.standing());
        let seen = found.as_ref().map_or(0, |(release, _)| release.evidences.len());
        let snapshot = noted.or_else(|| wanted.then_some(Snapshot::BeingAsked(seen)));
        let release = self.write(publication, found, snapshot).await?;
        let url = self.page(&release, &subject.tag);
        if !publication.assets().is_empty() {
            self.put_assets(publication).await?;
        }
        self.put_statuses(publication, &sha, &url).await?;
        if let Some(Snapshot::BeingAsked(before)) = snapshot.filter(|_| wanted) {
            let earlier = if noted.is_some() { Earlier::MayHaveAsked } else { Earlier::NoAttempt };
            self.ask_for_evidence(publication, release, before, earlier).await?;
        }
        Ok(Published { url, head: publication.head() })
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        let Some(release) = self.release(&subject.tag).await? else { return Ok(None) };
        let text = Sectioned::parse(release.description.as_deref().unwrap_or_default(), &subject.release);
        let url = self.page(&release, &subject.tag);
        Ok(text.head().map(|head| Published { url, head }))
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
