//! Names: as synced, as seen, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use muniment_store::disk::DirEntry;

use crate::random::Random;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    /// By the file's number.
    File(u64),
}

type Table = BTreeMap<PathBuf, Node>;

/// The name space of a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    durable: Table,
    visible: Table,
    /// What was done since the directories concerned were synced, in order.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Insert(PathBuf, Node),
    Remove(PathBuf),
    /// Atomic, as in a journal: never both names lost.
    Rename(PathBuf, PathBuf),
}

impl Names {
    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.visible.get(path) {
            Some(Node::File(id)) => Ok(*id),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn insist_on_dir(&self, path: &Path) -> io::Result<()> {
        match self.visible.get(path) {
            Some(Node::Dir) => Ok(()),
            _ if is_root(path) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn insert(&mut self, path: &Path, node: Node) -> io::Result<()> {
        self.insist_on_dir(path.parent().unwrap_or(Path::new("/")))?;
        self.change(Change::Insert(path.to_owned(), node));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.change(Change::Remove(path.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.visible.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.visible.get(to) == Some(&Node::Dir) && !self.list(to)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// The directories of `path` that are not there, outermost first.
    pub(super) fn missing_dirs(&self, path: &Path) -> Vec<PathBuf> {
        let missing = |dir: &&Path| !is_root(dir) && !self.visible.contains_key(*dir);
        let mut dirs: Vec<PathBuf> = path.ancestors().take_while(missing).map(Path::to_owned).collect();
        dirs.reverse();
        dirs
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.insist_on_dir(path)?;
        let inside = self.visible.iter().filter(|(name, _)| name.parent() == Some(path));
        Ok(inside
            .filter_map(|(name, node)| {
                let name = name.file_name()?.to_str()?.to_owned();
                Some(DirEntry { name, is_dir: *node == Node::Dir })
            })
            .collect())
    }

    /// Numbers of all files that have a name.
    pub(super) fn files(&self) -> BTreeSet<u64> {
        let file = |node: &Node| if let Node::File(id) = node { Some(*id) } else { None };
        self.visible.values().filter_map(file).collect()
    }

    /// Numbers of the files below `dir`.
    pub(super) fn files_below(&self, dir: &Path) -> BTreeSet<u64> {
        let below = self.visible.iter().filter(|(name, _)| name.starts_with(dir));
        below.filter_map(|(_, node)| if let Node::File(id) = node { Some(*id) } else { None }).collect()
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.insist_on_dir(path)?;
        let (durable, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|change| change.concerns(path));
        durable.iter().for_each(|change| change.apply(&mut self.durable));
        self.pending = kept;
        Ok(())
    }

    /// Keeps each pending change with the given chance; what lies in a lost directory is lost.
    pub(super) fn crash(&mut self, random: &mut Random, kept_percent: u64) {
        for change in std::mem::take(&mut self.pending) {
            if random.chance(kept_percent) {
                change.apply(&mut self.durable);
            }
        }
        let table = self.durable.clone();
        let rooted = |path: &Path| {
            let mut above = path.ancestors().skip(1).take_while(|dir| !is_root(dir));
            above.all(|dir| table.get(dir) == Some(&Node::Dir))
        };
        self.durable.retain(|path, _| rooted(path));
        self.visible.clone_from(&self.durable);
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(change);
    }
}

impl Change {
    fn concerns(&self, dir: &Path) -> bool {
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        match self {
            Self::Insert(path, _) | Self::Remove(path) => inside(path),
            Self::Rename(from, to) => inside(from) || inside(to),
        }
    }

    fn apply(&self, table: &mut Table) {
        match self {
            Self::Insert(path, node) => drop(table.insert(path.clone(), *node)),
            Self::Remove(path) => table.retain(|name, _| !name.starts_with(path)),
            Self::Rename(from, to) => {
                let moved: Vec<(PathBuf, Node)> = table
                    .iter()
                    .filter(|(name, _)| name.starts_with(from))
                    .map(|(name, node)| (name.clone(), *node))
                    .collect();
                for (name, node) in moved {
                    table.remove(&name);
                    let below = name.strip_prefix(from).expect("it was just found below");
                    let name = if below.as_os_str().is_empty() { to.clone() } else { to.join(below) };
                    table.insert(name, node);
                }
            }
        }
    }
}

fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty() || path == Path::new("/")
}
