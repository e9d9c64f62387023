//! `muniment context`: names for ledgers and ways to call them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::{Connection, OutputFormat, RowsFormat};
use crate::console;
use crate::contexts::{self, Context, ContextAuthority, Contexts};
use crate::exit::{Exit, UsageError};
use crate::rows::{Rows, print_one};

/// Verbs of contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextVerb {
    /// Make a context, or replace what is given of one that is there. The first becomes the current one.
    Set(SetArguments),
    /// Make a context the current one.
    Use(UseArguments),
    /// Print the contexts.
    List(ListArguments),
    /// Print one context, the current one if none is named.
    Show(ShowArguments),
}

/// Arguments of `muniment context set`.
#[derive(Debug, Args)]
pub(crate) struct SetArguments {
    /// The context's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// A member, host:port; may be repeated.
    #[arg(long = "endpoint", value_name = "HOST:PORT")]
    endpoints: Vec<String>,
    /// The caller's certificate chain, PEM.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A bureau's CA, for its trust domain; without a domain, for that of the caller's own certificate. May be repeated.
    #[arg(long = "ca", value_name = "[DOMAIN=]FILE")]
    authorities: Vec<String>,
    /// The trust file, from a source that you trust.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Directory of verified checkpoints.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Number of the bureau in whose name records are submitted.
    #[arg(long, value_name = "NUMBER")]
    bureau: Option<u32>,
}

/// Arguments of `muniment context use`.
#[derive(Debug, Args)]
pub(crate) struct UseArguments {
    /// The context's name.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Arguments of `muniment context list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

/// Arguments of `muniment context show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The context's name.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Runs a verb. Calls no ledger.
pub(crate) fn run(connection: &Connection, verb: ContextVerb) -> anyhow::Result<Exit> {
    let file = contexts::file(connection)?;
    let contexts = Contexts::read(&file)?;
    match verb {
        ContextVerb::Set(arguments) => set(contexts, &file, arguments),
        ContextVerb::Use(arguments) => {
            contexts.chosen(Some(&arguments.name), &file)?;
            Contexts { current: Some(arguments.name), ..contexts }.write(&file)?;
            Ok(Exit::Ok)
        }
        ContextVerb::List(arguments) => list(&contexts, &arguments),
        ContextVerb::Show(arguments) => {
            let name = arguments.name.as_deref().or(connection.context.as_deref());
            let (name, context) = contexts.chosen(name, &file)?;
            show(&name, context, &arguments)
        }
    }
}

fn set(mut contexts: Contexts, file: &Path, arguments: SetArguments) -> anyhow::Result<Exit> {
    let before = contexts.contexts.remove(&arguments.name);
    let missing = |what: &str| UsageError(format!("a new context needs {what}"));
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    // What is given on the command line is relative to where it was typed, not to the file of contexts.
    let given = |path: Option<PathBuf>, before: Option<PathBuf>, what: &str| {
        path.map(absolute).or(before).ok_or_else(|| missing(what))
    };
    let authorities: Vec<ContextAuthority> =
        arguments.authorities.iter().map(|text| authority(text)).collect();
    let old = before.as_ref();
    let list = |new: Vec<String>, old: Option<&Vec<String>>| {
        if new.is_empty() { old.cloned().unwrap_or_default() } else { new }
    };
    let context = Context {
        endpoints: list(arguments.endpoints, old.map(|old| &old.endpoints)),
        certificate: given(arguments.certificate, old.map(|old| old.certificate.clone()), "--certificate")?,
        key: given(arguments.key, old.map(|old| old.key.clone()), "--key")?,
        authorities: if authorities.is_empty() {
            old.map(|old| old.authorities.clone()).unwrap_or_default()
        } else {
            authorities
        },
        trust: given(arguments.trust, old.map(|old| old.trust.clone()), "--trust")?,
        state: arguments.state.map(absolute).or_else(|| old.and_then(|old| old.state.clone())),
        bureau: arguments.bureau.or_else(|| old.and_then(|old| old.bureau)),
    };
    if context.endpoints.is_empty() {
        return Err(missing("--endpoint").into());
    }
    if context.authorities.is_empty() {
        return Err(missing("--ca").into());
    }
    contexts.current.get_or_insert_with(|| arguments.name.clone());
    contexts.contexts.insert(arguments.name, context);
    contexts.write(file)?;
    console::note(format_args!("wrote {}", file.display()))?;
    Ok(Exit::Ok)
}

fn authority(text: &str) -> ContextAuthority {
    let (trust_domain, ca) = match text.split_once('=') {
        Some((domain, file)) => (Some(domain.to_owned()), file),
        None => (None, text),
    };
    let ca = std::path::absolute(ca).unwrap_or_else(|_| PathBuf::from(ca));
    ContextAuthority { trust_domain, ca }
}

fn list(contexts: &Contexts, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let mut rows = Rows::new(&["current", "name", "endpoints", "bureau"]);
    for (name, context) in &contexts.contexts {
        let is_current = contexts.current.as_ref() == Some(name);
        let mark = if is_current { "*" } else { "" };
        let bureau = context.bureau.map_or_else(String::new, |bureau| bureau.to_string());
        rows.push(
            vec![mark.to_owned(), name.clone(), context.endpoints.join(" "), bureau],
            json!({"name": name, "current": is_current, "context": context}),
        );
    }
    rows.print(arguments.output)?;
    Ok(Exit::Ok)
}

fn show(name: &str, context: &Context, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let shown = |path: &Path| path.display().to_string();
    let mut lines = vec![
        ("name", name.to_owned()),
        ("endpoints", context.endpoints.join(" ")),
        ("certificate", shown(&context.certificate)),
        ("key", shown(&context.key)),
        ("trust", shown(&context.trust)),
    ];
    for authority in &context.authorities {
        let domain = authority.trust_domain.as_deref().unwrap_or("own trust domain");
        lines.push(("authority", format!("{domain}: {}", shown(&authority.ca))));
    }
    if let Some(bureau) = context.bureau {
        lines.push(("bureau", bureau.to_string()));
    }
    print_one(arguments.output, &lines, &json!({"name": name, "context": context}))?;
    Ok(Exit::Ok)
}
