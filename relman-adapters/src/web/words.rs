//! Figures as people read them.

use relman_core::{
    machine::PhaseName,
    report::{Frame, FrameName, FrameState, GateState, ItemState, VerdictKind},
    unit::{Span, Timestamp},
};

/// `2026-11-22 18:04:05Z`.
pub(super) fn time(at: &Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        _ => text,
    }
}

/// A span to the second: `23h 12m`, without the milliseconds that nobody reads.
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

/// A share between 0 and 1 in per cent, with as many places as tell something: `99.9897%`.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}%")
}

/// The place of a frame in addresses.
pub(super) fn anchor(frame: &FrameName) -> &'static str {
    match frame {
        FrameName::Plan => "plan",
        FrameName::Stage => "stage",
        FrameName::Release => "release",
        FrameName::Verify => "verify",
        FrameName::Rollback => "rollback",
    }
}

/// The class of a frame's state. A rollback that is done is done, and no good news.
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

/// The sign of a frame's state, beside its words.
pub(super) fn frame_sign(state: &FrameState) -> &'static str {
    match state {
        FrameState::NotReached => "○",
        FrameState::UnderWay => "▶",
        FrameState::Passed => "✓",
        FrameState::Stopped => "✕",
    }
}

/// The class of a gate's state.
pub(super) fn gate_class(state: &GateState) -> &'static str {
    match state {
        GateState::Open => "is-open",
        GateState::Failed => "is-bad",
        GateState::Passed => "is-good",
        GateState::Overridden => "is-odd",
    }
}

/// The class of a checklist line's state.
pub(super) fn item_class(state: &ItemState) -> &'static str {
    match state {
        ItemState::Open => "is-open",
        ItemState::Done => "is-good",
        ItemState::Failed => "is-bad",
        ItemState::Overridden => "is-odd",
    }
}

/// The sign of a checklist line's state.
pub(super) fn item_sign(state: &ItemState) -> &'static str {
    match state {
        ItemState::Open => "○",
        ItemState::Done => "✓",
        ItemState::Failed => "✕",
        ItemState::Overridden => "!",
    }
}

/// The class of a verdict.
pub(super) fn verdict_class(kind: &VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Clean => "is-good",
        VerdictKind::Open => "is-open",
        VerdictKind::Unmeasured => "is-odd",
        VerdictKind::Breached => "is-bad",
    }
}

/// The class of a phase.
pub(super) fn phase_class(phase: &PhaseName) -> &'static str {
    match phase {
        PhaseName::Unplanned | PhaseName::Planning | PhaseName::Staging => "is-open",
        PhaseName::Releasing | PhaseName::Validating => "is-now",
        PhaseName::RollingBack | PhaseName::RolledBack => "is-bad",
        PhaseName::Completed => "is-good",
        PhaseName::Aborted | PhaseName::Closed => "is-over",
    }
}

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
