use std::borrow::Borrow;

use relman_core::{
    event::Record,
    machine::{DeepVerifier, NotDerived},
};

use super::{
    chain, evidence, gates, ground_truth,
    ground_truth::GroundTruth,
    people, platform, rollback, rollout,
    violation::{Broken, Violation},
    way_back,
};
use crate::{Run, world::Happening};

type Check = fn(&[Record]) -> Result<(), Broken>;

/// Every invariant with its name.
const CATALOGUE: [(&str, Check); 19] = [
    ("g6_chain_links", chain::links),
    ("time_never_goes_back", chain::time_never_goes_back),
    ("law2_outcome_follows_its_cause", chain::outcome_follows_its_cause),
    ("g2_no_staging_without_contract", gates::no_staging_without_contract),
    ("g3_no_gate_left_out", gates::no_gate_left_out),
    ("g1_no_gate_passes_on_a_failed_check", gates::no_gate_passes_on_a_failed_check),
    ("s4_checklist_is_signed_by_a_person", gates::checklist_is_signed_by_a_person),
    ("g5_separation_of_duties", people::separation_of_duties),
    ("g1_override_only_by_an_executive", people::override_only_by_an_executive),
    ("g1_override_opens_post_mortem", people::override_opens_post_mortem),
    ("post_mortem_before_close", people::post_mortem_before_close),
    ("g3_no_step_skipped", rollout::no_step_skipped),
    ("exposure_never_above_step", rollout::exposure_never_above_step),
    ("g4_complete_after_24h_under_cover", rollout::complete_after_a_day_under_cover),
    ("bake_time_is_observed_time", evidence::bake_time_is_observed_time),
    ("law4_nothing_passes_unmeasured", evidence::nothing_passes_unmeasured),
    ("law5_breach_leads_to_rollback", rollback::breach_leads_to_rollback),
    ("rollback_confirmed_by_observation", rollback::confirmed_by_observation),
    ("irreversible_is_not_rolled_back", way_back::irreversible_is_not_rolled_back),
];

type RunCheck = fn(&Run) -> Result<(), Broken>;

/// Every invariant over a whole run with its name.
const OF_RUNS: [(&str, RunCheck); 14] = [
    ("chain_verifies", ground_truth::chain_verifies),
    ("replay_equals_live", ground_truth::replay_equals_live),
    ("law2_append_before_act", |run| ground_truth::append_before_act(run.ground_truth())),
    ("law2_net_effect_is_as_if_once", |run| {
        ground_truth::net_effect_is_as_if_once(run.ground_truth())?;
        ground_truth::a_message_that_comes_twice_is_the_same(run)
    }),
    ("law5_back_beats_forward", |run| ground_truth::back_beats_forward(run.ground_truth())),
    ("exposure_on_the_platform_never_above_step", |run| {
        ground_truth::exposure_on_the_platform_never_above_step(run.ground_truth())
    }),
    ("b3_platform_is_at_zero_when_confirmed", |run| {
        ground_truth::platform_is_at_zero_when_confirmed(run.ground_truth())
    }),
    ("t2_nothing_is_installed_where_users_are", |run| {
        platform::nothing_is_installed_where_users_are(run.ground_truth())
    }),
    ("t7_no_way_back_is_a_hold", platform::no_way_back_is_a_hold),
    ("t8_zero_is_confirmed_by_requests", platform::zero_is_confirmed_by_requests),
    ("t9_what_users_get_counts", platform::what_users_get_counts),
    ("law9_every_call_ends_once", ground_truth::every_call_ends_once),
    ("law10_nobody_is_left_alone", ground_truth::nobody_is_left_alone),
    ("nobody_waits_for_ever", ground_truth::nobody_waits_for_ever),
];

impl Run {
    fn ground_truth(&self) -> GroundTruth<'_, Record> {
        GroundTruth::new(&self.records, &self.happened)
    }
}

/// The guardrails, checked over the records of one release, or over a whole run.
///
/// | name | what is never recorded |
/// | --- | --- |
/// | `g6_chain_links` | a record that does not continue the one before |
/// | `time_never_goes_back` | a record, or a look, earlier than the one before |
/// | `law2_outcome_follows_its_cause` | an outcome that no earlier record asked for, or a second one |
/// | `g2_no_staging_without_contract` | staging of a plan without a rollback contract |
/// | `g3_no_gate_left_out` | a phase or step without the passed gate before it |
/// | `g1_no_gate_passes_on_a_failed_check` | a passed gate whose check is missing or failed, without an override |
/// | `s4_checklist_is_signed_by_a_person` | a passed checklist that no person signed, or not all of it |
/// | `g5_separation_of_duties` | an author who approves, an approver who overrides, too few approvers |
/// | `g1_override_only_by_an_executive` | an override by someone else, or of what has not failed |
/// | `g1_override_opens_post_mortem` | an override without a post-mortem |
/// | `post_mortem_before_close` | a closed release that owes a post-mortem, or a rollback without one |
/// | `g3_no_step_skipped` | a step out of order, or one that is not the track's |
/// | `exposure_never_above_step` | traffic that the step under way does not allow |
/// | `g4_complete_after_24h_under_cover` | completion before the validation has passed under on-call cover |
/// | `bake_time_is_observed_time` | bake time for what was held, was elsewhere or could not be measured |
/// | `law4_nothing_passes_unmeasured` | a passed step with too little bake time or a criterion that was not clean |
/// | `law5_breach_leads_to_rollback` | a breach without a rollback, or a way forward after one |
/// | `rollback_confirmed_by_observation` | a rollback that ends without the platform having shown zero |
/// | `irreversible_is_not_rolled_back` | a rollback beyond the share up to which there is a way back, unless a person does it whom an executive allows it |
///
/// Over a whole [`Run`], besides:
///
/// | name | what never happens |
/// | --- | --- |
/// | `chain_verifies` | stored bytes that do not verify as one chain |
/// | `replay_equals_live` | a replay of the stored bytes that comes to another state |
/// | `law2_append_before_act` | a call to a port that no durable record has asked for |
/// | `law2_net_effect_is_as_if_once` | a repetition that changes what performing it once has left |
/// | `law5_back_beats_forward` | a call that goes forward after a rollback was recorded |
/// | `exposure_on_the_platform_never_above_step` | a call that gives more traffic than the step allows, or more that someone else has given and a look lets be |
/// | `b3_platform_is_at_zero_when_confirmed` | a confirmed rollback of a version that has traffic |
/// | `t2_nothing_is_installed_where_users_are` | a new version that is installed where users of an earlier one are |
/// | `t7_no_way_back_is_a_hold` | a release that goes on while nothing of the old version takes requests |
/// | `t8_zero_is_confirmed_by_requests` | a rollback that is confirmed while users are pinned to the new version |
/// | `t9_what_users_get_counts` | bake time while users get another share than the step's, whatever is set |
/// | `law9_every_call_ends_once` | a call that is neither answered nor aborted, or ends twice |
/// | `law10_nobody_is_left_alone` | a journal that fails for long while users have the version, and nobody is told |
/// | `nobody_waits_for_ever` | a release without an end although failures have stopped and people do their part |
#[derive(Debug, Clone, Copy)]
pub struct Invariants;

impl Invariants {
    /// Checks every invariant.
    ///
    /// # Errors
    ///
    /// The first [`Violation`], in the order of [`names`](Self::names).
    pub fn check(records: &[Record]) -> Result<(), Violation> {
        CATALOGUE.iter().try_for_each(|(name, check)| run(name, *check, records))
    }

    /// Takes every decision of a stream again, and holds what follows against what was recorded: as
    /// [`DeepVerifier`] does. For records that a session has written; those of a test that forges some are not derived.
    ///
    /// # Errors
    ///
    /// [`NotDerived`] with the first record that does not come out the same.
    pub fn derive(records: &[Record]) -> Result<(), NotDerived> {
        let Some(first) = records.first() else { return Ok(()) };
        let mut again = DeepVerifier::new(first.release.clone());
        records.iter().try_for_each(|record| again.push(record))?;
        again.finish()
    }

    /// Checks every invariant over a whole run: those over its records, and those over what happened.
    ///
    /// # Errors
    ///
    /// The first [`Violation`], in the order of [`names`](Self::names). Of what happened on the platform it names the
    /// record that came next.
    pub fn check_run(run: &Run) -> Result<(), Violation> {
        Self::check(&run.records)?;
        OF_RUNS.iter().try_for_each(|(name, check)| over(name, *check, run))
    }

    /// Checks what can be checked of what happened while a run is under way.
    pub(crate) fn check_so_far(
        records: &[impl Borrow<Record>],
        happened: &[Happening],
    ) -> Result<(), Violation> {
        let truth = GroundTruth::new(records, happened);
        let named = |name| move |broken: Broken| broken.named(name);
        ground_truth::append_before_act(truth).map_err(named("law2_append_before_act"))?;
        ground_truth::net_effect_is_as_if_once(truth).map_err(named("law2_net_effect_is_as_if_once"))?;
        ground_truth::back_beats_forward(truth).map_err(named("law5_back_beats_forward"))?;
        ground_truth::exposure_on_the_platform_never_above_step(truth)
            .map_err(named("exposure_on_the_platform_never_above_step"))?;
        ground_truth::platform_is_at_zero_when_confirmed(truth)
            .map_err(named("b3_platform_is_at_zero_when_confirmed"))
    }

    /// Every violation of a whole run, at most one for each invariant.
    pub fn violations_of_run(run: &Run) -> Vec<Violation> {
        let mut violations = Self::violations(&run.records);
        violations.extend(OF_RUNS.iter().filter_map(|(name, check)| over(name, *check, run).err()));
        violations
    }

    /// Every violation, at most one for each invariant.
    pub fn violations(records: &[Record]) -> Vec<Violation> {
        CATALOGUE.iter().filter_map(|(name, check)| run(name, *check, records).err()).collect()
    }

    /// The names, in the order in which they are checked: those over records, then those over whole runs.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CATALOGUE.iter().map(|(name, _)| *name).chain(OF_RUNS.iter().map(|(name, _)| *name))
    }
}

fn run(name: &'static str, check: Check, records: &[Record]) -> Result<(), Violation> {
    check(records).map_err(|broken| broken.named(name))
}

fn over(name: &'static str, check: RunCheck, run: &Run) -> Result<(), Violation> {
    check(run).map_err(|broken| broken.named(name))
}
