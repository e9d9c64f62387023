//! `ABORTED`: the log entry at which applying ended a node's last lives, so that it does not end every life to come.

use std::path::Path;

use muniment_core::LogIndex;

use crate::data_dir::DataDir;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::replace::{exists, read_file, replace_file};

/// Name of the file below the data directory.
const FILE: &str = "ABORTED";
/// First line of the file.
const TITLE: &str = "muniment/v1/aborted";

/// How often applying one entry ended the node, one time after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aborts {
    /// The entry.
    pub log_index: LogIndex,
    /// How often, at least 1.
    pub count: u32,
    /// The build that did: another build may fare better.
    pub build: String,
}

impl Aborts {
    /// What the directory holds; none if the file is absent or says nothing readable: it is advice, no evidence.
    fn load(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, StorageError> {
        if !exists(disk, path)? {
            return Ok(None);
        }
        let text = String::from_utf8(read_file(disk, path)?).unwrap_or_default();
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (title, log_index, count, build) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        if title != TITLE || lines.next().is_some() {
            return None;
        }
        let (log_index, count) = (LogIndex(log_index.parse().ok()?), count.parse().ok()?);
        Some(Self { log_index, count, build: build.to_owned() })
    }

    fn text(&self) -> String {
        format!("{TITLE}\n{}\n{}\n{}\n", self.log_index.0, self.count, self.build)
    }
}

impl DataDir {
    /// At which entry applying ended this build's last lives, and how often.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn aborts(&self, build: &str) -> Result<Option<Aborts>, StorageError> {
        let found = Aborts::load(&*self.disk(), &self.path().join(FILE))?;
        Ok(found.filter(|aborts| aborts.build == build))
    }

    /// Notes that applying the entry ends the node. Durable on return.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn note_abort(&self, log_index: LogIndex, build: &str) -> Result<Aborts, StorageError> {
        let before = self.aborts(build)?.filter(|aborts| aborts.log_index == log_index);
        let count = before.map_or(0, |aborts| aborts.count).saturating_add(1);
        let aborts = Aborts { log_index, count, build: build.to_owned() };
        replace_file(&*self.disk(), &self.path().join(FILE), aborts.text().as_bytes())?;
        Ok(aborts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_text_is_read() {
        let aborts = Aborts { log_index: LogIndex(7), count: 2, build: "0.1.0".to_owned() };
        let text = aborts.text();
        assert_eq!(Aborts::parse(&text), Some(aborts));
        for end in 0..text.len() {
            assert_eq!(Aborts::parse(&text[..end]), None, "cut at {end}");
        }
        assert_eq!(Aborts::parse(&format!("{text}\n")), None);
    }
}
