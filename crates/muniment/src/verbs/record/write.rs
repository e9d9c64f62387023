//! `muniment record encode` and `submit`.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use muniment_client::{Client, Prepared};
use muniment_core::digest::record_digest;
use muniment_core::{Blind, RequestId, record, v1};
use muniment_proto::submission::{Level, NewRecord};
use serde_json::{Value, json};

use super::super::view::flags;
use super::{EncodeArguments, SubmitArguments, hex};
use crate::cli::OutputFormat;
use crate::console;
use crate::exit::{Exit, UsageError};
use crate::proto_json;
use crate::rows::print_one;
use crate::utc::utc;

/// Bytes of an input, at most: a record of 64 KiB in JSON, generously.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Prints a record's bytes, blind, digest and request id.
pub(super) fn encode(client: &Client, arguments: &EncodeArguments) -> anyhow::Result<Exit> {
    let prepared = client.prepare(read_record(&read(&arguments.file)?)?)?;
    console::result(serde_json::to_string_pretty(&to_json(&prepared))?)?;
    Ok(Exit::Ok)
}

/// Appends a record.
pub(super) async fn submit(client: &Client, arguments: &SubmitArguments) -> anyhow::Result<Exit> {
    let prepared = prepare(client, &read(&arguments.file)?)?;
    let submitted = match client.submit(&prepared, arguments.wait.into()).await {
        Ok(submitted) => submitted,
        Err(error) => {
            if matches!(error, muniment_client::Error::OutcomeUnknown { .. }) {
                // Only these very bytes are safe to send.
                console::note(format_args!("submit exactly this again: {}", to_json(&prepared)))?;
            }
            return Err(error.into());
        }
    };
    let receipt = submitted.receipt.as_ref().map(|receipt| &receipt.text);
    if let Some(path) = &arguments.receipt {
        match receipt {
            Some(text) => std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?,
            None => console::note("no receipt yet: `muniment receipt get` waits for it")?,
        }
    }
    let level = if submitted.level == Level::Cosigned { "cosigned" } else { "committed" };
    let place = submitted.place;
    let accepted_at = place.map(|place| utc(place.accepted_at));
    let flags = place.map(|place| flags(place.verdict)).unwrap_or_default();
    let leaf = place.map(|place| place.leaf.0);
    let json = json!({
        "leaf": leaf,
        "accepted_at": accepted_at,
        "accepted_at_ms": place.map(|place| place.accepted_at.0),
        "flags": flags,
        "level": level,
        "duplicate": submitted.duplicate,
        "request_id": prepared.request_id.to_string(),
        "record_digest": prepared.digest.to_string(),
        "receipt_verified": receipt.is_some(),
    });
    let lines = [
        ("leaf", leaf.map_or_else(|| "not known".to_owned(), |leaf| leaf.to_string())),
        ("accepted at", accepted_at.unwrap_or_default()),
        ("flags", if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }),
        ("level", level.to_owned()),
        ("duplicate", submitted.duplicate.to_string()),
        ("record digest", prepared.digest.to_string()),
    ];
    print_one(arguments.output, &lines, &json)?;
    if arguments.output == OutputFormat::Table && receipt.is_some() {
        console::note("the receipt verifies")?;
    }
    Ok(Exit::Ok)
}

/// Reads a file, or standard input, of bounded size.
pub(in crate::verbs) fn read(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let wrong = |error: std::io::Error| UsageError(format!("read {name}: {error}"));
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(wrong)?;
        file.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)
    };
    if u64::try_from(read.map_err(wrong)?).is_ok_and(|bytes| bytes > INPUT_BYTES_MAX) {
        return Err(UsageError(format!("{name} has over {INPUT_BYTES_MAX} bytes: it is no record")).into());
    }
    Ok(text)
}

fn read_record(text: &str) -> anyhow::Result<v1::Record> {
    proto_json::from_json("muniment.v1.Record", text)
}

/// What `encode` prints.
fn to_json(prepared: &Prepared) -> Value {
    json!({
        "request_id": prepared.request_id.to_string(),
        "blind": STANDARD.encode(prepared.record.blind.0),
        "record": STANDARD.encode(&prepared.record.bytes),
        "record_digest": prepared.digest.to_string(),
    })
}

/// A record that is to be encoded, or one that is.
fn prepare(client: &Client, text: &str) -> anyhow::Result<Prepared> {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let Some(encoded) = value.filter(|value| value.get("blind").is_some()) else {
        return Ok(client.prepare(read_record(text)?)?);
    };
    let wrong =
        |field: &str| UsageError(format!("field `{field}` is not what `muniment record encode` printed"));
    let field = |name: &str| encoded[name].as_str().ok_or_else(|| wrong(name));
    let request_id = RequestId(hex(field("request_id")?).ok_or_else(|| wrong("request_id"))?);
    let blind = STANDARD.decode(field("blind")?).ok().and_then(|bytes| bytes.try_into().ok());
    let blind = Blind(blind.ok_or_else(|| wrong("blind"))?);
    let bytes = Bytes::from(STANDARD.decode(field("record")?).map_err(|_| wrong("record"))?);
    record::decode(&bytes, Some(&client.trust().ledger_id)).map_err(muniment_client::Error::from)?;
    let digest = record_digest(client.trust().suite, &blind, &bytes);
    if field("record_digest")? != digest.to_string() {
        return Err(wrong("record_digest").into());
    }
    Ok(Prepared { request_id, record: NewRecord { blind, bytes }, digest })
}
