use relman_core::{judge::Arm, port::MetricQuery, unit::Span};
use thiserror::Error;

/// A query with names in double braces.
///
/// No template engine: its conditions and filters would make what is asked depend on more than the five names that
/// a record shows, and only a reader of strings can tell how a value must be escaped where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Window,
    Text(Name, Escape),
}

/// A name whose value stands in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Arm,
    Version,
    Service,
    Release,
}

/// For what a value is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    String,
    RegexInString,
}

/// Where the reader is in the query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Comment,
    String { quote: char, escape: Escape },
    RawString,
}

/// Which of the names that a query needs it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uses {
    pub(super) window: bool,
    pub(super) arm: bool,
}

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TemplateError {
    line: usize,
    column: usize,
    problem: String,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut place = Place::Code;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let at = text.len() - rest.len();
            if let Some(inside) = rest.strip_prefix("{{") {
                let Some((name, behind)) = inside.split_once("}}") else {
                    return Err(TemplateError::at(text, at, "`{{` is not followed by `}}`"));
                };
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(
                    Part::named(name.trim(), place)
                        .map_err(|problem| TemplateError::at(text, at, problem))?,
                );
                rest = behind;
                continue;
            }
            let mut taken = next.len_utf8();
            if let (Place::String { .. }, '\\') = (place, next) {
                // What is escaped is taken along, so that an escaped quote doesn't end the string.
                taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
            } else {
                place = place.after(next, &text[..at]);
            }
            literal.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        if let Place::String { .. } | Place::RawString = place {
            return Err(TemplateError::at(text, text.len(), "a string is not closed"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    pub(super) fn uses(&self) -> Uses {
        Uses {
            window: self.0.contains(&Part::Window),
            arm: self.0.iter().any(|part| matches!(part, Part::Text(Name::Arm | Name::Version, _))),
        }
    }

    pub(super) fn render(&self, query: &MetricQuery, arm: Arm, window: Span) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Window => promql_duration(window),
                Part::Text(name, escape) => escape.apply(&name.value(query, arm)),
            })
            .collect()
    }
}

impl Part {
    fn named(name: &str, place: Place) -> Result<Self, String> {
        let name = match name {
            "window" => {
                return match place {
                    Place::Code => Ok(Self::Window),
                    Place::Comment | Place::String { .. } | Place::RawString => {
                        Err("{{window}} is a duration and stands outside of strings and comments".to_owned())
                    }
                };
            }
            "arm" => Name::Arm,
            "version" => Name::Version,
            "service" => Name::Service,
            "release" => Name::Release,
            other => {
                return Err(format!("{other:?} is not one of arm, version, service, release, window"));
            }
        };
        match place {
            Place::String { escape, .. } => Ok(Self::Text(name, escape)),
            Place::Code | Place::Comment => {
                Err("a name other than {{window}} stands in a string: version=\"{{version}}\"".to_owned())
            }
            Place::RawString => {
                Err("nothing can be escaped between backticks: use \" or ' around the string".to_owned())
            }
        }
    }
}

impl Place {
    /// The place behind a character that is not part of an escape.
    fn after(self, next: char, before: &str) -> Self {
        match (self, next) {
            (Self::Code, '"' | '\'') => {
                let operator = before.trim_end();
                let escape = if operator.ends_with("=~") || operator.ends_with("!~") {
                    Escape::RegexInString
                } else {
                    Escape::String
                };
                Self::String { quote: next, escape }
            }
            (Self::Code, '`') => Self::RawString,
            (Self::Code, '#') => Self::Comment,
            (Self::Comment, '\n') | (Self::RawString, '`') => Self::Code,
            (Self::String { quote, .. }, end) if end == quote => Self::Code,
            (Self::Code | Self::Comment | Self::RawString | Self::String { .. }, _) => self,
        }
    }
}

impl Name {
    fn value(self, query: &MetricQuery, arm: Arm) -> String {
        match (self, arm) {
            (Self::Arm, arm) => arm.to_string(),
            (Self::Version, Arm::Canary) => query.canary_version.clone(),
            (Self::Version, Arm::Baseline) => query.baseline_version.clone(),
            (Self::Service, _) => query.service.to_string(),
            (Self::Release, _) => query.release.to_string(),
        }
    }
}

impl Escape {
    fn apply(self, value: &str) -> String {
        let mut escaped = String::with_capacity(value.len());
        for c in value.chars() {
            // RE2's special characters, each made plain by a backslash, which the string escapes again below.
            if self == Self::RegexInString && r"\.+*?()|[]{}^$".contains(c) {
                escaped.push_str(r"\\");
            }
            match c {
                '\\' => escaped.push_str(r"\\"),
                // Hexadecimal, which both kinds of quotes understand; a backslash before the other quote is an error.
                '"' => escaped.push_str(r"\x22"),
                '\'' => escaped.push_str(r"\x27"),
                '\n' => escaped.push_str(r"\n"),
                '\r' => escaped.push_str(r"\r"),
                c => escaped.push(c),
            }
        }
        escaped
    }
}

/// A duration as PromQL writes it, in the largest unit that is exact.
fn promql_duration(span: Span) -> String {
    let millis = span.as_millis();
    if millis.is_multiple_of(1_000) { format!("{}s", millis / 1_000) } else { format!("{millis}ms") }
}

impl TemplateError {
    pub(super) fn at(text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let before = &text[..offset];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, version: &str) -> String {
        let query = MetricQuery::new(
            "error_rate".parse().unwrap(),
            "checkout-241".parse().unwrap(),
            "checkout".parse().unwrap(),
            version,
            "1.0.0",
        );
        Template::parse(text).unwrap().render(&query, Arm::Canary, Span::from_minutes(1))
    }

    #[test]
    fn names_are_replaced_and_the_braces_of_promql_stay() {
        let text = r#"sum by (le) (increase(x_bucket{a="{{ arm }}",s='{{service}}',r="{{release}}",v="{{version}}"}[{{window}}]))"#;
        assert_eq!(
            render(text, "2.0.0"),
            r#"sum by (le) (increase(x_bucket{a="canary",s='checkout',r="checkout-241",v="2.0.0"}[60s]))"#
        );
        let template = Template::parse("x{v=\"{{version}}\"}").unwrap();
        assert_eq!(template.uses(), Uses { window: false, arm: true });
    }

    #[test]
    fn values_can_not_leave_their_string() {
        for (version, escaped) in [
            ("a\"} or vector(0) #", r"a\x22} or vector(0) #"),
            ("a'b", r"a\x27b"),
            (r"a\", r"a\\"),
            ("a\nb", r"a\nb"),
            ("{{arm}}", "{{arm}}"),
        ] {
            assert_eq!(render("x{v=\"{{version}}\"}", version), format!("x{{v=\"{escaped}\"}}"));
        }
    }

    #[test]
    fn values_in_a_regular_expression_stand_for_themselves() {
        assert_eq!(render(r#"x{v=~"{{version}}-.*"}"#, "2.4+b"), r#"x{v=~"2\\.4\\+b-.*"}"#);
        assert_eq!(render(r"x{v!~ '{{version}}'}", r"a\"), r"x{v!~ 'a\\\\'}");
        assert_eq!(render(r#"x{v="{{version}}"}"#, "2.4+b"), r#"x{v="2.4+b"}"#);
    }

    #[test]
    fn windows_are_written_in_the_largest_exact_unit() {
        assert_eq!(promql_duration(Span::from_minutes(30)), "1800s");
        assert_eq!(promql_duration(Span::from_millis(1_500)), "1500ms");
    }

    #[test]
    fn errors_point_at_the_place() {
        for (text, message) in [
            (
                "x{v=\"{{versoin}}\"}",
                "line 1, column 6: \"versoin\" is not one of arm, version, service, release, window",
            ),
            ("sum(\n  {{version}})", "line 2, column 3: a name other than {{window}} stands in a string"),
            ("x{v=`{{version}}`}", "line 1, column 6: nothing can be escaped between backticks"),
            ("x{v=\"{{window}}\"}", "line 1, column 6: {{window}} is a duration"),
            ("x{v=\"ä\\\"{{version\"}", "line 1, column 9: `{{` is not followed by `}}`"),
            ("x{v=\"a", "line 1, column 7: a string is not closed"),
            ("x # it's {{version}}", "line 1, column 10: a name other than {{window}}"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(Template::parse("x # it's a comment\n").is_ok());
    }
}
