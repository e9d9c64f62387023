//! A follower whose newest tree file is damaged while it is stopped.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use muniment_core::BureauNumber;
use muniment_proto::submission::Level;

use crate::ledger::{Ledger, fsck, until};

/// The newest file of the tree's leaf hashes, below `ledger/`; they are far fewer than the 2^20 of one file.
const FILE: &str = "tree/00/0000";
/// Records before the damage.
const RECORDS: u64 = 300;
/// The damaged byte: of leaf 150's hash.
const BYTE: usize = 150 * 32 + 5;
/// Receipts of the others while nobody can repair the damaged member.
const MEANWHILE: u64 = 6;

/// Submits one record of a bureau, and answers whose signatures its receipt has.
async fn cosigned_by(ledger: &Ledger, bureau: usize, serial: u64) -> Vec<BureauNumber> {
    let submitted = ledger.submit(&ledger.client(bureau), serial, Level::Cosigned).await;
    let receipt = submitted.receipt.expect("it is cosigned");
    receipt.proven.cosigned.times.iter().map(|(bureau, _)| *bureau).collect()
}

fn numbers(members: [usize; 2]) -> Vec<BureauNumber> {
    let mut numbers = members.map(|member| BureauNumber(u32::try_from(member + 1).expect("a small number")));
    numbers.sort_unstable();
    numbers.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_with_a_damaged_newest_tree_file_signs_nothing_until_a_peer_has_repaired_it() {
    let mut ledger = Ledger::begin().await;
    let leader = ledger.leader().await;
    let (damaged, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let client = ledger.client(leader);
    let records = (0..RECORDS).map(|serial| ledger.access(&client, 1_000 + serial));
    let batch = client.prepare_batch(records).expect("valid records");
    let taken = client.submit_batch(&batch, Level::Cosigned).await.expect("they are taken");
    assert!(taken.iter().all(Result::is_ok));
    until(async || (ledger.metric(damaged, "muniment_tree_size").await > 300.0).then_some(())).await;
    ledger.stop(&[damaged]).await;

    let files = [0, 1, 2].map(|member| ledger.data_dir(member).join("ledger").join(FILE));
    let file = |member: usize| -> &PathBuf { &files[member] };
    let sound = fs::read(file(damaged)).expect("it is there");
    let opened = fs::OpenOptions::new().write(true).open(file(damaged)).expect("it is there");
    opened.write_all_at(&[sound[BYTE] ^ 0x20], BYTE as u64).expect("it is long enough");
    let flipped = fs::read(file(damaged)).expect("it is there");
    // The peers go on with the file that they hold open, and have none by that name to hand over.
    let aside = |member: usize| file(member).with_extension("aside");
    for peer in [leader, other] {
        fs::rename(file(peer), aside(peer)).expect("moved aside");
    }
    ledger.start(damaged);

    until(async || {
        let metrics = ledger.try_metrics(damaged).await?;
        (metrics["muniment_damaged_places"] > 0.0 && metrics["muniment_alarms"] > 0.0).then_some(())
    })
    .await;
    for serial in 0..MEANWHILE {
        let bureau = if serial % 2 == 0 { leader } else { other };
        assert_eq!(cosigned_by(&ledger, bureau, 2_000 + serial).await, numbers([leader, other]));
    }
    let alarm = until(async || {
        let alarms = ledger.statuses().await[damaged].clone()?.alarms;
        alarms.into_iter().find(|alarm| alarm.contains(FILE))
    })
    .await;
    assert!(alarm.starts_with("damaged: "), "{alarm}");
    // It has asked for copies in vain, and follows all the same: it votes and keeps what is handed over.
    until(async || {
        let status = ledger.statuses().await[damaged].clone()?;
        let asked = status.alarms.iter().any(|alarm| alarm.contains("trying again"));
        (asked && status.last_log_index == status.committed_log_index).then_some(())
    })
    .await;
    let metrics = until(async || ledger.try_metrics(damaged).await).await;
    assert_eq!(metrics["muniment_signs"], 0.0);
    assert_eq!(metrics["muniment_signed_size"], 0.0, "since its start it has signed nothing");
    assert!(fs::read(file(damaged)).expect("it is there") == flipped, "nothing is put in its place");

    for peer in [leader, other] {
        fs::rename(aside(peer), file(peer)).expect("moved back");
    }
    until(async || {
        let metrics = ledger.try_metrics(damaged).await?;
        (metrics["muniment_signs"] == 1.0 && metrics["muniment_damaged_places"] == 0.0).then_some(())
    })
    .await;
    // Without the other, no receipt comes but by the signature of the one that was repaired.
    ledger.kill(other);
    assert_eq!(cosigned_by(&ledger, leader, 3_000).await, numbers([leader, damaged]));
    let kept = ledger.data_dir(damaged).join("damaged/0001");
    assert!(fs::read(kept.join(FILE)).expect("the damaged file is kept") == flipped);
    ledger.stop(&[leader, damaged]).await;
    assert!(fs::read(file(damaged)).expect("it is there").starts_with(&sound), "it is what it was");
    assert!(fsck(&ledger.data_dir(damaged)) > RECORDS + MEANWHILE);
}
