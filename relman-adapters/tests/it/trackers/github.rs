//! GitHub, as far as the adapter knows it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use relman_adapters::tracker::github::GitHub;
use relman_core::port::{Subject, Tracker};
use relman_testkit::conformance::tracker::Shown;
use serde_json::{Value, json};

use super::{
    description::Description,
    server::{Answer, Asked, Server, Site, page},
    world::{TIMEOUT, TOKEN, World, token},
};

/// A server lists at most this many entries on a page, whatever is asked: so that there are pages.
const PAGE: usize = 5;

/// The most characters of a release's text.
const MOST_CHARS: usize = 125_000;

const SHA: &str = "5f0c0d9e2b8a4c7d6e1f3a2b4c5d6e7f8091a2b3";

#[derive(Default)]
pub(crate) struct State {
    number: u64,
    pub(crate) releases: Vec<Value>,
    /// With the release they belong to, and their bytes.
    pub(crate) assets: Vec<(u64, Value, Vec<u8>)>,
    /// Every status ever, the latest last.
    pub(crate) statuses: Vec<Value>,
}

#[derive(Clone, Default)]
struct Repository(Arc<Mutex<State>>);

impl State {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
}

fn taken(field: &str, resource: &str) -> Answer {
    Answer::json(
        422,
        &json!({
            "message": "Validation Failed",
            "documentation_url": "https://docs.github.com/rest",
            "errors": [{ "resource": resource, "code": "already_exists", "field": field }],
        }),
    )
}

fn listed(all: &[Value], asked: &Asked) -> (Vec<Value>, bool) {
    page(all, asked.number("page", 1), asked.number("per_page", 30).min(PAGE))
}

fn linked(answer: Answer, asked: &Asked, more: bool) -> Answer {
    let next = asked.number("page", 1) + 1;
    if more {
        answer.with("link", format!("<https://api.github.com/?page={next}>; rel=\"next\""))
    } else {
        answer
    }
}

impl Site for Repository {
    #[allow(clippy::too_many_lines, reason = "one arm for each request")]
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return error(401, "Bad credentials");
        }
        if asked.header("user-agent").is_none() || asked.header("x-github-api-version").is_none() {
            return error(403, "Request forbidden by administrative rules");
        }
        let mut state = self.0.lock().unwrap();
        let segments = asked.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (root, path) = path.split_at(3);
        assert_eq!(root, ["repos", "acme", "checkout"]);
        match (asked.method.as_str(), path) {
            ("GET", ["commits", "tags", "v2.41.0", "status"]) => {
                let mut latest: Vec<Value> = Vec::new();
                for status in &state.statuses {
                    latest.retain(|there| there["context"] != status["context"]);
                    latest.push(status.clone());
                }
                let (statuses, more) = listed(&latest, asked);
                let body = json!({ "sha": SHA, "state": "pending", "total_count": latest.len(), "statuses": statuses });
                linked(Answer::json(200, &body), asked, more)
            }
            ("GET", ["releases", "tags", tag]) => {
                let published = |release: &&Value| release["tag_name"] == *tag && release["draft"] != true;
                match state.releases.iter().find(published) {
                    Some(release) => Answer::json(200, release),
                    None => error(404, "Not Found"),
                }
            }
            ("GET", ["releases"]) => {
                let (releases, more) = listed(&state.releases, asked);
                linked(Answer::json(200, &json!(releases)), asked, more)
            }
            ("POST", ["releases"]) => {
                let new = asked.json();
                // There may be any number of drafts for a tag.
                let there =
                    |release: &Value| release["tag_name"] == new["tag_name"] && release["draft"] != true;
                if state.releases.iter().any(there) {
                    return taken("tag_name", "Release");
                }
                if new["body"].as_str().unwrap().chars().count() > MOST_CHARS {
                    return error(422, "body is too long (maximum is 125000 characters)");
                }
                let mut release = new.clone();
                let object = release.as_object_mut().unwrap();
                object.remove("make_latest");
                object.insert("id".into(), json!(state.next()));
                object.insert(
                    "html_url".into(),
                    json!("https://github.com/acme/checkout/releases/tag/v2.41.0"),
                );
                object.insert("draft".into(), json!(false));
                state.releases.push(release.clone());
                Answer::json(201, &release)
            }
            ("PATCH", ["releases", id]) => {
                let change = asked.json();
                if change["body"].as_str().unwrap().chars().count() > MOST_CHARS {
                    return error(422, "body is too long (maximum is 125000 characters)");
                }
                let found =
                    state.releases.iter_mut().find(|release| release["id"].as_u64() == id.parse().ok());
                let Some(release) = found else { return error(404, "Not Found") };
                for (name, value) in change.as_object().unwrap() {
                    if name != "make_latest" {
                        release[name] = value.clone();
                    }
                }
                Answer::json(200, release)
            }
            ("GET", ["releases", id, "assets"]) => {
                let id: u64 = id.parse().unwrap();
                let all: Vec<Value> = state
                    .assets
                    .iter()
                    .filter(|(release, ..)| *release == id)
                    .map(|(_, asset, _)| asset.clone())
                    .collect();
                let (assets, more) = listed(&all, asked);
                linked(Answer::json(200, &json!(assets)), asked, more)
            }
            ("POST", ["releases", id, "assets"]) => {
                let release: u64 = id.parse().unwrap();
                let name = asked.query("name").unwrap();
                if state.assets.iter().any(|(there, asset, _)| *there == release && asset["name"] == name) {
                    return taken("name", "ReleaseAsset");
                }
                let asset = json!({
                    "id": state.next(),
                    "name": name,
                    "label": asked.query("label"),
                    "state": "uploaded",
                    "content_type": asked.header("content-type"),
                    "size": asked.body.len(),
                    "digest": Value::Null,
                });
                state.assets.push((release, asset.clone(), asked.body.to_vec()));
                Answer::json(201, &asset)
            }
            ("DELETE", ["releases", "assets", id]) => {
                let before = state.assets.len();
                state.assets.retain(|(_, asset, _)| asset["id"].as_u64() != id.parse().ok());
                if state.assets.len() < before { Answer::empty(204) } else { error(404, "Not Found") }
            }
            ("POST", ["statuses", sha]) => {
                assert_eq!(*sha, SHA);
                let status = asked.json();
                if status["description"].as_str().unwrap().chars().count() > 140 {
                    return error(422, "description is too long (maximum is 140 characters)");
                }
                state.statuses.push(status.clone());
                Answer::json(201, &status)
            }
            _ => error(404, "Not Found"),
        }
    }

    fn half(&mut self, asked: &Asked) {
        let segments = asked.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ("POST", [_, _, _, "releases", id, "assets"]) = (asked.method.as_str(), &path[..]) else {
            return;
        };
        let mut state = self.0.lock().unwrap();
        let asset = json!({
            "id": state.next(),
            "name": asked.query("name"),
            "label": Value::Null,
            // What the description lists; its text calls it `starter`.
            "state": "open",
            "content_type": asked.header("content-type"),
            "size": 0,
            "digest": Value::Null,
        });
        state.assets.push((id.parse().unwrap(), asset, Vec::new()));
    }

    fn refusal(&self, status: u16) -> Value {
        json!({
            "message": format!("status {status}"),
            "documentation_url": "https://docs.github.com/rest",
        })
    }
}

/// A repository with the tag `v2.41.0`, and the adapter for it.
pub(crate) struct GitHubWorld {
    server: Server,
    repository: Repository,
    tracker: GitHub,
}

impl GitHubWorld {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.repository.0.lock().unwrap()
    }
}

#[async_trait]
impl World for GitHubWorld {
    async fn start() -> Self {
        let repository = Repository::default();
        let description = Description::read("github.json", "", &Value::Null);
        let server = Server::start(repository.clone(), description).await;
        let tracker = GitHub::builder("acme/checkout", token())
            .server(server.address(), server.address())
            .timeout(TIMEOUT)
            .upload_timeout(TIMEOUT)
            .build()
            .unwrap();
        Self { server, repository, tracker }
    }

    fn tracker(&self) -> &dyn Tracker {
        &self.tracker
    }

    fn server(&self) -> &Server {
        &self.server
    }

    fn shown(&self) -> Shown {
        let state = self.state();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut phases: Vec<(String, String)> = Vec::new();
        for status in &state.statuses {
            let context = text(&status["context"]);
            phases.retain(|(there, _)| *there != context);
            phases.push((context, format!("{}: {}", text(&status["state"]), text(&status["description"]))));
        }
        phases.sort();
        let mut assets: Vec<(String, Vec<u8>)> =
            state.assets.iter().map(|(_, asset, bytes)| (text(&asset["name"]), bytes.clone())).collect();
        assets.sort();
        Shown {
            copies: state
                .releases
                .iter()
                .map(|release| format!("{}\n{}", text(&release["name"]), text(&release["body"])))
                .collect(),
            phases: phases.into_iter().map(|(context, says)| format!("{context} {says}")).collect(),
            assets,
            ..Shown::default()
        }
    }

    fn write_beside(&self, _: &Subject, words: &str) {
        // Somebody edits the notes in the browser, which sends line ends as forms do.
        let mut state = self.state();
        for release in &mut state.releases {
            let body = release["body"].as_str().unwrap();
            release["body"] = json!(format!("{words}\n\n{body}").replace('\n', "\r\n"));
        }
    }

    fn tally(&self) -> Vec<(&'static str, usize)> {
        let state = self.state();
        vec![
            ("releases", state.releases.len()),
            ("assets", state.assets.len()),
            ("statuses", state.statuses.len()),
        ]
    }
}
