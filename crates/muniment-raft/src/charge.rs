//! Whose rate a part counts against at the leader.

use muniment_core::admission::Admission;
use muniment_core::batch::Part;
use muniment_core::{BureauNumber, NodeId};
use muniment_ledger::WorldView;
use muniment_ledger::world::entities::Node;

use crate::submission::SignedPart;

/// Who pays, and for how many records; none for what no bureau submits (a derived statement of the leader's own).
///
/// A signer pays only for its own signature: else a member could use up another bureau's rate with admissions in its name
/// that apply refuses. Those it pays for itself. A signature is verified where the carrier is of another bureau than the
/// signer, which is rare: a client's own admission through another bureau's node.
pub(crate) fn charge(
    world: &WorldView,
    origin: &str,
    me: NodeId,
    from: NodeId,
    part: &SignedPart,
) -> Option<(BureauNumber, usize)> {
    let carrier = world.get::<Node>(&from).map(|node| node.bureau);
    let Ok(admission) = Part::read_admission(&part.bytes) else {
        let records = usize::try_from(part.records).unwrap_or(usize::MAX);
        return carrier.filter(|_| from != me).map(|bureau| (bureau, records));
    };
    let signer = world.signer(&admission.public_key, world.head().accepted_at);
    // What this node's own door let pass was verified there.
    let is_its_own = |signer: &BureauNumber| {
        from == me || carrier == Some(*signer) || admission.verify_signature(origin).is_ok()
    };
    let payer = signer.filter(is_its_own).or(carrier)?;
    Some((payer, records_of(&admission)))
}

/// As signed, not as the carrier says.
fn records_of(admission: &Admission) -> usize {
    usize::try_from(admission.record_count()).unwrap_or(usize::MAX)
}
