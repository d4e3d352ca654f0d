//! `handover`: the whole journal, exported and imported.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
};

use relman_adapters::{
    directory::StaticDirectory,
    handover::{Arrival, HandoverError, HostFile, export, import},
};
use relman_core::{
    chain::Digest,
    policy::Policy,
    unit::{Actor, Role},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{Global, Handover},
    config::{self, Config},
    failure::{Failure, with_causes},
    output, store,
};

/// The files for people, roles and the policy in the folder.
const CONFIG: &str = "config/relman.toml";
const POLICY: &str = "config/policy.toml";

/// Exports, or imports.
pub(super) async fn run(global: &Global, asked: &Handover) -> Result<(), Failure> {
    match asked {
        Handover::Export { to } => export_to(global, to).await,
        Handover::Import { from, digest } => import_from(global, from, *digest).await,
    }
}

async fn export_to(global: &Global, to: &Path) -> Result<(), Failure> {
    let config = Config::load(global)?;
    // A policy that can't be read is not exported.
    config.policy(None)?;
    let host =
        [HostFile::new(CONFIG, written(&config.people())?), HostFile::new(POLICY, config.policy_text()?)];
    let journal = store::open_read_only(&store::path(global))?;
    let (manifest, digest) = export(&*journal, to, &host, store::now()).await.map_err(failure)?;
    if global.json {
        return Ok(output::json(&json!({ "digest": digest, "estate": manifest }))?);
    }
    let (releases, records) = (manifest.releases.len(), manifest.records());
    output::line(format_args!("exported {releases} releases with {records} records to {}", to.display()))?;
    Ok(output::line(format_args!(
        "digest {digest}: pass it on to whoever imports this, over another route than the folder"
    ))?)
}

async fn import_from(global: &Global, from: &Path, expected: Option<Digest>) -> Result<(), Failure> {
    if !from.is_dir() {
        return Err(Failure::usage(format_args!("there is no folder {}", from.display())));
    }
    if !from.join("estate.json").is_file() {
        let from = from.display();
        return Err(Failure::usage(format_args!(
            "{from} is not a complete handover: estate.json is missing, which `handover export` writes last"
        )));
    }
    let settings = Settings::read(from)?;
    let path = store::path(global);
    let is_new = !path.exists();
    let journal = store::open_or_create(&path)?;
    let imported = match import(from, &*journal, expected).await {
        Ok(imported) => imported,
        Err(error) => {
            drop(journal);
            if is_new {
                // Nothing was imported, so that there must be no journal, as before.
                for end in ["", "-shm", "-wal"] {
                    let mut file = path.clone().into_os_string();
                    file.push(end);
                    let _ = fs::remove_file(file);
                }
            }
            return Err(failure(error));
        }
    };
    let config = settings.settle(global, from)?;
    if global.json {
        let releases = imported.releases.iter().map(|(release, arrival)| {
            let listed = imported.manifest.releases[release];
            json!({ "release": release, "arrival": words(*arrival), "records": listed.records, "head": listed.head })
        });
        let shown =
            json!({ "digest": imported.digest, "releases": releases.collect::<Vec<_>>(), "config": config });
        return Ok(output::json(&shown)?);
    }
    for (release, arrival) in &imported.releases {
        let listed = imported.manifest.releases[release];
        let head = store::head_in_words(Some(listed.head));
        output::line(format_args!("{release}: {}; {head}", words(*arrival)))?;
    }
    let (releases, records) = (imported.releases.len(), imported.manifest.records());
    output::line(format_args!(
        "{releases} releases with {records} records are now the same here, record for record"
    ))?;
    for line in &config {
        output::line(line)?;
    }
    Ok(output::line(match expected {
        Some(digest) => format!("verified: digest {digest}"),
        None => {
            format!("unanchored: digest {}; is it the one that the export printed?", imported.digest)
        }
    })?)
}

fn words(arrival: Arrival) -> String {
    match arrival {
        Arrival::New => "imported".to_owned(),
        Arrival::Continued { had } => format!("continued from record {had}"),
        Arrival::Same => "already here".to_owned(),
        Arrival::Older => "already here, with newer records".to_owned(),
    }
}

fn failure(error: HandoverError) -> Failure {
    match error {
        HandoverError::NotEmpty(_) | HandoverError::File { .. } => Failure::usage(with_causes(&error)),
        HandoverError::Journal(error) => error.into(),
        error => Failure::refused(with_causes(&error)),
    }
}

/// A configuration with people and roles. The rest of a host's configuration is about its machines.
fn written(people: &StaticDirectory) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct File<'a> {
        policy: &'static str,
        people: &'a BTreeMap<Actor, BTreeSet<Role>>,
    }
    let file = File { policy: "policy.toml", people: people.people() };
    toml::to_string(&file).map_err(Failure::refused)
}

/// People, roles and the policy of a handover.
struct Settings {
    people: Arc<StaticDirectory>,
    policy: Arc<Policy>,
}

impl Settings {
    fn read(from: &Path) -> Result<Self, Failure> {
        let people = Config::read_file(&from.join(CONFIG))?.people();
        Ok(Self { people, policy: config::policy(&from.join(POLICY))? })
    }

    /// Writes them where there is no configuration, and tells what differs where there is one.
    fn settle(&self, global: &Global, from: &Path) -> Result<Vec<String>, Failure> {
        let place = Config::place(global);
        if !place.exists() {
            let beside = place.with_file_name("policy.toml");
            copy(&from.join(POLICY), &beside)?;
            copy(&from.join(CONFIG), &place)?;
            let (place, beside) = (place.display(), beside.display());
            return Ok(vec![format!(
                "people and roles are in {place}, the policy is in {beside}; now configure the adapters of this machine"
            )]);
        }
        let ours = Config::load(global)?;
        let mut said: Vec<String> = different(&place, &ours.people(), &self.people).into_iter().collect();
        if ours.policy(None)? != self.policy {
            let theirs = from.join(POLICY);
            said.push(format!("the policy of {} differs from {}", ours.origin(), theirs.display()));
        }
        if said.is_empty() {
            said.push(format!("people, roles and the policy of {} are the same", ours.origin()));
        }
        Ok(said)
    }
}

/// Copies a file, but never over another one.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format_args!("failed to write {}: {error}", to.display()));
    let text = fs::read(from).map_err(failed)?;
    let mut file = fs::File::create_new(to).map_err(failed)?;
    file.write_all(&text).map_err(failed)
}

/// Who has other roles here than in the handover.
fn different(place: &Path, ours: &StaticDirectory, theirs: &StaticDirectory) -> Option<String> {
    let roles = |directory: &StaticDirectory, actor| match directory.people().get(actor) {
        None => "unknown".to_owned(),
        Some(roles) if roles.is_empty() => "no role".to_owned(),
        Some(roles) => roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut actors: Vec<_> = ours.people().keys().chain(theirs.people().keys()).collect();
    actors.sort();
    actors.dedup();
    let mut said = String::new();
    for actor in actors {
        let (here, there) = (roles(ours, actor), roles(theirs, actor));
        if here != there {
            write!(said, "; {actor}: {here} here, {there} in the handover")
                .expect("writing to a string does not fail");
        }
    }
    let said = said.strip_prefix("; ")?;
    Some(format!("people of {} differ: {said}", place.display()))
}
