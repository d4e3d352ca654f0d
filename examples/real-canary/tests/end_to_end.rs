//! A release on real traffic, conducted by the deploy tool: it completes, it is taken back, it survives being killed.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use real_canary::{
    comparison::Comparison,
    drill::{Drill, RELEASE, Running, Versions},
    programs::deploy_tool_path,
    record::Log,
    stack::{Stack, StackConfig, StackError},
};
use relman_core::{
    judge::Arm,
    port::{Deployer, Target},
    unit::{Span, TrafficShare},
};
use serde_json::Value;
use tempfile::TempDir;

/// Three times as long as the longest drill takes.
const DEADLINE: Duration = Duration::from_mins(2);

/// How often something is looked at.
const POLL: Duration = Duration::from_millis(100);

/// One drill at a time: on two cores, three would take each other's time.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A stack with a drill on it, and somebody between deploy tool and HAProxy who takes notes.
struct Scene {
    stack: Stack,
    drill: Drill,
    recorder: Arc<Recorder>,
    begin: Instant,
    _dir: TempDir,
}

impl Scene {
    /// Sets the scene, or passes over the test where haproxy or Prometheus is not installed.
    async fn set() -> Option<Self> {
        let mut config = StackConfig::new(env!("CARGO_BIN_EXE_service"));
        config.requests_per_second = 400.try_into().unwrap();
        let stack = match Stack::start(config).await {
            Ok(stack) => stack,
            Err(error @ StackError::NotInstalled { .. }) => {
                let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
                assert!(!required, "{error}, and RELMAN_REQUIRE_SERVICES=1 asks for it");
                eprintln!("{error}: this test is passed over");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let dir = TempDir::new().unwrap();
        let mut settings = stack.settings().clone();
        let recorder = Recorder::start(dir.path().join("recorder.sock"), settings.haproxy.socket.clone());
        settings.haproxy.socket.clone_from(&recorder.socket);
        let versions = Versions { baseline: "1.0.0", canary: "2.0.0" };
        let drill = Drill::prepare(dir.path(), deploy_tool_path().unwrap(), &settings, versions).unwrap();
        Some(Self { stack, drill, recorder, begin: Instant::now(), _dir: dir })
    }

    /// Lets the people take part until something holds; `none` where the conductor ends first.
    async fn until(
        &mut self,
        conducting: &mut Running,
        mut holds: impl AsyncFnMut(&Stack, &Log) -> bool,
    ) -> Option<ExitStatus> {
        loop {
            let ended = conducting.ended().unwrap();
            let log = self.drill.log().unwrap();
            if holds(&self.stack, &log).await || ended.is_some() {
                return ended;
            }
            assert!(self.begin.elapsed() < DEADLINE, "{}: {}", self.stack.tally(), conducting.last_words());
            self.stack.check().unwrap();
            self.drill.take_part(&log).unwrap();
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the deploy tool prints as JSON.
    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.drill.tool(words).unwrap()).unwrap()
    }

    /// That no record was altered.
    fn verify(&self) {
        let verified = self.json(&["verify", "--json"]);
        assert_eq!(verified["ok"], true, "{verified}");
        assert_eq!(verified["streams"][0]["release"], RELEASE, "{verified}");
    }

    /// The share that HAProxy's weights give the new version.
    async fn routed(&self) -> TrafficShare {
        let target = Target::new(
            RELEASE.parse().unwrap(),
            "app".parse().unwrap(),
            relman_core::plan::Artifact {
                name: "app".parse().unwrap(),
                version: "2.0.0".parse().unwrap(),
                digest: None,
            },
            "1.0.0",
        );
        self.stack.deployer().observe(&target).await.unwrap().canary_share
    }

    /// Waits until Prometheus sees no request for the new version any more.
    async fn until_nothing_is_seen(&self) {
        while self.stack.observed_share().await.unwrap() != Some(0.0) {
            assert!(self.begin.elapsed() < DEADLINE, "{}", self.stack.tally());
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Passes everything on to HAProxy, and remembers the changes.
struct Recorder {
    socket: PathBuf,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    changes: Vec<String>,
    /// From so many changes on, HAProxy's answers are kept back for good.
    silent_from: Option<usize>,
}

impl Recorder {
    fn start(socket: PathBuf, haproxy: PathBuf) -> Arc<Self> {
        let listener = UnixListener::bind(&socket).unwrap();
        let recorder = Arc::new(Self { socket, notes: Mutex::default() });
        let notes = Arc::clone(&recorder);
        // It ends with the process of the tests.
        thread::spawn(move || {
            // What nobody hears an answer to stays open, as a network does that has lost the packets.
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if let Some(unanswered) = notes.pass_on(stream, &haproxy) {
                    kept.push(unanswered);
                }
            }
        });
        recorder
    }

    fn pass_on(&self, mut stream: UnixStream, haproxy: &Path) -> Option<UnixStream> {
        let mut line = String::new();
        // A conductor that is killed breaks off anywhere.
        if BufReader::new(&stream).read_line(&mut line).is_err() || line.is_empty() {
            return None;
        }
        let mut answer = Vec::new();
        let mut haproxy = UnixStream::connect(haproxy).ok()?;
        haproxy.write_all(line.as_bytes()).ok()?;
        haproxy.read_to_end(&mut answer).ok()?;
        if line.starts_with("set server ") {
            let mut notes = self.notes();
            notes.changes.push(line.trim().to_owned());
            if notes.silent_from.is_some_and(|from| notes.changes.len() >= from) {
                return Some(stream);
            }
        }
        let _ = stream.write_all(&answer);
        None
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weights that were set, by server.
    fn weights(&self) -> BTreeMap<String, Vec<String>> {
        let mut weights = BTreeMap::<_, Vec<_>>::new();
        for change in &self.notes().changes {
            let words: Vec<_> = change.split_whitespace().collect();
            assert_eq!((words.len(), words[3]), (5, "weight"), "{change}");
            weights.entry(words[2].to_owned()).or_default().push(words[4].to_owned());
        }
        weights
    }

    /// That no command was given twice in a row.
    fn assert_nothing_twice(&self) {
        for (server, weights) in self.weights() {
            assert!(weights.windows(2).all(|pair| pair[0] != pair[1]), "{server}: {weights:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_version_reaches_all_of_the_traffic_and_is_validated() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let Some(mut scene) = Scene::set().await else { return };
    let mut conducting = scene.drill.conduct().unwrap();
    // How near Prometheus came to the share while it was set.
    let mut nearest = BTreeMap::from([(100, 1.0_f64), (1000, 1.0), (5000, 1.0), (10000, 1.0)]);
    let status = scene
        .until(&mut conducting, async |stack, log| {
            let seen = stack.observed_share().await.unwrap();
            if let (Some(seen), Some(set)) = (seen, log.shares().last()) {
                let nearest = nearest.get_mut(set).unwrap();
                *nearest = nearest.min((seen - *set as f64 / 10_000.0).abs());
            }
            false
        })
        .await;
    let printed = fs::read_to_string(conducting.printed()).unwrap();
    assert_eq!(status.unwrap().code(), Some(0), "{printed}");
    assert!(printed.contains("drill-1 is complete"), "{printed}");
    assert!(nearest[&100] < 0.005, "{nearest:?}");
    assert!([1000, 5000, 10000].iter().all(|share| nearest[share] < 0.03), "{nearest:?}");

    let log = scene.drill.log().unwrap();
    assert_eq!(log.shares(), [100, 1000, 5000, 10000]);
    assert!(log.has("validation_started") && log.has("release_completed") && !log.has("rollback_started"));
    assert_eq!(scene.routed().await, TrafficShare::FULL);
    let tally = scene.stack.tally();
    assert_eq!((tally.unrouted, tally.unanswered, tally.of("2.0.0").failed), (0, 0, 0), "{tally}");
    scene.recorder.assert_nothing_twice();
    scene.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_fails_at_the_second_step_is_taken_back_to_zero() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let Some(mut scene) = Scene::set().await else { return };
    let mut conducting = scene.drill.conduct().unwrap();
    let mut fails = false;
    let status = scene
        .until(&mut conducting, async |stack, log| {
            if !fails && log.step() == Some(2) {
                stack.set_error_rate(Arm::Canary, 0.05).await.unwrap();
                fails = true;
            }
            false
        })
        .await;
    let printed = fs::read_to_string(conducting.printed()).unwrap();
    assert_eq!(status.unwrap().code(), Some(1), "{printed}");
    assert!(printed.contains("drill-1 is rolled back"), "{printed}");

    let log = scene.drill.log().unwrap();
    assert_eq!(log.shares(), [100, 1000, 0]);
    assert!(log.has("rollback_confirmed") && !log.has("release_completed"));
    assert_eq!(scene.routed().await, TrafficShare::ZERO);
    scene.until_nothing_is_seen().await;
    assert_eq!(scene.stack.tally().of("1.0.0").failed, 0, "{}", scene.stack.tally());

    // Every twentieth request fails; a look at 40 requests sees one to three of them.
    let breach = log.of("contract_breached").next().unwrap();
    let value = breach.data["verdict"]["value"].as_f64().unwrap();
    assert!((0.01..=0.08).contains(&value), "{breach:?}");
    assert_eq!(breach.data["verdict"]["method"], "evidence", "{breach:?}");
    assert_eq!(breach.data["verdict"]["channel"], "robust", "{breach:?}");
    let comparison = Comparison::of(&scene.drill.tool(&["export", RELEASE]).unwrap()).unwrap().unwrap();
    assert_eq!(comparison.breach.seq, breach.seq, "{comparison}");
    assert!(comparison.first_bad.seq < breach.seq && comparison.took() < Span::from_secs(60), "{comparison}");
    assert_eq!(comparison.criterion.to_string(), "error_rate > 1%", "{comparison}");
    // The figure is the record's: from the window of the first bad look to the confirmation.
    let look = log.of("evaluated").find(|look| look.seq == comparison.first_bad.seq).unwrap();
    assert_eq!(look.data["window"][0], comparison.first_bad.at.to_string(), "{comparison}");
    assert_eq!(comparison.zero.seq, log.of("rollback_confirmed").next().unwrap().seq, "{comparison}");
    let both = comparison.to_string();
    let took = format!("{}  by evidence, as it happened (breach #{}", comparison.took(), breach.seq);
    assert!(both.contains(&took) && both.contains("by a rule of five failed looks"), "{both}");
    // The same seconds, asked of Prometheus afterwards. They are cut otherwise, so that the gate is a stricter one, for
    // which that makes no difference.
    let (from, to) = (comparison.first_bad.at.to_string(), comparison.breach.at.to_string());
    let url = scene.stack.settings().prometheus.url.clone();
    let window = ["--prometheus", &url, "--from", &from, "--to", &to, "--every", "1s", "--plan", "plan.toml"];
    let words = [&["judge", "error_rate > 0.1%", "--min-requests", "20", "--json"], &window[..]].concat();
    let past = scene.json(&words);
    assert_eq!(past["verdict"], "fail", "{past}");
    let rollback = scene.json(&["rollback-log", RELEASE, "--json"]);
    assert_eq!(
        (&rollback["status"], &rollback["share_bp"]),
        (&"confirmed".into(), &1000.into()),
        "{rollback}"
    );
    let trigger = &rollback["trigger"]["criterion"];
    assert_eq!(trigger["criterion"], "error_rate > 1%", "{rollback}");
    assert_eq!(trigger["threshold"], "1%", "{rollback}");
    let observed = trigger["observed"].as_str().unwrap();
    let percent: f64 = observed.strip_suffix('%').unwrap().parse().unwrap();
    assert!((percent / 100.0 - value).abs() < 0.001, "{rollback}");
    let words = scene.drill.tool(&["rollback-log", RELEASE]).unwrap();
    for (name, value) in [("criterion", "error_rate > 1%"), ("observed", observed), ("limit", "1%")] {
        let named =
            |line: &str| line.trim().split_once(' ').is_some_and(|(n, v)| n == name && v.trim() == value);
        assert!(words.lines().any(named), "{name} {value}: {words}");
    }
    scene.recorder.assert_nothing_twice();
    scene.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conductor_that_is_killed_goes_on_and_applies_no_traffic_change_twice() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let Some(mut scene) = Scene::set().await else { return };

    // Killed in the middle of the second step.
    let mut conducting = scene.drill.conduct().unwrap();
    let middle = async |_: &Stack, log: &Log| log.step() == Some(2) && log.looks_in_step() >= 3;
    assert_eq!(scene.until(&mut conducting, middle).await, None, "{}", conducting.last_words());
    conducting.kill().unwrap();
    let before = scene.recorder.notes().changes.len();
    assert!(before > 0);
    assert_eq!(scene.drill.log().unwrap().step(), Some(2));

    // Killed once more when HAProxy has made a change and nobody has recorded it.
    scene.recorder.notes().silent_from = Some(before + 1);
    let mut conducting = scene.drill.conduct().unwrap();
    let recorder = Arc::clone(&scene.recorder);
    let changed = async |_: &Stack, _: &Log| recorder.notes().changes.len() > before;
    assert_eq!(scene.until(&mut conducting, changed).await, None, "{}", conducting.last_words());
    conducting.kill().unwrap();
    assert_eq!(scene.drill.log().unwrap().shares(), [100, 1000]);
    scene.recorder.notes().silent_from = None;

    let mut conducting = scene.drill.conduct().unwrap();
    let status = scene.until(&mut conducting, async |_, _| false).await;
    let printed = fs::read_to_string(conducting.printed()).unwrap();
    assert_eq!(status.unwrap().code(), Some(0), "{printed}");

    // Each step has one record of its traffic, and HAProxy was told each weight once.
    let log = scene.drill.log().unwrap();
    let completed = log.has("release_completed") && !log.has("rollback_started");
    assert!(completed, "{printed}\n{log:?}");
    assert_eq!(log.shares(), [100, 1000, 5000, 10000]);
    let steps: Vec<_> = log.of("step_started").filter_map(|entry| entry.data["step"].as_u64()).collect();
    assert_eq!(steps, [1, 2, 3, 4]);
    // 1:99, 11:99, 99:99, and 99:0.
    let weights = [("app/baseline", &["99", "0"][..]), ("app/canary", &["1", "11", "99"])];
    let weights = weights.map(|(server, weights)| {
        (server.to_owned(), weights.iter().map(|weight| (*weight).to_owned()).collect())
    });
    assert_eq!(scene.recorder.weights(), BTreeMap::from(weights));
    scene.verify();
}
