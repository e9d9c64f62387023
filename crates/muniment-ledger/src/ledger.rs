//! The state machine: batches in the order of the log go in, leaves and outcomes come out.

use std::sync::Arc;

use muniment_core::founding::Founding;
use muniment_core::{Hash, LedgerId, terms};

use crate::applied::{Applied, EntryPosition, Halt};
use crate::apply;
use crate::judge::Rules;
use crate::rules::V1;
use crate::verify::{VerifiedBatch, VerifyContext};
use crate::world::dump::RestoreError;
use crate::world::{World, WorldView};

/// Bits of a verdict.
const VERDICT_BITS: usize = 64;

/// A ledger's state machine. One thread owns it; views go to everybody else.
#[derive(Clone, Debug)]
pub struct Ledger {
    context: VerifyContext,
    pub(crate) world: World,
    pub(crate) rules: Arc<dyn Rules>,
    /// Term key of each flag by its bit.
    pub(crate) flag_keys: Arc<[Hash; VERDICT_BITS]>,
}

impl Ledger {
    /// A ledger before its first entry.
    #[must_use]
    pub fn found(founding: &Founding) -> Self {
        Self::with_rules(founding, World::found(founding), Arc::new(V1))
    }

    /// A ledger as a world dump left it.
    ///
    /// # Errors
    /// [`RestoreError`]: nothing was changed; restore another dump, or replay the log from the start.
    pub fn restore(founding: &Founding, dump: &[u8]) -> Result<Self, RestoreError> {
        Ok(Self::with_rules(founding, World::restore(founding, dump)?, Arc::new(V1)))
    }

    /// This ledger under other rules than this build's own: an auditor's what-if, and tests of rules that fail.
    #[must_use]
    pub fn judged_by(mut self, rules: Arc<dyn Rules>) -> Self {
        self.rules = rules;
        self
    }

    fn with_rules(founding: &Founding, world: World, rules: Arc<dyn Rules>) -> Self {
        let suite = founding.suite;
        let flag_keys = std::array::from_fn(|bit| {
            let bit = u8::try_from(bit).expect("a verdict has 64 bits");
            terms::term_key(suite, terms::Field::Flag, &[bit])
        });
        let context =
            VerifyContext { suite, origin: founding.origin.as_str().into(), ledger_id: founding.ledger_id() };
        Self { context, world, rules, flag_keys: Arc::new(flag_keys) }
    }

    /// What the verify stage needs to know.
    #[must_use]
    pub fn context(&self) -> VerifyContext {
        self.context.clone()
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger_id(&self) -> LedgerId {
        self.context.ledger_id
    }

    /// The world state.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// A view of the world state that later entries don't reach.
    #[must_use]
    pub fn view(&self) -> WorldView {
        self.world.view()
    }

    /// Applies the next entry. Deterministic: it reads the entry and the world state only.
    ///
    /// # Errors
    /// [`Halt`]: nothing of the entry was applied, and no later one may be.
    pub fn apply(&mut self, at: EntryPosition, batch: &VerifiedBatch) -> Result<Applied, Halt> {
        apply::apply(self, at, batch)
    }
}
