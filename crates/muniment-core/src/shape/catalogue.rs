//! The catalogue of data sets, and applications for them.

use super::rule::{
    any, ascending, ascending_messages, data_sets, free_text, identifier, item_codes, known,
    known_or_unstated, number, remark, required, text,
};
use super::shapes;
use crate::limits::REPEATED_MAX;
use crate::v1::{Item, ShareClass, SharingMode};

/// Most items of one catalogue entry.
const ITEMS_MAX: usize = 256;

shapes! {
    Item {
        code: text(1..=64),
        name: free_text(0..=256),
        sensitivity: number(0..=4),
    }
    CataloguePublished {
        data_set: identifier(),
        provider: identifier(),
        title: free_text(1..=256),
        items: ascending_messages(0..=ITEMS_MAX, |item: &Item| item.code.as_str()),
        share_class: known::<ShareClass>(),
        condition: remark(),
        modes: ascending(0..=REPEATED_MAX, known::<SharingMode>()),
        personal_data: any,
        version: number(1..=u32::MAX),
    }
    CatalogueUpdated {
        entry: required(),
    }
    CatalogueWithdrawn {
        data_set: identifier(),
        reason: remark(),
    }
    SharingApplied {
        applicant: identifier(),
        data_sets: data_sets(),
        items: item_codes(),
        basis: free_text(0..=256),
        scenario: remark(),
        scope: remark(),
        mode: known_or_unstated::<SharingMode>(),
        period: required(),
        purposes: ascending(1..=REPEATED_MAX, text(1..=64)),
        expected_rows_per_month: any,
    }
    ApplicationWithdrawn {
        application: required(),
        reason: remark(),
    }
}
