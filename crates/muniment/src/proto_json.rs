//! Messages as JSON (ProtoJSON, with the field names of the schema and numbers as numbers), and back.

use std::sync::OnceLock;

use anyhow::{Context as _, anyhow};
use muniment_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::exit::UsageError;

/// The schema's descriptor of a message.
fn descriptor(name: &str) -> anyhow::Result<MessageDescriptor> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());
    let found = pool.as_ref().and_then(|pool| pool.get_message_by_name(name));
    found.ok_or_else(|| anyhow!("this build's schema has no {name}"))
}

/// A message as JSON.
///
/// # Errors
/// If `name` is not the message's.
pub(crate) fn to_json(name: &str, message: &impl Message) -> anyhow::Result<Value> {
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(name)?, bytes.as_slice()).context("read a message")?;
    let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).context("write a message as JSON")
}

/// A message from JSON; a field that the schema does not have is an error.
///
/// # Errors
/// [`UsageError`] with line and column.
pub(crate) fn from_json<M: Message + Default>(name: &str, text: &str) -> anyhow::Result<M> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let wrong = |error: serde_json::Error| UsageError(format!("no {name} in JSON: {error}"));
    let message = DynamicMessage::deserialize(descriptor(name)?, &mut reader).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    M::decode(message.encode_to_vec().as_slice()).context("read a message")
}

#[cfg(test)]
mod tests {
    use muniment_core::v1::{Record, record::Body};

    use super::*;

    const NAME: &str = "muniment.v1.Record";

    #[test]
    fn a_record_survives_its_json_and_names_its_fields_as_the_schema_does() {
        let text = r#"{"submitter": 2, "occurred_at": {"unix_ms": 1700000000000},
                       "access_executed": {"side": "SIDE_PROVIDER", "exchange": "e-1", "rows": 7}}"#;
        let record: Record = from_json(NAME, text).expect("it is one");
        assert!(matches!(&record.body, Some(Body::AccessExecuted(access)) if access.rows == 7));
        let json = to_json(NAME, &record).expect("it is one");
        assert_eq!(json["occurred_at"]["unix_ms"], 1_700_000_000_000_u64);
        assert_eq!(json["access_executed"]["side"], "SIDE_PROVIDER");
        assert_eq!(from_json::<Record>(NAME, &json.to_string()).expect("again"), record);
    }

    #[test]
    fn what_the_schema_does_not_have_is_refused_with_its_place() {
        for text in [r#"{"submiter": 2}"#, r#"{"submitter": -1}"#, "{", "[]", r#"{"submitter": 2} x"#] {
            let error = from_json::<Record>(NAME, text).expect_err(text);
            assert!(error.is::<UsageError>(), "{error}");
        }
    }
}
