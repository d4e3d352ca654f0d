use std::{collections::BTreeMap, fmt};

use minijinja::{
    Environment, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};
use thiserror::Error;

use super::{
    filters,
    form::{Facts, Form},
};
use crate::report::{Artifact, History, view::collapse};

/// The templates of relman: one for each kind of artifact and for each form, and the parts that they share, whose names
/// begin with `_`.
const SHIPPED: [(&str, &str); 22] = [
    ("plan", include_str!("templates/plan.md")),
    ("schedule", include_str!("templates/schedule.md")),
    ("validation", include_str!("templates/validation.md")),
    ("rollback-log", include_str!("templates/rollback-log.md")),
    ("post-mortem", include_str!("templates/post-mortem.md")),
    ("retrospective", include_str!("templates/retrospective.md")),
    ("delivery-metrics", include_str!("templates/delivery-metrics.md")),
    ("publication", include_str!("templates/publication.md")),
    ("staging", include_str!("templates/staging.md")),
    ("form-plan", include_str!("templates/form-plan.md")),
    ("form-qa-checklist", include_str!("templates/form-qa-checklist.md")),
    ("form-communication", include_str!("templates/form-communication.md")),
    ("form-post-mortem", include_str!("templates/form-post-mortem.md")),
    ("form-retrospective", include_str!("templates/form-retrospective.md")),
    ("retrospective-guide", include_str!("templates/retrospective-guide.md")),
    ("_heading", include_str!("templates/_heading.md")),
    ("_footer", include_str!("templates/_footer.md")),
    ("_rollback", include_str!("templates/_rollback.md")),
    ("_rows", include_str!("templates/_rows.md")),
    ("_action-items", include_str!("templates/_action-items.md")),
    ("_checks", include_str!("templates/_checks.md")),
    ("_incidents", include_str!("templates/_incidents.md")),
];

/// How much work one artifact may take: some hundred times of what the longest of relman's own templates takes, so that a
/// template that never ends is an error and no standstill.
const FUEL: u64 = 50_000_000;

/// The templates that make Markdown of artifacts.
///
/// [`default`](Self::default) has relman's own; [`with`](Self::with) replaces one, or adds a part that others include.
/// The output ends with a line feed, and depends on the artifact and the templates alone.
///
/// # Examples
///
/// ```
/// use relman_core::report::{Artifact, Contribution, DeliveryMetrics, Templates};
///
/// let metrics = DeliveryMetrics::of([], None, "2026-11-22T18:04:05.000Z".parse()?);
/// let artifact = Artifact::DeliveryMetrics(Box::new(metrics));
/// let ours = Templates::default().with("delivery-metrics", "{{ deployments }} deployments, {{ drills }} drills\n")?;
/// assert_eq!(ours.markdown(&artifact)?, "0 deployments, 0 drills\n");
///
/// let wrong = Templates::default().with("delivery-metrics", "# Ours\n{{ deployment }}\n")?;
/// let error = wrong.markdown(&artifact).unwrap_err();
/// assert_eq!((error.template(), error.line()), ("delivery-metrics", Some(2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Templates {
    environment: Environment<'static>,
    sources: BTreeMap<String, String>,
}

/// Why a template can't be used, or has made nothing of an artifact.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// No artifact and no form has a template of that name.
    #[error("nothing has a template {name:?}: the names are {known}, and parts begin with `_`")]
    UnknownName {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The template can't be read.
    #[error("failed to read the template {template}{}: {problem}", at(*.line))]
    Syntax {
        /// The template.
        template: String,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
    },
    /// The template asks for something that there is not, or does something that can't be done.
    #[error("failed to make {artifact} by the template {template}{}: {problem}", at(*.line))]
    Render {
        /// The artifact.
        artifact: String,
        /// The template, or the part of one.
        template: String,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong, and what is missing.
        problem: String,
    },
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

impl TemplateError {
    /// The template that it is about.
    pub fn template(&self) -> &str {
        match self {
            Self::UnknownName { name, .. } => name,
            Self::Syntax { template, .. } | Self::Render { template, .. } => template,
        }
    }

    /// The line in it, from 1, where that is known.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::UnknownName { .. } => None,
            Self::Syntax { line, .. } | Self::Render { line, .. } => *line,
        }
    }
}

/// What minijinja says, with the causes that it keeps for itself.
fn problem(error: &minijinja::Error) -> String {
    let mut problem = error.kind().to_string();
    if let Some(detail) = error.detail() {
        problem = format!("{problem}: {detail}");
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        problem = format!("{problem}: {cause}");
        source = cause.source();
    }
    problem
}

/// The innermost error that knows its place: that of an included part, and not of the `include`.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut innermost = error;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<minijinja::Error>().filter(|cause| cause.name().is_some()) {
            innermost = cause;
        }
        source = cause.source();
    }
    innermost
}

impl Default for Templates {
    /// relman's own templates.
    fn default() -> Self {
        let mut environment = Environment::new();
        // A name that is not there is an error, and no empty place; only `if` may ask whether it is there.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        // With it an error names what is missing.
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .expect("the usual delimiters differ");
        environment.set_syntax(syntax);
        filters::install(&mut environment);
        let templates = Self { environment, sources: BTreeMap::new() };
        SHIPPED.iter().fold(templates, |templates, (name, source)| {
            templates.with(name, source).expect("the tests render every shipped template")
        })
    }
}

impl Templates {
    /// The same with another template of that name: `plan`, `schedule`, `validation`, `rollback-log`, `post-mortem`,
    /// `retrospective`, `delivery-metrics`, those of the forms ([`Form::template`]), or a part whose name begins with `_`.
    ///
    /// # Errors
    ///
    /// [`TemplateError::UnknownName`] and [`TemplateError::Syntax`].
    pub fn with(mut self, name: &str, source: &str) -> Result<Self, TemplateError> {
        let is_known = name.starts_with('_') || SHIPPED.iter().any(|(shipped, _)| *shipped == name);
        if !is_known {
            let known =
                SHIPPED.iter().map(|(shipped, _)| *shipped).filter(|shipped| !shipped.starts_with('_'));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(TemplateError::UnknownName { name: name.to_owned(), known });
        }
        // A file from another system ends its lines in its own way.
        let source = source.replace("\r\n", "\n");
        self.environment.add_template_owned(name.to_owned(), source.clone()).map_err(|error| {
            TemplateError::Syntax { template: name.to_owned(), line: error.line(), problem: problem(&error) }
        })?;
        self.sources.insert(name.to_owned(), source);
        Ok(self)
    }

    /// The source of a template, to start your own from; none if the name is unknown.
    pub fn source(&self, name: &str) -> Option<&str> {
        self.sources.get(name).map(String::as_str)
    }

    /// The names of all templates and their parts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// An artifact as Markdown.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Render`] where the template asks for what the artifact does not have, with the template, the line
    /// and what is missing. relman's own templates do not.
    pub fn markdown(&self, artifact: &Artifact) -> Result<String, TemplateError> {
        let name = artifact.name();
        self.render(&name.to_string(), name.template(), context(artifact))
    }

    /// A form or guide for people, filled in with what the record knows of a release; none where nothing is planned.
    ///
    /// Its template is given `heading`, `plan`, `retrospective`, `rollback` (none where there was none) and
    /// `post_mortems`, each as the JSON of its report.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Render`], as for [`markdown`](Self::markdown).
    pub fn form(&self, form: Form, history: &History<'_>) -> Result<Option<String>, TemplateError> {
        let Some(facts) = Facts::of(history) else { return Ok(None) };
        self.render(form.template(), form.template(), serde_json::to_value(facts)).map(Some)
    }

    pub(super) fn render(
        &self,
        what: &str,
        name: &str,
        context: Result<serde_json::Value, serde_json::Error>,
    ) -> Result<String, TemplateError> {
        let failed = |template: &str, line, problem| TemplateError::Render {
            artifact: what.to_owned(),
            template: template.to_owned(),
            line,
            problem,
        };
        let context = context.map_err(|error| failed(name, None, error.to_string()))?;
        let rendered = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(&context))));
        let text = rendered.map_err(|error| {
            let innermost = innermost(&error);
            failed(innermost.name().unwrap_or(name), innermost.line(), problem(innermost))
        })?;
        Ok(tidy(&text))
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

/// The artifact's JSON, with its name, and with the timeline of a rollback in rows as its text has it.
fn context(artifact: &Artifact) -> Result<serde_json::Value, serde_json::Error> {
    let mut context = serde_json::to_value(artifact)?;
    if let Some(fields) = context.as_object_mut() {
        fields.insert("artifact".to_owned(), artifact.name().to_string().into());
        if let Artifact::RollbackLog(log) = artifact {
            fields.insert("rows".to_owned(), serde_json::to_value(collapse(&log.timeline))?);
        }
    }
    Ok(context)
}

/// No blanks at the end of a line, no two empty lines in a row, one line feed at the end.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    let length = tidy.trim_end().len();
    tidy.truncate(length);
    tidy.push('\n');
    tidy
}
