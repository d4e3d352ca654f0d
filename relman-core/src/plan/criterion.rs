use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::unit::{Decimal, MetricName, schema_as_text, serde_as_text};

/// A condition that demands rollback while it holds: `metric comparator threshold`.
///
/// Reads and prints what people write: `error_rate > 1%`, `latency_p99 > 2x baseline`, `complaints > 3`,
/// `queue_depth > 10_000`, `latency_p95 > 300ms`. Printing and parsing again gives the same criterion.
///
/// # Examples
///
/// ```
/// use relman_core::plan::Criterion;
///
/// let criterion: Criterion = "latency_p99>2.0 x baseline".parse()?;
/// assert_eq!(criterion.to_string(), "latency_p99 > 2x baseline");
///
/// let vague = "if it breaks".parse::<Criterion>().unwrap_err();
/// assert_eq!(vague.column(), 4);
/// # Ok::<(), relman_core::plan::CriterionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Criterion {
    /// What is measured.
    pub metric: MetricName,
    /// On which side of the threshold a value demands rollback.
    pub comparator: Comparator,
    /// What the value is compared with.
    pub threshold: Threshold,
}

/// On which side of the threshold a value demands rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparator {
    /// Whether a value that compares so with the threshold demands rollback.
    pub fn is_breached_by(self, value_to_threshold: std::cmp::Ordering) -> bool {
        match self {
            Self::Above => value_to_threshold.is_gt(),
            Self::AtLeast => value_to_threshold.is_ge(),
            Self::Below => value_to_threshold.is_lt(),
            Self::AtMost => value_to_threshold.is_le(),
        }
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Threshold {
    /// A fixed limit: `1%`, `300ms`, `3`.
    Limit(Quantity),
    /// A multiple of what the baseline shows: `2x baseline`.
    Baseline {
        /// How many times the baseline; never zero.
        factor: Decimal,
    },
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The number, in the unit.
    pub number: Decimal,
    /// The unit.
    pub unit: Unit,
}

/// What a threshold's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `%`
    Percent,
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// A plain number.
    Plain,
}

impl Unit {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Percent => "%",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Plain => "",
        }
    }
}

/// Why a text is not a criterion, and at which column.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a criterion, column {column}: {problem}")]
pub struct CriterionError {
    text: String,
    column: usize,
    problem: String,
}

impl CriterionError {
    /// The column of the first character that is wrong, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there, and what would be right.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.comparator, self.threshold)
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(quantity) => quantity.fmt(f),
            Self::Baseline { factor } => write!(f, "{factor}x baseline"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit.suffix())
    }
}

impl FromStr for Criterion {
    type Err = CriterionError;

    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let mut cursor = Cursor { text, at: 0 };
        let metric = cursor.metric()?;
        let comparator = cursor.comparator()?;
        let threshold = cursor.threshold()?;
        Ok(Self { metric, comparator, threshold })
    }
}

serde_as_text!(Criterion);
schema_as_text!(
    Criterion,
    "Criterion",
    "A condition that demands rollback: metric, comparator (> >= < <=) and threshold (1%, 300ms, 3, 2x baseline)",
    "error_rate > 1%",
    r"^\s*[a-z][a-z0-9._-]*\s*(>=|<=|>|<|≥|≤)\s*[0-9._]+\s*(%|ms|s|(x|×|times)\s+baseline)?\s*$"
);

/// A place in a criterion's text. Each part is taken off the front; errors know where they are.
struct Cursor<'a> {
    text: &'a str,
    /// In bytes, always on the border of a character.
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes characters from the front as long as they are wanted.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn error_at(&self, at: usize, problem: impl Into<String>) -> CriterionError {
        let column = self.text[..at].chars().count() + 1;
        let text = self.text.chars().take(200).collect();
        CriterionError { text, column, problem: problem.into() }
    }

    /// The word at the cursor, for messages.
    fn found(&self) -> String {
        match self.rest().split_whitespace().next() {
            Some(word) => format!("found {:?}", word.chars().take(40).collect::<String>()),
            None => "found the end".to_owned(),
        }
    }

    fn metric(&mut self) -> Result<MetricName, CriterionError> {
        self.skip_blanks();
        let start = self.at;
        let name = self.take_while(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '='));
        if name.is_empty() {
            let problem = format!("expected a metric such as error_rate, {}", self.found());
            return Err(self.error_at(start, problem));
        }
        name.parse().map_err(|error| self.error_at(start, format!("{error}")))
    }

    fn comparator(&mut self) -> Result<Comparator, CriterionError> {
        self.skip_blanks();
        let start = self.at;
        match self.take_while(|c| matches!(c, '<' | '>' | '=' | '!' | '≥' | '≤')) {
            ">" => Ok(Comparator::Above),
            ">=" | "≥" => Ok(Comparator::AtLeast),
            "<" => Ok(Comparator::Below),
            "<=" | "≤" => Ok(Comparator::AtMost),
            "" => {
                let problem = format!(
                    "expected one of > >= < <= and a number, as in error_rate > 1%, {}",
                    self.found()
                );
                Err(self.error_at(start, problem))
            }
            other => Err(self.error_at(start, format!("{other:?} is not one of > >= < <="))),
        }
    }

    fn threshold(&mut self) -> Result<Threshold, CriterionError> {
        self.skip_blanks();
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
        if digits.is_empty() {
            let problem = format!("expected a number such as 1%, 300ms, 3 or 2x baseline, {}", self.found());
            return Err(self.error_at(start, problem));
        }
        let number: Decimal = digits.parse().map_err(|error| self.error_at(start, format!("{error}")))?;
        self.skip_blanks();
        let unit_at = self.at;
        let words: Vec<&str> = self.rest().split_whitespace().collect();
        let unit = match words.as_slice() {
            [] => Unit::Plain,
            ["%"] => Unit::Percent,
            ["ms"] => Unit::Milliseconds,
            ["s"] => Unit::Seconds,
            ["x" | "×" | "times", "baseline"] if number.is_zero() => {
                return Err(self.error_at(start, "a multiple of the baseline can't be zero"));
            }
            ["x" | "×" | "times", "baseline"] => return Ok(Threshold::Baseline { factor: number }),
            ["x" | "×", ..] => {
                return Err(self.error_at(unit_at, format!("expected `x baseline`, {}", self.found())));
            }
            _ => {
                let problem =
                    format!("expected %, ms, s, `x baseline` or nothing after the number, {}", self.found());
                return Err(self.error_at(unit_at, problem));
            }
        };
        Ok(Threshold::Limit(Quantity { number, unit }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn criteria_print_as_people_write_them() {
        for text in [
            "error_rate > 1%",
            "latency_p99 > 2x baseline",
            "complaints > 3",
            "queue_depth > 10_000",
            "latency_p95 > 300ms",
            "throughput < 0.8x baseline",
            "availability <= 99.95%",
            "startup >= 1.5s",
        ] {
            assert_eq!(text.parse::<Criterion>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn blanks_and_other_spellings_are_read() {
        for (text, printed) in [
            ("error_rate>1%", "error_rate > 1%"),
            ("  error_rate  >  1.0 % ", "error_rate > 1%"),
            ("queue_depth ≥ 10000", "queue_depth >= 10_000"),
            ("latency_p99 > 2 times baseline", "latency_p99 > 2x baseline"),
        ] {
            assert_eq!(text.parse::<Criterion>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn errors_point_at_the_column() {
        for (text, column, part) in [
            ("", 1, "expected a metric"),
            ("if it breaks", 4, "expected one of > >= < <="),
            ("error_rate", 11, "found the end"),
            ("error_rate => 1%", 12, "\"=>\" is not one of"),
            ("error_rate > high", 14, "expected a number"),
            ("error_rate > 1 percent", 16, "found \"percent\""),
            ("error_rate > 1.2.3%", 14, "is not a digit"),
            ("error_rate > -1%", 14, "expected a number"),
            ("Error_Rate > 1%", 1, "'E' is not one of"),
            ("latency_p99 > 2x", 16, "expected `x baseline`"),
            ("latency_p99 > 0x baseline", 15, "can't be zero"),
            ("error_rate > 1% or so", 15, "expected %, ms, s"),
            ("größe > 1", 1, "not one of a-z"),
        ] {
            let error = text.parse::<Criterion>().unwrap_err();
            assert_eq!(error.column(), column, "{error}");
            assert!(error.problem().contains(part), "{error}");
        }
    }

    fn threshold() -> impl Strategy<Value = Threshold> {
        let decimal = (1_u64..1_000_000_000, 0_u8..6).prop_map(|(digits, scale)| Decimal::new(digits, scale));
        let unit = prop_oneof![
            Just(Unit::Percent),
            Just(Unit::Milliseconds),
            Just(Unit::Seconds),
            Just(Unit::Plain)
        ];
        prop_oneof![
            (decimal.clone(), unit).prop_map(|(number, unit)| Threshold::Limit(Quantity { number, unit })),
            decimal.prop_map(|factor| Threshold::Baseline { factor }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            metric in "[a-z][a-z0-9_.-]{0,20}",
            comparator in prop_oneof![
                Just(Comparator::Above), Just(Comparator::AtLeast), Just(Comparator::Below), Just(Comparator::AtMost)
            ],
            threshold in threshold(),
        ) {
            let criterion = Criterion { metric: metric.parse().unwrap(), comparator, threshold };
            prop_assert_eq!(criterion.to_string().parse::<Criterion>().unwrap(), criterion);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<Criterion>();
        }
    }
}
