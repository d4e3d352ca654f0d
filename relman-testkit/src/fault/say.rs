//! Faults in words.

use std::fmt;

use super::{
    AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate, NotifierFate,
    PersonFate, PortName,
};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployer { call, nth, times, fate } => {
                write!(f, "{} that {call}: {fate}", Calls("call", *nth, *times))
            }
            Self::Observation { nth, times } => {
                write!(f, "{}: the platform does not tell where the traffic is", Calls("look", *nth, *times))
            }
            Self::Drift { at, to } => write!(f, "{at}: somebody else sets the traffic to {to}"),
            Self::Metrics { of, from, lasting, fate } => {
                write!(f, "from {from}, for {lasting}: {of} {fate}")
            }
            Self::Notifier { nth, times, fate } => write!(f, "{}: {fate}", Calls("message", *nth, *times)),
            Self::Append { nth, times: u32::MAX, fate } => write!(f, "append {nth} and all that follow: {fate}"),
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
