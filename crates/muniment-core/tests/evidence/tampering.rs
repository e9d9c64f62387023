//! What can be wrong with a receipt, and which step finds it. One table for the tests and for the shared vectors.

use muniment_core::receipt::Receipt;
use muniment_core::verify::Outcome::{self, Malformed, Tampered, Undecidable};
use muniment_core::verify::Step;

use crate::ledger::Ledger;

/// A change of a receipt's content, whole and encoded anew.
pub(crate) struct Change {
    /// What is changed.
    pub(crate) name: &'static str,
    /// The step that finds it.
    pub(crate) step: Step,
    /// What it finds.
    pub(crate) outcome: Outcome,
    /// Makes the change.
    pub(crate) apply: fn(&Ledger, &mut Receipt),
}

/// A change of a receipt's text.
pub(crate) struct TextChange {
    /// What is changed.
    pub(crate) name: &'static str,
    /// Makes the change.
    pub(crate) apply: fn(&str) -> String,
}

const fn change(
    name: &'static str,
    step: Step,
    outcome: Outcome,
    apply: fn(&Ledger, &mut Receipt),
) -> Change {
    Change { name, step, outcome, apply }
}

/// Changes of the sample ledger's receipt for leaf 9 at size 10, which carries one handover.
pub(crate) const CHANGES: &[Change] = &[
    change("another origin", Step::Ledger, Tampered, |_, r| r.checkpoint.body.origin.push('x')),
    change("stub of a later version", Step::Stub, Undecidable, |_, r| r.leaf.stub[0] = 2),
    change("reserved bit of the stub", Step::Stub, Tampered, |_, r| r.leaf.stub[3] |= 0x80),
    change("another kind", Step::Record, Tampered, |_, r| r.leaf.stub[1] = 50),
    change("unknown kind", Step::Record, Undecidable, |_, r| r.leaf.stub[1] = 199),
    change("another submitter", Step::Record, Tampered, |_, r| r.leaf.stub[7] = 2),
    change("another occurred_at", Step::Record, Tampered, |_, r| r.leaf.stub[31] ^= 1),
    change("historic bit", Step::Record, Tampered, |_, r| r.leaf.stub[3] ^= 0x08),
    change("sealed bit", Step::Record, Tampered, |_, r| r.leaf.stub[3] ^= 0x10),
    change("another verdict", Step::Terms, Tampered, |_, r| r.leaf.stub[23] ^= 1),
    change("another terms digest", Step::Terms, Tampered, |_, r| r.leaf.terms_digest.0[0] ^= 1),
    change("another content digest", Step::Content, Tampered, |_, r| r.leaf.stub[32] ^= 1),
    change("another accepted_at", Step::Inclusion, Tampered, |_, r| r.leaf.stub[15] ^= 1),
    change("another retention class", Step::Inclusion, Tampered, |_, r| r.leaf.stub[3] ^= 0x03),
    change("another index", Step::Inclusion, Tampered, |_, r| r.leaf.index.0 = 8),
    change("index of the size", Step::Inclusion, Tampered, |_, r| r.leaf.index.0 = 10),
    change("path without its last hash", Step::Inclusion, Tampered, |_, r| r.leaf.path.truncate(1)),
    change("path with a hash more", Step::Inclusion, Tampered, |_, r| r.leaf.path.push(r.leaf.path[0])),
    change("another size", Step::Inclusion, Tampered, |_, r| r.checkpoint.body.size.0 = 11),
    change("size over 2^62", Step::Format, Malformed, |_, r| r.checkpoint.body.size.0 = (1 << 62) + 1),
    change("handover twice", Step::Handover, Tampered, |_, r| r.handovers.push(r.handovers[0].clone())),
    change("handover of another leaf", Step::Handover, Tampered, |_, r| r.handovers[0].leaf.index.0 = 6),
    change("handover of q of one epoch only", Step::Handover, Tampered, |_, r| {
        r.handovers[0].checkpoint.lines.retain(|line| !line.name.ends_with("wuhu"));
    }),
    change("handover left out", Step::Members, Undecidable, |_, r| r.handovers.clear()),
    change("epoch without a handover", Step::Members, Undecidable, |_, r| {
        r.checkpoint.body.members_epoch = 2
    }),
    change("another member digest", Step::Members, Tampered, |_, r| {
        r.checkpoint.body.members_digest.0[0] ^= 1
    }),
    change("members of another epoch", Step::Members, Tampered, |l, r| r.members = l.epochs[0].encode()),
    change("fewer than q bureaus", Step::Cosignatures, Tampered, |_, r| {
        r.checkpoint.lines.retain(|line| !line.name.ends_with("hefei"));
    }),
    change("another index root", Step::Cosignatures, Tampered, |_, r| r.checkpoint.body.index_root.0[0] ^= 1),
    change("another cosignature time", Step::Cosignatures, Tampered, |_, r| {
        r.checkpoint.lines.last_mut().expect("lines").signature[7] ^= 1;
    }),
    change("admission left out", Step::Admission, Tampered, |_, r| r.admission = None),
    change("another admission signature", Step::Admission, Tampered, |_, r| {
        *r.admission.as_mut().expect("admitted").admission.last_mut().expect("bytes") ^= 1;
    }),
    change("another request id", Step::Admission, Tampered, |_, r| {
        r.admission.as_mut().expect("admitted").admission[19] ^= 1;
    }),
    change("another position in the admission", Step::Admission, Tampered, |_, r| {
        r.admission.as_mut().expect("admitted").position = 1;
    }),
    change("admission with a byte more", Step::Admission, Malformed, |_, r| {
        r.admission.as_mut().expect("admitted").admission.push(0);
    }),
];

/// Changes of the same receipt's text: each leaves its meaning as it was, and is malformed.
pub(crate) const TEXT_CHANGES: &[TextChange] = &[
    TextChange { name: "a newline more at the end", apply: |text| format!("{text}\n") },
    TextChange { name: "no newline at the end", apply: |text| text.trim_end().to_owned() },
    TextChange { name: "a newline before", apply: |text| format!("\n{text}") },
    TextChange { name: "CRLF", apply: |text| text.replace('\n', "\r\n") },
    TextChange { name: "a byte order mark", apply: |text| format!("\u{feff}{text}") },
    TextChange { name: "a NUL at the end", apply: |text| format!("{text}\0") },
    TextChange { name: "a leading zero in the index", apply: |text| text.replace("index 9\n", "index 09\n") },
    TextChange { name: "a sign before the index", apply: |text| text.replace("index 9\n", "index +9\n") },
    TextChange { name: "a leading zero in the size", apply: |text| text.replace("\n10\n", "\n010\n") },
    TextChange { name: "two spaces", apply: |text| text.replace("index 9\n", "index  9\n") },
    TextChange { name: "a trailing space", apply: |text| text.replace("index 9\n", "index 9 \n") },
    TextChange { name: "base64 without padding", apply: |text| text.replace("=\n", "\n") },
    TextChange { name: "base64 with slack bits", apply: slack_bits },
    TextChange { name: "signature lines in another order", apply: last_lines_swapped },
    TextChange {
        name: "a signature line twice",
        apply: |text| {
            let last = text.trim_end().rfind('\n').expect("lines");
            format!("{text}{}", &text[last + 1..])
        },
    },
];

/// Sets a slack bit in the path's first hash, whose 32 bytes leave two.
fn slack_bits(text: &str) -> String {
    let at = text.find("index 9\n").expect("the index") + "index 9\n".len() + 42;
    let last = char::from(text.as_bytes()[at] + 1);
    format!("{}{last}{}", &text[..at], &text[at + 1..])
}

fn last_lines_swapped(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    lines.swap(count - 2, count - 1);
    lines.join("\n") + "\n"
}
