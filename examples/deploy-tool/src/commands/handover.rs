//! `handover`: the whole journal, exported and imported.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use relman_adapters::{
    directory::StaticDirectory,
    handover::{Arrival, HandoverError, HostFile, VerifiedHandover, export},
};
use relman_core::{
    chain::Digest,
    machine::PhaseName,
    policy::Policy,
    unit::{Actor, ReleaseId, Role},
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
    let handover = VerifiedHandover::read(from, expected).map_err(failure)?;
    let settings = Settings::read(from)?;
    settings.can_settle(global)?;
    let path = store::path(global);
    let (releases, swept) = match handover.write_new(&path).await {
        Ok((imported, swept)) => (imported.releases, swept),
        Err(HandoverError::Exists(_)) => (compared(&handover, &path).await?, None),
        Err(error) => return Err(failure(error)),
    };
    if let Some(folder) = swept {
        let folder = folder.display();
        output::note(&format!("removed {folder}, which an import that was interrupted had left"))?;
    }
    let config = settings.settle(global, from)?;
    let manifest = handover.manifest();
    if global.json {
        let releases = releases.iter().map(|(release, arrival)| {
            let listed = manifest.releases[release];
            json!({
                "release": release,
                "arrival": words(*arrival),
                "records": listed.records,
                "head": listed.head,
                "open": handover.open().contains_key(release),
            })
        });
        let shown = json!({ "digest": handover.digest(), "releases": releases.collect::<Vec<_>>(), "config": config });
        output::json(&shown)?;
        return Ok(warn_of_open(handover.open())?);
    }
    for (release, arrival) in &releases {
        let listed = manifest.releases[release];
        let head = store::head_in_words(Some(listed.head));
        output::line(format_args!("{release}: {}; {head}", words(*arrival)))?;
    }
    output::line(format_args!(
        "{} releases with {} records are now the same here, record for record",
        releases.len(),
        manifest.records()
    ))?;
    for line in &config {
        output::line(line)?;
    }
    output::line(match expected {
        Some(digest) => format!("verified: digest {digest}"),
        None => {
            format!("unanchored: digest {}; is it the one that the export printed?", handover.digest())
        }
    })?;
    Ok(warn_of_open(handover.open())?)
}

/// Holds a handover against the journal that is there. An import makes a journal of its own and adds to none: what was
/// added half would look like the whole.
async fn compared(handover: &VerifiedHandover, path: &Path) -> Result<Vec<(ReleaseId, Arrival)>, Failure> {
    let journal = store::open_read_only(path)?;
    let releases = handover.compare(&*journal).await.map_err(failure)?;
    let lacking: Vec<String> = releases
        .iter()
        .filter_map(|(release, arrival)| match arrival {
            Arrival::New => Some(format!("{release} is missing")),
            Arrival::Continued { had } => Some(format!("{release} ends before record {had}")),
            Arrival::Same | Arrival::Older => None,
        })
        .collect();
    if lacking.is_empty() {
        return Ok(releases);
    }
    Err(Failure::refused(format_args!(
        "{path} is there already and was left as it is: {}; an import makes a journal of its own, so name a new file \
         with --journal",
        lacking.join(", "),
        path = path.display()
    )))
}

/// Two places that drive one release are the worst that can come of a handover.
fn warn_of_open(open: &BTreeMap<ReleaseId, PhaseName>) -> std::io::Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = open.iter().map(|(release, phase)| format!("{release} ({phase})")).collect();
    output::note(&format!(
        "warning: still under way: {}. Never drive a release in two places: both would route its traffic, and two \
         histories that have parted never become one again. Stop `run` and `serve` on the old journal before you start \
         them on the new one, and check that `verify` still shows the same heads there.",
        names.join(", ")
    ))
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
        HandoverError::NotEmpty(_)
        | HandoverError::File { .. }
        | HandoverError::Exists(_)
        | HandoverError::Beside { .. }
        | HandoverError::UnderWay { .. }
        | HandoverError::Foreign { .. } => Failure::usage(with_causes(&error)),
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
    policy_text: Vec<u8>,
}

impl Settings {
    fn read(from: &Path) -> Result<Self, Failure> {
        let people = Config::read_file(&from.join(CONFIG))?.people();
        let path = from.join(POLICY);
        let policy = config::policy(&path)?;
        let policy_text = fs::read(&path)
            .map_err(|error| Failure::usage(format_args!("failed to read {}: {error}", path.display())))?;
        Ok(Self { people, policy, policy_text })
    }

    /// Whether a policy of this machine is in the way of the one in the handover. This is found out before there is a
    /// journal.
    fn can_settle(&self, global: &Global) -> Result<(), Failure> {
        let place = Config::place(global);
        if place.exists() {
            return Config::load(global).map(|_| ());
        }
        let beside = place.with_file_name("policy.toml");
        match fs::read(&beside) {
            Ok(found) if found == self.policy_text => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(Failure::usage(format_args!(
                "{} is in the way of the policy of the handover, and {} does not use it: move it away, or name a \
                 configuration with --config",
                beside.display(),
                place.display()
            ))),
        }
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

/// Copies a file, but never over another one. One with the same content was copied before.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format_args!("failed to write {}: {error}", to.display()));
    let text = fs::read(from).map_err(failed)?;
    if fs::read(to).is_ok_and(|found| found == text) {
        return Ok(());
    }
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
