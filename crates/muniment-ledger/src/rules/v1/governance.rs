//! Decisions about the ledger itself: bureaus, documents, rules, members. Only members' bureaus take them.

use muniment_core::members::{Member, quorum};
use muniment_core::note::VerifierKey;
use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, NodeId, Reason, RulesVersion, TreeSize, v1};

use super::participants::digest;
use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{AdmissionKey, Adopted, Bureau, Node};
use crate::world::object::{BureauCode, Calendar, Policy, Vocabulary};

/// Judges a governance record.
pub(super) fn judge(world: &World, candidate: &Candidate<'_>) -> Result<Effects, Rejection> {
    if world.coming_members().by_number(candidate.submitter).is_none() {
        let detail = "has no member: only members' bureaus govern the ledger";
        return Err(Rejection::new(Reason::NotPermitted, "submitter", detail));
    }
    let adopt = |known: Option<&Adopted>, version: u32| adopted(candidate, known, version);
    match candidate.body {
        Body::BureauRegistered(body) => registered(world, body),
        Body::BureauUpdated(body) => updated(world, body),
        Body::BureauSuspended(body) => suspended(world, body),
        Body::PolicyAdopted(body) => {
            let known = world.get::<Policy>(&()).map(|Policy(known)| known);
            Ok(Effects::of(&(), Policy(adopt(known, body.version)?)))
        }
        Body::CalendarAdopted(body) => {
            let known = world.get::<Calendar>(&body.year).map(|Calendar(known)| known);
            Ok(Effects::of(&body.year, Calendar(adopt(known, body.version)?)))
        }
        Body::VocabularyAdopted(body) => {
            let known = world.get::<Vocabulary>(&body.name).map(|Vocabulary(known)| known);
            Ok(Effects::of(&body.name, Vocabulary(adopt(known, body.version)?)))
        }
        Body::RuleSetAdopted(body) => rules_adopted(world, body),
        Body::MemberAdmitted(body) => admitted(world, body),
        Body::MemberCapabilities(body) => capabilities(world, candidate, body),
        Body::MemberRemoved(body) => removed(world, body),
        Body::Recovery(_) if candidate.leaf.0 == 0 => Ok(Effects::none()),
        Body::Recovery(_) => Err(refuse("recovery", "can only be a ledger's first leaf")),
        _ => Err(refuse("body", "is no governance record that rules version 1 knows")),
    }
}

fn registered(world: &World, body: &v1::BureauRegistered) -> Result<Effects, Rejection> {
    let number = BureauNumber(body.number);
    if number.0 == 0 || world.get::<Bureau>(&number).is_some() {
        return Err(refuse("bureau_registered.number", "is taken: numbers are never reused"));
    }
    if world.get::<BureauCode>(&body.code).is_some() {
        return Err(refuse("bureau_registered.code", "is registered already"));
    }
    let bureau = Bureau {
        code: body.code.clone(),
        name: body.name.clone(),
        region: body.region.clone(),
        level: body.level,
        roles: roles(&body.roles),
        suspended: false,
    };
    let mut effects = Effects::of(&number, bureau);
    effects.put(&body.code, BureauCode(number));
    Ok(effects)
}

fn updated(world: &World, body: &v1::BureauUpdated) -> Result<Effects, Rejection> {
    let number = BureauNumber(body.number);
    let bureau = bureau(world, number, "bureau_updated.number")?;
    let updated = Bureau {
        name: body.name.clone(),
        region: body.region.clone(),
        level: body.level,
        roles: roles(&body.roles),
        ..bureau.clone()
    };
    Ok(Effects::of(&number, updated))
}

fn suspended(world: &World, body: &v1::BureauSuspended) -> Result<Effects, Rejection> {
    let number = BureauNumber(body.number);
    let bureau = bureau(world, number, "bureau_suspended.number")?;
    if bureau.suspended {
        return Err(refuse("bureau_suspended.number", "is suspended already"));
    }
    Ok(Effects::of(&number, Bureau { suspended: true, ..bureau.clone() }))
}

fn bureau<'a>(world: &'a World, number: BureauNumber, field: &str) -> Result<&'a Bureau, Rejection> {
    world.get::<Bureau>(&number).ok_or_else(|| refuse(field, "is no bureau of this ledger"))
}

fn roles(roles: &[i32]) -> Vec<u32> {
    roles.iter().filter_map(|role| u32::try_from(*role).ok()).collect()
}

/// The next version of a document.
fn adopted(candidate: &Candidate<'_>, known: Option<&Adopted>, version: u32) -> Result<Adopted, Rejection> {
    if version != known.map_or(0, |known| known.version).saturating_add(1) {
        let field = format!("{}.version", candidate.kind.row().name);
        return Err(refuse(&field, "must be one more than the version in force"));
    }
    Ok(Adopted { version, leaf: candidate.leaf })
}

/// The next rules version, if every member's build knows it.
fn rules_adopted(world: &World, body: &v1::RuleSetAdopted) -> Result<Effects, Rejection> {
    let field = "rule_set_adopted.rules";
    let next = world.head().rules.0.checked_add(1).filter(|next| u32::from(*next) == body.rules);
    let Some(next) = next.map(RulesVersion) else {
        return Err(refuse(field, "must be one more than the version in force"));
    };
    let knows =
        |member: &Member| world.get::<Node>(&member.node_id).is_some_and(|node| node.rules_max >= next);
    if !world.coming_members().members.iter().all(knows) {
        let detail = "is not known to every member's build: each must record its capabilities first";
        return Err(refuse(field, detail));
    }
    Ok(Effects { rules: Some(next), ..Effects::none() })
}

fn admitted(world: &World, body: &v1::MemberAdmitted) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("member_admitted.{name}");
    let (number, node_id) = (BureauNumber(body.bureau), NodeId(body.node_id));
    bureau(world, number, &field("bureau"))?;
    if world.get::<Node>(&node_id).is_some() {
        return Err(refuse(&field("node_id"), "is or was a member: node ids are never reused"));
    }
    let admission_key = digest(&body.admission_key, &field("admission_key"))?;
    if world.get::<AdmissionKey>(&admission_key).is_some() {
        return Err(refuse(&field("admission_key"), "is bound already: make a new key"));
    }
    let verifier_key = |text: &str, name: &str| {
        VerifierKey::parse(text).map_err(|error| refuse(&field(name), &error.to_string()))
    };
    let cosigning_key = verifier_key(&body.cosigning_key, "cosigning_key")?;
    let log_key = (!body.log_key.is_empty()).then(|| verifier_key(&body.log_key, "log_key")).transpose()?;
    let code = cosigning_key.name().rsplit('/').next().unwrap_or_default().to_owned();
    let member = Member { number, code, node_id, cosigning_key, admission_key, log_key };
    let mut effects = changed(world, "member_admitted", |members| members.push(member))?;
    effects.put(&node_id, Node { bureau: number, rules_max: RulesVersion(0), removed: false });
    effects.put(&admission_key, AdmissionKey { bureau: number, certificate: None, retired: false });
    Ok(effects)
}

fn removed(world: &World, body: &v1::MemberRemoved) -> Result<Effects, Rejection> {
    let node_id = NodeId(body.node_id);
    let member = world.coming_members().by_node_id(node_id);
    let Some(member) = member.filter(|member| member.number.0 == body.bureau) else {
        return Err(refuse("member_removed.node_id", "is no member of that bureau"));
    };
    let mut effects = changed(world, "member_removed", |members| {
        members.retain(|member| member.node_id != node_id);
    })?;
    if let Some(node) = world.get::<Node>(&node_id) {
        effects.put(&node_id, Node { removed: true, ..node.clone() });
    }
    if let Some(key) = world.get::<AdmissionKey>(&member.admission_key) {
        effects.put(&member.admission_key, AdmissionKey { retired: true, ..key.clone() });
    }
    Ok(effects)
}

/// The coming epoch's list after a change; refused when no list can be so.
fn changed(world: &World, field: &str, change: impl FnOnce(&mut Vec<Member>)) -> Result<Effects, Rejection> {
    let mut list = world.coming_members().clone();
    change(&mut list.members);
    list.members.sort_unstable_by_key(|member| member.number);
    (list.q, list.f) = quorum(u32::try_from(list.members.len()).unwrap_or(u32::MAX));
    // Epoch and start follow at the end of the batch; any but the founding's do to check the rest.
    list.epoch = world.members().epoch.saturating_add(1);
    list.from = TreeSize(world.head().size.0 + 1);
    list.validate().map_err(|error| refuse(field, &error.to_string()))?;
    Ok(Effects { members: Some(list), ..Effects::none() })
}

fn capabilities(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::MemberCapabilities,
) -> Result<Effects, Rejection> {
    let field = "member_capabilities.node_id";
    let node_id = NodeId(body.node_id);
    let node = world.get::<Node>(&node_id).filter(|node| !node.removed && node.bureau == candidate.submitter);
    let node = node.ok_or_else(|| refuse(field, "is no node of this bureau"))?;
    let rules_max = RulesVersion(u8::try_from(body.rules_max).unwrap_or(u8::MAX));
    Ok(Effects::of(&node_id, Node { rules_max, ..node.clone() }))
}
