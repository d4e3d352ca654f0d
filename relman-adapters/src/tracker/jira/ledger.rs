//! What is noted in the description of a version about the issues of its releases.

use relman_core::unit::ReleaseId;

/// The word for an issue that is being made.
const BEING_MADE: &str = "being made";

/// What is known of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// It was about to be made; whether it was is not known.
    BeingMade,
    /// It was made, and has this key.
    Made(String),
}

/// Reads what is noted about a part of a release: a line `relman RELEASE PART: ENTRY`.
pub(super) fn read(description: &str, release: &ReleaseId, part: &str) -> Option<Entry> {
    let start = start(release, part);
    let entry = description.lines().find_map(|line| line.trim().strip_prefix(&start))?.trim();
    Some(if entry == BEING_MADE { Entry::BeingMade } else { Entry::Made(entry.to_owned()) })
}

/// The description with this noted, in place of what was noted before, and with everything else as it is.
pub(super) fn write(description: &str, release: &ReleaseId, part: &str, entry: &Entry) -> String {
    let start = start(release, part);
    let entry = match entry {
        Entry::BeingMade => BEING_MADE,
        Entry::Made(key) => key,
    };
    let noted = format!("{start} {entry}");
    let others = description.lines().filter(|line| !line.trim().starts_with(&start)).map(str::to_owned);
    others.chain([noted]).collect::<Vec<_>>().join("\n")
}

fn start(release: &ReleaseId, part: &str) -> String {
    format!("relman {release} {part}:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_reads_back_and_leaves_the_rest_alone() {
        let release: ReleaseId = "checkout-241".parse().unwrap();
        let other: ReleaseId = "checkout-2".parse().unwrap();
        let text = write("The summer version", &release, "issue", &Entry::BeingMade);
        assert_eq!(read(&text, &release, "issue"), Some(Entry::BeingMade));
        let text = write(&text, &other, "issue", &Entry::Made("SHOP-1".to_owned()));
        let text = write(&text, &release, "issue", &Entry::Made("SHOP-7".to_owned()));
        assert_eq!(read(&text, &release, "issue"), Some(Entry::Made("SHOP-7".to_owned())));
        assert_eq!(read(&text, &other, "issue"), Some(Entry::Made("SHOP-1".to_owned())));
        assert_eq!(read(&text, &release, "post-mortem/a"), None);
        assert_eq!(
            text,
            "The summer version\nrelman checkout-2 issue: SHOP-1\nrelman checkout-241 issue: SHOP-7"
        );
    }
}
