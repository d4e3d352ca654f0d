use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    event::{Event, PlaceSeen},
    judge::{Answer, ClassicHistogram, Histogram, Measurement, NativeHistogram},
    unit::Finite,
};

fn window() -> impl Strategy<Value = Window> {
    // A few, so that some are the same.
    (0..3_i64, 1..3_i64).prop_map(|(from, length)| Window {
        from: Timestamp::from_millis(from * 1_000),
        until: Timestamp::from_millis((from + length) * 1_000),
    })
}

fn number() -> impl Strategy<Value = Finite> {
    let some = prop_oneof![Just(0.0), Just(5.0), Just(1e300), Just(-3.0), 0.0..1e6, any::<f64>()];
    some.prop_filter_map("finite", Finite::new)
}

fn classic() -> impl Strategy<Value = Histogram> {
    // The bounds are those of one of two services.
    (0..2_u32, vec(0..1_000_u64, 4)).prop_map(|(service, counts)| {
        let bounds = [0.5, 5.0, 10.0].map(|bound| Finite::new(bound + f64::from(service)).unwrap());
        Histogram::Classic(ClassicHistogram::new(bounds.to_vec(), counts).unwrap())
    })
}

fn native() -> impl Strategy<Value = Histogram> {
    let buckets = proptest::collection::btree_map(any::<i32>(), any::<u64>(), 0..4);
    (-4..=8_i8, number(), any::<u64>(), buckets).prop_map(|(schema, zero, count, buckets)| {
        Histogram::Native(NativeHistogram::new(schema, zero, count, buckets).unwrap())
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    let measured = prop_oneof![
        3 => any::<(u64, u64)>().prop_map(|(requests, errors)| Measurement::Counts { requests, errors }),
        3 => classic().prop_map(Measurement::Histogram),
        1 => native().prop_map(Measurement::Histogram),
        1 => (any::<(u64, u64)>(), number()).prop_map(|((requests, exceedances), bound)| {
            Measurement::Exceedances { requests, exceedances, bound }
        }),
        1 => any::<(u64, u64)>().prop_map(|(count, exposure)| Measurement::Events { count, exposure }),
        1 => number().prop_map(|value| Measurement::Gauge { value }),
    ];
    prop_oneof![
        6 => measured.prop_map(Answer::Value),
        1 => ".{0,8}".prop_map(|detail| Answer::NoData { detail }),
        1 => window().prop_map(|window| Answer::Stale { newest: window.from }),
        1 => ".{0,8}".prop_map(|detail| Answer::ProviderError { detail }),
        1 => ".{0,8}".prop_map(|written| Answer::NotFinite { written }),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    let metric = prop_oneof![Just("error_rate"), Just("latency_p99")];
    let arm = prop_oneof![Just(Arm::Canary), Just(Arm::Baseline)];
    let source = prop_oneof![3 => Just("prometheus"), 1 => Just("")];
    (metric, arm, window(), source, answer()).prop_map(|(metric, arm, window, source, answer)| {
        Observation::new(metric.parse().unwrap(), arm, window, source, answer)
    })
}

/// The observations of one metric, of both arms, where most is the same.
fn both_arms() -> impl Strategy<Value = Vec<Observation>> {
    (observation(), answer()).prop_map(|(mut canary, answer)| {
        canary.arm = Arm::Canary;
        let baseline = Observation { arm: Arm::Baseline, answer, ..canary.clone() };
        vec![canary, baseline]
    })
}

fn exposure() -> impl Strategy<Value = ObservedExposure> {
    prop_oneof![
        (0..=10_000_u16).prop_map(|share| ObservedExposure::Seen { share_bp: share.try_into().unwrap() }),
        Just(ObservedExposure::Unknown { detail: Text::of("no answer") }),
    ]
}

fn place() -> impl Strategy<Value = PlaceSeen> {
    let said = || option::of(Just("c1 is down").prop_map(Text::of));
    (said(), option::of((0..3_u32, 0..3_u32)), said()).prop_map(|(version, ready, trouble)| PlaceSeen {
        version,
        ready,
        trouble,
    })
}

fn platform() -> impl Strategy<Value = PlatformSeen> {
    let set = option::of((0..=10_000_u16).prop_map(|share| share.try_into().unwrap()));
    let seen = (set, place(), place());
    let seen = seen.prop_map(|(set, canary, baseline)| PlatformSeen { set, canary, baseline });
    prop_oneof![Just(PlatformSeen::default()), seen]
}

fn evaluated() -> impl Strategy<Value = Evaluated> {
    let observations = vec(prop_oneof![both_arms(), vec(observation(), 1..3)], 0..4);
    let digest = option::of(any::<[u8; 32]>().prop_map(Digest::from_bytes));
    (1..9_u32, window(), exposure(), observations, 0..90_000_u64, digest, (platform(), any::<bool>()))
        .prop_map(|(step, window, exposure, observations, credit, digest, (platform, disregarded))| {
            Evaluated {
                step,
                window,
                exposure,
                observations: observations.concat(),
                verdicts: Vec::new(),
                credit: Span::from_millis(credit),
                platform,
                disregarded,
                recorded: digest.map_or(VerdictsAs::InFull, VerdictsAs::Digest),
            }
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_is_written_so_again(look in evaluated()) {
        let written = serde_json::to_string(&look).unwrap();
        let read: Evaluated = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&read, &look);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }

    /// Without the parser the same is read, or nothing.
    #[test]
    fn the_parser_reads_what_is_read_without_it(look in evaluated(), at in any::<prop::sample::Index>(), by in "[ -~]") {
        let written = serde_json::to_string(&look).unwrap();
        if let Some(read) = Evaluated::plain(&written) {
            prop_assert_eq!(&read, &look);
        }
        // One character is another.
        let (at, _) = written.char_indices().nth(at.index(written.chars().count())).unwrap();
        let after = at + written[at..].chars().next().unwrap().len_utf8();
        let altered = format!("{}{by}{}", &written[..at], &written[after..]);
        if let Some(read) = Evaluated::plain(&altered) {
            let parsed: Result<Evaluated, _> = serde_json::from_str(&altered);
            prop_assert_eq!(read, parsed.unwrap(), "{}", altered);
        }
    }
}

const BY_HASH: &str = concat!(
    r#"{"step":4,"window":["2026-11-23T08:00:00.000Z","2026-11-23T08:01:00.000Z"],"exposure_bp":1000,"source":"prometheus","metrics":["#,
    r#"{"metric":"error_rate","canary":[12118,0],"baseline":[98000,12]},"#,
    r#"{"metric":"latency_p99","bounds":[2.5,5,10],"canary":[0,23,1455,7],"baseline":{"no_data":"up"}},"#,
    r#"{"metric":"queue","source":"log","window":["2026-11-23T08:00:30.000Z","2026-11-23T08:01:00.000Z"],"canary":{"gauge":0.25}}],"#,
    r#""credit_ms":60000,"verdicts":"28a3a18f6cd6406b086e9ffda1f9b8a13dbcf44b0f3f32cb9031a11fd053acf9"}"#,
);

const IN_FULL: &str = concat!(
    r#"{"step":1,"window":["2026-11-23T08:00:00.000Z","2026-11-23T08:00:01.000Z"],"exposure_unknown":"timed out","source":"test","#,
    r#""metrics":[{"metric":"error_rate","canary":[1000,0]}],"credit_ms":0,"verdicts":["#,
    r#"{"criterion":"error_rate > 1%","outcome":"pass","method":"threshold","channel":"hard_limit","engine":1,"#,
    r#""canary":{"counts":{"requests":1000,"errors":0}},"control":"none","value":0.0,"threshold":0.01}]}"#,
);

#[test]
fn the_two_forms_are_pinned() {
    for pinned in [BY_HASH, IN_FULL] {
        let look: Evaluated = serde_json::from_str(pinned).unwrap();
        assert_eq!(serde_json::to_string(&look).unwrap(), pinned);
        assert_eq!(look.lacks_verdicts(), pinned == BY_HASH);
        assert_eq!(Evaluated::plain(pinned), (pinned == BY_HASH).then_some(look));
    }
}

#[test]
fn every_other_answer_is_pinned_by_its_name() {
    let pinned = [
        r#"{"exceedances":{"requests":7,"exceedances":1,"bound":250}}"#,
        r#"{"native":{"schema":3,"zero_threshold":0.001,"zero_count":2,"buckets":[[-4,1],[12,9]]}}"#,
        r#"{"events":[2,40]}"#,
        r#"{"gauge":120}"#,
        r#"{"no_data":"up"}"#,
        r#"{"stale":"2026-11-23T08:00:00.000Z"}"#,
        r#"{"provider_error":"500"}"#,
        r#"{"not_finite":"NaN"}"#,
    ];
    for pinned in pinned {
        let answer = serde_json::from_str::<ArmAnswer>(pinned).unwrap().read(None).unwrap();
        assert_eq!(serde_json::to_string(&ArmAnswer::of(&answer).0).unwrap(), pinned);
    }
}

#[test]
fn data_of_another_shape_are_none() {
    let other = [
        ("\"exposure_bp\":1000,", ""),
        ("\"exposure_bp\":1000,", "\"exposure_bp\":1000,\"exposure_unknown\":\"x\","),
        ("\"source\":\"prometheus\",", ""),
        ("[12118,0]", "[12118]"),
        ("[0,23,1455,7]", "[0,23,1455]"),
        ("[2.5,5,10]", "[5,5,10]"),
        (",\"canary\":{\"gauge\":0.25}", ""),
        ("\"28a3", "\"sha256:28a3"),
        ("\"credit_ms\"", "\"moon\":1,\"credit_ms\""),
    ];
    for (here, there) in other {
        assert!(BY_HASH.contains(here), "{here}");
        let altered = BY_HASH.replace(here, there);
        serde_json::from_str::<Evaluated>(&altered).unwrap_err();
        assert_eq!(Evaluated::plain(&altered), None, "{altered}");
    }
}

/// Version 1 read the same.
#[test]
fn a_look_taken_is_an_evaluation_in_full() {
    let taken = concat!(
        r#"{"step":1,"window":{"from":"2026-11-23T08:00:00.000Z","until":"2026-11-23T08:00:01.000Z"},"#,
        r#""exposure":{"unknown":{"detail":"timed out"}},"observations":[{"metric":"error_rate","arm":"canary","#,
        r#""window":{"from":"2026-11-23T08:00:00.000Z","until":"2026-11-23T08:00:01.000Z"},"source":"test","#,
        r#""answer":{"value":{"counts":{"requests":1000,"errors":0}}}}],"verdicts":["#,
        r#"{"criterion":"error_rate > 1%","outcome":"pass","method":"threshold","channel":"hard_limit","engine":1,"#,
        r#""canary":{"counts":{"requests":1000,"errors":0}},"control":"none","value":0.0,"threshold":0.01}],"#,
        r#""credit_ms":0}"#,
    );
    let data = serde_json::value::RawValue::from_string(taken.to_owned()).unwrap();
    let event = Event::from_data("look_taken", (&*data).into()).unwrap().unwrap();
    assert_eq!((event.kind(), event.to_data().unwrap().get()), ("evaluated", IN_FULL));
    Event::from_data("evaluated", (&*data).into()).unwrap().unwrap_err();
}
