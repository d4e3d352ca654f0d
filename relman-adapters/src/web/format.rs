//! Figures, links and signs as people read them.

use std::fmt;

use askama::filters::HtmlSafe;
use relman_core::{
    chain::Head,
    machine::Turn,
    report::{
        Frame, FrameName, FrameState, GateState, GroundKind, Health, ItemState, Mark, UpcomingTime,
        VerdictKind,
    },
    unit::{ReleaseId, Span, Timestamp},
};

/// `2026-11-22 18:04:05Z`.
pub(super) fn time(at: &Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        _ => text,
    }
}

/// A span to the second: `23h 12m`. Nobody reads the milliseconds.
pub(super) fn span(span: &Span) -> String {
    let millis = span.as_millis();
    if millis < 1_000 { span.to_string() } else { Span::from_millis(millis / 1_000 * 1_000).to_string() }
}

/// `1,442,285`.
pub(super) fn number(number: &u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share between 0 and 1 as a percentage, to four decimal places without trailing zeros: `99.9897%`.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}%")
}

/// The fragment of a frame in addresses.
pub(super) fn anchor(frame: &FrameName) -> &'static str {
    match frame {
        FrameName::Plan => "plan",
        FrameName::Stage => "stage",
        FrameName::Release => "release",
        FrameName::Verify => "verify",
        FrameName::Rollback => "rollback",
    }
}

/// A head as pages and forms carry it.
pub(super) fn head_text(head: Head) -> String {
    format!("{}:{}", head.seq, head.digest)
}

/// The CSS class of a frame's state. A finished rollback is not green: it is no good news.
pub(super) fn frame_class(frame: &Frame) -> &'static str {
    match (frame.state, frame.name) {
        (FrameState::NotReached, _) => "is-open",
        (FrameState::UnderWay, FrameName::Rollback) => "is-bad",
        (FrameState::UnderWay, _) => "is-now",
        (FrameState::Passed, FrameName::Rollback) => "is-odd",
        (FrameState::Passed, _) => "is-good",
        (FrameState::Stopped, _) => "is-bad",
    }
}

/// The symbol beside the words of a frame's state.
pub(super) fn frame_sign(state: &FrameState) -> &'static str {
    match state {
        FrameState::NotReached => "○",
        FrameState::UnderWay => "▶",
        FrameState::Passed => "✓",
        FrameState::Stopped => "✕",
    }
}

/// The CSS class of a gate's state.
pub(super) fn gate_class(state: &GateState) -> &'static str {
    match state {
        GateState::Open => "is-open",
        GateState::Failed => "is-bad",
        GateState::Passed => "is-good",
        GateState::Overridden => "is-odd",
    }
}

/// The CSS class of a ground on which a gate was passed.
pub(super) fn ground_class(kind: &GroundKind) -> &'static str {
    match kind {
        GroundKind::Good => "is-good",
        GroundKind::Undecided | GroundKind::InWords => "is-open",
        GroundKind::Overridden => "is-odd",
    }
}

/// The symbol of a ground on which a gate was passed.
pub(super) fn ground_sign(kind: &GroundKind) -> &'static str {
    match kind {
        GroundKind::Good => "✓",
        GroundKind::Undecided => "○",
        GroundKind::Overridden => "!",
        GroundKind::InWords => "·",
    }
}

/// The CSS class of a release's health.
pub(super) fn health_class(health: &Health) -> &'static str {
    match health {
        Health::NobodyDriving | Health::RollingBack | Health::Degraded => "is-bad",
        Health::Progressing => "is-now",
        Health::Done => "is-over",
        // Someone is waited for.
        _ => "is-odd",
    }
}

/// A health as an address has it.
pub(super) fn health_value(health: Health) -> String {
    health.to_string().replace(' ', "-")
}

/// The CSS class of whose turn it is.
pub(super) fn turn_class(turn: &Turn) -> &'static str {
    match turn {
        Turn::Person => "is-odd",
        Turn::Relman | Turn::World => "is-open",
    }
}

/// When something comes next, from now on: `in 1h 30m at the earliest`.
pub(super) fn upcoming(when: &UpcomingTime, at: &Timestamp, now: &Timestamp) -> String {
    match at.since(*now) {
        Span::ZERO => format!("now {when}"),
        left => format!("in {} {when}", span(&left)),
    }
}

/// The CSS class of a checklist item's state.
pub(super) fn item_class(state: &ItemState) -> &'static str {
    match state {
        ItemState::Open => "is-open",
        ItemState::Done => "is-good",
        ItemState::Failed => "is-bad",
        ItemState::Overridden => "is-odd",
    }
}

/// The symbol of a checklist item's state.
pub(super) fn item_sign(state: &ItemState) -> &'static str {
    match state {
        ItemState::Open => "○",
        ItemState::Done => "✓",
        ItemState::Failed => "✕",
        ItemState::Overridden => "!",
    }
}

/// The CSS class of a verdict.
pub(super) fn verdict_class(kind: &VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Clean => "is-good",
        VerdictKind::Open => "is-open",
        VerdictKind::Unmeasured => "is-odd",
        VerdictKind::Breached => "is-bad",
    }
}

/// Where links on a page about one release lead.
#[derive(Debug, Clone)]
pub(super) enum Links {
    /// To other pages.
    Live {
        /// The path under which the pages are mounted.
        base: String,
        release: ReleaseId,
    },
    /// Nowhere: the page is a file that stands alone.
    File,
}

impl Links {
    pub(super) fn is_live(&self) -> bool {
        match self {
            Self::Live { .. } => true,
            Self::File => false,
        }
    }

    /// The address of a page about the release; empty in a file.
    pub(super) fn to(&self, rest: &str) -> String {
        match self {
            Self::Live { base, release } => format!("{base}/releases/{release}{rest}"),
            Self::File => String::new(),
        }
    }

    /// A record by its number.
    pub(super) fn record(&self, seq: &u64) -> RecordLink<'_> {
        RecordLink { links: self, seq: *seq }
    }

    /// A time, and the record of what happened then.
    pub(super) fn mark(&self, mark: &Mark) -> MarkLink<'_> {
        MarkLink { links: self, mark: *mark }
    }
}

/// A record by its number: `#41`, as a link on live pages.
pub(super) struct RecordLink<'a> {
    links: &'a Links,
    seq: u64,
}

impl fmt::Display for RecordLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.links {
            // Bases and release ids have no characters that need escaping in HTML.
            Links::Live { base, release } => {
                write!(f, r#"<a class="rec" href="{base}/releases/{release}/records/{seq}">#{seq}</a>"#)
            }
            Links::File => write!(f, r#"<span class="rec">#{seq}</span>"#),
        }
    }
}

impl HtmlSafe for RecordLink<'_> {}

/// A time, and the record of what happened then.
pub(super) struct MarkLink<'a> {
    links: &'a Links,
    mark: Mark,
}

impl fmt::Display for MarkLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", TimeTag(self.mark.at), self.links.record(&self.mark.record))
    }
}

impl HtmlSafe for MarkLink<'_> {}

/// A time that programs can read too.
pub(super) struct TimeTag(pub(super) Timestamp);

impl fmt::Display for TimeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}">{}</time>"#, self.0, time(&self.0))
    }
}

impl HtmlSafe for TimeTag {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(number(&1_442_285), "1,442,285");
        assert_eq!(number(&999), "999");
        assert_eq!(percent(0.999_896_7), "99.9897%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(span(&Span::from_millis(61_005)), "1m 1s");
        assert_eq!(time(&"2026-11-22T18:04:05.123Z".parse().unwrap()), "2026-11-22 18:04:05Z");
    }
}
