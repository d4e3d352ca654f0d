//! Strict JSON, read once from the left to the right.

use std::borrow::Cow;

use serde::de::Error as _;

use crate::unit::file::MAX_INTEGER;

/// The deepest nesting: more than any event needs, and shallow enough for every reader's stack.
const MAX_DEPTH: usize = 32;

/// Up to so many keys of one object are compared pair by pair, which is faster than sorting them.
const FEW_KEYS: usize = 16;

/// The key of a member, and its value as it is written.
pub(super) type Member<'a> = (Cow<'a, str>, &'a str);

/// What is wrong with a text.
#[derive(Debug)]
pub(super) enum Problem<'a> {
    /// Something else should stand there.
    Expected(&'static str),
    /// A key stands there twice.
    Twice(String),
    /// The nesting is too deep.
    TooDeep,
    /// An integer does not fit a double.
    Integer(&'a str),
}

/// Reads an object on one line and keeps nothing but the keys of the objects that are open.
///
/// It takes what `serde_json` takes, less what readers disagree about: a key that stands there twice, an integer beyond
/// ±(2^53−1), a deep nesting, a line feed. The tests hold the one against the other.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    /// The keys of every object around this place, those of the innermost last.
    keys: Vec<Cow<'a, str>>,
}

type Scanned<'a, T = ()> = Result<T, Problem<'a>>;

impl<'a> Scanner<'a> {
    /// Before the first byte of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, keys: Vec::with_capacity(FEW_KEYS) }
    }

    /// Where it has stopped.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The members of the object that is the whole text.
    pub(super) fn object(&mut self) -> Scanned<'a, Vec<Member<'a>>> {
        self.expect(b'{', "`{`")?;
        let mut members = Vec::with_capacity(FEW_KEYS);
        if !self.ends(b'}') {
            loop {
                let key = self.key()?;
                let start = self.at;
                self.value(1)?;
                members.push((key, &self.text[start..self.at]));
                if self.ends(b'}') {
                    break;
                }
                self.expect(b',', "`,` or `}`")?;
            }
        }
        if self.at < self.bytes.len() {
            return Err(Problem::Expected("the end of the line"));
        }
        self.keys.extend(members.iter().map(|(key, _)| key.clone()));
        self.check_keys(0)?;
        Ok(members)
    }

    /// A value within `depth` others, without the space around it.
    fn value(&mut self, depth: usize) -> Scanned<'a> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.inner_object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(Problem::Expected("a value")),
        }
    }

    fn inner_object(&mut self, depth: usize) -> Scanned<'a> {
        self.at += 1;
        if self.ends(b'}') {
            return Ok(());
        }
        // An empty object holds nothing that would be nested deeper.
        if depth == MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        let first = self.keys.len();
        loop {
            let key = self.key()?;
            self.keys.push(key);
            self.value(depth + 1)?;
            if self.ends(b'}') {
                break;
            }
            self.expect(b',', "`,` or `}`")?;
        }
        self.check_keys(first)?;
        self.keys.truncate(first);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Scanned<'a> {
        if depth == MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        self.at += 1;
        if self.ends(b']') {
            return Ok(());
        }
        loop {
            self.skip_space();
            self.value(depth + 1)?;
            if self.ends(b']') {
                return Ok(());
            }
            self.expect(b',', "`,` or `]`")?;
        }
    }

    /// A key with the colon and the space behind it.
    fn key(&mut self) -> Scanned<'a, Cow<'a, str>> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return Err(Problem::Expected("a key in quotation marks"));
        }
        let start = self.at;
        let is_escaped = self.string()?;
        let quoted = &self.text[start..self.at];
        let key = if is_escaped {
            let read: Result<String, _> = serde_json::from_str(quoted);
            Cow::Owned(read.map_err(|_| Problem::Expected("a key that can be read"))?)
        } else {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        };
        self.expect(b':', "`:`")?;
        self.skip_space();
        Ok(key)
    }

    /// A string with its quotation marks; whether something is escaped in it.
    fn string(&mut self) -> Scanned<'a, bool> {
        self.at += 1;
        let mut is_escaped = false;
        loop {
            self.at += plain_bytes(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_escaped);
                }
                Some(b'\\') => {
                    self.at += 1;
                    is_escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(Problem::Expected("an escape in place of a control character")),
                None => return Err(Problem::Expected("the end of a string")),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Scanned<'a> {
        let kind = self.peek();
        self.at += 1;
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.four_digits()? {
                0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                    self.at += 2;
                    match self.four_digits()? {
                        0xdc00..=0xdfff => Ok(()),
                        _ => Err(Problem::Expected("the second half of a surrogate pair")),
                    }
                }
                0xd800..=0xdfff => Err(Problem::Expected("a surrogate pair")),
                _ => Ok(()),
            },
            _ => Err(Problem::Expected("an escape")),
        }
    }

    fn four_digits(&mut self) -> Scanned<'a, u32> {
        let Some(digits) = self.bytes.get(self.at..self.at + 4) else {
            return Err(Problem::Expected("four hexadecimal digits"));
        };
        let mut code = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return Err(Problem::Expected("four hexadecimal digits"));
            };
            code = code * 16 + digit;
        }
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Scanned<'a> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        if self.bytes[first] == b'0' && self.at > first + 1 {
            return Err(Problem::Expected("a number without a zero in front"));
        }
        let digits = self.at - first;
        let is_integer = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if is_integer {
            return self.check_integer(start, first);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // What has fewer than 300 digits before the point and no exponent is within a double's 1.8e308.
        if has_exponent || digits >= 300 {
            let number: Result<f64, _> = self.text[start..self.at].parse();
            if !number.is_ok_and(f64::is_finite) {
                return Err(Problem::Expected("a number that a double can hold"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> Scanned<'a> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if count == 0 {
            return Err(Problem::Expected("a digit"));
        }
        self.at += count;
        Ok(())
    }

    /// Whether every reader reads an integer as the same number; what is longer than 2^53−1 is larger too.
    fn check_integer(&self, start: usize, first: usize) -> Scanned<'a> {
        let digits = &self.text[first..self.at];
        let fits = digits.len() < 16 || digits.parse::<u64>().is_ok_and(|integer| integer <= MAX_INTEGER);
        if fits { Ok(()) } else { Err(Problem::Integer(&self.text[start..self.at])) }
    }

    fn word(&mut self, word: &'static str) -> Scanned<'a> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Problem::Expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Checks that no key from the one at `first` on is another one again.
    fn check_keys(&mut self, first: usize) -> Scanned<'a> {
        let keys = &mut self.keys[first..];
        let twice = if keys.len() <= FEW_KEYS {
            (1..keys.len()).find(|at| keys[..*at].contains(&keys[*at]))
        } else {
            keys.sort_unstable();
            (1..keys.len()).find(|at| keys[at - 1] == keys[*at])
        };
        match twice {
            Some(at) => Err(Problem::Twice(keys[at].to_string())),
            None => Ok(()),
        }
    }

    /// Whether what is open ends here, after space.
    fn ends(&mut self, with: u8) -> bool {
        self.skip_space();
        let ends = self.peek() == Some(with);
        self.at += usize::from(ends);
        ends
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Scanned<'a> {
        self.skip_space();
        if self.peek() != Some(byte) {
            return Err(Problem::Expected(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Space, but none that would break the line.
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// How many bytes stand before the first quotation mark, backslash or control character.
fn plain_bytes(bytes: &[u8]) -> usize {
    /// A byte in each of the eight places.
    const fn eight(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }

    /// The highest bit of the lowest zero byte, and maybe of ones above it.
    fn zero(word: u64) -> u64 {
        word.wrapping_sub(eight(1)) & !word
    }

    let mut plain = 0;
    while let Some((chunk, _)) = bytes[plain..].split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(eight(b' ')) & !word;
        let special = (zero(word ^ eight(b'"')) | zero(word ^ eight(b'\\')) | control) & eight(0x80);
        if special != 0 {
            return plain + special.trailing_zeros() as usize / 8;
        }
        plain += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte < b' ';
    let rest = &bytes[plain..];
    plain + rest.iter().position(is_special).unwrap_or(rest.len())
}

impl Problem<'_> {
    /// The problem as the parser would say it of a line.
    #[cold]
    pub(super) fn at(&self, at: usize) -> serde_json::Error {
        let says = match self {
            Self::Expected(what) => format!("expected {what}"),
            Self::Twice(key) => format!("the key {key:?} stands there twice"),
            Self::TooDeep => format!("nested deeper than {MAX_DEPTH}"),
            Self::Integer(digits) => format!("the integer {digits} is too large"),
        };
        serde_json::Error::custom(format_args!("{says} at line 1 column {}", at + 1))
    }
}

#[cfg(test)]
#[path = "scanner_tests.rs"]
mod tests;
