use std::collections::BTreeMap;

use relman_core::{
    chain::Head,
    event::Gate,
    machine::{Action, Principal, Release},
    unit::{Span, Text, Timestamp, UnitError},
};

use super::offer::PageAction;

/// A field of a form.
#[derive(Debug, Clone)]
pub(in crate::web) struct Field {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) label: String,
    pub(in crate::web) kind: FieldKind,
    /// Empty, a proposal, or what a person wrote before it was refused.
    pub(in crate::web) value: String,
    pub(in crate::web) optional: bool,
}

/// How a field looks.
#[derive(Debug, Clone)]
pub(in crate::web) enum FieldKind {
    /// Several lines.
    Long,
    /// One line.
    Short,
    /// A list of choices, each with its label.
    Choice(Vec<(String, String)>),
}

/// The fields of a form that was sent.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct FormData(pub(in crate::web) BTreeMap<String, String>);

impl FormData {
    pub(in crate::web) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The head that the page showed.
    pub(in crate::web) fn shown(&self) -> Option<Head> {
        let (seq, digest) = self.get("shown").split_once(':')?;
        Some(Head { seq: seq.parse().ok()?, digest: digest.parse().ok()? })
    }

    /// A text as records have it. Browsers end lines with two characters.
    fn text(&self, name: &'static str) -> Result<Text, UnitError> {
        self.get(name).replace("\r\n", "\n").trim().parse()
    }
}

impl Field {
    fn long(name: &'static str, label: impl Into<String>, data: &FormData) -> Self {
        let value = data.get(name).to_owned();
        Self { name, label: label.into(), kind: FieldKind::Long, value, optional: false }
    }

    fn short(name: &'static str, label: impl Into<String>, proposal: &str, data: &FormData) -> Self {
        let written = data.get(name);
        let value = if written.is_empty() { proposal } else { written }.to_owned();
        Self { name, label: label.into(), kind: FieldKind::Short, value, optional: false }
    }

    fn choice(name: &'static str, label: &str, choices: Vec<(String, String)>, data: &FormData) -> Self {
        let value = data.get(name).to_owned();
        Self { name, label: label.to_owned(), kind: FieldKind::Choice(choices), value, optional: false }
    }

    /// The fields of an action.
    pub(in crate::web) fn of(
        action: PageAction,
        release: &Release,
        by: &Principal,
        now: Timestamp,
        data: &FormData,
    ) -> Vec<Self> {
        let why = |label: &str| Self::long("reason", label, data);
        match action {
            PageAction::Approve => Vec::new(),
            PageAction::Hold => vec![why("Reason for the hold")],
            PageAction::Resume => vec![why("Reason to resume")],
            PageAction::RollBack => vec![why("Reason for the rollback")],
            PageAction::Override => {
                let gates = release.overridable_by(by, now);
                let gates = gates.into_iter().map(|gate| (gate.to_string(), gate.to_string())).collect();
                let longest = release.policy().map(|policy| policy.overrides().longest).unwrap_or_default();
                let label = format!("How long the override is valid, at most {longest}");
                vec![
                    Self::choice("gate", "Gate", gates, data),
                    why("Reason for the override"),
                    Self::short("length", label, "1h", data),
                ]
            }
            PageAction::Acknowledge => {
                let shift = release.policy().map(|policy| policy.on_call().shift).unwrap_or_default();
                let label = format!("How long you are on call, at most {shift}");
                vec![Self::short("length", label, &shift.to_string(), data)]
            }
            PageAction::PostMortem => {
                let owed = release.owed_post_mortems();
                let owed = owed.map(|one| (one.number.to_string(), format!("{}: {}", one.number, one.about)));
                let link = Self {
                    optional: true,
                    ..Self::short("link", "Link to the full text, if there is one", "", data)
                };
                vec![
                    Self::choice("number", "Post-mortem", owed.collect(), data),
                    Self::long("summary", "What happened, and what you learned", data),
                    Self::long("root_cause", "Root cause", data),
                    link,
                ]
            }
        }
    }
}

impl PageAction {
    /// Turns a form into an action on the release.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, and why.
    pub(in crate::web) fn action(self, data: &FormData, now: Timestamp) -> Result<Action, UnitError> {
        Ok(match self {
            Self::Approve => Action::ApprovePlan,
            Self::Hold => Action::Hold { reason: data.text("reason")? },
            Self::Resume => Action::Resume { reason: data.text("reason")? },
            Self::RollBack => Action::RollBack { reason: data.text("reason")? },
            Self::Override => {
                let gate: Gate = data.get("gate").parse()?;
                let length: Span = data.get("length").trim().parse()?;
                Action::Override { gate, reason: data.text("reason")?, expires_at: now + length }
            }
            Self::Acknowledge => {
                let length: Span = data.get("length").trim().parse()?;
                Action::Acknowledge { until: Some(now + length) }
            }
            Self::PostMortem => {
                let link = data.get("link").trim();
                let link = if link.is_empty() { None } else { Some(link.parse()?) };
                Action::FilePostMortem {
                    number: data.get("number").parse().ok(),
                    summary: data.text("summary")?,
                    root_cause: data.text("root_cause")?,
                    link,
                }
            }
        })
    }

    /// The text on the button.
    pub(in crate::web) fn button(self, release: &Release, by: &Principal) -> String {
        let (title, id, actor) = (self.title(), release.id(), &by.actor);
        match self {
            Self::Approve => format!("{title} of {id} as {actor}"),
            Self::Hold | Self::Resume | Self::RollBack => format!("{title} {id} as {actor}"),
            Self::Override | Self::Acknowledge | Self::PostMortem => format!("{title} as {actor}"),
        }
    }

    /// What the button will do, in the words above it.
    pub(in crate::web) fn promise(self) -> &'static str {
        match self {
            Self::Approve => {
                "Staging starts once every approval is in. You approve exactly the plan and the head above."
            }
            Self::Hold => "Traffic stays where it is until the release is resumed.",
            Self::Resume => "The release continues from where it is. You decide on exactly the head above.",
            Self::RollBack => "All traffic goes back to the old version, and a post-mortem becomes due.",
            Self::Override => "Your name and the reason go on the record, and a post-mortem becomes due.",
            Self::Acknowledge => "You will be paged. This takes over from whoever is on call.",
            Self::PostMortem => {
                "It stays on the record for good. A release closes only once its post-mortems are filed."
            }
        }
    }
}
