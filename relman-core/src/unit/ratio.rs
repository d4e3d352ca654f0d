use std::{cmp::Ordering, fmt};

use super::Decimal;

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
    use super::*;

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
