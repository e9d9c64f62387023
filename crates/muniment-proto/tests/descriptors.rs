//! What reflection hands out is the whole schema, with its comments, and what the server registers beside it adds up.

use std::collections::BTreeSet;

use muniment_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

fn files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("own descriptors are read").file
}

#[test]
fn every_import_is_in_the_set() {
    let files = files();
    let names: BTreeSet<&str> = files.iter().map(FileDescriptorProto::name).collect();
    for file in &files {
        for import in &file.dependency {
            assert!(names.contains(import.as_str()), "{} imports {import}", file.name());
        }
    }
    for name in ["google/rpc/status.proto", "google/protobuf/any.proto", "muniment/v1/evidence.proto"] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn the_services_have_the_methods_that_a_server_implements() {
    let files = files();
    let methods: BTreeSet<String> = files
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| {
            let methods = service.method.iter();
            methods.map(move |method| format!("{package}.{}/{}", service.name(), method.name()))
        })
        .collect();
    let expected = [
        "muniment.admin.v1.ClusterService/GetStatus",
        "muniment.peer.v1.PeerService/Append",
        "muniment.peer.v1.PeerService/Call",
        "muniment.v1.LedgerService/CheckAccess",
        "muniment.v1.LedgerService/EncodeRecord",
        "muniment.v1.LedgerService/GetAuthorisation",
        "muniment.v1.LedgerService/GetCheckpoint",
        "muniment.v1.LedgerService/GetConsistencyProof",
        "muniment.v1.LedgerService/GetInclusionProof",
        "muniment.v1.LedgerService/GetReceipt",
        "muniment.v1.LedgerService/GetRecord",
        "muniment.v1.LedgerService/GetStatistics",
        "muniment.v1.LedgerService/ListRecords",
        "muniment.v1.LedgerService/Submit",
        "muniment.v1.LedgerService/SubmitBatch",
        "muniment.v1.LedgerService/SubmitStream",
        "muniment.v1.LedgerService/WatchRecords",
    ];
    assert_eq!(methods.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn every_answer_of_a_public_service_has_the_header_as_its_first_field() {
    for file in files().iter().filter(|file| matches!(file.package(), "muniment.v1" | "muniment.admin.v1")) {
        for message in file.message_type.iter().filter(|message| message.name().ends_with("Response")) {
            let first = message.field.iter().find(|field| field.number() == 1).expect("it has a field");
            assert_eq!(first.name(), "header", "{}", message.name());
            assert_eq!(first.type_name(), ".muniment.v1.ResponseHeader", "{}", message.name());
        }
    }
}

#[test]
fn comments_travel_with_the_schema_so_that_reflection_explains_it() {
    let files = files();
    let service = files.iter().find(|file| file.name() == "muniment/v1/ledger_service.proto");
    let source = service.expect("it is there").source_code_info.as_ref().expect("comments were kept");
    let comments = source.location.iter().filter_map(|location| location.leading_comments.as_deref());
    assert!(comments.into_iter().any(|comment| comment.contains("Appends one record.")));
}
