//! Objections, disputes, cases, remarks on records, holds, disclosure, and reads of the ledger itself.

use super::rule::{
    any, digest, free_text, identifier, known, leaves, number, optional, optional_digest,
    optional_identifier, remark, required, subject_tags, text, time_ms,
};
use super::{Checked, Fault, shapes};
use crate::limits::{REPEATED_MAX, SUBJECT_TAGS_MAX, TEXT_BYTES_MAX};
use crate::v1::{Disclosed, LegalHoldSet, ObjectionRaised, Result as Decision};

shapes! {
    ObjectionRaised {
        target: optional(),
        data_set: optional_identifier(),
        provider: identifier(),
        due_ms: time_ms(),
        ground: remark(),
    } => concerns_something;
    ObjectionAnswered {
        objection: required(),
        result: known::<Decision>(),
        answer: remark(),
    }
    DisputeOpened {
        objection: required(),
        ground: remark(),
    }
    DisputeEscalated {
        dispute: required(),
        tier: number(2..=3),
    }
    DisputeDecided {
        dispute: required(),
        tier: number(1..=3),
        result: known::<Decision>(),
        decision: remark(),
    }
    CaseOpened {
        leaves: leaves(1..=REPEATED_MAX),
        ground: remark(),
        due_ms: time_ms(),
    }
    CaseClosed {
        case: required(),
        result: known::<Decision>(),
        finding: remark(),
    }
    Corrected {
        target: required(),
        field: text(1..=128),
        value: remark(),
        reason: remark(),
    }
    Annotated {
        target: required(),
        note: free_text(1..=TEXT_BYTES_MAX),
    }
    LegalHoldSet {
        leaves: leaves(0..=REPEATED_MAX),
        authorisation: optional(),
        data_set: optional_identifier(),
        ground: remark(),
    } => holds_something;
    LegalHoldLifted {
        hold: required(),
        ground: remark(),
    }
    SubjectKeyDestroyed {
        key_id: text(1..=64),
        digest: digest(),
    }
    Disclosed {
        target: required(),
        subject_tags: subject_tags(0..=SUBJECT_TAGS_MAX),
        holder_tag: optional_digest(),
        licence: optional_identifier(),
    } => discloses_something;
    LedgerRead {
        period: required(),
        reads: any,
        leaves: any,
        digest: digest(),
        reader: identifier(),
    }
}

fn concerns_something(objection: &ObjectionRaised) -> Checked {
    if objection.target.is_some() || !objection.data_set.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid("concerns nothing: state target or data_set"))
}

fn holds_something(hold: &LegalHoldSet) -> Checked {
    if !hold.leaves.is_empty() || hold.authorisation.is_some() || !hold.data_set.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid("holds nothing: state leaves, authorisation or data_set"))
}

fn discloses_something(disclosed: &Disclosed) -> Checked {
    let Disclosed { target: _, subject_tags, holder_tag, licence } = disclosed;
    if !(subject_tags.is_empty() && holder_tag.is_empty() && licence.is_empty()) {
        return Ok(());
    }
    Err(Fault::invalid("discloses nothing: state subject_tags, holder_tag or licence"))
}
