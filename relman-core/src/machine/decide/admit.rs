use serde::Serialize;

use crate::{
    event::Event,
    judge::{Answer, Disbelief, Histogram, Measurement, Observation},
    machine::{Release, StepProgress, command::Answers, deadline::arms},
    unit::{Window, file::MAX_INTEGER},
};

/// The most that is believed of one look: 10^10 requests in a quarter of an hour are eleven million a second. With a
/// look every 100 ms for a day, the sum is still an integer that every reader of a record knows exactly (below 2^53).
const MOST_COUNTED: u64 = 10_000_000_000;

/// At the finest resolution, 2^8 buckets a doubling, the bounds of this bucket and of those further out are beyond what
/// a double can hold.
const OUTERMOST_BUCKET: u32 = 1_074 * 256;

/// How many bytes of what the sources say, in words, one look holds: with everything else it is then one record.
const WORDS: usize = 16_384;

/// How many bytes the data of a look or a breach may have: a record has 65,535 bytes at most, and the envelope needs some of them.
pub(super) const LONGEST: usize = 60_000;

/// What of a look is believed: one observation for each metric and arm that was asked for, of the time that was asked
/// about, with counts that can be. The rest is no measurement, and the reason is recorded in its place.
pub(super) fn admit(release: &Release, step: &StepProgress, look: &Answers) -> Vec<Observation> {
    let watched = release.watched();
    let arms = arms(step.share);
    let words = (WORDS / (watched.len() * arms.len()).max(1)).clamp(40, 1_000);
    let asked = watched.iter().flat_map(|metric| arms.iter().map(move |arm| (metric, *arm)));
    asked
        .filter_map(|(metric, arm)| {
            look.observations.iter().find(|seen| seen.metric == *metric && seen.arm == arm)
        })
        .map(|seen| Observation {
            metric: seen.metric.clone(),
            arm: seen.arm,
            window: seen.window,
            source: clean(&seen.source, 64),
            answer: believed(seen, look.window, words),
        })
        .collect()
}

/// An answer about another time is stale, and one that contradicts itself is none.
fn believed(seen: &Observation, asked: Window, words: usize) -> Answer {
    match &seen.answer {
        Answer::Value(_) if seen.window.until <= asked.from || seen.window.from >= asked.until => {
            Answer::Stale { newest: seen.window.until }
        }
        Answer::Value(measurement) => match contradiction(measurement) {
            Some(why) => Answer::Unbelieved { why },
            None => seen.answer.clone(),
        },
        Answer::NoData { detail } => Answer::NoData { detail: clean(detail, words) },
        Answer::ProviderError { detail } => Answer::ProviderError { detail: clean(detail, words) },
        Answer::NotFinite { written } => Answer::NotFinite { written: clean(written, words) },
        Answer::Stale { newest } => Answer::Stale { newest: *newest },
        Answer::Unbelieved { why } => Answer::Unbelieved { why: *why },
    }
}

/// Why counts can't be true, if they can't.
fn contradiction(measurement: &Measurement) -> Option<Disbelief> {
    let recordable =
        |number: u128| u64::try_from(number).map_or(MAX_INTEGER, |number| number.min(MAX_INTEGER));
    let (part, whole) = match measurement {
        Measurement::Counts { requests, errors } => (u128::from(*errors), u128::from(*requests)),
        Measurement::Exceedances { requests, exceedances, .. } => {
            (u128::from(*exceedances), u128::from(*requests))
        }
        Measurement::Histogram(histogram) => (0, total(histogram)),
        Measurement::Events { count, exposure } => (0, u128::from(*count.max(exposure))),
        Measurement::Gauge { .. } => return None,
    };
    if let Measurement::Histogram(Histogram::Native(native)) = measurement
        && native.buckets().keys().any(|index| index.unsigned_abs() > OUTERMOST_BUCKET)
    {
        return Some(Disbelief::BeyondNumbers {});
    }
    if part > whole {
        return Some(Disbelief::Contradiction { part: recordable(part), whole: recordable(whole) });
    }
    (whole > u128::from(MOST_COUNTED)).then(|| Disbelief::TooMany { counted: recordable(whole) })
}

/// The requests of a histogram, in a type that can't overflow.
fn total(histogram: &Histogram) -> u128 {
    match histogram {
        Histogram::Classic(classic) => classic.counts().iter().map(|count| u128::from(*count)).sum(),
        Histogram::Native(native) => {
            let buckets = native.buckets().values().map(|count| u128::from(*count));
            u128::from(native.zero_count()) + buckets.sum::<u128>()
        }
    }
}

/// What a source says in words, on one line and no longer than a number of bytes.
fn clean(text: &str, bytes: usize) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if kept.len() + c.len_utf8() > bytes {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Whether a look at these observations fits one record for certain, verdicts included, which repeat the values.
pub(super) fn is_small(observations: &[Observation]) -> bool {
    /// An observation without its values: names, window, source.
    const ENVELOPE: usize = 600;
    /// A bucket with its bound, in the longest digits.
    const BUCKET: usize = 48;
    let bytes = |seen: &Observation| match &seen.answer {
        Answer::Value(Measurement::Histogram(Histogram::Classic(classic))) => classic.counts().len() * BUCKET,
        Answer::Value(Measurement::Histogram(Histogram::Native(native))) => native.buckets().len() * BUCKET,
        Answer::Value(_) | Answer::Stale { .. } | Answer::Unbelieved { .. } => 0,
        // Each character may be written as an escape of six.
        Answer::NoData { detail } | Answer::ProviderError { detail } => detail.len() * 6,
        Answer::NotFinite { written } => written.len() * 6,
    };
    // The values stand in the observations, and once more in the verdicts.
    let written: usize = observations.iter().map(|seen| ENVELOPE + bytes(seen)).sum();
    written * 4 <= LONGEST
}

/// Whether a look, or what a gate is passed on, fits one record.
pub(super) fn fits(data: &impl Serialize) -> bool {
    serde_json::to_vec(data).is_ok_and(|bytes| bytes.len() <= LONGEST)
}

/// The same observations without their values, for a look that would not fit a record: it can't be recorded, so it
/// does not count as measured.
pub(super) fn withheld(observations: &[Observation]) -> Vec<Observation> {
    let answer = Answer::Unbelieved { why: Disbelief::TooLarge {} };
    let withheld = |seen: &Observation| Observation { answer: answer.clone(), ..seen.clone() };
    observations.iter().map(withheld).collect()
}

/// Whether an event is a look whose values were too large for its record.
pub(in crate::machine) fn is_withheld(event: &Event) -> bool {
    let withheld = |answer: &Answer| matches!(answer, Answer::Unbelieved { why: Disbelief::TooLarge {} });
    match event {
        Event::Evaluated(look) => look.observations.iter().any(|seen| withheld(&seen.answer)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{judge::NativeHistogram, unit::Finite};

    fn counts(requests: u64, errors: u64) -> Measurement {
        Measurement::Counts { requests, errors }
    }

    fn native(index: i32) -> Measurement {
        let zero = Finite::new(0.001).unwrap();
        let buckets = BTreeMap::from([(index, 3)]);
        Measurement::Histogram(Histogram::Native(NativeHistogram::new(8, zero, 0, buckets).unwrap()))
    }

    #[test]
    fn counts_are_believed_up_to_the_most_and_no_further() {
        assert_eq!(contradiction(&counts(MOST_COUNTED, 0)), None);
        assert!(
            contradiction(&counts(MOST_COUNTED + 1, 0))
                .is_some_and(|why| why.to_string().contains("in one look"))
        );
        assert_eq!(contradiction(&counts(10, 10)), None, "every request may fail");
        assert!(contradiction(&counts(10, 11)).is_some_and(|why| why.to_string().contains("11 of 10")));
    }

    #[test]
    fn buckets_are_believed_up_to_the_outermost_and_no_further() {
        let outermost = i32::try_from(OUTERMOST_BUCKET).unwrap();
        for index in [outermost, -outermost] {
            assert_eq!(contradiction(&native(index)), None, "{index}");
            assert!(contradiction(&native(index + index.signum())).is_some(), "{index}");
        }
    }

    #[test]
    fn a_histogram_counts_what_is_near_zero_too() {
        let zero = Finite::new(0.001).unwrap();
        let buckets = BTreeMap::from([(1, 3), (2, 4)]);
        let native = Histogram::Native(NativeHistogram::new(3, zero, 5, buckets).unwrap());
        assert_eq!(total(&native), 12);
    }

    #[test]
    fn words_are_cut_at_a_character_and_kept_on_one_line() {
        assert_eq!(clean("one\ntwo", 20), "one two");
        assert_eq!(clean("abcdef", 6), "abcdef");
        assert_eq!(clean("abcdef", 5), "abcde");
        assert_eq!(clean("aéé", 4), "aé");
        assert_eq!(clean("aéé", 5), "aéé");
    }
}
