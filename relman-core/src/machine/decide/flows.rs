use std::collections::BTreeSet;

use super::Draft;
use crate::{
    event::{CheckOutcome, CheckRecorded, Gate, GateFailed, Ground},
    policy::floors,
    port::FlowOutcome,
    unit::{CheckName, Text},
};

impl Draft<'_> {
    /// What was found about the key user flows: recorded by relman itself, where it is news.
    ///
    /// This is no command, so that nobody can pass for relman and record a check without the role for it.
    pub(super) fn flows(&mut self, outcome: FlowOutcome, evidence: &Text) {
        if self.release.flows_to_check().is_none() {
            return;
        }
        let outcome = match outcome {
            FlowOutcome::Passed => CheckOutcome::Passed,
            FlowOutcome::Failed => CheckOutcome::Failed,
            // Not measured is not passed, and not failed either.
            FlowOutcome::Unknown => return,
        };
        if !self.release.is_news_on_flows(outcome, self.now) {
            return;
        }
        let check: CheckName = floors::USER_FLOWS.parse().expect("the constant is a check's name");
        let evidence = evidence.clone();
        let failed = Ground::CheckFailed { check: check.clone(), evidence: evidence.clone() };
        self.follow(CheckRecorded { check, outcome, evidence, items: Vec::new(), roles: BTreeSet::new() });
        match outcome {
            CheckOutcome::Passed => {}
            CheckOutcome::Failed => {
                self.follow(GateFailed { gate: Gate::Validation, reasons: vec![failed] });
            }
        }
    }
}
