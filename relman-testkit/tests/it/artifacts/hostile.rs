//! Markup in every free text comes out as text, and templates of someone else say what is wrong with them.

use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser, Tag};
use relman_core::{
    event::{ActionItemKind, LessonKind, Settlement},
    machine::Action,
    port::Incident,
    report::{Artifact, Form, TemplateError, Templates},
    unit::Span,
};
use relman_testkit::{Simulation, Team, sample};

use super::story::{Story, text, who};

/// What would be markup in Markdown or HTML, quotes, the end of a table's cell, an end of a line and a turn of direction.
const HOSTILE: &str = "<script>alert('x')</script> \"q\" `code` | cell | **bold** [a](javascript:b) <img src=x>\n\
                       # not a heading\n- not an item\n\n```\nnot code \u{202e}txet";

fn story() -> Story {
    let mut plan = sample::builder("checkout-241", &["api"]).title(text(HOSTILE));
    plan = plan.drill().track("drill".parse().unwrap());
    plan =
        plan.tell(text(HOSTILE), "releases".parse().unwrap(), [relman_core::port::NotifyOn::RolloutStarted]);
    let simulation = Simulation::new(Arc::new(plan.build().unwrap()), sample::brief_drill_policy());
    let mut story = Story::of(&simulation, Team::new().without(relman_testkit::Duty::Close));
    story.act("user:bo", Action::Complain { key: None, text: text(HOSTILE) });
    let incident =
        Incident::new(text(HOSTILE), text(HOSTILE), "checkout".parse().unwrap(), story.release.last_at())
            .with_severity(text(HOSTILE))
            .with_url(text(HOSTILE));
    story.act("user:bo", Action::RecordIncident { source: text(HOSTILE), incident });
    story.act("user:bo", Action::RollBack { reason: text(HOSTILE) });
    for kind in LessonKind::ALL {
        story.act("user:bo", Action::RecordLesson { kind, text: text(HOSTILE) });
    }
    let due = story.release.last_at() + Span::from_hours(240);
    let owner = who("user:bo");
    story.act(
        "user:bo",
        Action::OpenActionItem { what: text(HOSTILE), kind: ActionItemKind::Process, owner, due: Some(due) },
    );
    let settle = Action::SettleActionItem { number: None, how: Settlement::Dropped, note: text(HOSTILE) };
    story.act("user:bo", settle);
    let (summary, root_cause, link) = (text(HOSTILE), text(HOSTILE), Some(text(HOSTILE)));
    story.act("user:ana", Action::FilePostMortem { number: None, summary, root_cause, link });
    story
}

/// What a reader of Markdown makes of it: no markup but that of the templates.
fn reads_as_text(markdown: &str) {
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Html(_) | Event::InlineHtml(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                panic!("{event:?} in\n{markdown}")
            }
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_))) => {
                panic!("{tag:?} in\n{markdown}")
            }
            Event::Code(code) => {
                let is_record = code.strip_prefix('#').is_some_and(|seq| seq.parse::<u64>().is_ok());
                let is_head = code.len() == 64 && code.chars().all(|c| c.is_ascii_hexdigit());
                assert!(is_record || is_head, "`{code}` in\n{markdown}");
            }
            _ => {}
        }
    }
}

/// Every row of a table has the columns of its head.
fn rows_have_their_columns(name: &str, markdown: &str) {
    let mut columns = None;
    for line in markdown.lines() {
        let count = line.starts_with('|').then(|| line.replace("\\|", "").matches('|').count());
        if let (Some(columns), Some(count)) = (columns, count) {
            assert_eq!(columns, count, "{name}: {line}");
        }
        columns = count;
    }
}

#[test]
fn markup_in_free_texts_comes_out_as_text() {
    let story = story();
    let templates = Templates::default();
    let artifacts = Artifact::all(&story.history());
    let names: Vec<String> = artifacts.iter().map(|artifact| artifact.name().to_string()).collect();
    assert_eq!(names, ["plan", "schedule", "validation", "rollback-log", "post-mortem-1", "retrospective"]);
    for artifact in &artifacts {
        let markdown = templates.markdown(artifact).unwrap();
        let name = artifact.name();
        assert!(markdown.contains("&lt;script>"), "{name} shows the text");
        assert!(!markdown.contains('\u{202e}'), "{name} turns the direction");
        reads_as_text(&markdown);
        rows_have_their_columns(&name.to_string(), &markdown);
    }
}

#[test]
fn markup_in_free_texts_comes_out_as_text_in_forms() {
    let story = story();
    for form in Form::ALL {
        let markdown = Templates::default().form(form, &story.history()).unwrap().unwrap();
        let name = form.template();
        assert!(!markdown.contains('\u{202e}') && !markdown.contains("<script"), "{name}: {markdown}");
        for event in Parser::new_ext(&markdown, Options::all()) {
            match event {
                Event::Html(_) | Event::InlineHtml(_) => panic!("{name}: {event:?} in\n{markdown}"),
                Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. })) => panic!("{name}: {tag:?}"),
                _ => {}
            }
        }
        rows_have_their_columns(name, &markdown);
    }
}

#[test]
fn the_longest_texts_are_shown_whole() {
    let longest = "<b>x</b> ".repeat(444);
    let mut story =
        Story::of(&Simulation::new(sample::drill_plan(), sample::brief_drill_policy()), Team::new());
    story.act("user:bo", Action::RecordLesson { kind: LessonKind::WentWell, text: text(&longest) });
    let history = story.history();
    let retrospective = Artifact::all(&history).pop().unwrap();
    let markdown = Templates::default().markdown(&retrospective).unwrap();
    assert_eq!(markdown.matches("&lt;b>x&lt;/b>").count(), 444);
}

#[test]
fn a_template_that_is_wrong_names_itself_its_line_and_what_is_missing() {
    let story = Story::of(&Simulation::new(sample::drill_plan(), sample::brief_drill_policy()), Team::new());
    let history = story.history();
    let plan = Artifact::all(&history).remove(0);
    let failed = |source: &str| {
        let templates = Templates::default().with("plan", source).unwrap();
        templates.markdown(&plan).unwrap_err().to_string()
    };
    let missing = failed("# Plan\n\n{{ scope.servce }}\n");
    assert!(missing.contains("failed to make plan by the template plan, line 3"), "{missing}");
    assert!(missing.contains("servce"), "{missing}");
    let wrong = failed("{{ scope | duration }}\n");
    assert!(wrong.contains("line 1"), "{wrong}");
    let endless =
        failed("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}\n");
    assert!(endless.contains("fuel"), "{endless}");

    let syntax = Templates::default().with("plan", "# Plan\n{% if scope %}\n").unwrap_err();
    assert!(matches!(syntax, TemplateError::Syntax { .. }), "{syntax}");
    assert_eq!(syntax.template(), "plan");
    let unknown = Templates::default().with("paln", "").unwrap_err();
    assert!(unknown.to_string().contains("\"paln\": the names are plan, schedule"), "{unknown}");
}

#[test]
fn a_part_is_replaced_in_every_artifact_and_an_error_in_it_is_its_own() {
    let story = Story::of(&Simulation::new(sample::drill_plan(), sample::brief_drill_policy()), Team::new());
    let history = story.history();
    let ours = Templates::default().with("_footer", "\nOf Example Ltd, {{ heading.release }}\n").unwrap();
    for artifact in Artifact::all(&history) {
        let markdown = ours.markdown(&artifact).unwrap();
        assert!(markdown.ends_with("\nOf Example Ltd, drill-1\n"), "{markdown}");
    }
    let broken = Templates::default().with("_footer", "\n\n{{ heading.relase }}\n").unwrap();
    for artifact in Artifact::all(&history) {
        let error = broken.markdown(&artifact).unwrap_err();
        assert_eq!((error.template(), error.line()), ("_footer", Some(3)), "{error}");
    }
    assert!(Templates::default().source("plan").is_some_and(|source| source.contains("## Scope")));
}
