//! Fold, drive and verify, each beside hashing the same bytes.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use relman_benches::{clean_look, clean_release};
use relman_core::{
    chain::{Digest, SealedLine, verify_lines},
    event::Record,
    machine::{Append, Call, Input, PhaseName, Release, Request, Session, SessionConfig},
    unit::Timestamp,
};

/// The whole record of a release: verified, and folded; the limit is hashing its bytes.
fn whole_record(c: &mut Criterion) {
    let driven = clean_release();
    let (id, lines) = (driven.release().id(), driven.lines());
    let bytes = lines.iter().map(|line| line.bytes().len() as u64).sum();
    let mut group = c.benchmark_group("record of a clean release");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    group.bench_function("limit: hash each line", |b| {
        b.iter(|| lines.iter().map(|line| Digest::of_line(black_box(line.bytes()))).max());
    });
    group.bench_function("verify", |b| {
        b.iter(|| verify_lines(None, lines.iter().map(SealedLine::bytes), None).expect("an intact record"));
    });
    group.bench_function("read and fold", |b| {
        b.iter(|| {
            Release::replay(id.clone(), lines.iter().map(SealedLine::bytes)).expect("an intact record")
        });
    });
    let records: Vec<Record> =
        lines.iter().map(|line| Record::read(line.bytes()).expect("a sealed line")).collect();
    group.bench_function("fold", |b| {
        b.iter(|| {
            let mut release = Release::new(id.clone());
            for record in &records {
                release.apply(record).expect("the next record");
            }
            release
        });
    });
    group.finish();
}

/// A session with a journal that stores everything at once, in memory.
struct Driven {
    session: Session,
    now: Timestamp,
    stored: Vec<SealedLine>,
    asked: Option<Call>,
}

impl Driven {
    /// Takes a release up in the middle of a step.
    fn at(release: Release, now: Timestamp) -> Self {
        let session = Session::open(release, now, SessionConfig::default());
        let mut driven = Self { session, now, stored: Vec::new(), asked: None };
        driven.drain();
        driven
    }

    fn tell(&mut self, input: Input) {
        self.session.handle(input, self.now).expect("nothing is refused but commands");
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(batch) = self.session.poll_append() {
            self.stored.extend(batch.lines);
            let stored = Input::Appended(batch.id, Append::Stored);
            self.session.handle(stored, self.now).expect("nothing is refused but commands");
        }
        while self.session.poll_recorded().is_some() {}
        while let Some(call) = self.session.poll_call() {
            if matches!(call.request, Request::Measure(_)) {
                self.asked = Some(call);
            }
        }
    }

    /// Lets time pass until the next look is asked for.
    fn until_asked(&mut self) -> Call {
        for _ in 0..10 {
            if let Some(call) = self.asked.take() {
                return call;
            }
            self.now = self.session.poll_timeout().expect("a look is due next");
            self.tell(Input::Tick);
        }
        panic!("no look is asked for at {}", self.now);
    }
}

/// One look in the middle of a step, from the question until its record is stored and folded, without the time that the
/// answer takes; the limit is hashing the line that comes of it.
fn one_look(c: &mut Criterion) {
    let clean = clean_release();
    let middle = || {
        let lines = clean.lines().iter().take(400).map(SealedLine::bytes);
        let release = Release::replay(clean.release().id().clone(), lines).expect("an intact record");
        assert_eq!(release.phase().name(), PhaseName::Releasing, "the bench looks at a step of the rollout");
        let now = release.last_at();
        Driven::at(release, now)
    };
    let answered = |driven: &mut Driven| {
        let start = Instant::now();
        let call = driven.until_asked();
        let asked = start.elapsed();
        let Request::Measure(question) = &call.request else { panic!("a look is asked for") };
        let outcome = clean_look(question);
        let start = Instant::now();
        driven.tell(Input::Answered(call.id, outcome));
        asked + start.elapsed()
    };
    let mut first = middle();
    answered(&mut first);
    let line = first.stored.pop().expect("a look is recorded");
    let mut group = c.benchmark_group("one look");
    group.throughput(Throughput::Bytes(line.bytes().len() as u64));
    group.bench_function("limit: hash the line", |b| b.iter(|| Digest::of_line(black_box(line.bytes()))));
    group.bench_function("asked, answered, judged, recorded", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            let mut driven = middle();
            for round in 0..rounds {
                // A hundred looks are all in one step.
                if round % 100 == 99 {
                    driven = middle();
                }
                took += answered(&mut driven);
            }
            took
        });
    });
    group.finish();
}

criterion_group!(benches, whole_record, one_look);
criterion_main!(benches);
