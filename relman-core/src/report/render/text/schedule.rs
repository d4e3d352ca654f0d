//! The schedule as text.

use std::fmt;

use crate::{
    machine::EndedAs,
    report::{
        facts::{commas, counted, time},
        render::text::layout::{field, wrapped},
        view::Schedule,
    },
    unit::Span,
};

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Schedule")?;
        let start = match self.started {
            Some(mark) => format!("The rollout began {mark}. Track {}.", self.track),
            None => format!(
                "The rollout has not begun; planned times count from its start. Track {}.",
                self.track
            ),
        };
        wrapped(f, "", &start)?;
        writeln!(
            f,
            "\n  step share  {:<8} {:<20}  {:<8} {:>5} {:<8} state",
            "planned", "planned start", "baked", "evals", "held"
        )?;
        for step in &self.steps {
            let start = step.planned_start.map_or_else(|| format!("+ {}", step.planned_after), time);
            writeln!(
                f,
                "  {:>4} {:>5}  {:<8} {start:<20}  {:<8} {:>5} {:<8} {}",
                step.number, step.share, step.planned_bake, step.baked, step.looks, step.held, step.end
            )?;
            if let Some(started) = step.started {
                let end = step.ended.map(|ended| format!(", ended {ended}")).unwrap_or_default();
                writeln!(f, "              began {started}{end}")?;
            }
        }
        writeln!(f, "\nCheckpoints: evaluated every {}", self.look_every)?;
        field(f, "watched", &commas(&self.watched))?;
        for checkpoint in &self.checkpoints {
            let planned = checkpoint.planned.map_or_else(
                || format!("+ {}", checkpoint.planned_after),
                |at| format!("planned {}", time(at)),
            );
            let looks = match checkpoint.looks.looks {
                0 => format!("{} evaluations planned", checkpoint.planned_looks),
                _ => format!("{} planned, {}", checkpoint.planned_looks, checkpoint.looks),
            };
            let passed = checkpoint.passed.map(|mark| format!("; passed {mark}")).unwrap_or_default();
            field(f, &checkpoint.gate.to_string(), &format!("{planned}; {looks}{passed}"))?;
        }
        f.write_str("\n")?;
        writeln!(f, "  planned total   {}, including validation", self.planned_total)?;
        self.write_end(f)
    }
}

impl Schedule {
    fn write_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ended, self.expected_end) {
            (Some(ended), _) => {
                let looks =
                    counted(self.steps.iter().map(|step| step.looks).sum(), "evaluation", "evaluations");
                let took = match self.started {
                    Some(started) => {
                        format!(", {} after the rollout began, {looks}", ended.mark.at.since(started.at))
                    }
                    None => String::new(),
                };
                let how = match ended.how {
                    EndedAs::Completed => "completed",
                    EndedAs::RolledBack => "rolled back",
                    EndedAs::Aborted => "aborted",
                };
                wrapped(f, "  ended           ", &format!("{how} {}{took}", ended.mark))
            }
            (None, Some(end)) => {
                writeln!(f, "  left            {}", self.left)?;
                writeln!(f, "  ends            {} at the earliest", time(end))
            }
            (None, None) if self.left > Span::ZERO => {
                writeln!(f, "  ends            {} after approval and staging, at the earliest", self.left)
            }
            (None, None) => writeln!(f, "  ends            once zero traffic is confirmed"),
        }
    }
}
