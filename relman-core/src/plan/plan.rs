use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{CommunicationPlan, Notice, RiskLevel, RollbackContract, Scope, contract::ContractError};
use crate::unit::{MetricName, ReleaseId, TargetName, Text, TrackName, UnitError, as_text, file};

/// A release plan: what changes, how risky it is, when to roll back, who is told, and on which track.
///
/// A plan is consistent in itself; whether a policy allows it is decided when it is recorded.
///
/// # Examples
///
/// ```
/// use relman_core::plan::Plan;
///
/// let plan = Plan::from_toml(r#"
///     release = "checkout-241"
///     title = "Faster tax lookup"
///
///     [scope]
///     service = "checkout"
///     summary = "Caches tax rates for a minute"
///     artifact = { name = "checkout", version = "2.41.0" }
///     replaces = "2.40.3"
///     audience = "user-facing"
///     touches = ["api"]
///
///     [contract]
///     criteria = ["error_rate > 1%", "latency_p99 > 2x baseline"]
///
///     [[communication]]
///     audience = "internal"
///     channel = "releases"
///     moments = ["rollout-started", "completed", "rollback-started"]
/// "#)?;
/// assert_eq!(plan.release().as_str(), "checkout-241");
/// assert_eq!(plan.contract().map(|contract| contract.criteria().len()), Some(2));
/// # Ok::<(), relman_core::plan::PlanFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan {
    document: PlanDocument,
}

/// A release plan, as files and records hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReleasePlan"))]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanDocument {
    /// The identifier of the release.
    pub(crate) release: ReleaseId,
    /// One line that says what the release is, at most 200 characters.
    pub(crate) title: Text,
    /// `production`, or `drill` for a rehearsal.
    #[serde(default)]
    pub(crate) kind: ReleaseKind,
    /// The track; the policy has one for each risk level otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) track: Option<TrackName>,
    /// The risk as the author sees it. It can raise what the change touches, never lower it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<RiskLevel>,
    /// Metrics to watch besides those of the policy and the contract.
    #[serde(default)]
    pub(crate) watch: Vec<MetricName>,
    /// What changes.
    pub(crate) scope: Scope,
    /// When to roll back. Nothing is staged without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<RollbackContract>,
    /// Who is told, through which channel, at which moments.
    #[serde(default)]
    pub(crate) communication: CommunicationPlan,
}

/// Whether a release is for real.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReleaseKind {
    /// For real.
    #[default]
    Production,
    /// A rehearsal: durations may be shorter than the floors, and everything says `drill`. A drill never
    /// becomes a production release.
    Drill,
}

/// Why a plan does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No new release may be called this.
    #[error(transparent)]
    Release(#[from] UnitError),
    /// The version is the one that it replaces.
    #[error(
        "the plan's version is {0}, and it replaces {0}: nobody could tell the two apart. Name in `replaces` what users have now"
    )]
    ReplacesItself(Text),
    /// A part without which there is no plan was not given to the builder.
    #[error("the plan has no {0}")]
    Missing(&'static str),
    /// A list is longer than a record can hold.
    #[error("the plan has {count} {what}, at most {max} are allowed")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A field is longer than a page can show.
    #[error("the plan's {what} has {count} characters, at most {max} are allowed")]
    TooLong {
        /// Which field.
        what: &'static str,
        /// How long it is.
        count: usize,
        /// How long it may be.
        max: usize,
    },
    /// Nobody is told.
    #[error(
        "the plan tells nobody: add at least one [[communication]] entry, such as audience = \"internal\", \
         channel = \"releases\", moments = [\"rollout-started\", \"completed\", \"rollback-started\"]"
    )]
    NobodyTold,
    /// A communication entry without a moment is never sent.
    #[error("the communication entry for {audience:?} names no moment, so it would never be sent")]
    NeverTold {
        /// Whose entry it is.
        audience: String,
    },
    /// The rollback contract is invalid.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

/// Why a file is not a plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It is not TOML, or has not the fields of a plan.
    #[error("failed to read the plan")]
    Toml(#[from] toml::de::Error),
    /// What it says is no plan.
    #[error("failed to read the plan")]
    Plan(#[from] PlanError),
}

/// Bounds on lists and texts: everything of a plan and a policy fits one record of 65,535 bytes.
const MAX_LIST: usize = 32;
const MAX_LINE: usize = 200;

impl Plan {
    /// A builder for the plan of one release.
    pub fn builder(release: ReleaseId) -> PlanBuilder {
        PlanBuilder {
            release,
            title: None,
            kind: ReleaseKind::Production,
            track: None,
            scope: None,
            risk: None,
            contract: None,
            watch: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Reads a plan from TOML. The format is described by [`Plan::json_schema`](Self::json_schema).
    ///
    /// # Errors
    ///
    /// [`PlanFileError`] with line and column of what is wrong.
    pub fn from_toml(text: &str) -> Result<Self, PlanFileError> {
        /// A file names a new release; a record, which is read by the same type, may have an older name.
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "release", deserialize_with = "as_text::deserialize")]
            _release: ReleaseId,
        }
        let plan: Self = file::from_toml(text)?;
        toml::from_str::<Named>(text)?;
        plan.check()?;
        Ok(plan)
    }

    /// The JSON Schema of a plan file, for editors.
    #[cfg(feature = "schema")]
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(PlanDocument)
    }

    /// The plan that a record holds, whatever it says.
    pub(crate) fn recorded(document: PlanDocument) -> Self {
        Self { document }
    }

    /// The release that is planned.
    pub fn release(&self) -> &ReleaseId {
        &self.document.release
    }

    /// One line that says what the release is.
    pub fn title(&self) -> &Text {
        &self.document.title
    }

    /// Whether it is for real.
    pub fn kind(&self) -> ReleaseKind {
        self.document.kind
    }

    /// Whether it is a rehearsal.
    pub fn is_drill(&self) -> bool {
        self.document.kind == ReleaseKind::Drill
    }

    /// The target that it changes: one service in one environment or region. A drill has one of its own, unless its scope
    /// names another.
    pub fn target(&self) -> TargetName {
        let scope = &self.document.scope;
        scope.target.clone().unwrap_or_else(|| {
            let of_service = TargetName::from(&scope.service);
            if self.is_drill() { of_service.for_rehearsals() } else { of_service }
        })
    }

    /// The track that the author asks for; the policy has one for each risk level otherwise.
    pub fn track(&self) -> Option<&TrackName> {
        self.document.track.as_ref()
    }

    /// What changes.
    pub fn scope(&self) -> &Scope {
        &self.document.scope
    }

    /// The risk as the author sees it.
    pub fn declared_risk(&self) -> Option<RiskLevel> {
        self.document.risk
    }

    /// When to roll back; a release without a contract can't be staged.
    pub fn contract(&self) -> Option<&RollbackContract> {
        self.document.contract.as_ref()
    }

    /// Metrics to watch besides those of the policy and the contract.
    pub fn watch(&self) -> &[MetricName] {
        &self.document.watch
    }

    /// Who is told.
    pub fn communication(&self) -> &CommunicationPlan {
        &self.document.communication
    }
}

impl Plan {
    /// Whether a release may be planned so today: records are read whatever they say, and hold plans of older rules.
    ///
    /// # Errors
    ///
    /// [`PlanError`] with the first thing that is wrong. The release's name is not checked: old records keep theirs.
    pub fn check(&self) -> Result<(), PlanError> {
        let document = &self.document;
        let scope = &document.scope;
        for (what, count, max) in [
            ("links", scope.links.len(), MAX_LIST),
            ("tags in `touches`", scope.touches.len(), MAX_LIST),
            ("metrics in `watch`", document.watch.len(), RollbackContract::MAX_CRITERIA),
            ("communication entries", document.communication.notices.len(), MAX_LIST),
        ] {
            if count > max {
                return Err(PlanError::TooMany { what, count, max });
            }
        }
        let fields = [
            ("title", &document.title),
            ("artifact name", &scope.artifact.name),
            ("artifact version", &scope.artifact.version),
            ("replaced version", &scope.replaces),
        ];
        let urls = scope.links.iter().map(|link| ("link", link));
        let audiences = document.communication.notices.iter().map(|notice| ("audience", &notice.audience));
        for (what, text) in fields.into_iter().chain(urls).chain(audiences) {
            let count = text.as_str().chars().count();
            if count > MAX_LINE {
                return Err(PlanError::TooLong { what, count, max: MAX_LINE });
            }
        }
        if scope.artifact.version == scope.replaces {
            return Err(PlanError::ReplacesItself(scope.replaces.clone()));
        }
        if document.communication.notices.is_empty() {
            return Err(PlanError::NobodyTold);
        }
        if let Some(notice) = document.communication.notices.iter().find(|notice| notice.moments.is_empty()) {
            return Err(PlanError::NeverTold { audience: notice.audience.to_string() });
        }
        document.contract.as_ref().map_or(Ok(()), RollbackContract::check)?;
        Ok(())
    }
}

/// Builds a [`Plan`] in code.
///
/// # Examples
///
/// ```
/// use relman_core::plan::{Artifact, Audience, PerformanceImpact, Plan, RollbackContract, Scope};
/// use relman_core::plan::NotifyOn;
///
/// let plan = Plan::builder("checkout-241".parse()?)
///     .title("Faster tax lookup".parse()?)
///     .scope(Scope {
///         service: "checkout".parse()?,
///         target: None,
///         summary: "Caches tax rates for a minute".parse()?,
///         artifact: Artifact { name: "checkout".parse()?, version: "2.41.0".parse()?, digest: None },
///         replaces: "2.40.3".parse()?,
///         audience: Audience::UserFacing,
///         performance: PerformanceImpact::Neutral,
///         touches: ["api".parse()?].into(),
///         links: vec![],
///     })
///     .contract(RollbackContract::new(vec!["error_rate > 1%".parse()?])?)
///     .tell("internal".parse()?, "releases".parse()?, [NotifyOn::Completed, NotifyOn::RollbackStarted])
///     .build()?;
/// assert!(!plan.is_drill());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PlanBuilder {
    release: ReleaseId,
    title: Option<Text>,
    kind: ReleaseKind,
    track: Option<TrackName>,
    scope: Option<Scope>,
    risk: Option<RiskLevel>,
    contract: Option<RollbackContract>,
    watch: Vec<MetricName>,
    notices: Vec<Notice>,
}

impl PlanBuilder {
    /// One line that says what the release is, at most 200 characters.
    #[must_use]
    pub fn title(mut self, title: Text) -> Self {
        self.title = Some(title);
        self
    }

    /// Declares the release a drill.
    #[must_use]
    pub fn drill(mut self) -> Self {
        self.kind = ReleaseKind::Drill;
        self
    }

    /// Asks for a track by name.
    #[must_use]
    pub fn track(mut self, track: TrackName) -> Self {
        self.track = Some(track);
        self
    }

    /// What changes.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Raises the risk to a level; what the change touches can't be lowered by it.
    #[must_use]
    pub fn risk(mut self, level: RiskLevel) -> Self {
        self.risk = Some(level);
        self
    }

    /// When to roll back.
    #[must_use]
    pub fn contract(mut self, contract: RollbackContract) -> Self {
        self.contract = Some(contract);
        self
    }

    /// A metric to watch besides those of the policy and the contract.
    #[must_use]
    pub fn watch(mut self, metric: MetricName) -> Self {
        self.watch.push(metric);
        self
    }

    /// Who is told, through which channel, at which moments.
    #[must_use]
    pub fn tell(
        mut self,
        audience: Text,
        channel: crate::unit::Channel,
        moments: impl IntoIterator<Item = super::NotifyOn>,
    ) -> Self {
        self.notices.push(Notice { audience, channel, moments: moments.into_iter().collect() });
        self
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// [`PlanError`] where a part is missing or too long, or the release has a name that none gets today.
    pub fn build(self) -> Result<Plan, PlanError> {
        self.release.check_new()?;
        let document = PlanDocument {
            release: self.release,
            title: self.title.ok_or(PlanError::Missing("title"))?,
            kind: self.kind,
            track: self.track,
            risk: self.risk,
            watch: self.watch,
            scope: self.scope.ok_or(PlanError::Missing("scope"))?,
            contract: self.contract,
            communication: CommunicationPlan { notices: self.notices },
        };
        let plan = Plan { document };
        plan.check()?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::with_causes;

    const MINIMAL: &str = r#"
        release = "checkout-241"
        title = "Faster tax lookup"
        [scope]
        service = "checkout"
        summary = "Caches tax rates"
        artifact = { name = "checkout", version = "2.41.0" }
        replaces = "2.40.3"
        audience = "user-facing"
        [contract]
        criteria = ["error_rate > 1%"]
        [[communication]]
        audience = "internal"
        channel = "releases"
        moments = ["completed"]
    "#;

    fn refused(from: &str, to: &str) -> String {
        assert!(MINIMAL.contains(from));
        with_causes(&Plan::from_toml(&MINIMAL.replace(from, to)).unwrap_err())
    }

    #[test]
    fn a_plan_survives_a_record() {
        let plan = Plan::from_toml(MINIMAL).unwrap();
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }

    #[test]
    fn p3_a_vague_contract_is_refused_with_what_is_missing() {
        let vague = refused("error_rate > 1%", "if it breaks");
        assert!(
            vague.contains("line 11") && vague.contains("column 4: expected one of > >= < <="),
            "{vague}"
        );
        let empty = refused("[\"error_rate > 1%\"]", "[]");
        assert!(empty.contains("has no numeric threshold: give at least one criterion"), "{empty}");
        let missing = refused("criteria = [\"error_rate > 1%\"]", "");
        assert!(missing.contains("has no numeric threshold"), "{missing}");
    }

    #[test]
    fn p4_a_plan_that_tells_nobody_is_refused() {
        let nobody = MINIMAL.split("[[communication]]").next().unwrap();
        let error = with_causes(&Plan::from_toml(nobody).unwrap_err());
        assert!(error.contains("tells nobody: add at least one [[communication]]"), "{error}");
        assert!(refused("[\"completed\"]", "[]").contains("names no moment"));
    }

    #[test]
    fn a_plan_does_not_replace_a_version_by_itself() {
        let same = MINIMAL.replace("2.40.3", "2.41.0");
        let error = Plan::from_toml(&same).unwrap_err();
        assert!(
            with_causes(&error).contains("the plan's version is 2.41.0, and it replaces 2.41.0"),
            "{error}"
        );
    }

    #[test]
    fn a_plan_names_no_release_as_nobody_would_today_and_a_record_may() {
        let plan = Plan::from_toml(MINIMAL).unwrap();
        for name in [".", "..", ".x", "-x", "_x"] {
            let error = refused("checkout-241", name);
            assert!(error.contains("line 2") && error.contains("begin with a letter or a digit"), "{error}");
            let recorded = serde_json::to_string(&plan).unwrap().replace("checkout-241", name);
            let recorded: Plan = serde_json::from_str(&recorded).unwrap();
            assert_eq!(recorded.release().as_str(), name);
            assert!(matches!(Plan::builder(recorded.release().clone()).build(), Err(PlanError::Release(_))));
        }
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let error = refused("title =", "titel =");
        assert!(error.contains("unknown field `titel`"), "{error}");
        assert!(refused("user-facing", "everyone").contains("unknown variant `everyone`"));
    }
}
