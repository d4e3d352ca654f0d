//! What people heard of a release, and what they said about it.

use std::fmt;

use serde::Serialize;

use crate::{
    event::{Event, Record},
    port::NotifyOn,
    report::facts::{History, Mark},
    unit::{Actor, Channel, Text},
};

/// A notice that went out, or could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NoticeOutcome {
    /// What it was about.
    pub moment: NotifyOn,
    /// Who got it; not on the record where nobody did.
    pub audience: Option<Text>,
    /// Through which channel.
    pub channel: Channel,
    /// Why it was never delivered; it was, if absent.
    pub given_up: Option<Text>,
    /// When, and the record.
    pub mark: Mark,
}

impl NoticeOutcome {
    /// Every notice, in the order of the records.
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        history.records.iter().filter_map(Self::of).collect()
    }

    fn of(record: &Record) -> Option<Self> {
        let mark = Mark::of(record);
        match &record.event {
            Event::Notified(notified) => Some(Self {
                moment: notified.moment,
                audience: Some(notified.audience.clone()),
                channel: notified.channel.clone(),
                given_up: None,
                mark,
            }),
            Event::NotificationAbandoned(abandoned) => Some(Self {
                moment: abandoned.moment,
                audience: None,
                channel: abandoned.channel.clone(),
                given_up: Some(abandoned.detail.clone()),
                mark,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for NoticeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mark, self.moment)?;
        match (&self.audience, &self.given_up) {
            (Some(audience), None) => write!(f, ": {audience} via {}", self.channel),
            (Some(_) | None, Some(why)) => write!(f, ": NOT notified via {}: {why}", self.channel),
            (None, None) => write!(f, ": via {}", self.channel),
        }
    }
}

/// A complaint on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Complaint {
    /// What the customer said.
    pub text: Text,
    /// Who recorded it.
    pub by: Actor,
    /// Which complaint it is, where whoever recorded it has said so.
    pub key: Option<Text>,
    /// When, and the record.
    pub mark: Mark,
    /// Who withdrew it, and why; it counts where nobody has.
    pub withdrawn: Option<Withdrawal>,
}

/// Why a complaint counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Withdrawal {
    /// Who withdrew it.
    pub by: Actor,
    /// Why.
    pub reason: Text,
    /// When, and the record.
    pub mark: Mark,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mark, self.by)?;
        self.key.iter().try_for_each(|key| write!(f, " ({key})"))?;
        write!(f, ": {}", self.text)?;
        self.withdrawn
            .iter()
            .try_for_each(|one| write!(f, "; withdrawn {} by {}: {}", one.mark, one.by, one.reason))
    }
}

impl Complaint {
    pub(in crate::report) fn all(history: &History<'_>) -> Vec<Self> {
        let complaint = |record: &Record| match &record.event {
            Event::ComplaintRecorded(complaint) => {
                let (text, by) = (complaint.text.clone(), record.by.clone());
                let withdrawn = history.records.iter().find_map(|later| Withdrawal::of(later, record.seq));
                Some(Self { text, by, key: complaint.key.clone(), mark: Mark::of(record), withdrawn })
            }
            _ => None,
        };
        history.records.iter().filter_map(complaint).collect()
    }
}

impl Withdrawal {
    /// What a record says of the complaint that another one holds, if it withdraws that.
    fn of(record: &Record, complaint: u64) -> Option<Self> {
        match &record.event {
            Event::ComplaintWithdrawn(withdrawn) if withdrawn.record == complaint => {
                let (by, reason) = (record.by.clone(), withdrawn.reason.clone());
                Some(Self { by, reason, mark: Mark::of(record) })
            }
            _ => None,
        }
    }
}
