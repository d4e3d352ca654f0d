//! The one table of what people can want from a release: names, words, rights, phases and fields, which the rules, the
//! command line, the pages and the tests read.

use std::fmt;

use super::PhaseName;
use crate::policy::Permission;

/// The name of an action: the action without what it brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionName {
    /// [`Action::RecordPlan`](super::Action::RecordPlan).
    RecordPlan,
    /// [`Action::RevisePlan`](super::Action::RevisePlan).
    RevisePlan,
    /// [`Action::ApprovePlan`](super::Action::ApprovePlan).
    ApprovePlan,
    /// [`Action::RecordCheck`](super::Action::RecordCheck).
    RecordCheck,
    /// [`Action::Hold`](super::Action::Hold).
    Hold,
    /// [`Action::Resume`](super::Action::Resume).
    Resume,
    /// [`Action::RollBack`](super::Action::RollBack).
    RollBack,
    /// [`Action::Abort`](super::Action::Abort).
    Abort,
    /// [`Action::Override`](super::Action::Override).
    Override,
    /// [`Action::Acknowledge`](super::Action::Acknowledge).
    Acknowledge,
    /// [`Action::FilePostMortem`](super::Action::FilePostMortem).
    FilePostMortem,
    /// [`Action::RecordLesson`](super::Action::RecordLesson).
    RecordLesson,
    /// [`Action::OpenActionItem`](super::Action::OpenActionItem).
    OpenActionItem,
    /// [`Action::SettleActionItem`](super::Action::SettleActionItem).
    SettleActionItem,
    /// [`Action::Complain`](super::Action::Complain).
    Complain,
    /// [`Action::WithdrawComplaint`](super::Action::WithdrawComplaint).
    WithdrawComplaint,
    /// [`Action::RecordIncident`](super::Action::RecordIncident).
    RecordIncident,
    /// [`Action::EndIncident`](super::Action::EndIncident).
    EndIncident,
    /// [`Action::Close`](super::Action::Close).
    Close,
}

/// What is the same about an action whenever it is asked for.
///
/// # Examples
///
/// ```
/// use relman_core::machine::{ActionName, PhaseName};
///
/// let rules = ActionName::Abort.rules();
/// assert_eq!(rules.name, "abort");
/// assert_eq!(rules.phases, [PhaseName::Planning, PhaseName::Staging]);
/// assert_eq!(rules.who_may(), "roles with the permission `operate`");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionRules {
    /// The name on command lines and in addresses.
    pub name: &'static str,
    /// What a button says.
    pub title: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// How a refusal names it: "aborting it".
    pub doing: &'static str,
    /// Whom the directory has to know, and with which permission.
    pub who: Who,
    /// Who of them may not, in words that complete the sentence; empty where all may.
    pub except: &'static str,
    /// In which phases it is possible at all.
    pub phases: &'static [PhaseName],
    /// What it brings with it.
    pub fields: &'static [ActionField],
}

/// Who may take an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everyone whom the directory knows.
    Known,
    /// Everyone whom the directory knows, and relman itself, for a source of incidents.
    KnownOrSource,
    /// People and services whose roles give a permission.
    With(Permission),
    /// People whose roles give a permission.
    PersonWith(Permission),
    /// Whoever it was given to, and people and services whose roles give a permission.
    OwnerOr(Permission),
}

/// Something that an action brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionField {
    /// The name, on command lines and in forms.
    pub name: &'static str,
    /// What to write, in one line.
    pub about: &'static str,
    /// Whether the action is possible without it.
    pub required: bool,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("everyone the directory knows"),
            Self::KnownOrSource => f.write_str("everyone the directory knows, and the sources of incidents"),
            Self::With(permission) => write!(f, "roles with the permission `{}`", permission.name()),
            Self::PersonWith(permission) => write!(f, "people with the permission `{}`", permission.name()),
            Self::OwnerOr(permission) => {
                write!(f, "its owner, and roles with the permission `{}`", permission.name())
            }
        }
    }
}

impl ActionRules {
    /// Who may take it, as help says it.
    pub fn who_may(&self) -> String {
        let space = if self.except.is_empty() { "" } else { " " };
        format!("{}{space}{}", self.who, self.except)
    }
}

/// Phases, as a refusal lists those in which something is possible.
pub(super) fn listed(phases: &[PhaseName]) -> String {
    let named: Vec<String> = phases.iter().map(ToString::to_string).collect();
    match named.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// From the moment at which production was entered until the release is closed.
const ONCE_IN_PRODUCTION: &[PhaseName] = &[
    PhaseName::Releasing,
    PhaseName::Validating,
    PhaseName::RollingBack,
    PhaseName::Completed,
    PhaseName::RolledBack,
];

/// Before it has ended in any way.
const UNDER_WAY: &[PhaseName] =
    &[PhaseName::Planning, PhaseName::Staging, PhaseName::Releasing, PhaseName::Validating];

/// As long as there is a plan, closed or not: action items are done weeks after the end.
const ONCE_PLANNED: &[PhaseName] = &[
    PhaseName::Planning,
    PhaseName::Staging,
    PhaseName::Releasing,
    PhaseName::Validating,
    PhaseName::RollingBack,
    PhaseName::Completed,
    PhaseName::RolledBack,
    PhaseName::Aborted,
    PhaseName::Closed,
];

const fn asks(name: &'static str, about: &'static str) -> ActionField {
    ActionField { name, about, required: true }
}

const fn takes(name: &'static str, about: &'static str) -> ActionField {
    ActionField { name, about, required: false }
}

const REASON: ActionField = asks("reason", "Why, for those who read the record later");
const PLAN: ActionField = asks("plan", "The plan, TOML");
const POLICY: ActionField =
    takes("policy", "The policy, TOML [default: the one of the configuration, or the shipped one]");

impl ActionName {
    /// Every action, in the order in which a release meets them.
    pub const ALL: [Self; 19] = [
        Self::RecordPlan,
        Self::RevisePlan,
        Self::ApprovePlan,
        Self::RecordCheck,
        Self::Acknowledge,
        Self::FilePostMortem,
        Self::Resume,
        Self::Override,
        Self::Hold,
        Self::RollBack,
        Self::Abort,
        Self::Complain,
        Self::WithdrawComplaint,
        Self::RecordIncident,
        Self::EndIncident,
        Self::RecordLesson,
        Self::OpenActionItem,
        Self::SettleActionItem,
        Self::Close,
    ];

    /// The action with this name on command lines and in addresses.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.rules().name == name)
    }

    /// What is the same about it whenever it is asked for: the table.
    #[expect(clippy::too_many_lines, reason = "the table has a row for each action")]
    pub const fn rules(self) -> ActionRules {
        use PhaseName::{
            Aborted, Completed, Planning, Releasing, RolledBack, Staging, Unplanned, Validating,
        };
        use Who::{Known, KnownOrSource, OwnerOr, PersonWith, With};
        match self {
            Self::RecordPlan => ActionRules {
                name: "plan",
                title: "Record a plan",
                about: "Records the plan of a new release",
                doing: "recording a plan",
                who: With(Permission::Plan),
                except: "",
                phases: &[Unplanned],
                fields: const { &[PLAN, POLICY] },
            },
            Self::RevisePlan => ActionRules {
                name: "revise",
                title: "Revise the plan",
                about: "Changes the plan of a release before it is staged; approvals so far are void",
                doing: "revising the plan",
                who: With(Permission::Plan),
                except: "",
                phases: &[Planning],
                fields: const { &[PLAN, POLICY] },
            },
            Self::ApprovePlan => ActionRules {
                name: "approve",
                title: "Approve the plan",
                about: "Approves a plan that someone else wrote",
                doing: "approving the plan",
                who: PersonWith(Permission::Approve),
                except: "who are not authors of the plan",
                phases: &[Planning],
                fields: &[],
            },
            Self::RecordCheck => ActionRules {
                name: "check",
                title: "Record a check",
                about: "Records the outcome of a check, with evidence",
                doing: "recording a check",
                who: With(Permission::Check),
                except: "",
                phases: &[Staging, Validating],
                fields: const {
                    &[
                        asks(
                            "check",
                            "The check: unit, integration, end-to-end, manual-qa, load-test, user-flows or one of the policy's own",
                        ),
                        asks("outcome", "How it ended"),
                        asks("evidence", "The evidence: a link, a summary"),
                        takes("items", "A confirmed item of the checklist; repeatable"),
                    ]
                },
            },
            Self::Hold => ActionRules {
                name: "hold",
                title: "Hold",
                about: "Holds a release until someone resumes it",
                doing: "holding it",
                who: Known,
                except: "",
                phases: UNDER_WAY,
                fields: const { &[REASON] },
            },
            Self::Resume => ActionRules {
                name: "resume",
                title: "Resume",
                about: "Resumes a held release, or retries a failed deployment",
                doing: "resuming it",
                who: With(Permission::Operate),
                except: "",
                phases: UNDER_WAY,
                fields: const { &[REASON] },
            },
            Self::RollBack => ActionRules {
                name: "rollback",
                title: "Roll back",
                about: "Takes a release back to zero traffic",
                doing: "rolling it back",
                who: Known,
                except: "",
                phases: &[Releasing, Validating, Completed],
                fields: const { &[REASON] },
            },
            Self::Abort => ActionRules {
                name: "abort",
                title: "Abort",
                about: "Aborts a release before it reaches production",
                doing: "aborting it",
                who: With(Permission::Operate),
                except: "",
                phases: &[Planning, Staging],
                fields: const { &[REASON] },
            },
            Self::Override => ActionRules {
                name: "override",
                title: "Override a gate",
                about: "Overrides a failed gate, on the record, for a limited time, and at the price of a post-mortem",
                doing: "overriding a gate",
                who: PersonWith(Permission::Override),
                except: "who neither wrote nor approved the plan",
                phases: &[Staging, Releasing, Validating],
                fields: const {
                    &[
                        asks("gate", "The failed gate: staging, validation, freeze or way-back"),
                        REASON,
                        asks("expires", "How long it may be used, from now: 4h"),
                    ]
                },
            },
            Self::Acknowledge => ActionRules {
                name: "ack",
                title: "Take on-call duty",
                about: "Puts you on call for a release",
                doing: "acknowledging on-call duty",
                who: PersonWith(Permission::OnCall),
                except: "",
                phases: UNDER_WAY,
                fields: const { &[takes("for", "For how long, from now: 8h [default: the policy's shift]")] },
            },
            Self::FilePostMortem => ActionRules {
                name: "postmortem",
                title: "File a post-mortem",
                about: "Files a post-mortem that is owed",
                doing: "filing a post-mortem",
                who: With(Permission::Operate),
                except: "",
                phases: &[
                    Staging,
                    Releasing,
                    Validating,
                    PhaseName::RollingBack,
                    Completed,
                    RolledBack,
                    Aborted,
                ],
                fields: const {
                    &[
                        takes("number", "Which one, if several are owed"),
                        asks("summary", "What happened and what was learned"),
                        asks("root_cause", "What caused it"),
                        takes("link", "Where the full text is"),
                    ]
                },
            },
            Self::RecordLesson => ActionRules {
                name: "lesson",
                title: "Record a lesson",
                about: "Records a lesson learned from a release",
                doing: "recording a lesson",
                who: Known,
                except: "",
                phases: ONCE_PLANNED,
                fields: const { &[asks("heading", "Under which heading"), asks("text", "What was learned")] },
            },
            Self::OpenActionItem => ActionRules {
                name: "action",
                title: "Record an action item",
                about: "Records an action item that came out of a release",
                doing: "recording an action item",
                who: With(Permission::Operate),
                except: "",
                phases: ONCE_PLANNED,
                fields: const {
                    &[
                        asks("what", "What has to be done"),
                        asks("kind", "What it is for"),
                        asks("owner", "Who does it: user:NAME"),
                        takes("due", "When it is due, from now: 14d [default: the policy's time, 30 days]"),
                    ]
                },
            },
            Self::SettleActionItem => ActionRules {
                name: "settle",
                title: "Settle an action item",
                about: "Marks an action item as done or dropped",
                doing: "settling an action item",
                who: OwnerOr(Permission::Operate),
                except: "",
                phases: ONCE_PLANNED,
                fields: const {
                    &[
                        takes("number", "Which one, if several are open"),
                        asks("how", "Done or dropped"),
                        asks("note", "Evidence that it is done, or why it was dropped"),
                    ]
                },
            },
            Self::Complain => ActionRules {
                name: "complain",
                title: "Record a complaint",
                about: "Records a customer's complaint",
                doing: "recording a complaint",
                who: Known,
                except: "",
                phases: ONCE_IN_PRODUCTION,
                fields: const {
                    &[
                        asks("text", "What the customer said"),
                        takes(
                            "key",
                            "Which complaint it is, such as a ticket's number: the same key counts once",
                        ),
                    ]
                },
            },
            Self::WithdrawComplaint => ActionRules {
                name: "withdraw",
                title: "Withdraw a complaint",
                about: "Withdraws a complaint that was none: it counts no more from now on",
                doing: "withdrawing a complaint",
                who: OwnerOr(Permission::Operate),
                except: "",
                phases: ONCE_IN_PRODUCTION,
                fields: const {
                    &[
                        REASON,
                        takes("key", "Which one, by its key, if several count"),
                        takes("record", "Which one, by the number of its record"),
                    ]
                },
            },
            Self::RecordIncident => ActionRules {
                name: "incident",
                title: "Record an incident",
                about: "Records an incident of the service",
                doing: "recording an incident",
                who: KnownOrSource,
                except: "",
                phases: ONCE_IN_PRODUCTION,
                fields: const { &[asks("source", "Who tells of it"), asks("incident", "The incident")] },
            },
            Self::EndIncident => ActionRules {
                name: "end-incident",
                title: "End an incident",
                about: "Records that an incident no longer fires",
                doing: "ending an incident",
                who: KnownOrSource,
                except: "",
                phases: ONCE_IN_PRODUCTION,
                fields: const {
                    &[
                        asks("source", "Who tells of it"),
                        asks("id", "The incident, as its source names it"),
                        takes("ended_at", "When it ended [default: now]"),
                    ]
                },
            },
            Self::Close => ActionRules {
                name: "close",
                title: "Close",
                about: "Closes a release that has ended",
                doing: "closing it",
                who: With(Permission::Operate),
                except: "once every post-mortem is filed",
                phases: &[Completed, RolledBack, Aborted],
                fields: &[],
            },
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.rules().name)
    }
}
