use crate::unit::Timestamp;

/// What time it is.
///
/// The conductor asks once for each input and hands the answer to the core as `now`. A clock may jump in both
/// directions: time in a stream never runs backwards all the same.
pub trait Clock: Send + Sync {
    /// The present moment in UTC.
    fn now(&self) -> Timestamp;
}
