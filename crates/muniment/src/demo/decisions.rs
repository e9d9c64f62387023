//! The decisions that the X-Road records are judged by: who published the service RestTest, and who may call it.

use anyhow::Context as _;
use muniment_core::LeafIndex;
use muniment_core::v1::record::Body;
use muniment_core::v1::{
    AuthorisationGranted, CataloguePublished, Leaf, Period, ShareClass, SharingApplied, SharingMode,
};

use super::stage::{Stage, now};

/// Name under which the mapping cites the grant.
pub(crate) const CITATION: &str = "resttest";
/// The member in whose bureau's name the provider's records are submitted.
const PROVIDER_MEMBER: usize = 0;
/// The member in whose bureau's name the applicant's records are submitted.
const APPLICANT_MEMBER: usize = 1;
/// What records them.
const SYSTEM: &str = "system:sharing-platform";

const PROVIDER: &str = "xroad:DEV/ORG/1234567-8";
const CONSUMER: &str = "xroad:DEV/ORG/1234567-8/TEST";
const DATA_SET: &str = "xroad:DEV/ORG/1234567-8/TEST/RestTest";
const PURPOSE: &str = "interface-test";
/// 2020-01-01T00:00:00Z, without an end.
const VALID: Period = Period { from_ms: 1_577_836_800_000, to_ms: 0 };

/// RestTest enters the catalogue.
fn catalogue() -> Body {
    Body::CataloguePublished(CataloguePublished {
        data_set: DATA_SET.to_owned(),
        provider: PROVIDER.to_owned(),
        title: "Test service over REST".to_owned(),
        share_class: ShareClass::Conditional.into(),
        modes: vec![SharingMode::Interface.into()],
        version: 1,
        ..CataloguePublished::default()
    })
}

/// The test subsystem applies for it.
fn application() -> Body {
    Body::SharingApplied(SharingApplied {
        applicant: CONSUMER.to_owned(),
        data_sets: vec![DATA_SET.to_owned()],
        basis: "agreement on interface tests".to_owned(),
        mode: SharingMode::Interface.into(),
        period: Some(VALID),
        purposes: vec![PURPOSE.to_owned()],
        ..SharingApplied::default()
    })
}

/// The provider grants it from 2020 on.
fn grant(application: LeafIndex) -> Body {
    Body::AuthorisationGranted(AuthorisationGranted {
        application: Some(Leaf { index: application.0 }),
        grantor: PROVIDER.to_owned(),
        grantee: CONSUMER.to_owned(),
        data_sets: vec![DATA_SET.to_owned()],
        legal_basis: "agreement on interface tests".to_owned(),
        valid: Some(VALID),
        ..AuthorisationGranted::default()
    })
}

/// Publishes, applies, grants; answers the leaf of the grant.
///
/// # Errors
/// When a decision is refused.
pub(crate) async fn decide(stage: &Stage) -> anyhow::Result<LeafIndex> {
    let (provider, applicant) = (PROVIDER_MEMBER, APPLICANT_MEMBER);
    let record = |member, body| stage.record(member, SYSTEM, now(), body);
    stage.decide(provider, record(provider, catalogue())).await.context("publish RestTest")?;
    let applied = stage.decide(applicant, record(applicant, application())).await;
    let applied = applied.context("apply for RestTest")?;
    stage.decide(provider, record(provider, grant(applied))).await.context("grant RestTest")
}
