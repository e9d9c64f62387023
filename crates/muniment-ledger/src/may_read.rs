//! Who may read a record's body: one answer for get, list, watch and evidence.
//!
//! Its submitter; the parties that it names, by itself or through what it refers to; the supervisor under whom it is
//! sealed; auditors and supervisors by their bureaus' roles. Decisions about the ledger itself concern every bureau, and
//! handovers show them to every verifier anyway. All others get stub and proof, which verify all the same.

use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, Kind, LeafIndex, Nature, v1};

use crate::world::WorldView;
use crate::world::entities::{
    Application, Authorisation, Bureau, CatalogueEntry, Dispute, Licence, Matter, Objection,
};
use crate::world::object::{BureauCode, Case, Hold};

/// Scheme of identifiers that name a bureau by its code: founders have codes that are no identifiers.
const BUREAU_SCHEME: &str = "bureau:";

/// Whether the bureau `caller` may read the body of `record`, by the state of `world`. Pure.
#[must_use]
pub fn may_read(record: &v1::Record, caller: BureauNumber, world: &WorldView) -> bool {
    let reader = Reader { caller, world };
    let Some(bureau) = world.get::<Bureau>(&caller) else { return false };
    if record.submitter == caller.0 || record.supervisor == caller.0 || is_overseer(bureau) {
        return true;
    }
    record
        .body
        .as_ref()
        .is_some_and(|body| Kind::of(body).row().nature == Nature::Governance || reader.is_party(body))
}

/// Whether the bureau `caller` may see the state of an authorisation: its parties, auditors and supervisors.
#[must_use]
pub fn may_read_authorisation(
    authorisation: &Authorisation,
    caller: BureauNumber,
    world: &WorldView,
) -> bool {
    let Some(bureau) = world.get::<Bureau>(&caller) else { return false };
    is_overseer(bureau) || Reader { caller, world }.is_party_of(authorisation)
}

/// Whether the bureau has the role of an auditor or a supervisor.
fn is_overseer(bureau: &Bureau) -> bool {
    let oversees = [v1::Role::Supervisor, v1::Role::Auditor].map(|role| u32::try_from(i32::from(role)));
    bureau.roles.iter().any(|role| oversees.contains(&Ok(*role)))
}

/// Who asks, and what is known.
struct Reader<'a> {
    caller: BureauNumber,
    world: &'a WorldView,
}

impl Reader<'_> {
    /// Whether an identifier names the caller.
    fn is_me(&self, identifier: &String) -> bool {
        if identifier.is_empty() {
            return false;
        }
        if self.world.get::<BureauCode>(identifier).is_some_and(|BureauCode(bureau)| *bureau == self.caller) {
            return true;
        }
        let code = identifier.strip_prefix(BUREAU_SCHEME);
        let bureau = self.world.get::<Bureau>(&self.caller);
        code.is_some_and(|code| bureau.is_some_and(|bureau| bureau.code == code))
    }

    /// Whether one of several identifiers names the caller.
    fn am_among(&self, identifiers: &[&String]) -> bool {
        identifiers.iter().any(|identifier| self.is_me(identifier))
    }

    /// Whether the body names the caller as a party, by itself or through what it refers to.
    fn is_party(&self, body: &Body) -> bool {
        match body {
            Body::CataloguePublished(body) => self.is_me(&body.provider),
            Body::CatalogueUpdated(body) => {
                body.entry.as_ref().is_some_and(|entry| self.is_me(&entry.provider))
            }
            Body::CatalogueWithdrawn(body) => self.provides(&body.data_set),
            Body::SharingApplied(body) => {
                self.is_me(&body.applicant) || body.data_sets.iter().any(|data_set| self.provides(data_set))
            }
            Body::ApplicationWithdrawn(body) => self.is_party_of_application(body.application.as_ref()),
            Body::AuthorisationGranted(body) => {
                self.is_party_of_terms(body) || self.is_party_of_application(body.application.as_ref())
            }
            Body::AuthorisationDenied(body) => {
                self.is_me(&body.grantor) || self.is_party_of_application(body.application.as_ref())
            }
            Body::AuthorisationAmended(body) => {
                let terms = body.terms.as_ref();
                terms.is_some_and(|terms| self.is_party_of_terms(terms))
                    || self.is_party_of_leaf(body.authorisation.as_ref())
            }
            Body::AuthorisationSuspended(body) => self.is_party_of_leaf(body.authorisation.as_ref()),
            Body::AuthorisationResumed(body) => self.is_party_of_leaf(body.authorisation.as_ref()),
            Body::AuthorisationRevoked(body) => self.is_party_of_leaf(body.authorisation.as_ref()),
            body => self.is_party_of_fact(body),
        }
    }

    /// As [`Reader::is_party`], for what is reported, for licences and for oversight. Exhaustive, so that a new kind is
    /// decided about and not forgotten.
    fn is_party_of_fact(&self, body: &Body) -> bool {
        let under = |leaf: Option<&v1::Leaf>| self.is_party_of_leaf(leaf);
        match body {
            Body::AccessExecuted(body) => {
                self.am_among(&[&body.provider, &body.consumer]) || under(body.authorisation.as_ref())
            }
            Body::DataDelivered(body) => {
                self.am_among(&[&body.provider, &body.consumer]) || under(body.authorisation.as_ref())
            }
            Body::DeliveryAcknowledged(body) => self.am_among(&[&body.provider, &body.consumer]),
            Body::LicenceIssued(body) => self.is_me(&body.issuer),
            Body::LicenceChanged(body) => self.is_me(&body.issuer),
            Body::LicenceSuspended(body) => self.is_me(&body.issuer),
            Body::LicenceRevoked(body) => self.is_me(&body.issuer),
            Body::LicenceUsed(body) => {
                self.am_among(&[&body.issuer, &body.relying])
                    || self.recorded_licence(&body.licence)
                    || under(body.authorisation.as_ref())
            }
            Body::UsageReported(body) => self.is_me(&body.consumer) || under(body.authorisation.as_ref()),
            Body::OnwardTransferConsented(body) => {
                self.am_among(&[&body.provider, &body.recipient]) || under(body.authorisation.as_ref())
            }
            Body::DataRecalled(body) => self.is_me(&body.provider) || under(body.authorisation.as_ref()),
            Body::DataDestroyed(body) => self.is_me(&body.consumer) || under(body.authorisation.as_ref()),
            Body::ObjectionRaised(body) => self.is_me(&body.provider),
            Body::ObjectionAnswered(body) => self.is_party_of_objection(body.objection.as_ref()),
            Body::DisputeOpened(body) => self.is_party_of_objection(body.objection.as_ref()),
            Body::DisputeEscalated(body) => self.is_party_of_dispute(body.dispute.as_ref()),
            Body::DisputeDecided(body) => self.is_party_of_dispute(body.dispute.as_ref()),
            Body::CaseClosed(body) => {
                self.opened(self.world.get::<Case>(&index(body.case.as_ref())).map(|Case(case)| case))
            }
            Body::LegalHoldSet(body) => under(body.authorisation.as_ref()) || self.provides(&body.data_set),
            Body::LegalHoldLifted(body) => {
                self.opened(self.world.get::<Hold>(&index(body.hold.as_ref())).map(|Hold(hold)| hold))
            }
            Body::LedgerRead(body) => self.is_me(&body.reader),
            // They name nobody but their submitter.
            Body::CertificateBound(_)
            | Body::CertificateRevoked(_)
            | Body::SubjectsListed(_)
            | Body::CaseOpened(_)
            | Body::Corrected(_)
            | Body::Annotated(_)
            | Body::SubjectKeyDestroyed(_)
            | Body::Disclosed(_)
            | Body::Anchor(_) => false,
            // Decided by their nature, above.
            Body::BureauRegistered(_)
            | Body::BureauUpdated(_)
            | Body::BureauSuspended(_)
            | Body::PolicyAdopted(_)
            | Body::CalendarAdopted(_)
            | Body::VocabularyAdopted(_)
            | Body::RuleSetAdopted(_)
            | Body::MemberAdmitted(_)
            | Body::MemberCapabilities(_)
            | Body::MemberRemoved(_)
            | Body::Recovery(_) => false,
            // Decided by `is_party`.
            Body::CataloguePublished(_)
            | Body::CatalogueUpdated(_)
            | Body::CatalogueWithdrawn(_)
            | Body::SharingApplied(_)
            | Body::ApplicationWithdrawn(_)
            | Body::AuthorisationGranted(_)
            | Body::AuthorisationDenied(_)
            | Body::AuthorisationAmended(_)
            | Body::AuthorisationSuspended(_)
            | Body::AuthorisationResumed(_)
            | Body::AuthorisationRevoked(_) => false,
        }
    }

    fn is_party_of_terms(&self, terms: &v1::AuthorisationGranted) -> bool {
        self.am_among(&[&terms.grantor, &terms.grantee, &terms.processor])
    }

    fn is_party_of(&self, authorisation: &Authorisation) -> bool {
        authorisation.submitter == self.caller
            || self.am_among(&[&authorisation.grantor, &authorisation.grantee])
            || authorisation.versions.iter().any(|version| self.is_me(&version.processor))
    }

    /// Parties of the authorisation at a leaf.
    fn is_party_of_leaf(&self, leaf: Option<&v1::Leaf>) -> bool {
        let authorisation = self.world.get::<Authorisation>(&index(leaf));
        authorisation.is_some_and(|authorisation| self.is_party_of(authorisation))
    }

    /// The applicant, and the providers of what was applied for: they decide.
    fn is_party_of_application(&self, leaf: Option<&v1::Leaf>) -> bool {
        self.world.get::<Application>(&index(leaf)).is_some_and(|application| {
            application.submitter == self.caller
                || self.is_me(&application.applicant)
                || application.data_sets.iter().any(|data_set| self.provides(data_set))
        })
    }

    /// Whether the caller provides a data set of the catalogue, or published it for its provider.
    fn provides(&self, data_set: &String) -> bool {
        let entry = self.world.get::<CatalogueEntry>(data_set);
        entry.is_some_and(|entry| entry.submitter == self.caller || self.is_me(&entry.provider))
    }

    /// Whether the caller recorded the issue of a licence.
    fn recorded_licence(&self, licence: &String) -> bool {
        self.world.get::<Licence>(licence).is_some_and(|licence| licence.submitter == self.caller)
    }

    fn is_party_of_objection(&self, leaf: Option<&v1::Leaf>) -> bool {
        let objection = self.world.get::<Objection>(&index(leaf));
        objection
            .is_some_and(|objection| objection.submitter == self.caller || self.is_me(&objection.provider))
    }

    fn is_party_of_dispute(&self, leaf: Option<&v1::Leaf>) -> bool {
        self.world.get::<Dispute>(&index(leaf)).is_some_and(|dispute| {
            dispute.submitter == self.caller
                || self.is_party_of_objection(Some(&v1::Leaf { index: dispute.objection.0 }))
        })
    }

    fn opened(&self, matter: Option<&Matter>) -> bool {
        matter.is_some_and(|matter| matter.submitter == self.caller)
    }
}

fn index(leaf: Option<&v1::Leaf>) -> LeafIndex {
    leaf.map_or(LeafIndex(u64::MAX), |leaf| LeafIndex(leaf.index))
}

#[cfg(test)]
mod tests;
