use relman_core::{event::Event, machine::PhaseName, unit::Span};

use super::ZERO;
use crate::fixture::{Driven, act, principal, secs};

/// In the first step, after somebody whose clock is wrong by so much has recorded a complaint.
fn skewed(ahead: Span) -> Driven {
    let mut driven = Driven::drill().with_short_calls().in_step(1);
    driven.elsewhere(principal("user:guest"), act::complain(), driven.now + ahead);
    driven.wait(secs(1));
    let batch = driven.noting(|driven| drop(driven.healthy_look()));
    assert!(batch.has("clock_skewed"), "{:?}", batch.kinds());
    assert!(batch.effects().contains(&"page: clocks differ".to_owned()), "{:?}", batch.effects());
    // The look that others came before is asked for anew.
    driven.healthy_look();
    driven
}

const WRONG_BY: [u64; 3] = [300, 24 * 3_600, 365 * 24 * 3_600];

#[test]
fn a_record_from_the_future_is_noted_and_looks_go_on_by_the_clock_of_the_session() {
    for ahead in WRONG_BY.map(Span::from_secs) {
        let mut driven = skewed(ahead);
        let Event::ClockSkewed(noted) = driven.of_kind("clock_skewed")[0] else { panic!() };
        let wrong =
            driven.journal.records.iter().find(|one| one.event.kind() == "complaint_recorded").unwrap();
        assert_eq!(noted.record, wrong.seq, "it names the record");
        assert!(noted.ahead <= ahead && noted.ahead + secs(2) >= ahead, "{} of {ahead}", noted.ahead);
        assert_eq!(driven.release.skew(), noted.ahead);
        let looks = |driven: &mut Driven| {
            for _ in 0..3 {
                let before = driven.now;
                let (_, question) = driven.asked();
                assert_eq!(driven.now.since(before), secs(1), "{ahead}");
                assert_eq!(
                    (question.window.until, question.window.length()),
                    (driven.now, secs(1)),
                    "{ahead}"
                );
                assert!(driven.healthy_look().has("evaluated"));
            }
        };
        let baked = driven.baked();
        looks(&mut driven);
        assert_eq!(driven.baked().saturating_sub(baked), secs(3), "time that never passed does not count");
        driven.restart();
        driven.perform();
        looks(&mut driven);
        assert_eq!(driven.of_kind("clock_skewed").len(), 1, "once is enough");
        driven.run_while(|driven| driven.step() < 3);
        assert!(driven.now.since(crate::fixture::start()) < secs(120), "{ahead}: nothing is waited for");
        driven.assert_replays();
    }
}

#[test]
fn b3_a_breach_after_a_record_from_the_future_is_taken_back_at_once() {
    for ahead in WRONG_BY.map(Span::from_secs) {
        for restarted in [false, true] {
            let mut driven = skewed(ahead);
            if restarted {
                driven.restart();
            }
            driven.perform();
            assert!(driven.look_with_errors(500).has("rollback_started"));
            let began = driven.now;
            driven.done("set traffic to 0%");
            driven.traffic(Ok(ZERO));
            assert!(driven.traffic(Ok(ZERO)).has("rollback_confirmed"), "{ahead}");
            assert_eq!(driven.now.since(began), secs(5), "{ahead}: as in any other release");
            let Event::RollbackConfirmed(confirmed) = driven.of_kind("rollback_confirmed")[0] else {
                panic!()
            };
            assert_eq!(confirmed.took, secs(5), "{ahead}");
        }
    }
}

#[test]
fn clocks_that_differ_by_little_are_not_worth_a_word() {
    let mut driven = Driven::drill().in_step(1);
    driven.elsewhere(principal("user:guest"), act::complain(), driven.now + secs(5));
    driven.wait(secs(1));
    driven.healthy_look();
    driven.run_while(|driven| driven.step() < 2);
    assert_eq!(driven.of_kind("clock_skewed").len(), 0);
    driven.assert_replays();
}

#[test]
fn an_action_with_a_time_of_the_calendar_means_that_time_in_a_stream_that_is_ahead() {
    let mut driven = skewed(Span::from_hours(24));
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    let until = driven.now + secs(60);
    driven.does("user:olu", act::acknowledge_until(until));
    driven.now = until.minus(secs(1));
    driven.tick();
    assert!(driven.release.cover().is_some());
    driven.now = until;
    assert!(driven.tick().has("cover_lapsed"));
}
