//! Records altered by someone who knows how the chain works: every hash matches again.

use relman_core::chain::Digest;

/// Gives every record its number and its link anew, as far as it has them, and returns the last hash.
pub(crate) fn rechain(lines: &mut [Vec<u8>]) -> Digest {
    let mut prev = Digest::ZERO;
    for line in lines {
        if let Some(at) = find(line, b"\"prev\":\"") {
            line.splice(at..at + 64, prev.to_string().into_bytes());
        }
        prev = Digest::of_line(line);
    }
    prev
}

/// Gives every record the number of its place.
fn renumber(lines: &mut [Vec<u8>]) {
    for (seq, line) in lines.iter_mut().enumerate() {
        let at = find(line, b"\"seq\":").unwrap();
        let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        line.splice(at..at + digits, seq.to_string().into_bytes());
    }
}

/// Where something ends in a line.
pub(crate) fn find(line: &[u8], part: &[u8]) -> Option<usize> {
    line.windows(part.len()).position(|window| window == part).map(|at| at + part.len())
}

pub(crate) fn lines_of(record: &[u8]) -> Vec<Vec<u8>> {
    record
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
        .collect()
}

pub(crate) fn record_of(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().chain(b"\n")).copied().collect()
}

/// Replaces text in the first record of a kind.
pub(crate) fn replace(lines: &mut [Vec<u8>], kind: &str, from: &str, to: &str) {
    let kind = format!("\"kind\":\"{kind}\"");
    let line = lines.iter_mut().find(|line| {
        let text = String::from_utf8_lossy(line);
        text.contains(&kind) && text.contains(from)
    });
    let line = line.unwrap_or_else(|| panic!("no {kind} with {from}"));
    *line = String::from_utf8(line.clone()).unwrap().replacen(from, to, 1).into_bytes();
}

fn remove(lines: &mut Vec<Vec<u8>>, kind: &str) {
    let kind = format!("\"kind\":\"{kind}\"");
    let at = lines.iter().position(|line| String::from_utf8_lossy(line).contains(&kind)).unwrap();
    lines.remove(at);
    renumber(lines);
    for line in lines {
        with_one_less(line, at as u64);
    }
}

/// What a record says of the decision that made it, once a record is gone.
fn with_one_less(line: &mut Vec<u8>, gone: u64) {
    let Some(from) = find(line, b"\"batch\":") else { return };
    let to = from + line[from..].iter().position(|byte| *byte == b']').unwrap() + 1;
    let (first, records): (u64, u64) = serde_json::from_slice(&line[from..to]).unwrap();
    let left = match (first > gone, first + records > gone) {
        (true, _) => (first - 1, records),
        (false, true) => (first, records - 1),
        (false, false) => return,
    };
    if left.1 > 1 {
        line.splice(from..to, serde_json::to_vec(&left).unwrap());
    } else {
        line.drain(from - "\"batch\":".len()..=to);
    }
}

/// One way to alter a record.
pub(crate) type Alteration = fn(&mut Vec<Vec<u8>>);

/// Ways to alter the record of the demo's error spike so that its chain is whole again, and what it tells can't be.
pub(crate) const ILLEGAL: [(&str, Alteration); 9] = [
    ("its author has approved it", |lines| {
        let planned = String::from_utf8_lossy(&lines[0]).into_owned();
        let author = planned.split("\"by\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let approved =
            lines.iter().find(|line| String::from_utf8_lossy(line).contains("\"plan_approved\"")).unwrap();
        let approved = String::from_utf8_lossy(approved).into_owned();
        let approver = approved.split("\"by\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        replace(lines, "plan_approved", &format!("\"by\":\"{approver}\""), &format!("\"by\":\"{author}\""));
    }),
    ("nobody has approved it", |lines| remove(lines, "plan_approved")),
    ("it was never staged", |lines| remove(lines, "staging_started")),
    ("a step is left out", |lines| remove(lines, "step_started")),
    ("a rollback was never confirmed", |lines| remove(lines, "rollback_confirmed")),
    ("a kind that there is not", |lines| {
        replace(lines, "notified", "\"kind\":\"notified\"", "\"kind\":\"moon_seen\"");
    }),
    ("data of another shape", |lines| {
        replace(lines, "rollback_confirmed", "\"data\":{", "\"data\":{\"moon\":\"full\",");
    }),
    ("a verdict is altered", |lines| {
        replace(lines, "evaluated", "\"threshold\":0.01,", "\"threshold\":0.02,");
    }),
    ("a number that a verdict rests on is altered", |lines| {
        let at =
            lines.iter().rposition(|line| String::from_utf8_lossy(line).contains("\"evaluated\"")).unwrap();
        let text = String::from_utf8(lines[at].clone()).unwrap();
        let from = text.find("\"canary\":[").unwrap();
        let digit = text[from..].find(|c: char| ('1'..='8').contains(&c)).unwrap() + from;
        lines[at][digit] += 1;
    }),
];
