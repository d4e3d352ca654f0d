//! The suite of the testkit, on each tracker.

use async_trait::async_trait;
use relman_core::port::{Subject, Tracker};
use relman_testkit::conformance::{
    self, Able,
    tracker::{Shown, TrackerFixture},
};

use super::{
    github::GitHubWorld,
    gitlab::GitLabWorld,
    jira::JiraWorld,
    server::Fault,
    world::{TOKEN, World},
};

struct Fixture<W>(W);

#[async_trait]
impl<W: World> TrackerFixture for Fixture<W> {
    fn tracker(&self) -> &dyn Tracker {
        self.0.tracker()
    }

    fn secrets(&self) -> Able<Vec<String>> {
        Ok(vec![TOKEN.to_owned()])
    }

    async fn shown(&self) -> Able<Shown> {
        self.0.server().assert_as_described();
        Ok(self.0.shown())
    }

    async fn write_beside(&self, subject: &Subject, text: &str) -> Able<()> {
        self.0.write_beside(subject, text);
        Ok(())
    }

    async fn lose_answer(&self, after: usize) -> Able<()> {
        self.0.server().fail(after, Fault::LostAfter);
        Ok(())
    }

    async fn has_lost(&self) -> Able<bool> {
        Ok(self.0.server().has_failed())
    }

    async fn cut_off(&self) -> Able<()> {
        self.0.server().cut_off();
        Ok(())
    }
}

conformance::tracker! {
    #[tokio::test]
    mod github { Fixture(GitHubWorld::start().await) }
}

conformance::tracker! {
    #[tokio::test]
    mod gitlab { Fixture(GitLabWorld::start().await) }
}

conformance::tracker! {
    #[tokio::test]
    mod jira { Fixture(JiraWorld::start().await) }
}
