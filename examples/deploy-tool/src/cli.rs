//! The command line: what can be said, and the help that explains it.

pub(crate) mod judge;

use std::{fmt::Write, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use relman_core::{
    chain::Digest,
    event::Gate,
    report::ArtifactName,
    unit::{Actor, CheckName, ReleaseId, ServiceName, Span, Text, TrackName},
};
use relman_testkit::DemoScenario;

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
            "close",
        ],
    ),
    (
        "Read",
        &[
            "status",
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
    ("Check and hand over", &["verify", "export", "package", "publish", "handover", "schema"]),
];

const AFTER_HELP: &str = "\
Files:
  relman.db    the journal: every record of every release, one SQLite file (--journal FILE)
  relman.toml  people and roles, deployer, metrics, notifiers, user flows (--config FILE, `init`)

Exit status:
  0  done
  1  refused, not verified, or something outside failed; the message says what
  2  usage: a wrong invocation, or a file that it names can't be read or parsed

`deploy-tool help COMMAND` says who may do it and gives an example.";

/// Carries software releases from plan to completion, and leaves a record that can be checked.
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
    /// The journal, one SQLite file [default: relman.db]
    #[arg(long, global = true, display_order = 901, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// People, roles and adapters [default: relman.toml, if it is there]
    #[arg(long, global = true, display_order = 902, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who acts: user:NAME or service:NAME
    #[arg(long = "as", global = true, display_order = 903, value_name = "ACTOR", env = "RELMAN_AS")]
    pub(crate) actor: Option<Actor>,
    /// Prints JSON, one object a line
    #[arg(long, global = true, display_order = 904)]
    pub(crate) json: bool,
}

/// The user flows.
#[derive(Debug, Args)]
pub(crate) struct Flows {
    /// The service, as programs are told its name
    #[arg(value_name = "SERVICE", default_value = "by-hand")]
    pub(crate) service: ServiceName,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a whole release, 30.5 hours, in a few seconds on a simulated platform
    ///
    /// The clock, the traffic and the platform are simulated; the conductor, the journal and every rule are real.
    /// Who may: everybody; the people of the demo are made up, and the journal is a file that you can look at
    /// afterwards with `status`, `log` and `verify`.
    ///
    /// Example: deploy-tool demo --scenario error-spike
    Demo(Demo),
    /// Writes a commented relman.toml, policy.toml and plan.toml to start from
    ///
    /// Never overwrites a file. Who may: everybody.
    ///
    /// Example: deploy-tool init my-service
    Init {
        /// The folder; it is made if it is not there
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Tries a policy in simulated worlds, thousands of times, and shows what it does to users
    ///
    /// For healthy versions: how many are rolled back wrongly, and how long a release takes. For every kind of
    /// regression at several sizes: how many are found, how soon, and how many requests and users are harmed until then.
    /// Each figure has its confidence interval. A second policy meets the same random numbers, so that the two can be
    /// compared. The criteria are those of the plan; without one, `error_rate > 1%`, `latency_p99 > 2x baseline` and
    /// `complaints > 3`. A thousand trials take half a minute or so. Who may: everybody; nothing real is touched.
    ///
    /// Example: deploy-tool lab policy.toml --against hasty.toml --html lab.html
    Lab(Lab),
    /// Judges what was measured in the past: would this gate have caught last month's incident?
    ///
    /// Reads one interval a line from the standard input or from a file, or a window of the past from a Prometheus, and
    /// says in a sentence what the gate would have done and when; --table shows each interval, --json is for scripts.
    /// Who may: everybody; nothing is recorded and nothing real is touched.
    ///
    /// Example: deploy-tool judge "error_rate > 2x baseline" < observations.jsonl
    #[expect(clippy::doc_markdown, reason = "the example is typed as it stands")]
    Judge(Box<judge::Judge>),
    /// Conducts a real release in the foreground, until it has ended or Ctrl-C
    ///
    /// Records the plan if it is new, then does what the release asks for: deploys, routes traffic, measures, tells
    /// people, and goes back by itself where the contract says so. After a crash the same command goes on where the
    /// record ends; nothing is done twice. Who may: whoever may record the plan (--as); nobody needs a role to go
    /// on with one that is recorded.
    ///
    /// Example: deploy-tool --as user:ana run plan.toml
    Run(Run),
    /// Serves the overview, every storyboard and people's actions as web pages
    ///
    /// On loopback by default. Reading needs nothing there; acting needs a token of [web.tokens] in the configuration.
    /// A release that `run` conducts in another process is shown as it goes on. Who may: everybody; what somebody does
    /// on the pages needs the same roles as the commands.
    ///
    /// Example: deploy-tool serve --listen 127.0.0.1:7878
    Serve(Serve),
    /// Tries the key user flows once and shows what was found
    ///
    /// Those of `user_flows` in the configuration, as `run` tries them while it validates a release. The exit status is
    /// 1 unless each of them works. Who may: everybody; nothing is recorded.
    ///
    /// Example: deploy-tool flows
    Flows(Flows),
    /// Records the plan of a release, or revises it while it is in planning
    ///
    /// A revision makes approvals void; the same plan once more changes nothing. Who may: roles with the permission
    /// `plan`. Whoever records or revises it is an author, and can neither approve nor override.
    ///
    /// Example: deploy-tool --as user:ana plan plan.toml
    Plan(Plan),
    /// Approves a plan that somebody else wrote
    ///
    /// High risk takes two approvers. With the last approval staging begins. Who may: people with the permission
    /// `approve` who are not authors of the plan.
    ///
    /// Example: deploy-tool --as user:ben approve checkout-241
    Approve(OfRelease),
    /// Records the outcome of a check, with what shows it
    ///
    /// Staging asks for unit, integration and end-to-end, high risk for manual-qa, a performance-sensitive change
    /// for load-test; the validation asks for user-flows, which `run` makes itself
    /// where `user_flows` are configured. Who may: roles with the permission `check`; manual-qa is
    /// signed by a person, who confirms every item of the checklist.
    ///
    /// Example: deploy-tool --as service:ci check checkout-241 unit passed --evidence "run 1742"
    Check(Check),
    /// Makes a release stand still until somebody resumes it
    ///
    /// Traffic stays where it is. Who may: everybody whom the directory knows may pull the cord.
    ///
    /// Example: deploy-tool --as user:dora hold checkout-241 --reason "odd log lines"
    Hold(WithReason),
    /// Lets a release go on that was held, or tries a failed deployment again
    ///
    /// Who may: roles with the permission `operate`.
    ///
    /// Example: deploy-tool --as user:ana resume checkout-241 --reason "the lines are from a probe"
    Resume(WithReason),
    /// Takes a release back to zero traffic
    ///
    /// A rollback is done only when the platform shows zero traffic. Who may: everybody whom the directory knows.
    ///
    /// Example: deploy-tool --as user:dora rollback checkout-241 --reason "customers see old prices"
    Rollback(WithReason),
    /// Gives a release up before it has touched production
    ///
    /// Who may: roles with the permission `operate`.
    ///
    /// Example: deploy-tool --as user:ana abort checkout-241 --reason "superseded by checkout-242"
    Abort(WithReason),
    /// Overrides a failed gate: recorded, limited in time, and owed a post-mortem
    ///
    /// Covers the checks that have failed by now, or a freeze. Neither the plan gate nor a step of the rollout can
    /// be overridden. Who may: people with the permission `override` who neither wrote nor approved the plan.
    ///
    /// Example: deploy-tool --as user:eve override checkout-241 --gate staging --reason "known flake" --expires 4h
    Override(Override),
    /// Takes on-call duty for a release
    ///
    /// Validation time counts only under cover. If somebody else has the duty, this is the hand-over. Who may:
    /// people with the permission `on_call`.
    ///
    /// Example: deploy-tool --as user:dora ack checkout-241 --for 8h
    Ack(Ack),
    /// Files a post-mortem that is owed
    ///
    /// Rollbacks and overrides owe one, and no release is closed before it is filed. Who may: roles with the
    /// permission `operate`.
    ///
    /// Example: deploy-tool --as user:ana postmortem checkout-241 --summary "…" --root-cause "…"
    Postmortem(Postmortem),
    /// Writes down what was learnt from a release
    ///
    /// Under the headings of a retrospective: what went well, what went badly, where we were lucky. Possible at any
    /// time, after the close too. Who may: everybody whom the directory knows.
    ///
    /// Example: deploy-tool --as user:ana lesson checkout-241 went-badly "no test knows foreign addresses"
    Lesson(Lesson),
    /// Records something that somebody is to change because of a release
    ///
    /// It has an owner, a kind and a day, and is owed until it is settled; no release waits for it. Who may: roles with
    /// the permission `operate`.
    ///
    /// Example: deploy-tool --as user:ana action checkout-241 "test with foreign addresses" --kind prevent --owner user:ben --due 14d
    Action(Action),
    /// Says that an action item is done, or dropped
    ///
    /// Who may: its owner, and roles with the permission `operate`.
    ///
    /// Example: deploy-tool --as user:ben settle checkout-241 done --note "see pull request 830"
    Settle(Settle),
    /// Records a customer's complaint
    ///
    /// Complaints are counted by contracts such as `complaints > 3`. Who may: everybody whom the directory knows.
    ///
    /// Example: deploy-tool --as user:dora complain checkout-241 "the basket is empty after paying"
    Complain(Complain),
    /// Closes a release that has reached its end
    ///
    /// Who may: roles with the permission `operate`, once every post-mortem is filed.
    ///
    /// Example: deploy-tool --as user:ana close checkout-241
    Close(OfRelease),
    /// Shows what is going on and why it waits: every release, or one in full
    ///
    /// Who may: everybody. With --json one object a release.
    ///
    /// Example: deploy-tool status checkout-241
    Status {
        /// The release; all of them where it is left out
        release: Option<ReleaseId>,
    },
    /// Shows what happened, record by record
    ///
    /// Who may: everybody. With --json one object a record, every record.
    ///
    /// Example: deploy-tool log checkout-241 --full
    Log {
        /// The release
        release: ReleaseId,
        /// Shows every look at the metrics, and does not draw them together
        #[arg(long)]
        full: bool,
    },
    /// Shows what was planned beside what happened, and when it will be over
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool schedule checkout-241
    Schedule(OfRelease),
    /// Shows the plan in force: scope, risk, contract, steps, approvals
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool show checkout-241
    Show(OfRelease),
    /// Shows what spoke for and against a release, criterion by criterion, and how near to an alarm that came
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool evidence checkout-241
    Evidence(OfRelease),
    /// Shows why a release was taken back, how long that took, and what caused it
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool rollback-log checkout-241
    RollbackLog(OfRelease),
    /// Writes the storyboard of a release as one page that stands alone
    ///
    /// Plan, stage, release, verify and rollback with their checklists, gates, verdicts and artifacts; no script, and
    /// nothing from a network. An older file of that name is replaced. Who may: everybody.
    ///
    /// Example: deploy-tool storyboard checkout-241 -o checkout-241.html
    Storyboard {
        /// The release
        release: ReleaseId,
        /// Writes a file in place of the standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Exports the whole journal, with people, roles, policy and open items; or imports such an export
    ///
    /// Who may: everybody who can read the journal, and write the new one.
    ///
    /// Example: deploy-tool handover export folder
    #[command(subcommand, visible_alias = "estate")]
    Handover(Handover),
    /// Publishes copies of a release on the trackers of the configuration, or brings them up to date
    ///
    /// GitHub Releases, GitLab Releases, Jira Cloud: where the release is, a note for each phase, post-mortems, the record
    /// and the package. What was published before is found again, so that there is one of each however often this is
    /// said. `run` does it by itself with every phase. Who may: whoever has the trackers' tokens.
    ///
    /// Example: deploy-tool publish checkout-241
    Publish(Publish),
    /// Packs everything about a release into one zip archive
    ///
    /// Every artifact, the record with scripts that verify and replay it, the storyboard, forms that are begun with what
    /// the release was, and a guide for the retrospective. The same release gives the same bytes. An older package of
    /// that name is replaced. Who may: everybody.
    ///
    /// Example: deploy-tool package checkout-241 -o checkout-241.zip
    Package(Package),
    /// Prints the artifacts of a release: plan, schedule, validation, rollback log, post-mortems, retrospective
    ///
    /// Folded from the journal as of its last record, so that the same release always says the same. Templates for the
    /// Markdown are replaced by files of --templates: plan.md, validation.md, _footer.md … Who may: everybody.
    ///
    /// Example: deploy-tool report checkout-241 --artifact retrospective --format markdown
    Report(Report),
    /// Shows how well software is delivered, over all releases of the journal
    ///
    /// Deployment frequency, lead time for changes, change fail rate and failed deployment recovery time, by the
    /// definitions of DORA; drills do not count. Who may: everybody.
    ///
    /// Example: deploy-tool metrics --last 90d --format markdown
    Metrics(Metrics),
    /// Shows what people owe releases: post-mortems, and action items, overdue ones first
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool owed
    Owed,
    /// Checks that no record was altered, removed, swapped or repeated
    ///
    /// FILE is a journal, or an export; an export is held against the journal too, where that has the release.
    /// Opens nothing for writing. A chain alone can't show that it was rewritten from some record on: give the heads
    /// that were kept elsewhere with --head, or the answer says `unanchored`. Who may: everybody.
    ///
    /// Example: deploy-tool verify checkout-241.jsonl --head 28a3a18f…
    Verify(Verify),
    /// Prints the stored lines of a release, byte for byte
    ///
    /// One JSON object a line; `printf '\0%s' "$line" | sha256sum` is what the next line links to. Who may:
    /// everybody.
    ///
    /// Example: deploy-tool export checkout-241 -o checkout-241.jsonl
    Export {
        /// The release
        release: ReleaseId,
        /// Writes a new file in place of the standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Prints a JSON Schema, for editors
    ///
    /// Who may: everybody.
    ///
    /// Example: deploy-tool schema plan > plan.schema.json
    Schema {
        /// Of which file
        of: SchemaOf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What happens to the release
    #[arg(long, value_enum, default_value_t = Scenario::Clean)]
    pub(crate) scenario: Scenario,
    /// The same seed gives the same traffic
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What happens to the release of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Nothing: 1 %, 10 %, 50 %, 100 %, validated
    Clean,
    /// The new version fails requests, and is rolled back by itself
    ErrorSpike,
    /// The metrics are gone for a while: the release holds, then goes on
    MetricsOutage,
    /// Nobody is on call for a while: the validation waits
    OncallLapse,
    /// An executive overrides a failed check, and a post-mortem is demanded
    Override,
    /// The deployer fails now and then
    FlakyDeployer,
}

impl Scenario {
    /// The scenario as it is told.
    pub(crate) fn told(self) -> DemoScenario {
        match self {
            Self::Clean => DemoScenario::Clean,
            Self::ErrorSpike => DemoScenario::ErrorSpike,
            Self::MetricsOutage => DemoScenario::MetricsOutage,
            Self::OncallLapse => DemoScenario::OncallLapse,
            Self::Override => DemoScenario::Override,
            Self::FlakyDeployer => DemoScenario::FlakyDeployer,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The policy, TOML
    #[arg(value_name = "POLICY.toml")]
    pub(crate) policy: PathBuf,
    /// Another policy, for comparison
    #[arg(long, value_name = "OTHER.toml")]
    pub(crate) against: Option<PathBuf>,
    /// The plan whose criteria, risk and track the releases have
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    /// The track to try; the one that the plan takes by its risk where it is left out
    #[arg(long, value_name = "TRACK")]
    pub(crate) track: Option<TrackName>,
    /// How often each policy is tried in each world
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) trials: u32,
    /// The same seed gives the same report, byte for byte
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Writes the report as a page, with charts; an older report of that name is replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The plan, TOML
    #[arg(value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
    /// The policy, TOML; the one of the configuration or the shipped one where it is left out
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: that of the configuration, or 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The plan, TOML
    #[arg(value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
    /// The policy, TOML; the one of the configuration or the shipped one where it is left out
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OfRelease {
    /// The release
    pub(crate) release: ReleaseId,
}

#[derive(Debug, Args)]
pub(crate) struct WithReason {
    /// The release
    pub(crate) release: ReleaseId,
    /// Why, for those who read the record later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The release
    pub(crate) release: ReleaseId,
    /// The check: unit, integration, end-to-end, manual-qa, load-test, user-flows or one of the policy's own
    #[arg(value_name = "CHECK")]
    pub(crate) name: CheckName,
    /// How it ended
    pub(crate) outcome: CheckResult,
    /// What shows it: a link, a summary
    #[arg(long, value_name = "TEXT")]
    pub(crate) evidence: Text,
    /// An item of the checklist that is confirmed; may be given many times
    #[arg(long = "item", value_name = "TEXT", conflicts_with = "all_items")]
    pub(crate) items: Vec<Text>,
    /// Confirms every item of the checklist
    #[arg(long)]
    pub(crate) all_items: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckResult {
    /// It passed
    #[value(alias = "pass")]
    Passed,
    /// It failed
    #[value(alias = "fail")]
    Failed,
}

#[derive(Debug, Args)]
pub(crate) struct Override {
    /// The release
    pub(crate) release: ReleaseId,
    /// The failed gate: staging, validation or freeze
    #[arg(long)]
    pub(crate) gate: Gate,
    /// Why, for those who read the record later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Text,
    /// For how long it may be used, from now on: 4h
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Span,
}

#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// The release
    pub(crate) release: ReleaseId,
    /// For how long, from now on: 8h [default: the policy's shift]
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) length: Option<Span>,
}

#[derive(Debug, Args)]
pub(crate) struct Postmortem {
    /// The release
    pub(crate) release: ReleaseId,
    /// What happened and what was learnt
    #[arg(long, value_name = "TEXT")]
    pub(crate) summary: Text,
    /// What caused it
    #[arg(long, value_name = "TEXT")]
    pub(crate) root_cause: Text,
    /// Which one, where several are owed
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    /// Where the whole text is
    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<Text>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Handover {
    /// Exports everything to a new folder
    ///
    /// Every stream is verified on the way. Prints the digest of the manifest: pass it on to whoever imports, over
    /// another route than the folder.
    ///
    /// Example: deploy-tool handover export folder
    Export {
        /// A folder that does not exist yet, or is empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Imports everything from a folder into the journal
    ///
    /// Nothing is written before all of it is verified. Releases that the journal already has must have the same
    /// history. Afterwards the heads are compared. People and policy become the configuration where this machine has
    /// none, and are compared where it has one.
    ///
    /// Example: deploy-tool --journal new.db handover import folder --digest 28a3a18f…
    Import {
        /// The folder with the export
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// The digest that the export printed
        #[arg(long, value_name = "SHA256")]
        digest: Option<Digest>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The release
    pub(crate) release: ReleaseId,
}

#[derive(Debug, Args)]
pub(crate) struct Package {
    /// The release
    pub(crate) release: ReleaseId,
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// A folder of templates that replace those of relman, as for `report`
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Lesson {
    /// The release
    pub(crate) release: ReleaseId,
    /// Under which heading
    pub(crate) heading: Heading,
    /// What was learnt
    pub(crate) text: Text,
}

/// The headings of a retrospective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Heading {
    /// What went well, and is to be kept
    WentWell,
    /// What went badly, and is to be changed
    WentBadly,
    /// Where it was luck that nothing worse happened
    Lucky,
}

#[derive(Debug, Args)]
pub(crate) struct Action {
    /// The release
    pub(crate) release: ReleaseId,
    /// What is to be done
    pub(crate) what: Text,
    /// What it is good for
    #[arg(long)]
    pub(crate) kind: ActionKind,
    /// Who does it: user:NAME
    #[arg(long, value_name = "ACTOR")]
    pub(crate) owner: Actor,
    /// By when, from now on: 14d
    #[arg(long, value_name = "DURATION")]
    pub(crate) due: Span,
}

/// What an action item is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActionKind {
    /// It can't happen again
    Prevent,
    /// It is noticed sooner
    Detect,
    /// It does less harm, or is over sooner
    Mitigate,
    /// People work in another way
    Process,
}

#[derive(Debug, Args)]
pub(crate) struct Settle {
    /// The release
    pub(crate) release: ReleaseId,
    /// In which way
    pub(crate) how: Settled,
    /// Which one, where several are open
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    /// What shows that it is done, or why it was dropped
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Text,
}

/// How an action item came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settled {
    /// It was done
    Done,
    /// It is not done any more, for a reason
    Dropped,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The release
    pub(crate) release: ReleaseId,
    /// One of plan, schedule, validation, rollback-log, post-mortem-1 …, retrospective; all that there are where it is
    /// left out
    #[arg(long, value_name = "NAME")]
    pub(crate) artifact: Option<ArtifactName>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Deployments of the last so many days, up to now: 90d; all of them where it is left out
    #[arg(long, value_name = "DURATION")]
    pub(crate) last: Option<Span>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// In which shape a document is printed.
#[derive(Debug, Args)]
pub(crate) struct Shape {
    /// Text for a terminal, Markdown for a page, JSON for a program; --json is the same as --format json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// A folder whose files, such as plan.md, replace the templates of the Markdown
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
}

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// For a page
    Markdown,
    /// For a program, one object a line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Complain {
    /// The release
    pub(crate) release: ReleaseId,
    /// What the customer said
    pub(crate) text: Text,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A journal or an export [default: the journal]
    pub(crate) file: Option<PathBuf>,
    /// A head that was kept elsewhere, 64 hexadecimal digits, or RELEASE=HEX; may be given many times
    #[arg(long = "head", value_name = "HEX")]
    pub(crate) heads: Vec<KnownHead>,
    /// Judges every look again from what was recorded; each verdict has to come out the same, bit for bit
    #[arg(long)]
    pub(crate) deep: bool,
}

/// A head that somebody kept outside of the journal.
#[derive(Debug, Clone)]
pub(crate) struct KnownHead {
    /// The stream it belongs to, where that was said.
    pub(crate) release: Option<ReleaseId>,
    /// The hash of a record.
    pub(crate) digest: relman_core::chain::Digest,
}

impl std::str::FromStr for KnownHead {
    type Err = relman_core::unit::UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((release, digest)) => Ok(Self { release: Some(release.parse()?), digest: digest.parse()? }),
            None => Ok(Self { release: None, digest: text.parse()? }),
        }
    }
}

/// Which schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Of a release plan
    Plan,
    /// Of a policy
    Policy,
}

/// Reads the command line. Where it is wrong, or asks for help, this says so and ends the process.
pub(crate) fn parse() -> Cli {
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line with its commands in groups.
fn command() -> clap::Command {
    let command = Cli::command();
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
        let command = Cli::command();
        let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        names.sort_unstable();
        assert_eq!(grouped, names);
    }

    #[test]
    fn a_part_names_commands_that_there_are() {
        let command = Cli::command();
        let of = |part| {
            command.get_subcommands().filter(|one| Part::of_command(one.get_name()) == Some(part)).count()
        };
        let [adapters, lab, schema, web] = [Part::Adapters, Part::Lab, Part::Schema, Part::Web].map(of);
        assert_eq!((adapters, lab, schema, web), (3, 1, 1, 3));
    }

    #[test]
    fn every_command_says_who_may_and_gives_an_example() {
        let command = Cli::command();
        for subcommand in command.get_subcommands() {
            let about = subcommand.get_long_about().map(ToString::to_string).unwrap_or_default();
            let name = subcommand.get_name();
            assert!(about.contains("Who may: "), "{name}: {about}");
            assert!(about.contains("Example: deploy-tool ") && about.contains(name), "{name}: {about}");
        }
    }

    #[test]
    fn an_example_of_the_help_is_a_command_that_can_be_given() {
        let command = Cli::command();
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
