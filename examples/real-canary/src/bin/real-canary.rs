//! A release on real traffic: started, conducted by the deploy tool, shown and cleaned up by one command.

use std::{
    error::Error,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use clap::Parser;
use real_canary::{
    comparison::Comparison,
    drill::{Drill, RELEASE, Running, STEPS, Versions},
    programs::{deploy_tool_path, service_path},
    record::Log,
    stack::{Stack, StackConfig},
};
use relman_core::judge::Arm;
use tokio::signal::unix::{SignalKind, signal};

/// How often somebody looks whether there is something to do: often enough that nobody is waited for.
const LOOK: Duration = Duration::from_millis(250);

/// How often a line is shown.
const SHOW: Duration = Duration::from_secs(1);

/// How long Prometheus may take to see the last change: twice the five seconds that it looks back on.
const UNTIL_SEEN: Duration = Duration::from_secs(10);

/// How many requests the failing version fails, and from which step on.
const FAILING: f64 = 0.05;
const FAILING_FROM_STEP: u64 = 2;

/// Releases a new version of a small service, step by step on real traffic: HAProxy routes it, Prometheus measures
/// it, `deploy-tool run` conducts it. Everything is on this machine, takes about a minute, and is gone afterwards.
#[derive(Parser)]
struct Args {
    /// Makes the new version fail 5 % of its requests from the 10 % step on: it is rolled back by itself
    #[arg(long)]
    failing: bool,
    /// Keeps plan, policy, configuration and journal in this folder, which is made where it is not there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Requests a second
    #[arg(long, default_value = "400")]
    rate: NonZeroU32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return failed(&error),
    };
    // Whatever comes first, what was started is dropped, and ended by that.
    tokio::select! {
        result = run(Args::parse()) => match result {
            Ok(code) => code,
            Err(error) => failed(&*error),
        },
        _ = tokio::signal::ctrl_c() => interrupted(),
        _ = terminate.recv() => interrupted(),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprint!("real-canary: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
    ExitCode::FAILURE
}

fn interrupted() -> ExitCode {
    eprintln!("real-canary: interrupted; everything that was started is ended");
    ExitCode::from(130)
}

async fn run(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    println!(
        "Starting two versions of a service, HAProxy, Prometheus and {} requests a second ...",
        args.rate
    );
    let config = StackConfig { requests_per_second: args.rate, ..StackConfig::new(service_path()?) };
    let mut stack = Stack::start(config).await?;
    let temporary = tempfile::Builder::new().prefix("real-canary-drill-").tempdir()?;
    let dir = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(dir)?;
    let drill = prepare(dir, &stack)?;
    if drill.journal().exists() {
        return Err(format!("{} is there already: choose another folder", drill.journal().display()).into());
    }
    println!("Running: deploy-tool --as user:ana run plan.toml (in {})\n", drill.dir().display());
    let mut conducting = drill.conduct()?;
    let started = Instant::now();
    let status = follow(&mut stack, &drill, &mut conducting, args.failing, started).await?;
    until_seen(&mut stack, &drill, started).await?;
    println!("\n{}", conducting.last_words().lines().last().unwrap_or_default());
    conclude(&drill, &stack, args.keep.as_deref())?;
    Ok(code(status, args.failing))
}

fn prepare(dir: &Path, stack: &Stack) -> Result<Drill, Box<dyn Error>> {
    let (baseline, canary) = (stack.version(Arm::Baseline), stack.version(Arm::Canary));
    Ok(Drill::prepare(dir, deploy_tool_path()?, stack.settings(), Versions { baseline, canary })?)
}

/// Plays the people and shows what goes on, until the deploy tool has ended.
async fn follow(
    stack: &mut Stack,
    drill: &Drill,
    conducting: &mut Running,
    failing: bool,
    started: Instant,
) -> Result<ExitStatus, Box<dyn Error>> {
    let (mut shown, mut fails) = (None::<Instant>, false);
    loop {
        let ended = conducting.ended()?;
        let log = drill.log()?;
        if failing && !fails && log.step() >= Some(FAILING_FROM_STEP) {
            stack.set_error_rate(Arm::Canary, FAILING).await?;
            fails = true;
            println!("      version {} fails 5% of its requests from now on", stack.version(Arm::Canary));
        }
        if ended.is_some() || shown.is_none_or(|shown| shown.elapsed() >= SHOW) {
            shown = Some(Instant::now());
            show(started.elapsed(), &log, stack).await?;
        }
        if let Some(status) = ended {
            return match status.code() {
                Some(0 | 1) if log.has("plan_recorded") => Ok(status),
                _ => {
                    Err(format!("the deploy tool has ended with {status}: {}", conducting.last_words())
                        .into())
                }
            };
        }
        stack.check()?;
        drill.take_part(&log)?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Goes on showing until Prometheus sees what relman has set: it looks back on five seconds.
async fn until_seen(stack: &mut Stack, drill: &Drill, started: Instant) -> Result<(), Box<dyn Error>> {
    let (begin, log) = (Instant::now(), drill.log()?);
    let set = set_share(&log);
    while begin.elapsed() < UNTIL_SEEN
        && stack.observed_share().await?.is_none_or(|seen| (seen - set).abs() > 0.005)
    {
        stack.check()?;
        tokio::time::sleep(SHOW).await;
        show(started.elapsed(), &log, stack).await?;
    }
    Ok(())
}

/// The share that relman has set, from 0 to 1.
fn set_share(log: &Log) -> f64 {
    log.shares().last().copied().unwrap_or_default() as f64 / 10_000.0
}

async fn show(time: Duration, log: &Log, stack: &Stack) -> Result<(), Box<dyn Error>> {
    let stage = if log.has("release_completed") {
        "complete".to_owned()
    } else if log.has("rollback_confirmed") {
        "rolled back".to_owned()
    } else if log.has("rollback_started") {
        "rolling back".to_owned()
    } else if let Some(step) = log.step() {
        format!("step {step} of {STEPS}")
    } else if log.has("staging_started") {
        "staging".to_owned()
    } else {
        "planning".to_owned()
    };
    let set = set_share(log) * 100.0;
    let seen = match stack.observed_share().await? {
        Some(share) => format!("{:5.1}%", share * 100.0),
        None => "nothing".to_owned(),
    };
    let tally = stack.tally();
    println!(
        "{:4}s {stage:12}  relman set {set:5.1}%  Prometheus sees {seen}  {} requests, {} failed",
        time.as_secs(),
        tally.requests(),
        tally.versions.values().map(|answers| answers.failed).sum::<u64>()
            + tally.unrouted
            + tally.unanswered,
    );
    Ok(())
}

/// Prints what there is to read afterwards.
fn conclude(drill: &Drill, stack: &Stack, kept: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let report = if drill.log()?.has("rollback_started") { "rollback-log" } else { "schedule" };
    for words in [&[report, RELEASE][..], &["verify"]] {
        println!("\n$ deploy-tool {}\n{}", words.join(" "), drill.tool(words)?.trim_end());
    }
    if let Some(comparison) = Comparison::of(&drill.tool(&["export", RELEASE])?)? {
        println!("\n{comparison}");
    }
    println!("\nThe load: {}", stack.tally());
    match kept {
        Some(_) => println!("The journal is {}", drill.journal().display()),
        None => {
            println!("The journal was {} and is removed now; --keep DIR keeps it", drill.journal().display());
        }
    }
    Ok(())
}

/// Whether it has ended as it should.
fn code(status: ExitStatus, failing: bool) -> ExitCode {
    if status.success() == failing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
