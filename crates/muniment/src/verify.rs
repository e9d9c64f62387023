//! `muniment verify`: a receipt against a trust file, and nothing else.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use muniment_core::receipt::RECEIPT_BYTES_MAX;
use muniment_core::trust::{TRUST_BYTES_MAX, TrustFile};
use muniment_core::verify::{Proven, Verification, verify};
use muniment_core::{Kind, UnixMillis};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, VerifyArguments};
use crate::console;
use crate::exit::Exit;
use crate::utc::utc;

/// Verifies, prints steps and finding, and answers the exit code of the outcome.
///
/// # Errors
/// When the result can't be printed. A file that can't be read ends with [`Exit::Malformed`] like one that is malformed.
pub(crate) fn run(arguments: &VerifyArguments) -> anyhow::Result<Exit> {
    let verification = match verify_files(&arguments.file, &arguments.trust) {
        Ok(verification) => verification,
        Err(error) => {
            console::note(format_args!("muniment: {error:#}"))?;
            return Ok(Exit::Malformed);
        }
    };
    match arguments.output {
        OutputFormat::Json => {
            let text =
                serde_json::to_string_pretty(&to_json(&verification)).context("describe the result")?;
            console::result(text)?;
        }
        OutputFormat::Table => print_table(&verification)?,
    }
    Ok(Exit::of_outcome(verification.outcome))
}

/// Verifies a receipt's file by a trust file; opens these two and nothing else.
///
/// # Errors
/// When one of them can't be read, or the trust file is none.
pub(crate) fn verify_files(receipt: &Path, trust: &Path) -> anyhow::Result<Verification> {
    let bytes = read_bounded(trust, TRUST_BYTES_MAX)?;
    let trust = TrustFile::from_json(&bytes).with_context(|| format!("read {}", trust.display()))?;
    Ok(verify(&read_bounded(receipt, RECEIPT_BYTES_MAX)?, &trust))
}

/// Reads a file of at most `bytes_max` bytes.
fn read_bounded(path: &Path, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {}", path.display()))?;
    if bytes.len() > bytes_max {
        bail!("{} has more than {bytes_max} bytes: it is no file of this sort", path.display());
    }
    Ok(bytes)
}

fn print_table(verification: &Verification) -> anyhow::Result<()> {
    for step in &verification.steps {
        console::result(format_args!("{:<14} holds", step.name()))?;
    }
    if let Some(failure) = &verification.failure {
        console::result(format_args!("{:<14} FAILS: {}", failure.step.name(), failure.reason))?;
    }
    if let Some(proven) = &verification.proven {
        for (name, value) in describe(proven) {
            console::result(format_args!("{name:<14} {value}"))?;
        }
    }
    match &verification.failure {
        None => console::result("verified")?,
        Some(failure) => {
            console::result(format_args!("{} at step {}", verification.outcome.name(), failure.step.name()))?;
        }
    }
    Ok(())
}

/// What is proven, for people.
fn describe(proven: &Proven) -> Vec<(&'static str, String)> {
    let Proven { stub, checkpoint, members, .. } = proven;
    let verdict = stub.verdict.to_string();
    let body = match (&proven.record, proven.body_withheld) {
        (Some(_), _) => "open",
        (None, true) => "withheld: only its digest is proven",
        (None, false) => "written by the ledger",
    };
    let cosigners = proven.cosigned.times.len();
    let [from, to] = window(proven);
    vec![
        ("ledger", format!("{}, suite {}", checkpoint.origin, checkpoint.suite)),
        ("leaf", format!("{} of {}", proven.index, checkpoint.size)),
        ("kind", kind_name(stub.kind).to_owned()),
        ("flags", if verdict.is_empty() { "none of those judged".to_owned() } else { verdict }),
        ("submitter", proven.submitter.clone().unwrap_or_else(|| "the ledger".to_owned())),
        ("body", body.to_owned()),
        ("cosigned by", format!("{cosigners} of {} bureaus, {} needed", members.members.len(), members.q)),
        ("lies", lies(members.f)),
        ("existed", format!("[{from}, {to}]: accepted by the ledger, cosigned no later than")),
    ]
}

/// What a quorum of these members is worth against liars.
fn lies(f: u32) -> String {
    match f {
        0 => "one lying bureau would be exposed, not prevented".to_owned(),
        f => format!("up to {f} lying bureaus are withstood"),
    }
}

/// When the record existed: accepted, and the time by which an honest bureau had signed. Cosigners count whole seconds, so
/// the second that one names may have been all but over.
fn window(proven: &Proven) -> [String; 2] {
    let no_later_than = proven.existed.no_later_than_s.saturating_mul(1000).saturating_add(999);
    [utc(proven.existed.accepted_at), utc(UnixMillis(no_later_than))]
}

fn kind_name(kind: u8) -> &'static str {
    Kind::from_number(kind).map_or("unknown to this build", |kind| kind.row().name)
}

fn to_json(verification: &Verification) -> Value {
    let steps: Vec<_> = verification.steps.iter().map(|step| step.name()).collect();
    let failure = verification.failure.as_ref();
    json!({
        "outcome": verification.outcome.name(),
        "steps": steps,
        "failed_step": failure.map(|failure| failure.step.name()),
        "reason": failure.map(|failure| &failure.reason),
        "proven": verification.proven.as_deref().map(proven_json),
    })
}

fn proven_json(proven: &Proven) -> Value {
    let Proven { stub, checkpoint, members, .. } = proven;
    let [accepted_at, no_later_than] = window(proven);
    let flags: Vec<_> = stub.verdict.flags().map(|flag| flag.code()).collect();
    json!({
        "origin": checkpoint.origin,
        "suite": checkpoint.suite.name(),
        "leaf": proven.index.0,
        "size": checkpoint.size.0,
        "kind": kind_name(stub.kind),
        "flags": flags,
        "verdict_bits": stub.verdict.0,
        "submitter": proven.submitter,
        "record_digest": proven.record_digest.to_string(),
        "body_withheld": proven.body_withheld,
        "cosigned_by": proven.cosigned.times.iter().map(|(bureau, _)| bureau.0).collect::<Vec<_>>(),
        "cosigners_needed": members.q,
        "liars_withstood": members.f,
        "accepted_at": accepted_at,
        "existed_no_later_than": no_later_than,
    })
}
