//! What rules take and answer: a candidate and the world state in, a judgement out. Nothing else.

use std::fmt;

use muniment_core::members::MemberList;
use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, Kind, LeafIndex, RulesVersion, UnixMillis, Verdict, v1};

use crate::applied::Rejection;
use crate::world::World;
use crate::world::exchanges::SideUse;
use crate::world::object::{Entity, Object, encode_key};
use crate::world::period::Period;

/// A record as rules see it: checked, attributed, no duplicate.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The record.
    pub record: &'a v1::Record,
    /// Its body.
    pub body: &'a Body,
    /// Its kind.
    pub kind: Kind,
    /// The bureau in whose name it was signed.
    pub submitter: BureauNumber,
    /// The leaf that it becomes unless it is refused.
    pub leaf: LeafIndex,
    /// The entry's time.
    pub accepted_at: UnixMillis,
    /// When it happened, as claimed.
    pub occurred: Period,
    /// The side of an exchange that it reports.
    pub side: Option<SideUse>,
}

/// What an accepted record changes in the world state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    pub(crate) objects: Vec<(Vec<u8>, Object)>,
    pub(crate) side: Option<SideUse>,
    pub(crate) members: Option<MemberList>,
    pub(crate) rules: Option<RulesVersion>,
}

impl Effects {
    /// Nothing changes.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets an object.
    pub(crate) fn put<E: Entity>(&mut self, key: &E::Key, entity: E) {
        self.objects.push((encode_key::<E>(key), entity.into_object()));
    }

    /// Sets one object and nothing else.
    pub(crate) fn of<E: Entity>(key: &E::Key, entity: E) -> Self {
        let mut effects = Self::none();
        effects.put(key, entity);
        effects
    }
}

/// What rules answer for a record that is appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The flags that they raise.
    pub verdict: Verdict,
    /// What changes.
    pub effects: Effects,
}

/// Appended, perhaps with flags, or refused.
pub type Judgement = Result<Accepted, Rejection>;

/// A frozen set of rules. A build holds every version that it ever had, so that replay gives the old verdicts.
///
/// Pure: the same state and candidate give the same judgement on every node. A panic flags the record X01.
pub trait Rules: fmt::Debug + Send + Sync {
    /// The version: stub byte 2.
    fn version(&self) -> RulesVersion;

    /// Judges one record.
    ///
    /// # Errors
    /// A [`Rejection`] for an impossible decision; facts are never refused for being wrong (G10).
    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement;
}
