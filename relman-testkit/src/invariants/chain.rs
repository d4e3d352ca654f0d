use std::collections::{BTreeMap, BTreeSet};

use relman_core::{
    chain::Digest,
    event::{EffectId, Event, Record},
    port::Environment,
    unit::TrafficShare,
};

use super::violation::Broken;

/// Every record continues the one before, in one stream, without a gap.
pub(super) fn links(records: &[Record]) -> Result<(), Broken> {
    let mut next = (0, Digest::ZERO);
    for record in records {
        if record.seq != next.0 {
            return Err(Broken::by(record, format!("record {} is expected here", next.0)));
        }
        if record.prev != next.1 {
            return Err(Broken::by(record, "it does not hold the hash of the record before"));
        }
        if record.release != records[0].release {
            return Err(Broken::by(record, format!("it belongs to {}", record.release)));
        }
        next = (record.seq + 1, record.digest);
    }
    Ok(())
}

/// No record is earlier than the one before, and no look goes over time that was looked at or is not over.
pub(super) fn time_never_goes_back(records: &[Record]) -> Result<(), Broken> {
    let mut looked_until = None;
    for (index, record) in records.iter().enumerate() {
        if index > 0 && record.at < records[index - 1].at {
            let before = records[index - 1].at;
            return Err(Broken::by(record, format!("it is of {}, after one of {before}", record.at)));
        }
        let Event::Evaluated(look) = &record.event else {
            continue;
        };
        if look.window.until > record.at {
            return Err(Broken::by(record, format!("it looks at {}, which is not over", look.window)));
        }
        if look.window.until <= look.window.from || looked_until.is_some_and(|until| look.window.from < until)
        {
            return Err(Broken::by(record, format!("it looks at {} again", look.window)));
        }
        looked_until = Some(look.window.until);
    }
    Ok(())
}

/// What a record asks the outside world for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Install(Environment),
    Route(TrafficShare),
    Anything,
}

/// Every outcome names an earlier record that asked for it, and an effect ends once.
pub(super) fn outcome_follows_its_cause(records: &[Record]) -> Result<(), Broken> {
    let mut asked: BTreeMap<u64, Asked> = BTreeMap::new();
    let mut ended: BTreeSet<EffectId> = BTreeSet::new();
    for record in records {
        let (effect, done) = match &record.event {
            Event::Deployed(deployed) => (deployed.effect, Asked::Install(deployed.environment)),
            Event::TrafficSet(set) => (set.effect, Asked::Route(set.share)),
            Event::Notified(notified) => (notified.effect, Asked::Anything),
            Event::NotificationAbandoned(abandoned) => (abandoned.effect, Asked::Anything),
            event => {
                let asks = match event {
                    Event::StagingStarted(_) => Asked::Install(Environment::Staging),
                    Event::RolloutStarted(_) => Asked::Install(Environment::Production),
                    Event::StepStarted(started) => Asked::Route(started.share),
                    // What was held back.
                    Event::ReleaseCompleted(_) => Asked::Route(TrafficShare::FULL),
                    Event::TrafficDrifted(drifted) => Asked::Route(drifted.expected),
                    Event::RollbackStarted(_) | Event::RollbackUnconfirmed(_) | Event::PinnedUsersCut(_) => {
                        Asked::Route(TrafficShare::ZERO)
                    }
                    _ => Asked::Anything,
                };
                asked.insert(record.seq, asks);
                continue;
            }
        };
        match asked.get(&effect.record) {
            None => return Err(Broken::by(record, format!("record {} asked for nothing", effect.record))),
            Some(asks) if done != Asked::Anything && *asks != done => {
                let what = format!("record {} asked for something else", effect.record);
                return Err(Broken::by(record, what));
            }
            Some(_) => {}
        }
        if !ended.insert(effect) {
            return Err(Broken::by(record, format!("effect {effect} has ended before")));
        }
    }
    Ok(())
}
