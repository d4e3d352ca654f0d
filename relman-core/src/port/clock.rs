use crate::unit::Timestamp;

/// What time it is.
///
/// A conductor asks once for each input and hands the answer to the session as `now`: looks, bake time, patience and
/// confirmation are measured by it.
pub trait Clock: Send + Sync {
    /// The present moment in UTC, **steadily**: it goes on at the pace of time, whatever happens to the machine's
    /// calendar. It may be off, by as much as the calendar was when the clock was started; then the record says so.
    fn now(&self) -> Timestamp;

    /// What the calendar of the machine says, which people and time servers set; the same as [`now`](Self::now) where
    /// there is no other.
    fn calendar(&self) -> Timestamp {
        self.now()
    }
}
