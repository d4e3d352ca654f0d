//! Releases whose artifacts are looked at: simulated, with what people say after the end.

use std::{collections::BTreeSet, sync::OnceLock};

use relman_core::{
    event::{ActionItemKind, LessonKind, Record, Settlement},
    machine::{Action, Command, Principal, Release, Session},
    report::History,
    unit::{Actor, Span, Text, Timestamp},
};
use relman_testkit::{DemoScenario, Simulation, Team};

/// A release with its records.
pub(crate) struct Story {
    pub(crate) release: Release,
    pub(crate) records: Vec<Record>,
    pub(crate) lines: Vec<Vec<u8>>,
    now: Timestamp,
}

pub(crate) fn text(text: &str) -> Text {
    text.parse().unwrap()
}

pub(crate) fn who(actor: &str) -> Actor {
    Team::actor(actor)
}

impl Story {
    pub(crate) fn of(simulation: &Simulation, team: Team) -> Self {
        let run = simulation.run(team).unwrap();
        let now = run.release.last_at();
        Self { release: run.release, records: run.records, lines: run.lines, now }
    }

    /// A scenario of the demo; after the error spike and the override people look back on it. It is played once, however many
    /// tests look at it: a day and a half of looks takes seconds.
    pub(crate) fn scenario(scenario: DemoScenario) -> &'static Self {
        static PLAYED: [OnceLock<Story>; DemoScenario::ALL.len()] =
            [const { OnceLock::new() }; DemoScenario::ALL.len()];
        let index = DemoScenario::ALL.iter().position(|one| *one == scenario).unwrap();
        PLAYED[index].get_or_init(|| Self::played(scenario))
    }

    fn played(scenario: DemoScenario) -> Self {
        let mut story = Self::of(&scenario.simulation(), scenario.team());
        match scenario {
            DemoScenario::ErrorSpike | DemoScenario::Override => story.look_back(),
            DemoScenario::Clean
            | DemoScenario::MetricsOutage
            | DemoScenario::OncallLapse
            | DemoScenario::FlakyDeployer => {}
        }
        story
    }

    pub(crate) fn history(&self) -> History<'_> {
        History::settled(&self.release, &self.records)
    }

    /// Person does something a while later.
    pub(crate) fn act(&mut self, by: &str, action: Action) {
        self.now = self.now + Span::from_minutes(10);
        let roles: BTreeSet<_> = ["author", "developer", "approver"].map(|role| role.parse().unwrap()).into();
        let by = Principal { actor: who(by), roles: Some(roles) };
        let command = Command { by, action };
        let (batch, release, records) = Session::record(self.release.clone(), &command, self.now).unwrap();
        self.lines.extend(batch.unwrap().lines.iter().map(|line| line.bytes().to_vec()));
        self.records.extend(records);
        self.release = release;
    }

    fn look_back(&mut self) {
        let lesson = |kind, said| Action::RecordLesson { kind, text: text(said) };
        self.act("user:bo", lesson(LessonKind::WentWell, "Everybody knew whom to call"));
        self.act("user:ana", lesson(LessonKind::WentBadly, "No test of ours knows foreign addresses"));
        self.act("user:oli", lesson(LessonKind::Lucky, "It was a Monday morning and not the sale"));
        let item = |kind, owner, what, days: u64| Action::OpenActionItem {
            what: text(what),
            kind,
            owner: who(owner),
            due: Some(relman_testkit::sample::start() + Span::from_hours(24 * days)),
        };
        self.act("user:ana", item(ActionItemKind::Prevent, "user:bo", "Test with foreign addresses", 14));
        self.act(
            "user:ana",
            item(ActionItemKind::Detect, "user:oli", "Alert on failed baskets, not on errors alone", 30),
        );
        let note = text("https://git.example.org/checkout/pull/830");
        self.act("user:bo", Action::SettleActionItem { number: Some(1), how: Settlement::Done, note });
    }
}
