//! Members whose disk was rolled back or wiped: they are told by those who saw what they promised, say so, and neither vote
//! nor sign; honest members pass. Real nodes on real files.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use muniment_core::{Hash, NodeId, Reason, TreeSize};
use muniment_raft::{Lane, NodeState, Status, Timings, Transport, Unreachable, Wait};
use muniment_store::FileDisk;
use muniment_store::disk::Disk;
use muniment_store::raft_log::{self, Frame, Intent, LogReader, LogWriter};

use crate::scene::{Scene, until};

/// Replaces what lies at `to` by a copy of `from`.
fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is readable");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("it has one").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("there is room");
        }
    }
}

/// The Raft log of a member that is stopped.
fn log(scene: &Scene, id: u64) -> (LogWriter, LogReader) {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let options = raft_log::Options { segment_bytes: 8 * 1024 * 1024, ..raft_log::Options::default() };
    let (writer, reader, _) = raft_log::open(disk, &scene.dir(id).join("raft"), options).expect("it opens");
    (writer, reader)
}

async fn begin() -> Scene {
    Scene::begin(|_| {}).await
}

/// The status of a member once it has found its disk to be rolled back, and why.
async fn refused(scene: &Scene, id: u64) -> (Status, String) {
    until("its disk is refused", || matches!(scene.state(id), NodeState::RolledBack(_))).await;
    let status = scene.cluster.node(id).status();
    let text = status.state.to_string();
    assert!(
        text.starts_with("DISK_ROLLED_BACK: ") && text.contains("put its newest directory back"),
        "{text}"
    );
    assert!(status.alarms.contains(&text), "the alarm says so: {:?}", status.alarms);
    assert!(!status.signs && status.signed_size == TreeSize(0));
    (status, text)
}

/// A refused member of three takes part in nothing: the others go on, and with one of them gone nothing is written.
async fn takes_no_part(scene: &mut Scene, id: u64) {
    let before = scene.cluster.node(id).status();
    let others: Vec<u64> = (1..=3).filter(|other| *other != id).collect();
    let size = scene.submit(others[0], 3).await;
    scene.cluster.node(others[1]).wait_cosigned(size).await.expect("q bureaus sign");
    let error = scene.try_submit(id, 1, Wait::Committed).await.expect_err("it takes nothing in");
    assert_eq!(error.reason(), Reason::DiskRolledBack, "{error}");
    scene.cluster.node(id).view().expect("it answers reads of what it holds");
    scene.stop(others[1]).await;
    let error = scene.try_submit(others[0], 1, Wait::Committed).await.expect_err("nobody acknowledges");
    assert_eq!(error.reason(), Reason::OutcomeUnknown, "{error}");
    let after = scene.cluster.node(id).status();
    assert_eq!((after.raft_term, after.last_log_index), (before.raft_term, before.last_log_index));
    scene.start(others[1]).await;
    let outcome = scene.try_submit(others[0], 1, Wait::Committed).await;
    outcome.expect("two of three are a majority");
}

/// Members that have written something, of which member 3 has a copy put aside; then they write more, which it signs.
async fn gone_on(scene: &mut Scene) -> std::path::PathBuf {
    let size = scene.submit(1, 20).await;
    until("member 3 has it", || scene.cluster.node(3).status().size == size).await;
    scene.cluster.node(3).trigger_sync_point().await.expect("it runs");
    scene.stop(3).await;
    let aside = scene.dir(3).with_extension("aside");
    copy(&scene.dir(3), &aside);
    scene.start(3).await;
    scene.cluster.node(3).wait_running().await.expect("an honest restart");
    let size = scene.submit(1, 30).await;
    until("member 3 signs", || scene.cluster.node(3).status().signed_size >= size).await;
    aside
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_directory_is_refused_and_the_newest_one_put_back_is_not() {
    let mut scene = begin().await;
    let aside = gone_on(&mut scene).await;
    scene.stop(3).await;
    let newest = scene.dir(3).with_extension("newest");
    copy(&scene.dir(3), &newest);
    copy(&aside, &scene.dir(3));
    scene.start(3).await;
    let (status, _) = refused(&scene, 3).await;
    assert_eq!(status.size, TreeSize(20), "it shows what it holds");
    takes_no_part(&mut scene, 3).await;
    scene.stop(3).await;
    copy(&newest, &scene.dir(3));
    scene.start(3).await;
    scene.cluster.node(3).wait_running().await.expect("this disk forgot nothing");
    let size = scene.submit(3, 2).await;
    until("it signs", || scene.cluster.node(3).status().signed_size >= size).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_under_an_old_id_is_refused_and_begins_no_ledger() {
    let mut scene = begin().await;
    scene.submit(1, 20).await;
    for id in [3, 1] {
        scene.stop(id).await;
        fs::remove_dir_all(scene.dir(id)).expect("it is wiped");
        scene.start(id).await;
        // Whoever made the directory anew may have asked for a first start, too.
        let error = scene.cluster.node(id).initialize().await.expect_err("the ledger was begun before");
        assert!(error.to_string().contains("DISK_ROLLED_BACK"), "{error}");
        let (status, text) = refused(&scene, id).await;
        assert_eq!((status.last_log_index, status.raft_term.0), (None, 0), "{text}");
        if id == 3 {
            takes_no_part(&mut scene, 3).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_member_that_nobody_was_promised_anything_by_begins_no_second_ledger() {
    let mut scene = begin().await;
    scene.submit(1, 20).await;
    for id in [1, 2, 3] {
        scene.stop(id).await;
        fs::remove_file(scene.dir(id).join("PROMISES")).expect("a stop in order keeps it");
    }
    fs::remove_dir_all(scene.dir(3)).expect("it is wiped");
    // Member 2 never led, and remembers nothing that member 3 told it.
    scene.start(2).await;
    scene.start(3).await;
    let error = scene.cluster.node(3).initialize().await.expect_err("the ledger was begun before");
    assert!(error.to_string().contains("begun before"), "{error}");
    assert_eq!(scene.cluster.node(3).status().last_log_index, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_alone_that_was_rolled_back_is_refused() {
    let mut scene = begin().await;
    scene.submit(1, 5).await;
    let first = scene.cluster.node(3).status().raft_term;
    let leader = scene.cluster.node(3).status().leader.expect("one leads").0;
    let other = if leader == 1 { 2 } else { 1 };
    scene.cluster.node(leader).transfer_leader(NodeId(other)).await.expect("it runs");
    until("member 3 follows another leader", || {
        let status = scene.cluster.node(3).status();
        status.raft_term > first && status.leader == Some(NodeId(other))
    })
    .await;
    let size = scene.submit(1, 5).await;
    until("member 3 signs", || scene.cluster.node(3).status().signed_size >= size).await;
    scene.stop(3).await;
    {
        let (mut writer, reader) = log(&scene, 3);
        let vote = reader.vote().expect("it voted");
        // Term, node id, and whether a quorum voted so.
        let old = [&first.0.to_be_bytes()[..], &vote[8..]].concat();
        writer.write_group(&[Frame::Vote(&old)]).expect("there is room");
        writer.sync().expect("the disk is well");
    }
    scene.start(3).await;
    let (status, text) = refused(&scene, 3).await;
    assert!(text.contains(&format!("its disk knows of no term after {first}")), "{text}");
    assert_eq!(status.raft_term, first);
    takes_no_part(&mut scene, 3).await;
}

/// Times so long that a member which waits for its patience to end is told from one that does not.
fn patient(timings: &mut Timings) -> Duration {
    timings.election_min = Duration::from_secs(14);
    timings.election_max = Duration::from_secs(15);
    timings.election_max * 2
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_member_is_confirmed_as_soon_as_all_have_answered() {
    let mut patience = Duration::ZERO;
    let mut scene = Scene::begin(|options| patience = patient(&mut options.timings)).await;
    let leader = {
        until("one leads", || scene.cluster.node(1).status().leader.is_some()).await;
        scene.cluster.node(1).status().leader.expect("one leads").0
    };
    scene.submit(1, 20).await;
    for id in (1..=3).filter(|id| *id != leader) {
        scene.stop(id).await;
        let stopped = Instant::now();
        scene.start(id).await;
        until("it runs", || scene.state(id) == NodeState::Running).await;
        assert!(stopped.elapsed() < patience, "{:?} of {patience:?}", stopped.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_members_all_restart_goes_on_and_the_one_with_an_old_disk_is_refused() {
    let mut scene = begin().await;
    let aside = gone_on(&mut scene).await;
    for honest in [true, false] {
        for id in 1..=3 {
            scene.stop(id).await;
        }
        if !honest {
            copy(&aside, &scene.dir(3));
        }
        // Nobody runs yet: all ask each other.
        for id in 1..=3 {
            scene.start(id).await;
        }
        if honest {
            for id in 1..=3 {
                until("it runs", || scene.state(id) == NodeState::Running).await;
            }
            let size = scene.submit(2, 5).await;
            until("member 3 signs", || scene.cluster.node(3).status().signed_size >= size).await;
        } else {
            refused(&scene, 3).await;
            until("the others run", || (1..=2).all(|id| scene.state(id) == NodeState::Running)).await;
            takes_no_part(&mut scene, 3).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_member_away_an_honest_one_goes_on_and_an_old_disk_is_refused_by_the_other() {
    let mut scene = begin().await;
    let aside = gone_on(&mut scene).await;
    until("one leads", || scene.cluster.node(3).status().leader.is_some()).await;
    let leader = scene.cluster.node(3).status().leader.expect("one leads").0;
    let (witness, away) = if leader == 2 { (2, 1) } else { (1, 2) };
    scene.stop(away).await;
    scene.stop(3).await;
    scene.start(3).await;
    until("an honest member runs", || scene.state(3) == NodeState::Running).await;
    scene.submit(witness, 5).await;
    scene.stop(3).await;
    copy(&aside, &scene.dir(3));
    scene.start(3).await;
    refused(&scene, 3).await;
    let error = scene.try_submit(witness, 1, Wait::Committed).await.expect_err("it is one of three");
    assert!(matches!(error.reason(), Reason::OutcomeUnknown | Reason::NoQuorum), "{error}");
    scene.start(away).await;
    until("the two honest ones lead", || {
        scene.cluster.node(away).status().leader.is_some_and(|leader| leader != NodeId(3))
    })
    .await;
    scene.submit(away, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_majority_away_a_member_waits_for_answers_and_takes_part_when_they_come() {
    let mut scene = begin().await;
    scene.submit(1, 5).await;
    for id in 1..=2 {
        scene.stop(id).await;
    }
    scene.stop(3).await;
    let term = log(&scene, 3).1.vote();
    scene.start(3).await;
    let started = Instant::now();
    // Beyond its patience, and any time-out after which it would campaign.
    until("its patience ends", || started.elapsed() > Timings::lan().election_max * 5).await;
    let status = scene.cluster.node(3).status();
    assert!(!status.confirmed && !status.signs && status.state == NodeState::Recovering, "{status:?}");
    scene.stop(3).await;
    assert_eq!(log(&scene, 3).1.vote(), term, "it campaigned");
    scene.start(3).await;
    scene.start(2).await;
    until("two of three run", || (2..=3).all(|id| scene.state(id) == NodeState::Running)).await;
    scene.submit(2, 5).await;
}

/// First bytes of a question for a vote, and of one whether it would be given (`muniment-raft`, peer messages).
const VOTES: [u8; 2] = [2, 3];

/// A member that asks for no vote while it is told so.
struct Modest {
    inner: Arc<dyn Transport>,
    is_on: Arc<AtomicBool>,
}

impl Transport for Modest {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let asks = request.first().is_some_and(|kind| VOTES.contains(kind));
        if asks && self.is_on.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(Unreachable { to, reason: "it is modest".to_owned() })));
        }
        self.inner.call(to, lane, request)
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        self.inner.stream(to, requests)
    }
}

/// Member 1 leads and wrote what member 3 acknowledged and member 2 never saw; member 3's disk forgot it, and nobody remembers
/// that it had it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_not_undone_by_a_member_that_forgot_it_unnoticed() {
    let is_modest = Arc::new(AtomicBool::new(false));
    let handed = Arc::clone(&is_modest);
    let mut scene = Scene::begin(|options| {
        options.transport = Arc::new(move |id, inner| {
            let is_on = Arc::clone(&handed);
            if id == NodeId(1) { Arc::new(Modest { inner, is_on }) } else { inner }
        });
    })
    .await;
    scene.submit(1, 5).await;
    scene.stop(3).await;
    let aside = scene.dir(3).with_extension("aside");
    copy(&scene.dir(3), &aside);
    scene.start(3).await;
    until("member 3 runs", || scene.state(3) == NodeState::Running).await;
    let leader = scene.cluster.node(3).status().leader.expect("one leads").0;
    if leader != 1 {
        scene.cluster.node(leader).transfer_leader(NodeId(1)).await.expect("it runs");
    }
    until("member 1 leads", || (1..=3).all(|id| scene.cluster.node(id).status().leader == Some(NodeId(1))))
        .await;
    scene.stop(2).await;
    let outcome = scene.try_submit(1, 7, Wait::Committed).await.expect("two of three are a majority");
    scene.submit(1, 1).await;
    scene.stop(3).await;
    scene.stop(1).await;
    fs::remove_file(scene.dir(1).join("PROMISES")).expect("a stop in order keeps it");
    copy(&aside, &scene.dir(3));
    // It asks member 1, which says what is committed, leads no more, and goes before member 2 comes.
    is_modest.store(true, Ordering::SeqCst);
    scene.start(1).await;
    scene.start(3).await;
    until("it is confirmed", || scene.cluster.node(3).status().confirmed).await;
    let last = |id| scene.cluster.node(id).status().last_log_index;
    assert!(last(3) < last(1), "it has caught up: this run proves nothing");
    scene.stop(1).await;
    scene.start(2).await;
    let began = Instant::now();
    until("several elections could have been held", || began.elapsed() > Timings::lan().election_max * 10)
        .await;
    for id in 2..=3 {
        let leader = scene.cluster.node(id).status().leader;
        assert!(
            leader.is_none_or(|leader| leader == NodeId(1)),
            "{leader:?} leads without what was committed"
        );
    }
    is_modest.store(false, Ordering::SeqCst);
    scene.start(1).await;
    let size = scene.submit(1, 1).await;
    assert!(size > outcome.size, "{size} leaves, {} were committed", outcome.size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_one_member_asks_nobody_and_halts_when_its_log_ends_below_what_it_signed() {
    let mut scene = Scene::begin(|options| options.nodes = 1).await;
    let size = scene.submit(1, 20).await;
    scene.stop(1).await;
    scene.start(1).await;
    scene.cluster.node(1).wait_running().await.expect("it has nobody to ask");
    scene.stop(1).await;
    {
        let (mut writer, reader) = log(&scene, 1);
        let last = reader.last_intent().expect("it signed");
        let beyond = Intent { size: TreeSize(size.0 + 7), time_s: last.time_s, body_digest: Hash([9; 32]) };
        writer.write_group(&[Frame::Intent(beyond)]).expect("there is room");
        writer.sync().expect("the disk is well");
    }
    scene.start(1).await;
    let (_, text) = refused(&scene, 1).await;
    assert!(text.contains("signed a tree of 27 leaves") && text.contains("makes 20"), "{text}");
}
