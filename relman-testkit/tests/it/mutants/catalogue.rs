use relman_core::{
    chain::Digest,
    event::{CheckOutcome, Evaluated, Event, Fact, Gate, PostMortemCause, SetBy},
    judge::{Answer, Arm, Evidence, Measurement, Observation, Outcome, judge},
    machine::{self, Action, Command, Input},
    policy::{Policy, floors},
    unit::{Finite, Span, TrafficShare},
};
use relman_testkit::Team;

use super::machine::{Mutant, edited, with_a_way_back, without_contract};

/// The invariant that has to notice, what is wrong with the mutant, and the mutant.
pub(crate) const MUTANTS: [(&str, &str, Mutant); 19] = [
    (
        "g6_chain_links",
        "every record names the first one as the one before",
        Mutant { links: |records| records.first().map_or(Digest::ZERO, |one| one.digest), ..Mutant::none() },
    ),
    (
        "time_never_goes_back",
        "a record is dated by the clock, where the clock was set back, too",
        Mutant { dates: |now, _| now, ..Mutant::none() },
    ),
    (
        "law2_outcome_follows_its_cause",
        "a change of the traffic that is found done is recorded twice",
        Mutant { records: found_done_counts_twice, ..Mutant::none() },
    ),
    (
        "g2_no_staging_without_contract",
        "a plan without a contract is staged",
        Mutant { records: contract_is_lost, ..Mutant::none() },
    ),
    (
        "g3_no_gate_left_out",
        "production is entered without the staging gate",
        Mutant { records: no_staging_gate, ..Mutant::none() },
    ),
    (
        "g1_no_gate_passes_on_a_failed_check",
        "a failed check is as good as a passed one",
        Mutant { hears: every_check_passes, records: as_it_was_recorded, ..Mutant::none() },
    ),
    (
        "s4_checklist_is_signed_by_a_person",
        "a service signs the checklist",
        Mutant { records: signed_by_a_service, ..Mutant::none() },
    ),
    (
        "g5_separation_of_duties",
        "the author approves",
        Mutant { records: approved_by_the_author, ..Mutant::none() },
    ),
    (
        "g1_override_only_by_an_executive",
        "on-call overrides a gate",
        Mutant { records: overridden_by_on_call, ..Mutant::none() },
    ),
    (
        "g1_override_opens_post_mortem",
        "an override costs nothing",
        Mutant { records: no_post_mortem_for_an_override, ..Mutant::none() },
    ),
    (
        "post_mortem_before_close",
        "a release is closed with its post-mortem unwritten",
        Mutant { records: post_mortem_is_not_written, ..Mutant::none() },
    ),
    (
        "g3_no_step_skipped",
        "the second step is left out",
        Mutant { records: no_second_step, ..Mutant::none() },
    ),
    (
        "exposure_never_above_step",
        "a step gets all of the traffic",
        Mutant { records: all_of_the_traffic, ..Mutant::none() },
    ),
    (
        "g4_complete_after_24h_under_cover",
        "half of the validation is enough",
        Mutant { follows: with_half_of_the_validation, ..Mutant::none() },
    ),
    (
        "bake_time_is_observed_time",
        "the clock of a step runs while nothing is measured",
        Mutant { records: every_look_counts, ..Mutant::none() },
    ),
    (
        "law4_nothing_passes_unmeasured",
        "no value is as good as a clean one",
        Mutant {
            hears: silence_is_clean,
            records: |input, facts| what_was_seen(input, facts),
            ..Mutant::none()
        },
    ),
    (
        "law5_breach_leads_to_rollback",
        "a breach is recorded and nothing follows",
        Mutant {
            hears: nothing_fails,
            records: |input, facts| what_was_seen_and_judged(input, facts),
            ..Mutant::none()
        },
    ),
    (
        "rollback_confirmed_by_observation",
        "a rollback is done when the deployer says so",
        Mutant { records: nobody_looks_for_zero, ..Mutant::none() },
    ),
    (
        "irreversible_is_not_rolled_back",
        "a breach rolls back whatever the contract says of the way back",
        Mutant { hears: there_is_always_a_way_back, records: plan_as_it_was_told, ..Mutant::none() },
    ),
];

fn there_is_always_a_way_back(input: Input) -> Input {
    match input {
        Input::Action(Command { by, action: Action::RecordPlan { plan, policy } }) => {
            let plan = with_a_way_back(&plan).into();
            Input::Action(Command { by, action: Action::RecordPlan { plan, policy } })
        }
        other => other,
    }
}

fn plan_as_it_was_told(input: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let (
            Event::PlanRecorded(recorded),
            Input::Action(Command { action: Action::RecordPlan { plan, .. }, .. }),
        ) = (&mut fact.event, input)
        {
            recorded.plan = plan.clone();
        }
    }
}

fn found_done_counts_twice(_: &Input, facts: &mut Vec<Fact>) {
    let found =
        |fact: &&Fact| matches!(&fact.event, Event::TrafficSet(set) if set.means == SetBy::Observation);
    let again: Vec<Fact> = facts.iter().filter(found).cloned().collect();
    facts.extend(again);
}

fn contract_is_lost(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let Event::PlanRecorded(recorded) = &mut fact.event {
            recorded.plan = without_contract(&recorded.plan).into();
        }
    }
}

fn no_staging_gate(_: &Input, facts: &mut Vec<Fact>) {
    facts.retain(|fact| !matches!(&fact.event, Event::GatePassed(passed) if passed.gate == Gate::Staging));
}

fn every_check_passes(input: Input) -> Input {
    match input {
        Input::Action(Command { by, action: Action::RecordCheck { check, evidence, items, .. } }) => {
            let outcome = CheckOutcome::Passed;
            Input::Action(Command { by, action: Action::RecordCheck { check, outcome, evidence, items } })
        }
        other => other,
    }
}

fn as_it_was_recorded(input: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let (
            Event::CheckRecorded(recorded),
            Input::Action(Command { action: Action::RecordCheck { outcome, .. }, .. }),
        ) = (&mut fact.event, input)
        {
            recorded.outcome = *outcome;
        }
    }
}

fn signed_by_a_service(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if matches!(&fact.event, Event::CheckRecorded(check) if check.check.as_str() == floors::MANUAL_QA) {
            fact.by = Team::actor("service:ci");
        }
    }
}

fn approved_by_the_author(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if matches!(fact.event, Event::PlanApproved(_)) {
            fact.by = Team::actor("user:ana");
        }
    }
}

fn overridden_by_on_call(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let Event::OverrideGranted(granted) = &mut fact.event {
            granted.roles = ["on-call".parse().unwrap()].into();
            fact.by = Team::actor("user:oli");
        }
    }
}

fn no_post_mortem_for_an_override(_: &Input, facts: &mut Vec<Fact>) {
    facts.retain(|fact| match &fact.event {
        Event::PostMortemOpened(opened) => opened.about == PostMortemCause::Rollback,
        _ => true,
    });
}

fn post_mortem_is_not_written(_: &Input, facts: &mut Vec<Fact>) {
    facts.retain(|fact| !matches!(fact.event, Event::PostMortemFiled(_)));
}

fn no_second_step(_: &Input, facts: &mut Vec<Fact>) {
    facts.retain(|fact| match &fact.event {
        Event::StepStarted(started) => started.step != 2,
        Event::TrafficSet(set) => set.share != TrafficShare::percent(10),
        Event::Evaluated(look) => look.step != 2,
        Event::GatePassed(passed) => passed.gate != Gate::Step(2),
        _ => true,
    });
}

fn all_of_the_traffic(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let Event::TrafficSet(set) = &mut fact.event
            && set.share > TrafficShare::ZERO
        {
            set.share = TrafficShare::FULL;
        }
    }
}

fn with_half_of_the_validation(policy: &Policy) -> Policy {
    edited(policy, |json| {
        let last = json["tracks"]["drill"]["steps"].as_array_mut().unwrap().last_mut().unwrap();
        last["bake_ms"] = (last["bake_ms"].as_u64().unwrap() / 2).into();
    })
}

fn every_look_counts(_: &Input, facts: &mut Vec<Fact>) {
    for fact in facts {
        if let Event::Evaluated(look) = &mut fact.event
            && look.credit == Span::ZERO
        {
            look.credit = look.window.length();
        }
    }
}

/// A look in which every answer is replaced.
fn seen_as(mut input: Input, answer: impl Fn(Arm, &str, Answer) -> Answer) -> Input {
    if let Input::Answered(_, machine::Outcome::Measured { observations, .. }) = &mut input {
        for seen in observations {
            seen.answer = answer(seen.arm, seen.metric.as_str(), seen.answer.clone());
        }
    }
    input
}

/// What a healthy version shows.
fn clean(metric: &str) -> Answer {
    Answer::Value(match metric {
        "latency_p99" => Measurement::Gauge { value: Finite::new(100.0).unwrap() },
        _ => Measurement::Counts { requests: 10_000, errors: 0 },
    })
}

fn silence_is_clean(input: Input) -> Input {
    seen_as(input, |_, metric, answer| if answer.missing().is_some() { clean(metric) } else { answer })
}

fn nothing_fails(input: Input) -> Input {
    seen_as(input, |arm, metric, answer| match (arm, metric) {
        (Arm::Canary, "error_rate") if answer.missing().is_none() => clean(metric),
        _ => answer,
    })
}

fn what_was_seen(input: &Input, facts: &mut [Fact]) {
    for (look, truth) in looks(input, facts) {
        look.observations = truth.to_vec();
    }
}

fn what_was_seen_and_judged(input: &Input, facts: &mut [Fact]) {
    what_was_seen(input, facts);
    for (look, truth) in looks(input, facts) {
        let errors = truth.iter().find(|seen| {
            (seen.arm, seen.metric.as_str()) == (Arm::Canary, "error_rate") && seen.answer.missing().is_none()
        });
        for verdict in look.verdicts.iter_mut().filter(|one| one.criterion.metric.as_str() == "error_rate") {
            if let Some(seen) = errors {
                let evidence = Evidence { canary: &seen.answer, baseline: None, min_requests: 100 };
                let judged = judge(&verdict.criterion, evidence);
                if judged.outcome == Outcome::Fail {
                    *verdict = judged;
                }
            }
        }
    }
}

/// The looks among the facts, each beside what the platform showed.
fn looks<'a>(
    input: &'a Input,
    facts: &'a mut [Fact],
) -> impl Iterator<Item = (&'a mut Evaluated, &'a [Observation])> {
    facts.iter_mut().filter_map(move |fact| match (&mut fact.event, input) {
        (Event::Evaluated(look), Input::Answered(_, machine::Outcome::Measured { observations, .. })) => {
            Some((look, observations.as_slice()))
        }
        _ => None,
    })
}

fn nobody_looks_for_zero(_: &Input, facts: &mut Vec<Fact>) {
    facts.retain(|fact| !matches!(fact.event, Event::ZeroTrafficObserved(_)));
}
