//! The members' evidence files side by side, byte by byte.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The families of files that must be equal on every member (`docs/data-format.md`).
pub(crate) const FAMILIES: [&str; 4] = ["records", "admissions", "stubs", "tree"];

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Files compared.
    pub(crate) files: u64,
    /// Bytes of each file, added up.
    pub(crate) bytes: u64,
    /// Differences, the first of each file and member.
    pub(crate) differences: Vec<Difference>,
}

/// The first difference of one file between two members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The file of one member.
    pub(crate) one: PathBuf,
    /// The same file of another.
    pub(crate) other: PathBuf,
    /// Offset of the first byte that differs; `None` where a file is missing.
    pub(crate) offset: Option<u64>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = (self.one.display(), self.other.display());
        match self.offset {
            Some(offset) => write!(f, "{one} and {other} differ from offset {offset} on"),
            None => write!(f, "only one of {one} and {other} exists"),
        }
    }
}

/// Compares every member's files with the first member's.
///
/// # Errors
/// When a file can't be read.
pub(crate) fn compare(ledger_dirs: &[PathBuf]) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::default();
    let mut names = BTreeSet::new();
    for dir in ledger_dirs {
        for family in FAMILIES {
            list_files(dir, Path::new(family), &mut names)?;
        }
    }
    let Some((first, others)) = ledger_dirs.split_first() else { return Ok(comparison) };
    for name in names {
        comparison.files += 1;
        for other in others {
            let (one, other) = (first.join(&name), other.join(&name));
            let difference = match (one.is_file(), other.is_file()) {
                (true, true) => {
                    let (bytes, offset) = first_difference(&one, &other)?;
                    comparison.bytes += bytes;
                    offset.map(|offset| Difference { one, other, offset: Some(offset) })
                }
                (false, false) => None,
                (true, false) | (false, true) => Some(Difference { one, other, offset: None }),
            };
            comparison.differences.extend(difference);
        }
    }
    Ok(comparison)
}

/// Adds the files below a folder, by their path from `dir`.
fn list_files(dir: &Path, folder: &Path, names: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let path = dir.join(folder);
    if !path.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(&path).with_context(|| format!("list {}", path.display()))? {
        let entry = entry.with_context(|| format!("list {}", path.display()))?;
        let name = folder.join(entry.file_name());
        if entry.file_type().with_context(|| format!("look at {}", path.display()))?.is_dir() {
            list_files(dir, &name, names)?;
        } else {
            names.insert(name);
        }
    }
    Ok(())
}

/// Bytes that are equal from the start, and the offset where they are no longer.
fn first_difference(one: &Path, other: &Path) -> anyhow::Result<(u64, Option<u64>)> {
    let open = |path: &Path| {
        File::open(path).map(BufReader::new).with_context(|| format!("open {}", path.display()))
    };
    let (mut left, mut right) = (open(one)?.bytes(), open(other)?.bytes());
    let mut offset = 0;
    loop {
        let left = left.next().transpose().with_context(|| format!("read {}", one.display()))?;
        let right = right.next().transpose().with_context(|| format!("read {}", other.display()))?;
        match (left, right) {
            (None, None) => return Ok((offset, None)),
            (left, right) if left == right => offset += 1,
            _ => return Ok((offset, Some(offset))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_and_a_missing_file_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let members: Vec<_> = ["a", "b", "c"].iter().map(|name| dir.path().join(name)).collect();
        for member in &members {
            fs::create_dir_all(member.join("tree/00")).unwrap();
            fs::create_dir_all(member.join("addresses")).unwrap();
            fs::write(member.join("tree/00/0000"), [7; 100]).unwrap();
            fs::write(member.join("addresses/0000"), member.to_string_lossy().as_bytes()).unwrap();
        }
        let equal = compare(&members).unwrap();
        assert_eq!((equal.files, equal.bytes, equal.differences), (1, 200, vec![]));

        let mut bytes = [7; 100];
        bytes[64] = 8;
        fs::write(members[1].join("tree/00/0000"), bytes).unwrap();
        fs::write(members[2].join("tree/00/0001"), b"more").unwrap();
        let found = compare(&members).unwrap().differences;
        let file = |member: usize, name: &str| members[member].join("tree/00").join(name);
        let expected = [
            Difference { one: file(0, "0000"), other: file(1, "0000"), offset: Some(64) },
            Difference { one: file(0, "0001"), other: file(2, "0001"), offset: None },
        ];
        assert_eq!(found, expected);
    }
}
