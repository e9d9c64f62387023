//! Conflict files: what a third party can prove against a key that lied.

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::conflict::{Conflict, ConflictError, Ground, SubtreeProof};
use muniment_core::tree::{MemoryTree, TreeAt};
use muniment_core::trust::TrustFile;
use muniment_core::verify::{Outcome, Step, verify};
use muniment_core::{Hash, Suite, Tree, TreeSize};

use crate::fixture::{TIME_S, body, bureaus, founding};

/// A liar's two trees of 5 and 7 leaves, which differ in leaf 2.
struct Case {
    conflict: Conflict,
    trust: TrustFile,
    honest: Checkpoint,
    /// A subtree that both trees have alike.
    common: Ground,
}

fn case(suite: Suite) -> Case {
    let bureaus = bureaus(suite, 4);
    let founding = founding(suite, &bureaus);
    let members = founding.members();
    let liar = &bureaus[2].cosigning;
    let tree_of = |count: u8, changed: Option<u8>| {
        let leaf = |index: u8| suite.leaf(Tree::Ledger, &[if changed == Some(index) { 99 } else { index }]);
        MemoryTree::over(suite, Tree::Ledger, (0..count).map(leaf))
    };
    let signed = |body: CheckpointBody, time_s| {
        let lines = vec![liar.sign(&body, time_s)];
        Checkpoint { body, lines }
    };
    let (one, other) = (tree_of(5, None), tree_of(7, Some(2)));
    let proof = |tree: &MemoryTree, index| {
        let at = TreeAt { suite, tree: Tree::Ledger, size: tree.size() };
        let hash = muniment_core::tree::HashReader::node(tree, 1, index).expect("complete");
        SubtreeProof { hash, path: at.subtree_path(tree, 1, index).expect("inside") }
    };
    let subtree =
        |index| Ground::Subtree { level: 1, index, first: proof(&one, index), second: proof(&other, index) };
    let first = signed(body(suite, &members, 5, one.root()), TIME_S);
    let second = signed(body(suite, &members, 7, other.root()), TIME_S + 1);
    let (ground, common) = (subtree(1), subtree(0));
    let key = liar.verifier_key().clone();
    let honest = signed(body(suite, &members, 7, tree_of(7, None).root()), TIME_S + 1);
    Case {
        conflict: Conflict { key, ground, first, second },
        trust: TrustFile::of_founding(&founding),
        honest,
        common,
    }
}

#[track_caller]
fn check_proves(conflict: &Conflict, trust: &TrustFile) {
    let text = conflict.encode();
    assert_eq!(Conflict::decode(&text).as_ref(), Ok(conflict), "one text a conflict");
    let verification = verify(&text, trust);
    let failure = verification.failure.expect("a conflict never verifies");
    assert_eq!((failure.step, failure.outcome), (Step::Conflict, Outcome::Tampered), "{}", failure.reason);
    assert!(failure.reason.contains(conflict.key.name()), "names the key: {}", failure.reason);
}

/// One conflict a ground, and a trust file that knows the liar.
pub(crate) fn samples(suite: Suite) -> (TrustFile, [Conflict; 3]) {
    let Case { conflict, trust, .. } = case(suite);
    let resign = |checkpoint: &Checkpoint, size, time_s| {
        let body = CheckpointBody { size: TreeSize(size), ..checkpoint.body.clone() };
        let lines = vec![bureaus(suite, 4)[2].cosigning.sign(&body, time_s)];
        Checkpoint { body, lines }
    };
    let first = resign(&conflict.first, 7, TIME_S);
    let same_size = Conflict { ground: Ground::SameSize, first, ..conflict.clone() };
    let first = resign(&conflict.first, 5, TIME_S + 2);
    let time_went_back = Conflict { ground: Ground::TimeWentBack, first, ..conflict.clone() };
    (trust, [same_size, conflict, time_went_back])
}

#[test]
fn each_ground_proves_a_conflict() {
    for suite in Suite::ALL {
        let (trust, conflicts) = samples(suite);
        conflicts.iter().for_each(|conflict| check_proves(conflict, &trust));
    }
}

#[test]
fn honest_statements_are_no_conflict() {
    for suite in Suite::ALL {
        let Case { conflict, trust, honest, common } = case(suite);
        let check = |conflict: Conflict| {
            assert_eq!(conflict.verify(), Err(ConflictError::NoConflict));
            assert_eq!(verify(&conflict.encode(), &trust).outcome, Outcome::Malformed);
        };
        check(Conflict { ground: Ground::SameSize, ..conflict.clone() });
        check(Conflict { ground: common, ..conflict.clone() });
        check(Conflict { ground: Ground::TimeWentBack, ..conflict.clone() });
        let twice = Checkpoint {
            lines: vec![bureaus(suite, 4)[2].cosigning.sign(&honest.body, TIME_S + 8)],
            ..honest.clone()
        };
        check(Conflict {
            ground: Ground::SameSize,
            first: honest.clone(),
            second: twice,
            ..conflict.clone()
        });
        // Another ledger of the same bureaus is another matter.
        let mut elsewhere = honest.clone();
        elsewhere.body.origin = "other.example/ledger".to_owned();
        elsewhere.lines = vec![bureaus(suite, 4)[2].cosigning.sign(&elsewhere.body, TIME_S)];
        check(Conflict {
            ground: Ground::SameSize,
            first: honest.clone(),
            second: elsewhere,
            ..conflict.clone()
        });
        // The same time for two sizes is a matter of clocks that count seconds.
        let mut first = conflict.first.clone();
        first.lines = vec![bureaus(suite, 4)[2].cosigning.sign(&first.body, TIME_S + 1)];
        check(Conflict { ground: Ground::TimeWentBack, first, ..conflict });
    }
}

#[test]
fn what_the_key_did_not_sign_proves_nothing() {
    for suite in Suite::ALL {
        let Case { conflict, trust, .. } = case(suite);
        let mut unsigned = conflict.clone();
        unsigned.second.lines = vec![bureaus(suite, 4)[0].cosigning.sign(&unsigned.second.body, TIME_S)];
        assert!(matches!(unsigned.verify(), Err(ConflictError::NotSigned { .. })));
        let mut forged = conflict.clone();
        forged.second.body.root = Hash([1; 32]);
        assert!(matches!(forged.verify(), Err(ConflictError::Cosignature(_))));
        let mut elsewhere = conflict.clone();
        if let Ground::Subtree { second, .. } = &mut elsewhere.ground {
            second.hash = Hash([1; 32]);
        }
        assert!(matches!(elsewhere.verify(), Err(ConflictError::Proof(_))));
        let stranger = TrustFile { epochs: vec![founding(suite, &bureaus(suite, 2)).members()], ..trust };
        let verification = verify(&conflict.encode(), &stranger);
        assert_eq!(verification.outcome, Outcome::Undecidable, "a key that the trust file does not know");
    }
}

#[test]
fn a_changed_conflict_file_is_refused_or_still_proves_the_same() {
    let Case { conflict, .. } = case(Suite::Sha256);
    let mut text = conflict.encode();
    for at in 0..text.len() {
        let old = text[at];
        for new in [old ^ 1, old ^ 0x20, b'\n', b'0'] {
            text[at] = new;
            if let Ok(changed) = Conflict::decode(&text) {
                assert_eq!(changed.encode(), text, "byte {at}: one text a conflict");
                assert!(changed == conflict || changed.verify().is_err(), "byte {at} to {new:#04x}");
            }
        }
        text[at] = old;
    }
}
