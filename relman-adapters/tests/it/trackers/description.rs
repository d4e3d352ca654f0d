//! The official description of an API (`OpenAPI` 3.0), and what is not as it says.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::server::{Answer, Asked, decoded};

/// The descriptions that were read, by file.
type Read = BTreeMap<&'static str, Option<Arc<Description>>>;

/// A description, ready to hold requests and answers against.
pub(crate) struct Description {
    document: Value,
    /// Where the API is at the server: before every path.
    prefix: &'static str,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Description {
    /// Reads a description from the folder beside the project. It is not ours to keep in here; where it is not there, the
    /// test says so and goes on without it.
    pub(crate) fn read(file: &'static str, prefix: &'static str, more: &Value) -> Option<Arc<Self>> {
        static READ: OnceLock<Mutex<Read>> = OnceLock::new();
        let mut read = READ.get_or_init(Mutex::default).lock().unwrap();
        let found = read.entry(file).or_insert_with(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/api").join(file);
            let Ok(text) = std::fs::read_to_string(&path) else {
                eprintln!(
                    "{file} is not in ../shared/api: the requests are not held against that description"
                );
                return None;
            };
            let mut document: Value = serde_json::from_str(&text).unwrap();
            for (path, operations) in more.as_object().into_iter().flatten() {
                document["paths"][path] = operations.clone();
            }
            Some(Arc::new(Self::of(document, prefix)))
        });
        found.clone()
    }

    /// A description that is at hand.
    pub(crate) fn of(mut document: Value, prefix: &'static str) -> Self {
        allow_null(&mut document);
        Self { document, prefix, validators: Mutex::default() }
    }

    /// Whether a request is one that is described.
    pub(crate) fn request(&self, asked: &Asked) -> Result<(), String> {
        let (template, operation) = self.operation(asked)?;
        let what = format!("{} {template}", asked.method);
        let shared = self.document["paths"][&template]["parameters"].as_array();
        let own = operation["parameters"].as_array();
        let parameters: Vec<&Value> =
            shared.into_iter().chain(own).flatten().map(|parameter| self.resolved(parameter)).collect();
        for (name, value) in &asked.query {
            let known =
                parameters.iter().find(|parameter| parameter["in"] == "query" && parameter["name"] == *name);
            let Some(parameter) = known else { return Err(format!("{what}: the query has no {name}")) };
            let schema = self.resolved(&parameter["schema"]);
            if schema["type"] == "integer" && value.parse::<i64>().is_err() {
                return Err(format!("{what}: {name} is {value:?} and no number"));
            }
            if let Some(allowed) = schema["enum"].as_array()
                && !allowed.contains(&json!(value))
            {
                return Err(format!("{what}: {name} is {value:?}, and allowed is {allowed:?}"));
            }
        }
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let there = asked.query.iter().any(|(key, _)| key == name);
            if parameter["in"] == "query" && parameter["required"] == true && !there {
                return Err(format!("{what}: {name} is missing in the query"));
            }
        }
        self.body(asked, &template, operation).map_err(|problem| format!("{what}: {problem}"))
    }

    fn body(&self, asked: &Asked, template: &str, operation: &Value) -> Result<(), String> {
        let content = self.resolved(&operation["requestBody"])["content"].as_object();
        let Some(content) = content else {
            return if asked.body.is_empty() { Ok(()) } else { Err("there is no body".to_owned()) };
        };
        let kind = asked.header("content-type").unwrap_or_default();
        if content.contains_key("application/octet-stream") {
            // Any file: the text of the description asks for the media type of the file in its place.
            return if kind.contains('/') { Ok(()) } else { Err("the media type is missing".to_owned()) };
        }
        if content.contains_key("multipart/form-data") {
            return if kind.starts_with("multipart/form-data; boundary=") {
                Ok(())
            } else {
                Err(format!("the content type is {kind:?}"))
            };
        }
        if kind != "application/json" {
            return Err(format!("the content type is {kind:?}"));
        }
        let place = [
            "paths",
            template,
            asked.method.as_str(),
            "requestBody",
            "content",
            "application/json",
            "schema",
        ];
        self.holds(&place, &asked.json(), Strictness::Whole)
    }

    /// Whether an answer of a site in a test is one that the real one could give: the fields that are there are
    /// described and have the described types. That all of them are there is not asked.
    pub(crate) fn answer(&self, asked: &Asked, answer: &Answer) -> Result<(), String> {
        let Ok((template, operation)) = self.operation(asked) else { return Ok(()) };
        let what = format!("the answer {} to {} {template}", answer.status, asked.method);
        let status = answer.status.to_string();
        let Some(response) = operation["responses"].get(&status) else {
            return Err(format!("{what} is not described"));
        };
        let described = self.resolved(response)["content"].get("application/json").is_some();
        if !described || answer.body.is_empty() {
            return Ok(());
        }
        let response = self.pointer_of(&["paths", &template, asked.method.as_str(), "responses", &status]);
        let place = response.iter().map(String::as_str).chain(["content", "application/json", "schema"]);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        self.holds(&place.collect::<Vec<_>>(), &body, Strictness::Partial)
            .map_err(|problem| format!("{what}: {problem}"))
    }

    /// The errors that are described for a request.
    pub(crate) fn errors(&self, asked: &Asked) -> Vec<u16> {
        let Ok((_, operation)) = self.operation(asked) else { return Vec::new() };
        let responses = operation["responses"].as_object().into_iter().flatten();
        responses.filter_map(|(status, _)| status.parse().ok()).filter(|status| *status >= 400).collect()
    }

    /// The operation that a request is for, and the template of its path.
    fn operation(&self, asked: &Asked) -> Result<(String, &Value), String> {
        let unknown = || format!("{} {} is not described", asked.method, asked.path);
        let path = asked.path.strip_prefix(self.prefix).ok_or_else(unknown)?;
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let paths = self.document["paths"].as_object().unwrap();
        let mut fitting: Vec<&String> = paths
            .iter()
            .filter(|(_, operations)| operations.get(asked.method.as_str().to_lowercase()).is_some())
            .filter(|(template, _)| {
                fits(&template.trim_matches('/').split('/').collect::<Vec<_>>(), &segments)
            })
            .map(|(template, _)| template)
            .collect();
        // `latest` is not the number of a release.
        fitting.sort_by_key(|template| template.matches('{').count());
        let template = fitting.first().ok_or_else(unknown)?;
        Ok(((*template).clone(), &paths[*template][asked.method.as_str().to_lowercase()]))
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// The way to something that may be a reference.
    fn pointer_of(&self, place: &[&str]) -> Vec<String> {
        let owned: Vec<String> = place.iter().map(|&part| part.to_owned()).collect();
        let value = self.at(place);
        match value["$ref"].as_str() {
            Some(reference) => reference.trim_start_matches("#/").split('/').map(str::to_owned).collect(),
            None => owned,
        }
    }

    fn at(&self, place: &[&str]) -> &Value {
        place.iter().fold(&self.document, |value, part| match value.get(part) {
            Some(inner) => inner,
            // Methods are written in small letters.
            None => &value[part.to_lowercase()],
        })
    }

    fn holds(&self, place: &[&str], value: &Value, strictness: Strictness) -> Result<(), String> {
        let place: Vec<String> = place
            .iter()
            .map(|part| {
                if part.chars().all(|c| c.is_ascii_uppercase()) {
                    part.to_lowercase()
                } else {
                    (*part).to_owned()
                }
            })
            .collect();
        let schema = self.resolved(self.at(&place.iter().map(String::as_str).collect::<Vec<_>>()));
        let one = if schema["type"] == "array" { self.resolved(&schema["items"]) } else { schema };
        if let Some(properties) = one["properties"].as_object().filter(|properties| !properties.is_empty()) {
            let objects = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
            for name in objects.iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys())
            {
                if !properties.contains_key(name) && !one["additionalProperties"].is_object() {
                    return Err(format!("there is no field {name}"));
                }
            }
        }
        let escaped: Vec<String> =
            place.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        let validator = self.validator(&escaped.join("/"), strictness);
        let problems: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    fn validator(&self, place: &str, strictness: Strictness) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let validator = validators.entry(format!("{strictness:?} {place}")).or_insert_with(|| {
            let mut document = self.document.clone();
            if strictness == Strictness::Partial {
                ask_for_nothing(&mut document);
            }
            // References are into the whole description, so that is the schema.
            document["$ref"] = json!(format!("#/{}", place.replace('{', "%7B").replace('}', "%7D")));
            Arc::new(jsonschema::options().with_draft(Draft::Draft4).build(&document).unwrap())
        });
        Arc::clone(validator)
    }
}

/// Whether everything has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Whole,
    Partial,
}

/// Whether a path is one of a template. A parameter stands for one segment, and the name of a commit for several.
fn fits(template: &[&str], path: &[&str]) -> bool {
    match (template, path) {
        ([], []) => true,
        ([part, template @ ..], [segment, path @ ..]) if part.starts_with('{') => {
            let several = *part == "{ref}" && fits(&[&[*part], template].concat(), path);
            !segment.is_empty() && (fits(template, path) || several)
        }
        ([part, template @ ..], [segment, path @ ..]) => *part == decoded(segment) && fits(template, path),
        ([], _) | (_, []) => false,
    }
}

/// `OpenAPI` 3.0 says that null is allowed in a way of its own.
fn allow_null(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("nullable") == Some(&json!(true)) {
                if let Some(kind) = object.get("type").filter(|kind| kind.is_string()).cloned() {
                    object.insert("type".to_owned(), json!([kind, "null"]));
                }
                if let Some(Value::Array(allowed)) = object.get_mut("enum") {
                    allowed.push(Value::Null);
                }
            }
            object.values_mut().for_each(allow_null);
        }
        Value::Array(values) => values.iter_mut().for_each(allow_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn ask_for_nothing(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("required").is_some_and(Value::is_array) {
                object.remove("required");
            }
            object.values_mut().for_each(ask_for_nothing);
        }
        Value::Array(values) => values.iter_mut().for_each(ask_for_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
