//! The JSON Schemas of plans and policies accept what relman reads, and refuse what it refuses.

use crate::fixture::{PLAN, drill_plan, policy_text, with};
use relman_core::{plan::Plan, policy::Policy};
use serde_json::{Value, json};

fn validator(schema: &schemars::Schema) -> jsonschema::Validator {
    jsonschema::validator_for(schema.as_value()).unwrap()
}

fn toml(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[track_caller]
fn accepts(schema: &jsonschema::Validator, file: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_policy_schema_accepts_the_shipped_policy_and_more() {
    let schema = validator(&Policy::json_schema());
    accepts(&schema, &toml(Policy::SHIPPED_TOML));
    let freeze = "[[freeze]]\nfrom = \"2026-12-23T00:00:00.000Z\"\nuntil = \"2027-01-04T00:00:00.000Z\"\nreason = \"year-end\"\n";
    accepts(&schema, &toml(&(policy_text() + freeze)));
    for times in [
        "from = \"2026-12-23T00:00+01:00\"\nuntil = \"2027-01-04 00:00Z\"",
        "window = \"Fri 16:00–Mon 08:00 Europe/Berlin\"",
        "window = \"daily 22:00-06:00 UTC\"\nfrom = \"2026-12-23T00:00Z\"",
    ] {
        let text = format!("{}[[freeze]]\n{times}\nreason = \"year-end\"\n", policy_text());
        Policy::from_toml(&text).unwrap();
        accepts(&schema, &toml(&text));
    }
    for times in ["", "from = \"2026-12-23T00:00Z\"", "window = \"weekends\""] {
        let text = format!("{}[[freeze]]\n{times}\nreason = \"year-end\"\n", policy_text());
        assert!(Policy::from_toml(&text).is_err(), "{times}");
        assert!(!schema.is_valid(&toml(&text)), "{times}");
    }
}

#[test]
fn the_policy_schema_refuses_nonsense() {
    let schema = validator(&Policy::json_schema());
    for (from, to) in [
        ("name = \"relman", "nmae = \"relman"),
        ("bake = \"30m\"", "bake = 30"),
        ("share = \"1%\"", "share = 1"),
        ("highest_risk = \"standard\"", "highest_risk = \"extreme\""),
        ("[approvals]\nlow = 1", "[approvals]\nlow = \"one\""),
        ("override = [\"executive\"]", "overide = [\"executive\"]"),
        ("no_data = { action = \"hold\"", "no_data = { action = \"ignore\""),
        ("stale = { action", "old = { action"),
        ("default_track = { low", "default_track = { tiny"),
        ("confirmations = 2", "confirmations = -2"),
        ("share = \"1%\"", "share = \"one percent\""),
        ("bake = \"30m\"", "bake = \"soon\""),
    ] {
        let text = with(Policy::SHIPPED_TOML, from, to);
        assert!(Policy::from_toml(&text).is_err(), "{to}");
        assert!(!schema.is_valid(&toml(&text)), "{to}");
    }
    assert!(!schema.is_valid(&json!({})));
    assert!(!schema.is_valid(&json!([])));
}

#[test]
fn the_plan_schema_accepts_plans() {
    let schema = validator(&Plan::json_schema());
    accepts(&schema, &toml(PLAN));
    accepts(&schema, &toml(&drill_plan()));
}

#[test]
fn the_plan_schema_refuses_nonsense() {
    let schema = validator(&Plan::json_schema());
    for (from, to) in [
        ("title =", "titel ="),
        ("audience = \"user-facing\"", "audience = \"everyone\""),
        ("release = \"checkout-241\"", "release = 241"),
        ("release = \"checkout-241\"", "release = \"checkout 241\""),
        ("\"error_rate > 1%\", ", "\"if it breaks\", "),
        ("\"step-started\"", "\"now-and-then\""),
        ("service = \"checkout\"\n", ""),
        ("touches = [\"api\"]", "touches = \"api\""),
    ] {
        let text = with(PLAN, from, to);
        assert!(Plan::from_toml(&text).is_err(), "{to}");
        assert!(!schema.is_valid(&toml(&text)), "{to}");
    }
}

/// Editors show these: every property says what it is.
#[test]
fn every_property_is_described() {
    fn undescribed(value: &Value, path: &str, defs: &Value, found: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let path = format!("{path}/{name}");
                let def = property
                    .get("$ref")
                    .and_then(Value::as_str)
                    .and_then(|name| name.strip_prefix("#/$defs/"));
                let by_def = def.is_some_and(|name| defs[name].get("description").is_some());
                if property.get("description").is_none() && !by_def {
                    found.push(path.clone());
                }
                undescribed(property, &path, defs, found);
            }
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = value.get(key) {
                undescribed(inner, &format!("{path}/{key}"), defs, found);
            }
        }
    }
    for schema in [Plan::json_schema(), Policy::json_schema()] {
        let root = schema.as_value();
        let mut found = Vec::new();
        let defs = root.get("$defs").cloned().unwrap_or_default();
        undescribed(root, "", &defs, &mut found);
        for (name, def) in root.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            undescribed(def, name, &defs, &mut found);
        }
        assert!(found.is_empty(), "{found:?}");
    }
}
