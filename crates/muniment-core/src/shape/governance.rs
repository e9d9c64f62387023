//! Policies, calendars, vocabularies, rule sets, members, recovery, and anchors of other ledgers.

use super::rule::{
    any, ascending, ascending_messages, blob, digest, free_text, missing, number, remark, text,
};
use super::{At as _, Checked, shapes};
use crate::v1::anchor::Anchored;
use crate::v1::{Anchor, Word};

/// Most bytes of a policy document.
const POLICY_BYTES_MAX: usize = 32 * 1024;
/// Most words of a vocabulary.
const WORDS_MAX: usize = 512;
/// Most bytes of a note verifier key.
const KEY_BYTES_MAX: usize = 512;
/// Most bytes of a recovery's checkpoint note.
const RECOVERY_CHECKPOINT_BYTES_MAX: usize = 8 * 1024;
/// Most bytes of an anchored note or token.
const ANCHOR_BYTES_MAX: usize = 16 * 1024;
/// The rules version is one byte of the stub; 0 is none.
const RULES_MAX: u32 = 255;

shapes! {
    PolicyAdopted {
        version: number(1..=u32::MAX),
        document: blob(1..=POLICY_BYTES_MAX),
    }
    CalendarAdopted {
        version: number(1..=u32::MAX),
        year: number(1970..=9999),
        days_off: ascending(0..=366, number(1..=366)),
    }
    Word {
        code: text(1..=64),
        label: free_text(0..=256),
    }
    VocabularyAdopted {
        name: text(1..=64),
        version: number(1..=u32::MAX),
        words: ascending_messages(0..=WORDS_MAX, |word: &Word| word.code.as_str()),
    }
    RuleSetAdopted {
        rules: number(1..=RULES_MAX),
    }
    MemberAdmitted {
        bureau: number(1..=u32::MAX),
        node_id: number(1..=u64::MAX),
        cosigning_key: text(1..=KEY_BYTES_MAX),
        admission_key: digest(),
        log_key: text(0..=KEY_BYTES_MAX),
    }
    MemberCapabilities {
        node_id: number(1..=u64::MAX),
        rules_max: number(1..=RULES_MAX),
        build: text(0..=64),
    }
    MemberRemoved {
        bureau: number(1..=u32::MAX),
        node_id: number(1..=u64::MAX),
        reason: remark(),
    }
    Recovery {
        previous_origin: text(1..=256),
        checkpoint: blob(1..=RECOVERY_CHECKPOINT_BYTES_MAX),
        known_size: any,
    }
    Anchor {
        anchored: any,
    } => one_anchor;
}

/// Paths name the alternative: a oneof is no field.
fn one_anchor(anchor: &Anchor) -> Checked {
    let bounded = blob(1..=ANCHOR_BYTES_MAX);
    match &anchor.anchored {
        None => missing().at("anchored"),
        Some(Anchored::Checkpoint(note)) => bounded(note).at("checkpoint"),
        Some(Anchored::TimestampToken(token)) => bounded(token).at("timestamp_token"),
    }
}
