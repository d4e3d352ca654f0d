//! Files that people write, and what a record of them can't hold.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

/// The largest integer that every reader of a record agrees on, 2^53−1. A record with a larger one can't be written.
pub(crate) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Reads a file whose content goes into a record. An integer that no record can hold is refused here, where the message
/// can name its field, line and column.
pub(crate) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
    // What is no TOML at all, or not of the right form, is the other reader's to explain.
    let read = toml::from_str(text);
    toml::from_str::<Recordable>(text).and(read)
}

/// Any value whose integers fit a record.
struct Recordable;

impl<'de> Deserialize<'de> for Recordable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Field("").deserialize(deserializer).map(|()| Self)
    }
}

/// A value, and its place in the file: `tracks.standard.steps[2].min_requests`.
struct Field<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Field<'_> {
    fn check<E: serde::de::Error>(&self, integer: impl fmt::Display, magnitude: u128) -> Result<(), E> {
        if magnitude <= u128::from(MAX_INTEGER) {
            return Ok(());
        }
        let field = self.0;
        Err(E::custom(format_args!("{field} is {integer}: integers must be within ±{MAX_INTEGER} (2^53−1)")))
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, integer: i64) -> Result<(), E> {
        self.check(integer, integer.unsigned_abs().into())
    }

    fn visit_u64<E: serde::de::Error>(self, integer: u64) -> Result<(), E> {
        self.check(integer, integer.into())
    }

    fn visit_i128<E: serde::de::Error>(self, integer: i128) -> Result<(), E> {
        self.check(integer, integer.unsigned_abs())
    }

    fn visit_u128<E: serde::de::Error>(self, integer: u128) -> Result<(), E> {
        self.check(integer, integer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            if seq.next_element_seed(Field(&format!("{}[{index}]", self.0)))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let place = if self.0.is_empty() { key } else { format!("{}.{key}", self.0) };
            map.next_value_seed(Field(&place))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_that_no_record_can_hold_names_its_field_wherever_it_stands() {
        for number in ["9007199254740992", "-9007199254740992", "9223372036854775807", "-9223372036854775808"]
        {
            for (text, field) in [
                ("requests = NUMBER", "requests"),
                ("[tracks.small-change]\nrequests = NUMBER", "tracks.small-change.requests"),
                ("[[steps]]\na = 1\n[[steps]]\na = NUMBER", "steps[1].a"),
                ("a = { b = [[1], [2, NUMBER]] }", "a.b[1][1]"),
            ] {
                let text = text.replace("NUMBER", number);
                let error = from_toml::<toml::Table>(&text).unwrap_err();
                let said = error.to_string();
                assert!(said.contains(&format!("{field} is {number}: ")), "{text}: {said}");
                let span = error.span().expect("the place in the file is known");
                assert_eq!(&text[span], number, "{text}");
            }
        }
        for text in [
            "a = 9007199254740991",
            "a = [-9007199254740991]",
            "a = 1e300",
            "a = \"9007199254740992\"",
            "a = 2026-11-23",
        ] {
            from_toml::<toml::Table>(text).unwrap();
        }
    }
}
