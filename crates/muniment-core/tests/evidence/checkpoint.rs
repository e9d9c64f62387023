//! Founding files, member lists, checkpoints and cosignatures at the crate's boundary.

use crate::fixture::{Bureau, ORIGIN, TIME_S, body, bureaus, cosigned, founding, seed};
use muniment_core::checkpoint::{Checkpoint, CheckpointBody, CheckpointError};
use muniment_core::cosignature::{self, CosignatureError, TIME_S_MAX};
use muniment_core::founding::Founding;
use muniment_core::keys::SigningKey;
use muniment_core::members::{MemberList, MembersError, quorum};
use muniment_core::note::{KeyId, Note, VerifierKey};
use muniment_core::{BureauNumber, Hash, Suite};

/// Calls `check` with every text that differs from `text` in one byte, by several values.
fn single_byte_changes(text: &[u8], mut check: impl FnMut(usize, u8, &[u8])) {
    let mut changed = text.to_vec();
    for at in 0..text.len() {
        let old = text[at];
        for new in [old ^ 1, old ^ 0x20, b'0', b'\n', b' ', b'A', 0xff] {
            if new != old {
                changed[at] = new;
                check(at, new, &changed);
            }
        }
        changed[at] = old;
    }
}

#[test]
fn the_quorum_is_that_of_the_design() {
    let found: Vec<(u32, u32)> = (1..=7).map(quorum).collect();
    assert_eq!(found, [(1, 0), (2, 0), (2, 0), (3, 1), (4, 1), (4, 1), (5, 2)]);
    for n in 1..=16 {
        let (q, f) = quorum(n);
        assert!(2 * q > n + f && q <= n, "two quorums of {n} overlap in more than {f}");
    }
}

#[test]
fn founding_files_and_member_lists_survive_their_texts() {
    for suite in Suite::ALL {
        let founding = founding(suite, &bureaus(suite, 4));
        assert_eq!(Founding::decode(&founding.encode()), Ok(founding.clone()));
        let members = founding.members();
        assert_eq!(MemberList::decode(&members.encode()), Ok(members.clone()));
        assert_eq!((members.epoch, members.q, members.f), (0, 3, 1));
        let member = members.by_number(BureauNumber(2)).expect("bureau 2 founds");
        assert_eq!(members.by_admission_key(&member.admission_key), Some(member));
    }
}

#[test]
fn a_changed_text_is_refused_or_is_another_list() {
    for suite in Suite::ALL {
        let founding = founding(suite, &bureaus(suite, 3));
        single_byte_changes(&founding.encode(), |at, new, text| {
            if let Ok(other) = Founding::decode(text) {
                assert_eq!(other.encode(), text, "{suite}: byte {at} = {new}: one text a founding");
                assert_ne!(other.ledger_id(), founding.ledger_id());
            }
        });
        let members = founding.members();
        single_byte_changes(&members.encode(), |at, new, text| {
            if let Ok(other) = MemberList::decode(text) {
                assert_eq!(other.encode(), text, "{suite}: byte {at} = {new}: one text a list");
            }
        });
    }
}

#[test]
fn member_lists_that_can_not_be_are_refused() {
    let suite = Suite::Sha256;
    let good = founding(suite, &bureaus(suite, 4)).members();
    let check = |what: &str, change: &dyn Fn(&mut MemberList)| {
        let mut list = good.clone();
        change(&mut list);
        assert!(list.validate().is_err(), "{what}");
        assert!(MemberList::decode(&list.encode()).is_err(), "{what}, as text");
    };
    assert_eq!(good.validate(), Ok(()));
    check("q below the quorum", &|list| list.q = 2);
    check("q above the members", &|list| list.q = 5);
    check("another f", &|list| list.f = 0);
    check("no member", &|list| list.members.clear());
    check("out of order", &|list| list.members.swap(0, 1));
    check("one bureau twice", &|list| list.members[1].number = BureauNumber(1));
    check("one node twice", &|list| list.members[1].node_id = list.members[0].node_id);
    check("one admission key twice", &|list| list.members[1].admission_key = list.members[0].admission_key);
    check("a weak admission key", &|list| list.members[1].admission_key = [0; 32]);
    check("no log key", &|list| list.members[1].log_key = None);
    check("a code that is no part of the key's name", &|list| list.members[1].code = "huainan".to_owned());
    check("the cosigning key as log key", &|list| {
        list.members[1].log_key = Some(list.members[1].cosigning_key.clone());
    });
    check("epoch 0 after size 0", &|list| list.from.0 = 1);
    let strict = MemberList { q: 4, ..good.clone() };
    assert_eq!(strict.validate(), Ok(()), "a ledger may ask for more than the quorum");
    let crlf = String::from_utf8(good.encode()).expect("text").replace('\n', "\r\n");
    assert!(matches!(MemberList::decode(crlf.as_bytes()), Err(MembersError::Line(_))));
}

#[test]
fn a_checkpoint_needs_q_bureaus_and_its_time_outlives_f_liars() {
    for suite in Suite::ALL {
        let bureaus = bureaus(suite, 4);
        let members = founding(suite, &bureaus).members();
        let body = body(suite, &members, 5, Hash([7; 32]));
        let checkpoint = cosigned(body.clone(), &bureaus[..3]);
        let read = Checkpoint::parse(checkpoint.to_note().as_bytes()).expect("own note");
        assert_eq!(read, checkpoint, "{suite}");
        let at = read.verify(&members).expect("three of four suffice");
        assert_eq!(at.existed_no_later_than_s, TIME_S + 1, "f = 1: the second smallest");
        assert_eq!(at.times.len(), 3);

        let few = cosigned(body.clone(), &bureaus[..2]);
        let too_few = CheckpointError::TooFew { epoch: 0, found: 2, needed: 3 };
        assert_eq!(few.verify(&members), Err(too_few.clone()));
        // One bureau that signs twice is one bureau.
        let mut twice = few.clone();
        twice.lines.push(bureaus[0].cosigning.sign(&body, TIME_S + 9));
        assert_eq!(twice.verify(&members), Err(too_few));
        assert!(Checkpoint::parse(twice.to_note().as_bytes()).is_err(), "two lines of one key");
    }
}

#[test]
fn no_single_byte_change_of_a_checkpoint_keeps_a_quorum_that_needs_every_line() {
    for suite in Suite::ALL {
        let bureaus = bureaus(suite, 3);
        let members = founding(suite, &bureaus).members();
        let mut checkpoint = cosigned(body(suite, &members, 5, Hash([7; 32])), &bureaus[..2]);
        checkpoint.lines.retain(|line| line.name != ORIGIN);
        single_byte_changes(checkpoint.to_note().as_bytes(), |at, new, note| {
            let verified = Checkpoint::parse(note).and_then(|checkpoint| checkpoint.verify(&members));
            assert!(verified.is_err(), "{suite}: byte {at} = {new}");
        });
    }
}

#[test]
fn unknown_and_reordered_body_lines_are_refused() {
    let bureaus = bureaus(Suite::Blake3, 3);
    let members = founding(Suite::Blake3, &bureaus).members();
    let text = body(Suite::Blake3, &members, 5, Hash([7; 32])).to_text();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    assert!(CheckpointBody::parse(&joined(&lines)).is_ok());
    let mut more = lines.clone();
    more.push("note more");
    assert_eq!(CheckpointBody::parse(&joined(&more)), Err(CheckpointError::UnknownLine { line: 7 }));
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    assert_eq!(CheckpointBody::parse(&joined(&swapped)), Err(CheckpointError::UnknownLine { line: 5 }));
    let named = joined(&lines).replace("suite blake3", "suite sha256");
    assert!(CheckpointBody::parse(&named).is_err(), "a sha256 body has no suite line");
    let large = joined(&lines).replace("\n5\n", "\n4611686018427387905\n");
    assert!(matches!(CheckpointBody::parse(&large), Err(CheckpointError::Size(_))));
}

#[test]
fn lines_of_c2sp_types_are_refused_outside_sha256() {
    for suite in [Suite::Blake3, Suite::Sm3] {
        let bureaus = bureaus(suite, 3);
        let members = founding(suite, &bureaus).members();
        let good = cosigned(body(suite, &members, 5, Hash([7; 32])), &bureaus);
        assert!(good.verify(&members).is_ok());
        for identifier in [[0x01], [0x04], [0x06]] {
            let mut checkpoint = good.clone();
            let key = members.members[2].cosigning_key.key().to_bytes();
            let line =
                checkpoint.lines.iter_mut().find(|line| line.name.ends_with("wuhu")).expect("wuhu signed");
            line.key_id = KeyId::compute(&line.name, &identifier, &key);
            let refused = checkpoint.verify(&members);
            assert!(
                matches!(refused, Err(CheckpointError::ForeignType(_))),
                "{suite} {identifier:?}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_known_keys_line_that_fails_refuses_the_note_even_beyond_the_quorum() {
    for suite in Suite::ALL {
        let bureaus = bureaus(suite, 3);
        let members = founding(suite, &bureaus).members();
        let mut checkpoint = cosigned(body(suite, &members, 5, Hash([7; 32])), &bureaus);
        let last = checkpoint.lines.last_mut().expect("lines");
        *last.signature.last_mut().expect("bytes") ^= 1;
        let refused = checkpoint.verify(&members);
        assert!(
            matches!(refused, Err(CheckpointError::Cosignature(CosignatureError::Key { .. }))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_cosignature_of_one_suite_never_holds_in_another() {
    let sm3 = Bureau::new(Suite::Sm3, 1);
    let blake3 = Bureau::new(Suite::Blake3, 1);
    let members = founding(Suite::Sm3, &bureaus(Suite::Sm3, 3)).members();
    let in_sm3 = body(Suite::Sm3, &members, 5, Hash([7; 32]));
    let in_blake3 = CheckpointBody { suite: Suite::Blake3, ..in_sm3.clone() };
    let line = sm3.cosigning.sign(&in_sm3, TIME_S);
    assert_eq!(cosignature::verify(&in_sm3, &line, sm3.cosigning.verifier_key()), Ok(TIME_S));
    assert!(cosignature::verify(&in_blake3, &line, blake3.cosigning.verifier_key()).is_err());
}

#[test]
fn a_time_of_two_to_the_63_seconds_is_refused_even_when_it_is_signed() {
    for (suite, header) in [(Suite::Sha256, "cosignature/v1"), (Suite::Sm3, "muniment-cosignature/v1")] {
        let members = founding(suite, &bureaus(suite, 3)).members();
        let (body, bureau) = (body(suite, &members, 5, Hash([7; 32])), Bureau::new(suite, 1));
        let signed = |time_s: u64| {
            let message = format!("{header}\ntime {time_s}\n{}", body.to_text());
            let signature = SigningKey::from_seed(&seed(1, 1)).sign(message.as_bytes());
            let mut line = bureau.cosigning.sign(&body, TIME_S);
            line.signature = [time_s.to_be_bytes().as_slice(), &signature].concat();
            cosignature::verify(&body, &line, bureau.cosigning.verifier_key())
        };
        assert_eq!(signed(TIME_S_MAX), Ok(TIME_S_MAX), "{suite}");
        assert!(matches!(signed(TIME_S_MAX + 1), Err(CosignatureError::Time(_))), "{suite}");
    }
}

#[test]
fn verifier_keys_have_one_text() {
    for suite in Suite::ALL {
        let key = Bureau::new(suite, 1).cosigning.verifier_key().to_string();
        assert_eq!(VerifierKey::parse(&key).expect("own text").to_string(), key);
        single_byte_changes(key.as_bytes(), |at, new, text| {
            let changed = std::str::from_utf8(text).ok().and_then(|text| VerifierKey::parse(text).ok());
            assert!(changed.is_none(), "{suite}: byte {at} = {new}");
        });
    }
    let pinned = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let parsed = VerifierKey::parse(pinned).expect("the verifier key of Go's sumdb/note documentation");
    assert_eq!(parsed.to_string(), pinned);
}

#[test]
fn seventeen_lines_are_too_many_and_a_note_needs_one() {
    let bureau = Bureau::new(Suite::Blake3, 1);
    let members = founding(Suite::Blake3, &bureaus(Suite::Blake3, 3)).members();
    let body = body(Suite::Blake3, &members, 5, Hash([7; 32]));
    let line = |number: u8| {
        let mut line = bureau.cosigning.sign(&body, TIME_S);
        line.key_id = KeyId([number; 4]);
        line
    };
    let note = |count: u8| Note { text: body.to_text(), lines: (0..count).map(line).collect() }.to_string();
    assert!(Note::parse(note(16).as_bytes()).is_ok());
    assert!(Note::parse(note(17).as_bytes()).is_err());
    assert!(Note::parse(note(0).as_bytes()).is_err());
}
