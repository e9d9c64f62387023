//! Scenes 2 and 3: a Bozhou lawyer's practice licence, and a Hefei court that relies on it: under an authorisation, and after
//! that was revoked.

use std::fs;

use anyhow::{Context as _, bail};
use muniment_client::Client;
use muniment_core::v1::record::Body;
use muniment_core::v1::{
    AuthorisationGranted, AuthorisationRevoked, CataloguePublished, Leaf, LicenceIssued, LicenceUse,
    LicenceUsed, Period, ShareClass, SharingApplied, SharingMode,
};
use muniment_core::{Flag, LeafIndex, UnixMillis, Verdict};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;

use super::at;
use super::scenario::LicenceStory;
use super::stage::{LOOK, Stage, now};
use crate::exit::UsageError;
use crate::verbs::record::revocation;

/// Member of the court's bureau.
const HEFEI: usize = 0;
/// Member of the issuer's bureau.
const BOZHOU: usize = 1;

/// Bureaus of the ledger by their codes, so that each may read what concerns it.
const ISSUER: &str = "bureau:bozhou";
const COURT: &str = "bureau:hefei";
const REGISTER: &str = "dataset:bozhou-lawyers-practice-licences";
const LICENCE: &str = "licence:bozhou-lawyer-20260417";
const BASIS: &str = "agreement on checking practice licences at court";
const PURPOSE: &str = "litigation-representation";
const REGISTRY: &str = "system:bozhou-licence-register";
const COUNTER: &str = "system:hefei-court-counter";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Scene 2: issue, publish, apply, grant, use; the receipt of the use is kept.
///
/// # Errors
/// When a step is refused or flagged, or the receipt does not hold.
pub(super) async fn use_it(stage: &mut Stage) -> anyhow::Result<()> {
    if stage.scenario.licence.is_some() {
        return Err(UsageError("scene 2 was played in this directory already".to_owned()).into());
    }
    stage.start_all().await?;
    let today = now();
    let valid = Period { from_ms: today.0 - DAY_MS, to_ms: today.0 + 365 * DAY_MS };
    let issued = stage.record(BOZHOU, REGISTRY, today, issued(valid)?);
    let issued = stage.decide(BOZHOU, issued).await.context("issue the licence")?;
    stage.narrator.say(format_args!("leaf {issued}: Bozhou issues {LICENCE}"))?;
    let published = stage.record(BOZHOU, REGISTRY, today, published());
    stage.decide(BOZHOU, published).await.context("publish the register of licences")?;
    let applied = stage.record(HEFEI, COUNTER, today, applied(valid));
    let applied = stage.decide(HEFEI, applied).await.context("apply for the register")?;
    let granted = stage.record(BOZHOU, REGISTRY, today, granted(applied, valid));
    let grant = stage.decide(BOZHOU, granted).await.context("grant the register")?;
    stage.narrator.say(format_args!(
        "leaf {grant}: Bozhou grants what Hefei's court applied for at leaf {applied}, from {} to {}",
        at(valid.from_ms),
        at(valid.to_ms)
    ))?;

    let used = stage.record(HEFEI, COUNTER, now(), used(grant));
    let (place, submitted) = stage.submit(HEFEI, used, Level::Cosigned).await.context("use the licence")?;
    if place.verdict != Verdict::NONE {
        bail!("its use at leaf {} is flagged {}", place.leaf, place.verdict);
    }
    let receipt = match submitted.receipt {
        Some(receipt) => receipt,
        None => stage.client(HEFEI)?.receipt(place.leaf).await.context("get the receipt")?,
    };
    let path = &stage.scenario.receipt;
    fs::write(path, &receipt.text).with_context(|| format!("write {}", path.display()))?;
    stage.scenario.licence = Some(LicenceStory { grant: grant.0, used: place.leaf.0 });
    stage.scenario.write(&stage.dir)?;
    let proven = &receipt.proven;
    stage.narrator.say(format_args!(
        "leaf {}: Hefei's court clerk relies on it, no flag; receipt verified, cosigned by {} of {} bureaus",
        place.leaf,
        proven.cosigned.times.len(),
        proven.members.members.len()
    ))
}

/// Scene 3: the grant is revoked; the use after that is in the ledger all the same, with its flag.
///
/// # Errors
/// When it is not appended, not flagged A03 alone, or the ledger explains it otherwise than it happened.
pub(super) async fn use_it_revoked(stage: &mut Stage) -> anyhow::Result<()> {
    let story = stage.scenario.licence;
    let story = story
        .ok_or_else(|| UsageError("scene 3 revokes the grant of scene 2: play that first".to_owned()))?;
    stage.start_all().await?;
    let grant = LeafIndex(story.grant);
    let effective = now();
    let revocation = AuthorisationRevoked {
        authorisation: Some(Leaf { index: grant.0 }),
        effective_ms: effective.0,
        reason: "the agreement ended".to_owned(),
    };
    let revocation = stage.record(BOZHOU, REGISTRY, effective, Body::AuthorisationRevoked(revocation));
    let revoked_by = stage.decide(BOZHOU, revocation).await.context("revoke the grant")?;
    stage.narrator.say(format_args!("leaf {revoked_by}: Bozhou revokes it from {} on", at(effective.0)))?;
    while now() <= effective {
        tokio::time::sleep(LOOK).await;
    }
    let used = stage.record(HEFEI, COUNTER, now(), used(grant));
    let (place, _) = stage.submit(HEFEI, used, Level::Cosigned).await.context("use the licence again")?;
    if place.verdict != Verdict::NONE.with(Flag::A03) {
        bail!("its use at leaf {} is flagged \"{}\", not A03", place.leaf, place.verdict);
    }
    stage
        .narrator
        .say(format_args!("leaf {}: appended all the same, flagged {}", place.leaf, place.verdict))?;
    let explained = explain(&stage.client(HEFEI)?, place.leaf).await.context("explain the flag")?;
    for line in &explained.lines {
        stage.narrator.say(line)?;
    }
    if explained.revoked != Some((revoked_by, effective)) || explained.version != Some(grant) {
        bail!("the ledger explains it otherwise: {explained:?}");
    }
    Ok(())
}

/// Why a record is flagged, as the ledger tells it.
#[derive(Debug, Default)]
struct Explained {
    lines: Vec<String>,
    /// The leaf that brought the version in force when the action occurred.
    version: Option<LeafIndex>,
    /// The leaf that revoked the authorisation, and from when.
    revoked: Option<(LeafIndex, UnixMillis)>,
}

/// Asks the ledger why a licence's use has its flags: the rule, the version of the authorisation in force, the leaves.
async fn explain(client: &Client, leaf: LeafIndex) -> anyhow::Result<Explained> {
    let record = client.get(RecordName::Leaf(leaf), Freshness::Linearizable).await?;
    let stub = &record.stub;
    let mut explained = Explained::default();
    explained.lines.push(format!(
        "rule {} of rules version {}: the authorisation was not in force when it occurred, {}",
        stub.verdict,
        stub.rules,
        at(stub.occurred_at.0)
    ));
    let cited = match record.record.and_then(|record| record.body) {
        Some(Body::LicenceUsed(used)) => used.authorisation,
        _ => None,
    };
    let cited = LeafIndex(cited.context("it cites no authorisation")?.index);
    let state = client.authorisation(cited, Freshness::Linearizable).await?;
    let in_effect = state.versions.iter().rposition(|version| version.effective_ms <= stub.occurred_at.0);
    if let Some(position) = in_effect {
        let version = &state.versions[position];
        let until = state.versions.get(position + 1).map(|next| next.effective_ms);
        let until = [until, state.revoked_from_ms].into_iter().flatten().min();
        explained.version = Some(LeafIndex(version.leaf_index));
        explained.lines.push(format!(
            "version {} of it, by leaf {}, in force from {} to {}",
            position + 1,
            version.leaf_index,
            at(version.valid.map_or(0, |valid| valid.from_ms).max(version.effective_ms)),
            until.map_or_else(|| "now on".to_owned(), at)
        ));
    }
    if let Some(from) = state.revoked_from_ms {
        let by = revocation(client, cited).await?.context("no leaf revokes it")?;
        explained.revoked = Some((by, UnixMillis(from)));
        explained.lines.push(format!("revoked by leaf {by}, from {}", at(from)));
    }
    Ok(explained)
}

/// The licence, by a tag of its holder and a salted digest of the document: no name goes into the ledger.
fn issued(valid: Period) -> anyhow::Result<Body> {
    let (mut holder_tag, mut digest) = ([0; 32], [0; 32]);
    getrandom::fill(&mut holder_tag).context("draw a tag")?;
    getrandom::fill(&mut digest).context("draw a digest")?;
    Ok(Body::LicenceIssued(LicenceIssued {
        licence: LICENCE.to_owned(),
        r#type: "lawyer-practice".to_owned(),
        issuer: ISSUER.to_owned(),
        holder_tag: holder_tag.to_vec(),
        valid: Some(valid),
        digest: digest.to_vec(),
        consent_required: false,
    }))
}

fn published() -> Body {
    Body::CataloguePublished(CataloguePublished {
        data_set: REGISTER.to_owned(),
        provider: ISSUER.to_owned(),
        title: "Practice licences of lawyers".to_owned(),
        share_class: ShareClass::Conditional.into(),
        modes: vec![SharingMode::Interface.into()],
        version: 1,
        ..CataloguePublished::default()
    })
}

fn applied(valid: Period) -> Body {
    Body::SharingApplied(SharingApplied {
        applicant: COURT.to_owned(),
        data_sets: vec![REGISTER.to_owned()],
        basis: BASIS.to_owned(),
        mode: SharingMode::Interface.into(),
        period: Some(valid),
        purposes: vec![PURPOSE.to_owned()],
        ..SharingApplied::default()
    })
}

fn granted(application: LeafIndex, valid: Period) -> Body {
    Body::AuthorisationGranted(AuthorisationGranted {
        application: Some(Leaf { index: application.0 }),
        grantor: ISSUER.to_owned(),
        grantee: COURT.to_owned(),
        data_sets: vec![REGISTER.to_owned()],
        purposes: vec![PURPOSE.to_owned()],
        legal_basis: BASIS.to_owned(),
        valid: Some(valid),
        ..AuthorisationGranted::default()
    })
}

fn used(grant: LeafIndex) -> Body {
    Body::LicenceUsed(LicenceUsed {
        licence: LICENCE.to_owned(),
        issuer: ISSUER.to_owned(),
        relying: COURT.to_owned(),
        matter: PURPOSE.to_owned(),
        mode: LicenceUse::Fetched.into(),
        authorisation: Some(Leaf { index: grant.0 }),
        ..LicenceUsed::default()
    })
}
