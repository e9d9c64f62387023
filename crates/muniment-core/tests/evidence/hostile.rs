//! Any bytes at all: every decoder answers, none panics, nothing that was not made by the members verifies.

use std::sync::OnceLock;

use muniment_core::checkpoint::Checkpoint;
use muniment_core::conflict::Conflict;
use muniment_core::founding::Founding;
use muniment_core::members::MemberList;
use muniment_core::note::{Note, VerifierKey};
use muniment_core::receipt::Receipt;
use muniment_core::trust::TrustFile;
use muniment_core::verify::verify;
use muniment_core::{Suite, TreeSize};
use proptest::prelude::*;

use crate::ledger::Ledger;

/// Built once for all random cases.
static TEXTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
/// The trust files of those texts' ledgers.
static TRUSTS: OnceLock<[TrustFile; 3]> = OnceLock::new();

/// Feeds every decoder; only that they answer matters here.
fn decode_all(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    // A receipt has the shape of a note as well, so that one is not counted.
    drop(Note::parse(bytes));
    let read = [
        Receipt::decode(bytes).is_ok(),
        Conflict::decode(bytes).is_ok(),
        Founding::decode(bytes).is_ok(),
        MemberList::decode(bytes).is_ok(),
        Checkpoint::parse(bytes).is_ok(),
        TrustFile::from_json(bytes).is_ok(),
        VerifierKey::parse(&text).is_ok(),
    ];
    read.into_iter().filter(|read| *read).count()
}

/// One text of each format.
fn texts() -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let (_, conflicts) = crate::conflict::samples(suite);
        texts.extend([
            ledger.receipt(9, TreeSize(10)).encode(),
            ledger.receipt(8, TreeSize(9)).encode(),
            conflicts[1].encode(),
            ledger.founding.encode(),
            ledger.epochs[1].encode(),
            ledger.checkpoint(TreeSize(7)).to_note().into_bytes(),
            ledger.trust().to_json().into_bytes(),
        ]);
    }
    texts
}

#[test]
fn every_cut_of_every_text_is_refused() {
    let trust = Ledger::sample(Suite::Sha256).trust();
    for text in texts() {
        assert_eq!(decode_all(&text), 1, "whole, it is of one format");
        for end in (0..text.len()).filter(|end| *end < 300 || end % 7 == 0 || text.len() - end < 300) {
            let cut = &text[..end];
            // Whole lines may be a shorter list, or a note with fewer signatures: its digest or its quorum tells.
            // A JSON file without its last newline is JSON.
            let is_json = text.starts_with(b"{") && end + 1 == text.len();
            assert!(decode_all(cut) == 0 || cut.ends_with(b"\n") || is_json, "cut at {end}");
            assert_ne!(verify(cut, &trust).outcome.exit_code(), 0, "cut at {end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(decode_all(&bytes), 0);
    }

    #[test]
    fn spliced_texts_are_answered_and_never_verify(
        pick in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        (at, from) in any::<(prop::sample::Index, prop::sample::Index)>(),
        (removed, taken) in (0_usize..200, 0_usize..200),
    ) {
        let texts = TEXTS.get_or_init(texts);
        let (text, other) = (pick.get(texts), other.get(texts));
        let (at, from) = (at.index(text.len()), from.index(other.len()));
        let end = (at + removed).min(text.len());
        let piece = &other[from..(from + taken).min(other.len())];
        let spliced = [&text[..at], piece, &text[end..]].concat();
        decode_all(&spliced);
        if !texts.contains(&spliced) {
            for trust in TRUSTS.get_or_init(|| Suite::ALL.map(|suite| Ledger::sample(suite).trust())) {
                prop_assert_ne!(verify(&spliced, trust).outcome.exit_code(), 0);
            }
        }
    }
}
