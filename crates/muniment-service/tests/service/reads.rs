//! Reading records and evidence.

use bytes::Bytes;
use muniment_core::digest::record_digest;
use muniment_core::tree::TreeAt;
use muniment_core::v1::record::Body;
use muniment_core::verify::{Outcome, verify};
use muniment_core::{Blind, Hash, LeafIndex, Suite, Tree, TreeSize, v1 as records};
use muniment_proto::proof::{ConsistencyProof, InclusionProof};
use muniment_proto::v1;
use muniment_proto::v1::get_record_request::Name;

use crate::cluster::{Cluster, Ledger};
use crate::made_up::{access, batch, reason, refusal, submit};

fn by(name: Name) -> v1::GetRecordRequest {
    v1::GetRecordRequest { name: Some(name), decode: true, prove: true, stale_ok: None }
}

/// Writes a record and answers its request and leaf.
async fn written(client: &mut Ledger, record: &records::Record) -> (v1::SubmitRequest, u64) {
    let request = v1::SubmitRequest { wait_for: v1::Level::Cosigned.into(), ..submit(record) };
    let answer = client.submit(request.clone()).await.expect("it is written").into_inner();
    (request, answer.submitted.and_then(|submitted| submitted.leaf_index).expect("a leaf"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_found_by_leaf_digest_and_submission_on_every_member() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let (request, leaf) = written(&mut client, &access(&ledger_id, 1)).await;
    let record = request.record.clone().expect("it has one");
    let blind = Blind(record.blind.as_ref().try_into().expect("16 bytes"));
    let digest = record_digest(Suite::Blake3, &blind, &record.record);
    let submission = |position| {
        let request_id = request.request_id.clone();
        Name::Submission(v1::SubmissionName { submitter: 1, request_id, position })
    };
    for member in 1..=3 {
        let mut reader = cluster.client(1, member).await;
        for name in
            [Name::LeafIndex(leaf), Name::RecordDigest(Bytes::copy_from_slice(&digest.0)), submission(0)]
        {
            let answer = reader.get_record(by(name.clone())).await;
            let answer = answer.unwrap_or_else(|error| panic!("{name:?}: {error}")).into_inner();
            let found = answer.record.expect("it is there");
            assert_eq!((found.leaf_index, found.withheld), (leaf, false));
            assert_eq!(found.content, Some(record.clone()));
            let decoded = found.record.expect("asked for");
            assert_eq!(muniment_core::canonical::encode(&decoded), record.record.to_vec());
            if let Some(proof) = answer.proof {
                let proof = InclusionProof::try_from(proof).expect("a proof");
                assert_eq!(proof.leaf, LeafIndex(leaf));
            }
        }
        let unknown = [
            Name::LeafIndex(1_000),
            Name::RecordDigest(Bytes::from_static(&[7; 32])),
            submission(1),
            Name::Submission(v1::SubmissionName {
                submitter: 2,
                request_id: request.request_id.clone(),
                position: 0,
            }),
        ];
        for name in unknown {
            assert_eq!(reason(reader.get_record(by(name.clone())).await), "NOT_FOUND", "{name:?}");
        }
        let malformed = Name::RecordDigest(Bytes::from_static(&[7; 31]));
        assert_eq!(reason(reader.get_record(by(malformed)).await), "INVALID_REQUEST");
        assert_eq!(reason(reader.get_record(v1::GetRecordRequest::default()).await), "INVALID_REQUEST");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_get_the_same_leaf_and_a_receipt_that_verifies_without_the_body() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let mut named = access(&ledger_id, 1);
    let Some(Body::AccessExecuted(body)) = &mut named.body else { panic!("an access") };
    body.consumer = "bureau:bozhou".to_owned();
    let (_, leaf) = written(&mut client, &named).await;
    let trust = cluster.node(2).trust_file();
    // Submitter, party, stranger: all at a member that is not their own.
    for (bureau, may_read) in [(1, true), (2, true), (3, false)] {
        let mut reader = cluster.client(bureau, 2).await;
        let answer = reader.get_record(by(Name::LeafIndex(leaf))).await.expect("a leaf").into_inner();
        let found = answer.record.expect("it is there");
        assert_eq!(found.withheld, !may_read, "bureau {bureau}");
        assert_eq!(found.content.is_some() && found.record.is_some(), may_read, "bureau {bureau}");
        assert_eq!(found.record_digest.len(), if may_read { 0 } else { 32 });
        let receipt = reader.get_receipt(v1::GetReceiptRequest { leaf_index: leaf }).await;
        let receipt = receipt.expect("it is cosigned").into_inner();
        assert_eq!(receipt.withheld, !may_read, "bureau {bureau}");
        let verification = verify(&receipt.receipt, &trust);
        assert_eq!(verification.outcome, Outcome::Verified, "bureau {bureau}: {verification:?}");
        let decoded = muniment_core::receipt::Receipt::decode(&receipt.receipt).expect("a receipt");
        let has_body = matches!(decoded.leaf.content, muniment_core::leaf::Content::Open { .. });
        assert_eq!(has_body, may_read, "bureau {bureau}");
    }
    let unknown = client.get_receipt(v1::GetReceiptRequest { leaf_index: 99 }).await;
    assert_eq!(reason(unknown), "NOT_FOUND");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_hold_against_the_cosigned_checkpoint_and_bad_sizes_are_named() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let none = client.get_checkpoint(v1::GetCheckpointRequest { min_size: 0 }).await;
    assert_eq!(reason(none), "NOT_FOUND");
    let records: Vec<_> = (0..20).map(|_| access(&ledger_id, 1)).collect();
    let request = v1::SubmitBatchRequest { wait_for: v1::Level::Cosigned.into(), ..batch(&records) };
    client.submit_batch(request).await.expect("it is written");
    let mut reader = cluster.client(3, 2).await;
    let answer = reader.get_checkpoint(v1::GetCheckpointRequest { min_size: 20 }).await;
    let answer = answer.expect("it is cosigned").into_inner();
    let checkpoint = muniment_core::checkpoint::Checkpoint::parse(&answer.checkpoint).expect("a note");
    assert_eq!((answer.size, checkpoint.body.size), (20, TreeSize(20)));
    checkpoint.verify(&cluster.founding.members()).expect("q signed");

    let inclusion = |leaf_index, tree_size| v1::GetInclusionProofRequest { leaf_index, tree_size };
    for (leaf, size) in [(0, 0), (7, 20), (19, 20)] {
        let answer =
            reader.get_inclusion_proof(inclusion(leaf, size)).await.expect("it is there").into_inner();
        let proof = InclusionProof::try_from(answer.proof.expect("a proof")).expect("well formed");
        let tree = TreeAt { suite: Suite::Blake3, tree: Tree::Ledger, size: proof.size };
        tree.verify_inclusion(proof.leaf, proof.leaf_hash, &proof.path, checkpoint.body.root)
            .expect("it holds");
    }
    let consistency = |from_size, to_size| v1::GetConsistencyProofRequest { from_size, to_size };
    let answer = reader.get_consistency_proof(consistency(20, 0)).await.expect("itself").into_inner();
    assert!(ConsistencyProof::try_from(&answer).expect("well formed").path.is_empty());
    let answer = reader.get_consistency_proof(consistency(7, 20)).await.expect("it is there").into_inner();
    let proof = ConsistencyProof::try_from(&answer).expect("well formed");
    assert_eq!((proof.from, proof.to), (TreeSize(7), TreeSize(20)));
    let small = cluster.node(1).view().expect("it runs");
    let root: Hash = TreeAt { suite: Suite::Blake3, tree: Tree::Ledger, size: proof.from }
        .root(&small.files)
        .expect("a root");
    TreeAt { suite: Suite::Blake3, tree: Tree::Ledger, size: proof.to }
        .verify_consistency(proof.from, root, &proof.path, checkpoint.body.root)
        .expect("it holds");

    assert_eq!(reason(reader.get_inclusion_proof(inclusion(20, 20)).await), "INVALID_REQUEST");
    assert_eq!(reason(reader.get_inclusion_proof(inclusion(20, 0)).await), "NOT_FOUND");
    let (name, report) = refusal(reader.get_inclusion_proof(inclusion(20, 5_000)).await);
    assert_eq!((name.as_str(), report.number("tree_size")), ("RESUME_POINT_UNAVAILABLE", Some(20)));
    assert_eq!(reason(reader.get_consistency_proof(consistency(0, 20)).await), "INVALID_REQUEST");
    assert_eq!(reason(reader.get_consistency_proof(consistency(9, 8)).await), "INVALID_REQUEST");
    assert_eq!(reason(reader.get_consistency_proof(consistency(21, 0)).await), "NOT_FOUND");
    let beyond = reader.get_consistency_proof(consistency(9, 5_000)).await;
    assert_eq!(reason(beyond), "RESUME_POINT_UNAVAILABLE");
    let mut late = tonic::Request::new(v1::GetCheckpointRequest { min_size: 21 });
    late.set_timeout(std::time::Duration::from_secs(1));
    assert_eq!(
        reason(reader.get_checkpoint(late).await),
        "NO_QUORUM",
        "nothing more is there to be cosigned"
    );

    cluster.stop().await;
}
