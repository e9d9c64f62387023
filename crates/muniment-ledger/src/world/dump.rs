//! Restoring the world state from a dump: every byte is checked, and a dump of the result is the same bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use muniment_core::LedgerId;
use muniment_core::founding::Founding;
use muniment_core::members::{MemberList, MembersError};
use muniment_core::reader::{Reader, ShapeError};
use thiserror::Error;

use super::World;
use super::entities::{Bureau, Head};
use super::exchanges::{EXCHANGE_SIDES_MAX, ExchangeSide, ExchangeWindow, SideName, SideUse};
use super::layout::{Layout, LayoutError};
use super::object::{Entity as _, Object, PREFIX_EXCHANGE, PREFIX_HEAD, PREFIX_MEMBERS, PREFIX_REQUEST};
use super::objects::{BUCKETS, Objects, bucket_of};
use super::requests::{Request, RequestKey, RequestWindow};
use super::view::DUMP_TITLE;

/// Why bytes are not a dump of this ledger's world state. Nothing was changed; restore another dump, or replay the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// Too few or too many bytes.
    #[error("world dump: {0}")]
    Shape(#[from] ShapeError),
    /// Another file, or another version.
    #[error("world dump: its first bytes are not {:?}", String::from_utf8_lossy(DUMP_TITLE))]
    Title,
    /// Of another ledger.
    #[error("world dump is of ledger {found}, not of {expected}")]
    OtherLedger {
        /// The ledger that it is of.
        found: LedgerId,
        /// The ledger that restores.
        expected: LedgerId,
    },
    /// An object of no type that this build knows.
    #[error("world dump, bucket {bucket}: key prefix {prefix:#04x} is unknown to this build")]
    Prefix {
        /// The bucket.
        bucket: usize,
        /// The prefix; 0 also for an empty key.
        prefix: u8,
    },
    /// A key or value is damaged.
    #[error("world dump, bucket {bucket}: {error}")]
    Layout {
        /// The bucket.
        bucket: usize,
        /// What is wrong.
        error: LayoutError,
    },
    /// A key lies in another bucket than its hash says, or out of order.
    #[error("world dump, bucket {bucket}: keys must ascend and lie in the bucket of their hash")]
    Order {
        /// The bucket.
        bucket: usize,
    },
    /// The member list.
    #[error("world dump: {0}")]
    Members(#[from] MembersError),
    /// The objects contradict each other.
    #[error("world dump: {0}")]
    Contradiction(&'static str),
}

/// What a dump is collected into.
struct Collected {
    head: Option<Head>,
    members: Option<MemberList>,
    bureaus: usize,
    objects: Objects,
    requests: RequestWindow,
    contents: BTreeSet<(u32, [u8; 16], u8)>,
    sides: Vec<(SideName, ExchangeSide)>,
}

impl World {
    /// The state that a dump holds.
    ///
    /// # Errors
    /// [`RestoreError`] says what is wrong and in which bucket.
    pub fn restore(founding: &Founding, dump: &[u8]) -> Result<Self, RestoreError> {
        let mut reader = Reader::new(dump);
        if reader.take(DUMP_TITLE.len())? != DUMP_TITLE {
            return Err(RestoreError::Title);
        }
        let (found, expected) = (LedgerId(reader.array()?), founding.ledger_id());
        if found != expected {
            return Err(RestoreError::OtherLedger { found, expected });
        }
        let mut collected = Collected::new(founding);
        for bucket in 0..BUCKETS {
            let mut before: Option<&[u8]> = None;
            for _ in 0..reader.u32()? {
                let (key, value) = (reader.block()?, reader.block()?);
                if before.is_some_and(|before| before >= key) || bucket_of(founding.suite, key) != bucket {
                    return Err(RestoreError::Order { bucket });
                }
                before = Some(key);
                collected.take(bucket, key, value)?;
            }
        }
        reader.end()?;
        collected.finish(founding)
    }
}

impl Collected {
    fn new(founding: &Founding) -> Self {
        Self {
            head: None,
            members: None,
            bureaus: 0,
            objects: Objects::new(founding.suite),
            requests: RequestWindow::new(),
            contents: BTreeSet::new(),
            sides: Vec::new(),
        }
    }

    fn take(&mut self, bucket: usize, key: &[u8], value: &[u8]) -> Result<(), RestoreError> {
        let layout = |error| RestoreError::Layout { bucket, error };
        let prefix = key.first().copied().unwrap_or(0);
        match prefix {
            PREFIX_HEAD => {
                read::<()>(key, 1).map_err(layout)?;
                self.head = Some(read(value, 0).map_err(layout)?);
            }
            PREFIX_MEMBERS => {
                read::<()>(key, 1).map_err(layout)?;
                self.members = Some(MemberList::decode(value)?);
            }
            PREFIX_REQUEST => {
                let key: RequestKey = read(key, 1).map_err(layout)?;
                let request: Request = read(value, 0).map_err(layout)?;
                self.contents.insert((key.submitter.0, key.request_id.0, key.content));
                self.requests.note(key, request);
            }
            PREFIX_EXCHANGE => {
                self.sides.push((read(key, 1).map_err(layout)?, read(value, 0).map_err(layout)?));
            }
            prefix => {
                let object = Object::read(key, value).map_err(layout)?;
                let object = object.ok_or(RestoreError::Prefix { bucket, prefix })?;
                self.bureaus += usize::from(Bureau::of(&object).is_some());
                self.objects.put_encoded(key.to_vec(), object);
            }
        }
        Ok(())
    }

    fn finish(mut self, founding: &Founding) -> Result<World, RestoreError> {
        let head = self.head.ok_or(RestoreError::Contradiction("there is no head"))?;
        let members = self.members.ok_or(RestoreError::Contradiction("there is no member list"))?;
        if members.origin != founding.origin {
            return Err(RestoreError::Contradiction("the member list is of another origin"));
        }
        let follows = |&(submitter, id, content): &(u32, [u8; 16], u8)| {
            content == 0 || self.contents.contains(&(submitter, id, content - 1))
        };
        if !self.contents.iter().all(follows) {
            return Err(RestoreError::Contradiction("a request id's contents are not numbered from 0"));
        }
        self.sides.sort_unstable_by_key(|(_, side)| side.number);
        let first = self.sides.first().map_or(0, |(_, side)| side.number);
        let too_many = u64::try_from(self.sides.len()).is_ok_and(|sides| sides > EXCHANGE_SIDES_MAX);
        let gaps = self.sides.iter().zip(first..).any(|((_, side), number)| side.number != number);
        if too_many || gaps {
            return Err(RestoreError::Contradiction("the exchange sides are not one window"));
        }
        let mut exchanges = ExchangeWindow::starting_at(first);
        for (name, side) in self.sides {
            exchanges.note(SideUse { name, content: side.content });
        }
        Ok(World {
            suite: founding.suite,
            head,
            members: Arc::new(members),
            next_members: None,
            next_rules: None,
            bureaus: self.bureaus,
            objects: self.objects,
            requests: self.requests,
            exchanges,
        })
    }
}

/// Reads a layout that fills `bytes` after the first `skipped`.
fn read<T: Layout>(bytes: &[u8], skipped: usize) -> Result<T, LayoutError> {
    let mut reader = Reader::new(bytes);
    reader.take(skipped)?;
    let value = T::take(&mut reader)?;
    reader.end()?;
    Ok(value)
}
