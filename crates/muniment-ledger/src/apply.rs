//! Applying one batch: admissions in order, records in order, each deduplicated, judged, committed.
//!
//! The only code that changes the world state. What rules answer is carried out mechanically.

mod admission;
mod commit;
mod derived;

use std::sync::Arc;

use muniment_core::batch::{BatchHeader, SealMark};
use muniment_core::{LogIndex, TreeSize};

use crate::Ledger;
use crate::applied::{Alarm, Applied, EntryPosition, Halt, PartOutcome};
use crate::verify::{VerifiedBatch, VerifiedContent};

/// A batch whose end crosses a multiple of this many leaves is sealed without the leader's mark.
const SEAL_EVERY_LEAVES: u64 = 65_536;

/// One batch while it is applied.
struct Run<'a> {
    ledger: &'a mut Ledger,
    log_index: LogIndex,
    applied: Applied,
    located: admission::LastLocated,
}

/// Applies a batch.
pub(crate) fn apply(ledger: &mut Ledger, at: EntryPosition, batch: &VerifiedBatch) -> Result<Applied, Halt> {
    let EntryPosition { log_index, raft_term } = at;
    let known = ledger.rules.version();
    let in_force = ledger.world.head.rules;
    let named = batch.header().map_or(in_force, |header| header.rules);
    if let Some(needed) = [in_force, named].into_iter().find(|needed| *needed > known || needed.0 == 0) {
        return Err(Halt::UnknownRules { log_index, needed, known });
    }
    let mut run = Run::new(ledger, log_index);
    match &batch.content {
        Err(error) => run.alarm(Alarm::NoBatch { log_index, error: *error }),
        Ok((header, _)) if header.ledger_id != run.ledger.ledger_id() => {
            run.alarm(Alarm::OtherLedger { log_index, found: header.ledger_id });
        }
        Ok((header, parts)) => {
            run.begin(header);
            for (part, content) in (0..).zip(parts) {
                let outcome = match &content.0 {
                    VerifiedContent::Admission(admission) => {
                        PartOutcome::Admission(run.admission(part, admission))
                    }
                    VerifiedContent::Derived(derived) => PartOutcome::Derived(run.derived(part, derived)),
                };
                run.applied.parts.push(outcome);
            }
            run.end(header);
        }
    }
    run.ledger.world.head.log_index = log_index;
    run.ledger.world.head.raft_term = raft_term;
    Ok(run.applied)
}

impl<'a> Run<'a> {
    fn new(ledger: &'a mut Ledger, log_index: LogIndex) -> Self {
        let head = &ledger.world.head;
        let applied = Applied {
            accepted_at: head.accepted_at,
            leaves: Vec::new(),
            admissions: Vec::new(),
            parts: Vec::new(),
            seal: false,
            derive: false,
            size: head.size,
            members_changed: false,
            alarms: Vec::new(),
        };
        Self { ledger, log_index, applied, located: admission::LastLocated::default() }
    }

    fn alarm(&mut self, alarm: Alarm) {
        self.applied.alarms.push(alarm);
    }

    fn begin(&mut self, header: &BatchHeader) {
        let world = &mut self.ledger.world;
        let in_force = world.head.rules;
        world.head.accepted_at = world.head.accepted_at.max(header.proposed_at);
        world.requests.expire(world.head.accepted_at);
        self.applied.accepted_at = world.head.accepted_at;
        if header.rules != in_force {
            self.alarm(Alarm::RulesDiffer { log_index: self.log_index, named: header.rules, in_force });
        }
    }

    /// What waits for the end of the batch: the next epoch, the next rules; and whether members sign here.
    fn end(&mut self, header: &BatchHeader) {
        let world = &mut self.ledger.world;
        let TreeSize(size) = world.head.size;
        if let Some(mut members) = world.next_members.take() {
            members.epoch = world.members.epoch + 1;
            members.from = TreeSize(size);
            world.members = Arc::new(members);
            self.applied.members_changed = true;
        }
        if let Some(rules) = world.next_rules.take() {
            world.head.rules = rules;
        }
        let crosses = self.applied.size.0 / SEAL_EVERY_LEAVES != size / SEAL_EVERY_LEAVES;
        self.applied.seal |= header.seal != SealMark::None || crosses;
        self.applied.derive = header.seal == SealMark::Derive;
        self.applied.size = TreeSize(size);
    }
}
