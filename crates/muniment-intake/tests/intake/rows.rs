//! Data files: rows in, records and typed errors out, nothing lost in between.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use muniment_core::v1::record::Body;
use muniment_core::v1::{Leaf, Outcome, Precision, Side, Time};
use muniment_core::{BureauNumber, LeafIndex, LedgerId, record};
use muniment_intake::{FileError, Import, IntakeError, Mapping, Row, RowError, RowFault, Rows, count_rows};

const XROAD: &str = include_str!("../../../../mappings/xroad-opmon.toml");
const CSV: &str = r#"
name = "access"
format = "csv"
kind = "access_executed"
row_bytes_max = 64
[record]
occurred_at = { field = "day", unit = "s", precision = "day" }
actor.system = { constant = "xroad:DEV/ORG/1" }
[body]
provider = { constant = "xroad:DEV/ORG/1" }
consumer = { constant = "xroad:DEV/ORG/2" }
data_set = { constant = "catalogue:307009001/15" }
side = { constant = "provider" }
exchange = { field = "id" }
rows = [{ field = "rows", optional = true }, { constant = 1 }]
outcome = { field = "ok", values = { yes = "succeeded", no = "refused" } }
"#;

fn import() -> Import {
    Import {
        ledger_id: LedgerId([9; 32]),
        submitter: BureauNumber(2),
        citations: BTreeMap::from([("resttest".to_owned(), LeafIndex(3))]),
    }
}

fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn read(path: &Path, mapping: &str) -> Vec<Result<Row, IntakeError>> {
    let mapping = Mapping::parse("mapping.toml", mapping).unwrap();
    Rows::open(path, &mapping, import()).unwrap().collect()
}

fn xroad_line(kind: &str, service: &str, more: &str) -> String {
    format!(
        r#"{{"securityServerType":"{kind}","requestInTs":1603802102192,"clientXRoadInstance":"DEV","clientMemberClass":"ORG","clientMemberCode":"1234567-8","clientSubsystemCode":"TEST","serviceXRoadInstance":"DEV","serviceMemberClass":"ORG","serviceMemberCode":"1234567-8","serviceCode":"{service}","messageId":"54ae525b","clientSecurityServerAddress":"ss1","serviceSecurityServerAddress":"ss2","succeeded":true{more}}}"#
    )
}

#[test]
fn an_xroad_row_becomes_an_access_with_its_place_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let rest = xroad_line("Producer", "RestTest", r#","serviceSubsystemCode":"TEST","requestRestSize":12"#);
    let soap = xroad_line("Client", "getData", r#","requestSoapSize":1847"#);
    let path = file(&folder, "opmon.jsonl", format!("{rest}\n\n{soap}").as_bytes());
    let rows: Vec<_> = read(&path, XROAD).into_iter().map(Result::unwrap).collect();

    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2]);
    let record = &rows[0].record;
    assert_eq!((record.schema_version, record.submitter, record.historic), (1, 2, true));
    assert_eq!(record.ledger_id, [9; 32]);
    assert_eq!(record.occurred_at, Some(Time { unix_ms: 1_603_802_102_192, precision: 0 }));
    assert_eq!(record.stream.as_ref().map(|s| (s.id.as_str(), s.sequence)), Some(("opmon.jsonl", 0)));
    let actor = record.actor.as_ref().unwrap();
    assert_eq!((actor.system.as_str(), actor.terminal.as_str()), ("xroad:DEV/ORG/1234567-8/TEST", "ss2"));
    let Some(Body::AccessExecuted(access)) = &record.body else { panic!("{record:?}") };
    assert_eq!(access.side(), Side::Provider);
    assert_eq!(access.outcome(), Outcome::Succeeded);
    assert_eq!(access.exchange, "54ae525b");
    assert_eq!(access.provider, "xroad:DEV/ORG/1234567-8");
    assert_eq!(access.consumer, "xroad:DEV/ORG/1234567-8/TEST");
    assert_eq!(access.data_set, "xroad:DEV/ORG/1234567-8/TEST/RestTest");
    assert_eq!(access.authorisation, Some(Leaf { index: 3 }));
    assert_eq!((access.request_bytes, access.response_bytes), (12, 0));

    let Some(Body::AccessExecuted(access)) = &rows[1].record.body else { panic!("{rows:?}") };
    assert_eq!(rows[1].record.stream.as_ref().map(|stream| stream.sequence), Some(1));
    assert_eq!(access.side(), Side::Consumer);
    assert_eq!(access.data_set, "xroad:DEV/ORG/1234567-8//getData");
    assert_eq!(access.authorisation, None);
    assert_eq!(access.request_bytes, 1847);
}

#[test]
fn files_from_windows_are_read_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let good = xroad_line("Client", "RestTest", "");
    let path = file(&folder, "windows.jsonl", format!("\u{feff}{good}\r\n\r\n{good}\r\n").as_bytes());
    let rows: Vec<_> = read(&path, XROAD).into_iter().map(|row| row.unwrap().number).collect();
    assert_eq!(rows, [1, 2]);
    let path = file(&folder, "windows.csv", "\u{feff}id,day,ok\r\na,0,yes\r\n".as_bytes());
    assert!(read(&path, CSV).into_iter().all(|row| row.is_ok()));
}

#[test]
fn a_csv_row_is_mapped_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "a.csv", b"id,day,rows,ok\r\n\"x,1\",86400,,no\r\ny,0,7,yes\r\n");
    let rows: Vec<_> = read(&path, CSV).into_iter().map(Result::unwrap).collect();
    let Some(Body::AccessExecuted(first)) = &rows[0].record.body else { panic!("{rows:?}") };
    assert_eq!((first.exchange.as_str(), first.rows, first.outcome()), ("x,1", 1, Outcome::Refused));
    let day = Time { unix_ms: 86_400_000, precision: Precision::Day.into() };
    assert_eq!(rows[0].record.occurred_at, Some(day));
    let Some(Body::AccessExecuted(second)) = &rows[1].record.body else { panic!("{rows:?}") };
    assert_eq!((second.exchange.as_str(), second.rows, second.outcome()), ("y", 7, Outcome::Succeeded));
}

#[test]
fn gzip_is_known_by_its_first_bytes_and_gives_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}\n", xroad_line("Client", "RestTest", "")).repeat(500);
    let plain = file(&folder, "same.jsonl", text.as_bytes());
    let plain_rows: Vec<_> = read(&plain, XROAD).into_iter().map(Result::unwrap).collect();
    // Two members, as `cat a.gz b.gz` gives them.
    let (head, tail) = text.split_at(text.len() / 3);
    let zipped = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    let zipped = file(&folder, "same.jsonl", &zipped);
    let zipped_rows: Vec<_> = read(&zipped, XROAD).into_iter().map(Result::unwrap).collect();
    assert_eq!(plain_rows.len(), 500);
    assert_eq!(plain_rows, zipped_rows);
}

#[test]
fn a_bad_row_is_a_typed_error_and_costs_no_other_row() {
    let folder = tempfile::tempdir().unwrap();
    let good = xroad_line("Client", "RestTest", "");
    let long = xroad_line("Client", "RestTest", &format!(r#","note":"{}""#, "x".repeat(70_000)));
    let bad: [(Vec<u8>, Option<&str>, RowFault); 11] = [
        (b"{\"a\":1".to_vec(), None, RowFault::NotAnObject { what: "the line ends within it", column: 6 }),
        (b"{\"a\":tru}".to_vec(), None, RowFault::NotAnObject { what: "syntax error", column: 9 }),
        (
            b"[1,2]".to_vec(),
            None,
            RowFault::NotAnObject { what: "another JSON value, or a field that stands twice", column: 0 },
        ),
        (
            b"{\"a\":1,\"a\":2}".to_vec(),
            None,
            RowFault::NotAnObject { what: "another JSON value, or a field that stands twice", column: 13 },
        ),
        (b"{\"a\":\"\xff\"}".to_vec(), None, RowFault::NotUtf8),
        (long.into_bytes(), None, RowFault::TooLarge { bytes_max: 65_536 }),
        (good.replace("1603802102192", "null").into_bytes(), Some("requestInTs"), RowFault::Missing),
        (
            good.replace("1603802102192", "\"noon\"").into_bytes(),
            Some("requestInTs"),
            RowFault::WrongType { expected: "a whole number" },
        ),
        (
            good.replace("1603802102192", "-5").into_bytes(),
            Some("requestInTs"),
            RowFault::OutOfRange { expected: "0 to 18446744073709551615" },
        ),
        (
            good.replace("\"Client\"", "\"Proxy\"").into_bytes(),
            Some("securityServerType"),
            RowFault::NotListed,
        ),
        (
            good.replace("54ae525b", &"5".repeat(129)).into_bytes(),
            Some("access_executed.exchange"),
            RowFault::Refused("has 129 bytes, at most 128 are allowed".into()),
        ),
    ];
    let mut content = Vec::new();
    for (line, _, _) in &bad {
        content.extend_from_slice(line);
        content.extend_from_slice(format!("\n{good}\n").as_bytes());
    }
    let path = file(&folder, "bad.jsonl", &content);
    let rows = read(&path, XROAD);
    assert_eq!(rows.len(), 2 * bad.len());
    for (position, ((_, field, fault), pair)) in bad.into_iter().zip(rows.chunks(2)).enumerate() {
        let row = 2 * position as u64 + 1;
        let Err(IntakeError::Row(error)) = &pair[0] else { panic!("row {row}: {:?}", pair[0]) };
        let expected = RowError { file: "bad.jsonl".into(), row, field: field.map(Into::into), fault };
        assert_eq!(*error, expected);
        assert!(error.to_string().starts_with(&format!("bad.jsonl: row {row}")), "{error}");
        // The gap in the stream stays visible in the ledger.
        let next = pair[1].as_ref().unwrap();
        assert_eq!(next.record.stream.as_ref().unwrap().sequence, row, "{next:?}");
    }
    assert_eq!(count_rows(&path, &Mapping::parse("m", XROAD).unwrap()).unwrap(), 22);
}

#[test]
fn a_csv_row_of_another_width_or_size_costs_no_other_row() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(99);
    let text = format!("id,day,ok\na,0,yes\nb,0\nc,0,yes,1\n{long},0,yes\nd,0,perhaps\ne,0,no");
    let path = file(&folder, "a.csv", text.as_bytes());
    let faults: Vec<_> = read(&path, CSV)
        .into_iter()
        .map(|row| match row {
            Ok(_) => None,
            Err(IntakeError::Row(error)) => Some((error.row, error.fault)),
            Err(error) => panic!("{error}"),
        })
        .collect();
    let expected = [
        None,
        Some((2, RowFault::ColumnCount { expected: 3, found: 2 })),
        Some((3, RowFault::ColumnCount { expected: 3, found: 4 })),
        Some((4, RowFault::TooLarge { bytes_max: 64 })),
        Some((5, RowFault::NotListed)),
        None,
    ];
    assert_eq!(faults, expected);
}

#[test]
fn truncated_gzip_says_after_which_row_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let text: String =
        (0..40).map(|n| xroad_line("Client", &format!("service{}", n * 7919), "") + "\n").collect();
    let zipped = gzip(text.as_bytes());
    let mapping = Mapping::parse("m", XROAD).unwrap();
    let mut most = 0;
    for length in 2..zipped.len() {
        let path = file(&folder, "cut.jsonl.gz", &zipped[..length]);
        let mut rows: Vec<_> = Rows::open(&path, &mapping, import()).unwrap().collect();
        let last = rows.pop().expect("an error at least");
        let whole = rows.len() as u64;
        assert!(rows.iter().all(Result::is_ok), "length {length}");
        match last {
            Err(IntakeError::File(FileError::TruncatedGzip { file, after_row })) => {
                assert_eq!((file.as_str(), after_row), ("cut.jsonl.gz", whole), "length {length}");
            }
            other => panic!("length {length}: {other:?}"),
        }
        most = most.max(whole);
    }
    assert_eq!(most, 40, "with only the trailer missing every row is there");
}

#[test]
fn damaged_gzip_and_bad_headers_are_typed_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut zipped = gzip(format!("{}\n", xroad_line("Client", "RestTest", "")).as_bytes());
    let checksum = zipped.len() - 8;
    zipped[checksum] ^= 1;
    let path = file(&folder, "damaged.gz", &zipped);
    let rows = read(&path, XROAD);
    assert!(
        matches!(rows.last(), Some(Err(IntakeError::File(FileError::DamagedGzip { after_row: 1, .. })))),
        "{rows:?}"
    );

    let csv = Mapping::parse("m", CSV).unwrap();
    for header in ["", "id,day,id\n", "\u{e9}".repeat(99).as_str()] {
        let path = file(&folder, "header.csv", header.as_bytes());
        let error = Rows::open(&path, &csv, import()).err();
        assert!(matches!(error, Some(FileError::Header { .. })), "{header}: {error:?}");
    }
}

#[test]
fn a_file_that_can_not_be_imported_is_refused_before_any_row() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = Mapping::parse("m", XROAD).unwrap();
    let open = |path: &Path, import: Import| Rows::open(path, &mapping, import).err();
    let missing = open(&folder.path().join("none.jsonl"), import());
    assert!(matches!(missing, Some(FileError::Open { .. })), "{missing:?}");
    let directory = open(folder.path(), import());
    assert!(matches!(directory, Some(FileError::Open { .. })), "{directory:?}");
    let path = file(&folder, &"n".repeat(129), b"");
    let stream = open(&path, import());
    assert!(matches!(stream, Some(FileError::StreamName { .. })), "{stream:?}");
    let path = file(&folder, "empty.jsonl", b"");
    let uncited = open(&path, Import { citations: BTreeMap::new(), ..import() });
    assert!(matches!(&uncited, Some(FileError::Citation { name, .. }) if name == "resttest"), "{uncited:?}");
    assert!(read(&path, XROAD).is_empty());
}

/// The real file beside the checkout, if it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    start.ancestors().map(|folder| folder.join("shared/data").join(name)).find(|path| path.is_file())
}

#[test]
fn every_row_of_the_real_xroad_file_is_mapped() {
    let Some(path) = shared("xroad_opmon_records.jsonl.gz") else {
        // Written where `cargo test` does not swallow it.
        let warning = "SKIPPED: ../shared/data/xroad_opmon_records.jsonl.gz IS NOT BESIDE THE CHECKOUT\n";
        std::io::stderr().write_all(warning.as_bytes()).unwrap();
        return;
    };
    let rows: Vec<_> = read(&path, XROAD).into_iter().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5_230);
    for row in &rows {
        assert_eq!(record::decode(&row.bytes, Some(&import().ledger_id)), Ok(row.record.clone()));
    }
    let cited = rows.iter().filter(|row| match &row.record.body {
        Some(Body::AccessExecuted(access)) => access.authorisation.is_some(),
        _ => false,
    });
    assert_eq!(cited.count(), 3_810);
    assert_eq!(count_rows(&path, &Mapping::parse("m", XROAD).unwrap()).unwrap(), 5_230);
}
