use relman_core::port::{Moment, Notification, Urgency};

/// A notification to deliver in tests.
pub(super) fn notification() -> Notification {
    Notification {
        release: "checkout-241".parse().expect("a valid release id"),
        drill: true,
        moment: Moment::RollbackStarted,
        audience: "on-call".to_owned(),
        channel: "releases".parse().expect("a valid channel name"),
        urgency: Urgency::Page,
        title: "[drill] checkout 2.41.0 is being rolled back".to_owned(),
        body: "error_rate > 1% on the canary: 5% (50 of 1000) & rising".to_owned(),
        key: "9f86d081884c7d65-1".to_owned(),
    }
}
