//! Names of the evidence files.

use std::fmt;
use std::path::{Path, PathBuf};

use muniment_core::RetentionClass;

/// Rows of one stub, address or tree file.
pub const ROWS_PER_FILE: u64 = 1 << 20;

/// One of the files below `ledger/`. `CURRENT` and the world dumps differ by node and are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerFile {
    /// Segment of one retention class's records.
    Records(RetentionClass, u32),
    /// Segment of the admissions.
    Admissions(u32),
    /// Where the records and admissions of 2^20 leaves lie.
    Addresses(u32),
    /// Stubs of 2^20 leaves.
    Stubs(u32),
    /// 2^20 hashes of one level.
    Tree(u8, u32),
    /// Segment of the checkpoints; not compared between nodes.
    Checkpoints(u32),
}

impl LedgerFile {
    /// Path below `ledger/`.
    #[must_use]
    pub fn relative(self) -> String {
        self.to_string()
    }

    /// Path of the file in a ledger directory.
    #[must_use]
    pub fn path(self, ledger_dir: &Path) -> PathBuf {
        ledger_dir.join(self.relative())
    }

    /// The file of a path below `ledger/`.
    #[must_use]
    pub fn parse(relative: &str) -> Option<Self> {
        let (dir, number) = relative.rsplit_once('/')?;
        let number: u32 = number.parse().ok()?;
        let file = match dir {
            "admissions" => Self::Admissions(number),
            "addresses" => Self::Addresses(number),
            "stubs" => Self::Stubs(number),
            "checkpoints" => Self::Checkpoints(number),
            _ => match dir.split_once('/')? {
                ("tree", level) => Self::Tree(level.parse().ok()?, number),
                ("records", class) => {
                    let class = RetentionClass::ALL.into_iter().find(|known| known.directory() == class)?;
                    Self::Records(class, number)
                }
                _ => return None,
            },
        };
        // One name per file: no second spelling of a number.
        (file.relative() == relative).then_some(file)
    }

    /// Whether all nodes must hold the same bytes.
    #[must_use]
    pub const fn is_common(self) -> bool {
        !matches!(self, Self::Checkpoints(_))
    }
}

impl fmt::Display for LedgerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(class, segment) => write!(f, "records/{}/{segment:08}", class.directory()),
            Self::Admissions(segment) => write!(f, "admissions/{segment:08}"),
            Self::Addresses(number) => write!(f, "addresses/{number:04}"),
            Self::Stubs(number) => write!(f, "stubs/{number:04}"),
            Self::Tree(level, number) => write!(f, "tree/{level:02}/{number:04}"),
            Self::Checkpoints(segment) => write!(f, "checkpoints/{segment:08}"),
        }
    }
}

/// Directories that a ledger has from the start.
pub(crate) fn directories() -> Vec<String> {
    let fixed = ["admissions", "addresses", "stubs", "tree", "checkpoints", "world", "records"];
    let classes = RetentionClass::ALL.into_iter().map(|class| format!("records/{}", class.directory()));
    fixed.into_iter().map(str::to_owned).chain(classes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_no_other_spelling_is() {
        let files = [
            LedgerFile::Records(RetentionClass::SixMonths, 7),
            LedgerFile::Admissions(0),
            LedgerFile::Addresses(10_000),
            LedgerFile::Stubs(3),
            LedgerFile::Tree(20, 1),
            LedgerFile::Checkpoints(2),
        ];
        for file in files {
            assert_eq!(LedgerFile::parse(&file.relative()), Some(file));
        }
        for name in ["stubs/00003", "stubs/3", "stubs/+003", "tree/1/0000", "records/2y/00000000", "x"] {
            assert_eq!(LedgerFile::parse(name), None, "{name}");
        }
    }
}
