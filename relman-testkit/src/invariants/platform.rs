//! What the platform really is, beside what was recorded of it: the laws of a target that one release can keep.

use std::{borrow::Borrow, collections::BTreeSet};

use relman_core::{
    event::{Evaluated, Event, HoldCause, ObservedExposure, Record},
    port::Environment,
    unit::TrafficShare,
};

use super::{ground_truth::GroundTruth, violation::Broken};
use crate::{
    Run,
    world::{Call, Happening, What, fault::PlatformFate},
};

/// Nothing is installed in production where users are. What was installed there before they were may be asked for again, under
/// the same key: by whoever does not know that it is done.
pub(super) fn nothing_is_installed_where_users_are(
    truth: GroundTruth<'_, impl Borrow<Record>>,
) -> Result<(), Broken> {
    let mut installed = BTreeSet::new();
    for happening in truth.happened() {
        let Happening { records, what, .. } = happening;
        let What::Called { call: Call::Install(Environment::Production), key, before, .. } = what else {
            continue;
        };
        if before.is_zero() {
            installed.insert(key);
        } else if !installed.contains(key) {
            let what = format!("it is installed where {before} of the users are");
            return Err(Broken { seq: *records, what });
        }
    }
    Ok(())
}

/// What is wrong with the platform over a whole look, and still when it is recorded.
fn fate(run: &Run, record: &Record, look: &Evaluated) -> Option<PlatformFate> {
    // The stream may be ahead of the platform's clock.
    let skewed = run.records.iter().any(|record| matches!(record.event, Event::ClockSkewed(_)));
    let at = |at| run.platform.platform_fate(run.release.id(), at);
    let fate = at(look.window.from).filter(|_| !skewed)?;
    let lasts = at(look.window.until) == Some(fate) && at(record.at) == Some(fate);
    let known = matches!(look.exposure, ObservedExposure::Seen { .. });
    (lasts && known).then_some(fate)
}

/// Where nothing of the old version takes requests, the release is held or taken back at the next look.
pub(super) fn no_way_back_is_a_hold(run: &Run) -> Result<(), Broken> {
    let mut held = false;
    for (index, record) in run.records.iter().enumerate() {
        match &record.event {
            Event::HoldPlaced(placed) if placed.cause == HoldCause::Platform => held = true,
            Event::HoldReleased(released) if released.cause == HoldCause::Platform => held = false,
            Event::Evaluated(look) if fate(run, record, look) == Some(PlatformFate::BaselineDown) => {
                let decision = run.records[index + 1..]
                    .iter()
                    .take_while(|next| record.batch.is_some_and(|batch| batch.contains(next.seq)));
                let acted = decision.into_iter().any(|next| match &next.event {
                    Event::HoldPlaced(placed) => placed.cause == HoldCause::Platform,
                    Event::RollbackStarted(_) => true,
                    _ => false,
                });
                if !held && !acted {
                    return Err(Broken::by(record, "there is no way back, and it goes on".to_owned()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A rollback is confirmed after the last user has gone who is pinned to the new version, by themselves or cut off.
pub(super) fn zero_is_confirmed_by_requests(run: &Run) -> Result<(), Broken> {
    // The stream may be ahead of the platform's clock.
    if run.records.iter().any(|record| matches!(record.event, Event::ClockSkewed(_))) {
        return Ok(());
    }
    for record in &run.records {
        if matches!(record.event, Event::RollbackConfirmed(_))
            && let Some(pinned) = run.platform.pinned_at(run.release.id(), record.at)
        {
            let what = format!("zero is confirmed, and {pinned} of the users are pinned to the new version");
            return Err(Broken::by(record, what));
        }
    }
    Ok(())
}

/// Time counts only while users get the step's share.
pub(super) fn what_users_get_counts(run: &Run) -> Result<(), Broken> {
    let mut share = TrafficShare::ZERO;
    for record in &run.records {
        match &record.event {
            Event::StepStarted(started) => share = started.share,
            Event::Evaluated(look) if look.credit > relman_core::unit::Span::ZERO => {
                let got = fate(run, record, look).map(|fate| fate.effective(share));
                if let Some(got) = got.filter(|got| *got != share) {
                    let what = format!("{} counts, and users got {got} in place of {share}", look.credit);
                    return Err(Broken::by(record, what));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
