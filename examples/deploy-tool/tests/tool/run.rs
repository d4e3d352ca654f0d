//! `run`: real releases, with a script as the platform.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::bench::{Answer, Bench, CONFIG};

/// Keeps the share in a file.
const PLATFORM: &str = r#"
read -r request
case "$request" in
  *'"operation":"set_traffic"'*)
    share=$(printf '%s' "$request" | sed 's/.*"share":\([0-9]*\).*/\1/')
    echo "$share" > share
    echo '{"ok":true}' ;;
  *'"operation":"observe"'*) echo "{\"canary_share\":$(cat share 2>/dev/null || echo 0)}" ;;
  *) echo '{"ok":true}' ;;
esac
"#;

/// The time of the newest sample, in the words of the metrics' source.
const FRESHNESS: &str = r#"'max(max_over_time(timestamp(x{version="{{version}}"})[{{window}}:5s]))'"#;

/// A platform that works, metrics that nobody answers for, and channels that go to the log.
pub(crate) fn bench() -> Bench {
    let bench = Bench::in_staging();
    configure(&bench);
    bench.run("--as service:ci check checkout-241 end-to-end passed --evidence green").done();
    bench
}

pub(crate) fn configure(bench: &Bench) {
    let metric = |name: &str| {
        let query = r#"'sum(increase(x{version="{{version}}"}[{{window}}]))'"#;
        format!("[metrics.metrics.{name}]\nkind = \"counts\"\nrequests = {query}\nerrors = {query}\n")
    };
    let metrics: String = ["error_rate", "latency_p99", "log_errors"].map(metric).concat();
    bench.write("platform.sh", PLATFORM);
    bench.write(
        "relman.toml",
        format!(
            "{CONFIG}\n[deployer]\nkind = \"command\"\nprogram = \"sh\"\nargs = [\"platform.sh\"]\n\
             [metrics]\nkind = \"prometheus\"\nurl = \"http://127.0.0.1:1\"\nfreshness = {FRESHNESS}\n{metrics}\
             [notifiers.releases]\nkind = \"log\"\n[notifiers.on-call]\nkind = \"log\"\n"
        ),
    );
}

pub(crate) fn start(bench: &Bench) -> Child {
    let words = ["--as", "user:ana", "run", "plan.toml"];
    bench.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads what the tool prints until a line has this in it.
pub(crate) fn read_until(child: &mut Child, part: &str) -> String {
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    while !said.contains(part) {
        if out.read_line(&mut said).unwrap() == 0 {
            let mut err = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut err).unwrap();
            panic!("it ended before it said {part}: {said}{err}");
        }
    }
    said
}

/// Waits for something that another process does; not for ever.
#[track_caller]
pub(crate) fn until(is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < give_up, "it does not come about");
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
pub(crate) fn interrupt(child: Child, signal: &str) -> Answer {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap().into()
}

#[cfg(unix)]
#[test]
fn who_stops_it_while_users_have_the_new_version_is_told_what_to_type() {
    for signal in ["-INT", "-TERM"] {
        let bench = bench();
        let mut running = start(&bench);
        let said = read_until(&mut running, "traffic set to 1%");
        let first = "checkout-241 takes checkout from 2.40.3 to 2.41.0, on the track standard, evaluated every 1m:\n     1% for at least";
        assert!(said.starts_with(first), "{said}");
        assert!(
            said.contains("100% for at least 24h, the validation, 6h 30m after the rollout begins"),
            "{said}"
        );
        assert_eq!(bench.read("share"), b"100\n");
        let stopped = interrupt(running, signal).done();
        assert!(stopped.out.contains("checkout-241 is open"), "{stopped:?}");
        for part in [
            "warning: checkout-241 is in production (releasing, step 1 of 4, 1% of the traffic at the last change)",
            "users stay there: nobody drives it now, nothing is measured, and a breach would not take it back",
            "deploy-tool --as user:ana run plan.toml",
            "deploy-tool --as user:ana rollback checkout-241 --reason \"…\" --now",
            "printf '%s\\n' '{\"operation\":\"set_traffic\"",
            " | sh platform.sh",
        ] {
            assert!(stopped.err.contains(part), "{part}: {}", stopped.err);
        }
    }
}

#[cfg(unix)]
#[test]
fn nobody_is_warned_before_production() {
    let bench = Bench::in_staging();
    configure(&bench);
    let mut running = start(&bench);
    read_until(&mut running, "deployed to staging");
    let stopped = interrupt(running, "-INT").done();
    assert!(stopped.out.contains("stopped by hand; run it again to continue"), "{stopped:?}");
    assert!(!stopped.err.contains("warning"), "{stopped:?}");
}

#[test]
fn two_that_start_together_with_a_new_plan_both_conduct_it_to_its_end() {
    for _ in 0..3 {
        let bench = Bench::new();
        configure(&bench);
        let running = [start(&bench), start(&bench)];
        until(|| bench.run("status checkout-241").status == 0);
        bench.run("--as user:ana abort checkout-241 --reason superseded").done();
        for child in running {
            let ended = Answer::from(child.wait_with_output().unwrap());
            assert_eq!(ended.status, 1, "{ended:?}");
            assert!(ended.out.contains("checkout-241 is aborted"), "{ended:?}");
        }
        let log = bench.run("log checkout-241 --json").done().json();
        let planned = log.iter().filter(|record| record["kind"] == "plan_recorded/2").count();
        assert_eq!(planned, 1, "{log:?}");
    }
}

#[test]
fn another_plan_under_the_same_id_is_not_conducted() {
    let bench = Bench::new();
    configure(&bench);
    bench.run("--as user:ana plan plan.toml").done();
    bench.write("plan.toml", crate::bench::PLAN.replace("Faster", "Slower"));
    bench.run("--as user:ana run plan.toml").refused("the journal holds another plan for checkout-241");
}
