//! The delivery metrics as text.

use std::fmt;

use crate::{
    judge::significant,
    report::{
        facts::{counted, time},
        render::text::layout::{field, wrapped},
        view::{DeliveryMetrics, Spread},
    },
    unit::Ratio,
};

impl fmt::Display for DeliveryMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (time(self.window.from), time(self.window.until));
        wrapped(f, "", &format!("Delivery metrics, {from} to {until}"))?;
        wrapped(f, "", &format!("Defined as in {}; drills do not count", self.source))?;
        let per_week = self
            .deployments_per_week
            .map(|rate| format!(", {} a week", significant(rate.get())))
            .unwrap_or_default();
        let deployments = counted(self.deployments, "deployment", "deployments");
        field(f, "frequency", &format!("{deployments}{per_week}"))?;
        let spread =
            |spread: Option<Spread>| spread.map_or_else(|| "none".to_owned(), |spread| spread.to_string());
        field(f, "between", &spread(self.between_deployments))?;
        field(f, "lead time", &format!("{}, from the plan to all traffic", spread(self.lead_time)))?;
        let failed = match Ratio::new(self.failed_deployments, self.deployments) {
            Some(ratio) => {
                format!("{ratio} ({} of {} rolled back)", self.failed_deployments, self.deployments)
            }
            None => "no deployments".to_owned(),
        };
        field(f, "change fails", &failed)?;
        field(f, "recovery", &spread(self.recovery_time))?;
        field(
            f,
            "excluded",
            &format!(
                "{} and {}",
                counted(self.drills, "drill", "drills"),
                counted(
                    self.not_deployed,
                    "release not deployed in that time",
                    "releases not deployed in that time"
                )
            ),
        )?;
        if !self.contributions.is_empty() {
            f.write_str("\nReleases\n")?;
        }
        for one in &self.contributions {
            let deployed = one.deployed.map_or_else(String::new, |mark| format!("deployed {mark}"));
            let lead = match (one.lead_time, one.everywhere) {
                (Some(lead), Some(mark)) => format!(", lead time {lead} (#{})", mark.record),
                _ => String::new(),
            };
            let failure = one.failure.as_ref().map(|failure| {
                let recovery = failure.recovery.map_or_else(
                    || "not recovered yet".to_owned(),
                    |recovery| format!("recovered in {recovery}"),
                );
                format!(", rolled back {}, {recovery}: {}", failure.started, failure.trigger)
            });
            wrapped(f, "  ", &format!("{}: {deployed}{lead}{}", one.release, failure.unwrap_or_default()))?;
        }
        Ok(())
    }
}
