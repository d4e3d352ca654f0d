use std::{collections::BTreeSet, fmt};

use proptest::prelude::*;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::*;

/// The reference: `serde_json` reads any value, and keeps nothing but what it takes to see a key twice.
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self.inner()?)?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format_args!("the key {twice:?} stands there twice")));
            }
        }
        Ok(())
    }
}

/// An integer that is larger than what every reader agrees on, in a text that is valid JSON.
fn has_long_integer(text: &str) -> bool {
    let (mut in_string, mut escaped, mut number) = (false, false, String::new());
    for c in text.chars() {
        if in_string {
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        if c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E') {
            number.push(c);
            continue;
        }
        let digits = std::mem::take(&mut number);
        let digits = digits.trim_start_matches('-');
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_integer && digits.parse::<u64>().ok().is_none_or(|integer| integer > MAX_INTEGER) {
            return true;
        }
        in_string = c == '"';
    }
    false
}

/// Whether the reference takes a text as one object on one line.
fn reference(text: &str) -> Result<(), String> {
    if !text.starts_with('{') || !text.ends_with('}') || text.contains(['\n', '\r']) {
        return Err("not one object".to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    Strict { depth: 0 }
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| error.to_string())?;
    if has_long_integer(text) { Err("an integer is too large".to_owned()) } else { Ok(()) }
}

/// Holds the scanner against the reference: the same texts, with the same members.
#[track_caller]
fn agrees(text: &str) {
    let scanned = Scanner::new(text).object();
    let expected = reference(text);
    assert_eq!(scanned.is_ok(), expected.is_ok(), "{text:?}: {scanned:?}, {expected:?}");
    if let Ok(members) = scanned {
        let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        assert_eq!(members.len(), read.len(), "{text:?}");
        for (key, value) in members {
            let value: serde_json::Value = serde_json::from_str(value).unwrap();
            assert_eq!(read.get(&*key), Some(&value), "{text:?}");
        }
    }
}

/// Pieces of JSON and of what is nearly JSON, so that what is put together of them is often right, and often nearly.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"a\":",
    "\"b\":",
    "\"\\u0061\":",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\x\"",
    "\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
    "\"\\u12\"",
    "\"ä€😀\"",
    "\"\u{7f}\"",
    "\"\t\"",
    "\"\u{1f}\"",
    "\\",
    " ",
    "\t",
    "\n",
    "\r",
    "\u{a0}",
    "\u{feff}",
    "null",
    "true",
    "false",
    "nul",
    "True",
    "NaN",
    "Infinity",
    "0",
    "-0",
    "-",
    "01",
    "1",
    "-1",
    "+1",
    "1.",
    ".5",
    "1.5",
    "1e5",
    "1E+5",
    "1e-5",
    "1e",
    "1e999",
    "-1e999",
    "1e-999",
    "0e999999999999",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "-9007199254740992",
    "9007199254740992.0",
    "123456789012345678901234567890",
    "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":",
    "}}}",
    "{}",
    "[]",
    "/**/",
    "'a'",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

/// Any value, written with space here and there.
fn value() -> impl Strategy<Value = String> {
    let space = prop::sample::select(&["", "", "", " ", "\t "][..]);
    let leaf = prop_oneof![
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
        (0..=MAX_INTEGER).prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        prop::sample::select(PIECES).prop_map(str::to_owned),
    ];
    let key = prop_oneof![
        "[a-c]{1,2}".prop_map(|key| format!("\"{key}\"")),
        any::<String>().prop_map(|key| serde_json::to_string(&key).unwrap()),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        let list = prop::collection::vec((space.clone(), inner.clone(), space.clone()), 0..5);
        let list = list.prop_map(|all| {
            let all: Vec<_> =
                all.into_iter().map(|(before, value, after)| format!("{before}{value}{after}")).collect();
            format!("[{}]", all.join(","))
        });
        let object = prop::collection::vec((space.clone(), key.clone(), inner), 0..24);
        let object = object.prop_map(|all| {
            let all: Vec<_> = all
                .into_iter()
                .map(|(space, key, value)| format!("{space}{key}{space}:{space}{value}"))
                .collect();
            format!("{{{}}}", all.join(","))
        });
        prop_oneof![list, object]
    })
}

fn golden() -> Vec<&'static str> {
    let clean = include_str!("../../tests/golden/v2/clean.jsonl");
    clean.lines().chain(include_str!("../../tests/golden/v1/rolled-back.jsonl").lines()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_put_together_of_pieces_is_taken_where_the_reference_takes_it(text in pieces()) {
        agrees(&text);
        agrees(&format!("{{{text}}}"));
        agrees(&format!("{{\"a\":{text}}}"));
        agrees(&format!("{{\"a\":\"{text}\"}}"));
    }

    #[test]
    fn any_value_is_taken_where_the_reference_takes_it(value in value()) {
        agrees(&value);
        agrees(&format!("{{\"a\":{value}}}"));
        agrees(&format!("{{\"v\":2,\"data\" : {value} }}"));
    }

    #[test]
    fn a_record_that_was_altered_is_taken_where_the_reference_takes_it(
        line in prop::sample::select(golden()),
        at in any::<prop::sample::Index>(),
        removed in 0_usize..4,
        inserted in prop_oneof![pieces(), Just(String::new()), "[ -~]{1,2}"],
    ) {
        let mut altered = line.as_bytes().to_vec();
        let at = at.index(altered.len());
        let end = (at + removed).min(altered.len());
        altered.splice(at..end, inserted.bytes());
        if let Ok(text) = std::str::from_utf8(&altered) {
            agrees(text);
        }
    }
}

#[test]
fn every_record_is_taken() {
    for line in golden() {
        agrees(line);
        assert!(Scanner::new(line).object().is_ok(), "{line}");
    }
}

#[test]
fn every_place_of_a_special_byte_is_found() {
    for length in 0..40 {
        for special in ["\"", "\\\"", "\u{0}", "\u{1f}", " ", "\u{7f}", "\u{80}", "ä", "!", "#", "[", "]"] {
            for at in 0..=length {
                let text = format!("{{\"a\":\"{}{special}{}\"}}", "x".repeat(at), "y".repeat(length - at));
                agrees(&text);
            }
        }
    }
}

#[test]
fn nesting_is_taken_as_deep_as_the_reference_takes_it() {
    for depth in 28..36 {
        for (open, inner, close) in [
            ("[", "", "]"),
            ("[", "1", "]"),
            ("{\"a\":", "1", "}"),
            ("{\"a\":", "{}", "}"),
            ("{\"a\":", "[]", "}"),
        ] {
            agrees(&format!("{{\"a\":{}{inner}{}}}", open.repeat(depth), close.repeat(depth)));
        }
    }
    // Far deeper than what the stack would hold.
    assert!(matches!(
        Scanner::new(&format!("{{\"a\":{}", "[".repeat(60_000))).object(),
        Err(Problem::TooDeep)
    ));
}

#[test]
fn a_key_that_stands_there_twice_is_found_among_few_and_many() {
    for count in [2, 15, 16, 17, 18, 500] {
        let members: Vec<_> = (0..count).map(|number| format!("\"k{number}\":{number}")).collect();
        let members = members.join(",");
        for text in [format!("{{{members}}}"), format!("{{\"a\":{{{members}}}}}")] {
            assert!(Scanner::new(&text).object().is_ok(), "{count}");
            let twice = text.replacen("\"k0\"", &format!("\"k{}\"", count - 1), 1);
            assert!(
                matches!(Scanner::new(&twice).object(), Err(Problem::Twice(key)) if key == format!("k{}", count - 1))
            );
        }
    }
}
