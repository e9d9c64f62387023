//! What the demo says, each line with its time: as it happens for people, or as one JSON document at the end.

use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::json;

use crate::console;

/// Says, and keeps what was said.
pub(crate) struct Narrator {
    is_json: bool,
    begun: Instant,
    scenes: Vec<Played>,
    ending: Option<Played>,
    now: Option<(Option<usize>, &'static str, Instant, Vec<Said>)>,
    /// The figures of the import as last said.
    figures: Option<serde_json::Value>,
}

/// A scene that was played.
#[derive(Debug, Serialize)]
struct Played {
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<usize>,
    title: &'static str,
    ok: bool,
    elapsed_ms: u64,
    said: Vec<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A line and when it was said, from the demo's begin.
#[derive(Debug, Serialize)]
struct Said {
    at_ms: u64,
    line: String,
}

impl Narrator {
    /// Begins to count the time.
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, begun: Instant::now(), scenes: Vec::new(), ending: None, now: None, figures: None }
    }

    /// A scene begins; none is the end.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn begin(&mut self, scene: Option<usize>, title: &'static str) -> anyhow::Result<()> {
        self.now = Some((scene, title, Instant::now(), Vec::new()));
        match scene {
            Some(scene) => self.print(format_args!("{scene}  {title}")),
            None => self.print(format_args!("-  {title}")),
        }
    }

    /// Says a line of the scene.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn say(&mut self, line: impl Display) -> anyhow::Result<()> {
        let at_ms = millis(self.begun.elapsed());
        if let Some((_, _, _, said)) = &mut self.now {
            said.push(Said { at_ms, line: line.to_string() });
        }
        self.print(format_args!("   {line}"))
    }

    /// Keeps figures for the JSON document.
    pub(crate) fn keep_figures(&mut self, figures: serde_json::Value) {
        self.figures = Some(figures);
    }

    /// The scene is over.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn end(&mut self, outcome: &anyhow::Result<()>) -> anyhow::Result<()> {
        let (scene, title, begun, said) = self.now.take().context("a scene without a begin")?;
        let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
        let elapsed_ms = millis(begun.elapsed());
        let played = Played { scene, title, ok: error.is_none(), elapsed_ms, said, error };
        match scene {
            Some(_) => self.scenes.push(played),
            None => self.ending = Some(played),
        }
        Ok(())
    }

    /// Prints the document, if one is wanted.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn finish(&self, dir: &Path) -> anyhow::Result<()> {
        if !self.is_json {
            return Ok(());
        }
        let document = json!({
            "ok": self.scenes.iter().chain(&self.ending).all(|played| played.ok),
            "elapsed_ms": millis(self.begun.elapsed()),
            "scenes": self.scenes,
            "ending": self.ending,
            "figures": self.figures,
            "dir": dir,
        });
        let text = serde_json::to_string_pretty(&document).context("describe the demo")?;
        Ok(console::result(text)?)
    }

    fn print(&self, line: impl Display) -> anyhow::Result<()> {
        let line = format!("{:>5.1} s  {line}", self.begun.elapsed().as_secs_f64());
        if self.is_json {
            console::note(line)?
        } else {
            console::result(line)?
        }
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
