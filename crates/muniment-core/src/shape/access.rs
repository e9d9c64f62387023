//! What happened to data: accesses, deliveries, usage, recall and destruction.

use super::rule::{
    any, digest, identifier, item_codes, known, known_or_unstated, optional, optional_digest, remark,
    required, subject_tags, text, time_ms,
};
use super::{At as _, Checked, Fault, shapes};
use crate::limits::SUBJECT_TAGS_MAX;
use crate::v1::{AccessExecuted, Outcome, Side};

shapes! {
    AccessExecuted {
        side: known::<Side>(),
        exchange: text(1..=128),
        authorisation: optional(),
        provider: identifier(),
        consumer: identifier(),
        data_set: identifier(),
        items: item_codes(),
        purpose: text(0..=64),
        matter: text(0..=128),
        case_tag: optional_digest(),
        outcome: known_or_unstated::<Outcome>(),
        rows: any,
        subjects: any,
        subject_tags: subject_tags(0..=SUBJECT_TAGS_MAX),
        subject_set: optional_digest(),
        request_digest: optional_digest(),
        response_digest: optional_digest(),
        request_bytes: any,
        response_bytes: any,
    } => subjects_stated_once;
    SubjectsListed {
        exchange: text(1..=128),
        side: known::<Side>(),
        subject_set: digest(),
        subject_tags: subject_tags(1..=SUBJECT_TAGS_MAX),
    }
    DataDelivered {
        exchange: text(1..=128),
        authorisation: optional(),
        provider: identifier(),
        consumer: identifier(),
        data_set: identifier(),
        file_reference: text(0..=256),
        period: optional(),
        rows: any,
        bytes: any,
        digest: optional_digest(),
    }
    DeliveryAcknowledged {
        exchange: text(1..=128),
        provider: identifier(),
        consumer: identifier(),
        rows: any,
        bytes: any,
        digest: digest(),
    }
    UsageReported {
        authorisation: required(),
        consumer: identifier(),
        period: required(),
        accesses: any,
        rows: any,
        digest: optional_digest(),
    }
    OnwardTransferConsented {
        authorisation: required(),
        provider: identifier(),
        recipient: identifier(),
        period: required(),
    }
    DataRecalled {
        authorisation: required(),
        provider: identifier(),
        due_ms: time_ms(),
        reason: remark(),
    }
    DataDestroyed {
        authorisation: required(),
        consumer: identifier(),
        recall: optional(),
        certificate_digest: digest(),
    }
}

/// The root of the set stands for the tags when there are more than a record holds.
fn subjects_stated_once(access: &AccessExecuted) -> Checked {
    if access.subject_set.is_empty() || access.subject_tags.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid("stands beside subject_tags: state up to 8 tags, or the root of a larger set"))
        .at("subject_set")
}
