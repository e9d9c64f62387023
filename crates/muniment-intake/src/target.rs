//! The fields of a record that a mapping file may fill, and how each is set.
//!
//! Only facts that foreign systems log are imported; decisions are made in the ledger. A new kind is one more table here.

use muniment_core::v1::{
    AccessExecuted, Actor, DataDelivered, Leaf, LicenceUse, LicenceUsed, Outcome, Record, Side, Time,
    Visibility, record::Body,
};
use muniment_core::{Kind, LeafIndex};

/// How one field of a record takes a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    /// Text.
    Text(fn(&mut Record, String)),
    /// A whole number from 0.
    Number(fn(&mut Record, u64)),
    /// A time.
    Time(fn(&mut Record, Time)),
    /// One of these names.
    Choice(&'static [(&'static str, i32)], fn(&mut Record, i32)),
    /// A leaf of the ledger.
    Leaf(fn(&mut Record, LeafIndex)),
}

/// One field that may be filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Path below `[record]` or `[body]`.
    pub(crate) path: &'static str,
    /// How it takes a value.
    pub(crate) slot: Slot,
}

const fn target(path: &'static str, slot: Slot) -> Target {
    Target { path, slot }
}

/// Sets one field of the body, which was made for this kind by [`empty_body`].
macro_rules! body {
    ($kind:ident $field:ident) => {
        |record, value| {
            if let Some(Body::$kind(body)) = &mut record.body {
                body.$field = value;
            }
        }
    };
    ($kind:ident leaf $field:ident) => {
        |record, leaf| {
            if let Some(Body::$kind(body)) = &mut record.body {
                body.$field = Some(Leaf { index: leaf.0 });
            }
        }
    };
}

/// Fields of the envelope.
pub(crate) const ENVELOPE: &[Target] = &[
    target("region", Slot::Text(|record, text| record.region = text)),
    target("occurred_at", Slot::Time(|record, time| record.occurred_at = Some(time))),
    target("visibility", Slot::Choice(VISIBILITIES, |record, number| record.visibility = number)),
    target("actor.system", Slot::Text(|record, text| actor(record).system = text)),
    target("actor.terminal", Slot::Text(|record, text| actor(record).terminal = text)),
];

fn actor(record: &mut Record) -> &mut Actor {
    record.actor.get_or_insert_default()
}

const VISIBILITIES: &[(&str, i32)] = &[
    ("open", Visibility::Unspecified as i32),
    ("deferred", Visibility::Deferred as i32),
    ("hidden", Visibility::Hidden as i32),
];
const SIDES: &[(&str, i32)] = &[("provider", Side::Provider as i32), ("consumer", Side::Consumer as i32)];
const OUTCOMES: &[(&str, i32)] = &[
    ("succeeded", Outcome::Succeeded as i32),
    ("refused", Outcome::Refused as i32),
    ("failed", Outcome::Failed as i32),
];
const LICENCE_USES: &[(&str, i32)] = &[
    ("shown", LicenceUse::Shown as i32),
    ("fetched", LicenceUse::Fetched as i32),
    ("checked", LicenceUse::Checked as i32),
];

const ACCESS_EXECUTED: &[Target] = &[
    target("side", Slot::Choice(SIDES, body!(AccessExecuted side))),
    target("exchange", Slot::Text(body!(AccessExecuted exchange))),
    target("authorisation", Slot::Leaf(body!(AccessExecuted leaf authorisation))),
    target("provider", Slot::Text(body!(AccessExecuted provider))),
    target("consumer", Slot::Text(body!(AccessExecuted consumer))),
    target("data_set", Slot::Text(body!(AccessExecuted data_set))),
    target("purpose", Slot::Text(body!(AccessExecuted purpose))),
    target("matter", Slot::Text(body!(AccessExecuted matter))),
    target("outcome", Slot::Choice(OUTCOMES, body!(AccessExecuted outcome))),
    target("rows", Slot::Number(body!(AccessExecuted rows))),
    target("subjects", Slot::Number(body!(AccessExecuted subjects))),
    target("request_bytes", Slot::Number(body!(AccessExecuted request_bytes))),
    target("response_bytes", Slot::Number(body!(AccessExecuted response_bytes))),
];

const DATA_DELIVERED: &[Target] = &[
    target("exchange", Slot::Text(body!(DataDelivered exchange))),
    target("authorisation", Slot::Leaf(body!(DataDelivered leaf authorisation))),
    target("provider", Slot::Text(body!(DataDelivered provider))),
    target("consumer", Slot::Text(body!(DataDelivered consumer))),
    target("data_set", Slot::Text(body!(DataDelivered data_set))),
    target("file_reference", Slot::Text(body!(DataDelivered file_reference))),
    target("rows", Slot::Number(body!(DataDelivered rows))),
    target("bytes", Slot::Number(body!(DataDelivered bytes))),
];

const LICENCE_USED: &[Target] = &[
    target("licence", Slot::Text(body!(LicenceUsed licence))),
    target("issuer", Slot::Text(body!(LicenceUsed issuer))),
    target("relying", Slot::Text(body!(LicenceUsed relying))),
    target("matter", Slot::Text(body!(LicenceUsed matter))),
    target("mode", Slot::Choice(LICENCE_USES, body!(LicenceUsed mode))),
    target("authorisation", Slot::Leaf(body!(LicenceUsed leaf authorisation))),
];

/// Kinds that can be imported.
pub(crate) const KINDS: &[Kind] = &[Kind::AccessExecuted, Kind::DataDelivered, Kind::LicenceUsed];

/// The fields of a kind's body; none when it can't be imported.
pub(crate) const fn body_targets(kind: Kind) -> &'static [Target] {
    match kind {
        Kind::AccessExecuted => ACCESS_EXECUTED,
        Kind::DataDelivered => DATA_DELIVERED,
        Kind::LicenceUsed => LICENCE_USED,
        _ => &[],
    }
}

/// A body of this kind with nothing filled in; `None` when it can't be imported.
pub(crate) fn empty_body(kind: Kind) -> Option<Body> {
    match kind {
        Kind::AccessExecuted => Some(Body::AccessExecuted(AccessExecuted::default())),
        Kind::DataDelivered => Some(Body::DataDelivered(DataDelivered::default())),
        Kind::LicenceUsed => Some(Body::LicenceUsed(LicenceUsed::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_may_be_filled_changes_the_record() {
        for kind in KINDS {
            for target in ENVELOPE.iter().chain(body_targets(*kind)) {
                let empty = Record { body: empty_body(*kind), ..Record::default() };
                let mut filled = empty.clone();
                match target.slot {
                    Slot::Text(set) => set(&mut filled, "text".to_owned()),
                    Slot::Number(set) => set(&mut filled, 7),
                    Slot::Time(set) => set(&mut filled, Time { unix_ms: 7, precision: 0 }),
                    Slot::Choice(names, set) => set(&mut filled, names[names.len() - 1].1),
                    Slot::Leaf(set) => set(&mut filled, LeafIndex(7)),
                }
                assert_ne!(filled, empty, "{kind:?} {}", target.path);
            }
        }
    }
}
