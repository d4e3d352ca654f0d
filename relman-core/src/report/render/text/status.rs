//! Where a release is and what it waits for, as text.

use std::fmt;

use crate::{
    report::{
        facts::{ObservedShare, OpenHold, StepProgress, counted, time},
        render::text::layout::{field, list, wrapped},
        view::{Status, Waiting},
    },
    unit::Timestamp,
};

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write_with(f, "Status", &format!(": {}", self.health))?;
        field(f, "phase", &self.phase.to_string())?;
        if let Some(ended) = self.ended {
            field(f, "ended", &format!("{} {}", ended.how, ended.mark))?;
        }
        if let Some(step) = self.step {
            let StepProgress { number, of, share, bake, baked, looks, started_at, .. } = step;
            let looks = counted(looks, "evaluation", "evaluations");
            let text = format!(
                "{number} of {of}, at {share}: {baked} of {bake} observed, {looks}, since {}",
                time(started_at)
            );
            field(f, "step", &text)?;
        }
        self.write_exposure(f)?;
        if let Some(way_back) = &self.way_back {
            let text = match (way_back.is_gone, way_back.is_last_step) {
                (true, _) => format!("NONE since {} was passed", way_back.contract.none_after),
                (false, true) => format!("up to {}; THE NEXT STEP HAS NONE", way_back.contract.none_after),
                (false, false) => format!("none after {}", way_back.contract.none_after),
            };
            field(f, "way back", &format!("{text}: {}", way_back.contract.reason))?;
            field(f, "instead", way_back.contract.instead.as_str())?;
        }
        for hold in &self.holds {
            f.write_str("\n")?;
            hold.write(f, self.heading.as_of)?;
        }
        if let Some(look) = &self.last_look {
            writeln!(f, "\nLast evaluation {}", look.mark)?;
            look.verdicts.iter().try_for_each(|verdict| wrapped(f, "  - ", verdict))?;
        }
        f.write_str("\n")?;
        self.write_people(f)?;
        match self.last {
            Some(last) => {
                field(f, "last record", &last.mark.to_string())?;
                field(f, "head", &last.head.to_string())
            }
            None => field(f, "last record", "none"),
        }
    }
}

impl Status {
    fn write_exposure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.step {
            Some(step) if !step.traffic_is_set => format!(", {} requested", step.share),
            Some(_) | None => String::new(),
        };
        field(f, "traffic set", &format!("{}{state}", self.exposure))?;
        let seen = match &self.exposure_seen {
            Some(ObservedShare { share: Some(share), mark, .. }) => format!("{share} {mark}"),
            Some(ObservedShare { share: None, detail, mark }) => {
                let why = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
                format!("unknown {mark}{why}")
            }
            None => "nothing yet".to_owned(),
        };
        field(f, "platform shows", &seen)
    }

    fn write_people(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.waits_for {
            // Its reason stands above.
            Some(_) if !self.holds.is_empty() => field(f, "waits for", "the end of the hold")?,
            Some(waits_for) => field(f, "waits for", waits_for)?,
            None => field(f, "waits for", "nothing")?,
        }
        match &self.cover {
            Some(cover) => field(f, "on call", &format!("{} until {}", cover.person, time(cover.until)))?,
            None => field(f, "on call", "nobody")?,
        }
        for entry in &self.overrides {
            let until = time(entry.expires_at);
            let text = format!("the {} gate by {}, until {until}: {}", entry.gate, entry.by, entry.reason);
            field(f, "override", &text)?;
        }
        if self.complaints > 0 {
            field(f, "complaints", &self.complaints.to_string())?;
        }
        let post_mortems = self.open_post_mortems.iter().map(|open| format!("post-mortem {open}"));
        let items = self.open_action_items.iter().map(|item| format!("action item {item}"));
        list(f, "open items", post_mortems.chain(items))
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading.write(f, "Blockers")?;
        field(f, "phase", &self.phase.to_string())?;
        if let Some(step) = self.step {
            let StepProgress { number, of, share, bake, baked, left, .. } = step;
            let text = format!("{number} of {of}, at {share}: {baked} of {bake} observed, {left} left");
            field(f, "step", &text)?;
        }
        // Holds stand first in the list of what is missing, in the same order.
        for (hold, missing) in self.holds.iter().zip(&self.missing) {
            f.write_str("\n")?;
            hold.write(f, self.heading.as_of)?;
            field(f, "next", &missing.turn.to_string())?;
        }
        f.write_str("\n")?;
        self.others().fmt(f)
    }
}

/// What a release waits for besides the end of its holds: what a reader still misses who has its [`Status`].
#[derive(Debug, Clone, Copy)]
pub struct Others<'a>(&'a Waiting);

impl Waiting {
    /// What it waits for besides the end of its holds, as text.
    pub fn others(&self) -> Others<'_> {
        Others(self)
    }
}

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(waiting) = self;
        let others = waiting.missing.get(waiting.holds.len()..).unwrap_or_default();
        match waiting.only_time {
            Some(left) => return wrapped(f, "", &format!("Waiting for nothing but time: {left}.")),
            None if waiting.missing.is_empty() => return f.write_str("Waiting for nothing.\n"),
            None if others.is_empty() => return f.write_str("Waiting for nothing else.\n"),
            None if waiting.holds.is_empty() => f.write_str("Waiting for\n")?,
            None => f.write_str("Also waiting for\n")?,
        }
        for missing in others {
            wrapped(f, "  - ", &missing.what)?;
            wrapped(f, "      ", &format!("{}: {}", missing.turn, missing.unblocked_by))?;
        }
        Ok(())
    }
}

impl OpenHold {
    pub(in crate::report) fn write(&self, f: &mut fmt::Formatter<'_>, now: Timestamp) -> fmt::Result {
        field(f, "held", &format!("since {} ({}) by {}", self.since, now.since(self.since.at), self.by))?;
        field(f, "because", self.reason.as_str())?;
        field(f, "to resume", self.unblocked_by.as_str())?;
        match self.roll_back_at {
            Some(at) => field(f, "rolls back", &format!("at {}, in {}", time(at), at.since(now))),
            None => Ok(()),
        }
    }
}
