//! The client: cheap to clone, one set of connections and one pin for all clones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::trust::{TRUST_BYTES_MAX, TrustFile};
use muniment_core::{BureauNumber, Reason, UnixMillis};
use muniment_proto::bounds::ANSWER_BYTES_MAX;
use muniment_proto::header::Header;
use muniment_proto::proof::ConsistencyProof;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use muniment_proto::{FieldError, metadata, v1};
use tokio::sync::Mutex;
use tonic::transport::Channel;

use crate::call::{Answered, Caller, Purpose};
use crate::error::Error;
use crate::evidence::EvidenceError;
use crate::options::{Options, OptionsError};
use crate::pin::Pins;
use crate::prepared::now;
use crate::tls::Dialler;
use crate::verifier::{Verifier, forked, rolled_back};

/// How far a clock may be off before request ids follow the ledger's time instead: well below the window of two minutes.
const CLOCK_TOLERANCE_MS: u64 = 30_000;

/// What a checkpoint came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A receipt: an older one is as good, and those that were met before are not asked about again.
    Receipt,
    /// The question for the newest: an older one may be all that is left after a rollback.
    Newest,
}

/// A client of one ledger.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    caller: Caller,
    verifier: Verifier,
    pins: Pins,
    /// One checkpoint is compared with the pin at a time.
    turn: Mutex<()>,
    bureau: Option<BureauNumber>,
    state_dir: Option<PathBuf>,
    clock_offset_ms: AtomicI64,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members: Vec<&str> =
            self.inner.caller.members.iter().map(|member| member.address.as_str()).collect();
        f.debug_struct("Client").field("ledger", &self.trust().ledger_id).field("members", &members).finish()
    }
}

impl Client {
    /// Reads certificate, key, authorities and trust file. Connects to nobody yet.
    ///
    /// # Errors
    /// [`OptionsError`] names the file or the option.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        if options.endpoints.is_empty() {
            return Err(OptionsError::NoEndpoint);
        }
        for endpoint in &options.endpoints {
            let is_address = endpoint.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if !is_address {
                return Err(OptionsError::Endpoint(endpoint.clone()));
            }
        }
        let dialler = Dialler::new(options)?;
        let trust = read_trust(options)?;
        let pins = Pins::new(options.state_dir.as_deref(), &trust.ledger_id);
        let caller = Caller::new(options.endpoints.clone(), dialler, options.deadline, options.retry);
        Ok(Self {
            inner: Arc::new(Inner {
                caller,
                verifier: Verifier::new(trust),
                pins,
                turn: Mutex::new(()),
                bureau: options.bureau,
                state_dir: options.state_dir.clone(),
                clock_offset_ms: AtomicI64::new(0),
            }),
        })
    }

    /// The trust file in use.
    #[must_use]
    pub fn trust(&self) -> &TrustFile {
        self.inner.verifier.trust()
    }

    /// The bureau in whose name records are submitted that name no submitter.
    #[must_use]
    pub fn bureau(&self) -> Option<BureauNumber> {
        self.inner.bureau
    }

    /// Where this client keeps what must outlive it.
    #[must_use]
    pub fn state_dir(&self) -> Option<&Path> {
        self.inner.state_dir.as_deref()
    }

    /// The last verified checkpoint of the ledger, from the state directory or this process.
    ///
    /// # Errors
    /// [`Error::State`] if the pin can't be read or does not verify.
    pub fn pinned(&self) -> Result<Option<Checkpoint>, Error> {
        let verify = |checkpoint: &Checkpoint| {
            self.inner.verifier.checkpoint(checkpoint).map_err(|error| error.to_string())
        };
        Ok(self.inner.pins.load(verify)?)
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.inner.verifier
    }

    pub(crate) fn clock_offset_ms(&self) -> i64 {
        self.inner.clock_offset_ms.load(Ordering::Relaxed)
    }

    /// Follows the ledger's time where this machine's is far from it.
    pub(crate) fn follow_clock(&self, ledger_time: UnixMillis) {
        let now = now();
        let offset = if now.0.abs_diff(ledger_time.0) > CLOCK_TOLERANCE_MS {
            i64::try_from(i128::from(ledger_time.0) - i128::from(now.0)).unwrap_or(0)
        } else {
            0
        };
        self.inner.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// Checks an answer's header, and follows its hint.
    pub(crate) fn header(
        &self,
        call: &'static str,
        endpoint: &str,
        header: Option<v1::ResponseHeader>,
    ) -> Result<Header, Error> {
        let header = Header::try_from(header).map_err(|fault| broken(call, endpoint, fault))?;
        self.verifier().header(&header).map_err(|fault| Error::evidence(call, endpoint, fault))?;
        if let Some(leader) = &header.leader {
            self.caller().hint(&leader.client_address);
        }
        Ok(header)
    }

    /// Takes in a checkpoint: verifies it, proves it consistent with the pin, and pins it if it is newer. Answers the newest.
    pub(crate) async fn take(
        &self,
        call: &'static str,
        endpoint: &str,
        offered: Checkpoint,
        asked: Asked,
    ) -> Result<Checkpoint, Error> {
        let pins = &self.inner.pins;
        let known = || {
            let newest = pins.newest()?;
            let is_known =
                newest.body == offered.body || (asked == Asked::Receipt && pins.has_met(&offered.body));
            is_known.then_some(newest)
        };
        if let Some(newest) = known() {
            return Ok(newest);
        }
        let _turn = self.inner.turn.lock().await;
        if let Some(newest) = known() {
            return Ok(newest);
        }
        let newest = self.take_in(call, endpoint, &offered).await?;
        pins.meet(&offered.body);
        Ok(newest)
    }

    /// [`Self::take`] of a checkpoint that was not met before, one at a time.
    async fn take_in(
        &self,
        call: &'static str,
        endpoint: &str,
        offered: &Checkpoint,
    ) -> Result<Checkpoint, Error> {
        let fault = |fault| Error::evidence(call, endpoint, fault);
        self.verifier().checkpoint(offered).map_err(fault)?;
        let pins = &self.inner.pins;
        loop {
            let pinned = self.pinned()?;
            let Some(pinned) = pinned else {
                if pins.replace(None, offered)? {
                    return Ok(offered.clone());
                }
                continue;
            };
            let (old, new) = (&pinned.body, &offered.body);
            if new.size == old.size {
                if new.root != old.root || new.index_root != old.index_root {
                    return Err(fault(forked(old, new, "both have the same size".to_owned())));
                }
                pins.note(&pinned);
                return Ok(pinned);
            }
            if new.size < old.size {
                self.prove(old, new, old).await?;
                pins.note(&pinned);
                return Ok(pinned);
            }
            self.prove(old, old, new).await?;
            if pins.replace(Some(&pinned), offered)? {
                return Ok(offered.clone());
            }
        }
    }

    /// Proves that the tree of `newer` begins with that of `older`; one of the two is `pinned`.
    async fn prove(
        &self,
        pinned: &CheckpointBody,
        older: &CheckpointBody,
        newer: &CheckpointBody,
    ) -> Result<(), Error> {
        const CALL: &str = "GetConsistencyProof";
        if older.size.0 == 0 {
            return Ok(());
        }
        let offered = if pinned == newer { older } else { newer };
        // A proof that does not hold may be one member's fault: another one is asked before it counts as a fork.
        let mut why = String::new();
        let mut endpoint = String::new();
        for _ in 0..2 {
            let request = v1::GetConsistencyProofRequest { from_size: older.size.0, to_size: newer.size.0 };
            let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
                ledger.get_consistency_proof(request).await
            });
            let Answered { answer, member } = match answered.await {
                Ok(answered) => answered,
                Err(error) => return Err(self.is_rollback(error, pinned)),
            };
            self.header(CALL, &member.address, answer.header.clone())?;
            let proof =
                ConsistencyProof::try_from(&answer).map_err(|fault| broken(CALL, &member.address, fault))?;
            let of_these = proof.from == older.size && proof.to == newer.size;
            match self.verifier().consistency(older, newer, &proof.path) {
                Ok(()) if of_these => return Ok(()),
                Ok(()) => "the proof is of other sizes".clone_into(&mut why),
                Err(error) => why = error.to_string(),
            }
            endpoint.clone_from(&member.address);
        }
        Err(Error::evidence(CALL, &endpoint, forked(pinned, offered, why)))
    }

    /// A size beyond the tree, of which a cosigned checkpoint exists, is a rollback; any other error is itself.
    pub(crate) fn is_rollback(&self, error: Error, pinned: &CheckpointBody) -> Error {
        match error {
            Error::Refused(refusal) if refusal.report.reason == Reason::ResumePointUnavailable => {
                let found = refusal.report.number(metadata::TREE_SIZE);
                Error::evidence(refusal.call, &refusal.endpoint, rolled_back(pinned, found))
            }
            other => other,
        }
    }

    /// Asks whether the tree still has as many leaves as the pin says.
    pub(crate) async fn insist_on_pin(&self) -> Result<(), Error> {
        match self.pinned()? {
            Some(pinned) => self.prove(&pinned.body, &pinned.body, &pinned.body).await,
            None => Ok(()),
        }
    }

    /// Calls the ledger's service.
    pub(crate) async fn call<R, T, F, Fut>(
        &self,
        name: &'static str,
        purpose: Purpose,
        request: R,
        send: F,
    ) -> Result<Answered<T>, Error>
    where
        R: Clone,
        F: Fn(LedgerServiceClient<Channel>, tonic::Request<R>) -> Fut,
        Fut: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        self.caller().call(name, purpose, request, |channel, request| send(ledger(channel), request)).await
    }
}

/// The ledger's service on a connection.
pub(crate) fn ledger(channel: Channel) -> LedgerServiceClient<Channel> {
    LedgerServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// An answer that breaks the schema.
pub(crate) fn broken(call: &'static str, endpoint: &str, fault: FieldError) -> Error {
    Error::Answer { call, endpoint: endpoint.to_owned(), fault }
}

/// Evidence that does not hold.
pub(crate) fn refuted(call: &'static str, endpoint: &str, fault: EvidenceError) -> Error {
    Error::evidence(call, endpoint, fault)
}

fn read_trust(options: &Options) -> Result<TrustFile, OptionsError> {
    let file = &options.trust_file;
    let fault = |reason: String| OptionsError::File { file: file.clone(), reason };
    let length = std::fs::metadata(file).map_err(|error| fault(error.to_string()))?.len();
    if length > TRUST_BYTES_MAX as u64 {
        return Err(fault(format!("has {length} bytes: it is no trust file")));
    }
    let bytes = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
    TrustFile::from_json(&bytes).map_err(|source| OptionsError::Trust { file: file.clone(), source })
}
