//! Which fields of which kind are index terms.

use super::{Field, Term};
use crate::v1::record::Body;
use crate::v1::{self, AuthorisationGranted};

/// Collects the terms of one record.
pub(super) struct Terms<'a> {
    pub(super) terms: Vec<Term<'a>>,
    /// Whether subjects, holder and licence stay out.
    pub(super) sealed: bool,
}

impl<'a> Terms<'a> {
    /// A value that is there; an empty one is not stated.
    pub(super) fn bytes(&mut self, field: Field, value: &'a [u8]) {
        let hidden = self.sealed && matches!(field, Field::SubjectTag | Field::Licence | Field::HolderTag);
        if !value.is_empty() && !hidden {
            self.terms.push(Term::bytes(field, value));
        }
    }

    pub(super) fn text(&mut self, field: Field, value: &'a str) {
        self.bytes(field, value.as_bytes());
    }

    fn authorisation(&mut self, leaf: Option<&v1::Leaf>) {
        self.terms.extend(leaf.map(|leaf| Term::authorisation(leaf.index)));
    }

    fn provider(&mut self, identifier: &'a str) {
        self.text(Field::Provider, identifier);
    }

    fn consumer(&mut self, identifier: &'a str) {
        self.text(Field::Consumer, identifier);
    }

    fn data_set(&mut self, identifier: &'a str) {
        self.text(Field::DataSet, identifier);
    }

    fn licence(&mut self, licence: &'a str, issuer: &'a str) {
        self.text(Field::Licence, licence);
        self.provider(issuer);
    }

    fn exchange(&mut self, id: &'a str) {
        self.text(Field::Exchange, id);
    }

    fn subject_tags(&mut self, tags: &'a [Vec<u8>]) {
        for tag in tags {
            self.bytes(Field::SubjectTag, tag);
        }
    }

    fn grant(&mut self, grant: &'a AuthorisationGranted) {
        self.provider(&grant.grantor);
        self.consumer(&grant.grantee);
        for data_set in &grant.data_sets {
            self.data_set(data_set);
        }
    }

    /// The table: which fields of which kind are terms.
    pub(super) fn body(&mut self, body: &'a Body) {
        match body {
            Body::AccessExecuted(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.provider(&b.provider);
                self.consumer(&b.consumer);
                self.data_set(&b.data_set);
                self.subject_tags(&b.subject_tags);
                self.exchange(&b.exchange);
            }
            Body::SubjectsListed(b) => {
                self.subject_tags(&b.subject_tags);
                self.exchange(&b.exchange);
            }
            Body::DataDelivered(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.provider(&b.provider);
                self.consumer(&b.consumer);
                self.data_set(&b.data_set);
                self.exchange(&b.exchange);
            }
            Body::DeliveryAcknowledged(b) => {
                self.provider(&b.provider);
                self.consumer(&b.consumer);
                self.exchange(&b.exchange);
            }
            Body::CertificateBound(b) => self.bytes(Field::Certificate, &b.fingerprint),
            Body::CertificateRevoked(b) => self.bytes(Field::Certificate, &b.fingerprint),
            Body::CataloguePublished(b) => self.catalogue_entry(b),
            Body::CatalogueUpdated(b) => {
                if let Some(entry) = &b.entry {
                    self.catalogue_entry(entry);
                }
            }
            Body::CatalogueWithdrawn(b) => self.data_set(&b.data_set),
            Body::SharingApplied(b) => {
                self.consumer(&b.applicant);
                for data_set in &b.data_sets {
                    self.data_set(data_set);
                }
            }
            Body::AuthorisationGranted(b) => self.grant(b),
            Body::AuthorisationDenied(b) => self.provider(&b.grantor),
            Body::AuthorisationAmended(b) => {
                self.authorisation(b.authorisation.as_ref());
                if let Some(terms) = &b.terms {
                    self.grant(terms);
                }
            }
            Body::AuthorisationSuspended(b) => self.authorisation(b.authorisation.as_ref()),
            Body::AuthorisationResumed(b) => self.authorisation(b.authorisation.as_ref()),
            Body::AuthorisationRevoked(b) => self.authorisation(b.authorisation.as_ref()),
            _ => self.other_body(body),
        }
    }

    /// The table, continued: licences, conduct, oversight; kinds left out have no terms of their own.
    fn other_body(&mut self, body: &'a Body) {
        match body {
            Body::LicenceIssued(b) => {
                self.licence(&b.licence, &b.issuer);
                self.bytes(Field::HolderTag, &b.holder_tag);
            }
            Body::LicenceChanged(b) => self.licence(&b.licence, &b.issuer),
            Body::LicenceSuspended(b) => self.licence(&b.licence, &b.issuer),
            Body::LicenceRevoked(b) => self.licence(&b.licence, &b.issuer),
            Body::LicenceUsed(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.licence(&b.licence, &b.issuer);
                self.consumer(&b.relying);
                self.bytes(Field::HolderTag, &b.holder_tag);
            }
            Body::UsageReported(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.consumer(&b.consumer);
            }
            Body::OnwardTransferConsented(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.provider(&b.provider);
                self.consumer(&b.recipient);
            }
            Body::DataRecalled(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.provider(&b.provider);
            }
            Body::DataDestroyed(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.consumer(&b.consumer);
            }
            Body::ObjectionRaised(b) => {
                self.provider(&b.provider);
                self.data_set(&b.data_set);
            }
            Body::LegalHoldSet(b) => {
                self.authorisation(b.authorisation.as_ref());
                self.data_set(&b.data_set);
            }
            Body::Disclosed(b) => {
                self.subject_tags(&b.subject_tags);
                self.bytes(Field::HolderTag, &b.holder_tag);
                self.text(Field::Licence, &b.licence);
            }
            _ => {}
        }
    }

    fn catalogue_entry(&mut self, entry: &'a v1::CataloguePublished) {
        self.data_set(&entry.data_set);
        self.provider(&entry.provider);
    }
}
