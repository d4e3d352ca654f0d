//! GitLab, as far as the adapter knows it.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use relman_adapters::tracker::gitlab::{Evidence, GitLab};
use relman_core::{
    port::{Subject, Tracker},
    unit::Span,
};
use relman_testkit::conformance::tracker::Shown;
use serde_json::{Value, json};

use super::{
    description::Description,
    server::{Answer, Asked, Server, Site, page},
    world::{TIMEOUT, TOKEN, World, token},
};

/// A server lists at most this many entries on a page, whatever is asked: so that there are pages.
const PAGE: usize = 5;

/// How many looks at a release it takes until it shows a snapshot that was asked for.
const LAG: usize = 4;

/// How long the adapter gives GitLab for it: with [`LAG`], some of the looks in it show nothing.
const SETTLE: Span = Span::from_millis(60);

const MOST_CHARS: usize = 1_000_000;

const SHA: &str = "5f0c0d9e2b8a4c7d6e1f3a2b4c5d6e7f8091a2b3";

/// What GitLab's documentation says about the requests that the adapter makes, in the form of an API description.
///
/// Written after `doc/api/releases/_index.md`, `doc/api/releases/links.md`, `doc/api/packages.md`,
/// `doc/user/packages/generic_packages/_index.md`, `doc/api/tags.md` and `doc/api/commits.md` of the repository
/// `gitlabhq/gitlabhq`.
fn description() -> Arc<Description> {
    static DESCRIPTION: OnceLock<Arc<Description>> = OnceLock::new();
    Arc::clone(DESCRIPTION.get_or_init(|| Arc::new(Description::of(document(), "/api/v4"))))
}

#[allow(clippy::too_many_lines, reason = "one entry for each request")]
fn document() -> Value {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "integer" });
    let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let body = |schema: Value| json!({ "content": { "application/json": { "schema": schema } } });
    let answer =
        |schema: Value| json!({ "description": "", "content": { "application/json": { "schema": schema } } });
    let list = |schema: Value| json!({ "type": "array", "items": schema });
    let fails = || json!({ "description": "" });
    let query = |names: &[(&str, Value)]| {
        let paged = [("page", number()), ("per_page", number())];
        let all: Vec<Value> = names
            .iter()
            .cloned()
            .chain(paged)
            .map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema }))
            .collect();
        json!(all)
    };
    let release = || {
        object(
            json!({
                "tag_name": text(), "name": text(), "description": text(), "evidences": list(json!({
                    "type": "object",
                    "properties": { "sha": text(), "filepath": text(), "collected_at": text() },
                })),
                "_links": { "type": "object", "properties": { "self": text(), "edit_url": text() } },
            }),
            json!([]),
        )
    };
    let link = || {
        object(
            json!({ "id": number(), "name": text(), "url": text(), "direct_asset_url": text(), "link_type": text() }),
            json!([]),
        )
    };
    let link_text = |required: Value| {
        let kinds = json!({ "type": "string", "enum": ["other", "runbook", "image", "package"] });
        object(
            json!({ "name": text(), "url": text(), "direct_asset_path": text(), "link_type": kinds }),
            required,
        )
    };
    json!({ "paths": {
        "/projects/{id}/repository/tags/{tag_name}": {
            "get": { "responses": {
                "200": answer(json!({
                    "type": "object",
                    "properties": { "name": text(), "commit": { "type": "object", "properties": { "id": text() } } },
                })),
                "401": fails(), "404": fails(), "429": fails(),
            } },
        },
        "/projects/{id}/releases": {
            "get": { "parameters": query(&[]), "responses": { "200": answer(list(release())), "401": fails(), "403": fails(), "404": fails() } },
            "post": {
                "requestBody": body(object(
                    json!({
                        "tag_name": text(), "name": text(), "description": text(), "tag_message": text(), "ref": text(),
                        "released_at": text(),
                    }),
                    json!(["tag_name"]),
                )),
                "responses": {
                    "201": answer(release()), "400": fails(), "401": fails(), "403": fails(), "404": fails(),
                    "409": fails(), "422": fails(),
                },
            },
        },
        "/projects/{id}/releases/{tag_name}": {
            "get": { "responses": { "200": answer(release()), "401": fails(), "403": fails(), "404": fails() } },
            "put": {
                "requestBody": body(object(
                    json!({ "name": text(), "description": text(), "released_at": text() }), json!([]),
                )),
                "responses": {
                    "200": answer(release()), "400": fails(), "401": fails(), "403": fails(), "404": fails(),
                },
            },
        },
        "/projects/{id}/releases/{tag_name}/evidence": {
            "post": { "responses": { "200": fails(), "201": fails(), "401": fails(), "403": fails(), "404": fails() } },
        },
        "/projects/{id}/releases/{tag_name}/assets/links": {
            "get": { "parameters": query(&[]), "responses": { "200": answer(list(link())), "401": fails(), "403": fails(), "404": fails() } },
            "post": {
                "requestBody": body(link_text(json!(["name", "url"]))),
                "responses": { "201": answer(link()), "400": fails(), "401": fails(), "403": fails(), "404": fails() },
            },
        },
        "/projects/{id}/releases/{tag_name}/assets/links/{link_id}": {
            "put": {
                "requestBody": body(link_text(json!([]))),
                "responses": { "200": answer(link()), "400": fails(), "401": fails(), "403": fails(), "404": fails() },
            },
        },
        "/projects/{id}/packages": {
            "get": {
                "parameters": query(&[
                    ("package_type", json!({ "type": "string", "enum": ["generic", "npm", "maven"] })),
                    ("package_name", text()),
                    ("package_version", text()),
                ]),
                "responses": {
                    "200": answer(list(json!({ "type": "object", "properties": {
                        "id": number(), "name": text(), "version": text(), "package_type": text(),
                    } }))),
                    "401": fails(), "403": fails(), "404": fails(),
                },
            },
        },
        "/projects/{id}/packages/{package_id}/package_files": {
            "get": {
                "parameters": query(&[]),
                "responses": {
                    "200": answer(list(json!({ "type": "object", "properties": {
                        "id": number(), "package_id": number(), "file_name": text(), "size": number(),
                        "file_sha256": text(),
                    } }))),
                    "401": fails(), "403": fails(), "404": fails(),
                },
            },
        },
        "/projects/{id}/packages/{package_id}/package_files/{package_file_id}": {
            "delete": { "responses": { "204": fails(), "401": fails(), "403": fails(), "404": fails() } },
        },
        "/projects/{id}/packages/generic/{package_name}/{package_version}/{file_name}": {
            "put": {
                "requestBody": { "content": { "application/octet-stream": {} } },
                "responses": { "201": fails(), "400": fails(), "401": fails(), "403": fails(), "404": fails(), "413": fails() },
            },
        },
        "/projects/{id}/repository/commits/{sha}/statuses": {
            "get": {
                "parameters": query(&[("name", text()), ("ref", text()), ("stage", text())]),
                "responses": {
                    "200": answer(list(json!({ "type": "object", "properties": {
                        "id": number(), "sha": text(), "name": text(), "status": text(), "description": text(),
                    } }))),
                    "401": fails(), "403": fails(), "404": fails(),
                },
            },
        },
        "/projects/{id}/statuses/{sha}": {
            "post": {
                "requestBody": body(object(
                    json!({
                        "state": { "type": "string", "enum": ["pending", "running", "success", "failed", "canceled", "skipped"] },
                        "ref": text(), "name": text(), "context": text(), "target_url": text(), "description": text(),
                        "coverage": { "type": "number" }, "pipeline_id": number(),
                    }),
                    json!(["state"]),
                )),
                // 409 is in `app/services/ci/create_commit_status_service.rb` and not in the documentation.
                "responses": {
                    "201": fails(), "400": fails(), "401": fails(), "403": fails(), "404": fails(), "409": fails(),
                },
            },
        },
    } })
}

#[derive(Default)]
pub(crate) struct State {
    number: u64,
    pub(crate) releases: Vec<Value>,
    pub(crate) links: Vec<Value>,
    /// The version of the package, what is said of the file, and its bytes.
    pub(crate) files: Vec<(String, Value, Vec<u8>)>,
    pub(crate) statuses: Vec<Value>,
    /// For each snapshot that is being taken, how many looks at the release do not show it yet.
    taking: Vec<usize>,
    pub(crate) may_delete: bool,
}

#[derive(Clone, Default)]
struct Project(Arc<Mutex<State>>);

impl State {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn take_snapshots(&mut self) {
        for left in &mut self.taking {
            *left -= 1;
        }
        for _ in self.taking.extract_if(.., |left| *left == 0) {
            let evidences = self.releases[0]["evidences"].as_array_mut().unwrap();
            evidences.push(json!({ "sha": "8a4c7d6e", "collected_at": "2026-11-23T18:00:00Z" }));
        }
    }

    fn package_id(version: &str) -> u64 {
        version.bytes().map(u64::from).sum()
    }
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}

fn listed(all: &[Value], asked: &Asked) -> Answer {
    let number = asked.number("page", 1);
    let (entries, more) = page(all, number, asked.number("per_page", 20).min(PAGE));
    let next = if more { (number + 1).to_string() } else { String::new() };
    Answer::json(200, &json!(entries)).with("x-next-page", next)
}

impl Site for Project {
    #[allow(clippy::too_many_lines, reason = "one arm for each request")]
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("private-token") != Some(TOKEN) {
            return error(401, "401 Unauthorized");
        }
        let mut state = self.0.lock().unwrap();
        let segments = asked.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (root, path) = path.split_at(4);
        assert_eq!(root, ["api", "v4", "projects", "acme/checkout"]);
        match (asked.method.as_str(), path) {
            ("GET", ["repository", "tags", "v2.41.0"]) => {
                Answer::json(200, &json!({ "name": "v2.41.0", "commit": { "id": SHA } }))
            }
            ("GET", ["releases"]) => listed(&state.releases, asked),
            ("GET", ["releases", tag]) => {
                state.take_snapshots();
                match state.releases.iter().find(|release| release["tag_name"] == *tag) {
                    Some(release) => Answer::json(200, release),
                    None => error(404, "404 Not Found"),
                }
            }
            ("POST", ["releases"]) => {
                let mut release = asked.json();
                if state.releases.iter().any(|there| there["tag_name"] == release["tag_name"]) {
                    return error(409, "Release already exists");
                }
                if release["description"].as_str().unwrap().chars().count() > MOST_CHARS {
                    return error(400, "Description is too long (maximum is 1000000 characters)");
                }
                release["_links"] = json!({ "self": "https://gitlab.com/acme/checkout/-/releases/v2.41.0" });
                // GitLab takes a snapshot of its own accord.
                release["evidences"] = json!([{ "sha": "760d6cdf", "collected_at": "2026-11-22T18:00:00Z" }]);
                state.releases.push(release.clone());
                Answer::json(201, &release)
            }
            ("PUT", ["releases", tag]) => {
                let change = asked.json();
                let found = state.releases.iter_mut().find(|release| release["tag_name"] == *tag);
                let Some(release) = found else { return error(404, "404 Not Found") };
                for (name, value) in change.as_object().unwrap() {
                    release[name] = value.clone();
                }
                Answer::json(200, release)
            }
            ("POST", ["releases", tag, "evidence"]) => {
                assert!(state.releases.iter().any(|release| release["tag_name"] == *tag));
                // A job takes it when there is time for it.
                state.taking.push(LAG);
                Answer::json(200, &json!(200))
            }
            ("GET", ["releases", _, "assets", "links"]) => listed(&state.links, asked),
            ("POST", ["releases", _, "assets", "links"]) => {
                let mut link = asked.json();
                if state
                    .links
                    .iter()
                    .any(|there| there["name"] == link["name"] || there["url"] == link["url"])
                {
                    return error(400, "Validation failed: Name has already been taken");
                }
                link["id"] = json!(state.next());
                state.links.push(link.clone());
                Answer::json(201, &link)
            }
            ("PUT", ["releases", _, "assets", "links", id]) => {
                let change = asked.json();
                let found = state.links.iter_mut().find(|link| link["id"].as_u64() == id.parse().ok());
                let Some(link) = found else { return error(404, "404 Not Found") };
                for (name, value) in change.as_object().unwrap() {
                    link[name] = value.clone();
                }
                Answer::json(200, link)
            }
            ("GET", ["packages"]) => {
                let name = asked.query("package_name").unwrap();
                let mut versions: Vec<String> =
                    state.files.iter().map(|(version, ..)| version.clone()).collect();
                versions.sort();
                versions.dedup();
                // The search by name is fuzzy.
                let mut all = vec![json!({ "id": 1, "name": format!("{name}-tools"), "version": "1.0" })];
                all.extend(versions.iter().map(|version| {
                    json!({ "id": State::package_id(version), "name": "relman", "version": version })
                }));
                if let Some(wanted) = asked.query("package_version") {
                    all.retain(|package| package["version"] == wanted || package["version"] == "1.0");
                }
                listed(&all, asked)
            }
            ("GET", ["packages", id, "package_files"]) => {
                let id: u64 = id.parse().unwrap();
                let of = |(version, file, _): &(String, Value, Vec<u8>)| {
                    (State::package_id(version) == id).then(|| file.clone())
                };
                listed(&state.files.iter().filter_map(of).collect::<Vec<_>>(), asked)
            }
            ("PUT", ["packages", "generic", "relman", version, name]) => {
                let file = json!({ "id": state.next(), "file_name": name, "size": asked.body.len() });
                state.files.push(((*version).to_owned(), file, asked.body.to_vec()));
                Answer::json(201, &json!({ "message": "201 Created" }))
            }
            ("DELETE", ["packages", _, "package_files", id]) => {
                if !state.may_delete {
                    return error(403, "403 Forbidden");
                }
                let before = state.files.len();
                state.files.retain(|(_, file, _)| file["id"].as_u64() != id.parse().ok());
                if state.files.len() < before { Answer::empty(204) } else { error(404, "404 Not Found") }
            }
            ("GET", ["repository", "commits", _, "statuses"]) => listed(&state.statuses, asked),
            ("POST", ["statuses", sha]) => {
                assert_eq!(*sha, SHA);
                let new = asked.json();
                let status = json!({
                    "name": new["name"], "status": new["state"], "description": new["description"],
                });
                let found = state.statuses.iter().position(|there| there["name"] == new["name"]);
                if let Some(at) = found {
                    if state.statuses[at]["status"] == status["status"] {
                        return error(400, "Cannot transition status via :run from :running");
                    }
                    state.statuses.remove(at);
                }
                state.statuses.push(status.clone());
                Answer::json(201, &status)
            }
            _ => error(404, "404 Not Found"),
        }
    }

    /// GitLab keeps nothing of a file that did not arrive.
    fn half(&mut self, _: &Asked) {}
}

/// A project with the tag `v2.41.0`, and the adapter for it.
pub(crate) struct GitLabWorld {
    server: Server,
    project: Project,
    tracker: GitLab,
}

impl GitLabWorld {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.project.0.lock().unwrap()
    }
}

#[async_trait]
impl World for GitLabWorld {
    async fn start() -> Self {
        let project = Project::default();
        project.0.lock().unwrap().may_delete = true;
        let server = Server::start(project.clone(), Some(description())).await;
        let tracker = GitLab::builder("acme/checkout", token())
            .server(format!("{}/api/v4", server.address()))
            .evidence(Evidence::WhenOver)
            .settle(SETTLE)
            .timeout(TIMEOUT)
            .upload_timeout(TIMEOUT)
            .build()
            .unwrap();
        Self { server, project, tracker }
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
        let mut phases: Vec<String> = state
            .statuses
            .iter()
            .map(|status| {
                format!(
                    "{} {}: {}",
                    text(&status["name"]),
                    text(&status["status"]),
                    text(&status["description"])
                )
            })
            .collect();
        phases.sort();
        // What people see is what is linked, and every link leads to a file.
        let file = |link: &Value| {
            let url = text(&link["url"]);
            let stored = url.rsplit('/').next().unwrap();
            let version = url.rsplit('/').nth(1).unwrap();
            let found =
                state.files.iter().find(|(there, file, _)| there == version && file["file_name"] == stored);
            (text(&link["name"]), found.unwrap().2.clone())
        };
        let mut assets: Vec<(String, Vec<u8>)> = state.links.iter().map(file).collect();
        assets.sort();
        Shown {
            copies: state
                .releases
                .iter()
                .map(|release| format!("{}\n{}", text(&release["name"]), text(&release["description"])))
                .collect(),
            phases,
            assets,
            ..Shown::default()
        }
    }

    fn write_beside(&self, _: &Subject, words: &str) {
        let mut state = self.state();
        for release in &mut state.releases {
            let body = release["description"].as_str().unwrap();
            release["description"] = json!(format!("{body}\n\n{words}"));
        }
    }

    fn tally(&self) -> Vec<(&'static str, usize)> {
        let state = self.state();
        let evidences = |release: &Value| release["evidences"].as_array().unwrap().len();
        vec![
            ("releases", state.releases.len()),
            ("evidences", state.releases.iter().map(evidences).sum::<usize>() + state.taking.len()),
            ("links", state.links.len()),
            ("files", state.files.len()),
            ("statuses", state.statuses.len()),
        ]
    }
}
