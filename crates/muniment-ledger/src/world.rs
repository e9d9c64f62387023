//! The world state: everything that apply reads besides the entry at hand.
//!
//! It lives in memory, follows from the log alone, and has deterministic bytes: its digest is committed by the ledger's
//! own `derived` leaves, its dump is what a restart begins with.

pub mod dump;
pub mod entities;
pub mod exchanges;
pub mod layout;
pub(crate) mod look;
mod lookup;
pub mod object;
pub(crate) mod objects;
pub mod period;
pub mod requests;
pub mod stream;
mod view;

use std::sync::Arc;

use muniment_core::founding::Founding;
use muniment_core::members::MemberList;
use muniment_core::{BureauNumber, LeafIndex, LogIndex, RaftTerm, RulesVersion, Suite, TreeSize, UnixMillis};

use self::entities::{AdmissionKey, Bureau, Head, Node};
use self::exchanges::ExchangeWindow;
use self::object::Entity;
use self::objects::Objects;
use self::requests::RequestWindow;
pub use self::view::WorldView;

/// Rules version of a new ledger.
const FOUNDING_RULES: RulesVersion = RulesVersion(1);

/// The state that apply reads and changes. Only `commit` changes it.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) suite: Suite,
    pub(crate) head: Head,
    pub(crate) members: Arc<MemberList>,
    /// The list that starts at the end of the batch being applied.
    pub(crate) next_members: Option<MemberList>,
    /// The rules version that starts at the end of the batch being applied.
    pub(crate) next_rules: Option<RulesVersion>,
    /// Bureaus registered: how many share the window of request ids.
    pub(crate) bureaus: usize,
    pub(crate) objects: Objects,
    pub(crate) requests: RequestWindow,
    pub(crate) exchanges: ExchangeWindow,
}

impl World {
    /// The state of a ledger before its first entry.
    #[must_use]
    pub fn found(founding: &Founding) -> Self {
        let mut objects = Objects::new(founding.suite);
        for founder in &founding.founders {
            let bureau = Bureau {
                code: founder.code.clone(),
                name: String::new(),
                region: founder.region.clone(),
                level: 0,
                roles: Vec::new(),
                suspended: false,
            };
            let key = AdmissionKey { bureau: founder.number, certificate: None, retired: false };
            let node = Node { bureau: founder.number, rules_max: FOUNDING_RULES, removed: false };
            objects.put(&founder.number, bureau);
            objects.put(&founder.admission_key, key);
            objects.put(&founder.node_id, node);
        }
        let head = Head {
            size: TreeSize(0),
            accepted_at: UnixMillis(0),
            log_index: LogIndex(0),
            raft_term: RaftTerm(0),
            rules: FOUNDING_RULES,
            derived_size: TreeSize(0),
            derived_leaf: LeafIndex(0),
        };
        Self {
            suite: founding.suite,
            head,
            members: Arc::new(founding.members()),
            next_members: None,
            next_rules: None,
            bureaus: founding.founders.len(),
            objects,
            requests: RequestWindow::new(),
            exchanges: ExchangeWindow::new(),
        }
    }

    /// The ledger's hash suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Where the ledger stands.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The members of the epoch in force.
    #[must_use]
    pub fn members(&self) -> &MemberList {
        &self.members
    }

    /// The members as they will be at the end of the batch being applied.
    #[must_use]
    pub fn coming_members(&self) -> &MemberList {
        self.next_members.as_ref().unwrap_or(&self.members)
    }

    /// The object of a key.
    #[must_use]
    pub fn get<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        self.objects.get(key)
    }

    /// The window of request ids.
    #[must_use]
    pub const fn requests(&self) -> &RequestWindow {
        &self.requests
    }

    /// The window of exchange sides.
    #[must_use]
    pub const fn exchanges(&self) -> &ExchangeWindow {
        &self.exchanges
    }

    /// How many bureaus are registered.
    #[must_use]
    pub const fn bureau_count(&self) -> usize {
        self.bureaus
    }

    /// The bureau in whose name a key may sign admissions at `now`; none if it is unknown, retired, expired or revoked.
    #[must_use]
    pub fn signer(&self, public_key: &[u8; 32], now: UnixMillis) -> Option<BureauNumber> {
        let key = self.get::<AdmissionKey>(public_key)?;
        let holds = match &key.certificate {
            None => !key.retired,
            Some(fingerprint) => {
                let certificate = self.get::<entities::Certificate>(fingerprint)?;
                certificate.valid.contains(now) && certificate.revoked_from.is_none_or(|from| now < from)
            }
        };
        holds.then_some(key.bureau)
    }

    /// A view that later changes don't reach; costs some hundred pointers, whatever the state's size.
    #[must_use]
    pub fn view(&self) -> WorldView {
        WorldView {
            suite: self.suite,
            head: self.head.clone(),
            members: Arc::clone(&self.members),
            objects: self.objects.clone(),
            requests: self.requests.log(),
            exchanges: self.exchanges.log(),
        }
    }
}
