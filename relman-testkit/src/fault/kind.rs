use relman_core::unit::{Actor, MetricName, Span, TrafficShare};
use serde::{Deserialize, Serialize};

use super::{When, as_text};
use crate::Duty;

/// One thing that goes wrong.
///
/// Calls of a kind are counted from 1 and for each release by itself. `times` says how many calls in a row, from the
/// `nth` on, share the fate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Calls that change something on the platform go wrong.
    Deployer {
        /// Which calls.
        call: DeployerCall,
        /// The first of them, from 1.
        nth: u32,
        /// How many in a row.
        #[serde(default = "once")]
        times: u32,
        /// What becomes of them.
        fate: DeployerFate,
    },
    /// The platform does not tell where the traffic is.
    Observation {
        /// The first question without an answer, from 1.
        nth: u32,
        /// How many in a row.
        #[serde(default = "once")]
        times: u32,
    },
    /// Somebody else changes the traffic; nothing where the new version has no traffic then.
    Drift {
        /// When.
        at: When,
        /// To which share.
        #[serde(with = "as_text")]
        to: TrafficShare,
    },
    /// Metrics are not what they should be. A question about any part of the time is affected.
    Metrics {
        /// Which metrics.
        of: Metrics,
        /// The first moment.
        from: When,
        /// For how long.
        #[serde(with = "as_text")]
        lasting: Span,
        /// What the source answers.
        fate: MetricsFate,
    },
    /// Messages to people go wrong.
    Notifier {
        /// The first message, from 1.
        nth: u32,
        /// How many in a row.
        #[serde(default = "once")]
        times: u32,
        /// What becomes of them.
        fate: NotifierFate,
    },
    /// Appends to the journal fail. Whoever appended does not know whether the records are stored.
    Append {
        /// The first of them, from 1.
        nth: u32,
        /// How many in a row; 4294967295 for ever.
        #[serde(default = "once")]
        times: u32,
        /// Whether the records are stored.
        fate: AppendFate,
    },
    /// Calls to a port panic: nothing is done, and nothing answered.
    Panic {
        /// Which port.
        port: PortName,
        /// The first call, from 1.
        nth: u32,
        /// How many in a row.
        #[serde(default = "once")]
        times: u32,
    },
    /// Clocks of those who write to the record jump; the platform's does not. A person's clock is looked at with every
    /// command, a conductor's when its process starts.
    Clock {
        /// When.
        at: When,
        /// Whose.
        #[serde(default)]
        of: Clocks,
        /// Where to.
        jump: Jump,
    },
    /// Somebody does not act as they should.
    Person {
        /// In what.
        duty: Duty,
        /// In which way.
        fate: PersonFate,
    },
    /// A second conductor drives the same stream from the beginning.
    SecondConductor {},
    /// The process ends, without a word and at once. A new one takes up what is durable.
    Crash {
        /// Between which two steps.
        after: Boundary,
        /// The how-manieth time that this place is reached, from 1.
        nth: u32,
        /// How long it takes until a new process is there.
        #[serde(with = "as_text", default)]
        down_for: Span,
    },
}

fn once() -> u32 {
    1
}

/// A call that changes something on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployerCall {
    /// Installing a version.
    Install,
    /// Giving the new version traffic.
    Forward,
    /// Taking all traffic from it.
    Back,
}

impl DeployerCall {
    /// Every call, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Install, Self::Forward, Self::Back];
}

/// What becomes of a call to the deployer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployerFate {
    /// It fails as not available, and nothing is changed.
    Unavailable,
    /// It is refused for good, and nothing is changed.
    Refused,
    /// It is carried out, and times out for the caller.
    AnswerLost,
    /// It times out with the traffic half-way between the old share and the new one. Nothing is installed.
    Halfway,
    /// The same, and it says that it is done.
    HalfwayUnnoticed,
    /// It says that it is done, and nothing is changed.
    Lie,
    /// It is carried out and answered this much later, even if nobody waits for it any more: whoever asked may have
    /// aborted the call, or be gone.
    Late(#[serde(with = "as_text")] Span),
    /// It is not carried out, and never answered.
    Hangs,
    /// It is carried out, and never answered.
    HangsAfterwards,
}

impl DeployerFate {
    /// Every fate, in the order of declaration; a late one takes as long as it takes to look at it.
    pub const ALL: [Self; 9] = [
        Self::Unavailable,
        Self::Refused,
        Self::AnswerLost,
        Self::Halfway,
        Self::HalfwayUnnoticed,
        Self::Lie,
        Self::Late(Span::from_secs(6)),
        Self::Hangs,
        Self::HangsAfterwards,
    ];
}

/// Which metrics a fault is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metrics {
    /// All of them.
    All,
    /// One.
    One(MetricName),
}

impl Metrics {
    /// Whether a metric is among them.
    pub fn include(&self, metric: &MetricName) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name == metric,
        }
    }
}

/// What a source of metrics answers in place of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsFate {
    /// A measurement of the time that lies this far back, and says so.
    Older(#[serde(with = "as_text")] Span),
    /// The right answer, after this long.
    Delayed(#[serde(with = "as_text")] Span),
    /// No series at all.
    Empty,
    /// Not a number.
    NotANumber,
    /// An answer without a value.
    Null,
    /// That its newest sample is too old.
    Stale,
    /// Everything counted twice.
    Twice,
    /// Nothing: it is down.
    Down,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifierFate {
    /// It is not delivered.
    Down,
    /// It is delivered, and the answer is lost: it will be delivered again.
    AnswerLost,
}

/// What becomes of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppendFate {
    /// It fails, and nothing is stored.
    BeforeDurable,
    /// The records are stored, and it fails for the caller.
    AfterDurable,
    /// The disk is full: only what takes users back can use what is kept in reserve.
    Full,
}

impl AppendFate {
    /// Every fate, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::BeforeDurable, Self::AfterDurable, Self::Full];
}

/// A port that a conductor calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortName {
    /// The deployer, to change something.
    Deployer,
    /// The deployer, to observe.
    Observation,
    /// The source of metrics.
    Metrics,
    /// The notifier.
    Notifier,
    /// The user flows.
    UserFlows,
    /// The source of incidents.
    Incidents,
}

impl PortName {
    /// Every port, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Deployer, Self::Observation, Self::Metrics, Self::Notifier, Self::UserFlows, Self::Incidents];
}

/// Whose clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clocks {
    /// Everybody's who writes to the record.
    #[default]
    All,
    /// Those of the people.
    People,
    /// Those of the conductors.
    Conductors,
}

impl Clocks {
    /// Whether these clocks are among them.
    pub(crate) fn are(self, whose: Self) -> bool {
        self == Self::All || self == whose
    }
}

/// A jump of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jump {
    /// Into the future.
    Forwards(#[serde(with = "as_text")] Span),
    /// Into the past.
    Backwards(#[serde(with = "as_text")] Span),
}

/// How somebody does not act as they should.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonFate {
    /// Each time this much later.
    Late(#[serde(with = "as_text")] Span),
    /// Each time twice.
    Twice,
    /// Somebody else tries first, each time.
    WrongRole(Actor),
}

/// A place between two steps of a process at which it can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Any of the others.
    Any,
    /// Something is decided and not appended.
    Decided,
    /// Something is appended and not acted upon.
    Appended,
    /// A port was called, and the outcome is not recorded.
    Called,
}
