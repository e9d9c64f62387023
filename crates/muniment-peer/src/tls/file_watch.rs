//! Certificates, keys and revocation lists that change on disk are used without anybody saying so.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::credentials::Credentials;
use super::trust::Trust;

/// Between two looks at the files: a list that revokes somebody is in force, and has cut open connections, within 5 s (S6).
const LOOK: Duration = Duration::from_secs(2);
/// Readings after each change: the second one is for bytes that were written in the same tick of the file system's clock as
/// those that were read.
const READINGS: u32 = 2;

/// Looks at the files until it is dropped.
#[derive(Debug)]
pub struct FileWatch(JoinHandle<()>);

/// What tells one state of a file from the next, behind symbolic links: device, inode, size, and when it was modified and
/// changed, in seconds and nanoseconds. None while it can't be seen.
type Seen = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// What is read again together.
#[derive(Clone)]
enum Source {
    Credentials(Arc<Credentials>),
    Revocations(Arc<Trust>),
}

/// One source, and how its files looked last.
struct Watched {
    source: Source,
    files: Vec<PathBuf>,
    seen: Vec<Seen>,
    readings: u32,
    /// The last failure, told once.
    fault: Option<String>,
}

impl FileWatch {
    /// Begins to look every 2 s. Needs a tokio runtime; files are read where blocking is allowed.
    #[must_use]
    pub fn start(trust: &Arc<Trust>, credentials: &[Arc<Credentials>]) -> Self {
        let shown = credentials.iter().cloned().map(Source::Credentials);
        let sources = shown.chain([Source::Revocations(Arc::clone(trust))]);
        let watched = sources.map(Watched::new).collect();
        Self(tokio::spawn(Self::run(watched)))
    }

    async fn run(mut watched: Vec<Watched>) {
        loop {
            sleep(LOOK).await;
            let looked = tokio::task::spawn_blocking(move || {
                watched.iter_mut().for_each(Watched::look);
                watched
            });
            watched = match looked.await {
                Ok(watched) => watched,
                // The runtime ends.
                Err(error) if error.is_cancelled() => return,
                Err(error) => {
                    tracing::error!(%error, "changed certificates are read on SIGHUP only from now on");
                    return;
                }
            };
        }
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watched {
    fn new(source: Source) -> Self {
        let files = source.files();
        let seen = files.iter().map(|file| see(file)).collect();
        // What was read before this look may have been changed since.
        Self { source, files, seen, readings: 1, fault: None }
    }

    fn look(&mut self) {
        // Seen before it is read: what changes in between is seen again.
        let seen: Vec<Seen> = self.files.iter().map(|file| see(file)).collect();
        let has_changed = seen != self.seen;
        if has_changed {
            (self.seen, self.readings) = (seen, READINGS);
        }
        if self.readings == 0 {
            return;
        }
        self.readings -= 1;
        let what = self.source.what();
        match self.source.read_again() {
            Ok(cut) => {
                let had_fault = self.fault.take().is_some();
                if has_changed || had_fault {
                    tracing::info!(what, cut, "files changed, and were read again");
                }
            }
            Err(fault) => {
                if self.fault.as_ref() != Some(&fault) {
                    tracing::error!(what, fault, "files changed, and can't be used: what is in use stays");
                }
                self.fault = Some(fault);
            }
        }
    }
}

impl Source {
    const fn what(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "certificate and key",
            Self::Revocations(_) => "revocation lists",
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Credentials(credentials) => {
                let (certificate, key) = credentials.files();
                vec![certificate.to_owned(), key.to_owned()]
            }
            Self::Revocations(trust) => trust.revocation_files(),
        }
    }

    /// Answers how many connections were cut by what is new.
    fn read_again(&self) -> Result<usize, String> {
        match self {
            Self::Credentials(credentials) => {
                credentials.reload().map(|()| 0).map_err(|error| error.to_string())
            }
            Self::Revocations(trust) => trust.reload_revocations().map_err(|error| error.to_string()),
        }
    }
}

fn see(file: &Path) -> Seen {
    let of = std::fs::metadata(file).ok()?;
    Some((of.dev(), of.ino(), of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()))
}
