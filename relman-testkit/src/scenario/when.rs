use std::fmt;

use relman_core::{
    event::EffectId,
    machine::{Call, CallUrgency, Command, Effect, Input, Outcome, Request},
    port::{Deployment, Retry, Urgency},
    unit::{Span, Text, TrafficShare},
};

use super::{Doubt, Evaluation, Person, Story, Want, story::Hindrance};

/// Something that happens to a release, as a person would say it.
///
/// Made by [`someone`](super::someone), [`a_look`](super::a_look), [`done`], [`failed`], [`traffic_at`], [`pass`], …;
/// what it means in detail, such as the effect that was done or the window of a look, is worked out where it happens.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// A person or a service gives a command.
    Command(Person, Want),
    /// The platform or a channel has done what it was asked to; the effect that reads so.
    Done(String),
    /// It has failed to.
    Failed {
        /// The effect that reads so.
        effect: String,
        /// Whether trying again makes sense.
        retry: Retry,
    },
    /// The call for an effect has ended; the effect by its id.
    Ended {
        /// Which effect.
        effect: EffectId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The call for one of the effects without an outcome has ended: the first, the second, … and round again.
    EndedNth {
        /// Which, from 0.
        nth: usize,
        /// How it ended.
        outcome: Outcome,
    },
    /// From now on, this becomes of the question whether a change was made whose outcome is not known.
    InDoubt(Doubt),
    /// The metrics and the traffic of the step under way are looked at, as soon as a look is due.
    Look(Evaluation),
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
    When::Failed { effect: effect.to_owned(), retry: Retry::Yes }
}

/// It has failed to, and will until somebody mends something.
pub fn refused_by_platform(effect: &str) -> When {
    When::Failed { effect: effect.to_owned(), retry: Retry::Never }
}

/// From now on, this becomes of the question whether a change was made whose outcome is not known: it is asked before the
/// change is tried again.
pub fn in_doubt(doubt: Doubt) -> When {
    When::InDoubt(doubt)
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
        Self::Input(Box::new(Input::Action(command)))
    }
}

impl From<Evaluation> for When {
    fn from(seen: Evaluation) -> Self {
        seen.when()
    }
}

/// An effect in words; a page is told from a message.
pub(super) fn words(effect: &Effect) -> String {
    match effect {
        Effect::Notify { urgency: Urgency::Page, audience, channel, moment, .. } => {
            format!("page {audience} through {channel}: {moment}")
        }
        Effect::Notify { .. }
        | Effect::Deploy { .. }
        | Effect::SetTraffic { .. }
        | Effect::Promote
        | Effect::LeaveTarget { .. } => effect.to_string(),
    }
}

impl When {
    /// Lets it happen; or says why it can't here, and then nothing has changed.
    pub(super) fn happen(&self, story: &mut Story) -> Result<(), Hindrance> {
        match self {
            Self::Command(who, want) => {
                let action = want.action(story);
                return tell(story, Input::Action(Command { by: who.principal(), action }));
            }
            Self::Done(text) => find(story, text).and_then(|effect| story.end_effect(effect, Outcome::Done)),
            Self::Failed { effect, retry } => {
                let outcome = Outcome::Failed { detail: "connection refused".to_owned(), retry: *retry };
                find(story, effect).and_then(|effect| story.end_effect(effect, outcome))
            }
            Self::Ended { effect, outcome } => story.end_effect(*effect, outcome.clone()),
            Self::EndedNth { nth, outcome } => {
                let outstanding = story.release().outstanding();
                match outstanding.keys().nth(nth % outstanding.len().max(1)).copied() {
                    Some(effect) => story.end_effect(effect, outcome.clone()),
                    None => Err("no effect is without an outcome".to_owned()),
                }
            }
            Self::InDoubt(doubt) => {
                story.runner.on_doubt(*doubt);
                Ok(())
            }
            Self::Look(seen) => look(story, seen),
            Self::Traffic(shown) => traffic(story, shown),
            Self::Pass(span) => {
                story.runner.advance_to(story.now() + *span);
                Ok(())
            }
            Self::Onward => {
                return match story.onward() {
                    Some(next) => next.happen(story),
                    None => Err(Hindrance::Impossible("nothing comes next".to_owned())),
                };
            }
            Self::Input(input) => return tell(story, Input::clone(input)),
        }
        .map_err(Hindrance::Impossible)
    }
}

fn tell(story: &mut Story, input: Input) -> Result<(), Hindrance> {
    story.runner.tell(input).map(drop).map_err(Hindrance::Refused)
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

/// Waits until a look is asked for, and answers it. A look at a step or a time that is over leads to nothing, and is asked
/// for anew.
fn look(story: &mut Story, seen: &Evaluation) -> Result<(), String> {
    if !story.is_watched() {
        let release = story.release();
        return Err(format!("nothing is looked at: {} is {}", release.id(), release.phase().name()));
    }
    // Time alone may end the step: then there is no look.
    while story.is_watched() {
        let asked = story.runner.calls().find_map(|call| match &call.request {
            Request::Measure(question) => Some((call.id, question.clone())),
            _ => None,
        });
        if let Some((call, question)) = asked {
            let outcome = seen.answer(story.release(), &question);
            let looked = story.runner.answer(call, outcome);
            if looked.kinds().contains(&"evaluated") {
                break;
            }
        } else if story.runner.advance_to_deadline().is_none() {
            break;
        }
    }
    Ok(())
}

/// Waits until a rollback asks where the traffic is, and answers it.
fn traffic(story: &mut Story, shown: &Result<TrafficShare, String>) -> Result<(), String> {
    if !story.is_confirming() {
        let release = story.release();
        return Err(format!(
            "nobody asks where the traffic is: {} is {}",
            release.id(),
            release.phase().name()
        ));
    }
    let outcome = match shown {
        Ok(share) => {
            let detail = format!("the new version has {share}");
            let deployment = Deployment::at(*share).with_detail(detail);
            Outcome::Observed { deployment, tolerance: TrafficShare::ZERO }
        }
        Err(why) => Outcome::Failed { detail: why.clone(), retry: Retry::Yes },
    };
    let asks = |call: &&Call| {
        matches!(call.request, Request::ObservePlatform(_)) && call.urgency == CallUrgency::Back
    };
    loop {
        let asked = story.runner.calls().find(asks).map(|call| call.id);
        if let Some(call) = asked {
            story.runner.answer(call, outcome);
            return Ok(());
        }
        if story.runner.advance_to_deadline().is_none() {
            return Ok(());
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(who, want) => write!(f, "{who} {want}"),
            Self::Done(effect) => write!(f, "done: {effect}"),
            Self::Failed { effect, retry: Retry::Never } => write!(f, "refused by the platform: {effect}"),
            Self::Failed { effect, retry: Retry::Yes | Retry::After(_) } => write!(f, "failed: {effect}"),
            Self::Ended { effect, outcome } => write!(f, "{}: effect {effect}", how(outcome)),
            Self::EndedNth { nth, outcome } => write!(f, "{}: outstanding effect {nth}", how(outcome)),
            Self::InDoubt(Doubt::NotMade) => f.write_str("a change in doubt was not made"),
            Self::InDoubt(Doubt::Made) => f.write_str("a change in doubt was made"),
            Self::InDoubt(Doubt::Unanswered) => {
                f.write_str("whether a change in doubt was made is not known")
            }
            Self::InDoubt(Doubt::Open) => f.write_str("whether a change in doubt was made is to be answered"),
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

fn how(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Failed { retry: Retry::Never, .. } => "refused by the platform",
        Outcome::Failed { .. } => "failed",
        _ => "done",
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
