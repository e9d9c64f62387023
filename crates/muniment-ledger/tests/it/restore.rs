//! Restoring a dump: what is no dump of this ledger is refused with what is wrong, and where.

use muniment_core::{RequestId, Suite, UnixMillis};
use muniment_ledger::{Ledger, RestoreError};

use crate::fixture::*;

type Object = (Vec<u8>, Vec<u8>);

/// Bytes before the first bucket: title and ledger id.
const HEADER: usize = 18 + 32;

/// The objects of a dump, bucket by bucket.
fn buckets(dump: &[u8]) -> Vec<Vec<Object>> {
    let mut left = &dump[HEADER..];
    let mut take = |count: usize| {
        let (taken, rest) = left.split_at(count);
        left = rest;
        taken.to_vec()
    };
    let mut buckets = Vec::new();
    for _ in 0..4_096 {
        let mut number = || usize::try_from(u32::from_be_bytes(take(4).try_into().unwrap())).unwrap();
        let count = number();
        let mut objects = Vec::new();
        for _ in 0..count {
            let mut block = || {
                let length = usize::try_from(u32::from_be_bytes(take(4).try_into().unwrap())).unwrap();
                take(length)
            };
            objects.push((block(), block()));
        }
        buckets.push(objects);
    }
    assert!(left.is_empty());
    buckets
}

fn joined(header: &[u8], buckets: &[Vec<Object>]) -> Vec<u8> {
    let mut dump = header.to_vec();
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    for bucket in buckets {
        dump.extend(length(bucket.len()));
        for (key, value) in bucket {
            for block in [key, value] {
                dump.extend(length(block.len()));
                dump.extend(block);
            }
        }
    }
    dump
}

/// Where the objects of a prefix lie.
fn places(buckets: &[Vec<Object>], prefix: u8) -> Vec<(usize, usize)> {
    let all = buckets.iter().enumerate().flat_map(|(bucket, objects)| {
        objects.iter().enumerate().map(move |(position, object)| (bucket, position, object.0[0]))
    });
    all.filter(|(.., found)| *found == prefix).map(|(bucket, position, _)| (bucket, position)).collect()
}

/// A ledger with an object of every kind that a dump treats by itself, and its dump.
fn scene() -> (Scene, Vec<u8>) {
    let mut scene = Scene::new(Suite::Blake3);
    let id = RequestId::new(UnixMillis(START), [3; 10]);
    for exchange in ["a", "b", "c"] {
        let record = scene.record(BOZHOU, access(exchange, None));
        scene.submit_as(BOZHOU, id, &[record]);
    }
    let dump = scene.dump();
    (scene, dump)
}

fn check(name: &str, expected: &str, change: impl FnOnce(&mut Vec<Vec<Object>>)) {
    let (scene, dump) = scene();
    let mut parts = buckets(&dump);
    assert_eq!(joined(&dump[..HEADER], &parts), dump);
    change(&mut parts);
    let error = Ledger::restore(&scene.founding, &joined(&dump[..HEADER], &parts)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(expected), "{name}: {error}");
}

#[test]
fn objects_that_are_missing_doubled_moved_or_unknown_are_refused() {
    const HEAD: u8 = 0x01;
    const MEMBERS: u8 = 0x02;
    const REQUEST: u8 = 0x40;
    const SIDE: u8 = 0x41;
    let remove = |prefix| {
        move |buckets: &mut Vec<Vec<Object>>| {
            let (bucket, position) = places(buckets, prefix)[0];
            buckets[bucket].remove(position);
        }
    };
    check("no head", "no head", remove(HEAD));
    check("no members", "no member list", remove(MEMBERS));
    check("doubled", "keys must ascend", |buckets| {
        let (bucket, position) = places(buckets, HEAD)[0];
        let object = buckets[bucket][position].clone();
        buckets[bucket].insert(position, object);
    });
    check("moved", "in the bucket of their hash", |buckets| {
        let (bucket, position) = places(buckets, HEAD)[0];
        let object = buckets[bucket].remove(position);
        buckets[(bucket + 1) % 4_096] = vec![object];
    });
    check("a content without the one before", "not numbered from 0", |buckets| {
        let first = |&(bucket, position): &(usize, usize)| buckets[bucket][position].0.ends_with(&[0]);
        let (bucket, position) = *places(buckets, REQUEST).iter().find(|place| first(place)).unwrap();
        buckets[bucket].remove(position);
    });
    check("a gap among exchange sides", "not one window", |buckets| {
        let number_1 = |&(bucket, position): &(usize, usize)| buckets[bucket][position].1[7] == 1;
        let (bucket, position) = *places(buckets, SIDE).iter().find(|place| number_1(place)).unwrap();
        buckets[bucket].remove(position);
    });
    check("a value cut short", "bytes needed", |buckets| {
        let (bucket, position) = places(buckets, SIDE)[0];
        buckets[bucket][position].1.pop();
    });
}

#[test]
fn a_dump_of_another_ledger_or_of_something_else_is_refused() {
    let scene = Scene::new(Suite::Blake3);
    let other = founding(Suite::Sm3);
    let refused = Ledger::restore(&other, &scene.dump()).map(|_| ()).unwrap_err();
    let (found, expected) = (scene.founding.ledger_id(), other.ledger_id());
    assert_eq!(refused, RestoreError::OtherLedger { found, expected });
    let something = [b'x'; 100];
    assert_eq!(Ledger::restore(&other, &something).map(|_| ()), Err(RestoreError::Title));
}
