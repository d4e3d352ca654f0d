use std::{fmt, ops::Deref, sync::Arc};

use relman_core::{
    plan::{Plan, RollbackContract},
    policy::{NoDataAction, NoDataRule, Policy, Track},
    unit::Tag,
};

/// Something that a person can read in a few lines.
pub trait Readable {
    /// Those lines; without the ones that say what is always so.
    fn readable(&self) -> String;
}

impl<T: Readable> Readable for Arc<T> {
    fn readable(&self) -> String {
        T::readable(self)
    }
}

/// A value whose `Debug` and `Display` are what a person can read of it, so that a counterexample fits a screen.
///
/// Used as the value itself: it dereferences to it, and [`into_inner`](Self::into_inner) takes it out.
///
/// # Examples
///
/// ```
/// use relman_testkit::{sample, strategy::Shown};
///
/// let plan = Shown(sample::plan());
/// assert_eq!(format!("{plan:?}"), "checkout-241 touches api: error_rate > 1%, latency_p99 > 2x baseline, complaints > 3");
/// assert_eq!(plan.release().as_str(), "checkout-241");
/// ```
#[derive(Clone, PartialEq)]
pub struct Shown<T>(pub T);

impl<T> Shown<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Shown<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Readable> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.readable())
    }
}

impl<T: Readable> fmt::Debug for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Readable for RollbackContract {
    fn readable(&self) -> String {
        let criteria: Vec<String> = self.criteria().iter().map(ToString::to_string).collect();
        criteria.join(", ")
    }
}

impl Readable for Plan {
    fn readable(&self) -> String {
        let touches: Vec<&str> = self.scope().touches.iter().map(Tag::as_str).collect();
        let touches = if touches.is_empty() { "nothing named".to_owned() } else { touches.join(", ") };
        let contract = self.contract().map_or_else(|| "no contract".to_owned(), Readable::readable);
        let drill = if self.is_drill() { " (drill)" } else { "" };
        format!("{}{drill} touches {touches}: {contract}", self.release())
    }
}

impl Readable for Track {
    fn readable(&self) -> String {
        let steps: Vec<String> =
            self.steps().iter().map(|step| format!("{} {}", step.share, step.bake)).collect();
        let (look_every, requests) = (self.look_every(), self.min_requests());
        format!("{}; a look every {look_every}, verdicts on {requests} requests", steps.join(", "))
    }
}

/// The tracks, and the rules that differ from those of the shipped policy.
impl Readable for Policy {
    fn readable(&self) -> String {
        let shipped = Policy::shipped();
        let mut lines = Vec::new();
        for (name, track) in self.tracks().iter().filter(|(name, track)| shipped.track(name) != Some(*track))
        {
            lines.push(format!("track {name}: {}", track.readable()));
        }
        for kind in relman_core::judge::MissingKind::ALL {
            let rule = self.no_data().rule(kind);
            if rule != shipped.no_data().rule(kind) {
                lines.push(format!("{kind}: {}", said(rule)));
            }
        }
        for level in relman_core::plan::RiskLevel::ALL {
            if self.approvals(level) != shipped.approvals(level) {
                lines.push(format!("approvals for {level} risk: {}", self.approvals(level)));
            }
        }
        let (rollback, usual) = (self.rollback(), shipped.rollback());
        if rollback != usual {
            let (retry, confirm, times) =
                (rollback.retry_every, rollback.confirm_every, rollback.confirmations);
            lines.push(format!("rollback: tried every {retry}, confirmed {times} times every {confirm}"));
        }
        if self.on_call().shift != shipped.on_call().shift {
            lines.push(format!("on-call shift: {}", self.on_call().shift));
        }
        if self.overrides().longest != shipped.overrides().longest {
            lines.push(format!("longest override: {}", self.overrides().longest));
        }
        if lines.is_empty() { "the shipped policy".to_owned() } else { lines.join("\n") }
    }
}

fn said(rule: NoDataRule) -> String {
    match (rule.action, rule.roll_back_after) {
        (NoDataAction::RollBack, _) => "roll back".to_owned(),
        (NoDataAction::Hold, None) => "hold for good".to_owned(),
        (NoDataAction::Hold, Some(patience)) => format!("hold, roll back after {patience}"),
    }
}
