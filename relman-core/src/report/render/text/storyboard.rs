//! The storyboard, and what its frames alone have, as text.

use std::fmt;

use crate::report::{
    facts::GateStory,
    render::text::layout::{field, wrapped},
    view::{ChecklistItem, Frame, FrameState, ItemState, Storyboard, TestReport},
};

impl fmt::Display for Storyboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Storyboard")?;
        field(f, "phase", &self.phase.to_string())?;
        for frame in self.frames() {
            f.write_str("\n")?;
            frame.write(f)?;
        }
        f.write_str("\nIf it has to be rolled back\n")?;
        for (index, step) in self.rollback.procedure.iter().enumerate() {
            let done = step.done.map(|done| format!(" ({done})")).unwrap_or_default();
            wrapped(f, &format!("  {}. ", index + 1), &format!("{}: {}{done}", step.who, step.what))?;
        }
        self.rollback.thresholds.iter().try_for_each(|criterion| wrapped(f, "  - ", &criterion.to_string()))
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Test report")?;
        f.write_str("\nChecklist\n")?;
        self.checklist.iter().try_for_each(|item| item.write(f))?;
        f.write_str("\nEvery run\n")?;
        if self.runs.is_empty() {
            f.write_str("  none recorded\n")?;
        }
        for run in &self.runs {
            let text = format!("{} {}: {} ({}, {})", run.check, run.outcome, run.evidence, run.by, run.mark);
            wrapped(f, "  - ", &text)?;
        }
        f.write_str("\nGates\n")?;
        self.gates.iter().try_for_each(|gate| gate.write(f))
    }
}

impl Frame {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            // It is what the sentence begins with.
            FrameState::NotReached => String::new(),
            FrameState::UnderWay | FrameState::Passed | FrameState::Stopped => format!("{}. ", self.state),
        };
        wrapped(f, "", &format!("{}: {state}{}", self.name, self.says))?;
        self.checklist.iter().try_for_each(|item| item.write(f))?;
        self.gates.iter().try_for_each(|gate| gate.write(f))
    }
}

impl ChecklistItem {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.state {
            ItemState::Open => "[ ]",
            ItemState::Done => "[x]",
            ItemState::Failed => "[!]",
            ItemState::Overridden => "[o]",
        };
        let detail = self.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let who = match (&self.by, self.mark) {
            (Some(by), Some(mark)) => format!(" ({by}, {mark})"),
            _ => String::new(),
        };
        wrapped(f, &format!("  {sign} "), &format!("{}{detail}{who}", self.what))
    }
}

impl GateStory {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = self.passed.map(|mark| format!(" {mark}")).unwrap_or_default();
        let grounds: Vec<String> = self.grounds.iter().map(ToString::to_string).collect();
        let grounds = grounds.join("; ");
        let grounds = if grounds.is_empty() { grounds } else { format!(": {grounds}") };
        wrapped(f, "  gate ", &format!("{}: {}{when}{grounds}", self.gate, self.state))?;
        for failed in &self.failures {
            wrapped(f, "    failed ", &format!("{}: {}", failed.mark, failed.reasons.join("; ")))?;
        }
        self.overrides.iter().try_for_each(|one| {
            wrapped(f, "    overridden ", &format!("{} by {}: {}", one.mark, one.by, one.reason))
        })
    }
}
