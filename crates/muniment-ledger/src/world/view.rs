//! A view of the world state as it was after one entry: for reads, digests and dumps in the background.

use std::sync::Arc;

use muniment_core::derived::Derived;
use muniment_core::members::MemberList;
use muniment_core::tree::root_of;
use muniment_core::{BureauNumber, Hash, LedgerId, Suite, Tree, UnixMillis};

use super::entities::{AdmissionKey, Certificate, Head};
use super::exchanges::{ExchangeLog, ExchangeSide, SideName};
use super::layout::{Layout as _, put_count};
use super::object::{Entity, PREFIX_EXCHANGE, PREFIX_HEAD, PREFIX_MEMBERS, PREFIX_REQUEST};
use super::objects::{BUCKETS, Objects, bucket_of};
use super::requests::{Request, RequestKey, RequestLog};

/// First bytes of a dump.
pub(crate) const DUMP_TITLE: &[u8] = b"muniment/v1/world\0";

/// Key and value of an object in bytes.
type Encoded = (Vec<u8>, Vec<u8>);

/// The world state after one entry. A clone is cheap; nothing changes it.
#[derive(Clone, Debug)]
pub struct WorldView {
    pub(super) suite: Suite,
    pub(super) head: Head,
    pub(super) members: Arc<MemberList>,
    pub(super) objects: Objects,
    pub(super) requests: RequestLog,
    pub(super) exchanges: ExchangeLog,
}

/// An object of a window, sorted into its bucket.
#[derive(Clone, Copy)]
enum Windowed<'a> {
    Request(&'a RequestKey, &'a Request),
    Exchange(SideName, u64, [u8; 16]),
}

impl Windowed<'_> {
    fn put_key(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(key, _) => {
                out.push(PREFIX_REQUEST);
                key.put(out);
            }
            Self::Exchange(name, ..) => {
                out.push(PREFIX_EXCHANGE);
                name.put(out);
            }
        }
    }

    fn put_value(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(_, request) => request.put(out),
            Self::Exchange(_, number, content) => {
                ExchangeSide { number: *number, content: *content }.put(out);
            }
        }
    }
}

impl WorldView {
    /// The ledger's hash suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Where the ledger stood.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The members of the epoch then in force.
    #[must_use]
    pub fn members(&self) -> &MemberList {
        &self.members
    }

    /// The object of a key.
    #[must_use]
    pub fn get<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        self.objects.get(key)
    }

    /// The bureau in whose name a key might sign admissions at `now`, as [`super::World::signer`] says; apply decides by
    /// the state of its entry.
    #[must_use]
    pub fn signer(&self, public_key: &[u8; 32], now: UnixMillis) -> Option<BureauNumber> {
        let key = self.get::<AdmissionKey>(public_key)?;
        let holds = match &key.certificate {
            None => !key.retired,
            Some(fingerprint) => {
                let certificate = self.get::<Certificate>(fingerprint)?;
                certificate.valid.contains(now) && certificate.revoked_from.is_none_or(|from| now < from)
            }
        };
        holds.then_some(key.bureau)
    }

    /// Root over the 4,096 buckets (`docs/data-format.md`, "World state"). Costs a hash of the whole state: for the
    /// background, at derived points.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut leaves = Vec::with_capacity(BUCKETS);
        self.for_each_bucket(|_, bucket| leaves.push(self.suite.leaf(Tree::World, bucket)));
        root_of(self.suite, Tree::World, leaves)
    }

    /// The values that a derived statement of this view states. `index_root` is that of this view's size.
    #[must_use]
    pub fn derived(&self, index_root: Hash) -> Derived {
        Derived {
            size: self.head.size,
            log_index: self.head.log_index,
            raft_term: self.head.raft_term,
            index_root,
            world_digest: self.digest(),
            members_digest: self.members.digest(self.suite),
            rules: self.head.rules,
        }
    }

    /// The state's bytes, bucket by bucket: title, ledger id, then per bucket the number of its objects u32 and the
    /// leaf input of the digest. Equal states have equal dumps.
    pub fn dump(&self, ledger_id: &LedgerId, out: &mut dyn FnMut(&[u8])) {
        out(DUMP_TITLE);
        out(&ledger_id.0);
        self.for_each_bucket(|objects, bucket| {
            let mut count = Vec::with_capacity(4);
            put_count(objects, &mut count);
            out(&count);
            out(bucket);
        });
    }

    /// Calls `each` with the number of objects and the leaf input of every bucket, in order.
    fn for_each_bucket(&self, mut each: impl FnMut(usize, &[u8])) {
        let windowed = self.windowed();
        let mut left = windowed.as_slice();
        let singles = self.singles();
        let mut input = Vec::new();
        for bucket in 0..BUCKETS {
            let (here, rest) = left.split_at(left.partition_point(|(place, _)| *place == bucket));
            left = rest;
            let mut objects: Vec<Encoded> = self
                .objects
                .bucket(bucket)
                .map(|(key, object)| (key.to_vec(), encoded(|out| object.put(out))))
                .collect();
            let of_windows = here.iter().map(|(_, object)| {
                (encoded(|out| object.put_key(out)), encoded(|out| object.put_value(out)))
            });
            objects.extend(of_windows);
            objects.extend(
                singles.iter().filter(|(place, _)| *place == bucket).map(|(_, single)| single.clone()),
            );
            objects.sort_unstable();
            input.clear();
            for (key, value) in &objects {
                for block in [key, value] {
                    put_count(block.len(), &mut input);
                    input.extend_from_slice(block);
                }
            }
            each(objects.len(), &input);
        }
    }

    /// The windows' objects, ascending by bucket.
    fn windowed(&self) -> Vec<(usize, Windowed<'_>)> {
        let requests = self.requests.entries().map(|(key, request)| Windowed::Request(key, request));
        let exchanges =
            self.exchanges.entries().map(|(name, side)| Windowed::Exchange(name, side.number, side.content));
        let mut key = Vec::new();
        let placed = requests.chain(exchanges).map(|object| {
            key.clear();
            object.put_key(&mut key);
            (bucket_of(self.suite, &key), object)
        });
        let mut windowed: Vec<_> = placed.collect();
        windowed.sort_unstable_by_key(|(bucket, _)| *bucket);
        windowed
    }

    /// The objects of which there is one each, with their buckets.
    fn singles(&self) -> [(usize, Encoded); 2] {
        let head = (vec![PREFIX_HEAD], encoded(|out| self.head.put(out)));
        let members = (vec![PREFIX_MEMBERS], self.members.encode());
        [head, members].map(|single| (bucket_of(self.suite, &single.0), single))
    }
}

fn encoded(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes);
    bytes
}
