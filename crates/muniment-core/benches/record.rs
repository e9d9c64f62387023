//! What one access record of about 500 bytes costs on its way in, on one core: `cargo bench -p muniment-core --bench record`.
//!
//! Target: decoding with all checks in less than 2 us.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use muniment_core::v1::record::Body;
use muniment_core::v1::{self, AccessExecuted, Actor, Leaf, Record, Side, Stream, Time};
use muniment_core::{Kind, LedgerId, Suite, Verdict, personal_data, record, terms};

fn access() -> Record {
    let mut body = AccessExecuted {
        exchange: "54ae525b-c429-471f-97a2-7877233ab57e".to_owned(),
        authorisation: Some(Leaf { index: 1_234_567 }),
        provider: "uscc:91350100M000100Y43".to_owned(),
        consumer: "uscc:91350100M000100Y43".to_owned(),
        data_set: "xroad:DEV/ORG/1234567-8/TEST/RestTest".to_owned(),
        items: vec!["A01".to_owned(), "A02".to_owned(), "A07".to_owned()],
        purpose: "social-assistance".to_owned(),
        matter: "subsistence-allowance-review".to_owned(),
        rows: 1,
        subjects: 1,
        subject_tags: vec![vec![3; 32]],
        request_digest: vec![1; 32],
        response_digest: vec![2; 32],
        request_bytes: 1_847,
        response_bytes: 2_422,
        ..AccessExecuted::default()
    };
    body.set_side(Side::Consumer);
    body.set_outcome(v1::Outcome::Succeeded);
    Record {
        schema_version: record::SCHEMA_VERSION,
        ledger_id: vec![7; 32],
        submitter: 2,
        region: "gbt2260:340100".to_owned(),
        actor: Some(Actor {
            system: "xroad:DEV/ORG/1234567-8/TEST".to_owned(),
            certificate: vec![9; 32],
            ..Actor::default()
        }),
        occurred_at: Some(Time { unix_ms: 1_603_802_102_192, precision: 0 }),
        stream: Some(Stream { id: "opmon-2020-11.jsonl".to_owned(), sequence: 4_711 }),
        body: Some(Body::AccessExecuted(body)),
        ..Record::default()
    }
}

fn decoding(criterion: &mut Criterion) {
    let access = access();
    let bytes = record::encode(&access).expect("the record is valid");
    let ledger = LedgerId([7; 32]);
    let mut group = criterion.benchmark_group(format!("access record of {} bytes", bytes.len()));
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode and check", |bencher| {
        bencher.iter(|| record::decode(black_box(&bytes), Some(&ledger)).expect("the record is valid"));
    });
    group.bench_function("check alone", |bencher| {
        bencher.iter(|| record::check(black_box(&access), Some(&ledger)).expect("the record is valid"));
    });
    group.bench_function("encode and check", |bencher| {
        bencher.iter(|| record::encode(black_box(&access)).expect("the record is valid"));
    });
    for suite in Suite::ALL {
        group.bench_function(format!("terms and their keys, {suite}"), |bencher| {
            bencher.iter(|| {
                let terms = terms::terms_of(black_box(&access), Kind::AccessExecuted);
                terms::term_keys(suite, &terms, Verdict::NONE)
            });
        });
    }
    group.finish();
}

fn guard(criterion: &mut Criterion) {
    let text =
        "依法履职需要，共享条件为 2020 年第 12 号文所列事项，联系人见平台；reviewed 2023-10-01, 5230 rows. "
            .repeat(16);
    let mut group = criterion.benchmark_group(format!("free text of {} bytes", text.len()));
    group.throughput(Throughput::Bytes(u64::try_from(text.len()).expect("a text of some KiB")));
    group.bench_function("personal data", |bencher| bencher.iter(|| personal_data::find(black_box(&text))));
    group.finish();
}

criterion_group!(benches, decoding, guard);
criterion_main!(benches);
