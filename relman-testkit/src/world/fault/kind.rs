use std::fmt;

use relman_core::unit::{Actor, MetricName, Span, TrafficShare};
use serde::{Deserialize, Serialize};

use super::PlatformFate;
use crate::Duty;

/// One thing that goes wrong.
///
/// Calls of a kind are counted from 1 and separately for each release. `times` says how many calls in a row, from the
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
    /// Someone else changes the traffic; nothing where the new version has no traffic then.
    Drift {
        /// When.
        at: When,
        /// To which share.
        #[serde(with = "as_text")]
        to: TrafficShare,
    },
    /// The platform's weights are right, and users get something else.
    Platform {
        /// The first moment.
        from: When,
        /// For how long.
        #[serde(with = "as_text")]
        lasting: Span,
        /// What is wrong.
        fate: PlatformFate,
    },
    /// The place for the new version carries the users of an earlier one until so long after the start.
    Occupied {
        /// For how long.
        #[serde(with = "as_text")]
        lasting: Span,
    },
    /// Users are pinned to the new version, as by a cookie: where its traffic is taken away, they stay. The platform counts requests and
    /// sessions, and its weights don't show them.
    Sticky {
        /// The share of all users, as far as the new version had that many.
        #[serde(with = "as_text")]
        pinned: TrafficShare,
        /// How long they stay, unless they are cut off.
        #[serde(with = "as_text")]
        lasting: Span,
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
    /// Someone does not act as they should.
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
    /// Making it the stable one.
    Promote,
}

impl DeployerCall {
    /// Every call, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Install, Self::Forward, Self::Back, Self::Promote];
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
    /// The record of the target.
    Targets,
}

impl PortName {
    /// Every port, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Deployer,
        Self::Observation,
        Self::Metrics,
        Self::Notifier,
        Self::UserFlows,
        Self::Incidents,
        Self::Targets,
    ];
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

/// How someone does not act as they should.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonFate {
    /// Each time this much later.
    Late(#[serde(with = "as_text")] Span),
    /// Each time twice.
    Twice,
    /// Someone else tries first, each time.
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

/// A moment of a release, relative to what happens to it.
///
/// In a file: `{ after_exposure = "5m" }`, `{ after_start = "1m" }` or `{ at_share = { share = "10%", after = "30s" } }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// This long after the simulation began.
    AfterStart(#[serde(with = "as_text")] Span),
    /// This long after the release first had traffic in production.
    AfterExposure(#[serde(with = "as_text")] Span),
    /// This long after the release first had at least this share of the traffic: a moment of a step.
    AtShare {
        /// The share.
        #[serde(with = "as_text")]
        share: TrafficShare,
        /// How long after it was reached.
        #[serde(with = "as_text")]
        after: Span,
    },
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterStart(span) => write!(f, "{span} after the start"),
            Self::AfterExposure(span) => write!(f, "{span} after the first exposure"),
            Self::AtShare { share, after } => write!(f, "{after} after it had {share} of the traffic"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployer { call, nth, times, fate } => {
                write!(f, "{} that {call}: {fate}", Calls("call", *nth, *times))
            }
            Self::Observation { nth, times } => {
                write!(f, "{}: the platform does not tell where the traffic is", Calls("look", *nth, *times))
            }
            Self::Platform { from, lasting, fate } => write!(f, "from {from}, for {lasting}: {fate}"),
            Self::Occupied { lasting } => {
                write!(f, "for {lasting} from the start: the new version's place carries all users")
            }
            Self::Sticky { pinned, lasting } => {
                write!(f, "{pinned} of the users are pinned to the new version and stay for {lasting}")
            }
            Self::Drift { at, to } => write!(f, "{at}: somebody else sets the traffic to {to}"),
            Self::Metrics { of, from, lasting, fate } => {
                write!(f, "from {from}, for {lasting}: {of} {fate}")
            }
            Self::Notifier { nth, times, fate } => write!(f, "{}: {fate}", Calls("message", *nth, *times)),
            Self::Append { nth, times: u32::MAX, fate } => {
                write!(f, "append {nth} and all that follow: {fate}")
            }
            Self::Append { nth, times, fate } => write!(f, "{}: {fate}", Calls("append", *nth, *times)),
            Self::Panic { port, nth, times } => write!(f, "{}: it panics", Calls(port.call(), *nth, *times)),
            Self::Clock { at, of, jump } => write!(f, "{at}: {of} jumps {jump}"),
            Self::Person { duty, fate } => write!(f, "{duty}: {fate}"),
            Self::SecondConductor {} => f.write_str("a second conductor drives the same release"),
            Self::Crash { after, nth, down_for } => {
                write!(f, "a crash {after}, the {nth}. time, and a new start after {down_for}")
            }
        }
    }
}

/// `call 2`, `calls 2 to 4`.
struct Calls(&'static str, u32, u32);

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, nth, times) = *self;
        match times {
            0 => write!(f, "no {what}"),
            1 => write!(f, "{what} {nth}"),
            _ => write!(f, "{what}s {nth} to {}", nth.saturating_add(times - 1)),
        }
    }
}

impl fmt::Display for DeployerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Install => "installs a version",
            Self::Forward => "gives the new version traffic",
            Self::Back => "takes all traffic from it",
            Self::Promote => "makes it the stable one",
        })
    }
}

impl fmt::Display for DeployerFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unavailable => "the platform is not available and changes nothing",
            Self::Refused => "the platform refuses for good and changes nothing",
            Self::AnswerLost => "the platform does it and the answer is lost",
            Self::Halfway => "the platform stops half-way and the answer is lost",
            Self::HalfwayUnnoticed => "the platform stops half-way and says that it is done",
            Self::Lie => "the platform changes nothing and says that it is done",
            Self::Late(by) => return write!(f, "the platform does it {by} later, whoever waits for it"),
            Self::Hangs => "the platform changes nothing and never answers",
            Self::HangsAfterwards => "the platform does it and never answers",
        })
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.pad("every metric"),
            Self::One(name) => write!(f, "{name}"),
        }
    }
}

impl fmt::Display for MetricsFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older(by) => write!(f, "is of {by} before"),
            Self::Delayed(by) => write!(f, "comes {by} late"),
            Self::Empty => f.pad("is an empty answer"),
            Self::NotANumber => f.pad("is not a number"),
            Self::Null => f.pad("is an answer without a value"),
            Self::Stale => f.pad("is stale"),
            Self::Twice => f.pad("is counted twice"),
            Self::Down => f.pad("can't be had, the source is down"),
        }
    }
}

impl fmt::Display for NotifierFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Down => "the notifier is down",
            Self::AnswerLost => "it is delivered and the answer is lost",
        })
    }
}

impl fmt::Display for AppendFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeDurable => "the journal fails before anything is stored",
            Self::AfterDurable => "the journal fails after it is stored",
            Self::Full => "the disk is full",
        })
    }
}

impl PortName {
    /// A call to it.
    fn call(self) -> &'static str {
        match self {
            Self::Deployer => "change by the deployer",
            Self::Observation => "observation of the platform",
            Self::Metrics => "question to the metrics",
            Self::Notifier => "message",
            Self::UserFlows => "check of the user flows",
            Self::Incidents => "question to the source of incidents",
            Self::Targets => "record of the target",
        }
    }
}

impl fmt::Display for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::All => "every clock",
            Self::People => "the clock of the people",
            Self::Conductors => "the clock of the conductors",
        })
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forwards(by) => write!(f, "{by} forwards"),
            Self::Backwards(by) => write!(f, "{by} backwards"),
        }
    }
}

impl fmt::Display for PersonFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(by) => write!(f, "it is done {by} late"),
            Self::Twice => f.pad("it is done twice"),
            Self::WrongRole(actor) => write!(f, "{actor} tries first"),
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Any => "between two steps",
            Self::Decided => "after something is decided and before it is appended",
            Self::Appended => "after something is appended and before it is acted upon",
            Self::Called => "after a port is called and before the outcome is recorded",
        })
    }
}

/// Values as people write them: `5m`, `10%`.
pub(super) mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
