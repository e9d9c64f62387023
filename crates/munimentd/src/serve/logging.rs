//! The node's log on stderr: text for people, JSON for machines; never record content.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging what is wrong: somebody reads along on a terminal, and members that look for each other are no news.
pub(crate) fn start_quietly() {
    start_with(LogFormat::Text, "error");
}

/// Starts logging; `RUST_LOG` says what, else everything from INFO on.
pub(crate) fn start(format: LogFormat) {
    start_with(format, "info");
}

fn start_with(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Colours are for a terminal; in a file they are noise.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Somebody else logs already: a test that runs two nodes in one process.
    started.unwrap_or_default();
}
