//! Rates that the leader holds each bureau to, whichever node let its records pass.

use std::time::{Duration, Instant};

use muniment_core::admission::{Admission, Submission};
use muniment_core::batch::{SubmittedRecord, encode_admission_part};
use muniment_core::digest::record_digest;
use muniment_core::{Blind, Reason, RequestId, Suite, record};
use muniment_raft::{RateLimits, SignedPart, SubmitError, Wait};

use crate::cluster::{Cluster, admission_key};
use crate::made_up::{access, batch, refusal, request_id, submit};

/// Bureaus of nodes that don't lead, which are those of the nodes' numbers.
fn followers(cluster: &Cluster) -> [u32; 2] {
    let leader = cluster.node(1).status().leader.expect("there is a leader").0;
    let others: Vec<u32> = (1..=3).filter(|number| u64::from(*number) != leader).collect();
    others.try_into().expect("two of three")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_followers_forward_is_held_back_at_the_leader_by_bureau_and_refused_whole() {
    let rates = RateLimits { records_per_second: 100, ..RateLimits::default() };
    let cluster = Cluster::with_leader_rates(rates).await;
    let ledger_id = cluster.ledger_id();
    let [flooding, other] = followers(&cluster);
    let mut client = cluster.client(flooding, flooding.into()).await;
    let flood: Vec<_> = (0..400).map(|_| access(&ledger_id, flooding)).collect();
    client.submit_batch(batch(&flood)).await.expect("a full bucket lets it pass once");
    let size = cluster.node(1).read_index().await.expect("a majority").size.0;
    assert_eq!(size, 400);

    let later: Vec<_> = (0..3).map(|_| access(&ledger_id, flooding)).collect();
    let later = batch(&later);
    let (name, report) = refusal(client.submit_batch(later.clone()).await);
    assert_eq!(name, "RATE_LIMITED");
    assert_eq!(report.violations[0].subject, format!("bureau {flooding}"));
    assert!(report.message.contains("at the leader"), "{report:?}");
    let wait = report.retry_after.expect("it says when");
    assert!(wait > Duration::from_secs(2) && wait < Duration::from_secs(4), "{wait:?}");
    let mut there = cluster.client(other, other.into()).await;
    there.submit(submit(&access(&ledger_id, other))).await.expect("another bureau is not held back");
    let size = cluster.node(1).read_index().await.expect("a majority").size.0;
    assert_eq!(size, 401, "nothing of what was refused was written");

    // The very same is taken when its time has come, once.
    let since = Instant::now();
    while client.submit_batch(later.clone()).await.is_err() {
        assert!(since.elapsed() < wait + Duration::from_secs(10), "it is never let pass");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(since.elapsed() + Duration::from_millis(500) > wait, "{:?} of {wait:?}", since.elapsed());
    let size = cluster.node(1).read_index().await.expect("a majority").size.0;
    assert_eq!(size, 404);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_t_use_up_another_bureau_s_rate_with_admissions_in_its_name() {
    let rates = RateLimits { records_per_second: 100, ..RateLimits::default() };
    let cluster = Cluster::with_leader_rates(rates).await;
    let ledger_id = cluster.ledger_id();
    let [forger, victim] = followers(&cluster);
    let bytes: Vec<Vec<u8>> =
        (0..400).map(|_| record::encode(&access(&ledger_id, victim)).expect("a valid record")).collect();
    let records: Vec<_> =
        bytes.iter().map(|bytes| SubmittedRecord { blind: Blind([7; 16]), bytes }).collect();
    let id = RequestId(request_id()[..].try_into().expect("16 bytes"));
    let submissions = vec![Submission { request_id: id, count: 400 }];
    let digests = records.iter().map(|one| record_digest(Suite::Blake3, &one.blind, one.bytes));
    let origin = &cluster.founding.origin;
    let mut forged = Admission::sign(Suite::Blake3, origin, &admission_key(forger), submissions, digests);
    forged.public_key = admission_key(victim).public_key().to_bytes();
    let part = SignedPart {
        bytes: encode_admission_part(&forged, &records).into(),
        // What a carrier says counts for nothing either.
        records: 1,
        wait: Wait::Committed,
    };
    let answer = cluster.node(forger.into()).submit(part).await.expect_err("it is forged");
    assert!(matches!(answer, SubmitError::NotWritten(_)), "{answer}");
    assert_eq!(answer.reason(), Reason::BadSignature);
    let mut theirs = cluster.client(victim, victim.into()).await;
    theirs.submit(submit(&access(&ledger_id, victim))).await.expect("it did not pay for the forgery");
    let mut own = cluster.client(forger, forger.into()).await;
    let (name, _) = refusal(own.submit(submit(&access(&ledger_id, forger))).await);
    assert_eq!(name, "RATE_LIMITED", "the carrier paid");
    cluster.stop().await;
}
