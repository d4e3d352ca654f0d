//! `publish`: copies of a release on the trackers of the configuration.

use std::{pin::Pin, sync::Arc};

use relman_adapters::{
    conductor::Update,
    package::package,
    tracker::{PATIENT, Unpublished, keep_published, publish_everywhere},
};
use relman_core::{
    port::{Asset, Journal, JournalExt, Publication, Published, ReleaseTag, Subject, Tracker},
    report::{History, Templates},
    unit::ReleaseId,
};
use serde_json::json;
use tokio::{sync::broadcast::Receiver, task::JoinHandle};

use crate::{
    cli::{Global, Publish},
    config::Config,
    failure::Failure,
    output, ports, store,
};

/// Publishes the release as it is now.
pub(super) async fn run(global: &Global, asked: &Publish) -> Result<(), Failure> {
    let config = Config::load(global)?;
    let trackers = Trackers::of(&config)?.ok_or_else(|| {
        Failure::usage(format_args!(
            "the configuration has no [[trackers]]: add one to {}, with kind = \"github\"; `init` writes an example",
            config.origin()
        ))
    })?;
    let path = store::path(global);
    let journal = store::open_read_only(&path)?;
    let id = &asked.release;
    let Some(publication) = trackers.publication(&*journal, id).await? else {
        return Err(store::no_such_release(&*journal, &path, id).await);
    };
    let results = publish_everywhere(&trackers.trackers, &publication, &PATIENT).await;
    show(global, &trackers.trackers, &results)
}

/// Says what came of it on each tracker, beside what a command prints.
pub(super) fn note(trackers: &[Arc<dyn Tracker>], results: &[Result<Published, Unpublished>]) {
    for (tracker, result) in trackers.iter().zip(results) {
        // A display that has gone away is no reason to stop.
        drop(output::note(&in_words(tracker.name(), result)));
    }
}

fn in_words(tracker: &str, result: &Result<Published, Unpublished>) -> String {
    match result {
        Ok(Published { url, head, .. }) => format!("published on {tracker} up to record {}: {url}", head.seq),
        Err(error) => format!("not published on {tracker}: {}; `publish` tries again", said(error)),
    }
}

/// Says what came of it on each tracker.
fn show(
    global: &Global,
    trackers: &[Arc<dyn Tracker>],
    results: &[Result<Published, Unpublished>],
) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (tracker, result) in trackers.iter().zip(results) {
        let name = tracker.name();
        match result {
            Ok(published) if global.json => {
                all.push(json!({ "tracker": name, "url": published.url, "head": published.head }));
            }
            Err(error) if global.json => all.push(json!({ "tracker": name, "error": said(error) })),
            Ok(_) => output::line(in_words(name, result))?,
            Err(_) => output::note(&in_words(name, result))?,
        }
    }
    if global.json {
        output::json(&all)?;
    }
    if results.iter().all(Result::is_ok) { Ok(()) } else { Err(Failure::Said) }
}

fn said(error: &Unpublished) -> String {
    format!("{error}: {}", error.problem)
}

/// What came of a publication on each tracker.
pub(super) type Copies = Vec<Result<Published, Unpublished>>;

/// The trackers of a configuration, and what a version is tagged as.
pub(super) struct Trackers {
    pub(super) trackers: Vec<Arc<dyn Tracker>>,
    tag: String,
}

impl Trackers {
    /// None where none is configured.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, Failure> {
        let trackers = ports::trackers(config)?;
        Ok((!trackers.is_empty()).then(|| Self { trackers, tag: config.tag().to_owned() }))
    }

    /// What the copies of a release should be now; none where the journal does not hold it.
    pub(super) async fn publication(
        &self,
        journal: &dyn Journal,
        id: &ReleaseId,
    ) -> Result<Option<Publication>, Failure> {
        let lines = journal.read_to_end(&id.into(), 0).await?;
        let Some(stored) = store::stored(id, &lines)? else { return Ok(None) };
        let Some(plan) = stored.release.plan() else { return Ok(None) };
        let scope = plan.scope();
        let tag = self.tag.replace("{service}", &scope.service.to_string());
        let tag = tag.replace("{version}", &scope.artifact.version.to_string());
        let tag: ReleaseTag = tag.parse().map_err(|error| {
            Failure::usage(format_args!("`tag` of the configuration makes no tag of {id}: {error}"))
        })?;
        let templates = Templates::default();
        let history = History::settled(&stored.release, &stored.records);
        let subject = Subject::new(id.clone(), tag);
        let publication = templates.publication(&history, &subject).map_err(Failure::refused)?;
        let Some(publication) = publication else { return Ok(None) };
        let bytes = package(id, &lines, &templates).map_err(Failure::refused)?;
        let record = lines.iter().flat_map(|line| line.iter().chain(b"\n")).copied().collect();
        Ok(Some(
            publication
                .with_asset(asset(&format!("{}.jsonl", id.file_stem()), "application/jsonl", record)?)
                .with_asset(asset(&format!("{}.zip", id.file_stem()), "application/zip", bytes)?),
        ))
    }

    /// Keeps the copies current until the release has ended.
    pub(super) fn keep(
        self: &Arc<Self>,
        journal: &Arc<dyn Journal>,
        id: &ReleaseId,
        updates: Receiver<Update>,
    ) -> JoinHandle<Copies> {
        let (trackers, journal, release) = (self.clone(), journal.clone(), id.clone());
        let publication = move || -> Pin<Box<dyn Future<Output = Option<Publication>> + Send>> {
            let (trackers, journal, release) = (trackers.clone(), journal.clone(), release.clone());
            Box::pin(async move {
                match trackers.publication(&*journal, &release).await {
                    Ok(publication) => publication,
                    Err(failure) => {
                        // A display that has gone away is no reason to stop.
                        drop(output::note(&format!("nothing is published of {release}: {failure}")));
                        None
                    }
                }
            })
        };
        tokio::spawn(keep_published(updates, id.clone(), self.trackers.clone(), PATIENT, publication))
    }
}

/// A file beside the copy, under the name of the release.
fn asset(name: &str, media_type: &str, bytes: Vec<u8>) -> Result<Asset, Failure> {
    let name = name.parse().map_err(|error| {
        Failure::refused(format_args!("the release can't be published under its name: {error}"))
    })?;
    Ok(Asset::new(name, media_type, bytes))
}
