use proptest::prelude::*;

use super::*;
use crate::port::with_causes;

const V1: &str = concat!(
    r#"{"v":1,"release":"checkout-241","seq":0,"prev":""#,
    "0000000000000000000000000000000000000000000000000000000000000000",
    r#"","at":"2026-11-22T18:04:05.000Z","by":"user:ana","kind":"plan_recorded","data":{}}"#
);

/// With everything that may be there.
const V2: &str = concat!(
    r#"{"v":2,"stream":"release:checkout-241","seq":12,"prev":""#,
    "0000000000000000000000000000000000000000000000000000000000000000",
    r#"","at":"2026-11-22T18:04:05.000Z","clock":"2026-11-22T18:04:04.000Z","by":"user:ana","batch":[11,3],"#,
    r#""kind":"plan_recorded/2","data":{}}"#
);

/// What is wrong with a line, once a part of it is replaced.
#[track_caller]
fn refused(line: &str, from: &str, to: &str) -> String {
    assert!(line.contains(from), "{from}");
    with_causes(&Envelope::read(line.replace(from, to).as_bytes()).unwrap_err())
}

#[test]
fn an_envelope_has_its_fields_and_no_others() {
    let batch = Some(BatchRange::new(11, 3).unwrap());
    for (line, version, clock, batch, kind) in [
        (V1, FormatVersion::V1, None, None, "plan_recorded"),
        (V2, FormatVersion::V2, Some("2026-11-22T18:04:04.000Z".parse().unwrap()), batch, "plan_recorded/2"),
    ] {
        let read = Envelope::read(line.as_bytes()).unwrap();
        assert_eq!((read.version, &*read.stream.key()), (version, "checkout-241"));
        assert_eq!((read.clock, read.batch, &*read.kind), (clock, batch, kind));
        let seq = format!("\"seq\":{}", read.seq);
        for (from, to, part) in [
            (format!("\"v\":{version},"), "\"v\":3,".to_owned(), "has format version 3"),
            (format!("\"v\":{version},"), String::new(), "missing field `v`"),
            (format!("\"v\":{version},"), "\"v\":\"1\",".to_owned(), "invalid type: string"),
            (format!("{seq},"), String::new(), "missing field `seq`"),
            (seq.clone(), "\"seq\":-1".to_owned(), "invalid value"),
            (seq.clone(), format!("{seq},\"note\":1"), "unknown field `note`"),
            ("checkout-241".to_owned(), "checkout 241".to_owned(), "is not a release id"),
            (".000Z\",\"by".to_owned(), "Z\",\"by".to_owned(), "is not a UTC time"),
            ("user:ana".to_owned(), "ana".to_owned(), "is not an actor"),
            (kind.to_owned(), "Plan".to_owned(), "is not 1 to 64 characters"),
            (r#""data":{}"#.to_owned(), r#""data":[]"#.to_owned(), "`data` is not an object"),
            ("0000\",\"at\"".to_owned(), "000G\",\"at\"".to_owned(), "is not a SHA-256 hash"),
        ] {
            if version == FormatVersion::V2 && part == "is not a UTC time" {
                continue;
            }
            let error = refused(line, &from, &to);
            assert!(error.contains(part), "{version}: {to}: {error}");
        }
    }
}

#[test]
fn a_version_has_no_field_of_the_other() {
    for (line, from, to, part) in [
        (V1, "\"v\":1", "\"v\":2", "unknown field `release`"),
        (V1, "\"release\":\"", "\"stream\":\"release:", "unknown field `stream`"),
        (V1, "\"by\"", "\"clock\":\"2026-11-22T18:04:04.000Z\",\"by\"", "unknown field `clock`"),
        (V1, "\"kind\"", "\"batch\":[0,2],\"kind\"", "unknown field `batch`"),
        (V1, "plan_recorded", "plan_recorded/2", "the kind \"plan_recorded/2\" is not"),
        (V2, "\"v\":2", "\"v\":1", "unknown field `stream`"),
        (V2, "\"stream\":\"release:", "\"release\":\"", "unknown field `release`"),
    ] {
        let error = refused(line, from, to);
        assert!(error.contains(part), "{to}: {error}");
    }
}

#[test]
fn what_only_version_2_has_is_as_it_should_be_or_is_not_there() {
    for (from, to, part) in [
        ("release:checkout-241", "target:", "it has 0 characters"),
        ("release:checkout-241", "estate:", "is not a stream: it is none of release:ID"),
        ("release:checkout-241", "checkout-241", "is not a stream: it is none of release:ID"),
        ("release:checkout-241", "release:", "it is empty"),
        ("release:checkout-241", "release:release:1", "is not a release id"),
        ("04.000Z\",\"by", "05.000Z\",\"by", "it stands there only where they differ"),
        ("04.000Z\",\"by", "04Z\",\"by", "is not a UTC time"),
        ("\"clock\":\"2026-11-22T18:04:04.000Z\"", "\"clock\":null", "invalid type: null"),
        ("[11,3]", "null", "invalid type: null"),
        ("[11,3]", "[12,1]", "[12,1] is not a batch"),
        ("[11,3]", "[12,0]", "[12,0] is not a batch"),
        ("[11,3]", "[12]", "invalid length 1"),
        ("[11,3]", "[11,3,1]", "trailing characters"),
        ("[11,3]", "[11.0,3]", "invalid type: floating point"),
        ("[11,3]", "[\"11\",3]", "invalid type: string"),
        ("[11,3]", "[-11,30]", "invalid value"),
        ("[11,3]", "{\"first\":11,\"records\":3}", "invalid type: map"),
        ("[11,3]", "[13,2]", "record 12 is not among the 2 records from 13 on"),
        ("[11,3]", "[10,2]", "record 12 is not among the 2 records from 10 on"),
        ("[11,3]", "[9007199254740991,2]", "is not a batch"),
        ("[11,3]", "[2,9007199254740991]", "is not a batch"),
        ("recorded/2", "recorded/1", "the kind \"plan_recorded/1\" is not"),
        ("recorded/2", "recorded/0", "is not 1 to 64"),
        ("recorded/2", "recorded/02", "is not 1 to 64"),
        ("recorded/2", "recorded/", "is not 1 to 64"),
        ("recorded/2", "recorded/2/3", "is not 1 to 64"),
        ("recorded/2", "recorded/+2", "is not 1 to 64"),
        ("recorded/2", "recorded/10000", "is not 1 to 64"),
        ("plan_recorded/2", "/2", "is not 1 to 64"),
    ] {
        let error = refused(V2, from, to);
        assert!(error.contains(part), "{to}: {error}");
    }
    for (from, to) in [
        ("\"clock\":\"2026-11-22T18:04:04.000Z\",", ""),
        ("\"batch\":[11,3],", ""),
        ("[11,3]", "[1,9007199254740991]"),
        ("recorded/2", "recorded/9999"),
        ("recorded/2", "recorded"),
        ("release:checkout-241", "release:.."),
        ("release:checkout-241", "target:checkout-eu"),
        ("release:checkout-241", "estate"),
    ] {
        let line = V2.replace(from, to);
        assert_ne!(line, V2);
        let read = Envelope::read(line.as_bytes()).unwrap();
        assert_eq!(read.seal().unwrap().bytes(), line.as_bytes());
    }
}

#[test]
fn fields_may_stand_in_any_order() {
    for (line, version) in [(V1, "\"v\":1,"), (V2, "\"v\":2,")] {
        let moved = line.replace(version, "").replace(",\"data\"", &format!(",{version}\"data\""));
        assert_eq!(Envelope::read(moved.as_bytes()).unwrap().seal().unwrap().bytes(), line.as_bytes());
    }
}

#[test]
fn what_a_reader_would_refuse_is_not_written() {
    let long = RawValue::from_string(format!("{{\"a\":\"{}\"}}", "x".repeat(70_000))).unwrap();
    for (line, seq) in [(V1, 0), (V2, 12)] {
        let envelope = Envelope::read(line.as_bytes()).unwrap();
        assert_eq!(envelope.seal().unwrap().bytes(), line.as_bytes());
        let error = with_causes(&Envelope { data: (&*long).into(), ..envelope }.seal().unwrap_err());
        assert!(error.contains(&format!("record {seq} of checkout-241: the line has 70")), "{error}");
    }
    let of_both = Envelope { version: FormatVersion::V1, ..Envelope::read(V2.as_bytes()).unwrap() };
    let error = with_causes(&of_both.seal().unwrap_err());
    assert!(error.contains("format version 1 has neither `clock` nor `batch`, and streams"), "{error}");
}

/// What both ways to read an envelope make of a line.
#[track_caller]
fn both_ways(line: &[u8]) {
    let Ok(read) = strict::read(line) else { return };
    let parsed = Envelope::parsed(read.text);
    match Envelope::plain(&read.members) {
        Some(plain) => assert_eq!(format!("{plain:?}"), format!("{:?}", parsed.unwrap())),
        None => assert!(parsed.is_err() || read.text.contains(['\\', ' ']), "{}", read.text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_the_quick_way_reads_is_what_serde_reads(
        line in prop::sample::select(&[V1, V2][..]),
        at in any::<prop::sample::Index>(),
        removed in 0_usize..3,
        inserted in prop_oneof!["[ -~]{0,2}", "[0-9]", Just(String::new()), Just("\\u0061".to_owned())],
    ) {
        let mut altered = line.as_bytes().to_vec();
        let at = at.index(altered.len());
        let end = (at + removed).min(altered.len());
        altered.splice(at..end, inserted.bytes());
        both_ways(&altered);
    }
}

#[test]
fn every_record_is_read_the_quick_way() {
    for line in [
        include_str!("../../tests/golden/v1/outage.jsonl"),
        include_str!("../../tests/golden/v2/outage.jsonl"),
    ]
    .into_iter()
    .flat_map(str::lines)
    {
        assert!(Envelope::plain(&strict::read(line.as_bytes()).unwrap().members).is_some(), "{line}");
        both_ways(line.as_bytes());
    }
}
