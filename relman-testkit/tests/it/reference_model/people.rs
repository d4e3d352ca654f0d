//! Who acts, and what they may do.

use relman_testkit::scenario::{Person, someone};

/// Person who tries things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The author.
    Ana,
    /// The author, to whom the directory gives every role.
    AnaInEveryRole,
    /// An approver.
    Bo,
    /// An approver who signs the checklist.
    Cy,
    /// The executive.
    Eve,
    /// On call.
    Oli,
    /// The service that runs checks.
    Ci,
    /// Person with every role.
    Dan,
    /// Person whom the directory does not know.
    Mallory,
}

/// What roles are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    Plan,
    Approve,
    Check,
    Override,
    OnCall,
    Operate,
}

impl Who {
    pub const ALL: [Self; 9] = [
        Self::Ana,
        Self::Bo,
        Self::Cy,
        Self::Oli,
        Self::Ci,
        Self::Eve,
        Self::Dan,
        Self::AnaInEveryRole,
        Self::Mallory,
    ];

    pub fn may(self, what: May) -> bool {
        match self {
            Self::Dan | Self::AnaInEveryRole => true,
            Self::Ana => matches!(what, May::Plan | May::Check | May::Operate),
            Self::Bo => matches!(what, May::Approve | May::Operate),
            Self::Cy => matches!(what, May::Approve | May::Check | May::Operate),
            Self::Eve => matches!(what, May::Override | May::Operate),
            Self::Oli => matches!(what, May::OnCall | May::Operate),
            Self::Ci => what == May::Check,
            Self::Mallory => false,
        }
    }

    pub fn is_known(self) -> bool {
        self != Self::Mallory
    }

    pub fn is_a_person(self) -> bool {
        self != Self::Ci
    }

    /// One person, whatever the directory says about them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ana | Self::AnaInEveryRole => "user:ana",
            Self::Bo => "user:bo",
            Self::Cy => "user:cy",
            Self::Eve => "user:eve",
            Self::Oli => "user:oli",
            Self::Ci => "service:ci",
            Self::Dan => "user:dan",
            Self::Mallory => "user:mallory",
        }
    }

    pub fn someone(self) -> Person {
        let every_role = ["author", "developer", "approver", "executive", "on-call", "qa", "ci"];
        match self {
            Self::Dan | Self::AnaInEveryRole => someone(self.name()).with_roles(every_role),
            _ => someone(self.name()),
        }
    }
}
