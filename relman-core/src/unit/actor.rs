use std::{fmt, str::FromStr};

use super::as_text::{UnitError, schema_as_text, serde_as_text};

/// What sort of actor caused a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program acting for people, such as a CI job.
    Service,
    /// relman itself.
    System,
}

/// Who caused a record: `user:ana`, `service:ci`, `system:relman`.
///
/// The name has 1 to 64 characters of `a-z A-Z 0-9 . _ @ + -`, so that an e-mail address fits.
///
/// # Examples
///
/// ```
/// use relman_core::unit::{Actor, ActorKind};
///
/// let ana: Actor = "user:ana".parse()?;
/// assert_eq!(ana.kind(), ActorKind::User);
/// assert_eq!(ana.to_string(), "user:ana");
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    kind: ActorKind,
    name: String,
}

impl Actor {
    /// relman itself, the author of every record that follows from a rule.
    pub fn relman() -> Self {
        Self { kind: ActorKind::System, name: "relman".to_owned() }
    }

    /// A person, a service or the system.
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The name without the kind.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is a person.
    pub fn is_person(&self) -> bool {
        self.kind == ActorKind::User
    }
}

impl FromStr for Actor {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const WHAT: &str = "an actor such as user:ana or service:ci";
        let Some((kind, name)) = text.split_once(':') else {
            return Err(UnitError::new(text, WHAT, "it has no `user:`, `service:` or `system:` in front"));
        };
        let kind = match kind {
            "user" => ActorKind::User,
            "service" => ActorKind::Service,
            "system" => ActorKind::System,
            other => {
                let problem = format!("{other:?} is not one of user, service, system");
                return Err(UnitError::new(text, WHAT, problem));
            }
        };
        if name.is_empty() || name.len() > 64 {
            return Err(UnitError::new(text, WHAT, "the name has 1 to 64 characters"));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        if let Some(c) = name.chars().find(|c| !allowed(*c)) {
            let problem = format!("{c:?} is not one of a-z A-Z 0-9 . _ @ + -");
            return Err(UnitError::new(text, WHAT, problem));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ActorKind::User => "user",
            ActorKind::Service => "service",
            ActorKind::System => "system",
        };
        write!(f, "{kind}:{}", self.name)
    }
}

serde_as_text!(Actor);
schema_as_text!(
    Actor,
    "Actor",
    "Who acts: user:NAME, service:NAME or system:NAME",
    "user:ana",
    r"^(user|service|system):[A-Za-z0-9._@+-]{1,64}$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_print_as_they_are_written() {
        for text in ["user:ana", "service:ci", "system:relman", "user:ana@example.org"] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_actor_without_kind_or_name_is_refused() {
        for text in ["ana", "robot:ana", "user:", "user:a b", ""] {
            assert!(text.parse::<Actor>().is_err(), "{text}");
        }
    }
}
