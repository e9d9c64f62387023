//! Which CA speaks for which bureau, and whether a chain holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use muniment_core::BureauNumber;
use muniment_core::founding::Founding;
use rustls::crypto::CryptoProvider;
use rustls::{DistinguishedName, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use webpki::{
    EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};
use x509_parser::parse_x509_certificate;

use super::config::provider;
use super::guard::{Bearer, Guard, OpenConnections};
use super::identity::{Identity, IdentityError, Role, SpiffeId};
use super::revocation::{RevocationError, RevocationErrors, RevocationLists};

/// One bureau's part of a [`Trust`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BureauTrust {
    /// The bureau.
    pub bureau: BureauNumber,
    /// Its trust domain.
    pub trust_domain: String,
    /// Its CA certificate, DER.
    pub ca_certificate: Vec<u8>,
    /// Files of revocation lists, PEM (several in a file) or DER (one). None: nothing of this bureau is revoked.
    pub revocation_files: Vec<PathBuf>,
}

/// What a certificate is used for: the extended key usage that it must allow, if it limits any (RFC 5280 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its bearer accepted the connection.
    Server,
    /// Its bearer opened the connection.
    Client,
}

/// Whom this process believes: trust domain to CA, revocation lists, and the connections that stand on them.
pub struct Trust {
    bureaus: BTreeMap<String, Bureau>,
    provider: Arc<CryptoProvider>,
    open: OpenConnections,
    /// Held while lists are read and put in place, so that an older reload can't overtake a newer one.
    reload: Mutex<()>,
}

struct Bureau {
    number: BureauNumber,
    roots: RootCertStore,
    ca_certificate: Vec<u8>,
    revocation_files: Vec<PathBuf>,
    revocations: ArcSwap<RevocationLists>,
}

/// Why no [`Trust`] can be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrustError {
    /// A CA certificate can't be one.
    #[error("CA certificate of trust domain {trust_domain}: {reason}")]
    CaCertificate {
        /// Whose.
        trust_domain: String,
        /// What is wrong.
        reason: String,
    },
    /// Two bureaus share a trust domain or a CA's key, so that one could speak for the other.
    #[error("trust domains {0} and {1} are not apart: one domain, or one CA key")]
    Shared(String, String),
    /// A file of revocation lists.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
}

/// Why a certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// None was presented.
    #[error("no certificate was presented")]
    NoCertificate,
    /// It names nobody of this ledger.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its chain does not hold under its own bureau's CA.
    #[error("the certificate of {id} does not hold under its bureau's CA: {error}")]
    Chain {
        /// Whom it names.
        id: SpiffeId,
        /// webpki's word for it.
        error: webpki::Error,
    },
    /// A bearer of this role has no business on this port.
    #[error("{id} is refused on this port, because it is a {}", .id.role)]
    Role {
        /// Whom it names.
        id: SpiffeId,
    },
    /// Another node answered than the one that was called.
    #[error("{found} answered, not {expected}")]
    OtherNode {
        /// Who was called.
        expected: SpiffeId,
        /// Who answered.
        found: SpiffeId,
    },
}

impl Trust {
    /// Reads every CA certificate and every file of revocation lists.
    ///
    /// # Errors
    /// [`TrustError`] names the trust domain or the file.
    pub fn new(bureaus: Vec<BureauTrust>) -> Result<Arc<Self>, TrustError> {
        let mut by_domain = BTreeMap::new();
        let mut ca_keys: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for bureau in bureaus {
            let trust_domain = bureau.trust_domain.clone();
            let (bureau, ca_key) = Bureau::open(bureau)?;
            if let Some(other) = ca_keys.insert(ca_key, trust_domain.clone()) {
                return Err(TrustError::Shared(other, trust_domain));
            }
            if by_domain.insert(trust_domain.clone(), bureau).is_some() {
                return Err(TrustError::Shared(trust_domain.clone(), trust_domain));
            }
        }
        let (provider, open, reload) = (provider(), OpenConnections::default(), Mutex::new(()));
        Ok(Arc::new(Self { bureaus: by_domain, provider, open, reload }))
    }

    /// The founders of a ledger; `revocation_files` by bureau.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub fn of_founding(
        founding: &Founding,
        revocation_files: &BTreeMap<BureauNumber, Vec<PathBuf>>,
    ) -> Result<Arc<Self>, TrustError> {
        let bureaus = founding.founders.iter().map(|founder| BureauTrust {
            bureau: founder.number,
            trust_domain: founder.contact.trust_domain.clone(),
            ca_certificate: founder.contact.ca_certificate.clone(),
            revocation_files: revocation_files.get(&founder.number).cloned().unwrap_or_default(),
        });
        Self::new(bureaus.collect())
    }

    /// The trust domain of a bureau.
    #[must_use]
    pub fn trust_domain(&self, bureau: BureauNumber) -> Option<&str> {
        let found = self.bureaus.iter().find(|(_, candidate)| candidate.number == bureau);
        found.map(|(trust_domain, _)| trust_domain.as_str())
    }

    /// Verifies a chain, leaf first, at time `now`: its one URI names a bearer in a known trust domain, and it holds
    /// under that domain's CA alone, unexpired, fit for `purpose`, not revoked (RFC 5280 6).
    ///
    /// Where a bureau has revocation lists, they must cover each certificate of the chain and be in date themselves.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Identity, Refusal> {
        let (leaf, intermediates) = chain.split_first().ok_or(Refusal::NoCertificate)?;
        let id = SpiffeId::of_certificate(leaf)?;
        let unknown = || IdentityError::UnknownTrustDomain(id.trust_domain.clone());
        let bureau = self.bureaus.get(&id.trust_domain).ok_or_else(unknown)?;
        let verified = self.verify_under(bureau, leaf, intermediates, purpose, now);
        match verified {
            Ok(()) => Ok(Identity::new(bureau.number, id, leaf)),
            Err(error) => Err(Refusal::Chain { id, error }),
        }
    }

    fn verify_under(
        &self,
        bureau: &Bureau,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let revocations = bureau.revocations.load();
        let lists: Vec<_> = revocations.lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let usage = match purpose {
            Purpose::Server => KeyUsage::server_auth(),
            Purpose::Client => KeyUsage::client_auth(),
        };
        // Not rustls' own verifiers: the server's wants a host name in the certificate, and both hide the lists that a
        // reload must check again.
        let leaf = EndEntityCert::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        leaf.verify_for_usage(algorithms, &bureau.roots.roots, intermediates, now, usage, revocation, None)?;
        Ok(())
    }

    /// Ties a connection that was just opened to its certificates, and says who is at the other end.
    ///
    /// # Errors
    /// [`Refusal`]: the lists changed since the handshake.
    pub fn enter(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
    ) -> Result<(Identity, Guard), Refusal> {
        // Entered before it is verified: a reload in between either is seen here, or sees the guard.
        let owned = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let guard = self.open.enter(owned, purpose);
        Ok((self.verify(chain, purpose, UnixTime::now())?, guard))
    }

    /// Ties a connection without a certificate, so that it can be cut.
    pub(super) fn enter_anonymous(&self) -> Guard {
        self.open.enter(Vec::new(), Purpose::Client)
    }

    /// Cuts every open connection, accepted or dialled, whose certificate has expired by `now`; answers how many. Costs a
    /// comparison a connection; accept loops call it once a second.
    pub fn cut_expired(&self, now: UnixTime) -> usize {
        let due = self.open.bearers().into_iter().filter(|bearer| bearer.has_news(now));
        due.filter(|bearer| self.cut_unless_valid(bearer, now)).count()
    }

    fn cut_unless_valid(&self, bearer: &Bearer, now: UnixTime) -> bool {
        let Err(refusal) = self.verify(&bearer.chain, bearer.purpose, now) else { return false };
        tracing::warn!(%refusal, "cut an open connection");
        bearer.cut()
    }

    /// Reads the revocation files again and cuts every open connection whose certificate no longer holds; answers how
    /// many. Reads files and takes about 0.2 ms a connection: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`RevocationErrors`] names each file that is not used. That bureau keeps its old lists; those of the others are in
    /// force, and connections were cut by them.
    pub fn reload_revocations(&self) -> Result<usize, RevocationErrors> {
        let _one_at_a_time = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        for bureau in self.bureaus.values() {
            match bureau.load_revocations() {
                Ok(lists) => bureau.revocations.store(Arc::new(lists)),
                Err(fault) => faults.push(fault),
            }
        }
        let now = UnixTime::now();
        let named = self.open.bearers().into_iter().filter(|bearer| !bearer.chain.is_empty());
        let cut = named.filter(|bearer| self.cut_unless_valid(bearer, now)).count();
        if faults.is_empty() { Ok(cut) } else { Err(RevocationErrors(faults)) }
    }

    /// All files of revocation lists.
    pub(super) fn revocation_files(&self) -> Vec<PathBuf> {
        self.bureaus.values().flat_map(|bureau| &bureau.revocation_files).cloned().collect()
    }

    /// The names of all CAs: a hint for clients that have several certificates.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        self.bureaus.values().flat_map(|bureau| bureau.roots.subjects()).collect()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domains = self.bureaus.iter().map(|(domain, bureau)| (domain, bureau.number));
        f.debug_map().entries(domains).finish()
    }
}

impl Bureau {
    /// Answers its CA's public key too.
    fn open(bureau: BureauTrust) -> Result<(Self, Vec<u8>), TrustError> {
        let BureauTrust { bureau: number, trust_domain, ca_certificate, revocation_files } = bureau;
        let fault = |reason| TrustError::CaCertificate { trust_domain: trust_domain.clone(), reason };
        let key = {
            let (_, ca) =
                parse_x509_certificate(&ca_certificate).map_err(|error| fault(error.to_string()))?;
            if !ca.is_ca() {
                return Err(fault("its basic constraints don't make it a CA".to_owned()));
            }
            ca.public_key().raw.to_vec()
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ca_certificate.clone())).map_err(|error| fault(error.to_string()))?;
        let revocations = ArcSwap::from_pointee(RevocationLists::default());
        let bureau = Self { number, roots, ca_certificate, revocation_files, revocations };
        let lists = bureau.load_revocations()?;
        bureau.revocations.store(Arc::new(lists));
        Ok((bureau, key))
    }

    fn load_revocations(&self) -> Result<RevocationLists, RevocationError> {
        let (_, ca) = parse_x509_certificate(&self.ca_certificate).expect("it was parsed when it was opened");
        RevocationLists::load(&self.revocation_files, &ca, &self.revocations.load())
    }
}

impl Refusal {
    /// Refuses a bearer whose role is not among `roles`.
    pub(super) fn unless_role(identity: &Identity, roles: &[Role]) -> Result<(), Self> {
        let admitted = roles.contains(&identity.role);
        if admitted { Ok(()) } else { Err(Self::Role { id: identity.spiffe_id() }) }
    }
}
