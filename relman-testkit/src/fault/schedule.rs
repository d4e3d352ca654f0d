use std::{fmt, fs, io, path::Path};

use relman_core::unit::{MetricName, Span, TrafficShare};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{DeployerCall, DeployerFate, Fault, Metrics, MetricsFate, NotifierFate, When};

/// What goes wrong, in the order in which it is looked up: where two entries want the same call, the first has it.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Span;
/// use relman_testkit::fault::{Fault, MetricsFate, Schedule};
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
/// # Ok::<(), relman_testkit::fault::ScheduleError>(())
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
    /// The TOML is none, or not that of a schedule.
    #[error("failed to read the schedule of failures as TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// The JSON is none, or not that of a schedule.
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

    /// The traffic is changed by somebody else, this long after the first exposure.
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
