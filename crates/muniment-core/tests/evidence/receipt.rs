//! Receipts: verified as they are, refused with any byte changed.

use muniment_core::founding::Founding;
use muniment_core::leaf::Content;
use muniment_core::receipt::Receipt;
use muniment_core::trust::TrustFile;
use muniment_core::verify::{Outcome, ReceiptVerifier, Step, Verification, verify};
use muniment_core::{Blind, BureauNumber, Hash, Stub, Suite, TreeSize, UnixMillis, canonical, v1};

use crate::fixture::{ORIGIN, TIME_S, bureaus};
use crate::ledger::Ledger;
use crate::tampering::{CHANGES, TEXT_CHANGES};

/// Asserts step and outcome of a failed verification.
#[track_caller]
fn check_refused(receipt: &Receipt, trust: &TrustFile, step: Step, outcome: Outcome) {
    let verification = verify(&receipt.encode(), trust);
    let failure = verification.failure.expect("refused");
    assert_eq!((failure.step, failure.outcome), (step, outcome), "{}", failure.reason);
    assert_eq!(verification.outcome, outcome);
    assert!(verification.proven.is_none());
}

#[track_caller]
fn verified(bytes: &[u8], trust: &TrustFile) -> Verification {
    let verification = verify(bytes, trust);
    assert_eq!(verification.failure, None);
    assert_eq!(verification.outcome.exit_code(), 0);
    verification
}

#[test]
fn every_leaf_has_a_receipt_at_every_size_that_its_epoch_sealed() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let trust = ledger.trust();
        for size in 1..=ledger.size().0 {
            for index in 0..usize::try_from(size).expect("small") {
                let receipt = ledger.receipt(index, TreeSize(size));
                let bytes = receipt.encode();
                assert_eq!(Receipt::decode(&bytes), Ok(receipt), "one text a receipt");
                let proven = verified(&bytes, &trust).proven.expect("verified");
                assert_eq!(proven.existed.accepted_at, UnixMillis(proven.stub.accepted_at.0));
                let f = proven.members.f;
                assert_eq!(proven.existed.no_later_than_s, TIME_S + u64::from(f), "{suite}: f = {f}");
                assert_eq!(proven.submitter.is_none(), proven.stub.kind >= 200);
            }
        }
    }
}

#[test]
fn a_receipt_without_the_body_still_verifies_and_says_so() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let mut receipt = ledger.receipt(4, ledger.size());
        receipt.leaf.content = Content::Withheld { record_digest: receipt.leaf.content.record_digest(suite) };
        let proven = verified(&receipt.encode(), &ledger.trust()).proven.expect("verified");
        assert!(proven.body_withheld && proven.record.is_none());
        receipt.leaf.content = Content::Withheld { record_digest: Hash([1; 32]) };
        check_refused(&receipt, &ledger.trust(), Step::Content, Outcome::Tampered);
    }
}

/// Counts single-byte changes of a text that verify; prints "N of N refused".
fn single_byte_changes(what: &str, text: &[u8], trust: &TrustFile, values: impl Fn(u8) -> Vec<u8>) {
    let mut changed = text.to_vec();
    // Whoever has verified the unchanged text before must not be taken in either.
    let remembering = ReceiptVerifier::new(trust.clone());
    assert_eq!(remembering.verify(text).outcome, Outcome::Verified);
    let (mut tried, mut refused) = (0_u32, 0_u32);
    for at in 0..text.len() {
        let old = text[at];
        for new in values(old).into_iter().filter(|new| *new != old) {
            changed[at] = new;
            let verification = verify(&changed, trust);
            assert_eq!(remembering.verify(&changed), verification, "{what}: byte {at}");
            tried += 1;
            let code = verification.outcome.exit_code();
            assert!(
                [2, 3, 5].contains(&code),
                "{what}: byte {at} from {old:#04x} to {new:#04x}: exit {code}"
            );
            refused += 1;
        }
        changed[at] = old;
    }
    assert!(tried > 0, "{what}: something was tried");
    assert_eq!(refused, tried, "{what}: {refused} of {tried} refused");
}

/// Values that stay inside base64, digits and line structure, where a change is most likely to be overlooked.
fn likely(old: u8) -> Vec<u8> {
    let next = match old {
        b'Z' => b'A',
        b'z' => b'a',
        b'9' => b'0',
        _ => old.wrapping_add(1),
    };
    vec![next, old ^ 0x20, old ^ 0x01, old ^ 0x80, b'\n', b' ', b'=', b'0']
}

#[test]
fn no_single_byte_change_of_a_receipt_verifies() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let receipt = ledger.receipt(4, TreeSize(7)).encode();
        single_byte_changes(suite.name(), &receipt, &ledger.trust(), likely);
    }
}

#[test]
fn no_single_byte_change_of_a_receipt_with_a_handover_verifies() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let receipt = ledger.receipt(9, ledger.size()).encode();
        single_byte_changes(suite.name(), &receipt, &ledger.trust(), |old| likely(old)[..2].to_vec());
        // A trust file that has the epoch already changes nothing about that.
        let trust = TrustFile { epochs: ledger.epochs.clone(), ..ledger.trust() };
        single_byte_changes(suite.name(), &receipt, &trust, |old| likely(old)[..1].to_vec());
    }
}

#[test]
fn no_single_byte_change_of_the_message_inside_verifies() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let text = String::from_utf8(ledger.receipt(4, TreeSize(7)).encode()).expect("text");
        let lines: Vec<&str> = text.split('\n').collect();
        let extra = crate::base64::decode(lines[1].strip_prefix("extra ").expect("the second line"));
        for at in 0..extra.len() {
            for bit in 0..8 {
                let mut changed = extra.clone();
                changed[at] ^= 1 << bit;
                let line = format!("extra {}", crate::base64::encode(&changed));
                let changed = [&lines[..1], &[line.as_str()], &lines[2..]].concat().join("\n");
                let code = verify(changed.as_bytes(), &ledger.trust()).outcome.exit_code();
                assert_ne!(code, 0, "{suite}: byte {at} of the message, bit {bit}");
            }
        }
    }
}

#[test]
fn no_other_text_of_a_receipt_is_accepted() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let trust = ledger.trust();
        let text = String::from_utf8(ledger.receipt(9, ledger.size()).encode()).expect("text");
        let refused = |what: &str, changed: String| {
            assert_ne!(changed, text, "{suite}: {what} changes something");
            let code = verify(changed.as_bytes(), &trust).outcome.exit_code();
            assert!(code == 2 || code == 3, "{suite}: {what}: exit {code}");
        };
        for change in TEXT_CHANGES {
            let changed = (change.apply)(&text);
            let failure = verify(changed.as_bytes(), &trust).failure.expect(change.name);
            assert_eq!((failure.step, failure.outcome), (Step::Format, change.outcome), "{}", change.name);
            refused(change.name, changed);
        }
        refused("a JSON view", format!("{{\"receipt\": {text:?}}}"));
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            // A log key's line is for C2SP's tools; without it q bureaus still vouch for all that it says.
            if !lines[at].starts_with(&format!("\u{2014} {ORIGIN} ")) {
                let without: String = [&lines[..at], &lines[at + 1..]].concat().concat();
                refused(&format!("line {} left out", at + 1), without);
            }
            let twice: String = [&lines[..=at], &lines[at..]].concat().concat();
            refused(&format!("line {} twice", at + 1), twice);
            if at > 0 && lines[at] != lines[at - 1] {
                let mut swapped = lines.clone();
                swapped.swap(at - 1, at);
                refused(&format!("lines {at} and {} swapped", at + 1), swapped.concat());
            }
        }
        // Base64 whose last character has slack bits: every other value of them is another text of the same bytes.
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_end().ends_with('=')) {
            let trimmed = line.trim_end();
            let last = trimmed.trim_end_matches('=').chars().last().expect("not padding alone");
            let slack = char::from(u8::try_from(last).expect("ASCII") + 1);
            let padding = &trimmed[trimmed.trim_end_matches('=').len()..];
            let body = trimmed.trim_end_matches('=');
            let changed = format!("{}{slack}{padding}\n", &body[..body.len() - 1]);
            let mut changed_lines: Vec<&str> = lines.clone();
            changed_lines[at] = &changed;
            refused(&format!("slack bits in line {}", at + 1), changed_lines.concat());
        }
    }
}

#[test]
fn each_step_names_what_it_found() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        for change in CHANGES {
            let mut receipt = ledger.receipt(9, ledger.size());
            (change.apply)(&ledger, &mut receipt);
            check_refused(&receipt, &ledger.trust(), change.step, change.outcome);
        }
    }
}

#[test]
fn another_trust_file_is_not_satisfied() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let receipt = ledger.receipt(9, ledger.size());
        let good = ledger.trust();
        check_refused(
            &receipt,
            &TrustFile { origin: "other.example/ledger".to_owned(), ..good.clone() },
            Step::Ledger,
            Outcome::Tampered,
        );
        let other = Founding {
            founders: bureaus(suite, 3).iter().map(|b| b.founder(suite)).collect(),
            ..ledger.founding.clone()
        };
        check_refused(&receipt, &TrustFile::of_founding(&other), Step::Record, Outcome::Tampered);
        let lists = TrustFile { epochs: vec![other.members()], ..good.clone() };
        check_refused(&receipt, &lists, Step::Handover, Outcome::Tampered);
        // A trust file that knows other members for the epoch that the receipt's handover leads to.
        let mut others = ledger.epochs.clone();
        others[1].q = 3;
        let others = TrustFile { epochs: others, ..good.clone() };
        check_refused(&receipt, &others, Step::Handover, Outcome::Tampered);
        // A trust file that begins after the leaf can say nothing about who signed for it.
        let late = TrustFile { epochs: vec![ledger.epochs[1].clone()], ..good };
        let mut early_leaf = ledger.receipt(0, ledger.size());
        early_leaf.handovers.clear();
        check_refused(&early_leaf, &late, Step::Admission, Outcome::Undecidable);
    }
}

#[test]
fn a_removed_bureaus_key_counts_no_more_from_the_handovers_size_on() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let (old, size) = (&ledger.epochs[0], ledger.size());
        let body = crate::fixture::body(suite, old, size.0, ledger.tree().root());
        let mut receipt = ledger.receipt(9, size);
        receipt.checkpoint = crate::fixture::cosigned(body, &ledger.bureaus[1..]);
        receipt.members = old.encode();
        receipt.handovers.clear();
        let trust = TrustFile { epochs: ledger.epochs.clone(), ..ledger.trust() };
        check_refused(&receipt, &trust, Step::Members, Outcome::Tampered);
    }
}

#[test]
fn another_bureaus_node_can_not_sign_for_a_submitter() {
    for suite in Suite::ALL {
        let mut ledger = Ledger::found(suite);
        // Bureau 2's node admits a record that names bureau 1 as submitter.
        let record = crate::ledger::access(&ledger, 2, 1);
        ledger.admit(2, vec![record]);
        let honest = ledger.receipt(0, TreeSize(1));
        let mut forged = Ledger::found(suite);
        forged.bureaus.swap(0, 1);
        let record = crate::ledger::access(&forged, 2, 1);
        forged.admit(2, vec![record]);
        forged.bureaus.swap(0, 1);
        verified(&honest.encode(), &ledger.trust());
        check_refused(&forged.receipt(0, TreeSize(1)), &ledger.trust(), Step::Admission, Outcome::Tampered);
    }
}

/// A bureau may bind keys of its services by record; a receipt has nothing about them. This was judged tampering once, which
/// accuses an honest service.
#[test]
fn a_key_of_no_member_is_neither_believed_nor_called_tampering() {
    for suite in Suite::ALL {
        let mut ledger = Ledger::found(suite);
        let trust = ledger.trust();
        ledger.bureaus[1].admission = muniment_core::keys::SigningKey::from_seed(&[0x77; 32]);
        let record = crate::ledger::access(&ledger, 2, 1);
        ledger.admit(2, vec![record]);
        check_refused(&ledger.receipt(0, TreeSize(1)), &trust, Step::Admission, Outcome::Undecidable);
    }
}

#[test]
fn parts_of_an_admission_without_the_admission_are_refused() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let text = ledger.receipt(8, TreeSize(9)).to_string();
        verified(text.as_bytes(), &ledger.trust());
        let with = |change: &dyn Fn(&mut v1::ReceiptExtra)| {
            let extra =
                text.lines().nth(1).and_then(|line| line.strip_prefix("extra ")).expect("the second line");
            let mut message = canonical::decode(&crate::base64::decode(extra)).expect("own message");
            change(&mut message);
            let changed = text.replace(extra, &crate::base64::encode(&canonical::encode(&message)));
            verify(changed.as_bytes(), &ledger.trust()).outcome
        };
        assert_eq!(with(&|_| ()), Outcome::Verified);
        assert_eq!(with(&|extra| extra.admission_position = 1), Outcome::Malformed);
        assert_eq!(with(&|extra| extra.admission_path = vec![vec![0; 32]]), Outcome::Malformed);
        assert_eq!(with(&|extra| extra.members.push(b'\n')), Outcome::Tampered);
    }
}

/// Members that sign such leaves are in error all together: a verifier that recomputes refuses them still.
#[test]
fn what_no_ledger_can_have_written_is_refused_though_q_bureaus_signed_it() {
    for suite in Suite::ALL {
        let check = |what: &str, blind, withheld, change: &dyn Fn(&mut Stub)| {
            let mut ledger = Ledger::found(suite);
            ledger.derive_with(blind, change);
            let mut receipt = ledger.receipt(0, TreeSize(1));
            if withheld {
                let record_digest = receipt.leaf.content.record_digest(suite);
                receipt.leaf.content = Content::Withheld { record_digest };
            }
            let failure = verify(&receipt.encode(), &ledger.trust()).failure;
            let found = failure.map(|failure| (failure.step, failure.outcome));
            assert_eq!(found, Some((Step::Record, Outcome::Tampered)), "{suite}: {what}");
        };
        check("a blind", Blind([1; 16]), false, &|_| ());
        check("an access without a submitter", Blind::ZERO, true, &|stub| stub.kind = 48);
        check("a derived statement of a bureau", Blind::ZERO, true, &|stub| stub.submitter = BureauNumber(1));
        check("an occurred_at of its own", Blind::ZERO, true, &|stub| stub.occurred_at = UnixMillis(1));
        check("another layout", Blind::ZERO, false, &|stub| stub.kind = 201);
    }
}

#[test]
fn a_receipt_line_of_an_unknown_key_is_refused() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let mut receipt = ledger.receipt(4, TreeSize(7));
        let stranger = crate::fixture::Bureau::new(suite, 7);
        receipt.checkpoint.lines.push(stranger.cosigning.sign(&receipt.checkpoint.body, TIME_S));
        receipt.checkpoint.sort_lines();
        check_refused(&receipt, &ledger.trust(), Step::Cosignatures, Outcome::Tampered);
    }
}

#[test]
fn a_trust_file_survives_its_json_and_refuses_what_it_does_not_know() {
    for suite in Suite::ALL {
        let ledger = Ledger::sample(suite);
        let trust = TrustFile { epochs: ledger.epochs.clone(), ..ledger.trust() };
        let json = trust.to_json();
        assert_eq!(TrustFile::from_json(json.as_bytes()).expect("own JSON"), trust);
        let refused = |what: &str, changed: String| {
            assert_ne!(changed, json, "{what} changes something");
            assert!(TrustFile::from_json(changed.as_bytes()).is_err(), "{what}");
        };
        refused("an unknown field", json.replacen("\"epochs\"", "\"more\": 1, \"epochs\"", 1));
        refused("a field twice", json.replacen("\"epochs\"", "\"suite\": \"sm3\", \"epochs\"", 1));
        refused("another format", json.replace("v1/trust", "v2/trust"));
        refused("a smaller quorum", json.replacen("\"q\": 3", "\"q\": 2", 1));
        refused("an epoch left out", json.replacen("\"epoch\": 1", "\"epoch\": 2", 1));
        refused("another origin", json.replacen(crate::fixture::ORIGIN, "other.example", 1));
        refused("trailing text", format!("{json}x"));
        let capitals =
            json.replace(&trust.ledger_id.to_string(), &trust.ledger_id.to_string().to_uppercase());
        refused("capitals in the ledger id", capitals);
    }
}
