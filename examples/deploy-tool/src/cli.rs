//! The command line: what can be said, and the help that explains it.

mod conduct;
pub(crate) mod judge;
mod people;
mod read;
mod targets;

use std::{fmt::Write, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use relman_core::{
    machine::ActionName,
    unit::{Actor, ReleaseId, ServiceName, TargetName},
};

pub(crate) use conduct::{Demo, Lab, Run, Scenario, Serve};
pub(crate) use people::{
    Ack, Action, ActionKind, Check, CheckResult, Complain, Heading, Lesson, OfRelease, Override, Plan,
    Postmortem, Rollback, Settle, Settled, WithReason, Withdraw,
};
pub(crate) use read::{
    Format, Handover, KnownHead, Metrics, Package, Publish, Report, SchemaOf, Shape, Verify,
};

pub(crate) use targets::{Adopt, Freeze, Unfreeze};

use crate::part::{self, Part};

/// The commands by what people want, in the order of the help; a test holds that it has them all.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Start here", &["demo", "init"]),
    ("Choose a policy", &["lab", "judge"]),
    ("Conduct", &["run", "serve", "flows"]),
    (
        "People's commands, against a running or a stopped conductor",
        &[
            "plan",
            "approve",
            "check",
            "hold",
            "resume",
            "rollback",
            "abort",
            "override",
            "ack",
            "postmortem",
            "lesson",
            "action",
            "settle",
            "complain",
            "withdraw",
            "close",
            "freeze",
            "unfreeze",
            "adopt",
        ],
    ),
    (
        "Read",
        &[
            "status",
            "target",
            "presence",
            "log",
            "schedule",
            "show",
            "evidence",
            "rollback-log",
            "report",
            "storyboard",
            "metrics",
            "owed",
        ],
    ),
    ("Check and hand over", &["verify", "backup", "export", "package", "publish", "handover", "schema"]),
];

const AFTER_HELP: &str = "\
Files:
  relman.db    the journal: every record of every release, one SQLite file (--journal FILE)
  relman.toml  people and roles, deployer, metrics, notifiers, user flows (--config FILE, `init`)

Exit status:
  0  done
  1  refused, not verified, or something outside failed; the message says which
  2  usage: a wrong command line, or a file it names can't be read or parsed

`deploy-tool help COMMAND` says who may run it and gives an example; `deploy-tool help command-protocol` says what
the program of a `command` deployer is asked, and what it answers.";

/// Carries software releases from plan to completion, and keeps a record that can be verified.
#[derive(Debug, Parser)]
#[command(name = "deploy-tool", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The journal, a single SQLite file [default: relman.db]
    #[arg(long, global = true, display_order = 901, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// People, roles and adapters [default: relman.toml, if there is one]
    #[arg(long, global = true, display_order = 902, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who acts: user:NAME or service:NAME
    #[arg(long = "as", global = true, display_order = 903, value_name = "ACTOR", env = "RELMAN_AS")]
    pub(crate) actor: Option<Actor>,
    /// Prints JSON, one object per line
    #[arg(long, global = true, display_order = 904)]
    pub(crate) json: bool,
}

/// The user flows.
#[derive(Debug, Args)]
pub(crate) struct Flows {
    /// The name of the service that programs are given
    #[arg(value_name = "SERVICE", default_value = "by-hand")]
    pub(crate) service: ServiceName,
}

/// What can be done. Where it is an action on a release, the table of actions says what it does, who may, and what its
/// fields are.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a whole release, 30.5 hours, in a few seconds on a simulated platform
    ///
    /// The clock, the traffic and the platform are simulated; the conductor, the journal and every rule are real.
    /// The people are made up, and the journal is a file that you can inspect afterwards with `status`, `log` and
    /// `verify`. Who may: everyone.
    ///
    /// Example: deploy-tool demo --scenario error-spike
    Demo(Demo),
    /// Writes a commented relman.toml, policy.toml and plan.toml to start from
    ///
    /// Never overwrites a file. Who may: everyone.
    ///
    /// Example: deploy-tool init my-service
    Init {
        /// The folder; created if it does not exist
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Tries a policy in simulated worlds, thousands of times, and shows what it means for users
    ///
    /// For healthy versions: how many are rolled back by mistake, and how long a release takes. For every kind of
    /// regression at several sizes: how many are caught, how soon, and how many requests and users are harmed by then.
    /// Each figure comes with a confidence interval. A second policy runs on the same random numbers, so that the two can
    /// be compared. The criteria are those of the plan; without a plan they are `error_rate > 1%`, `latency_p99 > 2x baseline` and
    /// `complaints > 3`. A thousand trials take about half a minute. Nothing real is touched. Who may: everyone.
    ///
    /// Example: deploy-tool lab policy.toml --against hasty.toml --html lab.html
    Lab(Lab),
    /// Judges past measurements: would this gate have caught last month's incident?
    ///
    /// Reads one interval per line from standard input or a file, or a past window from Prometheus, and says in a
    /// sentence what the gate would have done and when; --table shows each interval, --json is for scripts. Nothing is
    /// recorded and nothing real is touched. Who may: everyone.
    ///
    /// Example: deploy-tool judge "error_rate > 2x baseline" < observations.jsonl
    #[expect(clippy::doc_markdown, reason = "the example is typed as it stands")]
    Judge(Box<judge::Judge>),
    /// Conducts a real release in the foreground until it ends, or until Ctrl-C
    ///
    /// Records the plan if it is new, then does what the release calls for: deploys, routes traffic, measures, notifies
    /// people, and rolls back on its own when the contract is breached. After a crash, the same command picks up where
    /// the record ends. Started twice, one drives the release, and the other stands by and takes over within 15 s should that
    /// one vanish. While none is running, nobody watches the release: stopping it with users on the new version prints how to
    /// take them back. Who may: whoever may record the plan (--as); continuing a recorded one takes no
    /// role.
    ///
    /// Example: deploy-tool --as user:ana run plan.toml
    Run(Run),
    /// Serves the overview, every storyboard and people's actions as web pages
    ///
    /// Listens on loopback by default, where reading needs no sign-in; acting needs a token from [web.tokens] in the
    /// configuration. A release that `run` conducts in another process is shown live. Who may: everyone; actions on the
    /// pages need the same roles as the commands.
    ///
    /// Example: deploy-tool serve --listen 127.0.0.1:7878
    Serve(Serve),
    /// Tries the key user flows once and shows the results
    ///
    /// These are the `user_flows` of the configuration, tried as `run` tries them while it validates a release. The exit
    /// status is 1 unless all of them work. Nothing is recorded. Who may: everyone.
    ///
    /// Example: deploy-tool flows
    Flows(Flows),
    /// Records the plan of a release, or revises it while it is in planning
    ///
    /// A revision voids approvals; recording the same plan again changes nothing. Whoever records or revises a plan
    /// is an author of it, and can neither approve nor override.
    ///
    /// Example: deploy-tool --as user:ana plan plan.toml
    Plan(Plan),
    /// High risk takes two approvers. The last approval starts staging.
    ///
    /// Example: deploy-tool --as user:ben approve checkout-241
    Approve(OfRelease),
    /// Staging asks for unit, integration and end-to-end; high risk also for manual-qa, and a performance-sensitive
    /// change for load-test. Validation asks for user-flows, which `run` checks itself where `user_flows` are
    /// configured. A person signs manual-qa, and confirms every item of the checklist.
    ///
    /// Example: deploy-tool --as service:ci check checkout-241 unit passed --evidence "run 1742"
    Check(Check),
    /// Traffic stays where it is.
    ///
    /// Example: deploy-tool --as user:dora hold checkout-241 --reason "odd log lines"
    Hold(WithReason),
    /// Example: deploy-tool --as user:ana resume checkout-241 --reason "the lines are from a probe"
    Resume(WithReason),
    /// A rollback is finished only when the platform shows zero traffic. A running conductor carries it out; where there is
    /// none, it is recorded and not performed, and the exit status is 1. With --now this command carries it out itself and ends
    /// when it is confirmed; that is safe beside a conductor, and works for a rollback that was recorded before.
    ///
    /// Example: deploy-tool --as user:dora rollback checkout-241 --reason "customers see old prices" --now
    Rollback(Rollback),
    /// Example: deploy-tool --as user:ana abort checkout-241 --reason "superseded by checkout-242"
    Abort(WithReason),
    /// Covers the checks that have failed so far, or the freezes that are in force now. Neither the plan gate nor a rollout step can be
    /// overridden.
    ///
    /// Example: deploy-tool --as user:eve override checkout-241 --gate staging --reason "known flake" --expires 4h
    Override(Override),
    /// You will be paged. This takes over from whoever is on call. Validation time counts only while someone is.
    ///
    /// Example: deploy-tool --as user:dora ack checkout-241 --for 8h
    Ack(Ack),
    /// Every rollback and override owes one, and a release can't be closed until it is filed.
    ///
    /// Example: deploy-tool --as user:ana postmortem checkout-241 --summary "…" --root-cause "…"
    Postmortem(Postmortem),
    /// Under the headings of a retrospective: what went well, what went badly, where we got lucky. Possible at any
    /// time, even after the release is closed.
    ///
    /// Example: deploy-tool --as user:ana lesson checkout-241 went-badly "no test knows foreign addresses"
    Lesson(Lesson),
    /// It has an owner, a kind and a due date (the policy's, unless you give one), and stays open until it is settled; no release waits for it.
    ///
    /// Example: deploy-tool --as user:ana action checkout-241 "test with foreign addresses" --kind prevent --owner user:ben --due 14d
    Action(Action),
    /// Example: deploy-tool --as user:ben settle checkout-241 done --note "see pull request 830"
    Settle(Settle),
    /// Contracts can count complaints, as in `complaints > 3`. The same key counts once, however often it is recorded.
    ///
    /// Example: deploy-tool --as user:dora complain checkout-241 "the basket is empty after paying" --key SUP-4711
    Complain(Complain),
    /// It stays on the record, with your name and the reason; what was decided on it stays as well.
    ///
    /// Example: deploy-tool --as user:dora withdraw checkout-241 --key SUP-4711 --reason "it was about another shop"
    Withdraw(Withdraw),
    /// Example: deploy-tool --as user:ana close checkout-241
    Close(OfRelease),
    /// Shows where things stand and what is being waited for: every release, or one in full
    ///
    /// Who may: everyone. With --json, one object per release.
    ///
    /// Example: deploy-tool status checkout-241
    Status {
        /// The release [default: all of them]
        #[arg(value_parser = ReleaseId::recorded)]
        release: Option<ReleaseId>,
    },
    /// Shows what is live on every target, which release holds it, what waits, and what is frozen
    ///
    /// A target is a service in one environment or region; one release at a time moves its traffic, and the others wait. Who
    /// may: everyone. With --json, one object for every target.
    ///
    /// Example: deploy-tool target checkout
    Target {
        /// The target [default: all of them]
        target: Option<TargetName>,
    },
    /// Stops everything that goes forward, on a target or everywhere, until it is lifted
    ///
    /// Releases stand still at their next look, whatever their plans were approved under. Going back is never frozen. Who may:
    /// everyone whom the directory knows.
    ///
    /// Example: deploy-tool --as user:dora freeze checkout --reason "the database is being moved" --until 2026-12-01T08:00+01:00
    Freeze(Freeze),
    /// Lifts a freeze
    ///
    /// What it held goes on at its next look. Who may: whoever may operate releases.
    ///
    /// Example: deploy-tool --as user:ana unfreeze 4 --target checkout --reason "the database is moved"
    Unfreeze(Unfreeze),
    /// Puts the freezes of the policy in force for every release, whatever its plan was approved under
    ///
    /// They hold from the next look on. Who may: whoever may operate releases.
    ///
    /// Example: deploy-tool --as user:ana adopt
    Adopt(Adopt),
    /// Shows which conductors are running, and which releases nobody is driving
    ///
    /// For cron and monitoring: the exit status is 1 where a release needs a conductor and has none. A conductor counts as
    /// running for 15 s after it was last heard of. Who may: everyone. With --json, one object for every conductor and
    /// release.
    ///
    /// Example: deploy-tool presence
    Presence,
    /// Shows what happened, record by record
    ///
    /// Who may: everyone. With --json, one object for every record.
    ///
    /// Example: deploy-tool log checkout-241 --full
    Log {
        /// The release
        #[arg(value_parser = ReleaseId::recorded)]
        release: ReleaseId,
        /// Shows every evaluation of the metrics instead of grouping them
        #[arg(long)]
        full: bool,
    },
    /// Shows the plan beside what happened, and when it should be over
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool schedule checkout-241
    Schedule(OfRelease),
    /// Shows the plan in force: scope, risk, contract, steps, approvals
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool show checkout-241
    Show(OfRelease),
    /// Shows the evidence for and against a release, criterion by criterion, and how close it came to an alarm
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool evidence checkout-241
    Evidence(OfRelease),
    /// Shows why a release was rolled back, how long that took, and what caused it
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool rollback-log checkout-241
    RollbackLog(OfRelease),
    /// Writes the storyboard of a release as one self-contained page
    ///
    /// Plan, stage, release, verify and rollback with their checklists, gates, verdicts and artifacts; no scripts, and
    /// nothing loaded from the network. An existing file is replaced. Who may: everyone.
    ///
    /// Example: deploy-tool storyboard checkout-241 -o checkout-241.html
    Storyboard {
        /// The release
        #[arg(value_parser = ReleaseId::recorded)]
        release: ReleaseId,
        /// Writes to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Exports the whole journal, with people, roles, policy and open items, or imports such an export
    ///
    /// Who may: everyone who can read the journal, and write the new one.
    ///
    /// Example: deploy-tool handover export folder
    #[command(subcommand, visible_alias = "estate")]
    Handover(Handover),
    /// Copies the journal to a new file, while others go on using it
    ///
    /// The copy is a journal as it was at one moment; it appears whole or not at all, and nothing is overwritten. Verify it
    /// where it is kept.
    ///
    /// Who may: everyone who can read the journal, and write the copy.
    ///
    /// Example: deploy-tool backup /backup/relman-2026-11-30.db
    Backup {
        /// A file that does not exist yet
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Publishes copies of a release to the configured trackers, or brings them up to date
    ///
    /// GitHub Releases, GitLab Releases, Jira Cloud: where the release is, a note for each phase, post-mortems, the record
    /// and the package. What was published before is found again, so that there is one of each however often you run
    /// this. `run` does it on its own with every phase. Who may: whoever has the trackers' tokens.
    ///
    /// Example: deploy-tool publish checkout-241
    Publish(Publish),
    /// Packs everything about a release into one zip archive
    ///
    /// Every artifact, the record with scripts that verify and replay it, the storyboard, forms that are filled in as far
    /// as the record goes, and a guide for the retrospective. The same release gives the same bytes. Prints the head and the
    /// digest of SHA256SUMS: keep them elsewhere. `verify FILE` makes the package again and compares it. An existing file is
    /// replaced. Who may: everyone.
    ///
    /// Example: deploy-tool package checkout-241 -o checkout-241.zip
    Package(Package),
    /// Prints the artifacts of a release: plan, schedule, validation, rollback log, post-mortems, retrospective
    ///
    /// Computed from the journal as of its last record, so the same release always gives the same text. Files in
    /// --templates replace those for Markdown: plan.md, validation.md, _footer.md … Who may: everyone.
    ///
    /// Example: deploy-tool report checkout-241 --artifact retrospective --format markdown
    Report(Report),
    /// Shows delivery performance over all releases of the journal
    ///
    /// Deployment frequency, lead time for changes, change fail rate and failed deployment recovery time, as DORA
    /// defines them; drills do not count. Who may: everyone.
    ///
    /// Example: deploy-tool metrics --last 90d --format markdown
    Metrics(Metrics),
    /// Shows open post-mortems and action items, overdue ones first
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool owed
    Owed,
    /// Checks that no record was altered, removed, swapped or repeated
    ///
    /// FILE is a journal, an export or a package. An export is also compared with the journal, if that has the release. A
    /// package is made again from its record, and every file compared byte for byte. `verify` alone checks the chain; with
    /// --deep it also checks that each record could happen and that each verdict follows from what was measured. Opens
    /// nothing for writing. A chain alone can't show that it was rewritten from some record on: pass heads that were
    /// kept elsewhere with --head, or the answer says `unanchored`. Who may: everyone.
    ///
    /// Example: deploy-tool verify checkout-241.jsonl --head 28a3a18f…
    Verify(Verify),
    /// Prints the stored lines of a release, byte for byte
    ///
    /// One JSON object per line; `printf '\0%s' "$line" | sha256sum` is what the next line links to. Who may:
    /// everybody.
    ///
    /// Example: deploy-tool export checkout-241 -o checkout-241.jsonl
    Export {
        /// The release
        #[arg(value_parser = ReleaseId::recorded)]
        release: ReleaseId,
        /// Writes to this new file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Prints a JSON Schema, for editors
    ///
    /// Who may: everyone.
    ///
    /// Example: deploy-tool schema plan > plan.schema.json
    Schema {
        /// Which file it describes
        of: SchemaOf,
    },
}

/// Reads the command line. Where it is wrong, or asks for help, this says so and ends the process.
pub(crate) fn parse() -> Cli {
    if std::env::args().skip(1).eq(["help", "command-protocol"].map(str::to_owned)) {
        print_command_protocol();
    }
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Prints the page about the program that a `command` deployer runs, and ends.
fn print_command_protocol() -> ! {
    #[cfg(feature = "adapters")]
    {
        use std::io::Write as _;
        // Whoever closes the pipe has read enough.
        let _ = std::io::stdout().write_all(relman_adapters::deployer::command::PROTOCOL.as_bytes());
        std::process::exit(0);
    }
    #[cfg(not(feature = "adapters"))]
    {
        eprintln!("this deploy-tool was built without adapters: build it with --features adapters");
        std::process::exit(2);
    }
}

/// The command line with its commands in groups.
fn command() -> clap::Command {
    let command = ActionName::ALL.into_iter().fold(Cli::command(), with_action);
    let mut groups = String::new();
    for (title, names) in GROUPS {
        groups.push_str(title);
        groups.push_str(":\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let mut about = about.map(ToString::to_string).unwrap_or_default();
            if let Some(part) = Part::of_command(name).filter(|part| !part.is_built()) {
                about = format!("[needs --features {}] {about}", part.feature());
            }
            // Writing to a string does not fail.
            let _ = writeln!(groups, "  {name:<13} {about}");
        }
        groups.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
    );
    command.help_template(template).long_version(part::version())
}

/// The command line with what the table says about an action, where there is a command for it.
fn with_action(command: clap::Command, action: ActionName) -> clap::Command {
    let rules = action.rules();
    if command.find_subcommand(rules.name).is_none() {
        return command;
    }
    command.mut_subcommand(rules.name, |mut command| {
        let text = command.get_long_about().or(command.get_about()).map(ToString::to_string);
        let text = text.unwrap_or_default();
        let (more, example) = text.split_once("Example:").unwrap_or((&text, ""));
        let who = format!("Who may: {}.", rules.who_may());
        let more = more.trim();
        // `plan` records a plan or revises one, and says so in its own words.
        let (about, more) = match more.split_once("\n\n") {
            Some((about, more)) if action == ActionName::RecordPlan => (about, more),
            Some(_) | None => (rules.about, more),
        };
        let parts: Vec<&str> = [about, more, &who].into_iter().filter(|part| !part.is_empty()).collect();
        let long = format!("{}\n\nExample:{example}", parts.join("\n\n"));
        for field in rules.fields {
            let has_it = command.get_arguments().any(|argument| argument.get_id() == field.name);
            if has_it {
                command = command.mut_arg(field.name, |argument| argument.help(field.about));
            }
        }
        command.about(about.to_owned()).long_about(long)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn every_command_stands_in_one_group_of_the_help() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        grouped.sort_unstable();
        let command = command();
        let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        names.sort_unstable();
        assert_eq!(grouped, names);
    }

    #[test]
    fn a_part_names_commands_that_there_are() {
        let command = command();
        let of = |part| {
            command.get_subcommands().filter(|one| Part::of_command(one.get_name()) == Some(part)).count()
        };
        let [adapters, lab, schema, web] = [Part::Adapters, Part::Lab, Part::Schema, Part::Web].map(of);
        assert_eq!((adapters, lab, schema, web), (3, 1, 1, 3));
    }

    #[test]
    fn every_field_of_an_action_is_an_argument_with_the_words_of_the_table() {
        let command = command();
        for action in ActionName::ALL {
            let rules = action.rules();
            let Some(subcommand) = command.find_subcommand(rules.name) else {
                // A plan is revised by `plan`, and sources tell of incidents.
                let without = [ActionName::RevisePlan, ActionName::RecordIncident, ActionName::EndIncident];
                assert!(without.contains(&action), "there is no command {action}");
                continue;
            };
            for field in rules.fields {
                let named = |argument: &&clap::Arg| argument.get_id() == field.name;
                let argument = subcommand.get_arguments().find(named);
                let argument = argument.unwrap_or_else(|| panic!("{action} has no argument {}", field.name));
                let help = argument.get_help().map(ToString::to_string);
                assert_eq!(help.as_deref(), Some(field.about), "{action}: {}", field.name);
                assert_eq!(argument.is_required_set(), field.required, "{action}: {}", field.name);
            }
        }
    }

    #[test]
    fn every_command_says_who_may_and_gives_an_example() {
        let command = command();
        for subcommand in command.get_subcommands() {
            let about = subcommand.get_long_about().map(ToString::to_string).unwrap_or_default();
            let name = subcommand.get_name();
            assert!(about.contains("Who may: "), "{name}: {about}");
            assert!(about.contains("Example: deploy-tool ") && about.contains(name), "{name}: {about}");
        }
    }

    #[test]
    fn an_example_of_the_help_is_a_command_that_can_be_given() {
        let command = command();
        for subcommand in command.get_subcommands() {
            let about = subcommand.get_long_about().map(ToString::to_string).unwrap_or_default();
            let example =
                about.split("Example: ").nth(1).unwrap_or_default().replace("28a3a18f…", &"0".repeat(64));
            let mut words = Vec::new();
            'words: for (index, part) in example.split('"').enumerate() {
                if index % 2 == 1 {
                    words.push(part.to_owned());
                    continue;
                }
                for word in part.split_whitespace() {
                    // What follows is the shell's.
                    if matches!(word, ">" | "<") {
                        break 'words;
                    }
                    words.push(word.to_owned());
                }
            }
            Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}
