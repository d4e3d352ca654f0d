use std::fmt;

use relman_core::{
    event::EffectId,
    machine::{Command, Effect, Input, OutcomeOf, Question},
    port::{Deployment, Urgency},
    unit::{Span, Text, Timestamp, TrafficShare},
};

use super::{Story, Seen, Someone, Want};

/// Something that happens to a release, as a person would say it.
///
/// Made by [`someone`](super::someone), [`a_look`](super::a_look), [`done`], [`failed`], [`traffic_at`], [`pass`], …;
/// what it means in detail, such as the effect that was done or the window of a look, is worked out where it happens.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// Somebody wants something.
    Command(Someone, Want),
    /// The platform or a channel has done what it was asked to; the effect that reads so.
    Done(String),
    /// The same, by the effect's id.
    DoneById(EffectId),
    /// It has failed to.
    Failed {
        /// The effect that reads so.
        effect: String,
        /// When trying again makes sense; never by itself, if absent.
        retry_after: Option<Span>,
    },
    /// One of the effects that have no outcome yet has one now: the first, the second, … and round again.
    SomeOutcome {
        /// Which, from 0.
        nth: usize,
        /// How it ended.
        outcome: OutcomeOf,
    },
    /// The metrics and the traffic of the step under way are looked at, as soon as a look is due.
    Look(Seen),
    /// The traffic is looked at while a release is rolled back, as soon as that is due.
    Traffic(Result<TrafficShare, String>),
    /// Time passes, and the release is told so.
    Pass(Span),
    /// What comes next for a healthy release whose people all do their part; see [`Story::onward`].
    Onward,
    /// The input as it stands, now.
    Input(Box<Input>),
}

/// The platform or a channel has done what it was asked to; the effect by its words, such as `set traffic to 10%`.
pub fn done(effect: &str) -> When {
    When::Done(effect.to_owned())
}

/// It has failed to, and trying again makes sense.
pub fn failed(effect: &str) -> When {
    When::Failed { effect: effect.to_owned(), retry_after: Some(Span::ZERO) }
}

/// It has failed to, and will until somebody mends something.
pub fn refused_by_platform(effect: &str) -> When {
    When::Failed { effect: effect.to_owned(), retry_after: None }
}

/// The platform shows this share while a release is rolled back; time passes until it is asked.
pub fn traffic_at(share: TrafficShare) -> When {
    When::Traffic(Ok(share))
}

/// The platform does not say where the traffic is while a release is rolled back.
pub fn traffic_unknown(why: &str) -> When {
    When::Traffic(Err(why.to_owned()))
}

/// Time passes, and the release is told so.
pub fn pass(span: Span) -> When {
    When::Pass(span)
}

/// The release is told the time, and nothing else.
pub fn tick() -> When {
    When::Pass(Span::ZERO)
}

/// What comes next for a healthy release whose people all do their part.
pub fn onward() -> When {
    When::Onward
}

impl From<Input> for When {
    fn from(input: Input) -> Self {
        Self::Input(Box::new(input))
    }
}

impl From<Command> for When {
    fn from(command: Command) -> Self {
        Self::Input(Box::new(Input::Command(command)))
    }
}

impl From<Seen> for When {
    fn from(seen: Seen) -> Self {
        seen.when()
    }
}

/// An effect in words; a page is told from a message.
pub(super) fn words(effect: &Effect) -> String {
    match effect {
        Effect::Notify { urgency: Urgency::Page, audience, channel, moment, .. } => {
            format!("page {audience} through {channel}: {moment}")
        }
        Effect::Notify { .. } | Effect::Deploy { .. } | Effect::SetTraffic { .. } => effect.to_string(),
    }
}

impl When {
    /// What the machine is told, and when; or why this can't happen here.
    pub(super) fn input(&self, story: &Story) -> Result<(Timestamp, Input), String> {
        let now = story.now();
        let input = match self {
            Self::Command(who, want) => {
                let action = want.action(story);
                Input::Command(Command { by: who.principal(), action })
            }
            Self::Done(text) => Input::Outcome { effect: find(story, text)?, outcome: OutcomeOf::Done },
            Self::DoneById(effect) => Input::Outcome { effect: *effect, outcome: OutcomeOf::Done },
            Self::Failed { effect, retry_after } => {
                let detail = "connection refused".to_owned();
                let outcome = OutcomeOf::Failed { detail, retry_after: *retry_after };
                Input::Outcome { effect: find(story, effect)?, outcome }
            }
            Self::SomeOutcome { nth, outcome } => {
                let outstanding = story.release().outstanding();
                let place = nth % outstanding.len().max(1);
                let effect = outstanding.keys().nth(place).ok_or("no effect is without an outcome")?;
                Input::Outcome { effect: *effect, outcome: outcome.clone() }
            }
            Self::Look(seen) => return seen.input(story),
            Self::Traffic(shown) => return traffic(story, shown),
            Self::Pass(span) => return Ok((now + *span, Input::Tick)),
            Self::Onward => {
                return match story.onward() {
                    Some(next) => next.input(story),
                    None => Err("nothing comes next".to_owned()),
                };
            }
            Self::Input(input) => Input::clone(input),
        };
        Ok((now, input))
    }
}

fn find(story: &Story, text: &str) -> Result<EffectId, String> {
    let outstanding = story.release().outstanding();
    let found = outstanding.iter().find(|(_, one)| words(&one.effect) == text);
    found.map(|(id, _)| *id).ok_or_else(|| {
        let all: Vec<String> = outstanding.values().map(|one| words(&one.effect)).collect();
        format!("no effect {text:?} is without an outcome, but {}", list(&all))
    })
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn traffic(story: &Story, shown: &Result<TrafficShare, String>) -> Result<(Timestamp, Input), String> {
    let release = story.release();
    let asked = |at| matches!(release.question(at), Some(Question::Traffic(_)));
    let now = story.now();
    let due = release.next_deadline(now).filter(|next| asked(*next));
    let at = if asked(now) { Some(now) } else { due };
    let Some(at) = at else {
        return Err(format!(
            "nobody asks where the traffic is: {} is {}",
            release.id(),
            release.phase().name()
        ));
    };
    let detail = |share: &TrafficShare| format!("the new version has {share}");
    let deployment = match shown {
        Ok(share) => Ok(Deployment { canary_share: *share, detail: detail(share) }),
        Err(why) => Err(why.clone()),
    };
    Ok((at, Input::Traffic { deployment }))
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(who, want) => write!(f, "{who} {want}"),
            Self::Done(effect) => write!(f, "done: {effect}"),
            Self::DoneById(effect) => write!(f, "done: effect {effect}"),
            Self::Failed { effect, retry_after: Some(_) } => write!(f, "failed: {effect}"),
            Self::Failed { effect, retry_after: None } => write!(f, "refused by the platform: {effect}"),
            Self::SomeOutcome { nth, outcome } => {
                let how = match outcome {
                    OutcomeOf::Done => "done",
                    OutcomeOf::FoundDone => "found done",
                    OutcomeOf::Failed { retry_after: Some(_), .. } => "failed",
                    OutcomeOf::Failed { retry_after: None, .. } => "refused by the platform",
                };
                write!(f, "{how}: outstanding effect {nth}")
            }
            Self::Look(seen) => seen.fmt(f),
            Self::Traffic(Ok(share)) => write!(f, "the traffic is seen at {share}"),
            Self::Traffic(Err(why)) => write!(f, "the traffic is not seen: {why}"),
            Self::Pass(span) if *span == Span::ZERO => f.write_str("a tick"),
            Self::Pass(span) => write!(f, "{span} pass"),
            Self::Onward => f.write_str("onward"),
            Self::Input(input) => write!(f, "{input:?}"),
        }
    }
}

/// As people read it: a list of these in a counterexample is a list of lines.
impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is known when the program is written.
pub(super) fn text(text: &str) -> Text {
    text.parse().expect("the text is neither empty nor too long, and has no control characters")
}
