//! A mock of every port, for unit tests that say call by call what is asked of the outside world.
//!
//! Behind the feature `mocks`, since [`mockall`] is not for everybody. A mock panics when it is asked what was not
//! expected, and when it is dropped before it was asked what was. For a world that behaves by itself, see
//! [`world`](crate::world).
//!
//! # Examples
//!
//! ```
//! use relman_core::{
//!     port::{
//!         Clock, Deployer, DeployerCapabilities, Directory, FlowOutcome, FlowReport, IncidentSource, Journal,
//!         MetricsSource, Notifier, PortError, PortErrorKind, Streams, Subject, Tracker, UserFlows,
//!     },
//!     unit::{Timestamp, TrafficShare, Window},
//! };
//! use relman_testkit::{Team, mock::*, ready};
//! use relman_testkit::mock::mockall::{Sequence, predicate::eq};
//!
//! // A platform that rounds to whole per cents.
//! let mut deployer = MockDeployer::new();
//! let rounds = DeployerCapabilities::new().with_share_tolerance(TrafficShare::percent(1));
//! deployer.expect_capabilities().return_const(rounds);
//! assert_eq!(deployer.capabilities(), rounds);
//!
//! // A directory that is asked for one person, and no one else.
//! let ana = Team::actor("user:ana");
//! let mut directory = MockDirectory::new();
//! directory.expect_roles().with(eq(ana.clone())).times(1).returning(|_| Ok(None));
//! assert_eq!(ready(directory.roles(&ana))?, None);
//!
//! // A journal that is down at first.
//! let mut journal = MockJournal::new();
//! let mut order = Sequence::new();
//! let down = || PortError::new("mocked", "list the streams", PortErrorKind::Unavailable, "it is down");
//! journal.expect_streams().times(1).in_sequence(&mut order).returning(move |_, _, _| Err(down()));
//! journal.expect_streams().times(1).in_sequence(&mut order).returning(|_, _, _| Ok(Vec::new()));
//! assert!(ready(journal.streams(Streams::All, None, 10)).is_err());
//! assert!(ready(journal.streams(Streams::All, None, 10))?.is_empty());
//!
//! // Whether a metric can be measured, a channel be served, and what time it is.
//! let mut metrics = MockMetricsSource::new();
//! metrics.expect_knows().returning(|metric| metric.as_str() == "error_rate");
//! assert!(metrics.knows(&"error_rate".parse()?));
//! let mut notifier = MockNotifier::new();
//! notifier.expect_serves().return_const(false);
//! assert!(!notifier.serves(&"on-call".parse()?));
//! let mut clock = MockClock::new();
//! clock.expect_now().return_const(Timestamp::from_millis(0));
//! assert_eq!(clock.now().as_millis(), 0);
//!
//! // A source of incidents that knows of none.
//! let mut incidents = MockIncidentSource::new();
//! incidents.expect_incidents().returning(|_, _| Ok(Vec::new()));
//! let now = Timestamp::from_millis(0);
//! let service = "checkout".parse()?;
//! assert_eq!(ready(incidents.incidents(&service, Window { from: now, until: now }))?, []);
//!
//! // A tracker that has nothing.
//! let mut tracker = MockTracker::new();
//! tracker.expect_find().returning(|_| Ok(None));
//! let subject = Subject::new("checkout-241".parse()?, "v2.41.0".parse()?);
//! assert_eq!(ready(tracker.find(&subject))?, None);
//!
//! // User flows of which nothing is known.
//! let mut flows = MockUserFlows::new();
//! flows.expect_check().returning(|_| Ok(FlowReport::new([])));
//! assert_eq!(ready(flows.check(&"checkout".parse()?))?.outcome(), FlowOutcome::Unknown);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;

use async_trait::async_trait;
/// The crate that the mocks are made with, for its sequences and predicates.
pub use mockall;
use mockall::mock;
use relman_core::{
    chain::{Head, SealedLine},
    judge::{Arm, Observation},
    port::{
        self, AppendError, Change, Claim, ConductorId, DeployRequest, DeployerCapabilities, Deployment,
        FlowReport, Holder, Incident, MetricQuery, Notification, PortError, Position, Presence,
        PromoteRequest, Publication, Published, StoredStream, StreamIndex, Streams, Subject, TakesUp, Target,
        TrackerCapabilities, TrafficRequest,
    },
    unit::{
        Actor, Channel, FlowName, MetricName, ReleaseId, Role, ServiceName, Span, StreamId, Timestamp,
        TrafficShare, Window,
    },
};

mock! {
    /// A [`Journal`](port::Journal) that answers as it is told.
    #[derive(Debug)]
    pub Journal {}

    #[async_trait]
    impl port::Journal for Journal {
        fn name(&self) -> &str;
        async fn append(
            &self,
            stream: &StreamId,
            expected: Option<Head>,
            lines: &[SealedLine],
            index: &StreamIndex,
        ) -> Result<Option<Head>, AppendError>;
        async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError>;
        async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError>;
        async fn streams(
            &self,
            which: Streams,
            after: Option<StreamId>,
            limit: usize,
        ) -> Result<Vec<StoredStream>, PortError>;
        async fn reindex(&self, stream: &StreamId, head: Head, index: &StreamIndex) -> Result<(), PortError>;
        async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Change>, PortError>;
        async fn position(&self) -> Result<Position, PortError>;
        async fn changed(&self, after: Position, at_most: Span) -> Result<(), PortError>;
    }
}

mock! {
    /// [`Leases`](port::Leases) that answer as they are told.
    #[derive(Debug)]
    pub Leases {}

    #[async_trait]
    impl port::Leases for Leases {
        fn name(&self) -> &str;
        async fn heartbeat(
            &self,
            conductor: &ConductorId,
            takes_up: TakesUp,
            ttl: Span,
        ) -> Result<(), PortError>;
        async fn leave(&self, conductor: &ConductorId) -> Result<(), PortError>;
        async fn conductors(&self) -> Result<Vec<Presence>, PortError>;
        async fn claim(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<Claim, PortError>;
        async fn give_back(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<(), PortError>;
        async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError>;
    }
}

mock! {
    /// A [`Deployer`](port::Deployer) that answers as it is told.
    #[derive(Debug)]
    pub Deployer {}

    #[async_trait]
    impl port::Deployer for Deployer {
        fn name(&self) -> &str;
        fn capabilities(&self) -> DeployerCapabilities;
        async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError>;
        async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError>;
        async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError>;
        async fn reachable(&self, target: &Target, share: TrafficShare) -> Result<TrafficShare, PortError>;
        fn by_hand(&self, target: &Target) -> Option<String>;
        async fn observe(&self, target: &Target) -> Result<Deployment, PortError>;
    }
}

mock! {
    /// A [`MetricsSource`](port::MetricsSource) that answers as it is told.
    #[derive(Debug)]
    pub MetricsSource {}

    #[async_trait]
    impl port::MetricsSource for MetricsSource {
        fn name(&self) -> &str;
        fn knows(&self, metric: &MetricName) -> bool;
        async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation;
    }
}

mock! {
    /// A [`Notifier`](port::Notifier) that answers as it is told.
    #[derive(Debug)]
    pub Notifier {}

    #[async_trait]
    impl port::Notifier for Notifier {
        fn name(&self) -> &str;
        fn serves(&self, channel: &Channel) -> bool;
        async fn notify(&self, notification: &Notification) -> Result<(), PortError>;
    }
}

mock! {
    /// A [`Tracker`](port::Tracker) that answers as it is told.
    #[derive(Debug)]
    pub Tracker {}

    #[async_trait]
    impl port::Tracker for Tracker {
        fn name(&self) -> &str;
        fn capabilities(&self) -> TrackerCapabilities;
        async fn publish(&self, publication: &Publication) -> Result<Published, PortError>;
        async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError>;
    }
}

mock! {
    /// [`UserFlows`](port::UserFlows) that answer as they are told.
    #[derive(Debug)]
    pub UserFlows {}

    #[async_trait]
    impl port::UserFlows for UserFlows {
        fn name(&self) -> &str;
        fn flows(&self) -> Vec<FlowName>;
        async fn check(&self, service: &ServiceName) -> Result<FlowReport, PortError>;
    }
}

mock! {
    /// An [`IncidentSource`](port::IncidentSource) that answers as it is told.
    #[derive(Debug)]
    pub IncidentSource {}

    #[async_trait]
    impl port::IncidentSource for IncidentSource {
        fn name(&self) -> &str;
        async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError>;
    }
}

mock! {
    /// A [`Directory`](port::Directory) that answers as it is told.
    #[derive(Debug)]
    pub Directory {}

    #[async_trait]
    impl port::Directory for Directory {
        fn name(&self) -> &str;
        async fn roles(&self, actor: &Actor) -> Result<Option<BTreeSet<Role>>, PortError>;
    }
}

mock! {
    /// A [`Clock`](port::Clock) that answers as it is told.
    #[derive(Debug)]
    pub Clock {}

    impl port::Clock for Clock {
        fn now(&self) -> Timestamp;
    }
}
