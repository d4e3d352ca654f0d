//! Jira Cloud, as far as the adapter knows it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use relman_adapters::tracker::jira::Jira;
use relman_core::{
    port::{Subject, Tracker},
    unit::Span,
};
use relman_testkit::conformance::tracker::Shown;
use serde_json::{Value, json};

use super::{
    description::Description,
    server::{Answer, Asked, Server, Site, form},
    world::{TIMEOUT, TOKEN, World, token},
};

/// A server lists at most this many entries on a page, whatever is asked: so that there are pages.
const PAGE: usize = 1;

/// How many searches do not know an issue yet after it was made.
const LAG: usize = 3;

/// How long the adapter gives the search: with [`LAG`], some of the looks in it find nothing.
const SETTLE: Span = Span::from_millis(60);

const MOST_CHARS: usize = 32_767;

/// What is not in the description at hand: the search that took the place of an older one, and the removal of an
/// attachment. Written after the reference of the Jira Cloud platform, `POST /rest/api/3/search/jql` and
/// `DELETE /rest/api/3/attachment/{id}`.
fn more() -> Value {
    let fails = || json!({ "description": "" });
    json!({
        "/rest/api/3/search/jql": { "post": {
            "requestBody": { "content": { "application/json": { "schema": {
                "type": "object",
                "properties": {
                    "jql": { "type": "string" },
                    "fields": { "type": "array", "items": { "type": "string" } },
                    "maxResults": { "type": "integer" },
                    "nextPageToken": { "type": "string" },
                    "reconcileIssues": { "type": "array", "items": { "type": "integer" } },
                },
                "additionalProperties": false,
            } } } },
            "responses": {
                "200": { "description": "", "content": { "application/json": { "schema": {
                    "type": "object",
                    "properties": {
                        "issues": { "type": "array", "items": { "$ref": "#/components/schemas/IssueBean" } },
                        "isLast": { "type": "boolean" },
                        "nextPageToken": { "type": "string" },
                    },
                } } } },
                "400": fails(), "401": fails(),
            },
        } },
        "/rest/api/3/attachment/{id}": { "delete": {
            "responses": { "204": fails(), "403": fails(), "404": fails() },
        } },
    })
}

#[derive(Default)]
pub(crate) struct State {
    number: u64,
    pub(crate) versions: Vec<Value>,
    pub(crate) issues: Vec<Issue>,
}

pub(crate) struct Issue {
    id: u64,
    pub(crate) key: String,
    pub(crate) fields: Value,
    pub(crate) comments: Vec<Value>,
    pub(crate) attachments: Vec<(Value, Vec<u8>)>,
    status: &'static str,
    /// How many searches do not know it yet.
    unknown_for: usize,
}

#[derive(Clone, Default)]
struct Project(Arc<Mutex<State>>);

impl State {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn issue(&mut self, key: &str) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.key == key)
    }
}

impl Issue {
    fn label(&self) -> &str {
        self.fields["labels"][0].as_str().unwrap()
    }
}

/// The numbers of transitions, and the statuses that they lead to.
type Ways = &'static [(&'static str, &'static str)];

/// The statuses, what Jira counts them as, and where one can go from each.
const STATUSES: [(&str, &str, Ways); 3] = [
    ("To Do", "new", &[("11", "In Progress")]),
    ("In Progress", "indeterminate", &[("12", "To Do"), ("31", "Done")]),
    ("Done", "done", &[("11", "In Progress")]),
];

fn status(name: &str) -> Value {
    let (name, category, _) = STATUSES.iter().find(|(there, ..)| *there == name).unwrap();
    json!({ "name": name, "statusCategory": { "key": category } })
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "errorMessages": [message], "errors": {} }))
}

/// Every text of a document must be one that Jira takes.
fn is_a_document(document: &Value) -> bool {
    fn sound(node: &Value) -> bool {
        let kind = node["type"].as_str().unwrap_or_default();
        let children = || node["content"].as_array().into_iter().flatten();
        let allowed: Option<&[&str]> = match kind {
            "text" => return node["text"].as_str().is_some_and(|text| !text.is_empty()),
            "hardBreak" | "rule" => return true,
            "doc" => Some(&[
                "paragraph",
                "heading",
                "bulletList",
                "orderedList",
                "codeBlock",
                "blockquote",
                "rule",
                "table",
            ]),
            "paragraph" | "heading" => Some(&["text", "hardBreak"]),
            "codeBlock" => Some(&["text"]),
            "bulletList" | "orderedList" => Some(&["listItem"]),
            "listItem" => Some(&["paragraph", "bulletList", "orderedList", "codeBlock"]),
            "blockquote" => Some(&["paragraph", "bulletList", "orderedList", "codeBlock"]),
            "table" => Some(&["tableRow"]),
            "tableRow" => Some(&["tableCell", "tableHeader"]),
            "tableCell" | "tableHeader" => Some(&["paragraph", "bulletList", "orderedList", "codeBlock"]),
            _ => None,
        };
        allowed.is_some_and(|allowed| {
            children().all(|child| {
                child["type"].as_str().is_some_and(|kind| allowed.contains(&kind)) && sound(child)
            })
        })
    }
    document["version"] == 1
        && document["type"] == "doc"
        && sound(document)
        && text_of(document).len() <= MOST_CHARS * 4
        && text_of(document).chars().count() <= MOST_CHARS
}

fn text_of(node: &Value) -> String {
    let own = node["text"].as_str().unwrap_or_default().to_owned();
    let inner = node["content"].as_array().into_iter().flatten().map(text_of).collect::<Vec<_>>();
    let block = matches!(node["type"].as_str(), Some("doc" | "bulletList" | "table" | "tableRow"));
    own + &inner.join(if block { "\n" } else { "" })
}

impl Site for Project {
    #[allow(clippy::too_many_lines, reason = "one arm for each request")]
    fn answer(&mut self, asked: &Asked) -> Answer {
        // The token in Base64, behind the account and a colon.
        if asked.header("authorization") != Some(&format!("Basic {}", basic())) {
            return error(401, "Client must be authenticated to access this resource.");
        }
        let mut state = self.0.lock().unwrap();
        let segments = asked.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (root, path) = path.split_at(3);
        assert_eq!(root, ["rest", "api", "3"]);
        match (asked.method.as_str(), path) {
            ("GET", ["project", "SHOP"]) => Answer::json(200, &json!({ "id": "10000", "key": "SHOP" })),
            ("GET", ["project", "SHOP", "version"]) => {
                let query = asked.query("query").unwrap();
                // It finds what only holds the words, too.
                let similar = json!({ "id": "1", "name": format!("{query}-rc.1"), "released": true });
                let mut all = vec![similar];
                all.extend(state.versions.iter().filter(|version| version["name"] == query).cloned());
                let from = asked.number("startAt", 0);
                let values: Vec<Value> = all.iter().skip(from).take(PAGE).cloned().collect();
                let last = from + values.len() >= all.len();
                Answer::json(
                    200,
                    &json!({ "values": values, "isLast": last, "startAt": from, "total": all.len() }),
                )
            }
            ("POST", ["version"]) => {
                let mut version = asked.json();
                assert_eq!(version["projectId"], 10000);
                if state.versions.iter().any(|there| there["name"] == version["name"]) {
                    return error(400, "A version with this name already exists in this project.");
                }
                version["id"] = json!(state.next().to_string());
                version["released"] = json!(false);
                state.versions.push(version.clone());
                Answer::json(201, &version)
            }
            ("PUT", ["version", id]) => {
                let change = asked.json();
                let Some(version) = state.versions.iter_mut().find(|version| version["id"] == *id) else {
                    return error(404, "Could not find version for id.");
                };
                for (name, value) in change.as_object().unwrap() {
                    version[name] = value.clone();
                }
                Answer::json(200, version)
            }
            ("POST", ["search", "jql"]) => {
                let query = asked.json();
                let jql = query["jql"].as_str().unwrap();
                let label = jql.split("labels = \"").nth(1).unwrap().split('"').next().unwrap();
                let mut known = Vec::new();
                for issue in state.issues.iter_mut().filter(|issue| issue.label() == label) {
                    if issue.unknown_for == 0 {
                        known.push(json!({ "id": issue.id.to_string(), "key": issue.key }));
                    } else {
                        issue.unknown_for -= 1;
                    }
                }
                let from: usize = query["nextPageToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let issues: Vec<Value> = known.iter().skip(from).take(PAGE).cloned().collect();
                let mut found = json!({ "issues": issues, "isLast": from + PAGE >= known.len() });
                if from + PAGE < known.len() {
                    found["nextPageToken"] = json!((from + PAGE).to_string());
                }
                Answer::json(200, &found)
            }
            ("POST", ["issue"]) => {
                let fields = asked.json()["fields"].clone();
                if fields["project"]["key"] != "SHOP" || fields["issuetype"]["name"] != "Task" {
                    return error(400, "project and issue type are required");
                }
                if !is_a_document(&fields["description"]) {
                    return error(400, "INVALID_INPUT");
                }
                let id = state.next();
                let key = format!("SHOP-{id}");
                state.issues.push(Issue {
                    id,
                    key: key.clone(),
                    fields,
                    comments: Vec::new(),
                    attachments: Vec::new(),
                    status: "To Do",
                    unknown_for: LAG,
                });
                Answer::json(201, &json!({ "id": id.to_string(), "key": key }))
            }
            ("GET", ["issue", key]) => {
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                let attachments: Vec<Value> =
                    issue.attachments.iter().map(|(file, _)| file.clone()).collect();
                let all = json!({
                    "summary": issue.fields["summary"],
                    "description": issue.fields["description"],
                    "status": status(issue.status),
                    "attachment": attachments,
                });
                let asked_for: Vec<&str> = asked.query("fields").unwrap().split(',').collect();
                let fields: serde_json::Map<String, Value> = all
                    .as_object()
                    .unwrap()
                    .clone()
                    .into_iter()
                    .filter(|(name, _)| asked_for.contains(&name.as_str()))
                    .collect();
                Answer::json(200, &json!({ "id": issue.id.to_string(), "key": key, "fields": fields }))
            }
            ("PUT", ["issue", key]) => {
                let change = asked.json()["fields"].clone();
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                if !is_a_document(&change["description"]) {
                    return error(400, "INVALID_INPUT");
                }
                for (name, value) in change.as_object().unwrap() {
                    issue.fields[name] = value.clone();
                }
                Answer::empty(204)
            }
            ("GET", ["issue", key, "comment"]) => {
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                let from = asked.number("startAt", 0);
                let comments: Vec<Value> = issue.comments.iter().skip(from).take(PAGE).cloned().collect();
                let page = json!({ "comments": comments, "startAt": from, "total": issue.comments.len() });
                Answer::json(200, &page)
            }
            ("POST", ["issue", key, "comment"]) => {
                let body = asked.json()["body"].clone();
                let id = state.next();
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                if !is_a_document(&body) {
                    return error(400, "Comment body is not valid!");
                }
                let comment = json!({ "id": id.to_string(), "body": body });
                issue.comments.push(comment.clone());
                Answer::json(201, &comment)
            }
            ("PUT", ["issue", key, "comment", id]) => {
                let body = asked.json()["body"].clone();
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                let Some(comment) = issue.comments.iter_mut().find(|comment| comment["id"] == *id) else {
                    return error(404, "Can not find a comment");
                };
                comment["body"] = body;
                Answer::json(200, comment)
            }
            ("POST", ["issue", key, "attachments"]) => {
                if asked.header("x-atlassian-token") != Some("no-check") {
                    return error(403, "XSRF check failed");
                }
                let id = state.next();
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                let parts = form(asked);
                assert!(parts.len() == 1 && parts[0]["name"] == b"file");
                let name = String::from_utf8(parts[0]["filename"].clone()).unwrap();
                let bytes = parts[0]["content"].clone();
                let file = json!({ "id": id.to_string(), "filename": name, "size": bytes.len() });
                issue.attachments.push((file.clone(), bytes));
                Answer::json(200, &json!([file]))
            }
            ("DELETE", ["attachment", id]) => {
                for issue in &mut state.issues {
                    let before = issue.attachments.len();
                    issue.attachments.retain(|(file, _)| file["id"] != *id);
                    if issue.attachments.len() < before {
                        return Answer::empty(204);
                    }
                }
                error(404, "The attachment does not exist")
            }
            ("GET", ["issue", key, "transitions"]) => {
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                let (_, _, ways) = STATUSES.iter().find(|(there, ..)| *there == issue.status).unwrap();
                let ways: Vec<Value> = ways
                    .iter()
                    // This project is one in which everything can be finished at once.
                    .chain((issue.status == "To Do").then_some(&("31", "Done")))
                    .map(|(id, to)| json!({ "id": id, "name": format!("To {to}"), "to": status(to) }))
                    .collect();
                Answer::json(200, &json!({ "transitions": ways }))
            }
            ("POST", ["issue", key, "transitions"]) => {
                let to = match asked.json()["transition"]["id"].as_str().unwrap() {
                    "11" => "In Progress",
                    "12" => "To Do",
                    "31" => "Done",
                    _ => {
                        return error(
                            400,
                            "It seems that you have tried to perform an illegal workflow operation.",
                        );
                    }
                };
                let Some(issue) = state.issue(key) else { return error(404, "Issue does not exist") };
                issue.status = to;
                Answer::empty(204)
            }
            _ => error(404, "Not found"),
        }
    }

    /// Jira keeps nothing of a file that did not arrive.
    fn half(&mut self, _: &Asked) {}

    fn refusal(&self, status: u16) -> Value {
        json!({ "errorMessages": [format!("status {status}")], "errors": {} })
    }
}

/// The account and the token of these tests as `Basic` has them (RFC 7617).
pub(crate) fn basic() -> String {
    // echo -n bot@example.org:hunter2-hunter2-hunter2 | base64
    let encoded = "Ym90QGV4YW1wbGUub3JnOmh1bnRlcjItaHVudGVyMi1odW50ZXIy";
    assert_eq!(TOKEN, "hunter2-hunter2-hunter2");
    encoded.to_owned()
}

/// A project `SHOP`, and the adapter for it.
pub(crate) struct JiraWorld {
    server: Server,
    project: Project,
    tracker: Jira,
}

impl JiraWorld {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.project.0.lock().unwrap()
    }

    /// The status of the issue with this label.
    pub(crate) fn status_of(&self, label: &str) -> &'static str {
        self.state().issues.iter().find(|issue| issue.label() == label).unwrap().status
    }
}

#[async_trait]
impl World for JiraWorld {
    async fn start() -> Self {
        let project = Project::default();
        let description = Description::read("jira.json", "", &more());
        let server = Server::start(project.clone(), description).await;
        let tracker = Jira::builder(server.address(), "SHOP", token())
            .account("bot@example.org")
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
        let of_release = |issue: &&Issue| issue.label().matches('/').count() == 1;
        let text = |issue: &Issue| {
            format!(
                "{}\n{}",
                issue.fields["summary"].as_str().unwrap(),
                text_of(&issue.fields["description"])
            )
        };
        let name = |file: &Value| file["filename"].as_str().unwrap().to_owned();
        let mut assets: Vec<(String, Vec<u8>)> = state
            .issues
            .iter()
            .flat_map(|issue| issue.attachments.iter().map(|(file, bytes)| (name(file), bytes.clone())))
            .collect();
        assets.sort();
        Shown {
            copies: state.issues.iter().filter(of_release).map(text).collect(),
            notes: state
                .issues
                .iter()
                .flat_map(|issue| issue.comments.iter().map(|comment| text_of(&comment["body"])))
                .collect(),
            post_mortems: state.issues.iter().filter(|issue| !of_release(issue)).map(text).collect(),
            phases: Vec::new(),
            assets,
        }
    }

    fn write_beside(&self, subject: &Subject, words: &str) {
        let mut state = self.state();
        let id = state.next();
        let label = format!("relman/{}", subject.release);
        let issue = state.issues.iter_mut().find(|issue| issue.label() == label).unwrap();
        let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": words }] });
        let body = json!({ "version": 1, "type": "doc", "content": [paragraph] });
        issue.comments.insert(0, json!({ "id": id.to_string(), "body": body }));
    }

    fn tally(&self) -> Vec<(&'static str, usize)> {
        let state = self.state();
        vec![
            ("versions", state.versions.len()),
            ("issues", state.issues.len()),
            ("comments", state.issues.iter().map(|issue| issue.comments.len()).sum()),
            ("attachments", state.issues.iter().map(|issue| issue.attachments.len()).sum()),
        ]
    }
}
