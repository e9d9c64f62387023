//! The bodies of specimens. Long, since it builds every message of the schema once.

use muniment_core::Kind;
use muniment_core::v1::anchor::Anchored;
use muniment_core::v1::record::Body;
use muniment_core::v1::*;

use super::Draw;

impl Draw {
    fn grant(&mut self) -> AuthorisationGranted {
        AuthorisationGranted {
            application: self.optional_leaf(),
            grantor: self.identifier(),
            grantee: self.identifier(),
            processor: self.optional_identifier(),
            data_sets: self.data_sets(),
            items: self.codes(0),
            purposes: self.codes(0),
            legal_basis: self.text(0, 256),
            valid: self.period(),
            quota_rows: self.u64(),
            onward_allowed: self.flag(),
            document_digest: self.optional_digest(),
        }
    }

    fn entry(&mut self) -> CataloguePublished {
        let mut items: Vec<Item> = self
            .codes(0)
            .into_iter()
            .map(|code| Item { code, name: self.text(0, 256), sensitivity: self.number(0, 4) })
            .collect();
        items.truncate(40);
        CataloguePublished {
            data_set: self.identifier(),
            provider: self.identifier(),
            title: self.text(1, 256),
            items,
            share_class: self.pick(&[1, 2, 3]),
            condition: self.remark(),
            modes: self.list(0, 4, |draw| draw.pick(&[1, 2, 3, 4])),
            personal_data: self.flag(),
            version: self.number(1, u32::MAX),
        }
    }

    pub(super) fn body(&mut self, kind: Kind) -> Body {
        match kind.number() {
            20..48 => self.decision(kind),
            48..70 => self.use_of_data(kind),
            70..100 => self.oversight(kind),
            _ => self.governance(kind),
        }
    }

    fn decision(&mut self, kind: Kind) -> Body {
        match kind {
            Kind::BureauRegistered => Body::BureauRegistered(BureauRegistered {
                number: self.number(1, u32::MAX),
                code: self.identifier(),
                name: self.text(1, 256),
                region: self.identifier(),
                level: self.number(0, 3),
                roles: self.roles(),
            }),
            Kind::BureauUpdated => Body::BureauUpdated(BureauUpdated {
                number: self.number(1, u32::MAX),
                name: self.text(1, 256),
                region: self.identifier(),
                level: self.number(0, 3),
                roles: self.roles(),
            }),
            Kind::BureauSuspended => {
                Body::BureauSuspended(BureauSuspended { number: self.number(1, 9), reason: self.remark() })
            }
            Kind::CertificateBound => Body::CertificateBound(CertificateBound {
                fingerprint: self.digest(),
                admission_key: self.optional_digest(),
                chain: (0..self.up_to(4)).map(|_| self.blob(8 * 1024)).collect(),
                valid: self.period(),
                system: self.optional_identifier(),
            }),
            Kind::CertificateRevoked => Body::CertificateRevoked(CertificateRevoked {
                fingerprint: self.digest(),
                effective_ms: self.time_ms(),
                reason: self.remark(),
            }),
            Kind::CataloguePublished => Body::CataloguePublished(self.entry()),
            Kind::CatalogueUpdated => Body::CatalogueUpdated(CatalogueUpdated { entry: Some(self.entry()) }),
            Kind::CatalogueWithdrawn => Body::CatalogueWithdrawn(CatalogueWithdrawn {
                data_set: self.identifier(),
                reason: self.remark(),
            }),
            Kind::SharingApplied => Body::SharingApplied(SharingApplied {
                applicant: self.identifier(),
                data_sets: self.data_sets(),
                items: self.codes(0),
                basis: self.text(0, 256),
                scenario: self.remark(),
                scope: self.remark(),
                mode: self.pick(&[0, 1, 2, 3, 4]),
                period: self.period(),
                purposes: self.codes(1),
                expected_rows_per_month: self.u64(),
            }),
            Kind::ApplicationWithdrawn => Body::ApplicationWithdrawn(ApplicationWithdrawn {
                application: self.leaf(),
                reason: self.remark(),
            }),
            Kind::AuthorisationGranted => Body::AuthorisationGranted(self.grant()),
            Kind::AuthorisationDenied => Body::AuthorisationDenied(AuthorisationDenied {
                application: self.leaf(),
                grantor: self.identifier(),
                reason: self.remark(),
            }),
            Kind::AuthorisationAmended => Body::AuthorisationAmended(AuthorisationAmended {
                authorisation: self.leaf(),
                effective_ms: self.time_ms(),
                terms: Some(self.grant()),
                reason: self.remark(),
            }),
            _ => self.change_of_authorisation(kind),
        }
    }

    fn change_of_authorisation(&mut self, kind: Kind) -> Body {
        let (authorisation, effective_ms, reason) = (self.leaf(), self.time_ms(), self.remark());
        match kind {
            Kind::AuthorisationSuspended => {
                Body::AuthorisationSuspended(AuthorisationSuspended { authorisation, effective_ms, reason })
            }
            Kind::AuthorisationResumed => {
                Body::AuthorisationResumed(AuthorisationResumed { authorisation, effective_ms, reason })
            }
            Kind::AuthorisationRevoked => {
                Body::AuthorisationRevoked(AuthorisationRevoked { authorisation, effective_ms, reason })
            }
            _ => panic!("draw {kind:?} too"),
        }
    }

    fn access(&mut self) -> AccessExecuted {
        let is_set = self.flag();
        AccessExecuted {
            side: self.pick(&[1, 2]),
            exchange: self.text(1, 128),
            authorisation: self.optional_leaf(),
            provider: self.identifier(),
            consumer: self.identifier(),
            data_set: self.identifier(),
            items: self.codes(0),
            purpose: self.text(0, 64),
            matter: self.text(0, 128),
            case_tag: self.optional_digest(),
            outcome: self.pick(&[0, 1, 2, 3]),
            rows: self.u64(),
            subjects: self.u64(),
            subject_tags: if is_set { Vec::new() } else { self.tags(0) },
            subject_set: if is_set { self.digest() } else { Vec::new() },
            request_digest: self.optional_digest(),
            response_digest: self.optional_digest(),
            request_bytes: self.u64(),
            response_bytes: self.u64(),
        }
    }

    fn use_of_data(&mut self, kind: Kind) -> Body {
        match kind {
            Kind::AccessExecuted => Body::AccessExecuted(self.access()),
            Kind::SubjectsListed => Body::SubjectsListed(SubjectsListed {
                exchange: self.text(1, 128),
                side: self.pick(&[1, 2]),
                subject_set: self.digest(),
                subject_tags: self.tags(1),
            }),
            Kind::DataDelivered => Body::DataDelivered(DataDelivered {
                exchange: self.text(1, 128),
                authorisation: self.optional_leaf(),
                provider: self.identifier(),
                consumer: self.identifier(),
                data_set: self.identifier(),
                file_reference: self.text(0, 256),
                period: if self.flag() { self.period() } else { None },
                rows: self.u64(),
                bytes: self.u64(),
                digest: self.optional_digest(),
            }),
            Kind::DeliveryAcknowledged => Body::DeliveryAcknowledged(DeliveryAcknowledged {
                exchange: self.text(1, 128),
                provider: self.identifier(),
                consumer: self.identifier(),
                rows: self.u64(),
                bytes: self.u64(),
                digest: self.digest(),
            }),
            Kind::UsageReported => Body::UsageReported(UsageReported {
                authorisation: self.leaf(),
                consumer: self.identifier(),
                period: self.period(),
                accesses: self.u64(),
                rows: self.u64(),
                digest: self.optional_digest(),
            }),
            Kind::OnwardTransferConsented => Body::OnwardTransferConsented(OnwardTransferConsented {
                authorisation: self.leaf(),
                provider: self.identifier(),
                recipient: self.identifier(),
                period: self.period(),
            }),
            Kind::DataRecalled => Body::DataRecalled(DataRecalled {
                authorisation: self.leaf(),
                provider: self.identifier(),
                due_ms: self.time_ms(),
                reason: self.remark(),
            }),
            Kind::DataDestroyed => Body::DataDestroyed(DataDestroyed {
                authorisation: self.leaf(),
                consumer: self.identifier(),
                recall: self.optional_leaf(),
                certificate_digest: self.digest(),
            }),
            _ => self.licence(kind),
        }
    }

    fn licence(&mut self, kind: Kind) -> Body {
        let (licence, issuer) = (self.identifier(), self.identifier());
        match kind {
            Kind::LicenceIssued => Body::LicenceIssued(LicenceIssued {
                licence,
                r#type: self.text(1, 64),
                issuer,
                holder_tag: self.digest(),
                valid: self.period(),
                digest: self.digest(),
                consent_required: self.flag(),
            }),
            Kind::LicenceChanged => Body::LicenceChanged(LicenceChanged {
                licence,
                issuer,
                valid: self.period(),
                digest: self.digest(),
                consent_required: self.flag(),
            }),
            Kind::LicenceSuspended => Body::LicenceSuspended(LicenceSuspended {
                licence,
                issuer,
                period: self.period(),
                reason: self.remark(),
            }),
            Kind::LicenceRevoked => Body::LicenceRevoked(LicenceRevoked {
                licence,
                issuer,
                effective_ms: self.time_ms(),
                reason: self.remark(),
            }),
            Kind::LicenceUsed => Body::LicenceUsed(LicenceUsed {
                licence,
                issuer,
                relying: self.identifier(),
                holder_tag: self.optional_digest(),
                matter: self.text(0, 128),
                mode: self.pick(&[1, 2, 3]),
                consent_digest: self.optional_digest(),
                authorisation: self.optional_leaf(),
            }),
            _ => panic!("draw {kind:?} too"),
        }
    }

    fn oversight(&mut self, kind: Kind) -> Body {
        let result = self.pick(&[1, 2, 3]);
        match kind {
            Kind::ObjectionRaised => Body::ObjectionRaised(ObjectionRaised {
                target: self.optional_leaf(),
                data_set: self.identifier(),
                provider: self.identifier(),
                due_ms: self.time_ms(),
                ground: self.remark(),
            }),
            Kind::ObjectionAnswered => Body::ObjectionAnswered(ObjectionAnswered {
                objection: self.leaf(),
                result,
                answer: self.remark(),
            }),
            Kind::DisputeOpened => {
                Body::DisputeOpened(DisputeOpened { objection: self.leaf(), ground: self.remark() })
            }
            Kind::DisputeEscalated => {
                Body::DisputeEscalated(DisputeEscalated { dispute: self.leaf(), tier: self.number(2, 3) })
            }
            Kind::DisputeDecided => Body::DisputeDecided(DisputeDecided {
                dispute: self.leaf(),
                tier: self.number(1, 3),
                result,
                decision: self.remark(),
            }),
            Kind::CaseOpened => Body::CaseOpened(CaseOpened {
                leaves: self.leaves(1),
                ground: self.remark(),
                due_ms: self.time_ms(),
            }),
            Kind::CaseClosed => {
                Body::CaseClosed(CaseClosed { case: self.leaf(), result, finding: self.remark() })
            }
            Kind::Corrected => Body::Corrected(Corrected {
                target: self.leaf(),
                field: self.text(1, 128),
                value: self.remark(),
                reason: self.remark(),
            }),
            Kind::Annotated => Body::Annotated(Annotated { target: self.leaf(), note: self.text(1, 2_048) }),
            _ => self.holds_and_reads(kind),
        }
    }

    fn holds_and_reads(&mut self, kind: Kind) -> Body {
        match kind {
            Kind::LegalHoldSet => Body::LegalHoldSet(LegalHoldSet {
                leaves: self.leaves(0),
                authorisation: self.optional_leaf(),
                data_set: self.identifier(),
                ground: self.remark(),
            }),
            Kind::LegalHoldLifted => {
                Body::LegalHoldLifted(LegalHoldLifted { hold: self.leaf(), ground: self.remark() })
            }
            Kind::SubjectKeyDestroyed => Body::SubjectKeyDestroyed(SubjectKeyDestroyed {
                key_id: self.text(1, 64),
                digest: self.digest(),
            }),
            Kind::Disclosed => Body::Disclosed(Disclosed {
                target: self.leaf(),
                subject_tags: self.tags(1),
                holder_tag: self.optional_digest(),
                licence: self.optional_identifier(),
            }),
            Kind::LedgerRead => Body::LedgerRead(LedgerRead {
                period: self.period(),
                reads: self.u64(),
                leaves: self.u64(),
                digest: self.digest(),
                reader: self.identifier(),
            }),
            _ => panic!("draw {kind:?} too"),
        }
    }

    fn governance(&mut self, kind: Kind) -> Body {
        let version = self.number(1, u32::MAX);
        match kind {
            Kind::PolicyAdopted => {
                Body::PolicyAdopted(PolicyAdopted { version, document: self.blob(32 * 1024) })
            }
            Kind::CalendarAdopted => Body::CalendarAdopted(CalendarAdopted {
                version,
                year: self.number(1970, 2225),
                days_off: self.list(0, 366, |draw| draw.number(1, 366)),
            }),
            Kind::VocabularyAdopted => {
                let words = self.codes(0).into_iter().map(|code| Word { code, label: self.text(0, 256) });
                let words = words.collect();
                Body::VocabularyAdopted(VocabularyAdopted { name: self.text(1, 64), version, words })
            }
            Kind::RuleSetAdopted => Body::RuleSetAdopted(RuleSetAdopted { rules: self.number(1, 255) }),
            Kind::MemberAdmitted => Body::MemberAdmitted(MemberAdmitted {
                bureau: version,
                node_id: self.u64().max(1),
                cosigning_key: self.text(1, 512),
                admission_key: self.digest(),
                log_key: self.text(0, 512),
            }),
            Kind::MemberCapabilities => Body::MemberCapabilities(MemberCapabilities {
                node_id: self.u64().max(1),
                rules_max: self.number(1, 255),
                build: self.text(0, 64),
            }),
            Kind::MemberRemoved => Body::MemberRemoved(MemberRemoved {
                bureau: version,
                node_id: self.u64().max(1),
                reason: self.remark(),
            }),
            Kind::Recovery => Body::Recovery(Recovery {
                previous_origin: self.text(1, 256),
                checkpoint: self.blob(8 * 1024),
                known_size: self.u64(),
            }),
            Kind::Anchor => {
                let bytes = self.blob(16 * 1024);
                let anchored =
                    if self.flag() { Anchored::Checkpoint(bytes) } else { Anchored::TimestampToken(bytes) };
                Body::Anchor(Anchor { anchored: Some(anchored) })
            }
            _ => panic!("draw {kind:?} too"),
        }
    }
}
