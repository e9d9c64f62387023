//! Which side of which exchange a record reports, and what it says of it (S03).

use muniment_core::v1::record::Body;
use muniment_core::{Hash, HashInputs, Kind, v1};

use crate::world::exchanges::SideUse;
use crate::world::stream::short_digest;

/// Number of the first body field of `muniment.v1.Record`; envelope fields lie below.
const FIRST_BODY_FIELD: u64 = 20;
/// Label of a side's name; 00 ends it.
const NAME: &[u8] = b"muniment/v1/exchange\0";
/// Label of a side's content; 00 ends it.
const CONTENT: &[u8] = b"muniment/v1/exchange content\0";

/// Adds the inputs of the name and of the content of the side that a record with these bytes reports; answers whether it
/// reports one.
///
/// Named by kind, side and exchange: an access and a delivery of one exchange are two reports, not a contradiction. The
/// content is the claimed time and the body: the same body at another time is another event.
pub(crate) fn push_side(inputs: &mut HashInputs, record: &v1::Record, bytes: &[u8]) -> bool {
    let Some(body) = &record.body else { return false };
    let (side, exchange) = match body {
        Body::AccessExecuted(access) => (access.side, access.exchange.as_str()),
        Body::DataDelivered(delivery) => (v1::Side::Provider.into(), delivery.exchange.as_str()),
        Body::DeliveryAcknowledged(receipt) => (v1::Side::Consumer.into(), receipt.exchange.as_str()),
        _ => return false,
    };
    let kind = Kind::of(body).number();
    inputs.push([NAME, &[kind], &side.to_be_bytes(), exchange.as_bytes()]);
    let time = record.occurred_at.as_ref().map_or(0, |time| time.unix_ms);
    inputs.push([CONTENT, &time.to_be_bytes(), &bytes[body_offset(bytes)..]]);
    true
}

/// The side whose name and content were hashed.
pub(crate) fn side_of(name: &Hash, content: &Hash) -> SideUse {
    SideUse { name: short_digest(name), content: short_digest(content) }
}

/// Where the body begins: fields ascend in canonical bytes, so it is the rest after the envelope.
fn body_offset(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let field = at;
        let Some(tag) = varint(bytes, &mut at) else { return 0 };
        if tag >> 3 >= FIRST_BODY_FIELD {
            return field;
        }
        let Some(value) = varint(bytes, &mut at) else { return 0 };
        // Envelope fields are varints (wire type 0) or have a length (wire type 2).
        if tag & 7 == 2 {
            at = at.saturating_add(usize::try_from(value).unwrap_or(usize::MAX));
        }
    }
    0
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
