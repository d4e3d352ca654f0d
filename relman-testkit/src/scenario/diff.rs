use std::fmt::Write;

use relman_core::{event::Record, machine::Effect, report::sentence};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Expected, ExpectedEffect, when::words};

/// What differs between the events that are expected and those that happened, a line each; nothing if nothing does.
pub(super) fn events(expected: &[Expected], happened: &[Record]) -> Option<String> {
    let old: Vec<&str> = expected.iter().map(|one| one.kind.as_str()).collect();
    let new: Vec<&str> = happened.iter().map(|record| record.event.kind()).collect();
    lines(&old, &new, |text, at| match at {
        At::Both(old, new) => {
            let record = &happened[new];
            let differences = expected[old].differences(record);
            if differences.is_empty() {
                let _ = writeln!(text, "    {}", record.event.kind());
                return Same::Yes;
            }
            let _ = writeln!(text, "  ~ {} by {}", record.event.kind(), record.by);
            for difference in differences {
                let _ = writeln!(text, "      {difference}");
            }
            Same::No
        }
        At::Expected(old) => {
            let _ = writeln!(text, "  - {}", expected[old].kind);
            Same::No
        }
        At::Happened(new) => {
            let record = &happened[new];
            let said = said(record);
            let _ = writeln!(text, "  + {} by {}: {said}", record.event.kind(), record.by);
            Same::No
        }
    })
}

/// The first line of what an event says.
fn said(record: &Record) -> String {
    sentence(&record.event).lines().next().unwrap_or_default().to_owned()
}

/// The same for effects.
pub(super) fn effects(expected: &[ExpectedEffect], happened: &[Effect]) -> Option<String> {
    let old: Vec<&str> = expected.iter().map(|one| one.words.as_str()).collect();
    let told: Vec<String> = happened.iter().map(words).collect();
    let new: Vec<&str> = told.iter().map(String::as_str).collect();
    lines(&old, &new, |text, at| match at {
        At::Both(old, new) => match &expected[old].exactly {
            Some(exactly) if *exactly != happened[new] => {
                let _ = writeln!(text, "  ~ {}", told[new]);
                let _ = writeln!(text, "      expected {exactly:?}");
                let _ = writeln!(text, "      was      {:?}", happened[new]);
                Same::No
            }
            Some(_) | None => {
                let _ = writeln!(text, "    {}", told[new]);
                Same::Yes
            }
        },
        At::Expected(old) => {
            let _ = writeln!(text, "  - {}", expected[old].words);
            Same::No
        }
        At::Happened(new) => {
            let _ = writeln!(text, "  + {}", told[new]);
            Same::No
        }
    })
}

enum At {
    Both(usize, usize),
    Expected(usize),
    Happened(usize),
}

#[derive(PartialEq)]
enum Same {
    Yes,
    No,
}

/// Puts two lists beside each other and shows each line.
fn lines(old: &[&str], new: &[&str], mut show: impl FnMut(&mut String, At) -> Same) -> Option<String> {
    let mut text = String::new();
    let mut same = true;
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        let (_, before, after) = op.as_tag_tuple();
        let pairs: Vec<At> = match op {
            DiffOp::Equal { .. } => before.zip(after).map(|(old, new)| At::Both(old, new)).collect(),
            DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                before.map(At::Expected).chain(after.map(At::Happened)).collect()
            }
        };
        for at in pairs {
            same &= show(&mut text, at) == Same::Yes;
        }
    }
    (!same).then_some(text)
}
