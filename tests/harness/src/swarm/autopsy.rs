//! Reads what a stopped cluster's disks hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use muniment_core::checkpoint::Checkpoint;
use muniment_core::{LeafIndex, LogIndex, NodeId};
use muniment_store::disk::Disk;
use muniment_store::{Identity, StorageError, ledger, raft_log};

use crate::swarm::cluster::{SimCluster, SimHandle};
use crate::swarm::final_state::{FinalLeaf, FinalState, LogEntry, MemberState};
use crate::swarm::rederive::{common_files, rederive};

/// What the disks of a cluster hold, and whose could not be read, in words. Stops the nodes.
pub async fn examine(cluster: &SimCluster) -> (FinalState, Vec<String>) {
    let (mut leaves, mut unreadable) = (Vec::new(), Vec::new());
    let mut last = 0;
    for node in cluster.nodes() {
        let Some(handle) = cluster.handle(node) else {
            unreadable.push(format!("node {node} does not run"));
            continue;
        };
        last = last.max(handle.status().applied_index.map_or(0, LogIndex::get));
        match read_leaves(&handle) {
            Ok(found) => leaves.push((node, found)),
            Err(error) => unreadable.push(format!("node {node}: {error}")),
        }
    }
    cluster.stop().await;
    let founding = cluster.bureaus.founding.clone();
    let mut members = BTreeMap::new();
    for (node, leaves) in leaves {
        match read_member(cluster, node, leaves) {
            Ok(member) => drop(members.insert(node, member)),
            Err(error) => unreadable.push(format!("node {node}: {error}")),
        }
    }
    let log = members.values().map(|member: &MemberState| &member.log).max_by_key(|log| log.len());
    let derived_anew = log.and_then(|log| rederive(&founding, log, last).ok());
    (FinalState { founding, members, derived_anew }, unreadable)
}

/// Leaves as the node's evidence files hold them, through a reader that verifies each.
fn read_leaves(handle: &SimHandle) -> Result<Vec<FinalLeaf>, String> {
    let view = handle.view().map_err(|error| error.to_string())?;
    let read = |index| {
        let stub = view.files.stub(LeafIndex(index))?;
        let (blind, record) = view.files.record(LeafIndex(index))?;
        Ok(FinalLeaf { stub, blind, record })
    };
    let leaves: Result<Vec<_>, StorageError> = (0..view.size.0).map(read).collect();
    leaves.map_err(|error| error.to_string())
}

fn read_member(cluster: &SimCluster, node: NodeId, leaves: Vec<FinalLeaf>) -> Result<MemberState, String> {
    let disk = cluster.disk(node);
    let dir = cluster.data_dir();
    let evidence = common_files(&disk, &dir.join("ledger")).map_err(|error| error.to_string())?;
    let text = |error: StorageError| error.to_string();
    let log = read_log(Arc::new(disk.clone()), &dir.join("raft")).map_err(text)?;
    let identity = Identity::load(&disk, dir).map_err(|error| error.to_string())?;
    let identity = identity.ok_or("it has no identity")?;
    // Last, because opening cuts the files back to the sync point.
    let checkpoints = ledger::open(Arc::new(disk), &dir.join("ledger"), &identity).map_err(text)?.checkpoints;
    let notes = checkpoints.sizes().into_iter().filter_map(|size| checkpoints.at_or_above(size).transpose());
    let notes = notes.map(|note| {
        let (_, note) = note.map_err(text)?;
        Checkpoint::parse(&note).map_err(|error| error.to_string())
    });
    Ok(MemberState { leaves, evidence, checkpoints: notes.collect::<Result<_, _>>()?, log })
}

fn read_log(disk: Arc<dyn Disk>, dir: &Path) -> Result<BTreeMap<u64, LogEntry>, StorageError> {
    let options = raft_log::Options { segment_bytes: 256 * 1024, ..raft_log::Options::default() };
    let (_, reader, _) = raft_log::open(disk, dir, options)?;
    let (Some(first), Some(last)) = (reader.first_index(), reader.last_index()) else {
        return Ok(BTreeMap::new());
    };
    let entries = reader.read(first..LogIndex(last.0 + 1), u64::MAX)?;
    let entry = |entry: raft_log::StoredEntry| {
        (entry.index.0, LogEntry { raft_term: entry.raft_term.0, bytes: entry.bytes })
    };
    Ok(entries.into_iter().map(entry).collect())
}
