//! What a client is told.

use std::path::PathBuf;
use std::time::Duration;

use muniment_core::BureauNumber;
use muniment_core::trust::TrustError;
use muniment_proto::bounds::DEADLINE_DEFAULT;
use thiserror::Error;

/// Whom to call, as whom, and whom to believe.
#[derive(Clone, Debug)]
pub struct Options {
    /// Members, `host:port`, at least one. Reads go to each in turn; writes to those of the caller's own bureau, because a
    /// node signs for its own bureau's clients only.
    pub endpoints: Vec<String>,
    /// The caller's certificate and key.
    pub identity: IdentityFiles,
    /// The bureaus whose nodes may answer, at least one.
    pub authorities: Vec<Authority>,
    /// The trust file: the bureaus' cosigning keys, from a source that the caller trusts.
    pub trust_file: PathBuf,
    /// Where the last verified checkpoint of each ledger is kept. Without it, it is forgotten when the process ends, and
    /// the next one can't tell that a ledger was rolled back.
    pub state_dir: Option<PathBuf>,
    /// The bureau in whose name records are submitted that name no submitter.
    pub bureau: Option<BureauNumber>,
    /// How long a call may take, all its retries together; of a stream, how long it may make no progress.
    pub deadline: Duration,
    /// How often and when a call is tried again.
    pub retry: RetryPolicy,
}

/// A certificate chain, leaf first, and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// A bureau's CA. It vouches for names in its own trust domain and in no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The trust domain; none = that of the caller's own certificate.
    pub trust_domain: Option<String>,
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
}

/// How often and when a call is tried again; only for reasons whose row in docs/errors.md says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries, the first one included, from 1; members that can't be reached are passed over within one try.
    pub attempts: u32,
    /// Pause before the second try; each further one is four times as long.
    pub pause_min: Duration,
    /// Longest pause, unless a member asks for a longer one.
    pub pause_max: Duration,
}

/// Why no client can be made of the options.
#[derive(Debug, Error)]
pub enum OptionsError {
    /// No member is named.
    #[error("no endpoint is named: give at least one member's host:port")]
    NoEndpoint,
    /// An endpoint that is no `host:port`.
    #[error("endpoint {0:?} is not host:port")]
    Endpoint(String),
    /// No CA is named.
    #[error("no authority is named: give the CA of at least one bureau whose nodes may answer")]
    NoAuthority,
    /// A file that can't be used.
    #[error("{}: {reason}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and never part of a key.
        reason: String,
    },
    /// A trust file that is none.
    #[error("{}: {source}", .file.display())]
    Trust {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: TrustError,
    },
    /// Two authorities for one trust domain.
    #[error("trust domain {0} has two authorities")]
    TwoAuthorities(String),
    /// The TLS library's fault.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Options {
    /// The options that every caller must give; the others have their defaults.
    #[must_use]
    pub fn new(
        endpoints: Vec<String>,
        identity: IdentityFiles,
        authorities: Vec<Authority>,
        trust_file: PathBuf,
    ) -> Self {
        Self {
            endpoints,
            identity,
            authorities,
            trust_file,
            state_dir: None,
            bureau: None,
            deadline: DEADLINE_DEFAULT,
            retry: RetryPolicy::default(),
        }
    }
}

impl Default for RetryPolicy {
    /// Five tries over about three seconds: longer than a change of leader.
    fn default() -> Self {
        Self { attempts: 5, pause_min: Duration::from_millis(50), pause_max: Duration::from_secs(2) }
    }
}

impl RetryPolicy {
    /// The pause after a round of tries, from 0; between half and all of what the round's number says, so that clients that
    /// failed together don't come back together.
    pub(crate) fn pause(&self, round: u32) -> Duration {
        let whole = self.pause_min.saturating_mul(4_u32.saturating_pow(round)).min(self.pause_max);
        let mut random = [0; 1];
        // Without random numbers the pause is merely less spread.
        let spread = getrandom::fill(&mut random).map_or(128, |()| u32::from(random[0]));
        whole / 2 + whole / 2 * spread / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_are_spread() {
        let retry = RetryPolicy::default();
        for (round, whole) in [(0, 50), (1, 200), (2, 800), (3, 2_000), (40, 2_000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..20 {
                let pause = retry.pause(round);
                assert!(pause >= whole / 2 && pause <= whole, "round {round}: {pause:?}");
            }
        }
        let drawn: std::collections::BTreeSet<Duration> = (0..50).map(|_| retry.pause(3)).collect();
        assert!(drawn.len() > 5, "{drawn:?}");
    }
}
