use std::fmt;

use serde::{Deserialize, Serialize};

use super::UnitError;

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
