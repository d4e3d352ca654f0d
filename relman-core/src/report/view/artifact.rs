use std::{fmt, str::FromStr};

use serde::Serialize;
use serde_json::Value;

use crate::{
    report::{
        facts::History,
        view::{
            DeliveryMetrics, PlanReport, PostMortemReport, Retrospective, RollbackLog, Schedule, Status,
            TestReport, Timeline, ValidationReport,
        },
    },
    unit::{UnitError, serde_as_text},
};

/// The name of an artifact: `plan`, `schedule`, `validation`, `rollback-log`, `post-mortem-1`, `retrospective` and, over
/// all releases of a journal, `delivery-metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtifactName {
    /// The release plan.
    Plan,
    /// The rollout schedule.
    Schedule,
    /// The validation report.
    Validation,
    /// The rollback log.
    RollbackLog,
    /// A post-mortem, by its number from 1.
    PostMortem(u32),
    /// The retrospective.
    Retrospective,
    /// The delivery metrics.
    DeliveryMetrics,
}

impl ArtifactName {
    /// The name of the template: that of the artifact, and one for every post-mortem.
    pub fn template(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Schedule => "schedule",
            Self::Validation => "validation",
            Self::RollbackLog => "rollback-log",
            Self::PostMortem(_) => "post-mortem",
            Self::Retrospective => "retrospective",
            Self::DeliveryMetrics => "delivery-metrics",
        }
    }

    /// The name for people.
    pub fn title(self) -> String {
        match self {
            Self::Plan => "Release plan".to_owned(),
            Self::Schedule => "Rollout schedule".to_owned(),
            Self::Validation => "Validation report".to_owned(),
            Self::RollbackLog => "Rollback log".to_owned(),
            Self::PostMortem(number) => format!("Post-mortem {number}"),
            Self::Retrospective => "Retrospective".to_owned(),
            Self::DeliveryMetrics => "Delivery metrics".to_owned(),
        }
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PostMortem(number) => f.pad(&format!("post-mortem-{number}")),
            Self::Plan
            | Self::Schedule
            | Self::Validation
            | Self::RollbackLog
            | Self::Retrospective
            | Self::DeliveryMetrics => f.pad(self.template()),
        }
    }
}

impl FromStr for ArtifactName {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "plan" => Ok(Self::Plan),
            "schedule" => Ok(Self::Schedule),
            "validation" => Ok(Self::Validation),
            "rollback-log" => Ok(Self::RollbackLog),
            "retrospective" => Ok(Self::Retrospective),
            "delivery-metrics" => Ok(Self::DeliveryMetrics),
            other => match other.strip_prefix("post-mortem-").and_then(|number| number.parse().ok()) {
                Some(number) if number > 0 => Ok(Self::PostMortem(number)),
                Some(_) | None => {
                    let problem = "it is not one of plan, schedule, validation, rollback-log, post-mortem-1 …, \
                                   retrospective, delivery-metrics";
                    Err(UnitError::new(text, "an artifact", problem))
                }
            },
        }
    }
}

serde_as_text!(ArtifactName);

/// A report that is handed to people as a document: as data, as text by `Display`, as JSON by `Serialize`, and as
/// Markdown by `Templates` (feature `markdown`).
///
/// # Examples
///
/// ```
/// use relman_core::{machine::Release, report::{Artifact, ArtifactName, History}};
///
/// let release = Release::new("checkout-241".parse()?);
/// let history = History::settled(&release, &[]);
/// assert!(Artifact::all(&history).is_empty(), "nothing is planned yet");
/// assert_eq!("post-mortem-2".parse(), Ok(ArtifactName::PostMortem(2)));
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Artifact {
    /// The release plan: scope, risk, gates, contract, communication plan.
    Plan(Box<PlanReport>),
    /// The rollout schedule: planned beside actual, with the monitoring checkpoints.
    Schedule(Box<Schedule>),
    /// The validation report.
    Validation(Box<ValidationReport>),
    /// The rollback log.
    RollbackLog(Box<RollbackLog>),
    /// A post-mortem, of an override or a rollback.
    PostMortem(Box<PostMortemReport>),
    /// The retrospective.
    Retrospective(Box<Retrospective>),
    /// The delivery metrics, over all releases of a journal.
    DeliveryMetrics(Box<DeliveryMetrics>),
}

impl Artifact {
    /// Every artifact that there is of a release, in the order in which they come to be.
    pub fn all(history: &History<'_>) -> Vec<Self> {
        let plan = PlanReport::of(history).map(Box::new).map(Self::Plan);
        let schedule = Schedule::of(history).map(Box::new).map(Self::Schedule);
        let validation = ValidationReport::of(history).map(Box::new).map(Self::Validation);
        let rollback = RollbackLog::of(history).map(Box::new).map(Self::RollbackLog);
        let retrospective = Retrospective::of(history).map(Box::new).map(Self::Retrospective);
        let post_mortems = PostMortemReport::all(history).into_iter().map(Box::new).map(Self::PostMortem);
        let first = [plan, schedule, validation, rollback].into_iter().flatten();
        first.chain(post_mortems).chain(retrospective).collect()
    }

    /// One artifact of a release by its name; none before there is one, and none for the delivery metrics, which
    /// are about more than one release.
    pub fn of(history: &History<'_>, name: ArtifactName) -> Option<Self> {
        match name {
            ArtifactName::Plan => PlanReport::of(history).map(Box::new).map(Self::Plan),
            ArtifactName::Schedule => Schedule::of(history).map(Box::new).map(Self::Schedule),
            ArtifactName::Validation => ValidationReport::of(history).map(Box::new).map(Self::Validation),
            ArtifactName::RollbackLog => RollbackLog::of(history).map(Box::new).map(Self::RollbackLog),
            ArtifactName::PostMortem(number) => {
                let all = PostMortemReport::all(history);
                let one = all.into_iter().find(|report| report.number == number);
                one.map(Box::new).map(Self::PostMortem)
            }
            ArtifactName::Retrospective => Retrospective::of(history).map(Box::new).map(Self::Retrospective),
            ArtifactName::DeliveryMetrics => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> ArtifactName {
        match self {
            Self::Plan(_) => ArtifactName::Plan,
            Self::Schedule(_) => ArtifactName::Schedule,
            Self::Validation(_) => ArtifactName::Validation,
            Self::RollbackLog(_) => ArtifactName::RollbackLog,
            Self::PostMortem(report) => ArtifactName::PostMortem(report.number),
            Self::Retrospective(_) => ArtifactName::Retrospective,
            Self::DeliveryMetrics(_) => ArtifactName::DeliveryMetrics,
        }
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(report) => report.fmt(f),
            Self::Schedule(report) => report.fmt(f),
            Self::Validation(report) => report.fmt(f),
            Self::RollbackLog(report) => report.fmt(f),
            Self::PostMortem(report) => report.fmt(f),
            Self::Retrospective(report) => report.fmt(f),
            Self::DeliveryMetrics(report) => report.fmt(f),
        }
    }
}

/// What a frame leads to: a document of the release, or a view of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoryArtifact {
    /// An [`Artifact`] of the release.
    Document(ArtifactName),
    /// The [`TestReport`].
    TestReport,
    /// The [`Status`].
    Status,
    /// The [`Timeline`].
    Timeline,
}

impl StoryArtifact {
    /// The name for people.
    pub fn title(self) -> String {
        match self {
            Self::Document(name) => name.title(),
            Self::TestReport => "Test report".to_owned(),
            Self::Status => "Status".to_owned(),
            Self::Timeline => "Timeline, record by record".to_owned(),
        }
    }

    /// The artifact as text; none where the release has not come so far.
    pub fn text(self, history: &History<'_>) -> Option<String> {
        match self {
            Self::Document(name) => Artifact::of(history, name).map(|artifact| artifact.to_string()),
            Self::TestReport => TestReport::of(history).map(|report| report.to_string()),
            Self::Status => Some(Status::of(history).to_string()),
            Self::Timeline => Some(Timeline::of(history).to_string()),
        }
    }

    /// The artifact as JSON; none where the release has not come so far.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form, which none of today's reports has.
    pub fn json(self, history: &History<'_>) -> Result<Option<Value>, serde_json::Error> {
        match self {
            Self::Document(name) => Artifact::of(history, name).map(serde_json::to_value).transpose(),
            Self::TestReport => TestReport::of(history).map(serde_json::to_value).transpose(),
            Self::Status => serde_json::to_value(Status::of(history)).map(Some),
            Self::Timeline => serde_json::to_value(Timeline::of(history)).map(Some),
        }
    }
}

impl fmt::Display for StoryArtifact {
    /// The name in addresses and files, as in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(name) => name.fmt(f),
            Self::TestReport => f.pad("test-report"),
            Self::Status => f.pad("status"),
            Self::Timeline => f.pad("timeline"),
        }
    }
}

impl FromStr for StoryArtifact {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text {
            "test-report" => Ok(Self::TestReport),
            "status" => Ok(Self::Status),
            "timeline" => Ok(Self::Timeline),
            other => other.parse().map(Self::Document),
        }
    }
}

serde_as_text!(StoryArtifact);
