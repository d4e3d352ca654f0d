use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::unit::UnitError;

/// The SHA-256 hash of one record: `SHA-256(0x00 ‖ line)`, without the line feed.
///
/// The zero byte in front makes it the leaf hash of an RFC 6962 Merkle tree.
/// Written as 64 lower-case hexadecimal digits.
///
/// # Examples
///
/// ```
/// use relman_core::chain::Digest;
///
/// // printf '\0%s' '{}' | sha256sum
/// let digest = Digest::of_line(b"{}");
/// assert_eq!(digest.to_string(), "28a3a18f6cd6406b086e9ffda1f9b8a13dbcf44b0f3f32cb9031a11fd053acf9");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// What a stream's first record links to.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of a record's stored bytes, without the line feed.
    pub fn of_line(line: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(line).finalize().into())
    }

    /// The plain SHA-256 hash of a text that is not a record.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The value of each byte as a hexadecimal digit; above 15 if it is not one.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        nibbles[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    nibbles
};

impl FromStr for Digest {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a SHA-256 hash";
        if text.len() != 64 {
            let problem = format!("it has {} characters instead of 64", text.chars().count());
            return Err(UnitError::new(text, WHAT, problem));
        }
        let mut bytes = [0; 32];
        let mut seen = 0;
        for (target, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            seen |= high | low;
            *target = high << 4 | low & 0xf;
        }
        // Looked at once, behind the loop: every record has a digest or two.
        if seen > 0xf {
            return Err(UnitError::new(text, WHAT, "it has a character that is not one of 0-9 a-f"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::unit::serde_as_text!(Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_what_it_prints() {
        let digest = Digest::of_line(b"one");
        let text = digest.to_string();
        assert_eq!(text.parse::<Digest>(), Ok(digest));
        assert_eq!(format!("{digest:?}"), text, "a failed assertion shows what a journal holds");
    }
}
