//! Times, counts and lists in words, the same in every sentence and every table.

use std::fmt;

use crate::unit::Timestamp;

/// The moment to the second, as terminals show it: `2026-11-22 18:04:05Z`.
pub(in crate::report) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}Z", &text[..10], &text[11..19])
}

/// Names, with commas between; `none` where there are none.
pub(in crate::report) fn commas<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `1 look`, `2 looks`.
pub(in crate::report) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `#3, #7`: the numbers of records.
pub(in crate::report) fn numbers(records: &[u64]) -> String {
    records.iter().map(|record| format!("#{record}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_to_the_second() {
        assert_eq!(time("2026-11-22T18:04:05.123Z".parse().unwrap()), "2026-11-22 18:04:05Z");
    }
}
