//! Fold, decide and verify, each beside hashing the same bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use relman_benches::{Driven, clean_look, next_look};
use relman_core::{
    chain::{Digest, SealedLine, verify_lines},
    event::Record,
    machine::{Phase, Question, Release, decide},
};

fn bytes(driven: &Driven) -> u64 {
    driven.lines.iter().map(|line| line.bytes().len() as u64).sum()
}

/// The whole record of a release: verified, and folded; the limit is hashing its bytes.
fn whole_record(c: &mut Criterion) {
    let driven = Driven::clean();
    let mut group = c.benchmark_group("record of a clean release");
    group.throughput(Throughput::Bytes(bytes(&driven))).sample_size(20);
    group.bench_function("limit: hash each line", |b| {
        b.iter(|| driven.lines.iter().map(|line| Digest::of_line(black_box(line.bytes()))).max());
    });
    group.bench_function("verify", |b| {
        b.iter(|| {
            verify_lines(None, driven.lines.iter().map(SealedLine::bytes), None).expect("an intact record")
        });
    });
    group.bench_function("read and fold", |b| {
        b.iter(|| {
            let lines = driven.lines.iter().map(SealedLine::bytes);
            Release::replay(driven.release.id().clone(), lines).expect("an intact record")
        });
    });
    let records: Vec<Record> =
        driven.lines.iter().map(|line| Record::read(line.bytes()).expect("a sealed line")).collect();
    group.bench_function("fold", |b| {
        b.iter(|| {
            let mut release = Release::new(driven.release.id().clone());
            for record in &records {
                release.apply(record).expect("the next record");
            }
            release
        });
    });
    group.finish();
}

/// One look in the middle of a step: decided and sealed; the limit is hashing the line that comes of it.
fn one_look(c: &mut Criterion) {
    let driven = Driven::clean();
    let middle = driven.lines.iter().take(400).map(SealedLine::bytes);
    let release = Release::replay(driven.release.id().clone(), middle).expect("an intact record");
    assert!(matches!(release.phase(), Phase::Releasing(_)), "the bench looks at a step of the rollout");
    let now = next_look(&release);
    let Some(Question::Look(question)) = release.question(now) else {
        panic!("a look is due a minute after the last");
    };
    let look = clean_look(&question);
    let facts = decide(&release, &look, now).expect("a look is not refused");
    let line = release.seal(&facts, now).expect("facts that fit a record").remove(0);
    let mut group = c.benchmark_group("one look");
    group.throughput(Throughput::Bytes(line.bytes().len() as u64));
    group.bench_function("limit: hash the line", |b| b.iter(|| Digest::of_line(black_box(line.bytes()))));
    group.bench_function("decide", |b| b.iter(|| decide(black_box(&release), &look, now)));
    group.bench_function("decide and seal", |b| {
        b.iter(|| {
            let facts = decide(black_box(&release), &look, now).expect("a look is not refused");
            release.seal(&facts, now).expect("facts that fit a record")
        });
    });
    group.finish();
}

criterion_group!(benches, whole_record, one_look);
criterion_main!(benches);
