//! What a client gets from members that do as they should.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use muniment_client::{
    Class, Client, ListOptions, Options, OptionsError, RetryPolicy, WatchOptions, Watched,
};
use muniment_core::verify::{Outcome, verify};
use muniment_core::{LeafIndex, Reason, TreeSize};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use muniment_proto::v1;

use crate::ledger::{Ledger, leaf};

const LINEARIZABLE: Freshness = Freshness::Linearizable;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_submitted_is_found_proven_listed_watched_and_counted_at_any_member() {
    let ledger = Ledger::begin().await;
    let client = ledger.client(1);
    let prepared = client.prepare(ledger.access(&client, 7)).expect("a valid record");
    let submitted = client.submit(&prepared, Level::Cosigned).await.expect("it is taken");
    let receipt = submitted.receipt.clone().expect("cosigned");
    assert_eq!(verify(&receipt.text, client.trust()).outcome, Outcome::Verified, "offline too");
    assert_eq!(receipt.proven.record_digest, prepared.digest);
    let again = client.submit(&prepared, Level::Committed).await.expect("the same again is the same");
    assert!(again.duplicate && again.place.map(|place| place.leaf) == Some(leaf(&submitted)));

    let batch = client.prepare_batch((20..23).map(|serial| ledger.access(&client, serial)));
    let batch = client.submit_batch(&batch.expect("valid records"), Level::Cosigned).await.expect("taken");
    let batch: Vec<LeafIndex> = batch.iter().map(|one| leaf(one.as_ref().expect("taken"))).collect();
    assert_eq!(batch.len(), 3);

    // Six reads in turn come to every member twice.
    for _ in 0..2 {
        for name in [RecordName::Leaf(leaf(&submitted)), RecordName::Digest(prepared.digest)] {
            let record = client.get(name, LINEARIZABLE).await.expect("it is there");
            assert_eq!(record.leaf, leaf(&submitted));
            assert_eq!(record.record, Some(ledger_record(&prepared)));
            assert!(record.included_in > Some(TreeSize(record.leaf.0)), "{:?}", record.included_in);
        }
    }
    let all = client.list(ListOptions { page_size: Some(2), ..ListOptions::default() });
    let all = all.try_collect::<Vec<_>>().await.expect("checked");
    assert!(all.len() >= 5, "{}", all.len());
    let filter = Some(v1::RecordFilter { submitter: Some(2), ..v1::RecordFilter::default() });
    let ours = client.list(ListOptions { filter: filter.clone(), ..ListOptions::default() });
    let ours: Vec<LeafIndex> = ours.map_ok(|record| record.leaf).try_collect().await.expect("checked");
    assert_eq!(ours, [&[leaf(&submitted)], &batch[..]].concat());

    let watch = client.watch(WatchOptions { filter, ..WatchOptions::default() });
    let watched = watch.try_filter_map(|watched| {
        std::future::ready(Ok(match watched {
            Watched::Record(record) => Some(record.leaf),
            Watched::Progress { .. } => None,
        }))
    });
    let watched: Vec<LeafIndex> = watched.take(4).try_collect().await.expect("checked");
    assert_eq!(watched, ours);

    let statistics = client.statistics(LINEARIZABLE).await.expect("counted");
    let submitter = statistics.by_submitter.iter().find(|count| count.submitter == 2);
    assert_eq!(submitter.map(|count| count.count), Some(4));
    let shown = client.compare_checkpoints().await;
    assert_eq!(shown.len(), 3);
    for member in shown {
        member.checkpoint.expect("all are consistent");
    }
}

fn ledger_record(prepared: &muniment_client::Prepared) -> muniment_core::v1::Record {
    muniment_core::record::decode(&prepared.record.bytes, None).expect("own bytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_reason_and_the_body_of_others_is_withheld() {
    let ledger = Ledger::begin().await;
    let (hefei, wuhu) = (ledger.client(0), ledger.client(2));
    let nothing = hefei.get(RecordName::Leaf(LeafIndex(1_000_000)), LINEARIZABLE).await;
    let nothing = nothing.expect_err("there is no such leaf");
    assert_eq!((nothing.reason(), nothing.class()), (Some(Reason::NotFound), Class::NotFound), "{nothing}");
    let statuses = hefei.status().await;
    assert_eq!(statuses.len(), 3);
    for (_, status) in statuses {
        let refused = status.expect_err("a service is no operator");
        assert_eq!((refused.reason(), refused.class()), (Some(Reason::NotPermitted), Class::NotPermitted));
    }
    // In another bureau's name: refused before it is sent, by its number; by the member when it is not known.
    let foreign = hefei.prepare(ledger.access(&wuhu, 50)).expect("valid, but not ours");
    let foreign = hefei.submit(&foreign, Level::Committed).await.expect_err("the submitter is another");
    assert_eq!(foreign.reason(), Some(Reason::NotPermitted), "{foreign}");
    let mut wrong = ledger.access(&hefei, 51);
    wrong.region = "nowhere".to_owned();
    assert_eq!(hefei.prepare(wrong).expect_err("no identifier").class(), Class::Malformed);

    let leaf = RecordName::Leaf(LeafIndex(0));
    let seen = hefei.get(leaf, LINEARIZABLE).await.expect("own");
    let withheld = wuhu.get(leaf, LINEARIZABLE).await.expect("a stub and a proof");
    assert!(!seen.is_withheld() && withheld.is_withheld());
    assert_eq!((withheld.stub, withheld.record_digest), (seen.stub, seen.record_digest));
    assert!(withheld.included_in.is_some());
    wuhu.receipt(LeafIndex(0)).await.expect("a receipt without a body holds too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_own_member_is_not_among_its_endpoints_reads_but_is_told_where_to_write() {
    let ledger = Ledger::begin().await;
    let pause = Duration::from_secs(2);
    let retry = RetryPolicy { attempts: 5, pause_min: pause, pause_max: pause };
    let endpoints = vec![ledger.endpoint(1), ledger.endpoint(2)];
    let options = Options { endpoints, retry, ..ledger.options(0) };
    let client = Client::new(&options).expect("the options hold");
    client.get(RecordName::Leaf(LeafIndex(0)), LINEARIZABLE).await.expect("anybody answers reads");
    let prepared = client.prepare(ledger.access(&client, 60)).expect("a valid record");
    let began = Instant::now();
    let refused = client.submit(&prepared, Level::Committed).await.expect_err("nobody signs for it");
    assert_eq!(refused.reason(), Some(Reason::AttributionRequired), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(3), "no retry changes it: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_every_call_ends_with_its_own_error_within_the_deadline() {
    let ledger = Ledger::found();
    // Nobody listens at the members' addresses; this one accepts and never says a word.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    for endpoints in [vec![ledger.endpoint(0), ledger.endpoint(1)], vec![address]] {
        let deadline = Duration::from_secs(2);
        let options = Options { endpoints, deadline, ..ledger.options(0) };
        let client = Client::new(&options).expect("the options hold");
        let prepared = client.prepare(ledger.access(&client, 1)).expect("a valid record");
        let began = Instant::now();
        let write = client.submit(&prepared, Level::Cosigned).await.expect_err("no server");
        assert!(matches!(write, muniment_client::Error::Unreachable { .. }), "nothing was sent: {write}");
        let read = client.get(RecordName::Leaf(LeafIndex(0)), LINEARIZABLE).await.expect_err("no server");
        let checkpoint = client.checkpoint(None).await.expect_err("no server");
        let mut watch = std::pin::pin!(client.watch(WatchOptions::default()));
        let watch = watch.next().await.expect("an error").expect_err("no server");
        let items = futures::stream::iter([prepared]);
        let mut stream = std::pin::pin!(client.submit_stream(items, Default::default()));
        let stream = stream.next().await.expect("an error").expect_err("no server");
        for error in [write, read, checkpoint, watch, stream] {
            assert_eq!(error.class(), Class::Unavailable, "{error}");
        }
        let longest = deadline * 5 + deadline * 3;
        assert!(began.elapsed() < longest, "{:?}", began.elapsed());
    }
}

#[test]
fn options_that_do_not_fit_are_said_by_name() {
    let ledger = Ledger::found();
    let refused = |change: &dyn Fn(&mut Options)| {
        let mut options = ledger.options(0);
        change(&mut options);
        Client::new(&options).expect_err("it does not fit")
    };
    let none = refused(&|options| options.endpoints.clear());
    assert!(matches!(none, OptionsError::NoEndpoint));
    let scheme = refused(&|options| options.endpoints = vec!["https://localhost:1".to_owned()]);
    assert!(matches!(scheme, OptionsError::Endpoint(_)), "{scheme}");
    let nobody = refused(&|options| options.authorities.clear());
    assert!(matches!(nobody, OptionsError::NoAuthority));
    let key = refused(&|options| options.identity.key = ledger.bureau_dir(1).join("client.key"));
    assert!(key.to_string().contains("client.key"), "{key}");
    let trust = refused(&|options| options.trust_file = ledger.dir.path().join("founding"));
    assert!(trust.to_string().contains("founding"), "{trust}");
    let twice = refused(&|options| options.authorities[1] = options.authorities[0].clone());
    assert!(matches!(twice, OptionsError::TwoAuthorities(_)), "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_under_another_bureau_s_authority_is_not_spoken_to() {
    let ledger = Ledger::begin().await;
    let mut options = ledger.options(0);
    // Bozhou's CA is put in Hefei's place: Hefei's node has the right name, and the wrong issuer.
    options.authorities.truncate(1);
    options.authorities[0].ca = ledger.bureau_dir(1).join("ca.pem");
    options.deadline = Duration::from_secs(3);
    let client = Client::new(&options).expect("the options hold");
    let refused = client.checkpoint(None).await.expect_err("no member can be believed");
    assert!(matches!(refused, muniment_client::Error::Unreachable { .. }), "{refused}");
}
