use serde::Serialize;

use crate::report::{Heading, History, PlanReport, PostMortemReport, Retrospective, RollbackLog};

/// A form that people fill in, or a guide that they follow, begun with what the record knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The plan of the next release of the service.
    Plan,
    /// What to look at by hand before the release leaves staging.
    QaChecklist,
    /// What people hear, and when.
    Communication,
    /// What led to a rollback or an override.
    PostMortem,
    /// What was learnt, and who changes what.
    Retrospective,
    /// How to lead a retrospective, for anyone who never has.
    RetrospectiveGuide,
}

impl Form {
    /// Every form, in the order in which a release needs them.
    pub const ALL: [Self; 6] = [
        Self::Plan,
        Self::QaChecklist,
        Self::Communication,
        Self::PostMortem,
        Self::Retrospective,
        Self::RetrospectiveGuide,
    ];

    /// The name of its template.
    pub fn template(self) -> &'static str {
        match self {
            Self::Plan => "form-plan",
            Self::QaChecklist => "form-qa-checklist",
            Self::Communication => "form-communication",
            Self::PostMortem => "form-post-mortem",
            Self::Retrospective => "form-retrospective",
            Self::RetrospectiveGuide => "retrospective-guide",
        }
    }
}

/// What the templates of forms are given.
#[derive(Serialize)]
pub(super) struct Facts {
    heading: Heading,
    plan: PlanReport,
    retrospective: Retrospective,
    rollback: Option<RollbackLog>,
    post_mortems: Vec<PostMortemReport>,
}

impl Facts {
    pub(super) fn of(history: &History<'_>) -> Option<Self> {
        Some(Self {
            heading: Heading::of(history),
            plan: PlanReport::of(history)?,
            retrospective: Retrospective::of(history)?,
            rollback: RollbackLog::of(history),
            post_mortems: PostMortemReport::all(history),
        })
    }
}
