//! The decisions that the X-Road records are judged by: who published the service RestTest, and who may call it.

use muniment_core::v1::record::Body;
use muniment_core::v1::{
    AuthorisationGranted, CataloguePublished, Leaf, Period, Record, ShareClass, SharingApplied, SharingMode,
    Time,
};
use muniment_core::{BureauNumber, LeafIndex, LedgerId, UnixMillis};

use super::bureaus::Bureau;

/// Name under which the mapping cites the grant.
pub(crate) const CITATION: &str = "resttest";
/// The bureau in whose name the provider's records are submitted.
pub(crate) const PROVIDER_BUREAU: BureauNumber = BureauNumber(1);
/// The bureau in whose name the applicant's records are submitted.
pub(crate) const APPLICANT_BUREAU: BureauNumber = BureauNumber(2);

const PROVIDER: &str = "xroad:DEV/ORG/1234567-8";
const CONSUMER: &str = "xroad:DEV/ORG/1234567-8/TEST";
const DATA_SET: &str = "xroad:DEV/ORG/1234567-8/TEST/RestTest";
const PURPOSE: &str = "interface-test";
/// 2020-01-01T00:00:00Z, without an end.
const VALID: Period = Period { from_ms: 1_577_836_800_000, to_ms: 0 };

/// Makes the decisions of one ledger at one time.
pub(crate) struct Decisions {
    /// The ledger.
    pub(crate) ledger_id: LedgerId,
    /// When they are made.
    pub(crate) now: UnixMillis,
}

impl Decisions {
    /// RestTest enters the catalogue.
    pub(crate) fn catalogue(&self) -> Record {
        let entry = CataloguePublished {
            data_set: DATA_SET.to_owned(),
            provider: PROVIDER.to_owned(),
            title: "Test service over REST".to_owned(),
            share_class: ShareClass::Conditional.into(),
            modes: vec![SharingMode::Interface.into()],
            version: 1,
            ..CataloguePublished::default()
        };
        self.record(PROVIDER_BUREAU, Body::CataloguePublished(entry))
    }

    /// The test subsystem applies for it.
    pub(crate) fn application(&self) -> Record {
        let application = SharingApplied {
            applicant: CONSUMER.to_owned(),
            data_sets: vec![DATA_SET.to_owned()],
            basis: "agreement on interface tests".to_owned(),
            mode: SharingMode::Interface.into(),
            period: Some(VALID),
            purposes: vec![PURPOSE.to_owned()],
            ..SharingApplied::default()
        };
        self.record(APPLICANT_BUREAU, Body::SharingApplied(application))
    }

    /// The provider grants it from 2020 on.
    pub(crate) fn grant(&self, application: LeafIndex) -> Record {
        let grant = AuthorisationGranted {
            application: Some(Leaf { index: application.0 }),
            grantor: PROVIDER.to_owned(),
            grantee: CONSUMER.to_owned(),
            data_sets: vec![DATA_SET.to_owned()],
            legal_basis: "agreement on interface tests".to_owned(),
            valid: Some(VALID),
            ..AuthorisationGranted::default()
        };
        self.record(PROVIDER_BUREAU, Body::AuthorisationGranted(grant))
    }

    fn record(&self, submitter: BureauNumber, body: Body) -> Record {
        Record {
            schema_version: 1,
            ledger_id: self.ledger_id.0.to_vec(),
            submitter: submitter.0,
            region: format!("gbt2260:{}", Bureau::of(submitter).region),
            occurred_at: Some(Time { unix_ms: self.now.0, precision: 0 }),
            body: Some(body),
            ..Record::default()
        }
    }
}
