//! Seals: forms the checkpoint of exactly the size that the log marks, stores the intent, signs, collects cosignatures.

use std::sync::Arc;

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::{Hash, TreeSize};
use muniment_store::StorageError;
use muniment_store::ledger::Checkpoints;
use muniment_store::raft_log::Intent;
use tokio::sync::{mpsc, oneshot};

use crate::apply_worker::{LifeClock, SealMark};
use crate::board::{Board, Cosigned, Reaction};
use crate::environment::Environment;
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::log_queue::{LogQueue, Write};
use crate::notary::{CheckpointContext, Notary};
use crate::options::NodeKeys;
use crate::peer_messages::SignedBody;
use crate::published::Published;

/// What the seal worker is told.
pub(crate) enum SealTask {
    /// The log marks a size.
    Mark(SealMark),
    /// A peer sent lines; the answer is what this node holds.
    Lines(SignedBody, Option<oneshot::Sender<SignedBody>>),
    /// What is not cosigned yet is sent again.
    Tick,
    /// The evidence files are others now; told when nothing goes to the old ones any more.
    Reopened(Checkpoints, oneshot::Sender<()>),
}

/// Forms, signs and collects, on a worker of its own: signing waits for the log, never apply for signing.
pub(crate) struct SealWorker<R: Environment> {
    pub(crate) tasks: mpsc::UnboundedReceiver<SealTask>,
    /// To every other member.
    pub(crate) gossip: mpsc::UnboundedSender<SignedBody>,
    pub(crate) environment: R,
    pub(crate) clock: LifeClock<R>,
    pub(crate) context: CheckpointContext,
    pub(crate) notary: Arc<dyn Notary>,
    pub(crate) keys: NodeKeys,
    pub(crate) log: LogQueue,
    pub(crate) board: Board,
    pub(crate) cosigned: Cosigned,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) published: Published,
    pub(crate) gauges: Gauges,
    pub(crate) lifecycle: Lifecycle,
    /// The largest size ever signed, with its time and body: from the log at start, kept up to date.
    pub(crate) last_intent: Option<Intent>,
    /// The newest mark that could not be signed when it came.
    pub(crate) postponed: Option<SealMark>,
    /// The last intent is from before this start and not yet held against the tree.
    pub(crate) intent_unproven: bool,
}

impl<R: Environment> SealWorker<R> {
    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        while let Some(task) = self.lifecycle.next(&mut self.tasks).await {
            let mut newest_mark = None;
            let mut next = Some(task);
            while let Some(task) = next {
                match task {
                    // A node that is behind skips to the newest mark.
                    SealTask::Mark(mark) => newest_mark = Some(mark),
                    SealTask::Lines(signed, answer) => self.take_and_answer(&signed, answer),
                    SealTask::Tick => {
                        newest_mark = newest_mark.or(self.postponed.take());
                        self.send_again();
                    }
                    SealTask::Reopened(checkpoints, done) => {
                        self.checkpoints = checkpoints;
                        // An apply worker that is gone belongs to a node that is over.
                        done.send(()).ok();
                    }
                }
                next = self.tasks.try_recv().ok();
            }
            if let Some(mark) = newest_mark {
                match self.seal(mark).await {
                    Ok(()) => {}
                    // The view has noted it; the mark is looked at again when the files are repaired.
                    Err(StorageError::Corrupt { .. }) => self.postponed = Some(mark),
                    Err(error) => self.lifecycle.fail(format!("seal size {}: {error}", mark.size)),
                }
            }
            if !self.is_damaged() {
                self.look_at_waiting();
            }
        }
    }

    async fn seal(&mut self, mark: SealMark) -> Result<(), StorageError> {
        if !self.lifecycle.may_sign() || self.is_damaged() {
            // A newer mark takes its place.
            self.postponed = Some(mark);
            return Ok(());
        }
        let started = self.clock.elapsed();
        let size = mark.size;
        let body = self.notary.body(&self.context, size, &self.published.view().files)?;
        let digest = self.digest(&body);
        if !self.agrees_with_last_intent(size, digest)? {
            return Ok(());
        }
        let clock_s = self.environment.now().0 / 1000;
        let time_s = self.last_intent.map_or(clock_s, |last| last.time_s.max(clock_s));
        let intent = Intent { size, time_s, body_digest: digest };
        // On return the entries up to here and the intent survive a crash: whatever happens next, this node will never
        // sign another body of this size or a smaller size.
        let waits_from = self.clock.elapsed();
        self.log.write(Write::Intent(intent)).await?;
        let waited = self.clock.elapsed().saturating_sub(waits_from);
        self.last_intent = Some(intent);
        let line = self.keys.cosigning.sign(&body, time_s);
        let signed = SignedBody { body: body.to_text(), lines: vec![line] };
        let said_before = self.board.form(body);
        self.cosigned.set_signed(size);
        self.gauges.clear_unsigned();
        // Waiting for a flush that others wait for, too, is no cost of sealing.
        let cost = self.clock.elapsed().saturating_sub(started + waited);
        self.gauges.set_seal_cost_us(u64::try_from(cost.as_micros()).unwrap_or(u64::MAX));
        self.take(&signed);
        for lines in said_before {
            self.take(&lines);
        }
        // A receiver that is gone belongs to a node that is over.
        drop(self.gossip.send(signed));
        Ok(())
    }

    /// Whether signing a body of `size` keeps every promise made before (04, "Seal, checkpoint, cosignature").
    fn agrees_with_last_intent(&mut self, size: TreeSize, digest: Hash) -> Result<bool, StorageError> {
        let Some(last) = self.last_intent else { return Ok(true) };
        if size < last.size {
            return Ok(false);
        }
        if std::mem::take(&mut self.intent_unproven) {
            let now = if size == last.size {
                digest
            } else {
                let files = self.published.view().files.clone();
                let body = self.notary.body(&self.context, last.size, &files);
                // A tree that can't be read has proven nothing.
                self.intent_unproven = body.is_err();
                self.digest(&body?)
            };
            if now != last.body_digest {
                self.lifecycle.halt(format!(
                    "this node signed another tree at size {} before it was restarted",
                    last.size
                ));
                return Ok(false);
            }
        }
        if size == last.size && digest != last.body_digest {
            self.lifecycle.halt(format!("its tree at size {size} is not the one that it signed"));
            return Ok(false);
        }
        Ok(size > last.size || self.cosigned.signed_size() < size)
    }

    /// Whether anything of the evidence files is damaged, known to the node or only to its readers.
    fn is_damaged(&self) -> bool {
        self.lifecycle.is_damaged() || self.published.view().files.is_damaged()
    }

    fn digest(&self, body: &CheckpointBody) -> Hash {
        self.context.suite.hash(&[body.to_text().as_bytes()])
    }

    fn take_and_answer(&mut self, signed: &SignedBody, answer: Option<oneshot::Sender<SignedBody>>) {
        // Nothing is formed from damaged files, nor written beside them: peers send it again.
        if !signed.body.is_empty() && !self.is_damaged() {
            self.take(signed);
        }
        if let Some(answer) = answer {
            // A peer that gave up has nobody to tell.
            drop(answer.send(self.answer_to(signed)));
        }
    }

    /// The newest checkpoint if it is as new, else the lines held over the body in question.
    fn answer_to(&self, signed: &SignedBody) -> SignedBody {
        let size = CheckpointBody::parse(&signed.body).map_or(TreeSize(0), |body| body.size);
        let newest = self.cosigned.latest().filter(|checkpoint| checkpoint.body.size >= size);
        let newest = newest.map(|checkpoint| SignedBody {
            body: checkpoint.body.to_text(),
            lines: checkpoint.lines.clone(),
        });
        let nothing = || SignedBody { body: String::new(), lines: Vec::new() };
        newest.or_else(|| self.board.lines(size)).unwrap_or_else(nothing)
    }

    fn take(&mut self, signed: &SignedBody) {
        match self.board.take(signed) {
            Reaction::Nothing | Reaction::Wanted(_) => {}
            Reaction::Cosigned(checkpoint) => self.keep(checkpoint),
            Reaction::Contradicted { size, by } => {
                let bureaus: Vec<String> = by.iter().map(ToString::to_string).collect();
                let text = format!("bureaus {} signed another tree at size {size}", bureaus.join(", "));
                let quorum = usize::try_from(self.context.members.q).unwrap_or(usize::MAX);
                if by.len() >= quorum {
                    self.lifecycle.halt(text);
                } else {
                    self.lifecycle.alarm(text);
                }
            }
        }
    }

    fn keep(&mut self, mut checkpoint: Checkpoint) {
        if let Some(key) = &self.keys.log {
            // q cosignatures are verified: only now the log key vouches for the body to outside witnesses.
            checkpoint.lines.push(key.sign(&checkpoint.body));
            checkpoint.sort_lines();
        }
        let size = checkpoint.body.size;
        if let Err(error) = self.checkpoints.append(size, checkpoint.to_note().as_bytes()) {
            self.lifecycle.fail(format!("keep checkpoint {size}: {error}"));
            return;
        }
        tracing::debug!(size = size.0, "checkpoint.cosign");
        self.cosigned.set(Arc::new(checkpoint));
    }

    /// Forms the bodies of sizes that peers spoke of before this node had reached them, or that it skipped.
    fn look_at_waiting(&mut self) {
        let view = self.published.view();
        for size in self.board.wanted_up_to(view.size) {
            match self.notary.body(&self.context, size, &view.files) {
                Ok(body) => {
                    for said_before in self.board.form(body) {
                        self.take(&said_before);
                    }
                }
                // Peers send what they have signed again when the files are repaired.
                Err(StorageError::Corrupt { .. }) => return,
                Err(error) => {
                    self.lifecycle.fail(format!("form checkpoint {size}: {error}"));
                    return;
                }
            }
        }
    }

    /// While the newest leaves are not cosigned, peers are told and asked again: messages get lost, and a node that was
    /// away learns here what it missed.
    fn send_again(&mut self) {
        if self.cosigned.size() >= self.published.view().size {
            return;
        }
        let signed = self.board.lines(self.cosigned.signed_size());
        let nothing = || SignedBody { body: String::new(), lines: Vec::new() };
        drop(self.gossip.send(signed.unwrap_or_else(nothing)));
    }
}
