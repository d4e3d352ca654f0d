use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::unit::Span;

/// A stream of eight records, and its head. It began in version 1, and two decisions have made more than one record.
fn stream() -> (Vec<Vec<u8>>, Head) {
    let start: Timestamp = "2026-11-22T18:04:05.000Z".parse().unwrap();
    let mut prev = Digest::ZERO;
    let mut lines = Vec::new();
    for seq in 0..8 {
        let data = RawValue::from_string(format!("{{\"note\":\"number {seq}\",\"count\":1{seq}}}")).unwrap();
        let line = Envelope {
            version: if seq < 2 { FormatVersion::V1 } else { FormatVersion::V2 },
            stream: "release:checkout-241".parse().unwrap(),
            seq,
            prev,
            at: start + Span::from_secs(seq),
            clock: (seq == 5).then_some(start),
            by: "user:ana".parse().unwrap(),
            batch: match seq {
                2 | 3 => Some(BatchRange::new(2, 2).unwrap()),
                5..=7 => Some(BatchRange::new(5, 3).unwrap()),
                _ => None,
            },
            kind: "noted".into(),
            data: (&*data).into(),
        }
        .seal()
        .unwrap();
        prev = line.digest();
        lines.push(line.bytes().to_vec());
    }
    (lines, Head { seq: 7, digest: prev })
}

fn verify(lines: &[Vec<u8>], known: Option<Head>) -> Result<Verified, Broken> {
    verify_lines(None, lines.iter().map(Vec::as_slice), known)
}

fn named(lines: &[Vec<u8>], known: Option<Head>) -> u64 {
    verify(lines, known).unwrap_err().seq
}

#[test]
fn g6_a_whole_stream_is_verified() {
    let (lines, head) = stream();
    assert_eq!(verify(&lines, None).unwrap(), Verified { records: 8, head: Some(head) });
    assert!(verify(&lines, Some(head)).is_ok());
    assert_eq!(verify(&[], None).unwrap(), Verified { records: 0, head: None });
}

#[test]
fn g6_a_removed_record_is_named() {
    let (lines, head) = stream();
    for seq in 0..8 {
        let mut cut = lines.clone();
        cut.remove(seq);
        assert_eq!(named(&cut, Some(head)), seq as u64);
        if seq < 7 {
            assert_eq!(named(&cut, None), seq as u64);
        }
    }
}

#[test]
fn g6_a_repeated_record_is_named() {
    let (lines, head) = stream();
    for from in 0..8 {
        for to in from + 1..=8 {
            let mut more = lines.clone();
            more.insert(to, lines[from].clone());
            assert_eq!(named(&more, Some(head)), from as u64, "{from} again at {to}");
        }
    }
}

#[test]
fn g6_swapped_records_are_named() {
    let (lines, head) = stream();
    for one in 0..8 {
        for other in one + 1..8 {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            assert_eq!(named(&swapped, Some(head)), one as u64);
        }
    }
}

#[test]
fn g6_a_record_of_another_stream_is_named() {
    let (mut lines, head) = stream();
    let foreign = String::from_utf8(lines[3].clone()).unwrap().replace("checkout-241", "checkout-242");
    lines[3] = foreign.into_bytes();
    assert_eq!(named(&lines, Some(head)), 3);
}

#[test]
fn a_stream_that_ends_in_the_middle_of_a_decision_is_cut_and_a_page_of_it_is_not() {
    let (lines, head) = stream();
    for end in 0..8 {
        let cut = verify(&lines[..end], None);
        let first = match end {
            3 => 2,
            6 | 7 => 5,
            _ => {
                assert!(cut.is_ok(), "{end}");
                continue;
            }
        };
        let broken = cut.unwrap_err();
        let says = format!("it is missing; the decision that began with record {first} is cut: ");
        assert_eq!(
            (broken.seq, broken.reason.to_string().starts_with(&says)),
            (end as u64, true),
            "{broken}"
        );
        // A head that is known says more: how much is missing.
        let broken = verify(&lines[..end], Some(head)).unwrap_err();
        assert!(matches!(broken.reason, BrokenReason::CutOff { head: 7 }), "{broken}");
        let mut verifier = Verifier::new(None);
        for line in &lines[..end] {
            verifier.push(line).unwrap();
        }
        assert!(verifier.so_far().is_ok());
    }
}

#[test]
fn what_was_added_past_the_head_is_named() {
    let (lines, _) = stream();
    let head = Head { seq: 5, digest: Digest::of_line(&lines[5]) };
    assert_eq!(named(&lines, Some(head)), 6);
}

#[test]
fn an_altered_last_record_needs_a_head_to_show() {
    let (mut lines, head) = stream();
    lines[7] = String::from_utf8(lines[7].clone()).unwrap().replace("number 7", "number 8").into_bytes();
    assert!(verify(&lines, None).is_ok());
    let broken = verify(&lines, Some(head)).unwrap_err();
    assert_eq!(broken.seq, 7);
    assert!(
        broken.to_string().starts_with("checkout-241, record 7: it was altered: its hash is "),
        "{broken}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn g6_any_changed_byte_names_its_record(record in 0_usize..8, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (mut lines, head) = stream();
        let at = at.index(lines[record].len());
        prop_assume!(lines[record][at] != byte);
        lines[record][at] = byte;
        prop_assert_eq!(named(&lines, Some(head)), record as u64);
        // Without a head, only the last record and its link can hide.
        if record < 6 {
            prop_assert_eq!(named(&lines, None), record as u64);
        }
    }

    #[test]
    fn no_bytes_make_the_verifier_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
        let _ = verify(&lines, None);
    }
}
