//! Verify and apply: CPU per record of 512-byte access records in batches of 256, as one admission each.
//!
//! `apply` here means all that a member does with an entry besides the tree and the disk: decoding, canonical check,
//! digests, terms, signature, deduplication, rules, stubs. A view is held all the time, as in a node.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use muniment_core::v1::{self, Record, Stream};
use muniment_core::{LeafIndex, LogIndex, RaftTerm, Suite, record};
use muniment_ledger::{EntryPosition, Ledger, verify_batch};

#[path = "../tests/it/fixture.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod fixture;

use fixture::{BOZHOU, Scene, access, admission_key};

const RECORDS: u64 = 256;
const RECORD_BYTES: usize = 512;

/// CPU time of this thread: what the budget counts, whatever else the machine does.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(now.tv_sec).expect("CPU time is positive");
        seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).expect("below a second")
    }

    fn end(&self, start: u64) -> u64 {
        self.start() - start
    }

    fn add(&self, v1: &u64, v2: &u64) -> u64 {
        v1 + v2
    }

    fn zero(&self) -> u64 {
        0
    }

    #[expect(clippy::cast_precision_loss, reason = "a measured time is not exact to the nanosecond")]
    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

/// Prints microseconds of CPU time a record.
impl ValueFormatter for CpuTime {
    fn scale_values(&self, _typical_value: f64, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value /= 1_000.0);
        "us CPU"
    }

    fn scale_throughputs(&self, _typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let Throughput::Elements(elements) = throughput else { return "?" };
        let elements = f64::from(u32::try_from(*elements).expect("few thousand records"));
        values.iter_mut().for_each(|value| *value /= 1_000.0 * elements);
        "us CPU a record"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "ns"
    }
}

/// How records are told apart.
#[derive(Clone, Copy)]
enum Identity {
    /// By one request id for the batch.
    Batch,
    /// By a request id each.
    Single,
    /// By place in a stream.
    Stream,
}

/// An access record of exactly [`RECORD_BYTES`] with seven or eight terms besides its flags.
fn access_record(scene: &Scene, number: u64, authorisation: LeafIndex, identity: Identity) -> Record {
    let mut body = access(&format!("exchange-{number:016}"), Some(authorisation));
    body.items = vec!["birth_date".to_owned(), "vaccine".to_owned()];
    body.purpose = "care".to_owned();
    body.subjects = 2;
    body.subject_tags = vec![vec![6; 32], vec![7; 32]];
    body.case_tag = vec![5; 32];
    body.request_digest = vec![8; 32];
    body.response_digest = vec![9; 32];
    let stream = Stream { id: "outbox".to_owned(), sequence: number };
    let stream = matches!(identity, Identity::Stream).then_some(stream);
    let region = "gbt2260:341600".to_owned();
    let mut record = Record { stream, region, ..scene.record(BOZHOU, body) };
    let padding = |record: &mut Record, text: String| {
        if let Some(v1::record::Body::AccessExecuted(access)) = &mut record.body {
            access.matter = text;
        }
    };
    padding(&mut record, "m".to_owned());
    let length = record::encode(&record).expect("the record is good").len();
    padding(&mut record, "m".repeat(1 + RECORD_BYTES - length));
    assert_eq!(record::encode(&record).expect("the record is good").len(), RECORD_BYTES);
    record
}

fn batch(scene: &mut Scene, first: u64, authorisation: LeafIndex, identity: Identity) -> Arc<[u8]> {
    let numbers = first..first + RECORDS;
    let records: Vec<Record> =
        numbers.map(|number| access_record(scene, number, authorisation, identity)).collect();
    let submissions: Vec<_> = match identity {
        Identity::Single => records.chunks(1).map(|one| (scene.id(), one)).collect(),
        Identity::Batch | Identity::Stream => vec![(scene.id(), records.as_slice())],
    };
    let part = scene.part(&admission_key(BOZHOU), &submissions);
    muniment_core::batch::encode_batch(&scene.header(), &[part]).into()
}

fn apply_batches(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("verify_and_apply_256x512B");
    group.throughput(Throughput::Elements(RECORDS));
    let identities = [("batch", Identity::Batch), ("single", Identity::Single), ("stream", Identity::Stream)];
    for suite in [Suite::Blake3, Suite::Sha256] {
        for (name, identity) in identities {
            let mut scene = Scene::new(suite);
            let authorisation = scene.granted();
            let batches: Vec<_> =
                (0..8).map(|number| batch(&mut scene, number * RECORDS, authorisation, identity)).collect();
            let context = scene.ledger.context();
            let fresh = scene.ledger.clone();
            group.bench_function(format!("{suite}/{name}/verify"), |bencher| {
                bencher.iter(|| black_box(verify_batch(&context, Arc::clone(&batches[0]))));
            });
            let verified: Vec<_> =
                batches.iter().map(|batch| verify_batch(&context, Arc::clone(batch))).collect();
            group.throughput(Throughput::Elements(RECORDS * 8));
            group.bench_function(format!("{suite}/{name}/apply"), |bencher| {
                let apply = |(mut ledger, mut view): (Ledger, _)| {
                    for (log_index, batch) in (100..).zip(&verified) {
                        let at = EntryPosition { log_index: LogIndex(log_index), raft_term: RaftTerm(1) };
                        black_box(ledger.apply(at, batch).expect("rules version 1 is known"));
                        view = ledger.view();
                    }
                    (ledger, view)
                };
                bencher.iter_batched(|| (fresh.clone(), fresh.view()), apply, BatchSize::LargeInput);
            });
            group.throughput(Throughput::Elements(RECORDS));
        }
    }
    group.finish();
}

/// What a state with a full window of exchange sides costs in the background, and a view of it on the apply thread.
fn views_of_a_full_window(criterion: &mut Criterion<CpuTime>) {
    let mut scene = Scene::new(Suite::Blake3);
    let authorisation = scene.granted();
    for number in 0..(1 << 20) / RECORDS {
        let bytes = batch(&mut scene, number * RECORDS, authorisation, Identity::Stream);
        scene.apply_bytes(bytes.to_vec());
    }
    let view = scene.ledger.view();
    let dump = scene.dump();
    let mut group = criterion.benchmark_group("world_with_2^20_exchange_sides");
    group.sample_size(10);
    group.bench_function("view", |bencher| bencher.iter(|| black_box(scene.ledger.view())));
    group.bench_function("digest", |bencher| bencher.iter(|| black_box(view.digest())));
    group.bench_function("dump", |bencher| bencher.iter(|| black_box(scene.dump())));
    group.bench_function("restore", |bencher| {
        bencher.iter(|| Ledger::restore(&scene.founding, &dump).expect("a dump restores"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = apply_batches, views_of_a_full_window
}
criterion_main!(benches);
