use std::fmt;

use serde::Serialize;

use super::{
    Exposure, History, Mark,
    layout::{counted, field, list},
    measured::Sums,
};
use crate::{
    event::{Event, Record},
    unit::{MetricName, Span, TrafficShare},
};

/// Who was harmed before a release was taken back, as far as the record says.
///
/// The record counts the requests that a metrics source counted, and complaints. It does not know users: how many of
/// them stand behind the requests is for people to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Harm {
    /// Which share of the traffic the new version had, and how long.
    pub exposures: Vec<Exposure>,
    /// How long it had any traffic.
    #[serde(rename = "exposed_ms")]
    pub exposed: Span,
    /// The widest share.
    #[serde(rename = "widest_bp")]
    pub widest: TrafficShare,
    /// Requests to the new version that were counted, by metric; the same requests may be behind several metrics.
    pub requests: Vec<RequestsHarmed>,
    /// Complaints on the record.
    pub complaints: Vec<Mark>,
}

/// Requests to the new version, and those of them that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestsHarmed {
    /// The metric that counted them.
    pub metric: MetricName,
    /// All that were counted.
    pub requests: u64,
    /// Those that failed, or were above the bound.
    pub harmed: u64,
    /// The first record that it rests on.
    pub first_record: u64,
    /// The last record that it rests on.
    pub last_record: u64,
}

impl Harm {
    /// The harm that was done before a record: the rollback.
    pub(super) fn of(history: &History<'_>, rollback: &Record) -> Self {
        let exposures = Exposure::all(history);
        let before = history.records.iter().filter(|record| record.seq < rollback.seq);
        let requests = Sums::of(before)
            .counted()
            .map(|(metric, figure)| RequestsHarmed {
                metric: metric.clone(),
                requests: figure.requests.unwrap_or_default(),
                harmed: figure.part.unwrap_or_default(),
                first_record: figure.first_record,
                last_record: figure.last_record,
            })
            .collect();
        let complaint =
            |record: &Record| matches!(record.event, Event::ComplaintRecorded(_)).then(|| Mark::of(record));
        Self {
            exposed: exposures.iter().fold(Span::ZERO, |sum, exposure| sum + exposure.lasted),
            widest: exposures.iter().map(|exposure| exposure.share).max().unwrap_or(TrafficShare::ZERO),
            exposures,
            requests,
            complaints: history.records.iter().filter_map(complaint).collect(),
        }
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nHarm, as far as the record says\n")?;
        let exposed = format!("for {}, {} of the traffic at most", self.exposed, self.widest);
        field(f, "exposed", &exposed)?;
        let requests = self.requests.iter().map(|seen| {
            format!(
                "{} of {} went wrong by {} (#{} to #{})",
                seen.harmed, seen.requests, seen.metric, seen.first_record, seen.last_record
            )
        });
        list(f, "requests", requests)?;
        field(f, "complaints", &counted(self.complaints.len() as u64, "complaint", "complaints"))?;
        field(f, "users", "not on the record")
    }
}
