use std::{fmt, fs, io, path::Path};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use relman_core::unit::{MetricName, Span, TrafficShare};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
    NotifierFate, PersonFate, PlatformFate, PortName, When,
};
use crate::{Duty, Team};

/// What goes wrong, in the order in which it is looked up: where two entries want the same call, the first has it.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::world::fault::{Fault, MetricsFate, Schedule};
///
/// let schedule = Schedule::none()
///     .with(Fault::unavailable(2))
///     .with(Fault::outage(Span::from_minutes(5), Span::from_minutes(9), MetricsFate::NotANumber));
/// assert_eq!(
///     schedule.to_string(),
///     "1. calls 1 to 2 that gives the new version traffic: the platform is not available and changes nothing\n\
///      2. from 5m after the first exposure, for 4m: every metric is not a number\n"
/// );
/// assert_eq!(Schedule::from_toml(&schedule.to_toml())?, schedule);
/// assert_eq!(Schedule::from_json(&schedule.to_json())?, schedule);
/// # Ok::<(), relman_testkit::world::fault::ScheduleError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The faults. Each may be left out.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// Why a schedule can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Not TOML, or not that of a schedule.
    #[error("failed to read the schedule of failures as TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// Not JSON, or not that of a schedule.
    #[error("failed to read the schedule of failures as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file can't be read or written.
    #[error("failed to use the schedule of failures {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Schedule {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same schedule with one more fault at its end.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Every schedule that is this one without one of its entries: the next steps of shrinking it.
    pub fn smaller(&self) -> impl Iterator<Item = Self> {
        (0..self.faults.len()).map(|index| {
            let mut smaller = self.clone();
            smaller.faults.remove(index);
            smaller
        })
    }

    /// Reads a schedule as TOML: one `[[faults]]` for each.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Toml`] with the place.
    pub fn from_toml(text: &str) -> Result<Self, ScheduleError> {
        Ok(toml::from_str(text)?)
    }

    /// The schedule as TOML.
    ///
    /// # Panics
    ///
    /// Never: everything in a schedule has a TOML form.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("everything in a schedule has a TOML form")
    }

    /// Reads a schedule as JSON.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Json`] with the place.
    pub fn from_json(text: &str) -> Result<Self, ScheduleError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The schedule as JSON, on one line.
    ///
    /// # Panics
    ///
    /// Never: everything in a schedule has a JSON form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("everything in a schedule has a JSON form")
    }

    /// Reads a file: JSON where its name ends with `.json`, TOML otherwise.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] where the file can't be read or is no schedule.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ScheduleError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)
            .map_err(|source| ScheduleError::File { path: path.display().to_string(), source })?;
        if is_json(path) { Self::from_json(&text) } else { Self::from_toml(&text) }
    }

    /// Writes a file: JSON where its name ends with `.json`, TOML otherwise.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::File`] where it can't be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ScheduleError> {
        let path = path.as_ref();
        let text = if is_json(path) { self.to_json() } else { self.to_toml() };
        fs::write(path, text)
            .map_err(|source| ScheduleError::File { path: path.display().to_string(), source })
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

impl From<Fault> for Schedule {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl FromIterator<Fault> for Schedule {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        Self { faults: faults.into_iter().collect() }
    }
}

impl fmt::Display for Schedule {
    /// One numbered line for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return f.write_str("nothing goes wrong\n");
        }
        for (number, fault) in (1..).zip(&self.faults) {
            writeln!(f, "{number}. {fault}")?;
        }
        Ok(())
    }
}

/// The faults that are wanted most often.
impl Fault {
    /// Calls of a kind, from the `nth` on, share a fate.
    pub fn deployer(call: DeployerCall, nth: u32, times: u32, fate: DeployerFate) -> Self {
        Self::Deployer { call, nth, times, fate }
    }

    /// The first calls that give the new version traffic fail and change nothing.
    pub fn unavailable(times: u32) -> Self {
        Self::deployer(DeployerCall::Forward, 1, times, DeployerFate::Unavailable)
    }

    /// The first calls that give the new version traffic are carried out, and their answers are lost.
    pub fn lost_answers(times: u32) -> Self {
        Self::deployer(DeployerCall::Forward, 1, times, DeployerFate::AnswerLost)
    }

    /// The traffic is changed by someone else, this long after the first exposure.
    pub fn drift(after: Span, to: TrafficShare) -> Self {
        Self::Drift { at: When::AfterExposure(after), to }
    }

    /// Every metric shares a fate, from and until so long after the first exposure.
    pub fn outage(from: Span, until: Span, fate: MetricsFate) -> Self {
        let (lasting, from) = (until.saturating_sub(from), When::AfterExposure(from));
        Self::Metrics { of: Metrics::All, from, lasting, fate }
    }

    /// One metric has a fate, from and until so long after the first exposure.
    pub fn outage_of(metric: MetricName, from: Span, until: Span, fate: MetricsFate) -> Self {
        let (lasting, from) = (until.saturating_sub(from), When::AfterExposure(from));
        Self::Metrics { of: Metrics::One(metric), from, lasting, fate }
    }

    /// The first messages are not delivered.
    pub fn silence(times: u32) -> Self {
        Self::Notifier { nth: 1, times, fate: NotifierFate::Down }
    }

    /// Whether a number, from 1, is among `times` from the `nth` on.
    pub(crate) fn hits(nth: u32, times: u32, number: u32) -> bool {
        nth <= number && number - nth < times
    }
}

impl Schedule {
    /// So many faults of every kind, drawn from a seed, with moments within a span after the first exposure. The
    /// same arguments give the same schedule on every machine.
    ///
    /// Every fault of it ends: with people who do their part, each release under it reaches an end.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::unit::Span;
    /// use relman_testkit::world::fault::Schedule;
    ///
    /// let schedule = Schedule::random(7, 4, Span::from_minutes(20));
    /// assert_eq!(schedule.faults.len(), 4);
    /// assert_eq!(schedule, Schedule::random(7, 4, Span::from_minutes(20)));
    /// assert_ne!(schedule, Schedule::random(8, 4, Span::from_minutes(20)));
    /// ```
    pub fn random(seed: u64, faults: u32, within: Span) -> Self {
        let mut draw = Draw { rng: ChaCha8Rng::seed_from_u64(seed), within };
        (0..faults).map(|_| draw.fault()).collect()
    }
}

struct Draw {
    rng: ChaCha8Rng,
    within: Span,
}

impl Draw {
    fn fault(&mut self) -> Fault {
        match self.up_to(16) {
            0..3 => Fault::Deployer {
                call: self.one_of(&[DeployerCall::Install, DeployerCall::Forward, DeployerCall::Back]),
                nth: 1 + self.up_to(4),
                times: 1 + self.up_to(4),
                fate: self.one_of(&DeployerFate::ALL),
            },
            3 => Fault::Observation { nth: 1 + self.up_to(30), times: 1 + self.up_to(6) },
            4 => Fault::Drift { at: self.when(), to: self.share() },
            5..8 => self.metrics(),
            8 => Fault::Notifier {
                nth: 1 + self.up_to(8),
                times: 1 + self.up_to(8),
                fate: self.one_of(&[NotifierFate::Down, NotifierFate::AnswerLost]),
            },
            9 => Fault::Append {
                nth: 1 + self.up_to(60),
                times: 1 + self.up_to(6),
                fate: self.one_of(&AppendFate::ALL),
            },
            10 | 11 => Fault::Clock {
                at: self.when(),
                of: self.one_of(&[Clocks::All, Clocks::People, Clocks::Conductors]),
                jump: self.jump(),
            },
            12 => Fault::Panic {
                port: self.one_of(&[
                    PortName::Deployer,
                    PortName::Observation,
                    PortName::Metrics,
                    PortName::Notifier,
                ]),
                nth: 1 + self.up_to(30),
                times: 1 + self.up_to(5),
            },
            14 => self.platform(),
            13 => Fault::Person { duty: self.one_of(&Duty::ALL), fate: self.person() },
            _ if self.up_to(4) == 0 => Fault::SecondConductor {},
            _ => Fault::Crash {
                after: self.one_of(&[Boundary::Decided, Boundary::Appended, Boundary::Called]),
                nth: 1 + self.up_to(60),
                down_for: self.pause(),
            },
        }
    }

    fn metrics(&mut self) -> Fault {
        let short = Span::from_secs(1 + u64::from(self.up_to(120)));
        let fates = [
            MetricsFate::Older(short),
            MetricsFate::Delayed(short),
            MetricsFate::Empty,
            MetricsFate::NotANumber,
            MetricsFate::Null,
            MetricsFate::Stale,
            MetricsFate::Twice,
            MetricsFate::Down,
        ];
        let metrics = ["error_rate", "latency_p99", "log_errors"];
        let of = match self.up_to(6) {
            0..3 => Metrics::All,
            index => Metrics::One(metrics[index as usize - 3].parse().expect("a constant name")),
        };
        let longest = self.within.as_millis() / 2;
        let lasting = Span::from_millis(1 + self.rng.random_range(0..=longest));
        Fault::Metrics { of, from: self.when(), lasting, fate: self.one_of(&fates) }
    }

    fn platform(&mut self) -> Fault {
        let lasting = Span::from_millis(1 + self.rng.random_range(0..=self.within.as_millis() / 4));
        if self.up_to(4) == 0 {
            return Fault::Occupied { lasting };
        }
        Fault::Platform { from: self.when(), lasting, fate: self.one_of(&PlatformFate::ALL) }
    }

    fn jump(&mut self) -> Jump {
        let by = match self.up_to(4) {
            0 => Span::from_minutes(5),
            1 => Span::from_hours(24),
            2 => Span::from_hours(24 * 365),
            _ => Span::from_millis(1 + self.rng.random_range(0..=self.within.as_millis())),
        };
        if self.up_to(2) == 0 { Jump::Forwards(by) } else { Jump::Backwards(by) }
    }

    fn person(&mut self) -> PersonFate {
        let others = ["user:ana", "user:oli", "user:eve", "service:ci", "user:mallory"];
        match self.up_to(3) {
            0 => PersonFate::Late(Span::from_secs(1 + u64::from(self.up_to(900)))),
            1 => PersonFate::Twice,
            _ => PersonFate::WrongRole(Team::actor(self.one_of(&others))),
        }
    }

    fn when(&mut self) -> When {
        let after = Span::from_millis(self.rng.random_range(0..=self.within.as_millis()));
        if self.up_to(3) > 0 {
            return When::AfterExposure(after);
        }
        let share = TrafficShare::percent(self.one_of(&[1, 10, 50, 100]));
        // Within a step: a quarter of the whole is about one.
        When::AtShare { share, after: Span::from_millis(after.as_millis() / 4) }
    }

    fn share(&mut self) -> TrafficShare {
        TrafficShare::percent(self.one_of(&[0, 1, 2, 5, 10, 30, 50, 99, 100]))
    }

    fn pause(&mut self) -> Span {
        match self.up_to(3) {
            0 => Span::ZERO,
            1 => Span::from_secs(u64::from(self.up_to(60))),
            _ => Span::from_secs(u64::from(self.up_to(1_200))),
        }
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let count = u32::try_from(all.len()).expect("the choices are few");
        all[self.up_to(count) as usize].clone()
    }

    /// A number below another.
    fn up_to(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end)
    }
}
