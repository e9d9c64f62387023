//! The types of objects of the world state, and the append-only table of their key prefixes.

use muniment_core::reader::Reader;
use muniment_core::{BureauNumber, LeafIndex, NodeId};

use super::entities::{
    AdmissionKey, Adopted, Application, Authorisation, Bureau, CatalogueEntry, Certificate, Dispute, Licence,
    Matter, Node, Objection,
};
use super::layout::{Layout, LayoutError};
use super::stream::Stream;

/// A type of object of the world state.
pub trait Entity: Layout + Clone {
    /// What names one object of the type.
    type Key: Layout;
    /// First byte of the key.
    const PREFIX: u8;

    /// The object as one of any type.
    fn into_object(self) -> Object;

    /// The object, if it is of this type.
    fn of(object: &Object) -> Option<&Self>;

    /// The object for a change, if it is of this type.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
}

/// Declares the append-only table of key prefixes.
macro_rules! entities {
    ($($(#[$doc:meta])* $prefix:literal $variant:ident($type:ty): $key:ty),+ $(,)?) => {
        /// An object of the world state.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Object {
            $($(#[$doc])* $variant($type)),+
        }

        impl Object {
            /// Appends the value's encoding.
            pub(crate) fn put(&self, out: &mut Vec<u8>) {
                match self { $(Self::$variant(value) => value.put(out)),+ }
            }

            /// Reads key and value; `Ok(None)` when the prefix is of no type here.
            pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Option<Self>, LayoutError> {
                let (mut key, mut value) = (Reader::new(key), Reader::new(value));
                let object = match key.u8()? {
                    $($prefix => {
                        <$key>::take(&mut key)?;
                        Self::$variant(<$type>::take(&mut value)?)
                    })+
                    _ => return Ok(None),
                };
                key.end()?;
                value.end()?;
                Ok(Some(object))
            }
        }

        $(impl Entity for $type {
            type Key = $key;
            const PREFIX: u8 = $prefix;

            fn into_object(self) -> Object {
                Object::$variant(self)
            }

            fn of(object: &Object) -> Option<&Self> {
                match object { Object::$variant(value) => Some(value), _ => None }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object { Object::$variant(value) => Some(value), _ => None }
            }
        })+
    };
}

/// Key prefix of the head.
pub(crate) const PREFIX_HEAD: u8 = 0x01;
/// Key prefix of the member list.
pub(crate) const PREFIX_MEMBERS: u8 = 0x02;
/// Key prefix of a request id in its window.
pub(crate) const PREFIX_REQUEST: u8 = 0x40;
/// Key prefix of an exchange's side in its window.
pub(crate) const PREFIX_EXCHANGE: u8 = 0x41;

entities! {
    /// By number.
    0x03 Bureau(Bureau): BureauNumber,
    /// By scheme-qualified code.
    0x04 BureauCode(BureauCode): String,
    /// By public key.
    0x05 AdmissionKey(AdmissionKey): [u8; 32],
    /// By SHA-256 fingerprint.
    0x06 Certificate(Certificate): [u8; 32],
    /// By node id.
    0x07 Node(Node): NodeId,
    /// By code of the data set.
    0x08 CatalogueEntry(CatalogueEntry): String,
    /// By leaf.
    0x09 Application(Application): LeafIndex,
    /// By leaf of the grant.
    0x0a Authorisation(Authorisation): LeafIndex,
    /// By licence, scheme-qualified.
    0x0b Licence(Licence): String,
    /// By submitter and name.
    0x0c Stream(Stream): (BureauNumber, String),
    /// The one policy.
    0x0d Policy(Policy): (),
    /// By year.
    0x0e Calendar(Calendar): u32,
    /// By name.
    0x0f Vocabulary(Vocabulary): String,
    /// By leaf.
    0x10 Objection(Objection): LeafIndex,
    /// By leaf.
    0x11 Dispute(Dispute): LeafIndex,
    /// By leaf.
    0x12 Case(Case): LeafIndex,
    /// By leaf.
    0x13 Hold(Hold): LeafIndex,
}

/// Declares a type of object over a shared layout.
macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Layout for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
                Layout::take(reader).map(Self)
            }
        }
    };
}

wrapper!(
    /// The bureau of a scheme-qualified code.
    BureauCode(BureauNumber)
);
wrapper!(
    /// The policy in force.
    Policy(Adopted)
);
wrapper!(
    /// The calendar of a year.
    Calendar(Adopted)
);
wrapper!(
    /// A vocabulary.
    Vocabulary(Adopted)
);
wrapper!(
    /// A supervisor's case.
    Case(Matter)
);
wrapper!(
    /// A legal hold.
    Hold(Matter)
);

/// The encoding of an object's key: its type's prefix, then the name.
#[must_use]
pub(crate) fn encode_key<E: Entity>(key: &E::Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.push(E::PREFIX);
    key.put(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use muniment_core::{LogIndex, RaftTerm, RequestId, RulesVersion, TreeSize, UnixMillis};

    use super::*;
    use crate::world::entities::{
        ApplicationState, AuthorisationVersion, CatalogueVersion, Head, Suspension,
    };
    use crate::world::exchanges::ExchangeSide;
    use crate::world::period::Period;
    use crate::world::requests::{Request, RequestKey};
    use crate::world::stream::StreamContent;

    /// A value survives its bytes; a cut of them is refused; any other byte is refused or is another value.
    fn check<T: Layout + PartialEq + std::fmt::Debug>(value: &T) {
        let encode = |value: &T| {
            let mut bytes = Vec::new();
            value.put(&mut bytes);
            bytes
        };
        let decode = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let value = T::take(&mut reader)?;
            reader.end()?;
            Ok::<T, LayoutError>(value)
        };
        let bytes = encode(value);
        assert_eq!(decode(&bytes).as_ref(), Ok(value));
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "{value:?} cut at {at}");
            for flip in 1..=u8::MAX {
                let mut other = bytes.clone();
                other[at] ^= flip;
                if let Ok(decoded) = decode(&other) {
                    assert_ne!(decoded, *value, "byte {at} of {value:?}");
                    assert_eq!(encode(&decoded), other, "byte {at} of {value:?}");
                }
            }
        }
    }

    fn text(text: &str) -> String {
        text.to_owned()
    }

    fn suspension() -> Suspension {
        Suspension { leaf: LeafIndex(4), period: Period { from: UnixMillis(5), until: UnixMillis(6) } }
    }

    #[test]
    fn what_bureaus_are_survives_its_bytes() {
        check(&Head {
            size: TreeSize(1),
            accepted_at: UnixMillis(2),
            log_index: LogIndex(3),
            raft_term: RaftTerm(4),
            rules: RulesVersion(5),
            derived_size: TreeSize(6),
            derived_leaf: LeafIndex(7),
        });
        check(&Bureau {
            code: text("org:a"),
            name: text("\u{6570}\u{636e}"),
            region: text("gbt2260:340100"),
            level: 2,
            roles: vec![1, 3],
            suspended: true,
        });
        check(&BureauCode(BureauNumber(7)));
        check(&AdmissionKey { bureau: BureauNumber(1), certificate: Some([9; 32]), retired: false });
        check(&AdmissionKey { bureau: BureauNumber(1), certificate: None, retired: true });
        let valid = Period::ALWAYS;
        check(&Certificate { bureau: BureauNumber(1), valid, revoked_from: Some(UnixMillis(8)) });
        check(&Node { bureau: BureauNumber(1), rules_max: RulesVersion(2), removed: true });
        check(&Policy(Adopted { version: 1, leaf: LeafIndex(2) }));
        check(&Calendar(Adopted { version: 3, leaf: LeafIndex(4) }));
        check(&Vocabulary(Adopted { version: 5, leaf: LeafIndex(6) }));
    }

    #[test]
    fn what_was_decided_survives_its_bytes() {
        let version = CatalogueVersion {
            leaf: LeafIndex(1),
            accepted_at: UnixMillis(2),
            share_class: 3,
            personal_data: true,
        };
        check(&CatalogueEntry {
            submitter: BureauNumber(1),
            provider: text("org:a"),
            versions: vec![version],
            items: vec![text("a"), text("b")],
            withdrawn: Some(LeafIndex(9)),
        });
        check(&Application {
            submitter: BureauNumber(1),
            applicant: text("org:b"),
            data_sets: vec![text("dataset:a")],
            state: ApplicationState::Denied,
        });
        let version = AuthorisationVersion {
            leaf: LeafIndex(1),
            effective: UnixMillis(2),
            valid: Period::ALWAYS,
            processor: String::new(),
            data_sets: vec![text("dataset:a")],
            items: Vec::new(),
            purposes: vec![text("care")],
            quota_rows: 3,
            onward_allowed: true,
        };
        check(&Authorisation {
            submitter: BureauNumber(1),
            grantor: text("org:a"),
            grantee: text("org:b"),
            versions: vec![version],
            suspensions: vec![suspension()],
            revoked_from: None,
        });
        check(&Licence {
            submitter: BureauNumber(1),
            issuer: text("org:a"),
            valid: Period::ALWAYS,
            consent_required: true,
            suspensions: vec![suspension()],
            revoked_from: Some(UnixMillis(1)),
        });
        check(&Objection {
            submitter: BureauNumber(1),
            provider: text("org:a"),
            answered: Some(LeafIndex(2)),
        });
        check(&Dispute { submitter: BureauNumber(1), objection: LeafIndex(2), tier: 3, decided: false });
        check(&Case(Matter { submitter: BureauNumber(1), ended: None }));
        check(&Hold(Matter { submitter: BureauNumber(1), ended: Some(LeafIndex(2)) }));
    }

    #[test]
    fn what_windows_hold_survives_its_bytes() {
        let content = StreamContent { sequence: 1, leaf: LeafIndex(2), digest: [3; 16] };
        check(&Stream { next: 2, floor: 1, contents: [content].into() });
        check(&RequestKey { submitter: BureauNumber(1), request_id: RequestId([2; 16]), content: 1 });
        check(&Request { first_leaf: LeafIndex(1), count: 2, digest: [3; 16], absent: vec![1] });
        check(&ExchangeSide { number: 1, content: [2; 16] });
    }
}
