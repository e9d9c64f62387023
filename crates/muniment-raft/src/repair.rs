//! Repairing damaged evidence files from peers while the node runs (06, "Scrub").
//!
//! The apply worker orders a repair and waits: nothing is written to the files meanwhile. Raft goes on, so that the
//! others lose neither a vote nor a copy of the log; but this node hands leadership over, does not campaign, and signs
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_core::checkpoint::Checkpoint;
use muniment_store::StorageError;
use muniment_store::fsck::check_leaf;
use muniment_store::manifest::{ManifestFile, ranges};
use muniment_store::repair::{Checked, Repair, SoundRepair};
use openraft::AsyncRuntime;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::abstention::Abstention;
use crate::catch_up::{RANGES_IN_FLIGHT, fetch_range};
use crate::environment::Environment;
use crate::shared::Core;

/// Between two attempts.
const AGAIN: Duration = Duration::from_secs(2);
/// Checks of one attempt for each peer: what the first copy brings to light may be in other files, too.
const CHECKS_FOR_EACH_PEER: usize = 3;
/// Tries to hand leadership over before the repair begins all the same.
const HAND_OVER_TRIES: usize = 10;

/// The apply worker's files are to be repaired; it writes nothing until `done`.
pub(crate) struct RepairOrder {
    pub(crate) done: oneshot::Sender<()>,
}

/// Why an attempt led to nothing. The node's own files are untouched.
#[derive(Debug, Error)]
enum RepairError {
    /// Peers may answer better next time.
    #[error("{0}")]
    NotYet(String),
    /// No peer can help.
    #[error("{0}")]
    Beyond(String),
    /// The node is over.
    #[error("the node is over")]
    Over,
}

impl From<StorageError> for RepairError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Full { .. } => Self::NotYet(error.to_string()),
            StorageError::Corrupt { .. } | StorageError::Io { .. } | StorageError::Refused { .. } => {
                Self::Beyond(error.to_string())
            }
        }
    }
}

/// Repairs what is ordered, until the node is over.
pub(crate) async fn run<R: Environment>(
    core: Arc<Core<R>>,
    mut orders: mpsc::UnboundedReceiver<RepairOrder>,
) {
    while let Some(RepairOrder { done }) = core.lifecycle.next(&mut orders).await {
        core.abstain(Abstention::Damaged, true);
        hand_over(&core).await;
        if repair(&core).await {
            core.abstain(Abstention::Damaged, false);
            // A worker that is gone belongs to a node that is over.
            done.send(()).ok();
        }
    }
}

/// Tries until it is done; says whether it is.
async fn repair<R: Environment>(core: &Core<R>) -> bool {
    loop {
        match attempt(core).await {
            Ok(()) => return true,
            Err(RepairError::NotYet(reason)) => {
                core.lifecycle.alarm(format!("repair evidence files: {reason}; trying again"));
            }
            Err(RepairError::Beyond(reason)) => {
                core.lifecycle.fail(format!("evidence files can't be repaired from a peer: {reason}"));
                return false;
            }
            Err(RepairError::Over) => return false,
        }
        R::Runtime::sleep(AGAIN).await;
    }
}

/// Checks everything, fetches what is damaged, checks everything again, and puts the copies in place.
async fn attempt<R: Environment>(core: &Core<R>) -> Result<(), RepairError> {
    let mut repair = core.files.run(Repair::begin).await.ok_or(RepairError::Over)??;
    let mut found = String::new();
    for round in 0..CHECKS_FOR_EACH_PEER * core.peers.len().max(1) {
        let checked = core.files.run(move |_| repair.check(&check_leaf)).await.ok_or(RepairError::Over)??;
        let findings = match checked {
            Checked::Sound(sound) => return put_in_place(core, sound).await,
            Checked::Damaged(damaged, findings) => {
                repair = damaged;
                findings
            }
        };
        if round == 0 {
            // Before anything is fetched all findings are in this node's own files: now it is known where.
            core.lifecycle.set_damage(findings.clone());
            core.published.view().files.note_damage(findings.clone());
        }
        found = findings.first().map(ToString::to_string).unwrap_or_default();
        let needed = repair.needed(&findings)?;
        let Some(from) = core.peers.get(round / CHECKS_FOR_EACH_PEER) else { break };
        for file in needed {
            repair = fetch(core, *from, repair, file).await?;
        }
    }
    Err(RepairError::NotYet(format!(
        "no peer has bytes that lead to this node's root; the first that do not: {found}"
    )))
}

/// Fetches a copy of one file, range by range, `from` a peer, or from others where that one does not answer.
async fn fetch<R: Environment>(
    core: &Core<R>,
    from: NodeId,
    mut repair: Repair,
    about: ManifestFile,
) -> Result<Repair, RepairError> {
    let expected = about.clone();
    let begun = core.files.run(move |_| repair.copy(expected).map(|copy| (repair, copy))).await;
    let (repair, mut copy) = begun.ok_or(RepairError::Over)??;
    let (name, here) = (&about.name, copy.offset());
    let mut answers = futures::stream::iter(ranges(about.bytes).filter(|(offset, _)| *offset >= here))
        .map(|(offset, length)| fetch_range(core, from, name, offset, length))
        .buffered(RANGES_IN_FLIGHT);
    while let Some(bytes) = answers.next().await {
        let bytes = bytes.map_err(RepairError::NotYet)?;
        let written = core.files.run(move |_| copy.write(&bytes).map(|()| copy)).await;
        copy = written.ok_or(RepairError::Over)??;
    }
    core.files.run(move |_| copy.finish()).await.ok_or(RepairError::Over)??;
    Ok(repair)
}

/// The last look before anything changes: the files must lead to what q bureaus signed, too.
async fn put_in_place<R: Environment>(core: &Core<R>, sound: SoundRepair) -> Result<(), RepairError> {
    let context = core.context.clone();
    let put = core.files.run(move |_| {
        let (size, _) = sound.tree_head();
        let against = match sound.newest_note()? {
            None => format!("this node's own root at size {size}"),
            Some((signed_size, note)) => {
                let unproven = |error: &dyn std::fmt::Display| {
                    RepairError::Beyond(format!("this node's checkpoint of size {signed_size}: {error}"))
                };
                let checkpoint = Checkpoint::parse(&note).map_err(|error| unproven(&error))?;
                checkpoint.verify(&context.members).map_err(|error| unproven(&error))?;
                if sound.root_at(signed_size)? != checkpoint.body.root {
                    return Err(unproven(&"its root is not the one that the files lead to"));
                }
                format!("the root that q bureaus signed at size {signed_size}")
            }
        };
        // Checked as a whole, up to a root that is signed: only now a file of this node changes.
        Ok((sound.put_in_place()?, against))
    });
    let (kept, against) = put.await.ok_or(RepairError::Over)??;
    match kept {
        Some(kept) => core.lifecycle.alarm(format!(
            "evidence files were damaged and are repaired from a peer, checked against {against}; the damaged ones are kept in {}",
            kept.display()
        )),
        None => tracing::warn!("a check of all evidence files found nothing damaged"),
    }
    Ok(())
}

/// Asks peers in turn to lead instead. A leader that applies nothing would answer nobody.
async fn hand_over<R: Environment>(core: &Core<R>) {
    for _ in 0..HAND_OVER_TRIES {
        if core.router.leader() != Some(core.me) || core.lifecycle.is_over() {
            return;
        }
        core.hand_over().await;
        R::Runtime::sleep(core.timings.election_max).await;
    }
}
