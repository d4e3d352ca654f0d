//! Numbers that are exact where it matters: decimals as people write them, finite doubles, and ratios of counts.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::as_text::{UnitError, serde_as_text};

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

/// A double that is neither NaN nor infinite.
///
/// Written to a record as the shortest decimal that reads back to the same double.
///
/// # Examples
///
/// ```
/// use relman_core::unit::Finite;
///
/// assert_eq!(Finite::new(0.1).map(Finite::get), Some(0.1));
/// assert_eq!(Finite::new(f64::NAN), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

impl Finite {
    /// Zero.
    pub const ZERO: Self = Self(0.0);

    /// The number, if it is finite.
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns the negative zero into the positive one: one way to write nothing.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Finite {}

impl TryFrom<f64> for Finite {
    type Error = UnitError;

    fn try_from(value: f64) -> Result<Self, UnitError> {
        Self::new(value)
            .ok_or_else(|| UnitError::new(value.to_string(), "a finite number", "it is not finite"))
    }
}

impl From<Finite> for f64 {
    fn from(value: Finite) -> Self {
        value.0
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A measured ratio of two counts, compared exactly: errors of requests.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Decimal, Ratio};
///
/// let rate = Ratio::new(31, 6_000).expect("there were requests");
/// assert!(rate.exceeds_percent(Decimal::new(5, 1)));
/// assert_eq!(rate.to_string(), "0.517%");
/// assert_eq!(Ratio::new(1, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    part: u64,
    whole: u64,
}

impl Ratio {
    /// The ratio `part / whole`; there is none where `whole` is zero.
    pub fn new(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then_some(Self { part, whole })
    }

    /// The counts: the part and the whole.
    pub fn parts(self) -> (u64, u64) {
        (self.part, self.whole)
    }

    /// Whether the ratio is greater than so many per cent, decided in integers.
    pub fn exceeds_percent(self, percent: Decimal) -> bool {
        self.cmp_percent(percent) == Ordering::Greater
    }

    /// How the ratio compares with so many per cent, decided in integers.
    pub fn cmp_percent(self, percent: Decimal) -> Ordering {
        // part/whole ? digits/10^scale/100  ⇔  part·100·10^scale ? digits·whole; digits < 2^50 and counts < 2^53.
        let (digits, scale) = percent.parts();
        let left = u128::from(self.part) * 100 * 10_u128.pow(u32::from(scale));
        left.cmp(&(u128::from(digits) * u128::from(self.whole)))
    }

    /// The ratio as a double between 0 and 1, rounded once.
    pub fn to_f64(self) -> f64 {
        self.part as f64 / self.whole as f64
    }
}

impl fmt::Display for Ratio {
    /// As per cent, with three significant digits below ten per cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.to_f64() * 100.0;
        let places = if percent >= 10.0 {
            1
        } else if percent >= 1.0 {
            2
        } else {
            3
        };
        let text = format!("{percent:.places$}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.pad(&format!("{text}%"))
    }
}

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

    #[test]
    fn a_ratio_at_the_limit_does_not_exceed_it() {
        let limit = Decimal::new(1, 0);
        assert!(!Ratio::new(1, 100).unwrap().exceeds_percent(limit));
        assert!(Ratio::new(10_000_000_000_001, 1_000_000_000_000_000).unwrap().exceeds_percent(limit));
    }

    #[test]
    fn ratios_print_as_per_cent() {
        for (part, whole, text) in [(0, 10, "0%"), (1, 2, "50%"), (1, 1_000, "0.1%"), (5, 99, "5.05%")] {
            assert_eq!(Ratio::new(part, whole).unwrap().to_string(), text);
        }
    }
}
