use std::{fmt, str::FromStr};

use super::error::{UnitError, serde_as_text};

/// A decimal number as people write it, held exactly: `1`, `0.5`, `10_000`.
///
/// Never negative. At most 15 significant digits, so that it is exact as a double too.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Decimal;
///
/// let limit: Decimal = "10_000".parse()?;
/// assert_eq!(limit, Decimal::new(10_000, 0));
/// assert_eq!(limit.to_string(), "10_000");
/// assert_eq!("1.50".parse::<Decimal>()?.to_string(), "1.5");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits, without trailing zeros after the point.
    digits: u64,
    /// How many of the digits stand after the point, at most 15.
    scale: u8,
}

/// 15 decimal digits fit a double's 53 bits without loss.
const MAX_DIGITS: u64 = 999_999_999_999_999;
const MAX_SCALE: u8 = 15;

impl Decimal {
    /// The number `digits / 10^scale`, with trailing zeros taken off.
    ///
    /// # Panics
    ///
    /// If there are more than 15 digits or more than 15 places; for numbers known when the program is written.
    pub const fn new(digits: u64, scale: u8) -> Self {
        assert!(digits <= MAX_DIGITS, "a decimal has at most 15 digits");
        assert!(scale <= MAX_SCALE, "a decimal has at most 15 places");
        let (mut digits, mut scale) = (digits, scale);
        while scale > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            scale -= 1;
        }
        Self { digits, scale }
    }

    /// The number times `10^places` as an integer, if it is one and fits.
    pub fn scaled(self, places: u8) -> Option<u64> {
        if self.scale > places {
            return None;
        }
        10_u64.checked_pow(u32::from(places - self.scale))?.checked_mul(self.digits)
    }

    /// The digits and how many of them stand after the point, for exact comparisons.
    pub const fn parts(self) -> (u64, u8) {
        (self.digits, self.scale)
    }

    /// Whether this is zero.
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The nearest double. Both parts are exact doubles, so one division rounds once.
    pub fn to_f64(self) -> f64 {
        const POWERS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        self.digits as f64 / POWERS[usize::from(self.scale)]
    }
}

impl FromStr for Decimal {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "a number such as 3, 0.5 or 10_000";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let grouped = |part: &str| part.starts_with('_') || part.ends_with('_') || part.contains("__");
        if whole.is_empty() || fraction.is_empty() || grouped(whole) {
            return Err(UnitError::new(text, WHAT, "a digit is missing"));
        }
        let mut digits = 0_u64;
        let mut scale = 0_u8;
        let fraction = fraction.trim_end_matches('0');
        let places = whole.bytes().filter(|b| *b != b'_').map(|b| (b, false));
        for (byte, after_point) in places.chain(fraction.bytes().map(|b| (b, true))) {
            if !byte.is_ascii_digit() {
                let problem = format!("{:?} is not a digit", char::from(byte));
                return Err(UnitError::new(text, WHAT, problem));
            }
            digits = digits * 10 + u64::from(byte - b'0');
            scale += u8::from(after_point);
            if digits > MAX_DIGITS || scale > MAX_SCALE {
                return Err(UnitError::new(text, WHAT, "it has more than 15 digits"));
            }
        }
        Ok(Self::new(digits, scale))
    }
}

impl fmt::Display for Decimal {
    /// The whole part is grouped by thousands from `10_000` on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divisor = 10_u64.pow(u32::from(self.scale));
        let whole = (self.digits / divisor).to_string();
        let mut text = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if whole.len() > 4 && index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push('_');
            }
            text.push(digit);
        }
        if self.scale > 0 {
            let fraction = self.digits % divisor;
            let fraction = format!("{fraction:0width$}", width = usize::from(self.scale));
            text = format!("{text}.{fraction}");
        }
        f.pad(&text)
    }
}

serde_as_text!(Decimal);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "_1", "1_", "1__0", "0x1", "1234567890123456"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_double_is_what_the_parser_gives() {
        for text in ["0.1", "0.01", "2.5", "123456.789", "0.000000000000001"] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(text.parse::<Decimal>().unwrap().to_f64().to_bits(), expected.to_bits());
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(digits in 0..=MAX_DIGITS, scale in 0..=MAX_SCALE) {
            let decimal = Decimal::new(digits, scale);
            prop_assert_eq!(decimal.to_string().parse::<Decimal>().unwrap(), decimal);
        }
    }
}
