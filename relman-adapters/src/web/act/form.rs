use std::collections::BTreeMap;

use relman_core::{
    chain::Head,
    event::Gate,
    machine::{Action, ActionField, ActionName, Principal, Release},
    unit::{Span, Text, Timestamp, UnitError},
};
use thiserror::Error;

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
    /// The fields of an action, as the table has them.
    pub(in crate::web) fn of(
        action: ActionName,
        release: &Release,
        by: &Principal,
        now: Timestamp,
        data: &FormData,
    ) -> Vec<Self> {
        let fields = action.rules().fields.iter();
        fields.map(|field| Self::filled(field, release, by, now, data)).collect()
    }

    fn filled(
        field: &ActionField,
        release: &Release,
        by: &Principal,
        now: Timestamp,
        data: &FormData,
    ) -> Self {
        let policy = release.policy();
        let (kind, proposal, most) = match field.name {
            "gate" => {
                let gates = release.overridable_by(by, now).into_iter().map(|gate| gate.to_string());
                (FieldKind::Choice(gates.map(|gate| (gate.clone(), gate)).collect()), String::new(), None)
            }
            "number" => {
                let owed = release.owed_post_mortems();
                let owed = owed.map(|one| (one.number.to_string(), format!("{}: {}", one.number, one.about)));
                (FieldKind::Choice(owed.collect()), String::new(), None)
            }
            "expires" => {
                let longest = policy.map(|policy| policy.overrides().longest);
                (FieldKind::Short, "1h".to_owned(), longest)
            }
            "for" => {
                let shift = policy.map(|policy| policy.on_call().shift);
                (FieldKind::Short, shift.unwrap_or_default().to_string(), shift)
            }
            "link" => (FieldKind::Short, String::new(), None),
            _ => (FieldKind::Long, String::new(), None),
        };
        let label = match most {
            Some(most) => format!("{}; at most {most}", field.about),
            None => field.about.to_owned(),
        };
        let written = data.get(field.name);
        let value = if written.is_empty() { proposal } else { written.to_owned() };
        // A choice always has a value.
        let optional = !field.required && !matches!(kind, FieldKind::Choice(_));
        Self { name: field.name, label, kind, value, optional }
    }
}

/// Turns a form into an action on the release.
///
/// # Errors
///
/// The first field that is wrong, and why; none of the actions that the pages do not offer can be filled in.
pub(super) fn action(action: ActionName, data: &FormData, now: Timestamp) -> Result<Action, NotFilled> {
    let in_time = |field: &str| data.get(field).trim().parse::<Span>().map(|length| now + length);
    Ok(match action {
        ActionName::ApprovePlan => Action::ApprovePlan,
        ActionName::Hold => Action::Hold { reason: data.text("reason")? },
        ActionName::Resume => Action::Resume { reason: data.text("reason")? },
        ActionName::RollBack => Action::RollBack { reason: data.text("reason")? },
        ActionName::Override => {
            let gate: Gate = data.get("gate").parse()?;
            Action::Override { gate, reason: data.text("reason")?, expires_at: in_time("expires")? }
        }
        ActionName::Acknowledge => Action::Acknowledge { until: Some(in_time("for")?) },
        ActionName::FilePostMortem => {
            let link = data.get("link").trim();
            let link = if link.is_empty() { None } else { Some(link.parse()?) };
            Action::FilePostMortem {
                number: data.get("number").parse().ok(),
                summary: data.text("summary")?,
                root_cause: data.text("root_cause")?,
                link,
            }
        }
        ActionName::RecordPlan
        | ActionName::RevisePlan
        | ActionName::RecordCheck
        | ActionName::Abort
        | ActionName::RecordLesson
        | ActionName::OpenActionItem
        | ActionName::SettleActionItem
        | ActionName::Complain
        | ActionName::WithdrawComplaint
        | ActionName::RecordIncident
        | ActionName::EndIncident
        | ActionName::Close => return Err(NotFilled::NotOffered(action)),
    })
}

/// Why a form is not an action.
#[derive(Debug, Error)]
pub(super) enum NotFilled {
    /// A field is wrong.
    #[error(transparent)]
    Field(#[from] UnitError),
    /// The pages don't offer it.
    #[error("these pages can't `{0}`: use the command line")]
    NotOffered(ActionName),
}

/// The text on the button.
pub(super) fn button(action: ActionName, release: &Release, by: &Principal) -> String {
    let (title, id, actor) = (action.rules().title, release.id(), &by.actor);
    match action {
        ActionName::ApprovePlan => format!("{title} of {id} as {actor}"),
        ActionName::Hold | ActionName::Resume | ActionName::RollBack => {
            format!("{title} {id} as {actor}")
        }
        _ => format!("{title} as {actor}"),
    }
}

/// What the button will do, in the words above it.
pub(super) fn promise(action: ActionName) -> &'static str {
    match action {
        ActionName::ApprovePlan => {
            "Staging starts once every approval is in. You approve exactly the plan and the head above."
        }
        ActionName::Hold => "Traffic stays where it is until the release is resumed.",
        ActionName::Resume => "The release continues from where it is. You decide on exactly the head above.",
        ActionName::RollBack => "All traffic goes back to the old version, and a post-mortem becomes due.",
        ActionName::Override => "Your name and the reason go on the record, and a post-mortem becomes due.",
        ActionName::Acknowledge => "You will be paged. This takes over from whoever is on call.",
        ActionName::FilePostMortem => {
            "It stays on the record for good. A release closes only once its post-mortems are filed."
        }
        _ => "",
    }
}
