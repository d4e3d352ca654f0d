use std::fmt;

use relman_core::{
    port::{Environment, PortError, PortErrorKind},
    unit::{Timestamp, TrafficShare},
};

/// Something that happened to a release, as the world saw it and not as it was recorded.
///
/// Happenings are kept in one order with the records, so that a run can be asked what came before what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Happening {
    /// When, by the platform's clock.
    pub at: Timestamp,
    /// How many records the release had at that moment.
    pub records: u64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A port was asked to do something.
    Called {
        /// What it was asked for.
        call: Call,
        /// With which idempotency key.
        key: String,
        /// What it said.
        answer: CallAnswer,
        /// The share of the traffic before.
        before: TrafficShare,
        /// The share of the traffic afterwards.
        after: TrafficShare,
    },
    /// Someone else changed the traffic.
    Drifted {
        /// The share before.
        before: TrafficShare,
        /// The share afterwards.
        after: TrafficShare,
    },
    /// A change of the traffic that was asked for earlier has arrived, whoever waits for it.
    Arrived {
        /// With which idempotency key it was asked for.
        key: String,
        /// The share before.
        before: TrafficShare,
        /// The share afterwards.
        after: TrafficShare,
    },
    /// Those who drive the release lost everything that was not durable.
    Crashed,
    /// The journal failed one who drives the release, or did not say what became of an append.
    AppendFailed,
    /// The journal failed a person, who was told so.
    CommandFailed,
    /// On-call was told, without a record, that the journal does not work.
    Alarmed,
}

/// What a port was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// To install the new version.
    Install(Environment),
    /// To give the new version this share of the traffic.
    Route(TrafficShare),
    /// To make the new version the stable one.
    Promote,
    /// To tell people.
    Notify,
}

/// What a port said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAnswer {
    /// That it is done.
    Done,
    /// That it failed.
    Failed(PortErrorKind),
}

impl CallAnswer {
    /// What a result says.
    pub fn of(result: &Result<(), PortError>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::Failed(error.kind()),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} records: {}", self.at, self.records, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called { call, key, answer, before, after } => {
                write!(f, "{call}, {answer} ({before} to {after}, key {key})")
            }
            Self::Drifted { before, after } => write!(f, "somebody sets the traffic ({before} to {after})"),
            Self::Arrived { key, before, after } => {
                write!(f, "a late change arrives ({before} to {after}, key {key})")
            }
            Self::Crashed => f.write_str("crash"),
            Self::AppendFailed => f.write_str("the journal fails"),
            Self::CommandFailed => f.write_str("the journal fails a person"),
            Self::Alarmed => f.write_str("on-call is told that the journal does not work"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install(environment) => write!(f, "install in {environment}"),
            Self::Route(share) => write!(f, "set traffic to {share}"),
            Self::Promote => f.write_str("promote"),
            Self::Notify => f.write_str("notify"),
        }
    }
}

impl fmt::Display for CallAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(kind) => write!(f, "failed ({kind})"),
        }
    }
}
