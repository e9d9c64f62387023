//! Opening a node's directory: the world dump, then this node's own log up to its sync point, through the same apply
//! that ran before. openraft brings what lies beyond.

use std::sync::Arc;

use muniment_core::founding::Founding;
use muniment_core::{LogIndex, RaftTerm, TreeSize};
use muniment_ledger::judge::Rules;
use muniment_ledger::{Ledger, RestoreError, VerifyContext};
use muniment_store::fsck::Finding;
use muniment_store::ledger::{Checkpoints, OpenLedger, View};
use muniment_store::raft_log::{self, LogReader, LogWriter};
use muniment_store::{DataDir, Identity, OpenError, StorageError};
use thiserror::Error;

use crate::codec::CodecError;
use crate::log_tail::LogTail;
use crate::machine::{ApplyError, Machine};
use crate::options::Options;
use crate::published::LedgerView;
use crate::snapshot::decode_raft_state;
use crate::type_config::{RaftLogId, RaftPayload, RaftStoredMembership};
use crate::verify_stage::verify;

/// Bytes of log that one step of replay reads.
const REPLAY_BYTES: usize = 8 * 1024 * 1024;

/// Why a node does not start. Nothing was changed that the next start would not find again.
#[derive(Debug, Error)]
pub enum StartError {
    /// The founding file does not hold, or does not name this node.
    #[error("founding file: {0}")]
    Founding(String),
    /// The directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The files.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The world dump.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The log does not lead to the sync point.
    #[error("replay of this node's own log: {0}; move the directory aside and rebuild it from a peer")]
    Replay(String),
    /// What was kept for Raft.
    #[error("state kept for Raft: {0}; move the directory aside and rebuild it from a peer")]
    RaftState(#[from] CodecError),
    /// Raft refused to start.
    #[error("Raft does not start: {0}")]
    Raft(String),
}

/// An opened directory, replayed to its sync point.
pub(crate) struct Recovered {
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) log_writer: LogWriter,
    pub(crate) log_files: LogReader,
    pub(crate) tail: LogTail,
    pub(crate) opened: Opened,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) log_id: Option<RaftLogId>,
    pub(crate) membership: RaftStoredMembership,
}

/// The evidence files, as far as they can be used.
pub(crate) enum Opened {
    /// Replayed to their sync point.
    Sound(Box<Machine>),
    /// Damaged: nothing is read from them before they are repaired.
    Damaged(Box<Closed>),
}

/// Evidence files that wait for their repair.
pub(crate) struct Closed {
    /// The ledger before its first entry: what stands in for the state until there is one.
    ledger: Ledger,
    /// Sees an empty ledger.
    files: View,
    /// What opening met.
    pub(crate) found: Finding,
}

impl Opened {
    pub(crate) fn files(&self) -> &View {
        match self {
            Self::Sound(machine) => &machine.files,
            Self::Damaged(closed) => &closed.files,
        }
    }

    pub(crate) fn context(&self) -> VerifyContext {
        match self {
            Self::Sound(machine) => machine.ledger.context(),
            Self::Damaged(closed) => closed.ledger.context(),
        }
    }

    pub(crate) fn view(&self) -> LedgerView {
        match self {
            Self::Sound(machine) => machine.view(),
            Self::Damaged(closed) => LedgerView {
                log_index: None,
                raft_term: RaftTerm(0),
                size: closed.files.size(),
                root: closed.files.root(),
                sealed_size: TreeSize(0),
                world: closed.ledger.view(),
                files: closed.files.clone(),
            },
        }
    }
}

/// Opens and replays. Evidence files that are damaged are left to a repair: the log is whole, so the node votes and
/// takes in entries meanwhile.
pub(crate) fn recover<R>(options: &Options<R>) -> Result<Recovered, StartError> {
    let identity = identity(options)?;
    let data_dir = DataDir::open(Arc::clone(&options.disk), &options.data_dir, &identity)?;
    let log_options =
        raft_log::Options { segment_bytes: options.limits.log_segment_bytes, ..raft_log::Options::default() };
    let (log_writer, log_files, _) = raft_log::open(data_dir.disk(), &data_dir.raft_dir(), log_options)?;
    let tail = LogTail::open(log_files.clone()).map_err(|error| StartError::Replay(error.to_string()))?;
    let (opened, checkpoints, log_id, membership) =
        match open_machine(&data_dir, &options.founding, options.rules.as_ref(), &tail) {
            Ok((machine, checkpoints)) => {
                let (log_id, membership) = (machine.position, machine.membership.clone());
                (Opened::Sound(Box::new(machine)), checkpoints, log_id, membership)
            }
            Err(error) => open_closed(&data_dir, &options.founding, error)?,
        };
    let data_dir = Arc::new(data_dir);
    Ok(Recovered { data_dir, log_writer, log_files, tail, opened, checkpoints, log_id, membership })
}

type ClosedParts = (Opened, Checkpoints, Option<RaftLogId>, RaftStoredMembership);

/// What a node with damaged evidence files starts with; `error` itself if it is about anything that no peer has.
fn open_closed(
    data_dir: &DataDir,
    founding: &Founding,
    error: StartError,
) -> Result<ClosedParts, StartError> {
    // Replay that leads to another root names `CURRENT`: a damaged hash of the tree does that, and a check tells.
    let StartError::Storage(storage @ StorageError::Corrupt { .. }) = &error else { return Err(error) };
    let found = Finding::of_failure(&data_dir.ledger_dir(), storage)
        .filter(|found| found.is_of_common_file() || found.file == "CURRENT");
    let Some(found) = found else { return Err(error) };
    let closed =
        muniment_store::ledger::open_closed(data_dir.disk(), &data_dir.ledger_dir(), data_dir.identity())?;
    let (log_id, membership) = decode_raft_state(&closed.point.membership)?;
    let opened = Closed { ledger: Ledger::found(founding), files: closed.view, found };
    Ok((Opened::Damaged(Box::new(opened)), closed.checkpoints, log_id, membership))
}

/// Opens the evidence files and brings the state to their sync point.
pub(crate) fn open_machine(
    data_dir: &DataDir,
    founding: &Founding,
    rules: Option<&Arc<dyn Rules>>,
    tail: &LogTail,
) -> Result<(Machine, Checkpoints), StartError> {
    let opened = muniment_store::ledger::open(data_dir.disk(), &data_dir.ledger_dir(), data_dir.identity())?;
    let OpenLedger { writer, view, checkpoints, world } = opened;
    let ledger = match &world {
        Some(dumped) => Ledger::restore(founding, &dumped.world)?,
        None => Ledger::found(founding),
    };
    let ledger = match rules {
        Some(rules) => ledger.judged_by(Arc::clone(rules)),
        None => ledger,
    };
    let dumped_at = world.map(|dumped| dumped.about.position.log_index);
    let (log_id, membership) = decode_raft_state(&view.sync_point().membership)?;
    let mut machine = Machine::new(ledger, writer, view, None, membership);
    if let Some(log_id) = log_id {
        replay(&mut machine, tail, dumped_at, log_id)?;
        machine.position = Some(log_id);
    }
    Ok((machine, checkpoints))
}

fn identity<R>(options: &Options<R>) -> Result<Identity, StartError> {
    let founding: &Founding = &options.founding;
    founding.validate().map_err(|error| StartError::Founding(error.to_string()))?;
    let founder = founding.founders.iter().find(|founder| founder.node_id == options.node_id);
    let unknown = || StartError::Founding(format!("it names no node {}", options.node_id));
    Ok(Identity {
        ledger_id: founding.ledger_id(),
        origin: founding.origin.clone(),
        suite: founding.suite,
        bureau: founder.ok_or_else(unknown)?.number,
        node_id: options.node_id,
        incarnation: options.incarnation,
    })
}

/// Applies the log from behind the dump up to the sync point; the files are compared, not written.
fn replay(
    machine: &mut Machine,
    tail: &LogTail,
    dumped_at: Option<LogIndex>,
    sync_point: RaftLogId,
) -> Result<(), StartError> {
    let failed = |error: ApplyError| match error {
        ApplyError::Storage(error) => StartError::Storage(error),
        halt @ (ApplyError::Halt(_) | ApplyError::Aborted(_) | ApplyError::Panicked) => {
            StartError::Replay(halt.to_string())
        }
    };
    let context = machine.ledger.context();
    let mut next = dumped_at.map_or(0, |index| index.0 + 1);
    while next <= sync_point.index {
        let entries = tail.read(next..sync_point.index + 1, REPLAY_BYTES);
        let entries = entries.map_err(|error| StartError::Replay(error.to_string()))?;
        let first = entries.first().map(|entry| entry.log_id.index);
        if first != Some(next) {
            return Err(StartError::Replay(format!(
                "the sync point is at log index {}, but the log holds no entry {next}",
                sync_point.index
            )));
        }
        for entry in entries {
            if let RaftPayload::Normal(data) = &entry.payload {
                machine.apply(entry.log_id, &verify(&context, &data.0)).map_err(failed)?;
            }
            next = entry.log_id.index + 1;
        }
    }
    if machine.writer.is_replaying() {
        let (reached, needed) = (machine.size(), machine.files.sync_point().size);
        return Err(StartError::Replay(format!("it leads to size {reached}, the sync point is at {needed}")));
    }
    machine.writer.publish();
    Ok(())
}
