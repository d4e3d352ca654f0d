use serde::{Deserialize, Serialize};

/// One rule that a conductor or its session does not keep, so that a test can show that an invariant notices.
///
/// [`Simulation::flawed`](crate::Simulation::flawed) drives a release with it. Some flaws only show where something
/// else goes wrong as well: each says what has to.
///
/// # Examples
///
/// ```
/// use relman_testkit::{Team, Flaw, Invariants, Simulation, sample};
///
/// let drill = Simulation::new(sample::drill_plan(), sample::brief_policy());
/// let run = drill.flawed(Flaw::ActsBeforeAppending).run(Team::new())?;
/// let violation = Invariants::check_run(&run).unwrap_err();
/// assert_eq!(violation.name, "law2_append_before_act");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flaw {
    /// It writes the lines anew on their way to the journal, and not as they were sealed.
    RewritesLines,
    /// It takes a closed release's last record for stored without storing it.
    ClosesInMemory,
    /// It acts on what it has decided before that is appended.
    ActsBeforeAppending,
    /// It takes an append that has failed for one that was stored. Shows where an append fails.
    ActsOnAFailedAppend,
    /// It gives every effect of one record the same key.
    OneKeyForEachRecord,
    /// It does not hear what others record until what it has to bring forward is done. Shows where somebody takes a
    /// release back while the deployer fails.
    GoesForwardUnheard,
    /// It gives all of the traffic where an earlier attempt has failed. Shows with a deployer that fails.
    GivesEverythingOnRetry,
    /// It takes the traffic for zero without asking the platform. Shows with a deployer that fails or lies.
    BelievesInZero,
    /// It does not try again what has failed. Shows with a deployer that fails.
    TriesOnce,
    /// It forgets to abort the calls that a rollback has made pointless. Shows where a deployer takes long, or never
    /// answers.
    ForgetsAborts,
    /// It takes the answer to one call for the answer to another as well. Shows where a deployer is late.
    AnswersTwice,
    /// It lets a call that is never answered stand in the way for good. Shows where a deployer hangs.
    WaitsForEver,
    /// It waits until its own clock has reached the newest record. Shows where somebody's clock is ahead.
    WaitsForTheRecord,
    /// It takes zero traffic for final at once, though a change whose outcome it does not know may still arrive. Shows
    /// where a deployer is late.
    WatchesZeroBriefly,
    /// It drops what people want of a release that has reached its end. Shows where a completed release is rolled back.
    DropsCommandsAfterTheEnd,
    /// It gives a release up when the journal fails. Shows where an append fails.
    GivesUpOnTheJournal,
    /// It takes the place for the new version for free, whatever the platform shows. Shows where it is occupied.
    BelievesItFree,
    /// It does not look at whether the old version takes requests. Shows where that is down.
    OverlooksTheWayBack,
    /// It takes the share that is set for the one that users get. Shows where the platform does something else.
    GoesByTheWeights,
    /// It takes a version without any share for one that nobody reaches. Shows where users are pinned to it.
    OverlooksPinnedUsers,
    /// It tells nobody that the journal does not work. Shows where the journal fails for long.
    FailsInSilence,
}
