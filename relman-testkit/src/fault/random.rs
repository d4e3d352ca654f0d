use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use relman_core::unit::{Span, TrafficShare};

use super::{
    AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
    NotifierFate, PersonFate, PortName, Schedule, When,
};
use crate::{Cast, Duty};

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
    /// use relman_testkit::fault::Schedule;
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
        match self.up_to(15) {
            0..3 => Fault::Deployer {
                call: self.one_of(&DeployerCall::ALL),
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
                port: self.one_of(&[PortName::Deployer, PortName::Observation, PortName::Metrics, PortName::Notifier]),
                nth: 1 + self.up_to(30),
                times: 1 + self.up_to(5),
            },
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
            _ => PersonFate::WrongRole(Cast::actor(self.one_of(&others))),
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
