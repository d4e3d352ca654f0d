//! `verify PACKAGE` and the scripts in a package: what each of them finds of what was done to it.

use std::{
    fs,
    io::Cursor,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use relman_core::chain::Digest;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use crate::{
    altered::{Alteration, ILLEGAL, find, lines_of, rechain, record_of},
    bench::{Answer, Bench},
};

/// A package of a release, unpacked.
struct Unpacked {
    bench: Bench,
    name: String,
    has_tools: bool,
}

impl Unpacked {
    fn new(bench: Bench, release: &str) -> Self {
        bench.run(&format!("package {release} -o whole.zip")).done();
        let whole = bench.read("whole.zip");
        ZipArchive::new(Cursor::new(whole)).unwrap().extract(bench.path("kept")).unwrap();
        let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
        let has_tools = ["jq", "python3", "sha256sum", "comm"].into_iter().all(has);
        let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
        assert!(has_tools || !required, "RELMAN_REQUIRE_SERVICES=1 asks for jq, python3 and coreutils");
        if !has_tools {
            eprintln!("jq, python3 or coreutils are not installed: the scripts of the package are not tried");
        }
        // What an earlier alteration of a journal has left must not be compared.
        fs::remove_file(bench.path("relman.db")).unwrap();
        Self { bench, name: release.to_owned(), has_tools }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.bench.path("package").join(file)
    }

    /// The package as it was made, once more.
    fn restore(&self) {
        let _ = fs::remove_dir_all(self.path(""));
        copy(&self.bench.path("kept").join(&self.name), &self.path(""));
    }

    /// Makes the sums fit, as someone would who alters more than one file: those of all files, or of those that are listed.
    fn sum_again(&self) {
        let mut files = Vec::new();
        below(&self.path(""), "", &mut files);
        files.retain(|file| file != "SHA256SUMS");
        files.sort();
        let sums = files.iter().map(|file| {
            let digest = Sha256::digest(fs::read(self.path(file)).unwrap());
            let digest = Digest::from_bytes(digest.into());
            format!("{digest}  {file}\n")
        });
        fs::write(self.path("SHA256SUMS"), sums.collect::<String>()).unwrap();
    }

    /// Writes another record, with its head and the sums to fit.
    fn set_record(&self, lines: &[Vec<u8>], record: Vec<u8>) {
        let last = lines.len().saturating_sub(1);
        let head = lines.last().map_or(Digest::ZERO, |line| Digest::of_line(line));
        fs::write(self.path("record.jsonl"), record).unwrap();
        fs::write(self.path("head.txt"), format!("{} {last} {head}\n", self.name)).unwrap();
        self.sum_again();
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        lines_of(&fs::read(self.path("record.jsonl")).unwrap())
    }

    /// Both scripts of the package.
    fn scripts(&self, hashes: &[&str]) -> Vec<Output> {
        if !self.has_tools {
            return Vec::new();
        }
        [("sh", "verify.sh"), ("python3", "verify.py")]
            .into_iter()
            .map(|(program, script)| {
                let script = self.path("scripts").join(script);
                let mut command = Command::new(program);
                let command = command.arg(script).args(hashes).stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().unwrap()
            })
            .collect::<Vec<_>>()
            .into_iter()
            .map(|script| script.wait_with_output().unwrap())
            .collect()
    }

    #[track_caller]
    fn scripts_refuse(&self, what: &str) {
        for output in self.scripts(&[]) {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
            assert!(said.contains("FAILED: "), "{what}: {said}");
        }
    }

    /// The scripts see nothing, and say what they have not looked at.
    #[track_caller]
    fn scripts_say_what_they_can_not_show(&self, what: &str) {
        for output in self.scripts(&[]) {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{what}: {output:?}");
            assert!(said.contains("only `deploy-tool verify PACKAGE` shows"), "{what}: {said}");
            assert!(!said.contains("verified: "), "{what}: {said}");
        }
    }

    fn verify(&self) -> Answer {
        self.bench.run("verify package")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn below(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            below(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push(name);
        }
    }
}

/// A record of which one line is altered; all hashes fit again.
fn with(lines: &mut [Vec<u8>], from: &str, to: &[u8]) {
    let line = &mut lines[4];
    let end = find(line, from.as_bytes()).unwrap_or_else(|| panic!("no {from}"));
    line.splice(end - from.len()..end, to.iter().copied());
}

/// What readers of JSON understand differently, or what is no record: all of it is refused by every verifier.
const SLOPPY: [(&str, Alteration); 48] = [
    ("a key twice in the data", |l| with(l, "\"check\":\"unit\"", b"\"check\":\"unit\",\"check\":\"unit\"")),
    ("a key twice, written otherwise", |l| with(l, "\"check\":", b"\"\\u0063heck\":\"e2e\",\"check\":")),
    ("an object twice", |l| with(l, "\"data\":{", b"\"data\":{\"a\":{\"x\":1},\"a\":{\"y\":1},")),
    ("a key twice in the envelope", |l| with(l, "\"kind\":", b"\"kind\":\"plan_approved\",\"kind\":")),
    ("a field more", |l| with(l, "\"kind\":", b"\"note\":1,\"kind\":")),
    ("a field less", |l| with(l, "\"by\":\"service:ci\",", b"")),
    ("a byte order mark", |l| drop(l[0].splice(0..0, *b"\xef\xbb\xbf"))),
    ("CR LF", |l| l.iter_mut().for_each(|line| line.push(b'\r'))),
    ("another version", |l| with(l, "\"v\":2", b"\"v\":3")),
    ("a version that is not an integer", |l| with(l, "\"v\":2", b"\"v\":2.0")),
    ("a version that is a text", |l| with(l, "\"v\":2", b"\"v\":\"2\"")),
    ("a version that is true", |l| with(l, "\"v\":2", b"\"v\":true")),
    ("version 1 with a field of version 2", |l| with(l, "\"v\":2", b"\"v\":1")),
    ("version 2 with a field of version 1", |l| with(l, "\"stream\":\"release:", b"\"release\":\"")),
    ("version 1 with a batch", |l| {
        of_version_1(l);
        with(l, "\"kind\":", b"\"batch\":[4,2],\"kind\":");
    }),
    ("version 1 with a kind that has a version", |l| {
        of_version_1(l);
        with(l, "check_recorded", b"check_recorded/2");
    }),
    ("the stream of a target", |l| with(l, "\"release:", b"\"target:")),
    ("a stream without its sort", |l| with(l, "\"release:", b"\"")),
    ("a clock that says what the time is", |l| {
        let at = find(&l[4], b"\"at\":\"").unwrap();
        let clock = [&b"\"clock\":\""[..], &l[4][at..at + 24], b"\",\"by\":"].concat();
        with(l, "\"by\":", &clock);
    }),
    ("a clock that says nothing", |l| with(l, "\"by\":", b"\"clock\":null,\"by\":")),
    ("a clock on a day that there is not", |l| {
        with(l, "\"by\":", b"\"clock\":\"2026-02-30T08:00:00.000Z\",\"by\":");
    }),
    ("a batch that is nothing", |l| with(l, "\"kind\":", b"\"batch\":null,\"kind\":")),
    ("a batch of one", |l| with(l, "\"kind\":", b"\"batch\":[4,1],\"kind\":")),
    ("a batch of another record", |l| with(l, "\"kind\":", b"\"batch\":[5,2],\"kind\":")),
    ("a batch that is over", |l| with(l, "\"kind\":", b"\"batch\":[2,2],\"kind\":")),
    ("a batch without end", |l| with(l, "\"kind\":", b"\"batch\":[4,9007199254740991],\"kind\":")),
    ("a batch of texts", |l| with(l, "\"kind\":", b"\"batch\":[\"4\",\"2\"],\"kind\":")),
    ("a batch of three numbers", |l| with(l, "\"kind\":", b"\"batch\":[4,2,0],\"kind\":")),
    ("a batch of real numbers", |l| with(l, "\"kind\":", b"\"batch\":[4.0,2],\"kind\":")),
    ("a batch from before the first record", |l| with(l, "\"kind\":", b"\"batch\":[-1,9],\"kind\":")),
    ("a kind of version 1 that says so", |l| with(l, "check_recorded", b"check_recorded/1")),
    ("a version of a kind with a zero before it", |l| with(l, "check_recorded", b"check_recorded/02")),
    ("time that goes back", |l| {
        let at = find(&l[4], b"\"at\":\"").unwrap();
        l[4].splice(at..at + 4, *b"1999");
    }),
    ("a day that there is not", |l| {
        let at = find(&l[5], b"\"at\":\"").unwrap();
        l[5].splice(at..at + 10, *b"2999-02-30");
    }),
    ("a time without milliseconds", |l| {
        let at = find(&l[4], b"\"at\":\"").unwrap() + 19;
        l[4].splice(at..at + 4, *b"");
    }),
    ("bytes that are not UTF-8", |l| with(l, "green", b"gr\xff\xfeen")),
    ("an integer that readers round", |l| with(l, "\"data\":{", b"\"data\":{\"n\":9007199254740992,")),
    ("an integer below what is exact", |l| with(l, "\"data\":{", b"\"data\":{\"n\":[-9007199254740993],")),
    ("an integer of thirty digits", |l| {
        with(l, "\"data\":{", b"\"data\":{\"n\":123456789012345678901234567890,");
    }),
    ("a number beyond all", |l| with(l, "\"data\":{", b"\"data\":{\"n\":1e999,")),
    ("NaN", |l| with(l, "\"data\":{", b"\"data\":{\"n\":NaN,")),
    ("half a pair of surrogates", |l| with(l, "green", b"\\ud800")),
    ("a control character", |l| with(l, "green", b"gr\ten")),
    ("33 levels", |l| {
        let deep = format!("\"data\":{{\"n\":{}{},", "[".repeat(32), "]".repeat(32));
        with(l, "\"data\":{", deep.as_bytes());
    }),
    ("a line that is too long", |l| with(l, "green", &[b'g'; 70_000])),
    ("data that is not an object", |l| {
        let at = find(&l[4], b"\"data\":").unwrap();
        l[4].truncate(at);
        l[4].extend(b"[]}");
    }),
    ("something after the object", |l| l[4].push(b' ')),
    ("a kind in capitals", |l| with(l, "check_recorded", b"Check_Recorded")),
];

/// The fourth line as version 1 has it.
fn of_version_1(lines: &mut [Vec<u8>]) {
    with(lines, "\"v\":2,\"stream\":\"release:", b"\"v\":1,\"release\":\"");
}

/// The first record that was not decided alone.
fn in_a_batch(lines: &[Vec<u8>]) -> usize {
    lines.iter().position(|line| find(line, b"\"batch\":").is_some()).unwrap()
}

/// What breaks a chain although every line is a record.
const BROKEN: [(&str, Alteration); 12] = [
    ("a version that goes back", |l| of_version_1(l)),
    ("a batch that no other record knows", |l| with(l, "\"kind\":", b"\"batch\":[4,2],\"kind\":")),
    ("a batch that did not begin there", |l| with(l, "\"kind\":", b"\"batch\":[3,2],\"kind\":")),
    ("a batch that is cut", |l| l.truncate(in_a_batch(l) + 1)),
    ("a record that has left its batch", |l| {
        let second = in_a_batch(l) + 1;
        let line = &mut l[second];
        let (from, to) = (find(line, b"\"batch\":").unwrap(), find(line, b"\"kind\":").unwrap());
        line.drain(from - 8..to - 7);
    }),
    ("a batch that says more from its second record on", |l| {
        let second = in_a_batch(l) + 1;
        let line = &mut l[second];
        let from = find(line, b"\"batch\":").unwrap();
        let to = from + line[from..].iter().position(|byte| *byte == b']').unwrap();
        line.splice(to - 1..to, *b"9");
    }),
    ("a record of another release", |l| with(l, "checkout-241", b"checkout-242")),
    ("a record is missing", |l| drop(l.remove(3))),
    ("a record stands twice", |l| l.insert(3, l[3].clone())),
    ("two records are swapped", |l| l.swap(3, 4)),
    ("no actor", |l| with(l, "service:ci", b"ci")),
    ("no records", Vec::clear),
];

#[test]
fn whatever_verify_refuses_of_a_record_the_scripts_refuse() {
    let unpacked = Unpacked::new(Bench::in_staging(), "checkout-241");
    unpacked.restore();
    unpacked.scripts_say_what_they_can_not_show("nothing was altered");
    unpacked.verify().done();
    for (what, alter) in SLOPPY.into_iter().chain(BROKEN) {
        unpacked.restore();
        let mut lines = unpacked.lines();
        alter(&mut lines);
        rechain(&mut lines);
        unpacked.set_record(&lines, record_of(&lines));
        let refused = unpacked.verify();
        assert_eq!(refused.status, 1, "{what}: {refused:?}");
        // It is the record that is wrong, and not only what is made of it.
        assert!(!refused.err.contains("what the record gives"), "{what}: {refused:?}");
        let export = unpacked.bench.run("verify package/record.jsonl");
        assert_eq!(export.status, 1, "{what}: {export:?}");
        unpacked.scripts_refuse(what);
    }

    unpacked.restore();
    let lines = unpacked.lines();
    let mut open = record_of(&lines);
    open.pop();
    unpacked.set_record(&lines, open);
    unpacked.verify().refused("it has no line feed at its end");
    unpacked.scripts_refuse("the last line has no end");

    for (what, from, to) in
        [("a link", "\"prev\":\"", "\"prev\":\"0"), ("its number", "\"seq\":", "\"seq\":1")]
    {
        unpacked.restore();
        let mut lines = unpacked.lines();
        with(&mut lines, from, to.as_bytes());
        unpacked.set_record(&lines, record_of(&lines));
        assert_eq!(unpacked.verify().status, 1, "{what}");
        unpacked.scripts_refuse(what);
    }
}

#[test]
fn what_is_in_no_record_of_today_and_allowed_is_no_offence_to_the_scripts() {
    let unpacked = Unpacked::new(Bench::in_staging(), "checkout-241");
    for allowed in [
        "\"n\":9007199254740991,\"m\":-9007199254740991,",
        "\"n\":9007199254740993.0,\"m\":1e300,\"o\":-0.5e-7,",
        "\"n\":\"9007199254740993 [9007199254740993] \\\" NaN 1e999\",",
        "\"n\":\"\\ud83d\\ude00 é \\u0000 \\/\",",
        "\"n\":[{\"a\":1},{\"a\":1},[],{},null,true,false],\"m\":{\"a\":1},",
    ] {
        unpacked.restore();
        let mut lines = unpacked.lines();
        with(&mut lines, "\"data\":{", format!("\"data\":{{{allowed}").as_bytes());
        let kind = "\"kind\":\"check_recorded\"";
        with(&mut lines, kind, b"\"kind\":\"moon_seen\"");
        rechain(&mut lines);
        unpacked.set_record(&lines, record_of(&lines));
        unpacked.bench.run("verify package/record.jsonl").done();
        unpacked.scripts_say_what_they_can_not_show(allowed);
    }
}

#[test]
fn a_chain_that_tells_what_can_not_be_is_found_by_verify_and_scripts_say_that_they_do_not_look() {
    let bench = Bench::new();
    bench.run("demo --scenario error-spike").done();
    let unpacked = Unpacked::new(bench, "demo-error-spike");
    for (what, alter) in ILLEGAL {
        unpacked.restore();
        let mut lines = unpacked.lines();
        alter(&mut lines);
        rechain(&mut lines);
        unpacked.set_record(&lines, record_of(&lines));
        unpacked.scripts_say_what_they_can_not_show(what);
        let refused = unpacked.verify().refused("demo-error-spike, record ");
        let deep = unpacked.bench.run("verify --deep package/record.jsonl").refused("record ");
        let words = |answer: &Answer| answer.err.split_once(": demo-error").unwrap().1.to_owned();
        assert_eq!(words(&refused), words(&deep), "{what}");
    }
}

#[test]
fn every_file_is_held_against_the_record() {
    let bench = Bench::new();
    bench.run("demo --scenario error-spike").done();
    let unpacked = Unpacked::new(bench, "demo-error-spike");
    unpacked.restore();
    let sums = fs::read(unpacked.path("SHA256SUMS")).unwrap();
    let packed = Digest::from_bytes(Sha256::digest(&sums).into()).to_string();
    let mut files = Vec::new();
    below(&unpacked.path(""), "", &mut files);
    assert!(files.len() >= 20, "{files:?}");
    let documents =
        files.iter().filter(|file| !["SHA256SUMS", "head.txt", "record.jsonl"].contains(&file.as_str()));

    for file in documents.clone() {
        let text = fs::read(unpacked.path(file)).unwrap();
        let is_script = file.starts_with("scripts/verify");
        // A script that was altered says what its author wants.
        fs::write(unpacked.path(file), [&text[..], b"\n"].concat()).unwrap();
        if !is_script {
            unpacked.scripts_refuse(file);
        }
        unpacked.verify().refused(&format!("{file} is not what the record gives"));
        unpacked.sum_again();
        unpacked.verify().refused(&format!("{file} is not what the record gives"));
        if !is_script && unpacked.has_tools {
            unpacked.scripts_say_what_they_can_not_show(file);
            // The digest from elsewhere stands for every file.
            for output in unpacked.scripts(&[&packed]) {
                assert_eq!(output.status.code(), Some(1), "{file}: {output:?}");
            }
        }
        fs::remove_file(unpacked.path(file)).unwrap();
        unpacked.sum_again();
        unpacked.verify().refused(&format!("{file} is missing"));
        fs::write(unpacked.path(file), text).unwrap();
        fs::write(unpacked.path("SHA256SUMS"), &sums).unwrap();
    }
    let verified = unpacked.verify().done();
    assert!(verified.out.contains(&format!("made again: {} files are what the record gives", files.len())));
    assert!(verified.out.contains(&packed), "{verified:?}");
    for output in unpacked.scripts(&[&packed]) {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("unanchored"), "{output:?}");
    }
}

#[test]
fn a_file_too_many_or_too_few_is_named() {
    let unpacked = Unpacked::new(Bench::in_staging(), "checkout-241");
    let write = |file: &str| {
        fs::create_dir_all(unpacked.path(file).parent().unwrap()).unwrap();
        fs::write(unpacked.path(file), "more").unwrap();
    };
    for file in ["notes.txt", "artifacts/validation-final.md", ".hidden", "a/b/c/d", "..x", "a b", "-rf", "é"]
    {
        unpacked.restore();
        write(file);
        unpacked.scripts_refuse(file);
        unpacked.verify().refused(&format!("{file} is not part of a package"));
        unpacked.sum_again();
        unpacked.verify().refused(&format!("{file} is not part of a package"));
    }
    for file in ["artifacts/plan.md", "README.md", "head.txt", "SHA256SUMS"] {
        unpacked.restore();
        fs::remove_file(unpacked.path(file)).unwrap();
        unpacked.scripts_refuse(file);
        unpacked.verify().refused(&format!("{file} is missing"));
    }
    // The line of an altered file is left out of the sums.
    unpacked.restore();
    let sums = fs::read_to_string(unpacked.path("SHA256SUMS")).unwrap();
    let fewer: Vec<&str> = sums.lines().filter(|line| !line.ends_with("artifacts/plan.md")).collect();
    fs::write(unpacked.path("SHA256SUMS"), fewer.join("\n") + "\n").unwrap();
    fs::write(unpacked.path("artifacts/plan.md"), "all is well").unwrap();
    unpacked.scripts_refuse("a line less in the sums");
    unpacked.verify().refused("SHA256SUMS is not what the record gives; artifacts/plan.md is not");
    for (what, text) in [
        ("a line twice", format!("{sums}{}\n", sums.lines().next().unwrap())),
        ("a comment", format!("# all is well\n{sums}")),
        ("a path that leaves", sums.replace("  README.md", "  ../package/README.md")),
        ("no line feed", sums.trim_end().to_owned()),
        ("nothing", String::new()),
    ] {
        unpacked.restore();
        fs::write(unpacked.path("SHA256SUMS"), text).unwrap();
        unpacked.scripts_refuse(what);
        unpacked.verify().refused("SHA256SUMS is not what the record gives");
    }
    // A link shows what it leads to today.
    unpacked.restore();
    fs::rename(unpacked.path("artifacts/plan.md"), unpacked.bench.path("elsewhere.md")).unwrap();
    symlink(unpacked.bench.path("elsewhere.md"), unpacked.path("artifacts/plan.md")).unwrap();
    unpacked.scripts_refuse("a link");
    unpacked.verify().refused("artifacts/plan.md is not a regular file");

    for (what, text) in
        [("another head", "checkout-241 5 00\n"), ("another release", "other 5 00\n"), ("nothing", "")]
    {
        unpacked.restore();
        let head = fs::read_to_string(unpacked.path("head.txt")).unwrap();
        let digest = head.split(' ').nth(2).unwrap().trim_end();
        fs::write(unpacked.path("head.txt"), text.replace("00\n", &format!("{digest}{digest}\n")[..]))
            .unwrap();
        unpacked.sum_again();
        unpacked.scripts_refuse(what);
        unpacked.verify().refused("head.txt is not what the record gives");
    }
}

#[test]
fn an_archive_is_verified_as_it_was_packed() {
    let bench = Bench::in_staging();
    bench.run("package checkout-241 -o whole.zip").done();
    let said = bench.run("verify whole.zip").done();
    assert!(said.out.contains("verified, unanchored: whole.zip, 1 stream, 6 records"), "{said:?}");
    let json = bench.run("verify whole.zip --json").done().json();
    assert_eq!((&json[0]["ok"], json[0]["files"].as_u64().is_some()), (&true.into(), true));
    let head = json[0]["streams"][0]["head"].as_str().unwrap().to_owned();
    let anchored = bench.run(&format!("verify whole.zip --head checkout-241={head}")).done();
    assert!(anchored.out.contains("verified and anchored"), "{anchored:?}");
    bench.run(&format!("verify whole.zip --head {}", "0".repeat(64))).refused("no record has the hash");

    let whole = bench.read("whole.zip");
    bench.write("cut.zip", &whole[..whole.len() / 2]);
    bench.run("verify cut.zip").refused("it is not a release package");
    bench.write("more.zip", [&whole[..], b"more"].concat());
    assert_eq!(bench.run("verify more.zip").status, 1);
    bench.write("twice.zip", [&whole[..], &whole[..]].concat());
    bench.run("verify twice.zip").refused("the archive has something besides or was packed anew");
    for place in (40..whole.len()).step_by(whole.len() / 12) {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        bench.write("altered.zip", altered);
        let refused = bench.run("verify altered.zip");
        assert!(refused.status == 1 && !refused.err.contains("panicked"), "byte {place}: {refused:?}");
    }

    bench.run("verify .").misused("is a folder and no package");
    bench.run("verify --templates .").misused("--templates is for a package");
    fs::create_dir(bench.path("mine")).unwrap();
    bench.write("mine/plan.md", "mine {{ heading.release }}\n");
    bench.run("package checkout-241 -o mine.zip --templates mine").done();
    bench.run("verify mine.zip --templates mine").done();
    bench
        .run("verify mine.zip")
        .refused("artifacts/plan.md is not what the record gives")
        .refused("a package with templates of your own is verified with --templates DIR");
    bench.run("verify whole.zip --templates mine").refused("artifacts/plan.md is not what the record gives");
}
