//! The record of the drill, as `deploy-tool log --json` prints it.

use serde::Deserialize;
use serde_json::Value;

/// What has happened so far, in order.
#[derive(Debug, Clone, Default)]
pub struct Log(Vec<Entry>);

/// One record.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
    /// What kind of event it is.
    pub kind: String,
    /// What the event says.
    pub data: Value,
}

impl Log {
    /// Reads one record a line.
    ///
    /// # Errors
    ///
    /// What the first line that is no record is refused with.
    pub fn from_lines(text: &str) -> Result<Self, serde_json::Error> {
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map(Self)
    }

    /// The records of a kind, in any version of it.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.0.iter().filter(move |entry| entry.kind.split('/').next() == Some(kind))
    }

    /// Whether there is a record of a kind.
    pub fn has(&self, kind: &str) -> bool {
        self.of(kind).next().is_some()
    }

    /// Whether that check was recorded.
    pub fn has_check(&self, check: &str) -> bool {
        self.of("check_recorded").any(|entry| entry.data["check"] == check)
    }

    /// The number of the step that began last, from 1; nothing before the first.
    pub fn step(&self) -> Option<u64> {
        self.of("step_started").next_back().and_then(|entry| entry.data["step"].as_u64())
    }

    /// The shares that relman has set, in order, in hundredths of a percent.
    pub fn shares(&self) -> Vec<u64> {
        self.of("traffic_set").filter_map(|entry| entry.data["share_bp"].as_u64()).collect()
    }

    /// The looks at the metrics since the last step began.
    pub fn looks_in_step(&self) -> usize {
        let began = self.of("step_started").next_back().map_or(0, |entry| entry.seq);
        self.of("evaluated").filter(|entry| entry.seq > began).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_shares_and_looks_are_told() {
        let log = Log::from_lines(concat!(
            r#"{"seq":0,"kind":"step_started","data":{"step":1,"share_bp":100}}"#,
            "\n",
            r#"{"seq":1,"kind":"traffic_set","data":{"share_bp":100}}"#,
            "\n",
            r#"{"seq":2,"kind":"evaluated","data":{}}"#,
            "\n",
            r#"{"seq":3,"kind":"step_started","data":{"step":2,"share_bp":1000}}"#,
            "\n",
            r#"{"seq":4,"kind":"check_recorded","data":{"check":"unit"}}"#,
            "\n",
            r#"{"seq":5,"kind":"hold_placed/2","data":{}}"#,
        ))
        .unwrap();
        assert_eq!((log.step(), log.shares(), log.looks_in_step()), (Some(2), vec![100], 0));
        assert!(log.has_check("unit") && !log.has_check("end-to-end"));
        assert!(log.has("evaluated") && log.has("hold_placed") && !log.has("rollback_started"));
        Log::from_lines("nonsense").unwrap_err();
    }
}
