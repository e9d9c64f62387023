//! Lies are not believed: each alters one real answer, and the client says what does not hold.

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_client::{Class, Client, Error, ListOptions, Options, WatchOptions};
use muniment_core::LeafIndex;
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use muniment_proto::v1;

use crate::ledger::{Ledger, leaf};
use crate::liar::{Saying, liar};

/// A client that knows nobody but a liar. It has no pin: each lie meets a client that has seen nothing.
async fn deceived(ledger: &Ledger, lie: impl Fn(Saying<'_>) + Send + Sync + 'static) -> Client {
    let endpoints = vec![liar(ledger, lie).await];
    let options = Options { endpoints, state_dir: None, ..ledger.options(0) };
    Client::new(&options).expect("the options hold")
}

/// Changes one byte of a text at a place.
fn flip(text: &mut Bytes, at: usize) {
    let mut bytes = text.to_vec();
    bytes[at] ^= 1;
    *text = bytes.into();
}

/// Changes the first letter after a mark to another one that base64 has, too: the text is well formed and says another thing.
fn change_after(text: &mut Bytes, mark: &str) {
    let at = text.windows(mark.len()).position(|window| window == mark.as_bytes());
    let at = at.expect("the mark is there") + mark.len();
    let mut bytes = text.to_vec();
    bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
    *text = bytes.into();
}

#[track_caller]
fn insist_on(error: &Error, class: Class, said: &str) {
    assert_eq!(error.class(), class, "{error}");
    assert!(error.to_string().contains(said), "{said:?} in {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_receipt_is_refused_also_where_a_submission_brings_it() {
    let ledger = Ledger::begin().await;
    let other = leaf(&ledger.submit(&ledger.client(0), 5, Level::Cosigned).await);
    let real = ledger.client(0).receipt(other).await.expect("a real one").text;

    let lie = |saying: Saying<'_>| {
        if let Saying::Receipt(answer) = saying {
            // One hash of the path, the checkpoint or the signatures: what comes after the extra line.
            change_after(&mut answer.receipt, "\nindex 0\n");
        }
    };
    let client = deceived(&ledger, lie).await;
    let refused = client.receipt(LeafIndex(0)).await.expect_err("the path leads elsewhere");
    insist_on(&refused, Class::Tampered, "inclusion");

    let swapped = real.clone();
    let lie = move |saying: Saying<'_>| match saying {
        Saying::Receipt(answer) => answer.receipt = swapped.clone(),
        Saying::Submit(answer) => {
            if let Some(submitted) = &mut answer.submitted {
                submitted.receipt = swapped.clone();
            }
        }
        _ => {}
    };
    let client = deceived(&ledger, lie).await;
    let refused = client.receipt(LeafIndex(0)).await.expect_err("it is another leaf's");
    insist_on(&refused, Class::Tampered, "its leaf differs");
    let prepared = client.prepare(ledger.access(&client, 6)).expect("a valid record");
    let refused = client.submit(&prepared, Level::Cosigned).await.expect_err("it is another record's");
    insist_on(&refused, Class::Tampered, "differs");

    // The right leaf's receipt, for other bytes than were submitted.
    let lie = move |saying: Saying<'_>| {
        if let Saying::Submit(answer) = saying
            && let Some(submitted) = &mut answer.submitted
        {
            (submitted.leaf_index, submitted.receipt) = (Some(other.0), real.clone());
        }
    };
    let client = deceived(&ledger, lie).await;
    let prepared = client.prepare(ledger.access(&client, 7)).expect("a valid record");
    let refused = client.submit(&prepared, Level::Cosigned).await.expect_err("these are not our bytes");
    insist_on(&refused, Class::Tampered, "its record differs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_checkpoint_root_or_proof_is_refused() {
    let ledger = Ledger::begin().await;
    // The root, the index root and a signature.
    for mark in ["\nindex ", "\nmembers 0 ", "/ledger/hefei "] {
        let lie = move |saying: Saying<'_>| {
            if let Saying::Checkpoint(answer) = saying {
                change_after(&mut answer.checkpoint, mark);
            }
        };
        let client = deceived(&ledger, lie).await;
        let refused = client.checkpoint(None).await.expect_err(mark);
        insist_on(&refused, Class::Tampered, "checkpoint");
        assert!(client.pinned().expect("memory").is_none(), "nothing false is pinned");
    }

    // A consistency proof with one hash changed: the newer checkpoint is not taken, and the pin stays.
    let lie = |saying: Saying<'_>| {
        if let Saying::Consistency(answer) = saying {
            match answer.path.first_mut() {
                Some(hash) => flip(hash, 0),
                None => answer.path.push(Bytes::from_static(&[1; 32])),
            }
        }
    };
    let client = deceived(&ledger, lie).await;
    let pinned = client.checkpoint(None).await.expect("the first is taken");
    for serial in 10..13 {
        ledger.submit(&ledger.client(0), serial, Level::Cosigned).await;
    }
    let refused = client.checkpoint(None).await.expect_err("no proof leads there");
    insist_on(&refused, Class::Tampered, "forked");
    assert_eq!(client.pinned().expect("memory").expect("pinned").body, pinned.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_altered_moved_or_swapped_is_refused() {
    type Change = fn(&mut v1::GetRecordResponse);
    let ledger = Ledger::begin().await;
    ledger.submit(&ledger.client(0), 5, Level::Cosigned).await;
    let changes: [(Change, Class, &str); 6] = [
        (
            |answer| {
                let content = answer.record.as_mut().and_then(|record| record.content.as_mut());
                let content = content.expect("own records are open");
                // The last byte is a number of the access: another, valid record.
                let last = content.record.len() - 1;
                flip(&mut content.record, last);
            },
            Class::Tampered,
            "leaf 0",
        ),
        (
            |answer| {
                let content = answer.record.as_mut().and_then(|record| record.content.as_mut());
                flip(&mut content.expect("own records are open").blind, 3);
            },
            Class::Tampered,
            "content is not the digest",
        ),
        (
            |answer| {
                let record = answer.record.as_mut().expect("a record");
                // A second later: stub and convenience field agree with each other.
                let mut stub = record.stub.to_vec();
                stub[15] ^= 1;
                record.accepted_at_ms ^= 1;
                record.stub = stub.into();
            },
            Class::Tampered,
            "is not shown to be in the tree",
        ),
        (
            |answer| answer.record.as_mut().expect("a record").leaf_index = 1,
            Class::Tampered,
            "not what was asked for",
        ),
        (
            |answer| answer.record.as_mut().expect("a record").verdict = Some(v1::Verdict::default()),
            Class::Other,
            "is not what the stub says",
        ),
        (
            |answer| {
                let header = answer.header.as_mut().expect("a header");
                flip(&mut header.ledger_id, 0);
            },
            Class::Tampered,
            "the trust file is of",
        ),
    ];
    for (change, class, said) in changes {
        let lie = move |saying: Saying<'_>| {
            if let Saying::Record(answer) = saying {
                change(answer);
            }
        };
        let client = deceived(&ledger, lie).await;
        let asked = client.get(RecordName::Leaf(LeafIndex(0)), Freshness::Linearizable).await;
        insist_on(&asked.expect_err(said), class, said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_left_out_of_a_list_or_a_watch_or_sent_twice_are_noticed() {
    let ledger = Ledger::begin().await;
    for serial in 20..24 {
        ledger.submit(&ledger.client(0), serial, Level::Cosigned).await;
    }
    type Change = fn(&mut Vec<v1::StoredRecord>);
    let changes: [Change; 2] = [
        |records| {
            if records.len() > 1 {
                records.remove(1);
            }
        },
        |records| {
            if let Some(first) = records.first().cloned() {
                records.insert(0, first);
            }
        },
    ];
    for change in changes {
        let lie = move |saying: Saying<'_>| match saying {
            Saying::Page(page) => change(&mut page.records),
            Saying::Watch(message) => change(&mut message.records),
            _ => {}
        };
        let client = deceived(&ledger, lie).await;
        let listed = client.list(ListOptions::default()).collect::<Vec<_>>().await;
        let listed = listed.into_iter().find_map(Result::err).expect("the list is not whole");
        insist_on(&listed, Class::Tampered, "missing or come twice");
        let watch = client.watch(WatchOptions::default());
        let watched = watch.filter_map(|watched| std::future::ready(watched.err()));
        let watched = std::pin::pin!(watched).next().await.expect("the watch is not whole");
        insist_on(&watched, Class::Tampered, "missing or come twice");
    }
}
