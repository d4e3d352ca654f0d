//! The release package, opened and checked by someone who has nothing else.

use std::{
    fs,
    io::{Cursor, Read as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use relman_adapters::package::{PackageError, package};
use relman_core::{
    chain::FormatVersion,
    event::{LessonKind, Record},
    machine::{Action, Command as Act, Principal, Release, Session},
    port::with_causes,
    report::{ArtifactName, Templates},
    unit::ReleaseId,
};
use relman_testkit::DemoScenario;
use tempfile::TempDir;
use zip::ZipArchive;

/// What the scripts may use: these, and Python.
const TOOLS: [&str; 16] = [
    "sh",
    "cat",
    "comm",
    "cut",
    "dirname",
    "head",
    "jq",
    "mktemp",
    "paste",
    "rm",
    "sha256sum",
    "sort",
    "tail",
    "uniq",
    "wc",
    "python3",
];

/// A release of the demo with its stored lines.
fn recorded(scenario: DemoScenario) -> (ReleaseId, Vec<Vec<u8>>) {
    let run = scenario.simulation().run(scenario.team()).unwrap();
    (run.release.id().clone(), run.lines)
}

/// A package in a folder, with an environment that has the tools of the scripts and nothing else.
struct Opened {
    folder: TempDir,
    id: ReleaseId,
}

impl Opened {
    /// `None` where a tool is missing, which fails where everything is required.
    fn new(id: &ReleaseId, archive: &[u8]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for tool in TOOLS {
            let Some(place) = find(tool) else {
                let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
                assert!(!required, "{tool} is not installed, and RELMAN_REQUIRE_SERVICES=1 asks for it");
                eprintln!("{tool} is not installed: the scripts of the package are not tried");
                return None;
            };
            symlink(place, bin.join(tool)).unwrap();
        }
        let opened = Self { folder, id: id.clone() };
        ZipArchive::new(Cursor::new(archive)).unwrap().extract(opened.folder.path()).unwrap();
        Some(opened)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(self.id.as_str()).join(file)
    }

    fn run(&self, program: &str, script: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.folder.path().join("bin").join(program));
        command.arg(self.path(script)).args(arguments).current_dir("/");
        command.env_clear().env("PATH", self.folder.path().join("bin")).env("LC_ALL", "C.UTF-8");
        command.output().unwrap()
    }

    fn verify(&self, arguments: &[&str]) -> [Output; 2] {
        [self.run("sh", "scripts/verify.sh", arguments), self.run("python3", "scripts/verify.py", arguments)]
    }

    /// Both scripts refuse what was done to the package.
    fn is_refused(&self, what: &str) {
        for output in self.verify(&[]) {
            assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("FAILED"), "{what}: {said}");
        }
    }

    /// Makes the list of hashes fit, as somebody would who alters more than the record.
    fn sum_again(&self) {
        let sums = fs::read_to_string(self.path("SHA256SUMS")).unwrap();
        let sums = sums.lines().map(|line| {
            let (_, name) = line.split_once("  ").unwrap();
            let output = Command::new("sha256sum").arg(self.path(name)).output().unwrap();
            let digest = String::from_utf8(output.stdout).unwrap();
            format!("{}  {name}\n", digest.split_whitespace().next().unwrap())
        });
        fs::write(self.path("SHA256SUMS"), sums.collect::<String>()).unwrap();
    }
}

fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let place = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|place| place.is_file())?;
    // A shim of a version manager needs more than the tools that are allowed here.
    let real = if tool == "python3" { Path::new("/usr/bin/python3").to_owned() } else { place.clone() };
    Some(if real.is_file() { real } else { place })
}

fn head_of(archive: &[u8], id: &ReleaseId) -> String {
    let mut text = String::new();
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    archive.by_name(&format!("{id}/head.txt")).unwrap().read_to_string(&mut text).unwrap();
    text.split_whitespace().last().unwrap().to_owned()
}

#[test]
fn a_package_verifies_with_stock_tools_and_is_the_same_every_time() {
    for scenario in [DemoScenario::Clean, DemoScenario::ErrorSpike] {
        let (id, lines) = recorded(scenario);
        let archive = package(&id, &lines, &Templates::default()).unwrap();
        assert_eq!(
            archive,
            package(&id, &lines, &Templates::default()).unwrap(),
            "{scenario}: the same bytes"
        );
        let Some(opened) = Opened::new(&id, &archive) else { return };
        let head = head_of(&archive, &id);
        for output in opened.verify(&[]) {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let last = lines.len() - 1;
            let record =
                format!("unanchored: the record of {id} is consistent, head {last} {head}\nunanchored: ");
            assert!(said.starts_with(&record), "{output:?}");
            assert!(said.contains("only `deploy-tool verify PACKAGE` shows\n"), "{output:?}");
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
        let replay = opened.run("python3", "scripts/replay.py", &[]);
        assert!(replay.status.success(), "{replay:?}");
        assert_eq!(String::from_utf8(replay.stdout).unwrap().lines().count(), lines.len());
    }
}

/// A stored journal of version 1.
fn of_version_1(name: &str) -> (ReleaseId, Vec<Vec<u8>>) {
    let path = format!("{}/../relman-core/tests/golden/v1/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let record = fs::read(path).unwrap();
    let lines = record.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    ("checkout-241".parse().unwrap(), lines.collect())
}

#[test]
fn a_record_of_version_1_is_packed_and_verified_and_so_is_one_that_continues_in_version_2() {
    for name in ["drill", "clock-skewed", "rolled-back"] {
        let (id, mut lines) = of_version_1(name);
        let (release, records) =
            Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice)).unwrap();
        let note = Action::RecordLesson { kind: LessonKind::Lucky, text: "it ended well".parse().unwrap() };
        let by = Principal { actor: "user:ana".parse().unwrap(), roles: Some([].into()) };
        // By a clock that is behind the record.
        let at = records[0].at;
        let (batch, release, _) = Session::record(release, &Act { by, action: note }, at).unwrap();
        let old = lines.clone();
        lines.extend(batch.unwrap().lines.iter().map(|line| line.bytes().to_vec()));
        let last = Record::read(lines.last().unwrap()).unwrap();
        assert_eq!((last.version, last.clock), (FormatVersion::V2, Some(at)), "{name}");
        assert_eq!(release.head(), Some(last.head()));
        for lines in [&old, &lines] {
            let archive = package(&id, lines, &Templates::default()).unwrap();
            let Some(opened) = Opened::new(&id, &archive) else { return };
            for output in opened.verify(&[&head_of(&archive, &id)]) {
                assert!(output.status.success() && output.stdout.starts_with(b"verified: "), "{output:?}");
            }
        }
    }
}

#[test]
fn a_record_that_ends_in_the_middle_of_a_decision_is_refused_by_both_scripts_and_not_packed() {
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let archive = package(&id, &lines, &Templates::default()).unwrap();
    let last = lines.iter().rposition(|line| Record::read(line).unwrap().batch.is_some()).unwrap();
    let batch = Record::read(&lines[last]).unwrap().batch.unwrap();
    let cut = &lines[..last];
    let says = format!(
        "the decision that began with record {} is cut: {} of {} records are there",
        batch.first(),
        batch.records() - 1,
        batch.records()
    );
    let refused = package(&id, cut, &Templates::default()).unwrap_err();
    assert!(with_causes(&refused).contains(&says), "{refused}");
    let Some(opened) = Opened::new(&id, &archive) else { return };
    let record = cut.iter().flat_map(|line| line.iter().chain(b"\n")).copied();
    fs::write(opened.path("record.jsonl"), record.collect::<Vec<u8>>()).unwrap();
    let head = Record::read(cut.last().unwrap()).unwrap().head();
    fs::write(opened.path("head.txt"), format!("{id} {} {}\n", head.seq, head.digest)).unwrap();
    opened.sum_again();
    for output in opened.verify(&[]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(&says), "{said}");
    }
}

#[test]
fn a_head_that_is_known_from_elsewhere_anchors_the_package() {
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let archive = package(&id, &lines, &Templates::default()).unwrap();
    let Some(opened) = Opened::new(&id, &archive) else { return };
    for output in opened.verify(&[&head_of(&archive, &id)]) {
        assert!(output.status.success() && output.stdout.starts_with(b"verified: "), "{output:?}");
    }
    for output in opened.verify(&[&"0".repeat(64)]) {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let archive = package(&id, &lines, &Templates::default()).unwrap();
    let Some(opened) = Opened::new(&id, &archive) else { return };
    let record = opened.path("record.jsonl");
    let whole = fs::read(&record).unwrap();
    for place in [0, whole.len() / 3, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&record, &altered).unwrap();
        opened.is_refused(&format!("byte {place}"));
        opened.sum_again();
        opened.is_refused(&format!("byte {place}, and the sums to fit"));
        fs::write(&record, &whole).unwrap();
        opened.sum_again();
    }
    let cut = lines[..lines.len() - 1].iter().flat_map(|line| line.iter().chain(b"\n")).copied();
    fs::write(&record, cut.collect::<Vec<u8>>()).unwrap();
    opened.sum_again();
    opened.is_refused("the last record is gone");
    fs::write(&record, &whole).unwrap();
    opened.sum_again();
    assert!(opened.verify(&[]).iter().all(|output| output.status.success()), "it is whole again");

    let plan = opened.path("artifacts/plan.md");
    let text = fs::read_to_string(&plan).unwrap().replace("error_rate", "error_rates");
    fs::write(plan, text).unwrap();
    opened.is_refused("an artifact says something else");
}

#[test]
fn everything_is_in_it_and_scripts_can_be_run() {
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let archive = package(&id, &lines, &Templates::default()).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let wanted = [
        "README.md",
        "SHA256SUMS",
        "artifacts/plan.json",
        "artifacts/plan.md",
        "artifacts/post-mortem-1.json",
        "artifacts/post-mortem-1.md",
        "artifacts/retrospective.json",
        "artifacts/retrospective.md",
        "artifacts/rollback-log.json",
        "artifacts/rollback-log.md",
        "artifacts/schedule.json",
        "artifacts/schedule.md",
        "forms/communication.md",
        "forms/plan.md",
        "forms/post-mortem.md",
        "forms/qa-checklist.md",
        "forms/retrospective.md",
        "guide/retrospective.md",
        "head.txt",
        "made-with.txt",
        "record.jsonl",
        "scripts/replay.py",
        "scripts/verify.py",
        "scripts/verify.sh",
        "storyboard.html",
    ];
    assert_eq!(names, wanted.map(|name| format!("{id}/{name}")));
    for index in 0..archive.len() {
        let file = archive.by_index(index).unwrap();
        let name = file.name().unwrap();
        let mode = if name.contains("/scripts/") { 0o755 } else { 0o644 };
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(mode), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    archive.extract(folder.path()).unwrap();
    let script = folder.path().join(id.as_str()).join("scripts/verify.sh");
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o111, 0o111);
}

#[test]
fn what_can_not_be_trusted_is_not_packed() {
    let (id, mut lines) = recorded(DemoScenario::ErrorSpike);
    let none = package(&id, &[], &Templates::default()).unwrap_err();
    assert!(matches!(none, PackageError::Empty(_)), "{none}");
    let templates = Templates::default().with(ArtifactName::Plan.template(), "{{ scop }}").unwrap();
    let wrong = package(&id, &lines, &templates).unwrap_err();
    assert!(matches!(wrong, PackageError::Template(_)), "{wrong}");
    lines.swap(3, 4);
    let broken = package(&id, &lines, &Templates::default()).unwrap_err();
    assert!(
        matches!(&broken, PackageError::Broken { source, .. } if source.to_string().contains('3')),
        "{broken}"
    );
}
