//! What is left to learn and to do, as text: retrospective and open items.

use std::fmt;

use crate::{
    event::LessonKind,
    report::{
        facts::{ActionItemState, OpenPostMortem, time},
        render::text::layout::{field, list, wrapped},
        view::{Lesson, OpenItems, Retrospective},
    },
};

impl fmt::Display for Retrospective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Retrospective")?;
        let ended =
            self.ended.map_or_else(|| "not yet".to_owned(), |ended| format!("{} {}", ended.how, ended.mark));
        field(f, "ended", &ended)?;
        let figures = &self.figures;
        let production = figures.in_production.map_or_else(
            || "not reached".to_owned(),
            |spent| format!("{spent}, {} planned", figures.planned),
        );
        field(f, "in production", &production)?;
        field(f, "overall", &format!("{} in {} records", figures.lasted, figures.records))?;
        for section in &self.sections {
            let title = match section.about {
                LessonKind::WentWell => "What went well",
                LessonKind::WentBadly => "What went badly",
                LessonKind::Lucky => "Where we were lucky",
            };
            writeln!(f, "\n{title}")?;
            list(f, "on the record", &section.facts)?;
            list(f, "ask", &section.questions)?;
            let lesson =
                |lesson: &Lesson| format!("{} ({}, #{})", lesson.text, lesson.by, lesson.mark.record);
            list(f, "lessons", section.lessons.iter().map(lesson))?;
        }
        f.write_str("\nAction items\n")?;
        list(f, "items", &self.action_items)
    }
}

impl fmt::Display for OpenItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.post_mortems.is_empty() && self.action_items.is_empty() {
            return wrapped(f, "", &format!("No open items, as of {}", time(self.as_of)));
        }
        wrapped(f, "", &format!("Open items, as of {}", time(self.as_of)))?;
        for open in self.overdue() {
            wrapped(f, "  ", &format!("{}: action item {}", open.release, open.item))?;
        }
        for open in &self.post_mortems {
            let OpenPostMortem { number, about, since } = &open.post_mortem;
            let release = &open.release;
            wrapped(f, "  ", &format!("{release}: post-mortem {number} on {about}, since {since}"))?;
        }
        for open in self.action_items.iter().filter(|open| open.item.state == ActionItemState::Open) {
            wrapped(f, "  ", &format!("{}: action item {}", open.release, open.item))?;
        }
        Ok(())
    }
}
