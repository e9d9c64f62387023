//! `muniment generate`: the same records from the same arguments, every kind among them, each as its line says.

use std::collections::BTreeSet;
use std::fs;

use muniment_core::digest::record_digest;
use muniment_core::{Blind, Kind, LedgerId, Suite, record};
use serde_json::Value;

use crate::muniment::muniment;

fn generate(arguments: &[&str]) -> String {
    let fixed = ["generate"].iter();
    muniment(fixed.chain(arguments)).expect_code(0).stdout
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

fn bytes(line: &Value, field: &str) -> Vec<u8> {
    let digits = line[field].as_str().expect("text").as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn every_line_is_a_valid_record_with_its_digest_and_every_kind_is_there() {
    let ledger = LedgerId([0x5a; 32]);
    for suite in Suite::ALL {
        let output = generate(&["--count", "400", "--suite", suite.name(), "--ledger", &ledger.to_string()]);
        let mut kinds = BTreeSet::new();
        for (number, line) in lines(&output).iter().enumerate() {
            let record_bytes = bytes(line, "record");
            let record = record::decode(&record_bytes, Some(&ledger)).expect("a record for this ledger");
            let kind = record::kind(&record).expect("a body");
            assert_eq!((&line["number"], &line["kind"]), (&number.into(), &kind.row().name.into()));
            let blind = Blind(bytes(line, "blind").try_into().expect("16 bytes"));
            let digest = record_digest(suite, &blind, &record_bytes);
            assert_eq!(line["record_digest"], digest.to_string());
            assert_eq!(line["suite"], suite.name());
            kinds.insert(kind);
        }
        let submitted = Kind::TABLE.iter().map(|row| row.kind).filter(|kind| kind.is_submitted());
        assert_eq!(kinds, submitted.collect());
        assert_eq!(output.lines().count(), 400);
    }
}

#[test]
fn equal_arguments_give_equal_bytes_and_another_seed_gives_others() {
    let output = generate(&["--count", "300", "--seed", "9"]);
    assert_eq!(output, generate(&["--count", "300", "--seed", "9"]));
    assert_ne!(output, generate(&["--count", "300", "--seed", "10"]));
}

/// A reader who takes line numbers for leaves finds each access's grant, and the grant's application.
#[test]
fn the_traffic_cites_its_records_by_the_number_of_their_line() {
    use muniment_core::v1::record::Body;

    let records: Vec<_> = lines(&generate(&["--count", "2000"]))
        .iter()
        .map(|line| record::decode(&bytes(line, "record"), None).expect("valid"))
        .collect();
    let body = |index: u64| usize::try_from(index).ok().and_then(|at| records.get(at)?.body.as_ref());
    let (mut grants, mut accesses) = (0, 0);
    // After one specimen of each kind, every other line is of the traffic.
    let kinds = Kind::TABLE.iter().filter(|row| row.kind.is_submitted()).count();
    for record in records.iter().skip(kinds).step_by(2) {
        match record.body.as_ref() {
            Some(Body::AuthorisationGranted(grant)) => {
                let application = grant.application.expect("a traffic's grant has an application").index;
                assert!(matches!(body(application), Some(Body::SharingApplied(_))), "line {application}");
                grants += 1;
            }
            Some(Body::AccessExecuted(access)) => {
                let Some(cited) = access.authorisation.and_then(|leaf| body(leaf.index)) else { continue };
                assert!(matches!(cited, Body::AuthorisationGranted(_)));
                accesses += 1;
            }
            _ => {}
        }
    }
    assert!(grants > 100 && accesses > 100, "{grants} grants, {accesses} accesses");
}

#[test]
fn a_file_is_written_once_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("records.jsonl");
    let path = file.to_str().unwrap();
    assert_eq!(generate(&["--count", "60", "--out", path]), "");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, generate(&["--count", "60"]));
    let again = muniment(["generate", "--count", "61", "--out", path]).expect_code(2);
    assert!(again.stderr.contains("there already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn the_table_has_a_line_for_each_record_without_its_bytes() {
    let table = generate(&["--count", "55", "-o", "table"]);
    let lines = lines(&generate(&["--count", "55"]));
    for (row, line) in table.lines().zip(&lines) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let length = bytes(line, "record").len().to_string();
        assert_eq!(words[1..3], [line["kind"].as_str().unwrap(), &length]);
        assert_eq!(words.last().copied(), line["record_digest"].as_str());
    }
    assert_eq!(table.lines().count(), lines.len());
}

#[test]
fn arguments_without_a_meaning_are_refused() {
    for arguments in [&["--count", "0"][..], &["--ledger", "07"], &["--suite", "md5"], &["--seed", "-1"]] {
        muniment(["generate"].iter().chain(arguments)).expect_code(2);
    }
}
